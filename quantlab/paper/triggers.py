"""Orders that wait for the market's price: stops, take profits, and those that trail it.

Pure: it is told each trade's price and answers whose turn has come; what then happens to them is
`floor`'s. Whole ticks and basis points, so that no comparison is rounded.

Source: Binance spot REST API, "New order (TRADE)"; "Spot Trailing Stop order FAQ".
"""

from __future__ import annotations

from bisect import bisect_left, insort

from quantlab.domain.orders import Side
from quantlab.paper.venueorder import VenueOrder

BASIS = 10_000  # basis points in one
Key = tuple[int, int]  # signed price, order id


class Triggers:
    """One symbol's waiting orders.

    Both directions keep the next order to trigger first: rising by price, falling by its negative.
    """

    __slots__ = ("_falling", "_orders", "_rising", "_trailing")

    def __init__(self) -> None:
        self._rising: list[Key] = []
        self._falling: list[Key] = []
        self._trailing: dict[int, VenueOrder] = {}
        self._orders: dict[int, VenueOrder] = {}

    def __bool__(self) -> bool:
        return bool(self._orders)

    def add(self, order: VenueOrder, last: int | None, now_ms: int) -> None:
        """Wait with `order`; without a stop price it follows the market from `last` (ticks) on."""
        order.waiting = True
        self._orders[order.order_id] = order
        if order.stop is None:
            self._follow(order, last, now_ms)
        else:
            insort(*self._place(order, order.stop))

    def remove(self, order: VenueOrder) -> None:
        """Wait with `order` no more."""
        order.waiting = False
        del self._orders[order.order_id]
        if self._trailing.pop(order.order_id, None) is None and order.stop is not None:
            line, key = self._place(order, order.stop)
            del line[bisect_left(line, key)]

    def at(self, price: int, now_ms: int) -> list[VenueOrder]:
        """A trade at `price`: the orders that it triggers, in their order; they wait no more."""
        found = [order for order in list(self._trailing.values()) if _moved_off(order, price)]
        for line, limit in ((self._rising, price), (self._falling, -price)):
            while line and line[0][0] <= limit:
                order = self._orders[line.pop(0)[1]]
                if order.delta is None:
                    found.append(order)
                else:
                    self._follow(order, price, now_ms)
        for order in found:
            order.waiting = False
            del self._orders[order.order_id]
            self._trailing.pop(order.order_id, None)
        return found

    def _place(self, order: VenueOrder, stop: int) -> tuple[list[Key], Key]:
        if order.triggers_above:
            return self._rising, (stop, order.order_id)
        return self._falling, (-stop, order.order_id)

    def _follow(self, order: VenueOrder, price: int | None, now_ms: int) -> None:
        order.extreme, order.trailing_ms = price, now_ms
        self._trailing[order.order_id] = order


def _moved_off(order: VenueOrder, price: int) -> bool:
    """True where the price has come back from its extreme by the order's delta; else the extreme is kept."""
    extreme, delta = order.extreme, order.delta or 0
    if order.side is Side.SELL:
        order.extreme = price if extreme is None else max(extreme, price)
        return price * BASIS <= order.extreme * (BASIS - delta)
    order.extreme = price if extreme is None else min(extreme, price)
    return price * BASIS >= order.extreme * (BASIS + delta)
