"""Public endpoints by REST and WebSocket API: what is found by id, by time, by status and by timezone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from quantlab.paper.market import symbols
from quantlab.paper.server import timeunit
from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000  # 2026-01-01, midnight UTC
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BTC = {"symbol": "BTCUSDT"}
BAD_COMBINATION = {"code": -1128, "msg": "Combination of optional parameters invalid."}


async def trade_at(alice: Any, bob: Any, price: str, quantity: str, symbol: str = "BTCUSDT") -> None:
    await alice.limit("SELL", quantity, price, symbol=symbol)
    await bob.limit("BUY", quantity, price, symbol=symbol)


async def refused(client: Any, path: str, **params: Any) -> Any:
    reply = await client.http.get(path, params=params)
    assert reply.status_code == 400, reply.text
    return reply.json()


async def test_old_trades_are_found_by_id(alice, bob) -> None:
    """From an id on, oldest first; without one the newest; they are what `trades` shows."""
    for price in range(100, 110):
        await trade_at(alice, bob, str(price), "0.1")
    every = await alice.get("/api/v3/trades", **BTC)

    async def ids(**params: int) -> list[int]:
        return [row["id"] for row in await alice.get("/api/v3/historicalTrades", **BTC, **params)]

    assert await alice.get("/api/v3/historicalTrades", **BTC, fromId=1) == every
    assert await ids(fromId=4, limit=3) == [4, 5, 6]
    assert await ids(limit=3) == [8, 9, 10]
    assert await ids(fromId=99) == []


async def test_old_trades_over_the_websocket_api_ignore_an_api_key(
    alice, bob, venue: PaperVenue, connect
) -> None:
    """The parameter once was mandatory, and clients still send it; elsewhere it is one too many."""
    await trade_at(alice, bob, "100", "0.1")
    async with connect(venue.ws_api) as socket:
        old = await socket.ask("trades.historical", {**BTC, "apiKey": "whoever"})
        recent = await socket.ask("trades.recent", {**BTC, "apiKey": "whoever"})

    assert [row["id"] for row in old["result"]] == [1]
    assert recent["error"]["code"] == -1104


async def test_more_trades_are_kept_than_one_answer_holds(reader, lively: PaperVenue) -> None:
    """Page by page, a client that goes on from the last id reads every trade once."""
    await lively.advance(300_000)
    found: list[int] = []
    while page := await reader.get("/api/v3/historicalTrades", **BTC, fromId=len(found) + 1, limit=1_000):
        found += [row["id"] for row in page]
    assert len(found) > 1_500
    assert found == list(range(1, len(found) + 1))


async def test_aggregate_trades_by_id_and_by_time(alice, bob, venue: PaperVenue) -> None:
    """Both ends of a time window are inclusive, in milliseconds or microseconds; an id excludes times."""
    for price in ("100", "101", "102", "103"):
        await trade_at(alice, bob, price, "0.1")
        await venue.advance(1_000)

    async def numbers(**params: int) -> list[int]:
        return [row["a"] for row in await alice.get("/api/v3/aggTrades", **BTC, **params)]

    second, third = START_MS + 1_000, START_MS + 2_000
    assert await numbers() == [1, 2, 3, 4]
    assert await numbers(limit=2) == [3, 4]
    assert await numbers(fromId=2, limit=2) == [2, 3]
    assert await numbers(startTime=second, endTime=third) == [2, 3]
    assert await numbers(startTime=second, limit=1) == [2]
    assert await numbers(endTime=third, limit=2) == [2, 3]
    assert await numbers(endTime=third - 1) == [1, 2]
    assert await numbers(startTime=second * 1_000, endTime=third * 1_000) == [2, 3]
    assert await numbers(startTime=third, endTime=second) == []
    for times in ({"startTime": second}, {"endTime": second}):
        assert await refused(alice, "/api/v3/aggTrades", **BTC, fromId=1, **times) == BAD_COMBINATION
    (row,) = await alice.get("/api/v3/aggTrades", **BTC, fromId=4)
    assert row == {
        "a": 4, "p": "103.00000000", "q": "0.10000000", "f": 4, "l": 4, "T": START_MS + 3_000, "m": False,
        "M": True,
    }  # fmt: skip


async def test_the_average_price_is_of_five_minutes(alice, bob, venue: PaperVenue) -> None:
    """Volume-weighted; after a quiet while the last price; before the first trade nothing."""
    assert await alice.get("/api/v3/avgPrice", **BTC) == {"mins": 5, "price": "0.00000000", "closeTime": 0}
    await trade_at(alice, bob, "100", "0.3")
    await venue.advance(4 * MINUTE)
    await trade_at(alice, bob, "200", "0.1")
    assert (await alice.get("/api/v3/avgPrice", **BTC))["price"] == "125.00000000"
    await venue.advance(2 * MINUTE)
    assert (await alice.get("/api/v3/avgPrice", **BTC))["price"] == "200.00000000"
    await venue.advance(30 * MINUTE)
    assert await alice.get("/api/v3/avgPrice", **BTC) == {
        "mins": 5, "price": "200.00000000", "closeTime": START_MS + 4 * MINUTE,
    }  # fmt: skip


async def test_a_rolling_window_begins_on_its_minute(alice, bob, venue: PaperVenue) -> None:
    """`openTime` is a whole minute at most 59,999 ms earlier than asked; `closeTime` is now."""
    await trade_at(alice, bob, "100", "0.1")
    await venue.advance(90_000)
    await trade_at(alice, bob, "300", "0.2")
    await trade_at(alice, bob, "150", "0.1")
    now = START_MS + 90_000

    assert await alice.get("/api/v3/ticker", **BTC, windowSize="1m") == {
        "symbol": "BTCUSDT", "priceChange": "50.00000000", "priceChangePercent": "50.000",
        "weightedAvgPrice": "212.50000000", "openPrice": "100.00000000", "highPrice": "300.00000000",
        "lowPrice": "100.00000000", "lastPrice": "150.00000000", "volume": "0.40000000",
        "quoteVolume": "85.00000000", "openTime": START_MS, "closeTime": now, "firstId": 1, "lastId": 3,
        "count": 3,
    }  # fmt: skip
    await venue.advance(31_000)  # the first minute has left the window
    later = await alice.get("/api/v3/ticker", **BTC, windowSize="1m", type="MINI")
    assert later == {
        "symbol": "BTCUSDT", "openPrice": "300.00000000", "highPrice": "300.00000000",
        "lowPrice": "150.00000000", "lastPrice": "150.00000000", "volume": "0.30000000",
        "quoteVolume": "75.00000000", "openTime": START_MS + MINUTE, "closeTime": now + 31_000,
        "firstId": 2, "lastId": 3, "count": 2,
    }  # fmt: skip
    day = await alice.get("/api/v3/ticker", **BTC)
    assert (day["count"], day["openTime"]) == (3, (now + 31_000 - DAY) // MINUTE * MINUTE)


async def test_the_last_day_tells_of_best_prices_and_what_was_before(alice, bob, venue: PaperVenue) -> None:
    """24hr has six fields more; a symbol that never traded has zeros and no ids."""
    await trade_at(alice, bob, "100", "0.1")
    await venue.advance(DAY + MINUTE)
    await trade_at(alice, bob, "130", "0.2")
    await alice.limit("SELL", "0.4", "140")
    now = START_MS + DAY + MINUTE

    assert await alice.get("/api/v3/ticker/24hr", **BTC) == {
        "symbol": "BTCUSDT", "priceChange": "0.00000000", "priceChangePercent": "0.000",
        "weightedAvgPrice": "130.00000000", "prevClosePrice": "100.00000000", "lastPrice": "130.00000000",
        "lastQty": "0.20000000", "bidPrice": "0.00000000", "bidQty": "0.00000000",
        "askPrice": "140.00000000", "askQty": "0.40000000", "openPrice": "130.00000000",
        "highPrice": "130.00000000", "lowPrice": "130.00000000", "volume": "0.20000000",
        "quoteVolume": "26.00000000", "openTime": now - DAY, "closeTime": now, "firstId": 2, "lastId": 2,
        "count": 1,
    }  # fmt: skip
    never = await alice.get("/api/v3/ticker/24hr", symbol="ETHUSDT", type="MINI")
    assert never == {
        "symbol": "ETHUSDT", **dict.fromkeys(
            ("openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume"), "0.00000000"
        ),
        "openTime": now - DAY, "closeTime": now, "firstId": -1, "lastId": -1, "count": 0,
    }  # fmt: skip


async def test_a_trade_leaves_the_last_day_with_its_minute(alice, bob, venue: PaperVenue) -> None:
    """It counts for 24 hours, and at most 59,999 ms longer."""
    await trade_at(alice, bob, "100", "0.1")
    counts = []
    for wait in (DAY - MINUTE, MINUTE, 59_999, 1):
        await venue.advance(wait)
        counts.append((await alice.get("/api/v3/ticker/24hr", **BTC))["count"])
    assert counts == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("timezone", "open_ms", "trades"),
    [
        ("0", START_MS, 2),
        ("8", START_MS + 16 * HOUR, 1),
        ("-1:00", START_MS + HOUR, 1),
        ("05:45", START_MS - 20_700_000 + DAY, 1),
    ],
)
async def test_a_trading_day_is_that_of_its_timezone(
    alice, bob, venue: PaperVenue, timezone: str, open_ms: int, trades: int
) -> None:
    """It opens at midnight over there and is told until its last millisecond."""
    await trade_at(alice, bob, "100", "0.1")
    await venue.advance(20 * HOUR)
    await trade_at(alice, bob, "130", "0.2")
    found = await alice.get("/api/v3/ticker/tradingDay", **BTC, timeZone=timezone)

    assert (found["openTime"], found["closeTime"], found["count"]) == (open_ms, open_ms + DAY - 1, trades)
    (candle,) = await alice.get("/api/v3/klines", **BTC, interval="1d", timeZone=timezone, limit=1)
    assert (candle[0], candle[6], candle[8]) == (open_ms, open_ms + DAY - 1, trades)
    assert candle == (await alice.get("/api/v3/uiKlines", **BTC, interval="1d", timeZone=timezone))[-1]


async def test_a_symbol_that_is_halted_is_not_trading(alice, bob, venue: PaperVenue) -> None:
    """symbolStatus leaves others out of a list, and refuses the one symbol that has another (-1220)."""
    instruments = venue.exchange.instruments
    instruments["ETHUSDT"] = msgspec.structs.replace(instruments["ETHUSDT"], status="HALT")
    mismatch = {"code": -1220, "msg": "The symbol's status does not match the requested symbolStatus."}
    both = {"symbols": '["ETHUSDT","BTCUSDT"]'}

    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker", "ticker", "ticker/tradingDay"):
        one = await alice.get(f"/api/v3/{path}", symbol="ETHUSDT", symbolStatus="HALT")
        assert one["symbol"] == "ETHUSDT"
        assert await refused(alice, f"/api/v3/{path}", symbol="ETHUSDT", symbolStatus="TRADING") == mismatch
        found = await alice.get(f"/api/v3/{path}", **both, symbolStatus="TRADING")
        assert [row["symbol"] for row in found] == ["BTCUSDT"]
        assert await alice.get(f"/api/v3/{path}", **both, symbolStatus="BREAK") == []
    assert [row["symbol"] for row in await alice.get("/api/v3/ticker/price", **both)] == [
        "ETHUSDT",
        "BTCUSDT",
    ]
    assert [row["symbol"] for row in await alice.get("/api/v3/ticker/price", symbolStatus="HALT")] == [
        "ETHUSDT"
    ]
    for path in ("depth", "referencePrice/calculation"):
        assert await refused(alice, f"/api/v3/{path}", symbol="ETHUSDT", symbolStatus="BREAK") == mismatch
    assert (await alice.get("/api/v3/depth", symbol="ETHUSDT", symbolStatus="HALT"))["bids"] == []
    info = await alice.get("/api/v3/exchangeInfo", symbolStatus="HALT")
    assert [row["symbol"] for row in info["symbols"]] == ["ETHUSDT"]
    rules = await alice.get("/api/v3/executionRules", symbolStatus="HALT")
    assert rules == {"symbolRules": [{"symbol": "ETHUSDT", "rules": []}]}


async def test_exchange_info_tells_the_rules_that_are_applied(alice, venue: PaperVenue) -> None:
    """Order types, self-trade modes and every filter come from the exchange's rules, as they are now."""
    rules = venue.exchange.rules("BTCUSDT")
    changed = msgspec.structs.replace(
        rules, order_types=rules.order_types[:2], max_position=Decimal(7), max_orders=3, max_order_lists=0,
        bid_multiplier_up=Decimal("1.5"), average_minutes=2, market_step_size=Decimal("0.001"),
    )  # fmt: skip
    venue.exchange.set_rules("BTCUSDT", changed)
    info = await alice.get("/api/v3/exchangeInfo")
    btc, eth = info["symbols"][:2]
    filters = {row.pop("filterType"): row for row in btc["filters"]}

    assert btc["orderTypes"] == ["LIMIT", "MARKET"]
    assert eth["orderTypes"] == [
        "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
    ]  # fmt: skip
    assert eth["defaultSelfTradePreventionMode"] in eth["allowedSelfTradePreventionModes"]
    assert set(eth["allowedSelfTradePreventionModes"]) == {
        "NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT",
    }  # fmt: skip
    assert filters["MAX_POSITION"] == {"maxPosition": "7.00000000"}
    assert filters["MAX_NUM_ORDERS"] == {"maxNumOrders": 3}
    assert "MAX_NUM_ORDER_LISTS" not in filters
    assert filters["MARKET_LOT_SIZE"]["stepSize"] == "0.00100000"
    assert filters["PERCENT_PRICE_BY_SIDE"] == {
        "bidMultiplierUp": "1.5000", "bidMultiplierDown": "0.2000", "askMultiplierUp": "5.0000",
        "askMultiplierDown": "0.2000", "avgPriceMins": 2,
    }  # fmt: skip
    assert filters["NOTIONAL"]["avgPriceMins"] == 2
    assert {row["filterType"] for row in eth["filters"]} == {
        "PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "TRAILING_DELTA", "PERCENT_PRICE_BY_SIDE", "NOTIONAL",
        "MAX_NUM_ORDERS", "MAX_NUM_ORDER_LISTS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_AMENDS",
    }  # fmt: skip
    assert info["exchangeFilters"] == [
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1_000},
        {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 200},
    ]


