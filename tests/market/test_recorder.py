"""What is recorded is read back as it was; what is not there is said, and never read as if it were."""

from __future__ import annotations

import errno
import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent))  # tests are no packages: recordings.py stands beside them

from recordings import FAST, SMALL, Fast, new_writer, record, some_events, trade

from quantlab.bus import Topic
from quantlab.domain.market import DepthSnapshot, Trade
from quantlab.errors import InvalidField, RecordingError
from quantlab.market.recording.marks import Mark, RecordingWarning
from quantlab.market.recording.reader import Recording
from quantlab.market.recording.segments import Bounds
from quantlab.topics import CATALOGUE


def read(folder: Path, **options: Any) -> tuple[list[Any], list[Mark]]:
    """All events, and what was said to be missing; warnings are those of the marks."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        recording = Recording(folder, **options)
        events = list(recording.events())
    loud = [mark for mark in recording.marks if mark.kind not in ("open", "removed")]
    assert len(loud) == len([each for each in warned if each.category is RecordingWarning])
    return events, list(recording.marks)


ROOMY = msgspec.structs.replace(SMALL, flush_s=60.0)


def segment(folder: Path, number: int = 1) -> Path:
    return folder / f"{number:06}.qlrec"


# -- what comes back


@given(seed=st.integers(0, 10_000), count=st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_every_event_comes_back_equal_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    """Amounts to the digit: 1.50000000 is not written as 1.5."""
    events = some_events(seed, count)
    writer = new_writer(tmp_path_factory.mktemp("home") / "one")
    tap = writer.tap()
    for event in events:
        tap(event)
    writer.stop()

    found, marks = read(writer.segments.folder)

    assert found == events
    assert [str(each) for each in found] == [str(each) for each in events]
    assert marks == []
    assert writer.status().written == count


def test_only_what_was_chosen_is_recorded_and_of_that_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    events = some_events(1, 80)
    wanted = [each for each in events if isinstance(each, Trade) or each.symbol == "ETHUSDT"]
    folder = record(tmp_path / "one", events, "market.trade.*", "market.*.ETHUSDT")
    recording = Recording(folder)

    assert list(recording.events()) == wanted
    assert list(recording.events("market.trade.BTCUSDT")) == [
        each for each in wanted if isinstance(each, Trade) and each.symbol == "BTCUSDT"
    ]
    assert {record.topic for record in recording.records(["market.kline.*"])} == {"market.kline.{symbol}"}
    assert 0 < len(wanted) < len(events)


@pytest.mark.parametrize(
    ("patterns", "raw", "symbols"),
    [(["market.depth.BTCUSDT"], False, ["BTCUSDT"]), (["market.trade.*"], False, []),
     (["market.trade.*"], True, ["BTCUSDT", "ETHUSDT"]), (["market.>"], False, ["BTCUSDT", "ETHUSDT"])],
)  # fmt: skip
def test_a_book_is_recorded_where_its_diffs_or_all_frames_are(
    tmp_path: Path, patterns: list[str], raw: bool, symbols: list[str]
) -> None:
    books = [
        DepthSnapshot(symbol=symbol, last_update_id=1, bids=(("1.0", "2"),), asks=())
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    folder = record(tmp_path / "one", books, *patterns, raw=raw)

    assert [each.symbol for each in Recording(folder).events()] == symbols


@pytest.mark.parametrize("blocks", ["one", "many"])
def test_a_span_of_time_is_read_alone(tmp_path: Path, blocks: str) -> None:
    times = iter(range(1_000, 2_000))
    writer = new_writer(tmp_path / "one", stamp=lambda: next(times), bounds=ROOMY)
    tap = writer.tap()
    for number in range(9):
        tap(trade(number))
        if blocks == "many":
            writer.flush()
    writer.stop()
    folder = writer.segments.folder

    inside = list(Recording(folder).records(from_ns=1_002, until_ns=1_005))

    assert [each.at_ns for each in inside] == [1_002, 1_003, 1_004]
    assert [each.number for each in inside] == [3, 4, 5]


def test_raw_frames_come_back_as_they_came_and_are_no_events(tmp_path: Path) -> None:
    frames = [b'{"stream":"btcusdt@trade","data":{"p":"1.0"}}', "é".encode(), b""]
    folder = record(tmp_path / "one", [frames[0], trade(1), *frames[1:]], raw=True)

    assert [each.data for each in Recording(folder).frames()] == frames
    assert read(folder) == ([trade(1)], [])


def test_frames_that_were_not_recorded_cannot_be_read(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", [b"frame", trade(1)])

    with pytest.raises(RecordingError, match="no raw frames; record with raw=True"):
        Recording(folder).frames()


def test_a_topic_of_a_users_own_is_read_where_it_is_known_and_named_where_it_is_not(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", [Fast("a", 1.5), trade(1)], ">", known=(*CATALOGUE, FAST))

    assert read(folder, topics=[FAST])[0] == [Fast("a", 1.5), trade(1)]
    events, marks = read(folder)
    assert events == [trade(1)]
    assert [(each.kind, each.records) for each in marks] == [("unknown", 1)]
    with pytest.raises(RecordingError, match=r"fast\.\{name\} is not known here; declare it first"):
        Recording(folder).events("fast.*")


def test_two_threads_tap_at_once_and_every_message_is_there_once(tmp_path: Path) -> None:
    writer = new_writer(tmp_path / "one")

    def run(first: int) -> None:
        tap = writer.tap()
        for number in range(first, first + 5_000):
            tap(trade(number))

    threads = [threading.Thread(target=run, args=(first,)) for first in (0, 10_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.stop()

    ids = [each.trade_id for each in Recording(writer.segments.folder).events()]
    assert sorted(ids) == [*range(5_000), *range(10_000, 15_000)]
    assert [each for each in ids if each < 5_000] == list(range(5_000))


# -- what is cut or damaged


def small(tmp_path: Path) -> tuple[list[Any], Path]:
    events = [trade(1), trade(2), trade(3)]
    return events, record(tmp_path / "one", events, "market.trade.*")


def test_a_recording_cut_at_any_byte_is_an_error_or_a_whole_beginning_with_a_mark(tmp_path: Path) -> None:
    """Every position of a small file; only the uncut one is read without a word."""
    events, folder = small(tmp_path)
    whole = segment(folder).read_bytes()
    outcomes: dict[str, int] = {"error": 0, "torn": 0, "open": 0}
    for cut in range(len(whole)):
        segment(folder).write_bytes(whole[:cut])
        try:
            found, marks = read(folder)
        except RecordingError:
            outcomes["error"] += 1
            continue
        kinds = {mark.kind for mark in marks}
        assert found == events[: len(found)]
        assert "open" in kinds, cut
        outcomes["torn" if "torn" in kinds else "open"] += 1

    segment(folder).write_bytes(whole)
    assert read(folder) == (events, [])
    assert outcomes["open"] == len(events) + 1  # between two blocks
    assert outcomes["error"] > 8
    assert outcomes["torn"] > 100


def test_a_changed_byte_anywhere_is_never_read_as_an_event(tmp_path: Path) -> None:
    """What is read is a part of what was recorded, and what is not read is marked."""
    events, folder = small(tmp_path)
    whole = segment(folder).read_bytes()
    lost = errors = 0
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x41
        segment(folder).write_bytes(damaged)
        try:
            found, marks = read(folder)
        except RecordingError:
            errors += 1
            continue
        assert [each for each in events if each in found] == found, at
        assert marks, at
        lost += len(found) < len(events)

    assert lost > 100
    assert errors > 100  # the header and what stands before it


def test_a_damaged_block_costs_its_own_records_alone_and_they_are_counted(tmp_path: Path) -> None:
    events = [trade(each) for each in range(5)]
    folder = record(tmp_path / "one", events)
    content = segment(folder).read_bytes()
    at = content.index(b"60002.10")  # the third price
    segment(folder).write_bytes(content[:at] + b"9" + content[at + 1 :])

    found, marks = read(folder)

    assert found == [events[0], events[1], events[3], events[4]]
    assert [(mark.kind, mark.records) for mark in marks] == [("damaged", 1)]


def test_a_block_whose_head_is_damaged_is_passed_by_and_its_records_are_counted(tmp_path: Path) -> None:
    events = [trade(each) for each in range(5)]
    folder = record(tmp_path / "one", events)
    content = segment(folder).read_bytes()
    at = content.rindex(b"\xf1QB\n", 0, content.index(b"60002.10"))
    segment(folder).write_bytes(content[:at] + b"\0" * 10 + content[at + 10 :])

    found, marks = read(folder)

    assert found == [events[0], events[1], events[3], events[4]]
    assert [(mark.kind, mark.records) for mark in marks] == [("damaged", None), ("missing", 1)]


def test_zeros_after_the_end_are_a_torn_tail(tmp_path: Path) -> None:
    """As a power cut leaves them."""
    events, folder = small(tmp_path)
    segment(folder).write_bytes(segment(folder).read_bytes() + bytes(100))

    found, marks = read(folder)

    assert found == events
    assert [mark.kind for mark in marks] == ["torn"]


def test_another_format_is_refused_by_its_number(tmp_path: Path) -> None:
    _, folder = small(tmp_path)
    content = segment(folder).read_bytes()
    segment(folder).write_bytes(content.replace(b"QLREC 1\n", b"QLREC 2\n"))

    with pytest.raises(RecordingError, match="of format 2, and this quantlab reads format 1; read it with"):
        Recording(folder)


@pytest.mark.parametrize("content", [b"no recording", b"QLREC x\n", b"PK\3\4 something else"])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    segment(tmp_path).write_bytes(content)

    with pytest.raises(RecordingError, match="is no segment of a recording"):
        Recording(tmp_path)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_a_recording_is_refused(tmp_path: Path, there: bool) -> None:
    with pytest.raises(RecordingError, match="recording"):
        Recording(tmp_path if there else tmp_path / "absent")


def test_a_topic_that_is_not_in_it_is_refused_with_the_nearest(tmp_path: Path) -> None:
    _, folder = small(tmp_path)

    with pytest.raises(
        InvalidField, match=r"'market.trades.\*' meets no topic of one; the nearest is 'market.trade"
    ):
        Recording(folder).events("market.trades.*")


# -- other versions of a type


def as_recorded(type_: Any, fields: list[Any]) -> Topic[Any]:
    return Topic("market.trade.{symbol}", msgspec.defstruct(type_, fields, frozen=True, kw_only=True))


TRADE_FIELDS: list[Any] = [(each.name, each.type) for each in msgspec.structs.fields(Trade)]


def recorded_as(tmp_path: Path, fields: list[Any], **extra: Any) -> Path:
    """A recording of one trade by a quantlab whose trades have these fields."""
    topic = as_recorded("Trade", fields)
    values = msgspec.structs.asdict(trade(1)) | extra
    event = topic.type(**{name: values[name] for name, _ in fields})
    return record(tmp_path / "one", [event], topic, known=[topic])


def test_a_field_that_we_need_and_the_recording_has_not_is_named(tmp_path: Path) -> None:
    folder = recorded_as(tmp_path, [each for each in TRADE_FIELDS if each[0] != "quantity"])

    with pytest.raises(RecordingError, match=r"recorded market.trade.\{symbol\} without quantity"):
        Recording(folder).events()


def test_a_field_that_we_do_not_know_is_left_out_with_a_mark(tmp_path: Path) -> None:
    folder = recorded_as(tmp_path, [*TRADE_FIELDS, ("colour", str)], colour="red")

    events, marks = read(folder)

    assert events == [trade(1)]
    assert [(mark.kind, "colour" in mark.text) for mark in marks] == [("unknown", True)]


def test_a_field_that_has_another_type_now_is_an_error_that_names_it(tmp_path: Path) -> None:
    fields = [(name, str if name == "trade_id" else kind) for name, kind in TRADE_FIELDS]
    folder = recorded_as(tmp_path, fields, trade_id="one")

    with pytest.raises(RecordingError, match="is no Trade any more.*trade_id"):
        list(Recording(folder).events())


# -- segments and bounds


def test_segments_rotate_by_size_and_read_as_one(tmp_path: Path) -> None:
    events = [trade(each) for each in range(80)]
    bounds = Bounds(segment_bytes=4_000, most_bytes=1 << 20, spare_bytes=0, flush_s=0.01)
    folder = record(tmp_path / "one", events, bounds=bounds)

    sizes = [path.stat().st_size for path in sorted(folder.glob("*.qlrec"))]
    assert read(folder) == (events, [])
    assert len(sizes) > 3
    assert max(sizes) < 4_000 + 600  # one block and the end beyond it


def test_segments_rotate_by_time(tmp_path: Path) -> None:
    now = [0.0]
    bounds = Bounds(segment_s=60, spare_bytes=0, flush_s=0.01)
    writer = new_writer(tmp_path / "one", bounds=bounds, now_s=lambda: now[0])
    tap = writer.tap()
    for number in range(6):
        now[0] = number * 30.0
        tap(trade(number))
        writer.flush()
    writer.stop()

    assert writer.segments.number == 3
    assert read(writer.segments.folder) == ([trade(each) for each in range(6)], [])


def test_the_oldest_segments_go_when_there_is_no_room_and_what_was_in_them_is_counted(tmp_path: Path) -> None:
    events = [trade(each) for each in range(200)]
    bounds = Bounds(segment_bytes=4_000, most_bytes=12_000, spare_bytes=0, flush_s=0.01)
    writer = new_writer(tmp_path / "one", bounds=bounds)
    tap, largest = writer.tap(), 0
    for event in events:
        tap(event)
        writer.flush()
        largest = max(largest, sum(each.stat().st_size for each in writer.segments.folder.iterdir()))
    writer.stop()
    status = writer.status()

    found, marks = read(writer.segments.folder)

    assert largest < 12_000 + 1_000
    assert status.removed_segments > 0
    assert found == events[status.removed_records :]
    assert [(mark.kind, mark.records) for mark in marks] == [("removed", status.removed_records)]
    assert status.bytes == sum(each.stat().st_size for each in writer.segments.folder.iterdir())


def test_a_segment_that_is_missing_in_the_middle_is_counted(tmp_path: Path) -> None:
    events = [trade(each) for each in range(80)]
    bounds = Bounds(segment_bytes=4_000, most_bytes=1 << 20, spare_bytes=0, flush_s=0.01)
    folder = record(tmp_path / "one", events, bounds=bounds)
    segment(folder, 2).unlink()

    found, marks = read(folder)

    assert 0 < len(found) < len(events)
    assert [(mark.kind, mark.records) for mark in marks] == [("missing", len(events) - len(found))]


def test_a_last_segment_without_a_header_is_a_mark_and_the_others_are_read(tmp_path: Path) -> None:
    """A kernel that is killed just as it begins one."""
    events = [trade(each) for each in range(80)]
    bounds = Bounds(segment_bytes=4_000, most_bytes=1 << 20, spare_bytes=0, flush_s=0.01)
    folder = record(tmp_path / "one", events, bounds=bounds)
    last = max(folder.glob("*.qlrec"))
    last.write_bytes(b"QLR")

    found, marks = read(folder)

    assert found == events[: len(found)]
    assert len(found) > 20
    assert [mark.kind for mark in marks] == ["damaged", "open"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("segment_bytes", 0), ("segment_s", 0), ("flush_s", -1.0), ("waiting", True), ("most_bytes", 1.5),
     ("spare_bytes", -1), ("sync_s", "1"), ("most_bytes", 64 << 20)],
)  # fmt: skip
def test_bounds_that_make_no_recording_are_refused_by_name(field: str, value: object) -> None:
    bounds = msgspec.structs.replace(Bounds(), **{field: value})

    with pytest.raises(InvalidField, match=field):
        bounds.check()


@pytest.mark.parametrize(
    "pattern", ["market.trades.*", "", "market.", "market.>.x", "läuft", 5, ["market.>"]]
)
def test_a_pattern_that_meets_no_topic_is_refused(tmp_path: Path, pattern: Any) -> None:
    with pytest.raises(InvalidField, match="topics"):
        new_writer(tmp_path / "one", pattern)


def test_a_topic_that_carries_no_struct_is_refused(tmp_path: Path) -> None:
    topic: Topic[dict[str, Any]] = Topic("plain.thing", dict)

    with pytest.raises(InvalidField, match=r"plain\.thing carries dict, which is no msgspec\.Struct"):
        new_writer(tmp_path / "one", topic, known=[topic])


# -- a disk that fails, or is slow


def full_after(calls: int) -> Callable[[int, bytes], int]:
    """`os.write` on a disk that becomes full: the last write that fits is cut short."""
    left = [calls]

    def write(file: int, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(file, data if left[0] else data[: len(data) // 2])

    return write


@pytest.mark.parametrize("calls", range(2, 8))
def test_a_full_disk_ends_the_recording_with_its_reason_and_leaves_whole_blocks(
    tmp_path: Path, calls: int
) -> None:
    """What could be written is there, what could not is counted, and the taps cost nobody anything."""
    said: list[str] = []
    writer = new_writer(tmp_path / "one", write=full_after(calls), on_end=said.append)
    tap = writer.tap()
    for number in range(10):
        tap(trade(number))
        writer.flush()
    status = writer.status()
    tap(trade(11))
    writer.stop()

    found, marks = read(writer.segments.folder)

    assert (status.state, status.reason) == ("failed", "the recording ended: No space left on device")
    assert said == [status.reason]
    assert found == [trade(each) for each in range(status.written)]
    assert (status.written, status.dropped) == (calls - 2, 1)
    assert [mark.kind for mark in marks] == ["open"]


def test_a_recording_ends_before_it_takes_the_room_that_the_journal_needs(tmp_path: Path) -> None:
    bounds = Bounds(spare_bytes=1 << 62, flush_s=0.01)

    with pytest.raises(OSError, match="which the order journal needs"):
        new_writer(tmp_path / "one", bounds=bounds)


def test_a_sync_that_fails_ends_the_recording(tmp_path: Path) -> None:
    def sync(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = new_writer(tmp_path / "one", sync=sync, bounds=msgspec.structs.replace(SMALL, sync_s=0.001))
    writer.tap()(trade(1))
    writer.stop()

    assert writer.status().state == "failed"
    assert writer.status().reason == "the recording ended: Input/output error"


def test_what_a_slow_disk_cannot_take_is_dropped_counted_and_marked_where_it_is_missing(
    tmp_path: Path,
) -> None:
    """Offered = recorded + dropped, to the message, and the recording knows it."""
    free = threading.Event()

    def write(file: int, data: bytes) -> int:
        if b"QLREC" not in data:
            assert free.wait(10)
        return os.write(file, data)

    bounds = msgspec.structs.replace(SMALL, waiting=50)
    writer = new_writer(tmp_path / "one", bounds=bounds, write=write)
    tap = writer.tap()
    for number in range(1_000):
        tap(trade(number))
    dropped = writer.dropped
    free.set()
    writer.flush()
    tap(trade(1_000))
    writer.stop()

    found, marks = read(writer.segments.folder)

    assert dropped > 800
    assert len(found) + dropped == 1_001
    assert [(mark.kind, mark.records) for mark in marks] == [("dropped", dropped)]
    assert found[-1] == trade(1_000)


def test_an_event_that_cannot_be_encoded_is_counted_and_costs_no_other(tmp_path: Path) -> None:
    class Odd(msgspec.Struct, frozen=True):
        name: str
        thing: Any

    topic: Topic[Odd] = Topic("odd.{name}", Odd)
    writer = new_writer(tmp_path / "one", topic, known=[topic])
    tap = writer.tap()
    for thing in (1, object(), 2):
        tap(Odd("a", thing))
    writer.stop()

    found, marks = read(writer.segments.folder, topics=[topic])

    assert [each.thing for each in found] == [1, 2]
    assert (writer.status().written, writer.status().refused) == (2, 1)
    assert [(mark.kind, mark.records) for mark in marks] == [("dropped", 1)]


def test_an_event_of_another_class_than_its_topic_had_is_counted_and_not_lost_in_silence(
    tmp_path: Path,
) -> None:
    """A cell that defined the class anew, or a subclass: by a tap of chosen topics nothing else comes."""

    class Later(Fast, frozen=True):
        pass

    writer = new_writer(tmp_path / "one", FAST, known=[FAST])
    tap, other = writer.tap(every=True), writer.tap()
    for event in (Fast("a", 1.0), Later("a", 2.0), Fast("a", 3.0)):
        tap(event)
    other(Later("a", 4.0))  # of the wire's there are many that nobody chose
    writer.stop()
    tap(Fast("a", 5.0))

    found, marks = read(writer.segments.folder, topics=[FAST])
    assert found == [Fast("a", 1.0), Fast("a", 3.0)]
    assert (writer.status().written, writer.status().refused) == (2, 1)
    assert [(mark.kind, mark.records) for mark in marks] == [("dropped", 1)]


def test_nothing_that_was_recorded_can_be_read_by_others(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", [trade(1)])

    assert segment(folder).stat().st_mode & 0o077 == 0
