"""The recorder in a running engine: what the wire heard is on the disk, and nothing that is secret."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.streams import MarketStreams
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.commands import SubmitOrder
from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate, Trade
from quantlab.engine import Engine
from quantlab.errors import EngineStopped, InvalidField, RecordingError, UnknownSymbol
from quantlab.market.book import Book, BookState
from quantlab.market.recording.marks import blocks
from quantlab.market.recording.reader import Recording
from quantlab.market.recording.segments import Bounds
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order

ROOT = Path(__file__).parents[2]


async def test_what_the_bus_delivered_is_in_the_recording_and_makes_the_book_of_now(engine: Engine) -> None:
    """In the same order, read while it goes on and afterwards; the diffs stand on the recorded book."""
    heard: list[object] = []
    engine.recorder.start()
    engine.bus.subscribe("market.>", heard.append, inline=True)
    await engine.market.advance(3)
    underway = [each for each in engine.recorder.events() if not isinstance(each, DepthSnapshot)]
    assert underway == heard
    await engine.market.advance(3)
    now = engine.linked().feed.books["BTCUSDT"].view(50)
    status = engine.recorder.stop()

    events = list(engine.recorder.events())
    assert [each for each in events if not isinstance(each, DepthSnapshot)] == heard
    assert len(heard) > len(underway) > 0
    assert {type(each) for each in heard} >= {Trade, BookTicker, DepthUpdate}
    assert (status.state, status.dropped, status.refused) == ("stopped", 0, 0)
    assert list(engine.recorder.check()) == []

    book = Book("BTCUSDT")
    for event in events:
        if isinstance(event, DepthSnapshot):
            book.apply_snapshot(event)
        elif isinstance(event, DepthUpdate) and book.state is BookState.SYNCED:
            assert book.apply(event) is None
    then = book.view(50)
    assert len(then.bids) >= 10
    assert (then.update_id, then.bids, then.asks) == (now.update_id, now.bids, now.asks)


async def test_every_segment_begins_with_the_book_so_that_the_newest_can_be_read_alone(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantlab.engine.taps.LOOK_S", 0.005)  # thirty looks for each pause
    small = Bounds(segment_bytes=6_000, most_bytes=1 << 20, flush_s=0.01)
    engine.recorder.start("market.>", bounds=small)
    for _ in range(8):
        await engine.market.advance(5)
        await asyncio.sleep(0.15)  # the wire looks whether there is a new segment
    path = engine.recorder.stop().path
    assert path is not None
    segments = sorted(path.glob("*.qlrec"))
    with_book = 0
    for each in segments:
        alone = tmp_path / each.stem
        alone.mkdir()
        shutil.copy(each, alone)
        recording = Recording(alone)
        found = list(recording.events("market.depth_snapshot.*"))
        with_book += {event.symbol for event in found} == {"BTCUSDT"}

    assert len(segments) >= 3
    assert with_book > len(segments) / 2  # one may end before the wire has looked, the last began just now


async def test_orders_are_recorded_and_no_key_signature_or_token_ever_is(
    engine: Engine, token: Secret
) -> None:
    """Every topic and all frames, while orders go over their socket: unpacked and searched."""
    path = engine.recorder.start(">", raw=True).path
    for price in ("59000", "61000"):
        await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", price)))
    await engine.market.advance(1)
    status = engine.recorder.stop()
    assert path is not None

    text = b"".join(block.payload for each in path.iterdir() for block in blocks(each, lambda *_: None))
    key, secret = engine.settings.api_key, engine.settings.api_secret
    assert key
    assert secret is not None
    for hidden in (key, secret.reveal(), token.reveal(), "signature", "apiKey", "userDataStream"):
        assert hidden.encode() not in text, hidden
    assert b"executionReport" not in text  # a frame of the user stream
    assert b"btcusdt@trade" in text  # it does hold what it is for
    fills = engine.recorder.frame("fill.*")
    assert list(fills["price"]) == [each.price for each in engine.portfolio.fills]
    assert len(fills) >= 1
    assert str(fills.index.tz) == "UTC"
    assert {"order.{symbol}", "execution.{symbol}", "balance.{asset}", "(frames)"} <= set(status.records)


async def test_what_cannot_be_recorded_is_refused_before_anything_is_made(
    start: Callable[..., Engine], settings: Settings, home: Path
) -> None:
    """And the end of the engine closes what is being recorded."""
    engine = start(settings)
    with pytest.raises(EngineStopped):
        engine.recorder.start()
    await engine.ready()
    with pytest.raises(RecordingError, match="nothing was recorded yet"):
        engine.recorder.open()
    (home / "recordings").write_text("in the way")
    with pytest.raises(RecordingError, match="cannot be written"):
        engine.recorder.start()
    (home / "recordings").unlink()
    engine.recorder.start("market.trade.*", name="one")
    with pytest.raises(RecordingError, match="one is being recorded; stop it first"):
        engine.recorder.start("market.trade.*")
    with pytest.raises(RecordingError, match="one is being recorded; stop it first"):
        engine.recorder.delete("one")
    engine.recorder.stop()
    with pytest.raises(RecordingError, match="there is a recording one; give another name, or delete"):
        engine.recorder.start(name="one")
    with pytest.raises(InvalidField, match=r"'market\.trades\.\*' meets no topic"):
        engine.recorder.start("market.trades.*")
    with pytest.raises(UnknownSymbol):
        engine.recorder.start("market.trade.NOSUCH")
    for name in ("../one", "a/b", ".hidden", "x" * 81, 5):
        with pytest.raises(InvalidField, match="is no name of a recording"):
            engine.recorder.start(name=name)  # type: ignore[arg-type]
        with pytest.raises(InvalidField, match="is no name of a recording"):
            engine.recorder.delete(name)  # type: ignore[arg-type]
    recorder: Any = engine.recorder
    for wrong, field in (
        (lambda: recorder.start(["market.>"]), "topics"),
        (lambda: recorder.start("market.>", raw="no"), "raw"),
        (lambda: recorder.start("market.>", bounds={"most_bytes": 1}), "bounds"),
        (lambda: recorder.events(5), "recording"),
        (lambda: recorder.frame(["market.trade.*"], "one"), "topic"),
        (lambda: recorder.events("one", topics=[5]), "topics"),
        (lambda: recorder.events("one", start="2026-02-01", end="2026-01-01"), "end"),
    ):
        with pytest.raises(InvalidField) as refused:
            wrong()
        assert refused.value.field == field
    assert [each.name for each in engine.recorder.recordings()] == ["one"]
    engine.recorder.delete("one")
    assert list(engine.recorder.recordings()) == []
    with pytest.raises(RecordingError, match="there is no recording"):
        engine.recorder.open("one")

    path = engine.recorder.start().path
    await engine.market.advance(1)
    await engine.aclose()
    assert path is not None
    assert Recording(path).check() == []


async def test_a_disk_that_fails_ends_the_recording_and_the_engine_runs_on(engine: Engine) -> None:
    """Its reason stands in the status and among the alarms; the next recording is as good as new."""
    path = engine.recorder.start().path
    assert path is not None
    shutil.rmtree(path)
    await engine.market.advance(2)
    async with asyncio.timeout(30):
        while engine.recorder.status().state != "failed":
            await asyncio.sleep(0.02)
    heard: list[object] = []
    engine.bus.subscribe("market.>", heard.append, inline=True)
    await engine.market.advance(2)
    reason = engine.recorder.status().reason
    assert reason == "the recording ended: No such file or directory"
    assert reason in engine.alarms
    assert ("recording", f"{path.name}: {reason}") in engine.status()
    assert heard

    engine.recorder.start("market.trade.ETHUSDT")  # a symbol that nobody watches yet
    async with asyncio.timeout(30):
        while "ETHUSDT" not in engine.watched:
            await asyncio.sleep(0.01)
    await engine.market.advance(5)
    assert engine.recorder.stop().state == "stopped"
    assert {each.symbol for each in engine.recorder.events(topics="market.trade.*")} == {"ETHUSDT"}


async def test_a_recording_is_a_market_again(engine: Engine) -> None:
    """The venue plays it: the same trades, with their prices and ids, on the same book."""
    path = engine.recorder.start("market.>", raw=True).path
    await engine.market.advance(5)
    engine.recorder.stop()
    recorded = list(engine.recorder.events(topics="market.trade.*"))
    first = next(engine.recorder.events(topics="market.depth_snapshot.*"))
    heard: list[Trade] = []

    def hear(event: object) -> None:
        if isinstance(event, Trade):
            heard.append(event)

    async with (
        PaperVenue(market="tape", tape=path, speed=20, hold=True) as venue,
        BinanceClient(venue.rest, clock=SystemClock()) as client,
        asyncio.TaskGroup() as tasks,
    ):
        book = await client.order_book("BTCUSDT")
        streams = MarketStreams(
            venue.ws, clock=SystemClock(), on_event=hear, on_state=lambda _state, _reason: None
        )
        running = tasks.create_task(streams.run())
        await streams.subscribe("btcusdt@trade")
        async with httpx.AsyncClient(trust_env=False) as control:
            secret = {"Authorization": f"Bearer {venue.control.secret}"}
            reply = await control.post(f"{venue.control.url}/play", headers=secret)
        assert reply.status_code == 200
        async with asyncio.timeout(60):
            while len(heard) < len(recorded):
                await asyncio.sleep(0.02)
        running.cancel()

    assert recorded
    assert [(each.trade_id, each.price, each.quantity) for each in heard] == [
        (each.trade_id, each.price, each.quantity) for each in recorded
    ]
    assert book.bids[:5] == first.bids[:5]


WRITES = """
import sys, time
sys.path[:0] = [{tests!r}]
from pathlib import Path
from recordings import new_writer, trade
from quantlab.market.recording.segments import Bounds