async def test_exchange_info_by_permission(alice) -> None:
    """One or a list; unknown ones are refused; never beside symbols; permissionSets can be left out."""

    async def names(**params: Any) -> list[str]:
        return [row["symbol"] for row in (await alice.get("/api/v3/exchangeInfo", **params))["symbols"]]

    assert len(await names(permissions="SPOT")) == len(await names(permissions='["MARGIN","SPOT"]')) == 4
    assert await names(permissions="MARGIN") == await names(permissions='["TRD_GRP_025"]') == []
    for value in ("spot", '["SPOT","NOPE"]', "TRD_GRP_001", '["SPOT"', "[1]"):
        found = await refused(alice, "/api/v3/exchangeInfo", permissions=value)
        assert found == {"code": -1130, "msg": "Data sent for parameter 'permissions' is not valid."}
    for other in ({"permissions": "SPOT"}, {"symbolStatus": "TRADING"}):
        assert await refused(alice, "/api/v3/exchangeInfo", **BTC, **other) == BAD_COMBINATION
    assert len(await names(permissions="SPOT", symbolStatus="TRADING")) == 4
    shown, hidden = [
        (await alice.get("/api/v3/exchangeInfo", **BTC, showPermissionSets=show))["symbols"][0]
        for show in ("true", "false")
    ]
    assert (shown.pop("permissionSets"), hidden.pop("permissionSets")) == ([["SPOT"]], [])
    assert shown == hidden
    assert "sors" not in await alice.get("/api/v3/exchangeInfo")


