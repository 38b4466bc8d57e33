"""Another venue's public market, played as it happens: `quantlab venue --market live`.

Real: listing and filters, book, trades, and the candles of the time before. Moved to the venue's
clock: all times. The venue's own: update and trade ids where the upstream's start anew (they
never go back here), and of course its users' orders, which wait in the mirrored queues.

Fails closed: a symbol whose book is not right is HALT, so a new order is refused with -2010
"Market is closed." and none trades on a stale price; cancels pass. When the book is right again the
trades that were missed are played first, so that orders they went through are filled.

Source: Binance spot "Enums", symbol status; "Errors", messages for -1010, -2010, -2011.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from quantlab.clock import Clock
from quantlab.domain.instrument import Instrument
from quantlab.domain.market import BookView, DepthUpdate, Trade
from quantlab.errors import InvalidField, TapeError
from quantlab.paper.exchange import Exchange
from quantlab.paper.market import Frame
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.intervals import HOUR
from quantlab.paper.market.live.mirror import LiveSettings, Mirror
from quantlab.paper.market.live.upstream import endpoints_of

log = logging.getLogger(__name__)

CLOSED = "HALT"
MOST_WAITING = 100_000  # events; more is a venue that does not keep up


class LiveMarket:
    """Mirrors an upstream. Made by `connect`; `run` must run for anything to come in."""

    verbatim: frozenset[str] = frozenset()

    def __init__(self, upstream: str, *, clock: Clock, settings: LiveSettings) -> None:
        self.instruments: tuple[Instrument, ...] = ()
        self._clock = clock
        self.mirror = Mirror(endpoints_of(upstream), clock=clock, sink=self._take, settings=settings)
        self._candles: dict[str, list[Candle]] = {}
        self._waiting: deque[DepthUpdate | Trade] = deque()
        self._ids: dict[str, _Ids] = {}
        self._shown: dict[str, str] = {}  # the state of each symbol here
        self._broken: set[str] = set()
        self._running = False

    @staticmethod
    async def connect(
        upstream: str,
        symbols: Sequence[str] | None = None,
        *,
        clock: Clock,
        settings: LiveSettings | None = None,
    ) -> LiveMarket:
        """Read the listing and the latest candles.

        Args:
            upstream: Whose market (see `upstream.endpoints_of`).
            symbols: Which to mirror; None for all of an upstream that lists a few.
            clock: The venue's.
            settings: How patient the mirror is.

        Raises:
            ConfigError: The upstream is no address, or lists no such symbol.
            VenueError: It does not answer as documented.
        """
        market = LiveMarket(upstream, clock=clock, settings=settings or LiveSettings())
        try:
            await market.mirror.look_up(symbols)
            market.instruments = tuple(each.instrument for each in market.mirror.rules.values())
            for symbol in market.mirror.rules:
                market._candles[symbol] = _joined(*await market.mirror.candles(symbol, clock.now_ms()))
        except BaseException:
            await market.mirror.client.aclose()
            raise
        return market

    def follow(self, clock: Clock) -> None:
        """Say this clock's time of everything that is mirrored."""
        self._clock = clock

    async def run(self) -> None:
        """Bring in what happens upstream, until cancelled."""
        await self.mirror.run()

    async def ready(self) -> None:
        """Return when every symbol can be traded, or the patience of `LiveSettings.ready_s` ends."""
        await self.mirror.ready()

    def open(self, exchange: Exchange, now_ms: int) -> None:  # noqa: ARG002  # the protocol's
        """Nobody trades before the first books are here."""
        for symbol, rules in self.mirror.rules.items():
            self._ids[symbol] = _Ids()
            exchange.set_rules(symbol, rules)
            self._set(exchange, symbol, CLOSED)

    def history(self, symbol: str, now_ms: int) -> Sequence[Candle]:  # noqa: ARG002  # the protocol's
        """The upstream's candles before we came."""
        return self._candles[symbol]

    def next_ms(self) -> int | None:
        """At once, where something came in or a symbol is to be closed or opened."""
        if not self._running:
            return None
        return 0 if self._waiting or self._turn() is not None else None

    def act(self, exchange: Exchange) -> Sequence[Frame]:
        """Mirror one event, or close or open one symbol."""
        if self._waiting:
            self._perform(exchange, self._waiting.popleft(), self._clock.now_ms())
        elif (turn := self._turn()) is not None:
            symbol, status = turn
            if symbol in self.mirror.lost and status != CLOSED:
                self._show(exchange, self.mirror.take(symbol))
            self._set(exchange, symbol, status)
        return ()

    def play(self, now_ms: int, speed: float) -> None:  # noqa: ARG002  # the protocol's
        """Go on; the past is over, so there is but one speed."""
        if speed != 1:
            raise InvalidField("speed", f"a live market does not run at {speed:g}", "leave it at 1")
        self._running = True

    def stop(self, now_ms: int) -> None:  # noqa: ARG002  # the protocol's
        """Take nothing over until `play`."""
        self._running = False

    def slip(self, from_ms: int, to_ms: int) -> None:
        """Nothing: what happens upstream waits for nobody."""

    def _take(self, event: DepthUpdate | Trade) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self.mirror.drop("this venue does not keep up with the upstream")
            return
        self._waiting.append(event)

    def _turn(self) -> tuple[str, str] | None:
        """The next symbol to close or open, and its new state."""
        mirror = self.mirror
        for symbol, rules in mirror.rules.items():
            closed = symbol in mirror.lost and (self._shown[symbol] != CLOSED or not mirror.right(symbol))
            status = CLOSED if closed or symbol in self._broken else rules.instrument.status
            if status != self._shown[symbol]:
                return symbol, status
        return None

    def _perform(self, exchange: Exchange, event: DepthUpdate | Trade, now_ms: int) -> None:
        ids, symbol = self._ids[event.symbol], event.symbol
        if symbol in self._broken:
            return
        try:
            if isinstance(event, Trade):
                trade_id, maker = ids.trade(event.trade_id), event.buyer_is_maker
                exchange.mirror_trade(symbol, trade_id, event.price, event.quantity, maker, now_ms)
            elif (span := ids.span(event.first_id, event.final_id)) is not None:
                exchange.mirror_depth(symbol, *span, event.bids, event.asks, now_ms)
        except TapeError as error:
            self._break(exchange, symbol, error)

    def _show(self, exchange: Exchange, book: BookView) -> None:
        update_id = self._ids[book.symbol].book(book.update_id)
        try:
            now_ms = self._clock.now_ms()
            exchange.mirror_snapshot(book.symbol, update_id, book.bids, book.asks, now_ms)
        except TapeError as error:
            self._break(exchange, book.symbol, error)

    def _break(self, exchange: Exchange, symbol: str, error: TapeError) -> None:
        """What the upstream says cannot be on the grid that it listed: this symbol ends."""
        log.error("%s is closed: %s", symbol, error)
        self._broken.add(symbol)
        self._set(exchange, symbol, CLOSED)

    def _set(self, exchange: Exchange, symbol: str, status: str) -> None:
        status = CLOSED if symbol in self._broken else status
        self._shown[symbol] = status
        exchange.set_status(symbol, status)


