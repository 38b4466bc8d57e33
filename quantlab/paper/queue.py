"""Where our resting orders stand in a mirrored market's queue, and when its flow reaches them.

Pure, in whole ticks, lots and units of the base asset. The mirrored book shows how much stands at
a price, never in what order, so a place in the queue is a model (as hftbacktest's queue models):

- An order joins behind all that its price displays at that moment: that much is `ahead` of it.
- A trade at its price, by an aggressor of the other side, takes from the front: first what is
  ahead, and only what is left reaches the order. More displayed quantity stands behind it.
- Less displayed quantity than the trades explain was cancelled, ahead of us or behind: the
  `QueueModel` says how much of it ahead. Rounding never favours us.
- A trade at a worse price, and newly displayed quantity of the other side at our price or a worse
  one, went through our price: what was ahead is gone, and our order gets that quantity first.
- All that one print or one newly displayed level gives, over all our orders, is its quantity at
  most: the better price first, then the older order. An order never overtakes an older one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from enum import StrEnum

from quantlab.paper.matching import Match, Order


class QueueModel(StrEnum):
    """How much of a cancelled quantity stood ahead of an order, with a ahead of it and b behind.

    RISK_AVERSE: none, until what is displayed leaves no other room. PROPORTIONAL: a / (a + b).
    POWER2, POWER3: a^n / (a^n + b^n): near the front little is cancelled ahead, since those who
    have waited longest stay. POWER2 is the default.

    Source: hftbacktest, "Order Fill": RiskAdverseQueueModel and PowerProbQueueModel.
    """

    RISK_AVERSE = "risk-averse"
    PROPORTIONAL = "proportional"
    POWER2 = "power2"
    POWER3 = "power3"


POWERS = {QueueModel.PROPORTIONAL: 1, QueueModel.POWER2: 2, QueueModel.POWER3: 3}


class Place:
    """One of our resting orders: `ahead` units of the public before it.

    `traded` is what was traded at its price since the tape last said what stands there: the next
    such word includes it.
    """

    __slots__ = ("ahead", "order", "traded")

    def __init__(self, order: Order, ahead: int) -> None:
        self.order = order
        self.ahead = ahead
        self.traded = 0


class QueueSide:
    """Our resting orders of one side; as in `matching.BookSide` the greatest key is the best price."""

    __slots__ = ("_lot_units", "_model", "_places", "keys", "sign")

    def __init__(self, sign: int, lot_units: int, model: QueueModel) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self._places: dict[int, list[Place]] = {}  # oldest first
        self._lot_units = lot_units
        self._model = model

    def join(self, order: Order, ahead: int) -> None:
        """Queue an order behind `ahead` units of the public, and behind our older ones."""
        if order.price is None:
            raise ValueError(f"order {order.order_id} has no price and cannot rest")
        key = order.price * self.sign
        if key not in self._places:
            self._places[key] = []
            insort(self.keys, key)
        self._places[key].append(Place(order, ahead))

    def rejoin(self, displayed: Mapping[int, int]) -> None:
        """Put every order behind what is displayed (units by key): the book has only now begun."""
        for key, places in self._places.items():
            for place in places:
                place.ahead = displayed.get(key, 0)

    def reaches(self, price: int) -> bool:
        """True where an order of ours would trade with the other side at `price`."""
        return bool(self.keys) and self.keys[-1] >= price * self.sign

    def leave(self, order: Order) -> None:
        """Take a resting order out; its `remaining` becomes 0."""
        order.remaining = 0
        self._sweep((order.price or 0) * self.sign)

    def ahead(self, order: Order) -> int | None:
        """Units of the public before a resting order; None where it does not rest here."""
        places = self._places.get((order.price or 0) * self.sign, ())
        return next((place.ahead for place in places if place.order is order), None)

    def trade(self, price: int, units: int, result: Match) -> None:
        """Let one print flow through: through better prices, then through the queue at its own."""
        key = price * self.sign
        left = self._go_through(key + 1, units, result)
        taken = 0
        for place in self._places.get(key, ()):
            flow = left - taken
            taken += self._fill(place, flow - place.ahead, result)
            place.ahead = max(0, place.ahead - flow)
            place.traded += units
        self._sweep(key)

    def cross(self, price: int, units: int, result: Match) -> None:
        """Meet `units` that the other side newly displays at `price`."""
        self._go_through(price * self.sign, units, result)

    def shown(self, key: int, before: int, now: int) -> None:
        """The public's quantity at one of our prices was `before` and is `now`."""
        least = 0  # nobody overtakes an older order of ours
        for place in self._places.get(key, ()):
            standing = before - place.traded
            place.traded = 0
            gone = standing - now
            if gone > 0:
                place.ahead -= self._cancelled_ahead(place.ahead, max(0, standing - place.ahead), gone)
            least = place.ahead = min(now, max(least, place.ahead))

    def _cancelled_ahead(self, ahead: int, behind: int, gone: int) -> int:
        power = POWERS.get(self._model)
        if power is None or not ahead:
            return 0
        front: int = ahead**power
        back: int = behind**power
        return min(ahead, gone * front // (front + back))

    def _go_through(self, worst: int, units: int, result: Match) -> int:
        """Fill our orders with keys from the best down to `worst`; the units that are left."""
        for key in self.keys[bisect_left(self.keys, worst) :][::-1]:
            for place in self._places[key]:
                place.ahead = place.traded = 0
                units -= self._fill(place, units, result)
            self._sweep(key)
        return units

    def _fill(self, place: Place, units: int, result: Match) -> int:
        """Fill one order with whole lots of `units`, at its own price; the units that it took."""
        order = place.order
        lots = min(order.remaining, units // self._lot_units)
        if lots <= 0:
            return 0
        order.remaining -= lots
        result.fills.append((order, order.price or 0, lots))
        return lots * self._lot_units

    def _sweep(self, key: int) -> None:
        """Forget the orders of a price that have nothing left."""
        places = [place for place in self._places.get(key, ()) if place.order.remaining]
        if places:
            self._places[key] = places
        elif self._places.pop(key, None) is not None:
            del self.keys[bisect_left(self.keys, key)]
