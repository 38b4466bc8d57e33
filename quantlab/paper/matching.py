"""Price-time matching of one symbol: an order in, fills out, in whole ticks and whole lots.

Pure integers: no clock, no money, no accounts, no callback. Every fill is at the maker's price,
best price first, then oldest first. Whether a rest is booked, expired or refused is the caller's
decision; the book never ends up crossed as long as only what `match` left over is rested.

Prices of a side live in a sorted list with the best one last (asks by their negative), orders of
a price in a deque. A cancel only marks its order, so it costs the same in a queue of any length.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from quantlab.domain.orders import Side
from quantlab.paper.orders import Prevention

FREE = Prevention.NONE
BUY = Side.BUY  # to look up an enum's member costs half as much as a match that finds nothing
ANY_PRICE = -(1 << 200)  # below every key: a market order crosses everything
SWEEP_AFTER = 64  # cancelled orders that a price may keep before they are swept out


class Order(msgspec.Struct, eq=False):
    """One order in a book. `price` in ticks (None at market), `remaining` in lots.

    What happens when a taker meets an order of its own `owner` is the taker's `prevention`; an
    order of None belongs to nobody.
    """

    order_id: int
    owner: object
    side: Side
    price: int | None
    remaining: int
    prevention: Prevention = Prevention.EXPIRE_MAKER


class Prevented(NamedTuple):
    """One trade of an owner with itself that did not happen: the lots that each side lost by it.

    `lots` is what would have traded; `fills_before` of the taker's fills came before it.
    """

    maker: Order
    price: int
    lots: int
    taker_lots: int
    maker_lots: int
    fills_before: int


Fill = tuple[Order | None, int, int]  # the maker (None: the public of a tape), price in ticks, lots


class Match(msgspec.Struct, eq=False):
    """What one taker did to the book.

    Attributes:
        fills: In the order in which they happened.
        prevented: Self-trades that did not happen, in their order. A maker that lost all by it is off
            the book; where the taker did, its `remaining` is 0 or must not rest (`stopped`).
        stopped: Prevention ended the taker: what it has left over expires.
        levels: (price, new total) of each price that changed, best first.
    """

    fills: list[Fill] = []
    prevented: list[Prevented] = []
    stopped: bool = False
    levels: list[tuple[int, int]] = []


NOTHING = Match()  # of a taker that crosses nothing; everybody's, so nobody may add to it


class Level(msgspec.Struct, eq=False):
    """The orders at one price, oldest first. `total` in lots; `dead` counts cancelled ones."""

    queue: deque[Order]
    total: int
    dead: int = 0


class BookSide:
    """One side of a book. A key is price times `sign`: the greatest key is the best price."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}

    def worst_key(self, limit: int | None) -> int:
        """The lowest key that an order with this limit price (None: market) crosses."""
        return ANY_PRICE if limit is None else self.sign * limit

    def drop(self, key: int) -> None:
        """Forget an empty level."""
        del self.levels[key]
        del self.keys[bisect_left(self.keys, key)]