class _Ids:
    """The ids given out for one symbol: the upstream's, and never back where those start anew."""

    def __init__(self) -> None:
        self._update_id = self._update_shift = 0
        self._trade_id = self._trade_shift = 0

    def book(self, update_id: int) -> int:
        """Of a whole book; every diff after it follows on."""
        if update_id + self._update_shift < self._update_id:
            self._update_shift = self._update_id + 1 - update_id
        self._update_id = update_id + self._update_shift
        return self._update_id

    def span(self, first_id: int, final_id: int) -> tuple[int, int] | None:
        """Of a diff; None where the book that is shown contains it."""
        final = final_id + self._update_shift
        if final <= self._update_id:
            return None
        first = max(first_id + self._update_shift, self._update_id + 1)
        self._update_id = final
        return first, final

    def trade(self, trade_id: int) -> int:
        """Of a trade."""
        if trade_id + self._trade_shift <= self._trade_id:
            self._trade_shift = self._trade_id + 1 - trade_id
        self._trade_id = trade_id + self._trade_shift
        return self._trade_id


def _joined(hours: Sequence[Candle], minutes: Sequence[Candle]) -> list[Candle]:
    """Hours, then minutes from a full hour on: a piece never crosses a longer one."""
    first = next((each.open_ms for each in minutes if each.open_ms % HOUR == 0), None)
    if first is None:
        return list(minutes)
    earlier, later = (
        (each for each in hours if each.open_ms < first),
        (each for each in minutes if each.open_ms >= first),
    )
    return [*earlier, *later]
