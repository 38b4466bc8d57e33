"""What a denial leaves behind: records of the orders, a line in the journal, an event, and the error.

Main thread only. No byte of a denied request ever left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quantlab.bus import Bus
from quantlab.clock import Clock
from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest, orders_of
from quantlab.errors import Halted, OrderDenied
from quantlab.topics import RISK_BREACH, RiskBreach
from quantlab.trading.answers import Latch, Notes
from quantlab.trading.decision import Decision
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.states import OrderState


class Denials:
    """Keeps and tells what the rails denied.

    Args:
        orders: Gets a record of each order, DENIED.
        journal: Gets one line.
        bus: Gets a `RiskBreach`.
        clock: Stamps all of it.
        latch: The HALT latch, for what to call the denial.
        publish: Tells the bus where an order stands.
    """

    def __init__(
        self,
        *,
        orders: Orders,
        journal: Notes,
        bus: Bus,
        clock: Clock,
        latch: Latch,
        publish: Callable[[Order], None],
    ) -> None:
        self._orders, self._journal, self._bus = orders, journal, bus
        self._clock, self._latch, self._publish = clock, latch, publish

    def note(self, request: AnyRequest, decision: Decision) -> None:
        """Write down and tell that `request` was denied."""
        now_ms = self._clock.now_ms()
        reason = "; ".join(each.describe() for each in decision.breaches)
        denied = [
            self._orders.add(each, state=OrderState.DENIED, reason=reason, time_ms=now_ms)
            for each in orders_of(request)
        ]
        line = {"limits_version": decision.limits_version, "reason": reason}
        self._journal.append_nowait("denied", _what(request) | line)
        for order in denied:
            self._publish(order)
        self._bus.publish(
            RISK_BREACH,
            RiskBreach(
                symbol=request.symbol, order=decision.order, verdicts=decision.verdicts, time_ms=now_ms
            ),
        )

    def error(self, decision: Decision) -> OrderDenied:
        """What whoever asked is told."""
        denied = OrderDenied(decision.breaches, decision.verdicts)
        if self._latch.is_set:
            denied = Halted(self._latch.reason)
            denied.breaches, denied.verdicts = decision.breaches, decision.verdicts
        return denied


def _what(request: AnyRequest) -> dict[str, Any]:
    if isinstance(request, OrderListRequest):
        return {"orders": request.orders}
    return {"amend": request} if isinstance(request, AmendRequest) else {"order": orders_of(request)[0]}
