"""The last price of each symbol, and how old it is by the venue's own time.

Kept on the main thread for the rails. The spot venue sends no event time with the best bid and
ask, so a quote is as old as the newest trade or depth event that came with it on the same
socket: replayed frames look old here although they have just arrived. A best price that cannot
be one (a side is empty, or the sides cross) takes the price away until the next sound one.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.domain.market import BookTicker, DepthUpdate, Kline, Trade
from quantlab.trading.amounts import middle


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A reference price (quote asset) and the newest event time behind it (UTC ms)."""

    symbol: str
    price: Decimal
    event_ms: int


class Quotes:
    """Reference prices: the middle of the best bid and ask, or the last trade before there is one."""

    def __init__(self) -> None:
        self._prices: dict[str, Decimal] = {}
        self._times: dict[str, int] = {}
        self._has_ticker: set[str] = set()

    def on_event(self, event: Trade | BookTicker | DepthUpdate | Kline) -> None:
        """Fold one market event in; the newest event time wins, whatever its order of arrival."""
        symbol = event.symbol
        if event.event_ms is not None:
            self._times[symbol] = max(event.event_ms, self._times.get(symbol, 0))
        if isinstance(event, BookTicker):
            self._has_ticker.add(symbol)
            if 0 < event.bid < event.ask:
                self._prices[symbol] = middle(event.bid, event.ask)
            else:
                self._prices.pop(symbol, None)
        elif isinstance(event, Trade) and symbol not in self._has_ticker:
            self._prices[symbol] = event.price

    def get(self, symbol: str) -> Quote | None:
        """The symbol's quote, or None where no price or no event time was seen yet."""
        price, event_ms = self._prices.get(symbol), self._times.get(symbol)
        if price is None or event_ms is None:
            return None
        return Quote(symbol=symbol, price=price, event_ms=event_ms)
