"""The agents of one made-up symbol: makers, takers, followers of a trend, and now and then news.

A fair price wanders (its steps grow and shrink with the market's mood, and a weak pull leads it
home); nobody sees it but the agents:

- Makers keep `LEVELS` quotes a side around it, deeper ones larger, wider in a wild mood. Each turn
  renews one quote: one that the fair price has passed, else a random one, near ones more often.
- Takers send market orders of heavy-tailed size. Most follow the side of the order before them; where
  the best quote is stale some take it; where the price has run, followers run with it. Each order
  moves the fair price a little its way.
- News comes every few minutes: the fair price jumps, a large order sweeps the book, and the makers
  withdraw the quotes that it left stale.

Exact and seeded: prices are whole ticks and quantities whole steps, random numbers only choose them.
What each symbol looks like (held to it by tests/paper/test_agents.py, over a fixed set of seeds):

====================================================  ============
median spread, bp                                     0.05 to 1
same spread, in ticks where a tick is more than 1 bp  1 to 3
depth within 10 bp, in typical levels                 10 to 30
same depth, where a tick is more than 1 bp            0.4 to 3
volatility of 10 s without news, bp                   0.8 to 5
autocorrelation of 1 s returns                        -0.1 to 0.4
same autocorrelation, where a tick is more than 1 bp  -0.6 to 0
autocorrelation of the takers' sides                  0.1 to 0.5
====================================================  ============
"""

from __future__ import annotations

import random
from decimal import Decimal

from quantlab.domain.orders import Side, TimeInForce
from quantlab.paper.exchange import Exchange, NewOrder, Refused
from quantlab.paper.market.symbols import Seeded
from quantlab.paper.orders import OrderKind

LEVELS = 20  # a side
FINE = 1_000  # the fair price is kept in thousandths of a tick
PPM = 1_000_000
GAP_PPM = 12  # of the price, between two quotes
STEP_PPM = 14  # standard deviation of the fair price's step at each quote
IMPACT_PPM = 2  # how far a typical order moves the fair price
PULL = 20_000  # quotes in which the fair price would come home
TREND = 64  # quotes over which followers look
RUN_PPM = 250  # of the price: what followers take for a trend
NEWS_PPM = (800, 2_000)
SWEEP = 25  # typical orders
FOLLOW = 0.65  # chance that an order is on the side of the one before
MOODS = ((500, 0.35), (1_000, 0.5), (2_500, 0.15))  # thousandths of the usual step; how often
EVERY_MS = {"quote": 50, "trade": 100, "mood": 30_000, "news": 240_000}  # on average
MAKER, TAKER = "market.maker", "market.taker"


