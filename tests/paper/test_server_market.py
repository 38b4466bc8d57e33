"""What the server tells everybody: limits, symbols, books, trades, candles, prices."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
MINUTE = 60_000


async def test_ping_and_time(alice, venue: PaperVenue) -> None:
    """ping answers {}, time the venue's clock."""
    assert await alice.get("/api/v3/ping") == {}
    assert await alice.get("/api/v3/time") == {"serverTime": START_MS}
    await venue.advance(1_234)
    assert await alice.get("/api/v3/time") == {"serverTime": START_MS + 1_234}


async def test_exchange_info_lists_the_filters_that_orders_meet(alice) -> None:
    """Every symbol with its grid as PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE and NOTIONAL."""
    info = await alice.get("/api/v3/exchangeInfo")
    symbols = {row["symbol"]: row for row in info["symbols"]}
    doge = {row["filterType"]: row for row in symbols["DOGEUSDT"]["filters"]}

    assert set(symbols) == {"BTCUSDT", "ETHUSDT", "DOGEUSDT", "BNBUSDT"}
    assert [limit["rateLimitType"] for limit in info["rateLimits"]] == [
        "REQUEST_WEIGHT", "ORDERS", "ORDERS", "RAW_REQUESTS",
    ]  # fmt: skip
    assert info["rateLimits"][0] == {
        "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000,
    }  # fmt: skip
    assert doge["PRICE_FILTER"]["tickSize"] == "0.00005000"
    assert doge["LOT_SIZE"]["stepSize"] == "10.00000000"
    assert doge["MARKET_LOT_SIZE"]["stepSize"] == "0.00000000"  # nothing beyond LOT_SIZE
    assert doge["NOTIONAL"]["minNotional"] == "5.00000000"
    assert {"LIMIT", "MARKET"} <= set(symbols["BTCUSDT"]["orderTypes"])


async def test_exchange_info_of_some_symbols(alice) -> None:
    """symbol and symbols choose; both, a double or an unknown one are refused."""

    async def names(**params: str) -> list[str]:
        return [row["symbol"] for row in (await alice.get("/api/v3/exchangeInfo", **params))["symbols"]]

    async def code(**params: str) -> int:
        return (await alice.http.get("/api/v3/exchangeInfo", params=params)).json()["code"]

    assert await names(symbol="ETHUSDT") == ["ETHUSDT"]
    assert await names(symbols='["BTCUSDT","DOGEUSDT"]') == ["BTCUSDT", "DOGEUSDT"]
    assert await code(symbol="ETHUSDT", symbols='["BTCUSDT"]') == -1128
    assert await code(symbols='["BTCUSDT","BTCUSDT"]') == -1151
    assert await code(symbols='["NOPE"]') == -1121
    assert await code(symbols="BTCUSDT") == -1100


async def test_depth_is_best_first_and_obeys_its_limit(alice) -> None:
    """Bids fall, asks rise, `limit` cuts; lastUpdateId counts every change."""
    for price in ("59000", "59010", "59005"):
        await alice.limit("BUY", "0.01", price)
    await alice.limit("SELL", "0.02", "61000")

    assert await alice.get("/api/v3/depth", symbol="BTCUSDT", limit=2) == {
        "lastUpdateId": 4,
        "bids": [["59010.00000000", "0.01000000"], ["59005.00000000", "0.01000000"]],
        "asks": [["61000.00000000", "0.02000000"]],
    }


async def test_tickers_give_one_row_or_a_list(alice, bob) -> None:
    """One symbol answers an object, several or none a list."""
    await alice.limit("SELL", "1", "60000")
    await bob.limit("BUY", "0.25", "60000")

    assert await alice.get("/api/v3/ticker/price", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT", "price": "60000.00000000",
    }  # fmt: skip
    assert await alice.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT", "bidPrice": "0.00000000", "bidQty": "0.00000000",
        "askPrice": "60000.00000000", "askQty": "0.75000000",
    }  # fmt: skip
    several = await alice.get("/api/v3/ticker/price", symbols='["BTCUSDT","ETHUSDT"]')
    assert [row["symbol"] for row in several] == ["BTCUSDT", "ETHUSDT"]
    assert len(await alice.get("/api/v3/ticker/bookTicker")) == 4


async def test_klines_add_up_the_trades(alice, bob, venue: PaperVenue) -> None:
    """A minute's candle is its trades; an empty minute repeats the close; 5m adds up its minutes."""
    await alice.limit("SELL", "1", "60000")
    await alice.limit("SELL", "1", "60100")
    await bob.limit("BUY", "0.5", "60000")
    await bob.order(side="BUY", type="MARKET", quantity="0.6")
    await venue.advance(2 * MINUTE)

    rows = await alice.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")
    assert rows[0] == [
        START_MS, "60000.00000000", "60100.00000000", "60000.00000000", "60100.00000000", "1.10000000",
        START_MS + MINUTE - 1, "66010.00000000", 3, "1.10000000", "66010.00000000", "0",
    ]  # fmt: skip
    assert [row[0] for row in rows] == [START_MS, START_MS + MINUTE, START_MS + 2 * MINUTE]
    assert rows[1][1:6] == ["60100.00000000"] * 4 + ["0.00000000"]
    (five,) = await alice.get("/api/v3/klines", symbol="BTCUSDT", interval="5m")
    assert (five[0], five[5], five[8]) == (START_MS, "1.10000000", 3)
    refused = await alice.http.get("/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "7m"})
    assert refused.json() == {"code": -1120, "msg": "Invalid interval."}


async def test_the_synthetic_market_has_a_past(reader) -> None:
    """A few hundred candles of 1m, 5m and 1h, each consistent in itself and joined to the next."""

    def numbers(row: list[Any]) -> tuple[Decimal, ...]:
        return tuple(Decimal(text) for text in row[1:5])

    for interval, length in (("1m", MINUTE), ("5m", 5 * MINUTE), ("1h", 60 * MINUTE)):
        rows = await reader.get("/api/v3/klines", symbol="ETHUSDT", interval=interval, limit=300)
        assert len(rows) == 300
        assert all(later[0] - row[0] == length for row, later in itertools.pairwise(rows))
        for row in rows:
            opened, high, low, close = numbers(row)
            assert low <= min(opened, close) <= max(opened, close) <= high
            assert low * Decimal(row[5]) <= Decimal(row[7]) <= high * Decimal(row[5])
        inner = rows[:-2]  # the newest was opened by trading
        assert all(row[4] == later[1] for row, later in itertools.pairwise(inner))


async def test_klines_by_time(reader) -> None:
    """startTime gives the oldest from there on, endTime the latest up to there."""
    rows = await reader.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=100)
    start, end = rows[10][0], rows[20][0]

    async def got(**params: int) -> list[Any]:
        return await reader.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", **params)

    assert await got(startTime=start, limit=5) == rows[10:15]
    assert await got(startTime=start, endTime=end) == rows[10:21]
    assert await got(endTime=end, limit=3) == rows[18:21]


async def test_recent_trades_are_oldest_first(reader, lively: PaperVenue) -> None:
    """Ids rise by one, times never fall, and the limit keeps the newest."""
    await lively.advance(5_000)
    rows = await reader.get("/api/v3/trades", symbol="BTCUSDT", limit=10)

    assert [row["id"] - rows[0]["id"] for row in rows] == list(range(10))
    assert sorted(row["time"] for row in rows) == [row["time"] for row in rows]
    assert rows[-1]["price"] == (await reader.get("/api/v3/ticker/price", symbol="BTCUSDT"))["price"]
