"""From the exchange's events to stream messages: what is told at once, and what waits for its pace.

Pure of sockets and clocks: it is told when a tenth of a second of the venue's time is over. What a
tape brings verbatim is passed on and never made a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from quantlab.paper.exchange import Event, Exchange, LevelChange, TradePrint
from quantlab.paper.market import Frame, Market
from quantlab.paper.server import render
from quantlab.paper.server.feeds import TICK_MS, Feeds
from quantlab.paper.server.hub import Hub
from quantlab.paper.server.prints import Aggregate, Prints
from quantlab.paper.server.userfeed import UserFeed

__all__ = ["TICK_MS", "Publisher"]

_encode = msgspec.json.encode


class _Streams(NamedTuple):
    """Names of one symbol's streams in real time."""

    trade: str
    aggregate: str
    book_ticker: str


class Publisher:
    """Turns events into messages for the `Hub`.

    Args:
        users: Takes the events that are an account's own.

    Attributes:
        prints: What the public has seen of each symbol.
    """

    def __init__(self, exchange: Exchange, hub: Hub, market: Market, now_ms: int, users: UserFeed) -> None:
        self._exchange = exchange
        self._hub = hub
        self._users = users
        self._verbatim = market.verbatim
        self._best: dict[str, object] = {}
        self._streams: dict[str, _Streams] = {}
        self.prints: dict[str, Prints] = {}
        for symbol in exchange.instruments:
            low = symbol.lower()
            self._streams[symbol] = _Streams(f"{low}@trade", f"{low}@aggTrade", f"{low}@bookTicker")
            self.prints[symbol] = Prints(partial(market.history, symbol, now_ms))
        self._feeds = Feeds(exchange, hub, self.prints, market.verbatim)

    def take(self, events: Sequence[Event], now_ms: int) -> None:
        """Publish what the exchange just did, all of it at once."""
        self._feeds.refresh()
        changed: dict[str, LevelChange] = {}
        traded: dict[str, Prints] = {}
        for event in events:
            if type(event) is LevelChange:
                changed[event.symbol] = event
                self._feeds.changed(event)
            elif type(event) is TradePrint:
                self._trade(event)
                traded[event.symbol] = self.prints[event.symbol]
            else:
                self._users.take(event, now_ms)
        for prints in traded.values():
            self._aggregate(prints.close())
        for symbol, change in changed.items():
            self._book_ticker(symbol, change.update_id)

    def pass_on(self, frames: Iterable[Frame]) -> None:
        """Publish messages that a market brought itself."""
        for frame in frames:
            self._hub.publish(frame.stream, frame.payload)

    def tick(self, now_ms: int) -> None:
        """A tenth of a second is over: send what goes out at a pace."""
        self._feeds.tick(now_ms)

    def _made(self, name: str) -> bool:
        """True where somebody wants this stream, and it is for us to make."""
        return self._hub.wants(name) and name not in self._verbatim

    def _trade(self, trade: TradePrint) -> None:
        self._aggregate(self.prints[trade.symbol].add(trade))
        name = self._streams[trade.symbol].trade
        if self._made(name):
            self._hub.publish(name, _encode(render.trade_event(trade)))

    def _aggregate(self, aggregate: Aggregate | None) -> None:
        """One that is complete, for nothing can join it any more."""
        if aggregate is None:
            return
        name = self._streams[aggregate.trade.symbol].aggregate
        if self._made(name):
            self._hub.publish(name, _encode(render.aggregate_event(aggregate)))

    def _book_ticker(self, symbol: str, update_id: int) -> None:
        name = self._streams[symbol].book_ticker
        if not self._made(name):
            self._best.pop(symbol, None)
            return
        best = self._exchange.best(symbol)
        if best == self._best.get(symbol):
            return
        self._best[symbol] = best
        bid, bid_quantity, ask, ask_quantity = map(render.amount, best)
        message = {"u": update_id, "s": symbol, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity}
        self._hub.publish(name, _encode(message))
