"""The streams that go out at a fixed pace: diffs and tops of the book, candles, tickers, averages.

Each exists only while somebody listens to it, and is encoded once for all who do. A name that the
document does not have makes none, and stays silent: so do `!ticker@arr`, which is retired, and the
reference prices and block trades that this venue does not have.

Source: Binance spot WebSocket Streams, "Detailed Stream information".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from quantlab.domain.orders import Side
from quantlab.paper.exchange import Exchange, LevelChange
from quantlab.paper.market.intervals import HOUR, INTERVALS, WINDOWS, opening
from quantlab.paper.server import render, tickers
from quantlab.paper.server.hub import Hub
from quantlab.paper.server.prints import Prints

TICK_MS = 100
SLOW_MS = 1_000
KINDS = re.compile(
    r"(?P<diff>depth)(?P<diff_pace>@100ms|@1000ms)?"
    r"|depth(?P<top>5|10|20)(?P<top_pace>@100ms|@1000ms)?"
    r"|kline_(?P<interval>[0-9]+[smhdwM])(?P<zone>@\+08:00)?"
    r"|(?P<ticker>ticker|miniTicker|ticker_1h|ticker_4h|ticker_1d|avgPrice)"
)
# no document has a speed here, but Binance's own pages ask for one, and python-binance does by default
ALL = re.compile(
    r"!(?:(?P<ticker>ticker_1h|ticker_4h|ticker_1d)@arr|miniTicker@arr(?P<pace>@1000ms|@3000ms)?)"
)
_encode = msgspec.json.encode


class Feed(Protocol):
    """One stream. Its message is due when the time is a multiple of `period_ms`."""

    period_ms: int

    def take(self, now_ms: int) -> bytes | None:
        """The message that is due now; None where there is nothing to tell."""


class Diff:
    """`depthUpdate`: the levels that changed since the message before.

    Its ids follow on those without a gap, from the first change after somebody began to listen.
    """

    __slots__ = ("_asks", "_bids", "_first", "_last", "_symbol", "period_ms")

    def __init__(self, symbol: str, period_ms: int) -> None:
        self._symbol = symbol
        self.period_ms = period_ms
        self._clear()

    def _clear(self) -> None:
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}
        self._first = self._last = 0

    def add(self, change: LevelChange, price: str, quantity: str) -> None:
        self._first = self._first or change.first_id
        self._last = change.update_id
        (self._bids if change.side is Side.BUY else self._asks)[price] = quantity

    def take(self, now_ms: int) -> bytes | None:
        if not self._last:
            return None
        message = {
            "e": "depthUpdate", "E": now_ms, "s": self._symbol, "U": self._first, "u": self._last,
            "b": list(self._bids.items()), "a": list(self._asks.items()),
        }  # fmt: skip
        self._clear()
        return _encode(message)


class Top:
    """The best levels of the book, whole each time."""

    def __init__(self, exchange: Exchange, symbol: str, levels: int, period_ms: int) -> None:
        self._exchange = exchange
        self._symbol = symbol
        self._levels = levels
        self.period_ms = period_ms

    def take(self, now_ms: int) -> bytes | None:  # noqa: ARG002  # these messages tell no time
        return _encode(render.book(*self._exchange.depth(self._symbol, self._levels)))


class Klines:
    """The running candle; at its end, once more as closed."""

    def __init__(self, symbol: str, prints: Prints, interval: str, offset_ms: int) -> None:
        self._symbol = symbol
        self._candles = prints.candles
        self._interval = interval
        self._offset_ms = offset_ms
        self.period_ms = SLOW_MS if interval == "1s" else 2 * SLOW_MS

    def take(self, now_ms: int) -> bytes | None:
        over = opening(self._interval, now_ms, self._offset_ms) == now_ms
        at_ms = now_ms - 1 if over else now_ms
        candle = self._candles.at(self._interval, at_ms, at_ms, self._offset_ms)
        if candle is None:
            return None
        offset = self._offset_ms
        return _encode(render.kline_event(self._symbol, self._interval, candle, now_ms, offset, closed=over))


Maker = Callable[[str, int], render.Json | None]  # of a symbol and the time


class One:
    """One symbol's statistics, every second from its first trade on."""

    period_ms = SLOW_MS

    def __init__(self, symbol: str, make: Maker) -> None:
        self._symbol = symbol
        self._make = make

    def take(self, now_ms: int) -> bytes | None:
        event = self._make(self._symbol, now_ms)
        return None if event is None else _encode(event)