tap = new_writer(Path({folder!r}), bounds=Bounds(flush_s=0.25)).tap()
number = 0
while True:
    number += 1
    tap(trade(number))
    if number % 100 == 0:
        print(number, time.time_ns(), flush=True)
    time.sleep(0.0002)
"""


def test_a_killed_kernel_loses_what_came_since_the_last_flush_and_no_more(tmp_path: Path) -> None:
    """SIGKILL in the middle of it: a whole beginning, and a mark that says that it was not closed."""
    program = WRITES.format(tests=str(ROOT / "tests" / "market"), folder=str(tmp_path / "one"))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    deadline, said = time.monotonic() + 60, ["0 0"]
    while int(said[-1].split()[0]) < 4_000 and time.monotonic() < deadline:
        said.append(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    told_ns = [int(each.split()[1]) for each in [*said[1:], *process.communicate()[0].splitlines()]]
    stood_ns = max(after - before for before, after in pairwise(told_ns))  # a hundred took at least 20 ms

    recording = Recording(tmp_path / "one")
    records = list(recording.records())

    assert [each.event.trade_id for each in records] == list(range(1, len(records) + 1))
    assert len(records) > 1_000
    lost_s = (told_ns[-1] - records[-1].at_ns - stood_ns) / 1e9
    assert lost_s < 1.0  # 0.25 s on a machine that is not busy
    assert {mark.kind for mark in recording.marks} <= {"open", "torn"}
    assert recording.marks


def test_a_forked_child_leaves_the_recording_to_its_parent(tmp_path: Path) -> None:
    """It neither writes nor waits, and its end ends nothing."""
    program = FORKS.format(tests=str(ROOT / "tests" / "market"), folder=str(tmp_path / "one"))
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )

    assert done.stdout.split() == ["child", "0", "parent", "stopped", "2"], done.stderr
    recording = Recording(tmp_path / "one")
    assert [each.trade_id for each in recording.events()] == [1, 3]
    assert list(recording.marks) == []


FORKS = """
import os, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from recordings import new_writer, trade

writer = new_writer(Path({folder!r}))
tap = writer.tap()
tap(trade(1))
writer.flush()
child = os.fork()
if child == 0:
    tap(trade(2))
    writer.flush()
    writer.stop()
    os._exit(0)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
tap(trade(3))
writer.stop()
print("parent", writer.state, writer.status().written)
"""
