"""Our books against a recorded day: right wherever the venue itself said what the best prices were."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.codec_stream import decode_market
from quantlab.binance.streams import MarketStreams
from quantlab.clock import SystemClock
from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate
from quantlab.market.book import Book, Top
from quantlab.market.feed import Feed

SPOT = "spot_btcusdt_20240808.gz"
FUTURES = "usdm_btcusdt_20240808.gz"
SPOT_POINTS = 564
FUTURES_POINTS = 629


class Best(NamedTuple):
    """Best prices with their quantities, from our book or from the venue's ticker."""

    bid: object
    bid_quantity: object
    ask: object
    ask_quantity: object

    @classmethod
    def of(cls, said: Top | BookTicker) -> Best:
        return cls(said.bid, said.bid_quantity, said.ask, said.ask_quantity)


def events(path: Path) -> Iterator[object]:
    with gzip.open(path) as lines:
        for line in lines:
            yield decode_market(line.split(b" ", 1)[1], 0, symbol="BTCUSDT")


@pytest.mark.parametrize(("file", "points"), [(SPOT, SPOT_POINTS), (FUTURES, FUTURES_POINTS)])
def test_a_book_from_the_recorded_diffs_equals_every_recorded_ticker(
    shared: Path, file: str, points: int
) -> None:
    """Both prices and both quantities, at every update id that a diff and a ticker share; no gap."""
    recorded = list(events(shared / "data" / file))
    book = Book("BTCUSDT")
    tickers = {each.update_id: Best.of(each) for each in recorded if isinstance(each, BookTicker)}
    ours: dict[int, Best] = {}

    book.apply_snapshot(next(each for each in recorded if isinstance(each, DepthSnapshot)))
    for diff in recorded:
        if isinstance(diff, DepthUpdate):
            before = book.update_id
            assert book.apply(diff) is None
            if book.update_id != before and (top := book.top()) is not None:
                ours[book.update_id] = Best.of(top)

    shared_ids = ours.keys() & tickers.keys()
    assert len(shared_ids) == points
    assert {each: ours[each] for each in shared_ids} == {each: tickers[each] for each in shared_ids}


@pytest.mark.parametrize(("file", "points"), [(SPOT, SPOT_POINTS), (FUTURES, FUTURES_POINTS)])
async def test_the_feed_syncs_on_the_recorded_diffs_and_equals_every_recorded_ticker(
    shared: Path, file: str, points: int
) -> None:
    """Both documented procedures whole: buffered, snapshotted while diffs go on, folded; no gap."""
    recorded = list(events(shared / "data" / file))
    tickers = {each.update_id: Best.of(each) for each in recorded if isinstance(each, BookTicker)}
    ours: dict[int, Best] = {}
    asked = asyncio.Event()

    async def order_book(_symbol: str) -> DepthSnapshot:
        await asked.wait()
        return next(each for each in recorded if isinstance(each, DepthSnapshot))

    feed = Feed([], snapshot=order_book, publish=lambda _: None, clock=SystemClock())
    book = feed.add("BTCUSDT")
    await asyncio.sleep(0.01)
    for number, diff in enumerate(each for each in recorded if isinstance(each, DepthUpdate)):
        feed.on_event(diff)
        if number == 2:
            assert book.top() is None
            asked.set()
            async with asyncio.timeout(30):
                while feed.synced == 0:
                    await asyncio.sleep(0)
        if (top := book.top()) is not None and top.update_id == diff.final_id:
            assert top.as_of_ms == diff.event_ms
            ours[top.update_id] = Best.of(top)
    await feed.aclose()

    shared_ids = ours.keys() & tickers.keys()
    assert {each: ours[each] for each in shared_ids} == {each: tickers[each] for each in shared_ids}
    assert points - 5 <= len(shared_ids) <= points  # the first ones were in the buffer
    assert (feed.gaps, feed.resyncs) == (0, 1)


async def test_the_feed_through_the_venues_streams_equals_every_recorded_ticker(
    shared: Path, full: bool
) -> None:
    """The tape played by the venue: subscribed, buffered, snapshotted, folded; 564 of 564, no gap."""
    from quantlab.paper.venue import PaperVenue

    tape, clock = shared / "data" / SPOT, SystemClock()
    tickers: dict[int, Best] = {}
    ours: dict[int, Best] = {}
    done = asyncio.Event()
    last_id = max(each.update_id for each in events(tape) if isinstance(each, BookTicker))

    def look(event: object) -> None:
        if isinstance(event, BookTicker):
            tickers[event.update_id] = Best.of(event)
            if event.update_id == last_id:
                done.set()
        elif isinstance(event, DepthUpdate):
            top = feed.books["BTCUSDT"].top()
            if top is not None and top.update_id == event.final_id:
                ours[top.update_id] = Best.of(top)

    async with (
        PaperVenue(market="tape", tape=tape, speed=10 if full else 60, hold=True) as venue,
        BinanceClient(venue.rest, clock=clock) as client,
        asyncio.TaskGroup() as tasks,
    ):
        feed = Feed([], snapshot=client.order_book, publish=look, clock=clock)
        states: list[tuple[str, str]] = []

        def changed(state: str, reason: str) -> None:
            states.append((state, reason))

        streams = MarketStreams(venue.ws, clock=clock, on_event=feed.on_event, on_state=changed)
        running: asyncio.Task[Any] = tasks.create_task(streams.run())
        await streams.subscribe("btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade")
        feed.add("BTCUSDT")
        await play(venue)
        async with asyncio.timeout(100):
            await done.wait()
        await streams.barrier()
        running.cancel()
        await feed.aclose()

    assert states == [("connected", "")]
    shared_ids = ours.keys() & tickers.keys()
    assert {each: ours[each] for each in shared_ids} == {each: tickers[each] for each in shared_ids}
    assert len(shared_ids) == SPOT_POINTS
    assert (feed.gaps, feed.synced) == (0, 1)


async def play(venue: Any) -> None:
    """Let the venue's held market run."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        reply = await http.post(
            f"{venue.control.url}/play", headers={"Authorization": f"Bearer {venue.control.secret}"}
        )
        assert reply.status_code == 200, reply.text