class Flow:
    """One symbol: the fair price, the makers' quotes, and who trades against them."""

    def __init__(self, about: Seeded, seed: int) -> None:
        self.about = about
        self.rng = random.Random(f"{seed}:{about.instrument.symbol}:flow")  # noqa: S311  # not a secret
        listed = about.instrument
        self._symbol, self._tick, self._step = listed.symbol, listed.tick_size, listed.step_size
        self._home: int = int(about.start / self._tick) * FINE
        self._fair = self._trend = self._home
        self._level_lots = max(1, int(about.level_notional / about.start / self._step))
        self._trade_lots = max(1, int(about.trade_notional / about.start / self._step))
        self._least_lots = int(listed.min_notional * 2 / about.start / self._step) + 1
        self._mood = 1_000
        self._side = Side.BUY
        # by side and slot: the maker's order and its price in ticks
        self._quotes: dict[Side, dict[int, tuple[int, int]]] = {Side.BUY: {}, Side.SELL: {}}

    def wait_ms(self, what: str) -> float:
        """How long until the next event of this kind."""
        slowness = self.about.slowness if what in ("quote", "trade") else 1.0
        return self.rng.expovariate(1 / EVERY_MS[what]) * slowness

    def open(self, exchange: Exchange, now_ms: int) -> None:
        """Quote every slot once, best first, and trade a little."""
        for slot in range(LEVELS):
            for side in Side:
                self._requote(exchange, side, slot, now_ms)
        for _ in range(5):
            self.trade(exchange, now_ms)

    def act(self, what: str, exchange: Exchange, now_ms: int) -> None:
        """Perform one event of this kind."""
        if what == "quote":
            self.quote(exchange, now_ms)
        elif what == "trade":
            self.trade(exchange, now_ms)
        elif what == "news":
            self.news(exchange, now_ms)
        else:
            (self._mood,) = self.rng.choices([each for each, _ in MOODS], [often for _, often in MOODS])

    def quote(self, exchange: Exchange, now_ms: int) -> None:
        """The fair price takes a step, and a maker renews one quote."""
        step = self.rng.gauss(0, self._ppm(STEP_PPM) * self._mood / 1_000)
        self._move(round(step) + (self._home - self._fair) // PULL)
        self._trend += (self._fair - self._trend) // TREND
        for side in Side:
            slot = self._stale(side)
            if slot is not None:
                break
        else:
            side, slot = self.rng.choice((Side.BUY, Side.SELL)), int(LEVELS * self.rng.random() ** 3)
        self._requote(exchange, side, slot, now_ms)

    def trade(self, exchange: Exchange, now_ms: int) -> None:
        """One market order: of a follower, of one who saw a stale quote, or of nobody in particular."""
        draw, run = self.rng.random(), self._fair - self._trend
        if abs(run) > self._ppm(RUN_PPM) and draw < 0.3:
            self._side = Side.BUY if run > 0 else Side.SELL
        elif draw < 0.6 and self._stale(Side.SELL) is not None:
            self._side = Side.BUY
        elif draw < 0.6 and self._stale(Side.BUY) is not None:
            self._side = Side.SELL
        elif draw > FOLLOW:
            self._side = Side.SELL if self._side is Side.BUY else Side.BUY
        times = min(40.0, 0.3 * self.rng.paretovariate(1.3))
        self._take(exchange, max(self._least_lots, int(self._trade_lots * times)), now_ms)
        impact = round(self._ppm(IMPACT_PPM) * min(times, 10.0))
        self._move(impact if self._side is Side.BUY else -impact)

    def news(self, exchange: Exchange, now_ms: int) -> None:
        """The fair price jumps: who knows first sweeps the book, then the makers withdraw what is stale."""
        jump = self._ppm(self.rng.randint(*NEWS_PPM))
        up = self.rng.random() < 0.5
        self._side = Side.BUY if up else Side.SELL
        self._take(exchange, self._trade_lots * SWEEP, now_ms)
        self._move(jump if up else -jump)
        makers = Side.SELL if up else Side.BUY
        for side in (makers, self._side):  # first out of the way, then back
            for slot in range(LEVELS):
                self._requote(exchange, side, slot, now_ms)

    def _ppm(self, millionths: int) -> int:
        return max(1, self._home * millionths // PPM)

    def _move(self, by: int) -> None:
        self._fair = max(FINE, self._fair + by)

    def _stale(self, side: Side) -> int | None:
        """The slot whose quote the fair price has passed furthest; None where it has passed none."""
        quotes = self._quotes[side]
        if not quotes:
            return None
        if side is Side.BUY:
            slot = max(quotes, key=lambda slot: quotes[slot][1])
            return slot if quotes[slot][1] * FINE > self._fair else None
        slot = min(quotes, key=lambda slot: quotes[slot][1])
        return slot if quotes[slot][1] * FINE < self._fair else None

    def _requote(self, exchange: Exchange, side: Side, slot: int, now_ms: int) -> None:
        old = self._quotes[side].pop(slot, None)
        if old is not None:
            try:
                exchange.cancel(MAKER, self._symbol, order_id=old[0], now_ms=now_ms)
            except Refused:
                old = None  # a taker had it: there is nothing to renew but an empty slot
        gap = max(FINE, self._ppm(GAP_PPM) * self._mood // 1_000)
        away = gap * slot + self.rng.randrange(gap if slot else gap // 4)
        bid, _, ask, _ = exchange.best(self._symbol)
        if side is Side.BUY:
            price = (self._fair - away) // FINE
            price = price if ask is None else min(price, int(ask / self._tick) - 1)  # makers never take
        else:
            price = (self._fair + away) // FINE + 1
            price = price if bid is None else max(price, int(bid / self._tick) + 1)
        price = max(1, price)
        lots = self._level_lots * self.rng.randint(10, 150) * (10 + slot) // 1_500
        order_id = self._place(exchange, MAKER, side, max(self._least_lots, lots), price, now_ms)
        if order_id is not None:
            self._quotes[side][slot] = (order_id, price)

    def _take(self, exchange: Exchange, lots: int, now_ms: int) -> None:
        self._place(exchange, TAKER, self._side, lots, None, now_ms)

    def _place(  # noqa: PLR0917  # the parts of an order, in their usual order
        self, exchange: Exchange, account: str, side: Side, lots: int, price: int | None, now_ms: int
    ) -> int | None:
        order = NewOrder(
            symbol=self._symbol,
            side=side,
            type=OrderKind.MARKET if price is None else OrderKind.LIMIT,
            time_in_force=None if price is None else TimeInForce.GTC,
            quantity=self._step * lots,
            price=None if price is None else self._tick * Decimal(price),
        )
        try:
            return exchange.place(account, order, now_ms).order.order_id
        except Refused:
            return None  # a bound of the symbol, or nobody on the other side: this one is skipped
