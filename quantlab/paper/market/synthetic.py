"""A seeded market: makers keep a ladder around a wandering middle, takers trade against it.

Deterministic in the venue's time: equal seeds give equal orders at equal times, whatever the pace at
which it is stepped. Prices are whole ticks and quantities whole steps, as integers: no float is money.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side, TimeInForce
from quantlab.errors import InvalidField, UnknownSymbol
from quantlab.paper.exchange import Exchange, NewOrder, Refused
from quantlab.paper.market import Frame
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.history import backwards
from quantlab.paper.market.pace import FASTEST, Pace
from quantlab.paper.orders import OrderKind

LEVELS = 20  # a side
QUOTE_EVERY_MS = 40  # on average; each quote changes about two levels
TRADE_EVERY_MS = 100
FINE = 1_000  # the middle is kept in thousandths of a tick
MAKER, TAKER = "market.maker", "market.taker"
PLENTY = Decimal(10) ** 15


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """What the market needs to know of one symbol: its grid, where it starts, how big people trade."""

    instrument: Instrument
    start: Decimal  # price in the quote asset
    level_notional: Decimal  # typical worth of one level, quote asset
    trade_notional: Decimal  # typical worth of one taker's order, quote asset


def _seeded(base: str, *, start: str, tick: str, step: str, level: int, trade: int, highest: str) -> Seeded:
    instrument = Instrument(
        symbol=f"{base}USDT", base=base, quote="USDT",
        tick_size=Decimal(tick), min_price=Decimal(tick), max_price=Decimal(highest),
        step_size=Decimal(step), min_quantity=Decimal(step), max_quantity=Decimal(step) * 900_000_000,
        min_notional=Decimal(5), max_notional=Decimal(9_000_000),
    )  # fmt: skip
    return Seeded(
        instrument=instrument,
        start=Decimal(start),
        level_notional=Decimal(level),
        trade_notional=Decimal(trade),
    )


SYMBOLS: tuple[Seeded, ...] = (
    _seeded("BTC", start="60000", tick="0.01", step="0.00001", level=20_000, trade=1_200, highest="1000000"),
    _seeded("ETH", start="3000", tick="0.01", step="0.0001", level=15_000, trade=800, highest="1000000"),
    # a cheap one on an odd grid, because grids are odd
    _seeded("DOGE", start="0.12", tick="0.00005", step="10", level=4_000, trade=250, highest="1000"),
)


def instruments(symbols: Sequence[str] | None = None) -> tuple[Seeded, ...]:
    """The symbols asked for, or all."""
    known = {each.instrument.symbol: each for each in SYMBOLS}
    for symbol in symbols or ():
        if symbol not in known:
            raise UnknownSymbol(symbol, tuple(known))
    return tuple(known[symbol] for symbol in dict.fromkeys(symbols)) if symbols else SYMBOLS


class SyntheticMarket:
    """Made-up order flow in several symbols, each with a random sequence of its own.

    Args:
        seed: Equal seeds, equal markets; a symbol's flow does not depend on the other symbols.
        symbols: Names among `SYMBOLS`; None for all.
        speed: How fast the flow runs against the venue's clock.
    """

    verbatim: frozenset[str] = frozenset()

    def __init__(self, seed: int, symbols: Sequence[str] | None = None, *, speed: float = 1.0) -> None:
        self._flows = [_Flow(each, seed) for each in instruments(symbols)]
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
            flow.fill(exchange, now_ms)
            for _ in range(5):
                flow.trade(exchange, now_ms)
            self._plan(0.0, number, "quote")
            self._plan(0.0, number, "trade")

    def history(self, symbol: str, now_ms: int) -> Sequence[Candle]:
        """A walk back from the symbol's start price: hours, then five-minute pieces, then minutes."""
        about = next(each.about for each in self._flows if each.about.instrument.symbol == symbol)
        turnover = about.trade_notional * (60_000 // TRADE_EVERY_MS)
        rng = random.Random(f"{self._seed}:{symbol}:history")  # noqa: S311  # a market, not a secret
        return backwards(about.instrument, about.start, turnover, now_ms, rng)

    def next_ms(self) -> int | None:
        return self._pace.venue_ms(self._due[0][0]) if self._pace.running and self._due else None

    def act(self, exchange: Exchange) -> Sequence[Frame]:
        """One quote of a maker, or one trade of a taker."""
        market_ms, number, what = heapq.heappop(self._due)
        now_ms = self._pace.venue_ms(market_ms)
        flow = self._flows[number]
        if what == "trade":
            flow.trade(exchange, now_ms)
        else:
            flow.quote(exchange, now_ms)
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
        every = TRADE_EVERY_MS if what == "trade" else QUOTE_EVERY_MS
        wait = self._flows[number].rng.expovariate(1 / every)
        heapq.heappush(self._due, (after_ms + wait, number, what))


class _Flow:
    """One symbol: the middle, the makers' ladder, and the takers."""

    def __init__(self, about: Seeded, seed: int) -> None:
        self.about = about
        self.rng = random.Random(f"{seed}:{about.instrument.symbol}")  # noqa: S311  # not a secret
        self._home = int(about.start / about.instrument.tick_size) * FINE
        self._middle = self._home
        self._ladder: dict[tuple[Side, int], int] = {}  # slot: the maker's order
        self._gap = max(FINE, self._home * 12 // 1_000_000)  # between two levels

    def fill(self, exchange: Exchange, now_ms: int) -> None:
        """Quote every slot once, best first."""
        for slot in range(LEVELS):
            for side in Side:
                self._requote(exchange, side, slot, now_ms)

    def quote(self, exchange: Exchange, now_ms: int) -> None:
        """Move the middle a little (pulled home), and renew one slot, near ones more often."""
        swing = max(1, self._home * 10 // 1_000_000)
        self._middle += self.rng.randint(-swing, swing) + (self._home - self._middle) // 20_000
        near = self.rng.random() < 0.6
        slot = self.rng.randrange(5) if near else self.rng.randrange(LEVELS)
        self._requote(exchange, self.rng.choice(tuple(Side)), slot, now_ms)

    def trade(self, exchange: Exchange, now_ms: int) -> None:
        """One market order: mostly small, sometimes through several levels."""
        typical = self.about.trade_notional * (20 if self.rng.random() < 0.03 else 1)
        order = NewOrder(
            symbol=self.about.instrument.symbol,
            side=self.rng.choice(tuple(Side)),
            type=OrderKind.MARKET,
            quantity=self._quantity(typical),
        )
        self._place(exchange, TAKER, order, now_ms)

    def _requote(self, exchange: Exchange, side: Side, slot: int, now_ms: int) -> None:
        symbol, tick = self.about.instrument.symbol, self.about.instrument.tick_size
        old = self._ladder.pop((side, slot), None)
        if old is not None:
            try:
                exchange.cancel(MAKER, symbol, order_id=old, now_ms=now_ms)
            except Refused:
                old = None  # a taker had it: there is nothing to renew but an empty slot
        away = self._gap * slot + self.rng.randint(FINE // 2, self._gap + FINE // 2)
        bid, _, ask, _ = exchange.best(symbol)
        if side is Side.BUY:
            price = (self._middle - away) // FINE * tick
            price = price if ask is None else min(price, ask - tick)  # makers never take
        else:
            price = (self._middle + away) // FINE * tick + tick
            price = price if bid is None else max(price, bid + tick)
        order = NewOrder(
            symbol=symbol, side=side, type=OrderKind.LIMIT, time_in_force=TimeInForce.GTC,
            quantity=self._quantity(self.about.level_notional), price=max(price, tick),
        )  # fmt: skip
        order_id = self._place(exchange, MAKER, order, now_ms)
        if order_id is not None:
            self._ladder[side, slot] = order_id

    def _quantity(self, typical: Decimal) -> Decimal:
        """A tenth to twice the typical worth, at least the smallest order allowed, in whole steps."""
        instrument = self.about.instrument
        price = self._middle // FINE * instrument.tick_size
        worth = max(typical * self.rng.randint(10, 200) / 100, instrument.min_notional * 2)
        return (worth / price // instrument.step_size + 1) * instrument.step_size

    def _place(self, exchange: Exchange, account: str, order: NewOrder, now_ms: int) -> int | None:
        try:
            return exchange.place(account, order, now_ms).order.order_id
        except Refused:
            return None  # a bound of the symbol, or nobody on the other side: this one is skipped
