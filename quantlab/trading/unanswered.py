"""Orders whose answer was lost: of this session, and those that an earlier one left. Main thread only.

Such an order stays unknown, and reserved, until the venue has said for certain what became of it.
"""

from __future__ import annotations

from quantlab.clock import Clock
from quantlab.trading.intake import Intake
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.recovery import Recovered
from quantlab.trading.sender import OrderSender
from quantlab.trading.states import OrderState
from quantlab.wire import Wire, WireCall


class Unanswered:
    """Has each of them resolved.

    Args:
        wire: The hand-over to the wire.
        sender: The wire side, which asks the venue.
        orders: Every order.
        portfolio: Where they are reserved.
        intake: Tells of them.
        clock: Stamps them.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        sender: OrderSender,
        orders: Orders,
        portfolio: Portfolio,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._wire, self._sender, self._clock = wire, sender, clock
        self._orders, self._portfolio, self._intake = orders, portfolio, intake

    def take_over(self, left: Recovered) -> None:
        """What earlier sessions left: positions, used ids, and orders without an answer."""
        self._portfolio.seed(left.traded, left.marks)
        for request in left.unfinished:
            order = self._orders.add(
                request,
                state=OrderState.UNKNOWN,
                reason="sent by an earlier session",
                time_ms=self._clock.now_ms(),
            )
            self._portfolio.reserve(request)
            self._intake.publish_order(order)
            self.resolve(order)
        self._orders.remember(left.client_order_ids)
        self._intake.strangers.remember(left.client_order_ids, (each.client_order_id for each in left.traded))

    def resolve(self, order: Order) -> None:
        """Have the venue asked until it is certain what became of the order."""
        symbol, client_order_id = order.symbol, order.client_order_id
        call = self._wire.call(
            lambda: self._sender.resolve(symbol, client_order_id), f"resolve {client_order_id}"
        )
        call.add_done_callback(self._on_end)

    def _on_end(self, call: WireCall[None]) -> None:
        try:
            call.result()
        except Exception as error:  # noqa: BLE001  # the order stays unknown and reserved: say so
            self._intake.alarm(f"{call.name} ended: {error}")
