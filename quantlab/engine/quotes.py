"""The last price of each symbol, and how old it is by the venue's own time.

Kept on the main thread for the rails. The spot venue sends no event time with the best bid and
ask, so a quote is as old as the newest trade or depth event that came with it on the same
socket: replayed frames look old here although they have just arrived. A best price that cannot
be one (a side is empty, or the sides cross) takes the price away until the next sound one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from quantlab.domain.market import BookTicker, DepthUpdate, Kline, Trade
from quantlab.trading.amounts import middle
from quantlab.trading.exposure import BookView

WINDOW_MS = 60_000
AVERAGE_MS = 60_000  # an older average is none
NOTHING_SEEN = BookView()


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A reference price (quote asset) and the newest event time behind it (UTC ms).

    `book` is what the market shows: best bid and ask, and the reference's own bounds of the last minute.
    """

    symbol: str
    price: Decimal
    event_ms: int
    book: BookView = NOTHING_SEEN


class Extremes:
    """The lowest and the highest of a price within a window, at a cost that does not grow with it."""

    __slots__ = ("_highs", "_lows")

    def __init__(self) -> None:
        self._lows: deque[tuple[int, Decimal]] = deque()
        self._highs: deque[tuple[int, Decimal]] = deque()

    def add(self, time_ms: int, price: Decimal) -> None:
        """What a later price goes beyond can never be an extreme again."""
        lows, highs = self._lows, self._highs
        while lows and lows[-1][1] >= price:
            lows.pop()
        while highs and highs[-1][1] <= price:
            highs.pop()
        lows.append((time_ms, price))
        highs.append((time_ms, price))
        for each in (lows, highs):
            while time_ms - each[0][0] > WINDOW_MS:
                each.popleft()

    @property
    def low(self) -> Decimal:
        return self._lows[0][1]

    @property
    def high(self) -> Decimal:
        return self._highs[0][1]


class Quotes:
    """Reference prices: the middle of the best bid and ask, or the last trade before there is one."""

    def __init__(self) -> None:
        self._prices: dict[str, Decimal] = {}
        self._times: dict[str, int] = {}
        self._tickers: dict[str, BookTicker] = {}
        self._extremes: dict[str, Extremes] = {}
        self._averages: dict[str, tuple[Decimal, int]] = {}

    def on_averages(self, prices: Mapping[str, Decimal], time_ms: int) -> None:
        """The venue's average prices (quote asset), as of `time_ms` (UTC, the venue's)."""
        for symbol, price in prices.items():
            if price > 0:
                self._averages[symbol] = (price, time_ms)

    def on_event(self, event: Trade | BookTicker | DepthUpdate | Kline) -> None:
        """Fold one market event in; the newest event time wins, whatever its order of arrival."""
        symbol = event.symbol
        if event.event_ms is not None:
            self._times[symbol] = max(event.event_ms, self._times.get(symbol, 0))
        if isinstance(event, BookTicker):
            self._tickers[symbol] = event
            if 0 < event.bid < event.ask:
                self._moved(symbol, middle(event.bid, event.ask))
            else:
                self._prices.pop(symbol, None)
        elif isinstance(event, Trade) and symbol not in self._tickers:
            self._moved(symbol, event.price)

    def get(self, symbol: str) -> Quote | None:
        """The symbol's quote, or None where no price or no event time was seen yet."""
        price, event_ms = self._prices.get(symbol), self._times.get(symbol)
        if price is None or event_ms is None:
            return None
        ticker, extremes = self._tickers.get(symbol), self._extremes[symbol]
        book = BookView(
            bid=ticker.bid if ticker else None, ask=ticker.ask if ticker else None,
            low=extremes.low, high=extremes.high, average=self._average(symbol, event_ms),
        )  # fmt: skip
        return Quote(symbol=symbol, price=price, event_ms=event_ms, book=book)

    def _average(self, symbol: str, event_ms: int) -> Decimal | None:
        known = self._averages.get(symbol)
        return known[0] if known is not None and event_ms - known[1] <= AVERAGE_MS else None

    def _moved(self, symbol: str, price: Decimal) -> None:
        self._prices[symbol] = price
        self._extremes.setdefault(symbol, Extremes()).add(self._times.get(symbol, 0), price)
