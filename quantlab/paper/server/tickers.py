"""Price statistics of a window: what the ticker endpoints and the ticker streams tell.

Windows are added up from minutes, so every one of them begins with the minute that holds its opening.
A symbol that never traded has zeros, and -1 for its trade ids, as at Binance.

Source: Binance spot REST API, "24hr ticker price change statistics", "Trading Day Ticker", "Rolling
window price change statistics"; WebSocket Streams, the ticker streams.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from quantlab.paper.exchange import TradePrint
from quantlab.paper.market.candles import ZERO, Candle
from quantlab.paper.market.intervals import DAY, MINUTE, opening
from quantlab.paper.server.prints import Prints
from quantlab.paper.server.render import Json, amount

Best = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]


class Statistics(NamedTuple):
    """What one symbol did from `open_ms` to `close_ms` (UTC).

    `previous` is the last price before it, `last` the newest trade (None before the first).
    """

    symbol: str
    total: Candle
    previous: Decimal
    open_ms: int
    close_ms: int
    last: TradePrint | None

    @property
    def change(self) -> Decimal:
        return self.total.close - self.total.open

    @property
    def percent(self) -> str:
        return f"{self.change / self.total.open * 100 if self.total.open else ZERO:.3f}"

    @property
    def average(self) -> str:
        return amount(self.total.quote_volume / self.total.volume if self.total.volume else ZERO)


def statistics(symbol: str, prints: Prints, begin_ms: int, open_ms: int, close_ms: int) -> Statistics:
    """All trades since the minute of `begin_ms`, told as a window from `open_ms` to `close_ms`."""
    total, previous = prints.candles.since(begin_ms, close_ms) or (Candle(open_ms, ZERO), ZERO)
    return Statistics(symbol, total, previous, open_ms, close_ms, prints.last)


def last_day(symbol: str, prints: Prints, now_ms: int) -> Statistics:
    """The last 24 hours."""
    return statistics(symbol, prints, now_ms - DAY, now_ms - DAY, now_ms)


def rolling(symbol: str, prints: Prints, window_ms: int, now_ms: int) -> Statistics:
    """The last `window_ms`, begun on a minute."""
    open_ms = (now_ms - window_ms) // MINUTE * MINUTE
    return statistics(symbol, prints, open_ms, open_ms, now_ms)


def trading_day(symbol: str, prints: Prints, now_ms: int, offset_ms: int) -> Statistics:
    """The running day of a timezone, told until its end."""
    open_ms = opening("1d", now_ms, offset_ms)
    found = statistics(symbol, prints, open_ms, open_ms, now_ms)
    return found._replace(close_ms=open_ms + DAY - 1)


# --- replies


def full(stats: Statistics) -> Json:
    """type=FULL of a rolling window or a trading day."""
    return {"symbol": stats.symbol, **_change(stats), **_window(stats)}


def mini(stats: Statistics) -> Json:
    """type=MINI of any ticker."""
    return {"symbol": stats.symbol, **_window(stats)}


def full_day(stats: Statistics, best: Best) -> Json:
    """type=FULL of the last 24 hours."""
    bid, bid_quantity, ask, ask_quantity = map(amount, best)
    window = _window(stats)
    return {
        "symbol": stats.symbol,
        **_change(stats),
        "prevClosePrice": amount(stats.previous),
        "lastPrice": window.pop("lastPrice"),
        "lastQty": amount(stats.last.quantity if stats.last else None),
        "bidPrice": bid,
        "bidQty": bid_quantity,
        "askPrice": ask,
        "askQty": ask_quantity,
        **window,
    }


def _change(stats: Statistics) -> Json:
    return {
        "priceChange": amount(stats.change),
        "priceChangePercent": stats.percent,
        "weightedAvgPrice": stats.average,
    }


def _window(stats: Statistics) -> Json:
    total = stats.total
    return {
        "openPrice": amount(total.open),
        "highPrice": amount(total.high),
        "lowPrice": amount(total.low),
        "lastPrice": amount(total.close),
        "volume": amount(total.volume),
        "quoteVolume": amount(total.quote_volume),
        "openTime": stats.open_ms,
        "closeTime": stats.close_ms,
        "firstId": total.first_id,
        "lastId": total.last_id,
        "count": total.trades,
    }


# --- events


def mini_event(stats: Statistics, now_ms: int) -> Json:
    """`24hrMiniTicker`."""
    total = stats.total
    return {
        "e": "24hrMiniTicker", "E": now_ms, "s": stats.symbol, "c": amount(total.close),
        "o": amount(total.open), "h": amount(total.high), "l": amount(total.low),
        "v": amount(total.volume), "q": amount(total.quote_volume),
    }  # fmt: skip


def rolling_event(stats: Statistics, window: str, now_ms: int) -> Json:
    """`1hTicker`, `4hTicker`, `1dTicker`."""
    total = stats.total
    return {
        "e": f"{window}Ticker", "E": now_ms, "s": stats.symbol, "p": amount(stats.change),
        "P": stats.percent, "o": amount(total.open), "h": amount(total.high), "l": amount(total.low),
        "c": amount(total.close), "w": stats.average, "v": amount(total.volume),
        "q": amount(total.quote_volume), "O": stats.open_ms, "C": stats.close_ms,
        "F": total.first_id, "L": total.last_id, "n": total.trades,
    }  # fmt: skip


def day_event(stats: Statistics, best: Best, now_ms: int) -> Json:
    """`24hrTicker`."""
    total = stats.total
    bid, bid_quantity, ask, ask_quantity = map(amount, best)
    return {
        "e": "24hrTicker", "E": now_ms, "s": stats.symbol, "p": amount(stats.change), "P": stats.percent,
        "w": stats.average, "x": amount(stats.previous), "c": amount(total.close),
        "Q": amount(stats.last.quantity if stats.last else None), "b": bid, "B": bid_quantity, "a": ask,
        "A": ask_quantity, "o": amount(total.open), "h": amount(total.high), "l": amount(total.low),
        "v": amount(total.volume), "q": amount(total.quote_volume), "O": stats.open_ms, "C": stats.close_ms,
        "F": total.first_id, "L": total.last_id, "n": total.trades,
    }  # fmt: skip
