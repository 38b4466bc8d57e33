"""A recorded market as a book to trade against: displayed by the tape, never changed by users.

The model, and what it cannot say:

- The public book is exactly the tape's, also where a quantity is finer than today's lot (orders
  from before a step was widened stand there for years): a taker gets the whole lots of a level.
- Orders of our accounts never alter it, so displayed quantity that an order took is there for
  the next order too, until the tape changes it.
- A marketable order takes the displayed quantity level by level, at each level's price.
- A resting limit order fills only from the tape's trades: a BUY at P when one prints at P or
  below (a SELL: at P or above), at its own price P, up to the trade's quantity on each side.
  Among our orders the better price goes first, then the older. Where in the public queue it
  would have stood is not modelled: it fills with the first trade at its price.
- Orders of our accounts never meet each other, so there is no self-trade to prevent.
- Update ids and public trade ids are the tape's. Diffs before the first snapshot are kept and
  those newer than it are applied on top; a snapshot older than the book changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator

from quantlab.domain.orders import Side
from quantlab.paper.matching import ANY_PRICE, Match, Order, OrderBook

DIFFS_KEPT = 10_000  # before the first snapshot: 1000 s of a 100 ms stream

UnitLevels = list[tuple[int, int]]  # price in ticks, quantity in units of the base asset


class PublicSide:
    """One displayed side; as in `matching.BookSide` the greatest key is the best price."""

    __slots__ = ("keys", "sign", "units")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.units: dict[int, int] = {}

    def put(self, price: int, units: int) -> None:
        """Display `units` at `price`; 0 removes the level, known or not."""
        key = price * self.sign
        if not units:
            if self.units.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
            return
        if key not in self.units:
            insort(self.keys, key)
        self.units[key] = units

    def fill(self, levels: Iterable[tuple[int, int]]) -> None:
        """Display these levels and no others."""
        self.units = {price * self.sign: units for price, units in levels if units}
        self.keys = sorted(self.units)


class Diff:
    """One recorded change of the public book."""

    __slots__ = ("asks", "bids", "final_id", "first_id")

    def __init__(self, first_id: int, final_id: int, bids: UnitLevels, asks: UnitLevels) -> None:
        self.first_id = first_id
        self.final_id = final_id
        self.bids = bids
        self.asks = asks


class TapeBook:
    """The mirrored book of one symbol, and our accounts' resting orders beside it.

    Displayed quantities are in units of the base asset, `lot_units` to a lot; what trades is in lots.

    Attributes:
        update_id: The tape's last update id in the book; 0 before the first snapshot.
    """

    __slots__ = ("_asks", "_bids", "_early", "_lot_units", "_resting", "update_id")

    def __init__(self, lot_units: int = 1) -> None:
        self.update_id = 0
        self._lot_units = lot_units
        self._bids = PublicSide(1)
        self._asks = PublicSide(-1)
        self._resting = OrderBook()
        self._early: deque[Diff] = deque(maxlen=DIFFS_KEPT)

    def snapshot(self, last_update_id: int, bids: UnitLevels, asks: UnitLevels) -> None:
        """Begin with this book; diffs seen before and newer than it are applied on top."""
        if last_update_id <= self.update_id:
            return
        self._bids.fill(bids)
        self._asks.fill(asks)
        self.update_id = last_update_id
        early, self._early = self._early, deque(maxlen=DIFFS_KEPT)
        for diff in early:
            self.apply(diff)

    def apply(self, diff: Diff) -> None:
        """Fold one diff in; one that the book already contains changes nothing."""
        if not self.update_id:
            self._early.append(diff)
        elif diff.final_id > self.update_id:
            for side, levels in ((self._bids, diff.bids), (self._asks, diff.asks)):
                for price, units in levels:
                    side.put(price, units)
            self.update_id = diff.final_id

    def match(self, taker: Order) -> Match:
        """Take displayed quantity, best price first, and lower `taker.remaining`; no maker is named."""
        result = Match()
        for price, lots in self.offers(taker.side, taker.price, None):
            if not taker.remaining:
                break
            traded = min(lots, taker.remaining)
            taker.remaining -= traded
            result.fills.append((None, price, traded))
        return result

    def print(self, price: int, units: int) -> Match:
        """What one public trade of `units` fills of our resting bids, and as much of our asks.

        Each fill is at the resting order's own price.
        """
        lots = units // self._lot_units
        result = self._resting.match(Order(0, None, Side.SELL, price, lots))
        result.fills += self._resting.match(Order(0, None, Side.BUY, price, lots)).fills
        return result

    def rest(self, order: Order) -> None:
        """Queue one of our orders, invisibly."""
        self._resting.rest(order)

    def remove(self, order: Order) -> None:
        """Take one of our resting orders out; its `remaining` becomes 0."""
        self._resting.remove(order)

    def offers(self, taker_side: Side, limit: int | None, owner: object) -> Iterator[tuple[int, int]]:  # noqa: ARG002  # nobody owns the public's quantity
        """(price, whole lots) displayed within a taker's limit (None: market), best first."""
        side = self._asks if taker_side is Side.BUY else self._bids
        worst = ANY_PRICE if limit is None else side.sign * limit
        for key in reversed(side.keys):
            if key < worst:
                return
            if lots := side.units[key] // self._lot_units:
                yield key * side.sign, lots

    def depth(self, side: Side, limit: int) -> UnitLevels:
        """(price, units) of the best `limit` displayed prices, best first."""
        wanted = self._bids if side is Side.BUY else self._asks
        keys = wanted.keys[: -limit - 1 : -1] if limit > 0 else []
        return [(key * wanted.sign, wanted.units[key]) for key in keys]

    def best(self, side: Side) -> tuple[int, int] | None:
        """(price, units) of the best displayed price; None where that side is empty."""
        top = self.depth(side, 1)
        return top[0] if top else None
