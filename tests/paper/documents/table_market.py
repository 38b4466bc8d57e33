"""General and market data endpoints: what is asked, what it costs, what is answered.

Source: Binance spot REST API, "General endpoints" and "Market Data endpoints"; WebSocket API, "General
requests" and "Market data requests".
"""

from __future__ import annotations

from typing import Any

import answers as a
from rows import Case, Row
from shapes import TIME, Rows, exactly

BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
BOTH: dict[str, Any] = {"symbols": ["BTCUSDT", "ETHUSDT"]}
NO_REFERENCE = {"code": exactly(-2043), "msg": exactly("This symbol doesn't have a reference price.")}
OF_ONE = {"symbol": "symbol"}
LIMIT = {"limit": "int"}
STATUS = {"symbolStatus": "status"}
SPAN = {"startTime": "int", "endTime": "int"}
NAMES = {"symbol": "symbol", "symbols": "symbols"}
KLINE_OPTIONS = SPAN | {"timeZone": "zone"} | LIMIT


def market(
    title: str,
    path: str,
    ws: str,
    weight: int,
    mandatory: dict[str, str],
    optional: dict[str, str],
    *cases: Case,
) -> Row:
    return Row(title, "GET", f"/api/v3/{path}", ws, weight, "NONE", mandatory, optional, cases)


def candles(title: str, path: str) -> Row:
    plain = BTC | {"interval": "1m"}
    return market(
        title, path, path, 2, OF_ONE | {"interval": "interval"}, KLINE_OPTIONS,
        Case(plain, Rows(a.KLINE, 100)),
        Case(plain | {"limit": 3}, (a.KLINE,) * 3),
        Case(plain | {"startTime": "$hour_ago", "endTime": "$now", "limit": 1_000}, Rows(a.KLINE, 60)),
        Case(plain | {"interval": "1d", "timeZone": "-1:00", "limit": 1}, (a.KLINE,)),
    )  # fmt: skip


def ticker(title: str, path: str, ws: str, option: dict[str, str], value: dict[str, str]) -> Row:
    """The two tickers that cost 4 for each symbol."""
    return market(
        title, path, ws, 4, {}, NAMES | option | {"type": "ticker"} | STATUS,
        Case(BTC, a.WINDOW),
        Case(BTC | {"type": "FULL"} | value, a.WINDOW),
        Case(BTC | {"type": "MINI", "symbolStatus": "TRADING"}, a.MINI),
        Case(BOTH, (a.WINDOW, a.WINDOW), weight=8),
        Case(BOTH | {"type": "MINI"}, (a.MINI, a.MINI), weight=8),
        Case(BOTH | {"symbolStatus": "HALT"}, (), weight=8),
    )  # fmt: skip


def quote(title: str, path: str, ws: str, shape: Any) -> Row:
    """The two tickers that cost 2 for one symbol and 4 for more."""
    return market(
        title, path, ws, 2, {}, NAMES | STATUS,
        Case(BTC, shape),
        Case(BTC | {"symbolStatus": "TRADING"}, shape),
        Case(BOTH, (shape, shape), weight=4),
        Case({}, Rows(shape, 3), weight=4),
        Case({"symbolStatus": "BREAK"}, (), weight=4),
    )  # fmt: skip


GENERAL = (
    market("Test connectivity", "ping", "ping", 1, {}, {}, Case({}, {})),
    market("Check server time", "time", "time", 1, {}, {}, Case({}, {"serverTime": TIME})),
    market(
        "Exchange information", "exchangeInfo", "exchangeInfo", 20, {},
        NAMES | {"permissions": "permissions", "showPermissionSets": "boolean"} | STATUS,
        Case({}, a.EXCHANGE_INFO | {"symbols": Rows(a.SYMBOL, 3)}),
        Case(BTC, a.EXCHANGE_INFO | {"symbols": (a.SYMBOL,)}),
        Case(BOTH, a.EXCHANGE_INFO | {"symbols": (a.SYMBOL, a.SYMBOL)}),
        Case({"permissions": "SPOT"}, a.EXCHANGE_INFO),
        Case({"permissions": ["MARGIN", "LEVERAGED"]}, a.EXCHANGE_INFO | {"symbols": ()}),
        Case({"showPermissionSets": False}, a.NO_SETS),
        Case({"symbolStatus": "TRADING"}, a.EXCHANGE_INFO),
        Case({"symbolStatus": "HALT"}, a.EXCHANGE_INFO | {"symbols": ()}),
    ),
    market(
        "Query Execution Rules", "executionRules", "executionRules", 2, {}, NAMES | STATUS,
        Case(BTC, a.EXECUTION_RULES),
        Case(BOTH, a.EXECUTION_RULES, weight=4),
        Case({"symbolStatus": "TRADING"}, a.EXECUTION_RULES, weight=40),
        Case({}, a.EXECUTION_RULES, weight=40),
    ),
)  # fmt: skip

