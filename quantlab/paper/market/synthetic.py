"""A seeded market: the agents of several symbols, each with a random sequence of its own.

Deterministic in the venue's time: equal seeds give equal orders at equal times, whatever the pace at
which it is stepped. Before it opens there is a made-up past (`history`), so no chart is empty.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from decimal import Decimal

from quantlab.errors import InvalidField
from quantlab.paper.exchange import Exchange
from quantlab.paper.market import Frame
from quantlab.paper.market.agents import EVERY_MS, MAKER, TAKER, Flow
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.history import backwards
from quantlab.paper.market.pace import FASTEST, Pace
from quantlab.paper.market.symbols import instruments

PLENTY = Decimal(10) ** 15


class SyntheticMarket:
    """Made-up order flow in several symbols.

    Args:
        seed: Equal seeds, equal markets; a symbol's flow does not depend on the other symbols.
        symbols: Names among `symbols.SYMBOLS`; None for all.
        speed: How fast the flow runs against the venue's clock.
    """

    verbatim: frozenset[str] = frozenset()

    def __init__(self, seed: int, symbols: Sequence[str] | None = None, *, speed: float = 1.0) -> None:
        self._flows = [Flow(each, seed) for each in instruments(symbols)]
        self.instruments = tuple(flow.about.instrument for flow in self._flows)
        self._seed = seed
        self._pace = Pace(speed)
        self._due: list[tuple[float, int, str]] = []  # market time, flow, what

    def open(self, exchange: Exchange, now_ms: int) -> None:
        """Makers fill their ladders, and each symbol trades a little."""
        stock: dict[str, Decimal] = {}
        for instrument in self.instruments:
            stock |= {instrument.base: PLENTY, instrument.quote: PLENTY}
        for account in (MAKER, TAKER):
            exchange.open_account(account, stock, silent=True)
        for number, flow in enumerate(self._flows):
            flow.open(exchange, now_ms)
            for what in EVERY_MS:
                self._plan(0.0, number, what)

    def history(self, symbol: str, now_ms: int) -> Sequence[Candle]:
        """A walk back from the symbol's start price: hours, then five-minute pieces, then minutes."""
        about = next(each.about for each in self._flows if each.about.instrument.symbol == symbol)
        turnover = about.trade_notional * (60_000 // EVERY_MS["trade"]) / Decimal(about.slowness)
        rng = random.Random(f"{self._seed}:{symbol}:history")  # noqa: S311  # a market, not a secret
        return backwards(about.instrument, about.start, turnover, now_ms, rng)

    def next_ms(self) -> int | None:
        return self._pace.venue_ms(self._due[0][0]) if self._pace.running and self._due else None

    def act(self, exchange: Exchange) -> Sequence[Frame]:
        """One event of one symbol: a quote, a trade, a mood, or news."""
        market_ms, number, what = heapq.heappop(self._due)
        self._flows[number].act(what, exchange, self._pace.venue_ms(market_ms))
        self._plan(market_ms, number, what)
        return ()

    def play(self, now_ms: int, speed: float) -> None:
        """Go on; never as fast as possible: this market has no end."""
        if speed == FASTEST:
            raise InvalidField("speed", "only a tape has an end to run to", "give a number up to 10000")
        self._pace.play(now_ms, speed)

    def stop(self, now_ms: int) -> None:
        self._pace.stop(now_ms)

    def slip(self, from_ms: int, to_ms: int) -> None:
        self._pace.slip(from_ms, to_ms)

    def _plan(self, after_ms: float, number: int, what: str) -> None:
        heapq.heappush(self._due, (after_ms + self._flows[number].wait_ms(what), number, what))
