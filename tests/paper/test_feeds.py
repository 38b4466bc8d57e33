"""Every market stream over real sockets: its documented fields, its pace, its silence."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000  # 2026-01-01, midnight UTC: eight in the morning at +08:00
HOUR, DAY = 3_600_000, 86_400_000
DOCUMENTED = {  # name after the symbol: milliseconds between messages; 0 is real time
    "trade": 0, "aggTrade": 0, "bookTicker": 0,
    "kline_1s": 1_000, "kline_1m": 2_000, "kline_1d@+08:00": 2_000, "miniTicker": 1_000, "ticker": 1_000,
    "ticker_1h": 1_000, "ticker_4h": 1_000, "ticker_1d": 1_000, "avgPrice": 1_000,
    "depth": 1_000, "depth@100ms": 100, "depth5": 1_000, "depth10": 1_000, "depth20": 1_000,
    "depth5@100ms": 100, "depth10@100ms": 100, "depth20@100ms": 100,
}  # fmt: skip
SILENT = (
    "!ticker@arr", "!bookTicker", "btcusdt@referencePrice", "btcusdt@blockTrade", "BTCUSDT@trade",
    "btcusdt@Trade", "btcusdt@aggtrade", "btcusdt@depth7", "btcusdt@depth@250ms", "btcusdt@kline_7m",
    "btcusdt@kline_1m@+09:00", "btcusdt@ticker_2h", "!ticker_2h@arr", "nope@trade", "btcusdt@", "@trade",
)  # fmt: skip


async def heard(venue: PaperVenue, connect: Any, names: list[str], milliseconds: int, more: str = "") -> Any:
    """What these streams say in some time of a venue with a manual clock: name to messages."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    async with connect(f"{venue.ws}/stream?streams={'/'.join(map(quote, names))}{more}") as socket:
        await venue.advance(milliseconds)
        for message in await socket.so_far():
            found[message["stream"]].append(message["data"])
    return found


async def test_every_documented_stream_speaks_at_its_pace(lively: PaperVenue, connect) -> None:
    """In ten seconds each says as much as its update speed promises; real time says more than that."""
    found = await heard(lively, connect, [f"btcusdt@{kind}" for kind in DOCUMENTED], 10_000)
    for kind, period in DOCUMENTED.items():
        messages = found[f"btcusdt@{kind}"]
        if not period:
            assert len(messages) > 20, kind
        elif kind.startswith("depth@100"):
            assert 80 < len(messages) <= 100  # a tenth without a change says nothing
        else:
            assert len(messages) == 10_000 // period, kind
        assert all(message.get("E", 0) % (period or 1) == 0 for message in messages)


async def test_what_no_document_names_is_silent(lively: PaperVenue, connect) -> None:
    """Retired and unknown streams, and symbols in capitals, are accepted and say nothing."""
    async with connect(f"{lively.ws}/ws") as socket:
        assert (await socket.ask("SUBSCRIBE", [*SILENT, "btcusdt@trade"]))["result"] is None
        await lively.advance(5_000)
        assert {message["e"] for message in await socket.so_far()} == {"trade"}
        assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == [*SILENT, "btcusdt@trade"]


async def test_aggregate_trades_join_what_one_taker_did_at_one_price(
    alice, bob, venue: PaperVenue, connect
) -> None:
    """Two makers at one price are one aggregate of two trades, a third price is another."""
    async with connect(f"{venue.ws}/ws/btcusdt@aggTrade/btcusdt@trade") as socket:
        for quantity, price in (("0.1", "60000"), ("0.2", "60000"), ("0.3", "60001")):
            await alice.limit("SELL", quantity, price)
        await bob.limit("BUY", "0.4", "60001")
        messages = await socket.so_far()

    shared = {"E": START_MS, "s": "BTCUSDT", "T": START_MS, "m": False, "M": True}
    assert [message for message in messages if message["e"] == "aggTrade"] == [
        {"e": "aggTrade", "a": 1, "p": "60000.00000000", "q": "0.30000000", "f": 1, "l": 2, **shared},
        {"e": "aggTrade", "a": 2, "p": "60001.00000000", "q": "0.10000000", "f": 3, "l": 3, **shared},
    ]
    assert [message["t"] for message in messages if message["e"] == "trade"] == [1, 2, 3]