async def test_an_empty_list_of_symbols_is_none_of_them(alice) -> None:
    """It is written as the legal range allows, and never means all."""
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker", "ticker", "ticker/tradingDay"):
        assert await alice.get(f"/api/v3/{path}", symbols="[]") == []
    assert await alice.get("/api/v3/executionRules", symbols="[]") == {"symbolRules": []}
    assert (await alice.get("/api/v3/exchangeInfo", symbols="[]"))["symbols"] == []


async def test_more_symbols_than_a_hundred_are_too_many(alice) -> None:
    """Before anything else is said about them."""
    names = ",".join(f'"S{number}"' for number in range(101))
    for path in ("ticker", "ticker/tradingDay"):
        found = await refused(alice, f"/api/v3/{path}", symbols=f"[{names}]")
        assert found == {"code": -1101, "msg": "Too many parameters; expected '100' and received '101'."}
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker"):  # take as many as are listed
        assert (await refused(alice, f"/api/v3/{path}", symbols=f"[{names}]"))["code"] == -1121


async def test_weights_grow_with_the_symbols_asked_for(alice, venue: PaperVenue) -> None:
    """As far as three listed symbols show it; a refused request costs what it asked for."""

    async def cost(path: str, **params: str) -> int:
        before = int((await alice.http.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-1M"])
        after = int((await alice.http.get(f"/api/v3/{path}", params=params)).headers["X-MBX-USED-WEIGHT-1M"])
        return after - before

    three, many = '["BTCUSDT","ETHUSDT","DOGEUSDT"]', str([f"S{n}" for n in range(60)]).replace("'", '"')
    most = str([f"S{n}" for n in range(101)]).replace("'", '"')
    assert [await cost("ticker/24hr", symbols=each) for each in (three, many, most)] == [2, 40, 80]
    assert [await cost("ticker", symbols=each) for each in (three, many)] == [12, 200]
    assert [await cost("ticker/tradingDay", symbols=each) for each in (three, many)] == [12, 200]
    assert [await cost("executionRules", symbols=each) for each in (three, many)] == [6, 40]


async def test_replies_tell_microseconds_to_who_asks(reader, lively: PaperVenue, connect) -> None:
    """By header on REST and by address on the WebSocket API: times a thousand times larger, nothing else."""
    await lively.advance(5_000)
    asked = {
        "time": {}, "trades": BTC, "klines": BTC | {"interval": "1m", "limit": 2}, "avgPrice": BTC,
        "ticker/24hr": BTC, "ticker": BTC, "depth": BTC, "exchangeInfo": BTC,
    }  # fmt: skip
    times = 0

    def compare(name: Any, milli: Any, micro: Any) -> None:
        nonlocal times
        if isinstance(milli, dict | list):
            assert len(milli) == len(micro)
            for key, value in milli.items() if isinstance(milli, dict) else enumerate(milli):
                compare(key, value, micro[key])
        elif milli != micro:
            assert micro == milli * 1_000, name
            assert len(str(micro)) == 16, name
            times += 1

    async with connect(f"{lively.ws_api}?timeUnit=microsecond") as socket:
        for path, params in asked.items():
            milli = await reader.get(f"/api/v3/{path}", **params)
            for unit in ("MICROSECOND", "microsecond"):
                headers = {"X-MBX-TIME-UNIT": unit}
                micro = (await reader.http.get(f"/api/v3/{path}", params=params, headers=headers)).json()
                compare(path, milli, micro)
            method = {"trades": "trades.recent", "ticker/24hr": "ticker.24hr"}.get(path, path)
            compare(path, milli, (await socket.ask(method, dict(params)))["result"])
    assert times == 3 * (1 + len(await reader.get("/api/v3/trades", **BTC)) + 4 + 1 + 2 + 2 + 1)

    reply = await reader.http.get("/api/v3/time", headers={"X-MBX-TIME-UNIT": "SECOND"})
    assert (reply.status_code, reply.json()["code"]) == (400, -1194)


def test_a_time_that_is_none_stays_none() -> None:
    """-1 and null are no times, and what only looks like one (an id, an amount) is not touched."""
    row = {"workingTime": -1, "time": 5, "updateTime": None, "orderId": 5, "price": "5.0", "isWorking": True}
    assert timeunit.reply([row]) == [row | {"time": 5_000}]
    event = {"e": "executionReport", "E": 5, "T": 6, "O": 7, "W": 8, "D": 9, "t": 10, "i": 11, "u": 12}
    assert timeunit.event(event) == event | {"E": 5_000, "T": 6_000, "O": 7_000, "W": 8_000, "D": 9_000}


async def test_orders_and_their_events_tell_microseconds_too(alice, bob, venue: PaperVenue, connect) -> None:
    """transactTime by header; the execution report's times by the address of its socket."""
    await alice.limit("SELL", "0.1", "60000")
    async with connect(f"{venue.ws_api}?timeUnit=MICROSECOND") as socket:
        params = {"apiKey": bob.key, "timestamp": START_MS}
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        params["signature"] = bob.signature(payload)
        assert (await socket.ask("userDataStream.subscribe.signature", params))["status"] == 200
        await bob.limit("BUY", "0.1", "60000")
        event = (await socket.receive())["event"]
    assert (event["E"], event["T"], event["O"]) == (START_MS * 1_000,) * 3
    assert event["i"] == 2


async def test_symbols_of_any_script(monkeypatch, client_of, connect) -> None:
    """A symbol in Chinese is asked for percent-encoded, told in UTF-8, and streamed under its name."""
    seeded = symbols.SYMBOLS[0]
    instrument = msgspec.structs.replace(
        seeded.instrument, symbol="这是测试币456", base="这是测试币", quote="456"
    )
    chinese = msgspec.structs.replace(seeded, instrument=instrument)
    monkeypatch.setattr(symbols, "SYMBOLS", (chinese, seeded))
    name, stream = instrument.symbol, f"{instrument.symbol}@trade"
    async with (
        PaperVenue(clock="manual", seed=7, balances={"456": Decimal(1)}) as venue,
        client_of(venue) as client,
        connect(f"{venue.ws}/ws/{quote(stream)}") as raw,
        connect(f"{venue.ws}/stream?streams={quote(stream)}") as combined,
        connect(f"{venue.ws}/stream?streams=!miniTicker@arr") as every,
        connect(venue.ws_api) as api,
    ):
        await venue.advance(2_000)
        events = await raw.so_far()
        assert {event["s"] for event in events} == {name}
        assert [message["data"] for message in await combined.so_far()] == events
        (first, *_) = await every.so_far()
        assert [row["s"] for row in first["data"]] == [name, "BTCUSDT"]
        (trade,) = await client.get("/api/v3/trades", symbol=name, limit=1)
        assert trade["id"] == events[-1]["t"]
        prices = await client.get("/api/v3/ticker/price", symbols=f'["{name}","BTCUSDT"]')
        assert [row["symbol"] for row in prices] == [name, "BTCUSDT"]
        assert (await api.ask("ticker.price", {"symbol": name}))["result"] == prices[0]
        assert (await client.get("/api/v3/exchangeInfo"))["symbols"][0]["baseAsset"] == instrument.base
        unknown = await refused(client, "/api/v3/trades", symbol="这是")
        assert unknown["code"] == -1100