class Every:
    """All symbols' statistics in one list: those that changed, but for their times, since the one before."""

    def __init__(self, symbols: tuple[str, ...], make: Maker, period_ms: int = SLOW_MS) -> None:
        self._make = make
        self.period_ms = period_ms
        self._told: dict[str, render.Json] = {key: {} for key in symbols}

    def take(self, now_ms: int) -> bytes | None:
        changed = []
        for symbol, told in self._told.items():
            event = self._make(symbol, now_ms)
            if event is None:
                continue
            news = {name: value for name, value in event.items() if name not in "EOC"}
            if news != told:
                self._told[symbol] = news
                changed.append(event)
        return _encode(changed) if changed else None


class Feeds:
    """The feeds that are wanted now.

    Args:
        prints: By symbol.
        verbatim: Names of streams that a tape brings itself.
    """

    def __init__(
        self, exchange: Exchange, hub: Hub, prints: Mapping[str, Prints], verbatim: frozenset[str]
    ) -> None:
        self._exchange = exchange
        self._hub = hub
        self._prints = prints
        self._verbatim = verbatim
        self._symbols = {symbol.lower(): symbol for symbol in prints}
        self._seen = hub.changes
        self._feeds: dict[str, Feed] = {}
        self._diffs: dict[str, list[Diff]] = {}

    def refresh(self) -> None:
        """Follow what the hub's sockets want. Call it before anything happens that a feed must not miss."""
        if self._seen == self._hub.changes:
            return
        self._seen = self._hub.changes
        wanted = {name: self._feeds.get(name) or self._feed(name) for name in self._hub.wanted()}
        self._feeds = {name: feed for name, feed in wanted.items() if feed is not None}
        self._diffs = {}
        for name, feed in self._feeds.items():
            if isinstance(feed, Diff):
                self._diffs.setdefault(self._symbols[name.partition("@")[0]], []).append(feed)

    def changed(self, change: LevelChange) -> None:
        """One level of the book is different now."""
        if diffs := self._diffs.get(change.symbol):
            price, quantity = render.amount(change.price), render.amount(change.quantity)
            for diff in diffs:
                diff.add(change, price, quantity)

    def tick(self, now_ms: int) -> None:
        """A tenth of a second is over: send what is due."""
        self.refresh()
        for name, feed in self._feeds.items():
            if now_ms % feed.period_ms == 0 and (message := feed.take(now_ms)) is not None:
                self._hub.publish(name, message)

    def _feed(self, name: str) -> Feed | None:
        """The feed of this name; None where it has none."""
        if name in self._verbatim:
            return None
        if (every := ALL.fullmatch(name)) is not None:
            period_ms = 3 * SLOW_MS if every["pace"] == "@3000ms" else SLOW_MS
            return Every(tuple(self._prints), self._maker(every["ticker"] or "miniTicker"), period_ms)
        low, _, kind = name.partition("@")
        symbol, match = self._symbols.get(low), KINDS.fullmatch(kind)
        if symbol is None or match is None:
            return None
        if match["diff"]:
            return Diff(symbol, _pace(match["diff_pace"]))
        if match["top"]:
            return Top(self._exchange, symbol, int(match["top"]), _pace(match["top_pace"]))
        if match["ticker"]:
            return One(symbol, self._maker(match["ticker"]))
        offset = 8 * HOUR if match["zone"] else 0
        known = match["interval"] in INTERVALS
        return Klines(symbol, self._prints[symbol], match["interval"], offset) if known else None

    def _maker(self, kind: str) -> Maker:
        """What makes the events of a ticker stream."""

        def make(symbol: str, now_ms: int) -> render.Json | None:
            prints = self._prints[symbol]
            if prints.last is None:
                return None
            if kind == "avgPrice":
                minutes = self._exchange.rules(symbol).average_minutes
                average = self._exchange.average_price(symbol, now_ms)
                return render.average_event(symbol, minutes, average, prints.last.time_ms, now_ms)
            if kind == "miniTicker":
                return tickers.mini_event(tickers.last_day(symbol, prints, now_ms), now_ms)
            if kind == "ticker":
                stats = tickers.last_day(symbol, prints, now_ms)
                return tickers.day_event(stats, self._exchange.best(symbol), now_ms)
            window = kind.removeprefix("ticker_")
            stats = tickers.rolling(symbol, prints, WINDOWS[window], now_ms)
            return tickers.rolling_event(stats, window, now_ms)

        return make


def _pace(text: str | None) -> int:
    return TICK_MS if text == "@100ms" else SLOW_MS