MARKET_DATA = (
    market(
        "Order book", "depth", "depth", 5, OF_ONE, LIMIT | STATUS,
        Case(BTC, a.BOOK),
        Case(BTC | {"limit": 100}, a.BOOK),
        Case(BTC | {"limit": 101}, a.BOOK, weight=25),
        Case(BTC | {"limit": 500}, a.BOOK, weight=25),
        Case(BTC | {"limit": 501}, a.BOOK, weight=50),
        Case(BTC | {"limit": 1_000}, a.BOOK, weight=50),
        Case(BTC | {"limit": 1_001}, a.BOOK, weight=250),
        Case(BTC | {"limit": 9_999}, a.BOOK, weight=250),
        Case(BTC | {"symbolStatus": "TRADING"}, a.BOOK),
    ),
    market(
        "Recent trades list", "trades", "trades.recent", 25, OF_ONE, LIMIT,
        Case(BTC, Rows(a.TRADE)), Case(BTC | {"limit": 1}, (a.TRADE,)),
    ),
    market(
        "Old trade lookup", "historicalTrades", "trades.historical", 25, OF_ONE, LIMIT | {"fromId": "int"},
        Case(BTC, Rows(a.TRADE)), Case(BTC | {"fromId": "$trade", "limit": 1}, (a.TRADE,)),
    ),
    market(
        "Historical Block Trades", "historicalBlockTrades", "blockTrades.historical", 25,
        OF_ONE | {"fromId": "int"}, LIMIT,
        Case(BTC | {"fromId": 0}, Rows(a.BLOCK_TRADE, 0)),
        Case(BTC | {"fromId": 0, "limit": 1}, Rows(a.BLOCK_TRADE, 0)),
    ),
    market(
        "Compressed/Aggregate trades list", "aggTrades", "trades.aggregate", 4, OF_ONE,
        {"fromId": "int"} | SPAN | LIMIT,
        Case(BTC, Rows(a.AGG_TRADE)),
        Case(BTC | {"fromId": "$agg_trade", "limit": 1}, (a.AGG_TRADE,)),
        Case(BTC | {"startTime": "$hour_ago"}, Rows(a.AGG_TRADE)),
        Case(BTC | {"startTime": "$hour_ago", "endTime": "$now"}, Rows(a.AGG_TRADE)),
        Case(BTC | {"endTime": "$now", "limit": 2}, (a.AGG_TRADE,) * 2),
    ),
    candles("Kline/Candlestick data", "klines"),
    candles("UIKlines", "uiKlines"),
    market("Current average price", "avgPrice", "avgPrice", 2, OF_ONE, {}, Case(BTC, a.AVG_PRICE)),
    market(
        "24hr ticker price change statistics", "ticker/24hr", "ticker.24hr", 2, {},
        NAMES | {"type": "ticker"} | STATUS,
        Case(BTC, a.DAY_TICKER),
        Case(BTC | {"type": "FULL"}, a.DAY_TICKER),
        Case(BTC | {"type": "MINI", "symbolStatus": "TRADING"}, a.MINI),
        Case(BOTH, (a.DAY_TICKER, a.DAY_TICKER)),
        Case(BOTH | {"type": "MINI"}, (a.MINI, a.MINI)),
        Case({}, Rows(a.DAY_TICKER, 3), weight=80),
        Case({"type": "MINI", "symbolStatus": "HALT"}, (), weight=80),
    ),
    ticker(
        "Trading Day Ticker", "ticker/tradingDay", "ticker.tradingDay", {"timeZone": "zone"},
        {"timeZone": "+8:00"},
    ),
    quote("Symbol price ticker", "ticker/price", "ticker.price", a.PRICE),
    quote("Symbol order book ticker", "ticker/bookTicker", "ticker.book", a.BOOK_TICKER),
    ticker(
        "Rolling window price change statistics", "ticker", "ticker", {"windowSize": "window"},
        {"windowSize": "15m"},
    ),
    market(
        "Query Reference Price", "referencePrice", "referencePrice", 2, OF_ONE, {},
        Case(BTC, NO_REFERENCE, status=400),
    ),
    market(
        "Query Reference Price Calculation", "referencePrice/calculation", "referencePrice.calculation", 2,
        OF_ONE, STATUS,
        Case(BTC, NO_REFERENCE, status=400),
        Case(BTC | {"symbolStatus": "TRADING"}, NO_REFERENCE, status=400),
    ),
)  # fmt: skip
