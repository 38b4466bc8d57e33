"""Market streams over real sockets: their control messages, their shapes, their ids."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from decimal import Decimal
from typing import Any

import pytest

from quantlab.paper.server.hub import MOST_UNSENT, Hub, Outlet
from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000


class NaiveBook:
    """A book kept by the documented procedure, as plainly as possible."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.id = snapshot["lastUpdateId"]
        self.bids, self.asks = dict(snapshot["bids"]), dict(snapshot["asks"])
        self.applied = 0

    def apply(self, event: dict[str, Any]) -> None:
        if event["u"] <= self.id:
            return
        assert event["U"] <= self.id + 1, "a gap"
        for side, levels in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, quantity in levels:
                if Decimal(quantity):
                    side[price] = quantity
                else:
                    side.pop(price, None)
        self.id = event["u"]
        self.applied += 1

    def as_rest(self) -> dict[str, Any]:
        def rows(side: dict[str, str], *, best_high: bool) -> list[list[str]]:
            return [
                list(row) for row in sorted(side.items(), key=lambda row: Decimal(row[0]), reverse=best_high)
            ]

        return {
            "lastUpdateId": self.id,
            "bids": rows(self.bids, best_high=True),
            "asks": rows(self.asks, best_high=False),
        }


async def test_subscribe_list_and_unsubscribe(lively: PaperVenue, connect) -> None:
    """The answer comes before the first event, ids are echoed whatever they are, and it can be undone."""
    async with connect(f"{lively.ws}/ws") as socket:
        assert await socket.so_far() == []
        await socket.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": "abc"})
        assert await socket.receive() == {"result": None, "id": "abc"}
        await lively.advance(2_000)
        events = await socket.so_far()
        assert {event["e"] for event in events} == {"trade"}
        assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade"]
        await socket.ask("UNSUBSCRIBE", ["btcusdt@trade"])
        await lively.advance(2_000)
        assert await socket.so_far() == []


async def test_streams_can_stand_in_the_address(lively: PaperVenue, connect) -> None:
    """/ws/<a>/<b> sends raw payloads, /stream?streams=a/b wraps them under their names."""
    names = ["btcusdt@trade", "ethusdt@bookTicker"]
    async with (
        connect(f"{lively.ws}/ws/{'/'.join(names)}") as raw,
        connect(f"{lively.ws}/stream?streams={'/'.join(names)}") as combined,
    ):
        await lively.advance(1_000)
        plain, wrapped = await raw.so_far(), await combined.so_far()

    assert {message["stream"] for message in wrapped} == set(names)
    assert [message["data"] for message in wrapped] == plain


async def test_combined_can_be_switched(lively: PaperVenue, connect) -> None:
    """GET_PROPERTY tells, SET_PROPERTY changes whether payloads are wrapped."""
    async with connect(f"{lively.ws}/ws/btcusdt@trade") as socket:
        assert (await socket.ask("GET_PROPERTY", ["combined"]))["result"] is False
        await socket.ask("SET_PROPERTY", ["combined", True])
        await lively.advance(1_000)
        assert all("stream" in message for message in await socket.so_far())


async def test_a_bad_control_message_is_answered_not_punished(venue: PaperVenue, connect) -> None:
    """Each mistake has the documented small code, and the socket lives on."""
    async with connect(f"{venue.ws}/ws/0") as socket:
        await socket.send("{no json")
        assert (await socket.receive())["code"] == 3
        await socket.send({"method": "SHOUT", "id": 1})
        unknown = await socket.receive()
        assert (unknown["code"], unknown["id"]) == (2, 1)
        assert "unknown variant SHOUT" in unknown["msg"]
        await socket.send({"id": 2})
        assert "missing field `method`" in (await socket.receive())["msg"]
        assert (await socket.ask("GET_PROPERTY", ["shape"]))["msg"] == "Unknown property"
        assert (await socket.ask("SET_PROPERTY", ["combined", "yes"]))["code"] == 1
        assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == []


async def test_endless_brackets_do_not_cost_the_connection(venue: PaperVenue, connect) -> None:
    """Nested deeper than anything can be read: no valid JSON, and the socket lives."""
    nested = "[" * 20_000 + "]" * 20_000
    async with connect(f"{venue.ws}/ws") as socket:
        for name in ("method", "params", "id"):
            await socket.send(f'{{"method": "LIST_SUBSCRIPTIONS", "{name}": {nested}}}')
            assert (await socket.receive())["code"] == 3
        for message in (
            {"method": [], "id": 1},
            {"method": "SHOUT", "id": 2**70},
            {"method": "SHOUT", "id": {}},
        ):
            await socket.send(message)
            assert (await socket.receive())["code"] == 2
        assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == []


async def test_the_shapes_of_the_streams(alice, bob, venue: PaperVenue, connect) -> None:
    """trade, bookTicker, depthUpdate and kline have exactly the documented fields and types."""
    streams = ["trade", "bookTicker", "depth@100ms", "kline_1m"]
    async with connect(
        f"{venue.ws}/stream?streams=" + "/".join(f"btcusdt@{one}" for one in streams)
    ) as socket:
        await alice.limit("SELL", "1", "60000")
        await bob.limit("BUY", "0.25", "60000")
        await venue.advance(2_000)
        got: dict[str, list[Any]] = {}
        for message in await socket.so_far():
            got.setdefault(message["stream"].partition("@")[2], []).append(message["data"])

    assert got["trade"] == [{
        "e": "trade", "E": START_MS, "s": "BTCUSDT", "t": 1, "p": "60000.00000000", "q": "0.25000000",
        "T": START_MS, "m": False, "M": True,
    }]  # fmt: skip
    assert got["bookTicker"][-1] == {
        "u": 2, "s": "BTCUSDT", "b": "0.00000000", "B": "0.00000000", "a": "60000.00000000",
        "A": "0.75000000",
    }  # fmt: skip
    assert got["depth@100ms"] == [{
        "e": "depthUpdate", "E": START_MS + 100, "s": "BTCUSDT", "U": 1, "u": 2, "b": [],
        "a": [["60000.00000000", "0.75000000"]],
    }]  # fmt: skip
    assert got["kline_1m"] == [{
        "e": "kline", "E": START_MS + 2_000, "s": "BTCUSDT", "k": {
            "t": START_MS, "T": START_MS + 59_999, "s": "BTCUSDT", "i": "1m", "f": 1, "L": 1,
            "o": "60000.00000000", "c": "60000.00000000", "h": "60000.00000000", "l": "60000.00000000",
            "v": "0.25000000", "n": 1, "x": False, "q": "15000.00000000", "V": "0.25000000",
            "Q": "15000.00000000", "B": "0",
        },
    }]  # fmt: skip


async def test_a_candle_is_sent_once_as_closed(lively: PaperVenue, connect) -> None:
    """At the end of its minute a kline says so, and the next candle follows."""
    async with connect(f"{lively.ws}/ws/btcusdt@kline_1m") as socket:
        await lively.advance(64_000)
        events = await socket.so_far()

    closed = [event["k"]["t"] for event in events if event["k"]["x"]]
    assert closed == [START_MS]
    assert {event["k"]["t"] for event in events} == {START_MS, START_MS + 60_000}
    assert len(events) == 32


async def test_depth_ids_never_leave_a_gap(lively: PaperVenue, connect) -> None:
    """Each diff begins where the one before ended, at 100 ms and at 1000 ms alike."""
    for name, period in (("btcusdt@depth@100ms", 100), ("btcusdt@depth", 1_000)):
        async with connect(f"{lively.ws}/ws/{name}") as socket:
            await lively.advance(10_000)
            events = await socket.so_far()
        assert len(events) > 9
        assert all(event["E"] % period == 0 for event in events)
        assert all(later["U"] == event["u"] + 1 for event, later in itertools.pairwise(events))


async def test_a_book_of_snapshot_and_diffs_equals_the_venues(reader, lively: PaperVenue, connect) -> None:
    """The documented procedure works: whatever the snapshot's moment, both books end up equal."""
    for wait_ms in (0, 130, 1_777):
        async with connect(f"{lively.ws}/ws/btcusdt@depth@100ms") as socket:
            await lively.advance(450)
            await lively.advance(wait_ms)
            book = NaiveBook(await reader.get("/api/v3/depth", symbol="BTCUSDT", limit=5000))
            await lively.advance(10_000 - wait_ms - 450)  # ends on a tenth, so nothing is left unsent
            await reader.limit("BUY", "0.3", "59000")
            await lively.advance(100)
            for event in await socket.so_far():
                book.apply(event)
        assert book.applied > 50
        assert book.as_rest() == await reader.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
        await lively.advance(100 - (lively.session.time_ms % 100))


async def test_book_tickers_agree_with_the_book(reader, lively: PaperVenue, connect) -> None:
    """Where a bookTicker's id is a diff's last id, both name the same best price and quantity."""
    async with connect(f"{lively.ws}/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker") as socket:
        book = NaiveBook(await reader.get("/api/v3/depth", symbol="BTCUSDT", limit=5000))
        await lively.advance(20_000)
        tickers: dict[int, Any] = {}
        compared = 0
        for message in await socket.so_far():
            if message["stream"].endswith("bookTicker"):
                tickers[message["data"]["u"]] = message["data"]
                continue
            book.apply(message["data"])
            if book.id in tickers:
                seen, own = tickers[book.id], book.as_rest()
                assert [seen["b"], seen["B"]] == own["bids"][0]
                assert [seen["a"], seen["A"]] == own["asks"][0]
                compared += 1
    assert compared > 20


