"""From the exchange's events to stream messages: trades, best prices, diffs of the book, candles.

Pure of sockets and clocks: it is told when a tenth of a second of the venue's time is over. What a
tape brings verbatim is passed on and never made a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from quantlab.domain.orders import Side
from quantlab.paper.exchange import Event, Exchange, LevelChange, TradePrint
from quantlab.paper.market import Frame, Market
from quantlab.paper.market.candles import Candles
from quantlab.paper.market.intervals import INTERVALS, opening
from quantlab.paper.server import render
from quantlab.paper.server.hub import Hub
from quantlab.paper.server.userfeed import UserFeed

TICK_MS = 100
_encode = msgspec.json.encode


class Diff:
    """The changed levels of one book since the last message of one depth stream."""

    __slots__ = ("_asks", "_bids", "_first", "_last")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}
        self._first = self._last = 0

    def add(self, change: LevelChange, price: str, quantity: str) -> None:
        self._first = self._first or change.first_id
        self._last = change.update_id
        (self._bids if change.side is Side.BUY else self._asks)[price] = quantity

    def take(self, symbol: str, now_ms: int) -> bytes | None:
        """The `depthUpdate` of what changed, or None. Its ids follow on the one before without a gap."""
        if not self._last:
            return None
        message = {
            "e": "depthUpdate", "E": now_ms, "s": symbol, "U": self._first, "u": self._last,
            "b": list(self._bids.items()), "a": list(self._asks.items()),
        }  # fmt: skip
        self._clear()
        return _encode(message)


class _Streams(NamedTuple):
    """Names of one symbol's streams, and its depth streams with their periods."""

    trade: str
    book_ticker: str
    depth: tuple[tuple[str, int, Diff], ...]


class Publisher:
    """Turns events into messages for the `Hub`.

    Args:
        users: Takes the events that are an account's own.
    """

    def __init__(self, exchange: Exchange, hub: Hub, market: Market, now_ms: int, users: UserFeed) -> None:
        self._exchange = exchange
        self._hub = hub
        self._users = users
        self._verbatim = market.verbatim
        self._best: dict[str, object] = {}
        self._streams: dict[str, _Streams] = {}
        self._symbols = {symbol.lower(): symbol for symbol in exchange.instruments}
        self.candles: dict[str, Candles] = {}
        for symbol in exchange.instruments:
            low = symbol.lower()
            depth = [(f"{low}@depth@100ms", TICK_MS), (f"{low}@depth", 1_000), (f"{low}@depth@1000ms", 1_000)]
            made = tuple((name, period, Diff()) for name, period in depth if name not in self._verbatim)
            self._streams[symbol] = _Streams(f"{low}@trade", f"{low}@bookTicker", made)
            self.candles[symbol] = Candles(market.history(symbol, now_ms))

    def take(self, events: Sequence[Event], now_ms: int) -> None:
        """Publish what the exchange just did; user events go first."""
        changed: dict[str, LevelChange] = {}
        for event in events:
            if type(event) is LevelChange:
                changed[event.symbol] = event
                self._level(event)
            elif type(event) is TradePrint:
                self._trade(event)
            else:
                self._users.take(event, now_ms)
        for symbol, change in changed.items():
            self._book_ticker(symbol, change.update_id)

    def pass_on(self, frames: Iterable[Frame]) -> None:
        """Publish messages that a market brought itself."""
        for frame in frames:
            self._hub.publish(frame.stream, frame.payload)

    def tick(self, now_ms: int) -> None:
        """A tenth of a second is over: send the diffs and candles that are due."""
        for symbol, streams in self._streams.items():
            for name, period, diff in streams.depth:
                if now_ms % period == 0 and (message := diff.take(symbol, now_ms)) is not None:
                    self._hub.publish(name, message)
        if now_ms % 1_000 == 0:
            for name in self._hub.wanted():
                low, _, interval = name.partition("@kline_")
                period = 1_000 if interval == "1s" else 2_000
                if interval in INTERVALS and low in self._symbols and now_ms % period == 0:
                    self._kline(name, self._symbols[low], interval, now_ms)

    def _level(self, change: LevelChange) -> None:
        price, quantity = render.amount(change.price), render.amount(change.quantity)
        for _, _, diff in self._streams[change.symbol].depth:
            diff.add(change, price, quantity)

    def _trade(self, trade: TradePrint) -> None:
        self.candles[trade.symbol].add(trade)
        name = self._streams[trade.symbol].trade
        if name not in self._verbatim and self._hub.wants(name):
            self._hub.publish(name, _encode(render.trade_event(trade)))

    def _book_ticker(self, symbol: str, update_id: int) -> None:
        name = self._streams[symbol].book_ticker
        if name in self._verbatim or not self._hub.wants(name):
            self._best.pop(symbol, None)
            return
        best = self._exchange.best(symbol)
        if best == self._best.get(symbol):
            return
        self._best[symbol] = best
        bid, bid_quantity, ask, ask_quantity = map(render.amount, best)
        message = {"u": update_id, "s": symbol, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity}
        self._hub.publish(name, _encode(message))

    def _kline(self, name: str, symbol: str, interval: str, now_ms: int) -> None:
        """The running candle; at its end, once more as closed."""
        over = opening(interval, now_ms) == now_ms
        at_ms = now_ms - 1 if over else now_ms
        candle = self.candles[symbol].at(interval, at_ms, at_ms)
        if candle is not None:
            event = render.kline_event(symbol, interval, candle, now_ms, closed=over)
            self._hub.publish(name, _encode(event))