class OrderBook:
    """The resting orders of one symbol."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        self._bids = BookSide(1)
        self._asks = BookSide(-1)

    def match(self, taker: Order) -> Match:
        """Trade `taker` against the other side and lower its `remaining`.

        Where it meets an order of its own owner, its `prevention` says who goes on.
        """
        makers = self._asks if taker.side is BUY else self._bids
        keys, levels, limit = makers.keys, makers.levels, taker.price
        worst = ANY_PRICE if limit is None else makers.sign * limit
        if not keys or keys[-1] < worst:
            return NOTHING
        result = Match()
        while taker.remaining and keys and (key := keys[-1]) >= worst and not result.stopped:
            level = levels[key]
            price, before = key * makers.sign, level.total
            _trade_level(level, price, taker, result)
            if level.total != before:
                result.levels.append((price, level.total))
            if not level.total:
                del levels[key]
                keys.pop()
        return result

    def rest(self, order: Order) -> int:
        """Queue a priced order behind its price; the new total at that price."""
        if order.price is None:
            raise ValueError(f"order {order.order_id} has no price and cannot rest")
        side = self._bids if order.side is BUY else self._asks
        key = order.price * side.sign
        level = side.levels.get(key)
        if level is None:
            side.levels[key] = Level(deque((order,)), order.remaining)
            insort(side.keys, key)
            return order.remaining
        level.queue.append(order)
        level.total += order.remaining
        return level.total

    def remove(self, order: Order) -> int:
        """Take a resting order off the book; the new total at its price.

        Its `remaining` becomes 0: read it before.
        """
        side = self._bids if order.side is BUY else self._asks
        key = (order.price or 0) * side.sign
        level = side.levels[key]
        level.total -= order.remaining
        order.remaining = 0
        level.dead += 1
        if not level.total:
            side.drop(key)
        elif level.dead > SWEEP_AFTER and level.dead * 2 > len(level.queue):
            level.queue = deque(each for each in level.queue if each.remaining)
            level.dead = 0
        return level.total

    def reduce(self, order: Order, lots: int) -> int:
        """Take `lots` off a resting order, less than it has; it keeps its place. Its price's new total."""
        side = self._side(order.side)
        level = side.levels[(order.price or 0) * side.sign]
        order.remaining -= lots
        level.total -= lots
        return level.total

    def fills_whole(self, taker: Order) -> bool:
        """True where `taker` would trade all it has, without meeting its own owner's quantity first."""
        side = self._asks if taker.side is BUY else self._bids
        worst, wanted = side.worst_key(taker.price), taker.remaining
        for key in reversed(side.keys):
            if key < worst:
                return False
            for maker in side.levels[key].queue:
                if maker.owner is taker.owner and taker.owner is not None and maker.remaining:
                    if taker.prevention is Prevention.EXPIRE_MAKER:
                        continue
                    if taker.prevention is not Prevention.NONE:
                        return False
                wanted -= maker.remaining
                if wanted <= 0:
                    return True
        return False

    def offers(self, taker_side: Side, limit: int | None, owner: object) -> Iterator[tuple[int, int]]:
        """(price, lots) that a taker of this owner would meet, best first; its own orders left out.

        `owner` None leaves nothing out and need not look at single orders.
        """
        side = self._asks if taker_side is BUY else self._bids
        worst = side.worst_key(limit)
        for key in reversed(side.keys):
            if key < worst:
                return
            level = side.levels[key]
            lots = level.total
            if owner is not None:
                lots -= sum(each.remaining for each in level.queue if each.owner is owner)
            if lots:
                yield key * side.sign, lots

    def depth(self, side: Side, limit: int) -> list[tuple[int, int]]:
        """(price, total) of the best `limit` prices of one side, best first."""
        wanted = self._side(side)
        keys = wanted.keys[: -limit - 1 : -1] if limit > 0 else []
        return [(key * wanted.sign, wanted.levels[key].total) for key in keys]

    def best(self, side: Side) -> tuple[int, int] | None:
        """(price, total) of the best price of one side; None where it is empty."""
        wanted = self._side(side)
        if not wanted.keys:
            return None
        key = wanted.keys[-1]
        return key * wanted.sign, wanted.levels[key].total

    def orders(self) -> list[Order]:
        """Every resting order, bids first, each side best price first, then oldest first."""
        return [
            order
            for side in (self._bids, self._asks)
            for key in reversed(side.keys)
            for order in side.levels[key].queue
            if order.remaining
        ]

    def _side(self, side: Side) -> BookSide:
        return self._bids if side is BUY else self._asks


def _trade_level(level: Level, price: int, taker: Order, result: Match) -> None:
    """Trade `taker` with one price's queue, oldest first, until one of them is used up."""
    queue, wanted = level.queue, taker.remaining
    owner = None if taker.prevention is FREE else taker.owner
    while wanted and queue:
        maker = queue[0]
        offered = maker.remaining
        if not offered:  # cancelled earlier, and only now out of the way
            queue.popleft()
            level.dead -= 1
        elif maker.owner is owner and owner is not None:
            wanted = _prevent(level, price, taker, wanted, result)
            if result.stopped:
                break
        elif offered > wanted:
            maker.remaining = offered - wanted
            level.total -= wanted
            result.fills.append((maker, price, wanted))
            wanted = 0
        else:
            queue.popleft()
            maker.remaining = 0
            level.total -= offered
            result.fills.append((maker, price, offered))
            wanted -= offered
    taker.remaining = wanted


def _prevent(level: Level, price: int, taker: Order, wanted: int, result: Match) -> int:
    """Keep `taker` from the first of the queue, which is its own; what it then still wants.

    Source: Binance spot "Self Trade Prevention (STP) FAQ".
    """
    maker, mode = level.queue[0], taker.prevention
    offered = maker.remaining
    taker_lots, maker_lots = wanted, offered
    if mode is Prevention.DECREMENT:
        taker_lots = maker_lots = min(wanted, offered)
    elif mode is Prevention.EXPIRE_TAKER:
        maker_lots = 0
    elif mode is Prevention.EXPIRE_MAKER:
        taker_lots = 0
    lots = min(wanted, offered)
    result.prevented.append(Prevented(maker, price, lots, taker_lots, maker_lots, len(result.fills)))
    level.total -= maker_lots
    maker.remaining -= maker_lots
    if not maker.remaining:
        level.queue.popleft()
    if mode is Prevention.DECREMENT:
        wanted -= taker_lots
        result.stopped = not wanted
    else:
        result.stopped = taker_lots > 0
    return wanted
