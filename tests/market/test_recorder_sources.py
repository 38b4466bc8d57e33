"""Recordings of others as events, and recordings as tables."""

from __future__ import annotations

import gzip
import sys
import zipfile
from decimal import Decimal
from functools import partial
from pathlib import Path

import msgspec
import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no packages: recordings.py stands beside them

from recordings import kline, record, some_events, ticker, trade

from quantlab.binance.codec_stream import decode_market
from quantlab.bus import Topic
from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate, Kline, Trade
from quantlab.errors import InvalidField, RecordingError, TapeError
from quantlab.market.recording import tables
from quantlab.market.recording.reader import Recording
from quantlab.market.recording.sources import open_source
from quantlab.market.recording.tables import frame_of, to_parquet
from quantlab.paper.market import tapefile

SPOT = "spot_btcusdt_20240808.gz"


def decode(document: bytes, received_ms: int, symbol: str) -> object:
    return decode_market(document, received_ms, symbol=symbol)


opened = partial(open_source, decode=decode)
LINE = (
    b'%d {"stream":"btcusdt@trade","data":'
    b'{"e":"trade","E":2,"s":"BTCUSDT","t":%d,"p":"1.50","q":"2","T":1,"m":true}}\n'
)


# -- recorded stream files


@pytest.mark.parametrize(
    ("file", "counts"),
    [(SPOT, {Trade: 9_757, BookTicker: 28_040, DepthUpdate: 3_451, DepthSnapshot: 1}),
     ("usdm_btcusdt_20240808.gz", {Trade: 21_313, BookTicker: 66_089, DepthUpdate: 6_551, DepthSnapshot: 1})],
)  # fmt: skip
def test_a_recorded_day_is_read_whole_as_events_in_order(
    shared: Path, file: str, counts: dict[type, int]
) -> None:
    """Against a count of the file's own lines, and each amount against the file's own text."""
    records = list(opened(shared / "data" / file).records())
    text = gzip.open(shared / "data" / file).read()  # noqa: SIM115

    found = {kind: [each for each in records if type(each.event) is kind] for kind in counts}
    assert {kind: len(each) for kind, each in found.items()} == counts
    assert sum(counts.values()) == len(records) == text.count(b"\n")
    assert [each.at_ns for each in records] == sorted(each.at_ns for each in records)
    assert all(f'"{each.event.price}"'.encode() in text for each in found[Trade][::500])
    assert found[DepthSnapshot][0].event.symbol == "BTCUSDT"


def test_lines_that_are_not_in_order_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_bytes(LINE % (3_000_000, 3) + LINE % (1_000_000, 1) + b"\n" + LINE % (2_000_000, 2))

    assert [each.trade_id for each in (r.event for r in opened(path).records())] == [1, 2, 3]
    assert [r.at_ns for r in opened(path).records(from_ns=2_000_000, until_ns=3_000_000)] == [2_000_000]
    assert list(opened(path).records("market.kline.*")) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"x " + LINE % (1, 1), "line 1: "), (LINE % (1, 1) + b"5 {", "line 2: "),
     (LINE.replace(b'"1.50"', b'"NaN"') % (1, 1), "line 1: NaN is no price"),
     (b"\x1f\x8bno gzip", "cannot be read")],
)  # fmt: skip
def test_a_damaged_stream_file_is_refused_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "one.txt"
    path.write_bytes(content)

    with pytest.raises(TapeError, match=says):
        list(opened(path).records())


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no recording at"):
        opened(tmp_path / "nothing.gz")


# -- files of the public archive

TRADES = "7,60000.10000000,0.00200000,120.0002,1723075200001,False,True\n"
AGGREGATES = "3,60000.10,0.002,7,9,1723075200001,true,true\n"
CANDLES = "1723075200000,1,4,0.5,2,10.5,1723075259999,21.25,3,1,1,0\n"


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("header", ["", "id,price,...\n"])
@pytest.mark.parametrize(
    ("name", "line", "event"),
    [
        ("BTCUSDT-trades-2024-08-08", TRADES,
         Trade(symbol="BTCUSDT", trade_id=7, price=Decimal("60000.10"), quantity=Decimal("0.002"),
               buyer_is_maker=False, trade_ms=1723075200001, event_ms=1723075200001)),
        ("BTCUSDT-aggTrades-2024-08", AGGREGATES,
         Trade(symbol="BTCUSDT", trade_id=9, price=Decimal("60000.10"), quantity=Decimal("0.002"),
               buyer_is_maker=True, trade_ms=1723075200001, event_ms=1723075200001)),
        ("ETHUSDT-1m-2024-08-08", CANDLES,
         Kline(symbol="ETHUSDT", interval="1m", open_ms=1723075200000, close_ms=1723075259999,
               open=Decimal(1), high=Decimal(4), low=Decimal("0.5"), close=Decimal(2), volume=Decimal("10.5"),
               quote_volume=Decimal("21.25"), trades=3, closed=True, event_ms=1723075259999)),
    ],
)  # fmt: skip
def test_a_file_of_the_public_archive_is_read_as_events(
    tmp_path: Path, name: str, line: str, event: object, header: str, zipped: bool
) -> None:
    path = tmp_path / f"{name}{'.zip' if zipped else '.csv'}"
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}.csv", header + line)
    else:
        path.write_text(header + line)

    assert [record.event for record in opened(path).records()] == [event]


