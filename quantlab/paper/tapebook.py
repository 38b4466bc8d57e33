"""A mirrored market as a book to trade against: displayed by the tape, never changed by users.

The model, and what it cannot say:

- The public book is exactly the tape's, also where a quantity is finer than today's lot (orders
  from before a step was widened stand there for years): a taker gets the whole lots of a level.
- Orders of our accounts never alter it, so displayed quantity that an order took is there for
  the next order too, until the tape changes it.
- A marketable order takes the displayed quantity level by level, at each level's price.
- A resting limit order has a place in the queue of its price (`queue`): the tape's trades, its
  cancels and what goes through our price bring it forward. It fills at its own price.
- Orders of our accounts never meet each other, so there is no self-trade to prevent.
- Update ids and public trade ids are the tape's. Diffs before the first snapshot are kept and
  those newer than it are applied on top; a snapshot older than the book changes nothing, a newer
  one is the diff that it amounts to.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator

from quantlab.domain.orders import Side
from quantlab.paper.matching import ANY_PRICE, Match, Order
from quantlab.paper.queue import QueueModel, QueueSide

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

    def difference(self, levels: UnitLevels) -> UnitLevels:
        """The totals that change where these levels and no others are displayed; 0 for those that go."""
        wanted = dict(levels)
        gone = [(key * self.sign, 0) for key in self.keys if not wanted.get(key * self.sign)]
        changed = [each for each in wanted.items() if self.units.get(each[0] * self.sign, 0) != each[1]]
        return gone + changed


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

    __slots__ = ("_asks", "_bids", "_early", "_lot_units", "_our_asks", "_our_bids", "update_id")

    def __init__(self, lot_units: int = 1, model: QueueModel = QueueModel.POWER2) -> None:
        self.update_id = 0
        self._lot_units = lot_units
        self._bids = PublicSide(1)
        self._asks = PublicSide(-1)
        self._our_bids = QueueSide(1, lot_units, model)
        self._our_asks = QueueSide(-1, lot_units, model)
        self._early: deque[Diff] = deque(maxlen=DIFFS_KEPT)

    def begin(self, last_update_id: int, bids: UnitLevels, asks: UnitLevels) -> Match:
        """Start with this book; diffs seen before and newer than it are applied on top.

        Orders that rest already join behind what it displays.
        """
        result = Match()
        self._bids.fill(bids)
        self._asks.fill(asks)
        self.update_id = last_update_id
        for ours, public in ((self._our_bids, self._bids), (self._our_asks, self._asks)):
            ours.rejoin(public.units)
        early, self._early = self._early, deque(maxlen=DIFFS_KEPT)
        for diff in early:
            result.fills += self.apply(diff).fills
        return result

    def apply(self, diff: Diff) -> Match:
        """Fold one diff in; the fills of orders of ours that it goes through.

        One that the book already contains changes nothing.
        """
        result = Match()
        if not self.update_id:
            self._early.append(diff)
        elif diff.final_id > self.update_id:
            added = [
                (ours, price, units)
                for public, own, ours, levels in (
                    (self._bids, self._our_bids, self._our_asks, diff.bids),
                    (self._asks, self._our_asks, self._our_bids, diff.asks),
                )
                for price, units in _set(public, own, levels)
                if ours.reaches(price)
            ]
            for ours, price, units in added:
                ours.cross(price, units, result)
            self.update_id = diff.final_id
        return result

    def difference(self, final_id: int, bids: UnitLevels, asks: UnitLevels) -> Diff:
        """The diff that makes this book the one with these levels."""
        return Diff(self.update_id + 1, final_id, self._bids.difference(bids), self._asks.difference(asks))

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

    def print(self, price: int, units: int, *, buyer_is_maker: bool) -> Match:
        """What one public trade of `units` fills of our orders on the side that was hit."""
        result = Match()
        (self._our_bids if buyer_is_maker else self._our_asks).trade(price, units, result)
        return result

    def rest(self, order: Order) -> None:
        """Queue one of our orders, invisibly, behind all that its price displays."""
        ours, public = self._sides(order.side)
        ours.join(order, public.units.get((order.price or 0) * public.sign, 0))

    def remove(self, order: Order) -> None:
        """Take one of our resting orders out; its `remaining` becomes 0."""
        self._sides(order.side)[0].leave(order)

    def ahead(self, order: Order) -> int | None:
        """Units of the public ahead of one of our resting orders; None where it does not rest."""
        return self._sides(order.side)[0].ahead(order)

    def reduce(self, order: Order, lots: int) -> None:
        """Take `lots` off one of our resting orders, less than it has; it keeps its place."""
        order.remaining -= lots

    def fills_whole(self, taker: Order) -> bool:
        """True where enough is displayed within the taker's price."""
        wanted = taker.remaining
        for _, lots in self.offers(taker.side, taker.price, None):
            wanted -= lots
            if wanted <= 0:
                return True
        return False

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
        wanted = self._sides(side)[1]
        keys = wanted.keys[: -limit - 1 : -1] if limit > 0 else []
        return [(key * wanted.sign, wanted.units[key]) for key in keys]

    def best(self, side: Side) -> tuple[int, int] | None:
        """(price, units) of the best displayed price; None where that side is empty."""
        top = self.depth(side, 1)
        return top[0] if top else None

    def _sides(self, side: Side) -> tuple[QueueSide, PublicSide]:
        return (self._our_bids, self._bids) if side is Side.BUY else (self._our_asks, self._asks)


def _set(public: PublicSide, own: QueueSide, levels: UnitLevels) -> UnitLevels:
    """Display these totals; (price, units) of what came to be displayed by that."""
    added = []
    for price, units in levels:
        key = price * public.sign
        before = public.units.get(key, 0)
        public.put(price, units)
        own.shown(key, before, units)
        if units > before:
            added.append((price, units - before))
    return added
