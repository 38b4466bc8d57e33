"""An order under way, as the one who sent it holds it.

Waiting is all it does: who stops waiting, by a timeout or an Interrupt, stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeAlias

from quantlab.frames import Rows
from quantlab.trading.orders import Order
from quantlab.wire import WireCall


class SentOrder:
    """An order under way: await it, or wait in a cell; its result is our record of the order.

    The result's state is by execution report: TAKEN, until fills were reported. Whoever stops
    waiting stops nothing.
    """

    __slots__ = ("_call", "order")

    def __init__(self, call: WireCall[None], order: Order) -> None:
        self._call = call
        self.order = order

    @property
    def client_order_id(self) -> str:
        return self.order.client_order_id

    @property
    def done(self) -> bool:
        """True when the venue has answered, or when it is certain that it will not."""
        return self._call.done

    def result(self) -> Order:
        """Our record of the order; raises what `OrderSender.send` raises."""
        self._call.result()
        return self.order

    def wait(self, timeout_s: float | None = None) -> Order:
        """Block the cell until there is an answer; see `WireCall.wait`."""
        self._call.wait(timeout_s)
        return self.order

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """Call `callback(self)` on the main thread when it is done."""
        self._call.add_done_callback(lambda _: callback(self))

    def __await__(self) -> Generator[Any, None, Order]:
        yield from self._call.__await__()
        return self.order

    def __repr__(self) -> str:
        return f"<SentOrder {self.client_order_id} {self.order.state}>"


class SentList:
    """Several orders under way as one request: await it, or wait in a cell; its result are our records.

    They stand in the order of the request. Whoever stops waiting stops nothing.
    """

    __slots__ = ("_call", "client_order_id", "orders")

    def __init__(self, call: WireCall[None], orders: Sequence[Order], list_client_order_id: str) -> None:
        self._call = call
        self.orders = tuple(orders)
        self.client_order_id = list_client_order_id

    @property
    def client_order_ids(self) -> tuple[str, ...]:
        """The ids of its orders, in the order of the request."""
        return tuple(each.client_order_id for each in self.orders)

    @property
    def done(self) -> bool:
        """True when the venue has answered, or when it is certain that it will not."""
        return self._call.done

    def result(self) -> Rows[Order]:
        """Our records of the orders; raises what `OrderSender.send` raises."""
        self._call.result()
        return Rows(self.orders, of=Order, index="client_order_id")

    def wait(self, timeout_s: float | None = None) -> Rows[Order]:
        """Block the cell until there is an answer; see `WireCall.wait`."""
        self._call.wait(timeout_s)
        return self.result()

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """Call `callback(self)` on the main thread when it is done."""
        self._call.add_done_callback(lambda _: callback(self))

    def __await__(self) -> Generator[Any, None, Rows[Order]]:
        yield from self._call.__await__()
        return self.result()

    def __repr__(self) -> str:
        return f"<SentList {self.client_order_id} {', '.join(each.state for each in self.orders)}>"


Sent: TypeAlias = SentOrder | SentList