def test_times_in_microseconds_are_the_same_moments(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-trades-2025-01-01.csv"
    path.write_text(TRADES.replace("1723075200001", "1735689600001999"))

    (found,) = opened(path).records()

    assert (found.at_ns, found.event.trade_ms) == (1_735_689_600_001_999_000, 1_735_689_600_001)


def test_what_the_name_of_an_archive_does_not_say_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(CANDLES)
    with pytest.raises(InvalidField, match="symbol: the name of mine.csv names none"):
        opened(path)
    with pytest.raises(InvalidField, match="interval: the file's name does not say it"):
        list(opened(path, symbol="BTCUSDT").records())
    other = tmp_path / "BTCUSDT-trades-2024-08-08.csv"
    other.write_text("7,x,0.002,120,1723075200001,False,True\n")
    with pytest.raises(InvalidField, match="is of BTCUSDT, not of ETHUSDT"):
        opened(other, symbol="ETHUSDT")
    with pytest.raises(TapeError, match="line 1: 'x' is no price"):
        list(opened(other).records())

    (found,) = opened(path, symbol="BTCUSDT", interval="1m").records()
    assert (found.topic, found.event.interval) == ("market.kline.{symbol}", "1m")


# -- as a tape of the paper venue


def test_raw_frames_are_the_same_tape_as_the_file_they_came_from(shared: Path, tmp_path: Path) -> None:
    """Message by message, with its text: the venue plays what the recorder heard."""
    source = shared / "data" / SPOT
    lines = [line.split(b" ", 1) for line in gzip.open(source).readlines()[:3_000]]  # noqa: SIM115
    plain = tmp_path / "plain.txt"
    plain.write_bytes(b"".join(b" ".join(line) for line in lines))
    stamps = iter([int(stamp) for stamp, _ in lines])
    events = [
        each if isinstance(each := decode(document, 0, "BTCUSDT"), DepthSnapshot) else document.rstrip()
        for _, document in lines
    ]
    folder = record(tmp_path / "one", events, raw=True, stamp=lambda: next(stamps))

    ours, theirs = tapefile.read(folder), tapefile.read(plain)

    assert ours.messages == theirs.messages
    assert ours.snapshot == theirs.snapshot
    assert ours.instrument == theirs.instrument
    assert len(ours.messages) > 2_900
    assert ours.snapshot is not None


def test_of_raw_frames_those_of_one_symbol_are_played_once_and_without_candles(tmp_path: Path) -> None:
    """The typed events beside them are the same messages again."""
    trades = [LINE.partition(b" ")[2].rstrip() % number for number in (1, 2)]
    other = trades[0].replace(b"btcusdt", b"ethusdt").replace(b"BTCUSDT", b"ETHUSDT")
    candle = b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":2,"s":"BTCUSDT","k":{}}}'
    events = [trades[0], decode(trades[0], 0, ""), candle, other, trades[1]]
    folder = record(tmp_path / "one", events, raw=True)

    tape = tapefile.read(folder, "BTCUSDT")

    assert [each.raw for each in tape.messages] == [each.partition(b'"data":')[2][:-1] for each in trades]


def test_typed_events_are_a_tape_too_of_one_symbol_and_without_candles(tmp_path: Path) -> None:
    """What the venue reads of a message is in it; of several symbols one has to be named."""
    events = some_events(3, 60)
    folder = record(tmp_path / "one", events)
    wanted = [each for each in events if each.symbol == "ETHUSDT" and not isinstance(each, Kline)]

    tape = tapefile.read(folder, "ETHUSDT")

    assert [decode(each.raw, event.received_ms if isinstance(event, BookTicker) else 0, "")
            for each, event in zip(tape.messages, wanted, strict=True)] == wanted  # fmt: skip
    assert tape.instrument.symbol == "ETHUSDT"
    assert {each.stream for each in tape.messages} == {
        "ethusdt@trade",
        "ethusdt@bookTicker",
        "ethusdt@depth@100ms",
    }
    with pytest.raises(TapeError, match="holds no message"):
        tapefile.read(folder, "XRPUSDT")


# -- tables


def test_a_frame_has_exact_amounts_and_when_each_came(tmp_path: Path) -> None:
    stamps = iter([1_700_000_000_000_000_001, 1_700_000_000_000_000_002])
    folder = record(tmp_path / "one", [ticker(1), ticker(2)], stamp=lambda: next(stamps))

    table = frame_of(Recording(folder).records("market.book_ticker.*"), "market.book_ticker.*")

    assert table.index.name == "recorded"
    assert [each.value for each in table.index] == [1_700_000_000_000_000_001, 1_700_000_000_000_000_002]
    assert str(table.index.tz) == "UTC"
    assert table["ask_quantity"].tolist() == [Decimal("0.00000001")] * 2
    assert table["received"].iloc[1].value == 1_700_000_000_002_000_000
    assert "late" in table.columns


def test_a_frame_of_nothing_has_the_columns_and_one_of_two_types_is_refused(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", [trade(1), kline(1)])
    recording = Recording(folder)

    full = frame_of(recording.records("market.trade.*"), "market.trade.*")
    for topic in ("market.trade.{symbol}", "market.trade.ETHUSDT"):
        empty = frame_of(recording.records("market.trade.ETHUSDT"), topic)
        assert (len(empty), list(empty.columns)) == (0, list(full.columns))
        assert str(empty.index.dtype) == str(full.index.dtype)
    with pytest.raises(InvalidField, match="meets market.kline.*, market.trade.*; ask for one of them"):
        frame_of(recording.records("market.>"), "market.>")


def test_parquet_has_every_event_exactly(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    events = [trade(1), kline(2), trade(3), *(each for each in some_events(5, 30))]
    folder = record(tmp_path / "one", events)

    paths = to_parquet(Recording(folder).records(), tmp_path / "out")

    trades = [each for each in events if isinstance(each, Trade)]
    table = pq.read_table(tmp_path / "out" / "market.trade.parquet").to_pydict()
    assert sorted(path.name for path in paths) == [
        "market.book_ticker.parquet", "market.depth.parquet", "market.kline.parquet", "market.trade.parquet",
    ]  # fmt: skip
    assert table["price"] == [each.price for each in trades]
    assert table["quantity"] == [each.quantity for each in trades]
    assert [round(each.timestamp() * 1_000) for each in table["trade"]] == [each.trade_ms for each in trades]
    candles = pq.read_table(tmp_path / "out" / "market.kline.parquet").to_pydict()
    assert candles["open"][0] == Decimal(2)
    assert candles["open_time"][0].timestamp() == 120


class Odd(msgspec.Struct, frozen=True):
    """A user's own event, with names and values that make trouble."""

    name: str
    number: int = 0
    recorded: str = ""
    price: Decimal | None = None


ODD: Topic[Odd] = Topic("odd.{name}", Odd)


def test_fields_that_are_called_as_our_columns_are_stand_beside_them(tmp_path: Path) -> None:
    """Nothing of an event is lost to the two columns that every file has, and its file can be read."""
    import pyarrow.parquet as pq

    folder = record(tmp_path / "one", [Odd("a", 7, "by hand", Decimal("1.5"))], "odd.*", known=[ODD])
    (path,) = to_parquet(Recording(folder, [ODD]).records(), tmp_path / "out")

    (row,) = pq.read_table(path).to_pylist()
    assert (row["name"], row["number"], row["recorded"], row["price"]) == ("a", 7, "by hand", Decimal("1.5"))
    assert row["_number"] == 1
    assert row["_recorded"].tzinfo is not None


@pytest.mark.parametrize(
    "event", [Odd("a", 2**63), Odd("b", price=Decimal("NaN")), Odd("c", price=Decimal("1E25"))]
)
def test_what_parquet_cannot_hold_is_refused_by_its_topic(tmp_path: Path, event: Odd) -> None:
    folder = record(tmp_path / "one", [event], "odd.*", known=[ODD])
    with pytest.raises(RecordingError, match=r"odd\.\{name\} does not fit into Parquet"):
        to_parquet(Recording(folder, [ODD]).records(), tmp_path / "out")


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "has_pyarrow", lambda: False)

    with pytest.raises(RecordingError, match=r'pip install "quantlab-jupyter\[parquet\]"'):
        to_parquet(iter(()), tmp_path / "out")


def test_an_amount_that_parquet_cannot_hold_is_refused(tmp_path: Path) -> None:
    from msgspec.structs import replace

    folder = record(tmp_path / "one", [replace(trade(1), price=Decimal("1E-19"))])

    with pytest.raises(RecordingError, match="does not fit into Parquet"):
        to_parquet(Recording(folder).records(), tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    folder = record(tmp_path / "one", [trade(1)])
    (tmp_path / "out").write_text("in the way")

    with pytest.raises(RecordingError, match="cannot be written"):
        to_parquet(Recording(folder).records(), tmp_path / "out")