async def trade_at(alice: Any, bob: Any, price: str, quantity: str) -> None:
    await alice.limit("SELL", quantity, price)
    await bob.limit("BUY", quantity, price)


async def test_the_shapes_of_the_tickers(alice, bob, venue: PaperVenue, connect) -> None:
    """24hrTicker, 24hrMiniTicker, 1hTicker and avgPrice have exactly the documented fields and sums."""
    await trade_at(alice, bob, "50000", "0.1")
    await venue.advance(2 * HOUR)
    await trade_at(alice, bob, "60000", "0.1")
    await trade_at(bob, alice, "40000", "0.3")
    await alice.limit("BUY", "0.7", "39000")
    await alice.limit("SELL", "0.8", "61000")
    names = ["btcusdt@ticker", "btcusdt@miniTicker", "btcusdt@ticker_1h", "btcusdt@avgPrice"]
    found = await heard(venue, connect, names, 1_000)
    now = START_MS + 2 * HOUR + 1_000

    assert found["btcusdt@ticker"] == [{
        "e": "24hrTicker", "E": now, "s": "BTCUSDT", "p": "-10000.00000000", "P": "-20.000",
        "w": "46000.00000000", "x": "50000.00000000", "c": "40000.00000000", "Q": "0.30000000",
        "b": "39000.00000000", "B": "0.70000000", "a": "61000.00000000", "A": "0.80000000",
        "o": "50000.00000000", "h": "60000.00000000", "l": "40000.00000000", "v": "0.50000000",
        "q": "23000.00000000", "O": now - DAY, "C": now, "F": 1, "L": 3, "n": 3,
    }]  # fmt: skip
    assert found["btcusdt@miniTicker"] == [{
        "e": "24hrMiniTicker", "E": now, "s": "BTCUSDT", "c": "40000.00000000", "o": "50000.00000000",
        "h": "60000.00000000", "l": "40000.00000000", "v": "0.50000000", "q": "23000.00000000",
    }]  # fmt: skip
    assert found["btcusdt@ticker_1h"] == [{
        "e": "1hTicker", "E": now, "s": "BTCUSDT", "p": "-20000.00000000", "P": "-33.333",
        "o": "60000.00000000", "h": "60000.00000000", "l": "40000.00000000", "c": "40000.00000000",
        "w": "45000.00000000", "v": "0.40000000", "q": "18000.00000000", "O": START_MS + HOUR, "C": now,
        "F": 2, "L": 3, "n": 2,
    }]  # fmt: skip
    assert found["btcusdt@avgPrice"] == [{
        "e": "avgPrice", "E": now, "s": "BTCUSDT", "i": "5m", "w": "45000.00000000", "T": now - 1_000,
    }]  # fmt: skip


async def test_lists_hold_the_symbols_that_changed(alice, bob, venue: PaperVenue, connect) -> None:
    """At first whoever has traded; then who trades again; a second without a change sends nothing."""
    for symbol, price in (("BTCUSDT", "60000"), ("ETHUSDT", "3000")):
        await alice.limit("SELL", "1", price, symbol=symbol)
        await bob.limit("BUY", "0.1", price, symbol=symbol)
    lists = ("!miniTicker@arr", "!ticker_1h@arr", "!ticker_4h@arr", "!ticker_1d@arr")
    async with connect(f"{venue.ws}/stream?streams={'/'.join(lists)}") as socket:

        async def told(milliseconds: int) -> dict[str, list[list[str]]]:
            await venue.advance(milliseconds)
            found: dict[str, list[list[str]]] = {}
            for message in await socket.so_far():
                found.setdefault(message["stream"], []).append([row["s"] for row in message["data"]])
            return found

        assert await told(1_000) == {name: [["BTCUSDT", "ETHUSDT"]] for name in lists}
        assert await told(3_000) == {}
        await bob.limit("BUY", "0.2", "3000", symbol="ETHUSDT")
        assert await told(3_000) == {name: [["ETHUSDT"]] for name in lists}
        assert await told(2 * HOUR) == {"!ticker_1h@arr": [["BTCUSDT", "ETHUSDT"]]}  # both left the hour


async def test_the_list_of_all_symbols_comes_at_the_speed_in_its_name(lively: PaperVenue, connect) -> None:
    """Under the very name that was asked for, as python-binance asks; another speed stays silent."""
    asked = [f"!miniTicker@arr@{pace}ms" for pace in (1_000, 3_000, 250)]
    async with connect(f"{lively.ws}/stream?streams={'/'.join(asked)}") as socket:
        await lively.advance(12_000)
        names = [message["stream"] for message in await socket.so_far()]

    assert [names.count(name) for name in asked] == [12, 4, 0]


