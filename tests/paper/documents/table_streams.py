"""Market streams: their names, their events' fields and types, their speeds.

Source: Binance spot "WebSocket Streams", "Detailed Stream information".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from answers import LEVEL
from shapes import BOOL, DECIMAL, ID, PERCENT, TEXT, TIME, Rows, exactly

BTC = exactly("BTCUSDT")


class Stream(NamedTuple):
    """`speed_ms` is how often it may speak; None in real time. `steady`: it speaks every time."""

    name: str
    shape: Any
    speed_ms: int | None = None
    steady: bool = False


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"e": exactly(kind), "E": TIME, "s": TEXT, **fields}


AGG_TRADE = event("aggTrade", a=ID, p=DECIMAL, q=DECIMAL, f=ID, l=ID, T=TIME, m=BOOL, M=BOOL)
TRADE = event("trade", t=ID, p=DECIMAL, q=DECIMAL, T=TIME, m=BOOL, M=BOOL)
MINI = event("24hrMiniTicker", c=DECIMAL, o=DECIMAL, h=DECIMAL, l=DECIMAL, v=DECIMAL, q=DECIMAL)
STATISTICS = dict.fromkeys("powhlcvq", DECIMAL) | {
    "P": PERCENT,
    "O": TIME,
    "C": TIME,
    "F": ID,
    "L": ID,
    "n": ID,
}
TICKER = event("24hrTicker", **STATISTICS, **dict.fromkeys("xQbBaA", DECIMAL))
BOOK_TICKER = {"u": ID, "s": BTC, "b": DECIMAL, "B": DECIMAL, "a": DECIMAL, "A": DECIMAL}
AVG_PRICE = event("avgPrice", i=exactly("5m"), w=DECIMAL, T=TIME)
TOP = {"lastUpdateId": ID, "bids": Rows(LEVEL), "asks": Rows(LEVEL)}
DIFF = event("depthUpdate", U=ID, u=ID, b=Rows(LEVEL, 0), a=Rows(LEVEL, 0))


def kline(interval: str) -> dict[str, Any]:
    candle = {
        "t": TIME, "T": TIME, "s": BTC, "i": exactly(interval), "f": ID, "L": ID, "n": ID, "x": BOOL,
        **dict.fromkeys("ochlvqVQ", DECIMAL), "B": TEXT,
    }  # fmt: skip
    return event("kline", k=candle)


def window(size: str) -> dict[str, Any]:
    return event(f"{size}Ticker", **STATISTICS)


HOURS = tuple(f"{each}h" for each in (1, 2, 4, 6, 8, 12))
INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", *HOURS, "1d", "3d", "1w", "1M")
WINDOWS = ("1h", "4h", "1d")

STREAMS = (
    Stream("btcusdt@aggTrade", AGG_TRADE),
    Stream("btcusdt@trade", TRADE),
    Stream("btcusdt@bookTicker", BOOK_TICKER),
    *(
        Stream(f"btcusdt@kline_{each}", kline(each), 1_000 if each == "1s" else 2_000, True)
        for each in INTERVALS
    ),
    *(Stream(f"btcusdt@kline_{each}@+08:00", kline(each), 2_000, steady=True) for each in ("1m", "1d")),
    Stream("btcusdt@miniTicker", MINI, 1_000),
    Stream("!miniTicker@arr", Rows(MINI), 1_000),
    Stream("btcusdt@ticker", TICKER, 1_000),
    *(Stream(f"btcusdt@ticker_{each}", window(each), 1_000) for each in WINDOWS),
    *(Stream(f"!ticker_{each}@arr", Rows(window(each)), 1_000) for each in WINDOWS),
    Stream("btcusdt@avgPrice", AVG_PRICE, 1_000),
    *(Stream(f"btcusdt@depth{levels}", TOP, 1_000) for levels in (5, 10, 20)),
    *(Stream(f"btcusdt@depth{levels}@100ms", TOP, 100) for levels in (5, 10, 20)),
    Stream("btcusdt@depth", DIFF, 1_000),
    Stream("btcusdt@depth@100ms", DIFF, 100),
)

SILENT = ("btcusdt@blockTrade", "btcusdt@referencePrice")  # no block trades, and no reference price ever

SHUTDOWN = {"e": exactly("serverShutdown"), "E": TIME}

VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
CONTROL_ERRORS: tuple[tuple[dict[str, Any] | str, int, str], ...] = (
    ({"method": "SET_PROPERTY", "params": ["colour", True], "id": 1}, 0, "Unknown property"),
    ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0, "Unknown property"),
    ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1,
     "Invalid value type: expected Boolean"),
    ({"method": "SET_PROPERTY", "params": [True, True], "id": 1}, 2,
     "Invalid request: property name must be a string"),
    ({"method": "GET_PROPERTY", "params": [], "id": 1}, 2,
     "Invalid request: property name must be a string"),
    ({"method": "SUBSCRIBE", "params": [], "id": 1.5}, 2,
     "Invalid request: request ID must be an unsigned integer"),
    ({"method": "GET_PROPERTY", "params": ["combined", "combined"], "id": 1}, 2,
     "Invalid request: too many parameters"),
    ({"method": "SUBSCRIB", "params": [], "id": 1}, 2,
     f"Invalid request: unknown variant SUBSCRIB, expected one of {VARIANTS}"),
    ({"params": [], "id": 1}, 2, "Invalid request: missing field `method`"),
    ("{", 3, "Invalid JSON: expected value"),
)  # fmt: skip
