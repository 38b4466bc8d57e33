"""The documented way to keep a local order book, step by step, against a market that does not wait.

Source: Binance spot WebSocket Streams, "How to manage a local order book correctly".
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from quantlab.paper.venue import PaperVenue

Event = dict[str, Any]


class Missed(Exception):
    """An event came that does not follow on the local book."""


class LocalBook:
    """Begins with a snapshot; counts what the procedure did, so that a test can see that it did it."""

    def __init__(self, snapshot: Any) -> None:
        self.update_id: int = snapshot["lastUpdateId"]
        self.sides = {name: dict(snapshot[long]) for name, long in (("b", "bids"), ("a", "asks"))}
        self.applied = self.ignored = self.removed = 0

    def update(self, event: Event) -> None:
        """The update procedure."""
        if event["u"] < self.update_id:
            self.ignored += 1
            return
        if event["U"] > self.update_id + 1:
            raise Missed
        for name, side in self.sides.items():
            for price, quantity in event[name]:
                if Decimal(quantity):
                    side[price] = quantity
                else:
                    self.removed += side.pop(price, None) is not None
        self.update_id = event["u"]
        self.applied += 1

    def as_answered(self) -> Any:
        def rows(name: str) -> list[list[str]]:
            found = sorted(self.sides[name].items(), key=lambda row: Decimal(row[0]), reverse=name == "b")
            return [[price, quantity] for price, quantity in found]

        return {"lastUpdateId": self.update_id, "bids": rows("b"), "asks": rows("a")}


class Reader:
    """One client of one depth stream."""

    def __init__(self, client: Any, socket: Any, symbol: str) -> None:
        self.client = client
        self.socket = socket
        self.symbol = symbol
        self.again = 0  # snapshots that were older than the first event

    async def snapshot(self) -> Any:
        return await self.client.get("/api/v3/depth", symbol=self.symbol, limit=5000)

    async def begin(self, buffered: list[Event]) -> LocalBook:
        """Steps 3 to 7: `buffered` is what has come so far, at least one event."""
        snapshot = await self.snapshot()
        while snapshot["lastUpdateId"] < buffered[0]["U"]:
            self.again += 1
            snapshot = await self.snapshot()
        while buffered and buffered[0]["u"] <= snapshot["lastUpdateId"]:
            buffered.pop(0)
        if buffered:
            assert buffered[0]["U"] <= snapshot["lastUpdateId"] + 1
        book = LocalBook(snapshot)
        for event in buffered:
            book.update(event)
        return book

    async def follow(self, book: LocalBook, until_id: int) -> None:
        while book.update_id < until_id:
            book.update(await self.socket.receive())


@pytest.mark.parametrize(("stream", "waits"), [("depth@100ms", 30), ("depth", 3)])
async def test_the_documented_procedure_keeps_the_venues_book(
    client_of, connect, stream: str, waits: int
) -> None:
    """Snapshot and diffs of a market on a real clock, with orders of one's own in it: equal at the end."""
    async with (
        PaperVenue(seed=11, speed=20, symbols=["ETHUSDT"]) as venue,
        client_of(venue) as client,
        connect(f"{venue.ws}/ws/ethusdt@{stream}") as socket,
    ):
        reader = Reader(client, socket, "ETHUSDT")
        book = await reader.begin([await socket.receive()])
        for number in range(waits):
            book.update(await socket.receive())
            if number % 3 == 0:
                await client.limit("BUY", "0.1", str(2_900 - number), symbol="ETHUSDT")
        await client.control("stop")
        await client.limit("BUY", "0.1", "2890", symbol="ETHUSDT")
        answer = await reader.snapshot()
        await reader.follow(book, answer["lastUpdateId"])

        assert book.as_answered() == answer
        assert book.applied > waits
        assert book.removed > 50
        assert len(book.sides["b"]) > 10
        assert len(book.sides["a"]) > 10


async def test_events_of_before_the_snapshot_are_ignored_and_a_missed_one_is_seen(
    client_of, connect, lively: PaperVenue
) -> None:
    """A buffer older than the snapshot does no harm; one event less, and the book is known to be wrong."""
    async with client_of(lively) as client, connect(f"{lively.ws}/ws/btcusdt@depth@100ms") as socket:
        reader = Reader(client, socket, "BTCUSDT")
        await lively.advance(1_000)
        early = await socket.so_far()
        await lively.advance(50)
        await client.limit("BUY", "0.01", "50000")  # so that the snapshot falls inside of an event
        book = await reader.begin([*early])
        await client.limit("BUY", "0.01", "50001")
        await lively.advance(2_950)
        later = await socket.so_far()
        assert later[0]["U"] <= book.update_id < later[0]["u"]
        for event in [*early, *later]:
            book.update(event)

        assert book.ignored >= len(early) - 1 > 1
        assert book.as_answered() == await reader.snapshot()
        await lively.advance(3_000)
        events = await socket.so_far()
        for event in events[:3]:
            book.update(event)
        with pytest.raises(Missed):
            book.update(events[4])


async def test_a_snapshot_older_than_the_stream_is_taken_again(
    client_of, connect, lively: PaperVenue
) -> None:
    """Step 4: such a snapshot is not used, because what happened in between was never sent."""
    async with client_of(lively) as client:
        stale = await client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
        await lively.advance(500)
        async with connect(f"{lively.ws}/ws/btcusdt@depth@100ms") as socket:
            await lively.advance(1_000)
            reader = Reader(client, socket, "BTCUSDT")
            answers = [stale]
            fresh = reader.snapshot

            async def snapshot() -> Any:
                return answers.pop() if answers else await fresh()

            reader.snapshot = snapshot  # type: ignore[method-assign]
            book = await asyncio.wait_for(reader.begin(await socket.so_far()), 30)
            assert reader.again == 1
            assert book.as_answered() == await fresh()