async def test_equal_seeds_give_equal_frames(connect) -> None:
    """Two venues on a manual clock send the same bytes, however their time is cut; another seed does not."""

    async def frames(seed: int, steps: list[int]) -> list[Any]:
        names = [
            f"{low}@{kind}"
            for low in ("btcusdt", "dogeusdt")
            for kind in ("trade", "bookTicker", "depth@100ms")
        ]
        async with (
            PaperVenue(clock="manual", seed=seed) as venue,
            connect(f"{venue.ws}/stream?streams={'/'.join(names)}") as socket,
        ):
            for step in steps:
                await venue.advance(step)
            return await socket.so_far()

    first = await frames(7, [5_000])
    assert len(first) > 300
    assert first == await frames(7, [1, 999, 33, 3_967])
    assert first != await frames(8, [5_000])


async def test_advance_answers_after_every_frame(reader, lively: PaperVenue, connect) -> None:
    """When the control endpoint has answered, every frame has left: it can be read without asking again."""
    url = f"{lively.ws}/stream?streams=btcusdt@depth@100ms/btcusdt@trade/ethusdt@bookTicker"
    async with connect(url) as asking, connect(url) as silent:
        for _ in range(20):
            now = (await reader.control("advance", ms=500))["time"]
            assert all(outlet.unsent == 0 for outlet in lively.session.hub.outlets)
            frames = await asking.so_far()
            assert len(frames) > 5
            assert [await silent.receive(1) for _ in frames] == frames
            assert lively.session.time_ms == now


async def test_a_long_advance_does_not_cost_a_healthy_socket(reader, lively: PaperVenue, connect) -> None:
    """Minutes of frames at once are paced to what the socket takes; none is lost."""
    streams = "/".join(f"{low}@trade" for low in ("btcusdt", "ethusdt", "dogeusdt"))
    async with connect(f"{lively.ws}/stream?streams={streams}") as socket:

        async def read() -> list[int]:
            ids = []
            while True:
                message = await socket.receive()
                if message["data"]["s"] == "BTCUSDT":
                    ids.append(message["data"]["t"])
                if message["data"]["T"] >= START_MS + 119_500:
                    return ids

        ids, answer = await asyncio.gather(read(), reader.control("advance", ms=120_000))
        await socket.so_far()  # a websockets client with unread messages closes only after 10 s
    assert answer == {"time": START_MS + 120_000}
    assert len(ids) > 1_000
    assert ids == list(range(ids[0], ids[0] + len(ids)))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x82\x81\0\0\0\0x", 1003),  # binary
        (b"\x81\xff" + (100_000).to_bytes(8, "big") + b"\0\0\0\0", 1009),
        (b"\x88\x82\0\0\0\0\x03\xe8", 1000),  # the client's own goodbye
    ],
    ids=["binary", "too large", "its own"],
)
async def test_nothing_follows_a_goodbye(frame: bytes, code: int) -> None:
    """After its Close frame the venue sends no data, however long the other side takes to close."""
    async with PaperVenue(speed=100) as venue:
        host, port = venue.ws.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /ws/btcusdt@bookTicker HTTP/1.1\r\nHost: v\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame)
        opcodes: list[int] = []
        while 0x8 not in opcodes:
            head = await asyncio.wait_for(reader.readexactly(2), 30)
            size = int.from_bytes(await reader.readexactly(2), "big") if head[1] == 126 else head[1]
            payload = await reader.readexactly(size)
            opcodes.append(head[0] & 0xF)
        assert int.from_bytes(payload[:2], "big") == code
        with contextlib.suppress(TimeoutError):
            assert await asyncio.wait_for(reader.read(1), 0.5) == b""
        writer.close()


class FullTransport(asyncio.WriteTransport):
    """A transport whose other side does not read. (A real one needs megabytes of kernel buffers.)"""

    def __init__(self) -> None:
        super().__init__()
        self.size, self.aborted = 0, False

    def write(self, data: Any) -> None:
        self.size += len(data)

    def get_write_buffer_size(self) -> int:
        return self.size

    def abort(self) -> None:
        self.aborted = True


async def test_a_socket_that_does_not_read_is_cut_at_a_bound() -> None:
    """Unsent bytes never pass the bound by more than one step; other sockets are not touched."""
    hub, stuck, fine = Hub(), FullTransport(), FullTransport()
    for transport, name in ((stuck, "a@trade"), (fine, "b@trade")):
        outlet = Outlet(transport)
        hub.join(outlet)
        hub.subscribe(outlet, (name,))
    for _ in range(1_000):
        hub.publish("a@trade", b"x" * 65_000)
        hub.flush()
    hub.publish("b@trade", b"{}")
    hub.flush()

    assert stuck.aborted
    assert MOST_UNSENT < stuck.size < MOST_UNSENT + 100_000
    assert (fine.aborted, fine.size) == (False, 4)
