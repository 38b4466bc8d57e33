"""One symbol on the exchange: its grid and filters, its book, and what the public sees of it.

A listing is matched (its own order book, the venue's ids) until its market is mirrored from a
tape for the first time; from then on the tape's book and ids are the public ones. It knows no
accounts: funds and order states are the exchange's.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from quantlab.domain.decimals import plain
from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side
from quantlab.errors import TapeError
from quantlab.paper.average import Average
from quantlab.paper.events import LevelChange, TradePrint
from quantlab.paper.filters import Filters, Ratio
from quantlab.paper.matching import Match, Order, OrderBook
from quantlab.paper.queue import QueueModel
from quantlab.paper.rules import Rules
from quantlab.paper.tapebook import Diff, TapeBook, UnitLevels
from quantlab.paper.triggers import Triggers
from quantlab.paper.units import Grid

Levels = list[tuple[Decimal, Decimal]]
TapeLevels = Iterable[tuple[Decimal | str, Decimal | str]]


class Listing:
    """One symbol's market.

    Attributes:
        last: The price of the last public trade, in ticks; None before the first.
        triggers: The orders that wait for a price.
        printed: Prices of public trades that the waiting orders have not been told of yet.
    """

    __slots__ = (
        "_average", "_book", "_first_id", "_prevented_id", "_queue_model", "_tape", "_trade_id",
        "_update_id", "filters", "grid", "last", "printed", "symbol", "triggers",
    )  # fmt: skip

    def __init__(
        self,
        instrument: Instrument,
        digits: dict[str, int],
        queue_model: QueueModel = QueueModel.POWER2,
    ) -> None:
        self.symbol = instrument.symbol
        self.grid = Grid(instrument, digits)
        self.filters = Filters(self.grid)
        self.last: int | None = None
        self.triggers = Triggers()
        self.printed: list[int] = []
        self._average = Average(self.rules.average_minutes)
        self._prevented_id = -1
        self._book = OrderBook()
        self._tape: TapeBook | None = None
        self._queue_model = queue_model
        self._trade_id = 0
        self._update_id = 0
        self._first_id: int | None = None

    @property
    def rules(self) -> Rules:
        return self.filters.rules

    def set_rules(self, rules: Rules) -> None:
        """Let orders in by these from now on; `InvalidField` where they do not fit the book's grid."""
        self.filters = Filters(self.grid, rules)
        self._average = Average(rules.average_minutes)

    # --- orders of our accounts

    def match(self, taker: Order) -> Match:
        return (self._tape or self._book).match(taker)

    def rest(self, order: Order, now_ms: int) -> list[LevelChange]:
        """Book an order; the public change it makes (none on a tape)."""
        if self._tape is not None:
            self._tape.rest(order)
            return []
        return self.changes(order.side, [(order.price or 0, self._book.rest(order))], now_ms)

    def remove(self, order: Order, now_ms: int) -> list[LevelChange]:
        """Take a resting order off the book; the public change it makes (none on a tape)."""
        if self._tape is not None:
            self._tape.remove(order)
            return []
        return self.changes(order.side, [(order.price or 0, self._book.remove(order))], now_ms)

    def reduce(self, order: Order, lots: int, now_ms: int) -> list[LevelChange]:
        """Take `lots` off a resting order, which keeps its place; the public change (none on a tape)."""
        if self._tape is not None:
            self._tape.reduce(order, lots)
            return []
        return self.changes(order.side, [(order.price or 0, self._book.reduce(order, lots))], now_ms)

    def next_trade_id(self) -> int:
        self._trade_id += 1
        return self._trade_id

    def next_prevented_id(self) -> int:
        self._prevented_id += 1
        return self._prevented_id

    # --- what a taker would meet

    def fills_whole(self, taker: Order) -> bool:
        """True where all of `taker` would trade at once."""
        return (self._tape or self._book).fills_whole(taker)

    def crosses(self, side: Side, price: int) -> bool:
        """True where an order at `price` would take."""
        best = (self._tape or self._book).best(Side.SELL if side is Side.BUY else Side.BUY)
        return best is not None and (price >= best[0] if side is Side.BUY else price <= best[0])

    def available(self, side: Side, limit: int | None, lots: int, owner: object) -> tuple[int, int]:
        """Lots up to `lots` that a taker would get within its limit, and their cost in quote units."""
        found = cost = 0
        for price, offered in (self._tape or self._book).offers(side, limit, owner):
            taken = min(offered, lots - found)
            found += taken
            cost += taken * price * self.grid.tick_lot_units
            if found == lots:
                break
        return found, cost

    def affordable(self, side: Side, budget: int, owner: object) -> tuple[int, bool]:
        """Whole lots that `budget` quote units buy (or sell for), never more than that.

        The second is True where it was the book that ended, not the budget.
        """
        found = 0
        for price, offered in (self._tape or self._book).offers(side, None, owner):
            cost = price * self.grid.tick_lot_units
            taken = min(offered, budget // cost)
            found += taken
            budget -= taken * cost
            if taken < offered:
                return found, False
        return found, budget > 0

    def reference(self, now_ms: int) -> Ratio | None:
        """The filters' average price, in ticks; without one the last price, or else the best offer."""
        if self.rules.average_minutes and (average := self._average.ratio(now_ms)) is not None:
            return average
        if self.last is not None:
            return self.last, 1
        book = self._tape or self._book
        best = book.best(Side.SELL) or book.best(Side.BUY)
        return (best[0], 1) if best else None

    def average_price(self, now_ms: int) -> Decimal | None:
        """The volume-weighted average of the filters' minutes, else the last price, else None."""
        average = self._average.price(self.grid.tick, now_ms)
        if average is None and self.last is not None:
            return self.grid.price(self.last)
        return average

    # --- what the public sees

    @property
    def update_id(self) -> int:
        return self._update_id if self._tape is None else self._tape.update_id

    def depth(self, side: Side, limit: int) -> Levels:
        grid = self.grid
        if self._tape is not None:
            return [(grid.price(price), grid.base(units)) for price, units in self._tape.depth(side, limit)]
        return [(grid.price(price), grid.quantity(lots)) for price, lots in self._book.depth(side, limit)]

    def best(self, side: Side) -> tuple[Decimal | None, Decimal | None]:
        top = self.depth(side, 1)
        return top[0] if top else (None, None)

    def changes(self, side: Side, levels: Iterable[tuple[int, int]], now_ms: int) -> list[LevelChange]:
        """New totals of a matched market, each under the next update id."""
        found = []
        for price, lots in levels:
            self._update_id += 1
            quantity = self.grid.quantity(lots)
            found.append(self._change(side, price, quantity, now_ms, (self._update_id, self._update_id)))
        return found

    def print(
        self,
        trade_id: int,
        price: int,
        quantity: Decimal,
        *,
        buyer_is_maker: bool,
        now_ms: int,
        taker_order_id: int = 0,
    ) -> TradePrint:
        """A public trade; its price and volume are remembered."""
        self.last = price
        self._average.add(price, self.grid.base_units(quantity) or 0, now_ms)
        if self.triggers:
            self.printed.append(price)
        return TradePrint(
            self.symbol, trade_id, self.grid.price(price), quantity, buyer_is_maker, now_ms, taker_order_id
        )

    # --- the tape

    def mirror(self) -> TapeBook:
        """The mirrored book; the first call turns the listing from matched into mirrored.

        Orders that rest at that moment keep resting, and from then on fill from the tape.
        """
        if self._tape is None:
            self._tape = TapeBook(self.grid.lot_units, self._queue_model)
            for order in self._book.orders():
                self._tape.rest(order)
            self._book = OrderBook()
        return self._tape

    def mirror_book(
        self, last_update_id: int, bids: TapeLevels, asks: TapeLevels, now_ms: int
    ) -> tuple[list[LevelChange], Match]:
        """Begin with a whole book, without any public change, or go on with it as `mirror_diff` does."""
        tape = self.mirror()
        whole = self.whole_levels(bids), self.whole_levels(asks)
        if not tape.update_id:
            return [], tape.begin(last_update_id, *whole)
        if last_update_id <= tape.update_id:
            return [], Match()
        return self._fold(tape.difference(last_update_id, *whole), now_ms)

    def mirror_diff(
        self, first_id: int, final_id: int, bids: TapeLevels, asks: TapeLevels, now_ms: int
    ) -> tuple[list[LevelChange], Match]:
        """Fold a recorded diff in; its levels as public changes under the tape's ids, and our fills.

        A diff without levels lends its first id to the next one, so that the ids given out
        have no gap that the tape has not.
        """
        return self._fold(Diff(first_id, final_id, self.whole_levels(bids), self.whole_levels(asks)), now_ms)

    def _fold(self, diff: Diff, now_ms: int) -> tuple[list[LevelChange], Match]:
        filled = self.mirror().apply(diff)
        first = self._first_id if self._first_id is not None else diff.first_id
        self._first_id = None if diff.bids or diff.asks else first
        ids = (first, diff.final_id)
        changes = [
            self._change(side, price, self.grid.base(units), now_ms, ids)
            for side, levels in ((Side.BUY, diff.bids), (Side.SELL, diff.asks))
            for price, units in levels
        ]
        return changes, filled

    def whole_levels(self, levels: TapeLevels) -> UnitLevels:
        return [self.whole_level(price, quantity) for price, quantity in levels]

    def whole_level(self, price: Decimal | str, quantity: Decimal | str) -> tuple[int, int]:
        """A recorded price in ticks and its quantity in units of the base asset, or `TapeError`."""
        grid = self.grid
        try:
            ticks, units = grid.ticks(Decimal(price)), grid.base_units(Decimal(quantity))
        except ArithmeticError:  # text that is no number
            ticks = units = None
        if ticks is None or units is None or ticks <= 0 or units < 0:
            raise TapeError(
                f"the tape has {quantity} at {price} for {self.symbol}, which is on no tick of "
                f"{plain(grid.tick)} or finer than {grid.base_digits} decimals",
                "give the instrument the tape's own tick_size",
            )
        return ticks, units

    def _change(
        self, side: Side, price: int, quantity: Decimal, now_ms: int, ids: tuple[int, int]
    ) -> LevelChange:
        first, final = ids
        return LevelChange(self.symbol, final, side, self.grid.price(price), quantity, now_ms, first)