async def test_partial_books_are_the_top_of_the_book(reader, lively: PaperVenue, connect) -> None:
    """depth5, depth10 and depth20 are what REST answers at that moment and limit."""
    names = [f"btcusdt@depth{levels}{pace}" for levels in (5, 10, 20) for pace in ("", "@100ms")]
    async with connect(f"{lively.ws}/stream?streams={'/'.join(names)}") as socket:
        await lively.advance(1_000)
        last = {message["stream"]: message["data"] for message in await socket.so_far()}
        for name in names:
            levels = int(name.partition("@depth")[2].partition("@")[0])
            book = await reader.get("/api/v3/depth", symbol="BTCUSDT", limit=levels)
            assert last[name] == book
            assert len(book["bids"]) >= min(levels, 10)


async def test_days_of_another_timezone_close_at_its_midnight(alice, bob, venue: PaperVenue, connect) -> None:
    """At 16:00 UTC the day of +08:00 is over and sent as closed, the UTC day is not; times stay UTC."""
    await trade_at(alice, bob, "60000", "0.1")
    await venue.advance(16 * HOUR - 4_000)
    found = await heard(venue, connect, ["btcusdt@kline_1d@+08:00", "btcusdt@kline_1d"], 6_000)
    eastern, utc = found["btcusdt@kline_1d@+08:00"], found["btcusdt@kline_1d"]

    midnight = START_MS + 16 * HOUR
    assert [(one["k"]["t"], one["k"]["T"], one["k"]["x"]) for one in eastern] == [
        (midnight - DAY, midnight - 1, False),
        (midnight - DAY, midnight - 1, True),
        (midnight, midnight + DAY - 1, False),
    ]
    assert {(one["k"]["t"], one["k"]["x"]) for one in utc} == {(START_MS, False)}
    assert eastern[0]["k"]["i"] == "1d"


async def test_times_come_in_microseconds_for_who_asks(lively: PaperVenue, connect) -> None:
    """The same messages at the same moment, times a thousand times larger; ids and amounts as they were."""
    kinds = [
        "trade",
        "aggTrade",
        "kline_1m",
        "miniTicker",
        "ticker",
        "ticker_1h",
        "avgPrice",
        "depth",
        "depth5",
    ]
    names = [
        *(f"btcusdt@{kind}" for kind in kinds),
        "btcusdt@bookTicker",
        "!miniTicker@arr",
        "!ticker_1d@arr",
    ]
    path = f"{lively.ws}/stream?streams={'/'.join(names)}"
    async with (
        connect(path) as milli,
        connect(f"{path}&timeUnit=MICROSECOND") as micro,
        connect(f"{lively.ws}/ws/btcusdt@trade?timeUnit=microsecond") as raw,
    ):
        await lively.advance(2_000)
        pairs = list(zip(await milli.so_far(), await micro.so_far(), strict=True))
        assert all(len(str(event["T"])) == 16 for event in await raw.so_far())

    changed: dict[str, set[str]] = {}

    def compare(stream: str, old: Any, new: Any) -> None:
        for before, after in zip(old, new, strict=True) if isinstance(old, list) else [(old, new)]:
            assert before.keys() == after.keys()
            for name in before:
                if name == "k":
                    compare(f"{stream}.k", before["k"], after["k"])
                elif before[name] != after[name]:
                    assert after[name] == before[name] * 1_000
                    changed.setdefault(stream, set()).add(name)

    for old, new in pairs:
        assert old["stream"] == new["stream"]
        compare(old["stream"].replace("btcusdt@", ""), old["data"], new["data"])
    assert changed == {
        "trade": {"E", "T"}, "aggTrade": {"E", "T"}, "kline_1m": {"E"}, "kline_1m.k": {"t", "T"},
        "miniTicker": {"E"}, "ticker": {"E", "O", "C"}, "ticker_1h": {"E", "O", "C"}, "avgPrice": {"E", "T"},
        "depth": {"E"}, "!miniTicker@arr": {"E"}, "!ticker_1d@arr": {"E", "O", "C"},
    }  # fmt: skip


async def test_an_unknown_time_unit_is_refused_at_the_door(venue: PaperVenue) -> None:
    """No connection, HTTP 400 and -1194, on streams and on the WebSocket API."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
        for path in ("/ws/btcusdt@trade", "/stream", "/ws-api/v3"):
            reply = await http.get(f"{venue.rest}{path}?timeUnit=NANOSECOND")
            assert (reply.status_code, reply.json()) == (
                400,
                {
                    "code": -1194,
                    "msg": "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
                },
            )


@pytest.mark.parametrize("plus", ["+", "%2B"])
async def test_a_plus_in_an_address_is_a_plus(lively: PaperVenue, connect, plus: str) -> None:
    """btcusdt@kline_1m@+08:00 can be asked for as it stands, in both addresses."""
    name = f"btcusdt@kline_1m@{plus}08:00"
    async with (
        connect(f"{lively.ws}/ws/{name}") as raw,
        connect(f"{lively.ws}/stream?streams={name}") as combined,
    ):
        await lively.advance(4_000)
        assert len(await raw.so_far()) == 2
        assert {message["stream"] for message in await combined.so_far()} == {"btcusdt@kline_1m@+08:00"}


async def test_diffs_begin_with_the_first_change_after_the_subscription(
    reader, lively: PaperVenue, connect
) -> None:
    """Unsubscribed for a while, a stream goes on with what it can tell whole, never with half of a change."""
    async with connect(f"{lively.ws}/ws/btcusdt@depth") as socket:
        await lively.advance(1_350)
        before = (await socket.so_far())[-1]
        await socket.ask("UNSUBSCRIBE", ["btcusdt@depth"])
        await lively.advance(300)
        missed = (await reader.get("/api/v3/depth", symbol="BTCUSDT"))["lastUpdateId"]
        await socket.ask("SUBSCRIBE", ["btcusdt@depth"])
        await lively.advance(3_350)
        after = await socket.so_far()

    assert before["u"] < missed
    assert after[0]["U"] == missed + 1
    assert all(later["U"] == event["u"] + 1 for event, later in itertools.pairwise(after))


async def test_listeners_that_come_and_go_do_not_touch_a_streams_others(lively: PaperVenue, connect) -> None:
    """One socket's diffs leave no gap while others join it in the middle of a second, and leave again."""
    events: list[Any] = []
    async with connect(f"{lively.ws}/ws/btcusdt@depth") as socket:
        for _ in range(3):
            await lively.advance(450)
            async with connect(f"{lively.ws}/ws/btcusdt@depth/btcusdt@ticker") as other:
                await lively.advance(300)
                await other.so_far()
            await lively.advance(500)
        events = await socket.so_far()
    assert len(events) == 3
    assert all(later["U"] == event["u"] + 1 for event, later in itertools.pairwise(events))


async def test_a_stream_that_nobody_wants_is_not_made(lively: PaperVenue, connect) -> None:
    """Feeds come with their first listener and go with their last one."""
    feeds = lively.session.publisher._feeds
    async with connect(f"{lively.ws}/ws/btcusdt@depth/btcusdt@ticker/btcusdt@nothing") as socket:
        await lively.advance(1_000)
        assert set(feeds._feeds) == {"btcusdt@depth", "btcusdt@ticker"}
        await socket.ask("UNSUBSCRIBE", ["btcusdt@ticker"])
        await lively.advance(100)
        assert set(feeds._feeds) == {"btcusdt@depth"}
    await lively.advance(1_000)
    assert feeds._feeds == feeds._diffs == {}


async def test_tickers_add_up_with_the_klines(reader, lively: PaperVenue, connect) -> None:
    """The last day's volume is that of its minutes, history and all; nothing is empty."""
    await lively.advance(90_000)
    found = await heard(lively, connect, ["btcusdt@ticker_1h", "btcusdt@ticker"], 30_000)
    hour, day = found["btcusdt@ticker_1h"][-1], found["btcusdt@ticker"][-1]
    rows = await reader.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", startTime=hour["O"])

    assert Decimal(hour["v"]) == sum(Decimal(row[5]) for row in rows)
    assert Decimal(hour["q"]) == sum(Decimal(row[7]) for row in rows)
    assert hour["n"] == sum(row[8] for row in rows)
    assert (hour["o"], hour["c"]) == (rows[0][1], rows[-1][4])
    assert Decimal(day["v"]) > 20 * Decimal(hour["v"])  # a day of history, not an hour
