"""A permitted request is reserved, noted and handed to the wire: all of it in one step, or none.

Main thread only; the last thing that `Gateway.submit` does, and nobody else does it.
"""

from __future__ import annotations

from contextlib import suppress

from quantlab.clock import Clock
from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest, orders_of
from quantlab.domain.permit import Permit
from quantlab.errors import JournalError, OrderPending
from quantlab.trading.answers import OrderAnswer
from quantlab.trading.asking import Asking
from quantlab.trading.intake import Intake
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.sender import OrderSender
from quantlab.trading.sent import Sent, SentList, SentOrder
from quantlab.trading.states import OrderEvent
from quantlab.wire import Wire, WireCall


class Handing:
    """Hands requests over.

    Args:
        wire: The hand-over to the wire.
        sender: The wire side.
        orders: Every order.
        portfolio: Where they are reserved.
        asking: Counts what was sent.
        intake: Tells what became of them.
        clock: Stamps them.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        sender: OrderSender,
        orders: Orders,
        portfolio: Portfolio,
        asking: Asking,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._wire, self._sender, self._clock = wire, sender, clock
        self._orders, self._portfolio = orders, portfolio
        self._asking, self._intake = asking, intake

    def over(self, request: AnyRequest, permit: Permit) -> Sent:
        """Reserve, begin the journal's line, and have the request sent once that is written.

        Raises:
            EngineStopped, WrongThread: Nothing is reserved, and nothing was sent.
            OrderPending: It is out, and an Interrupt struck a handler that hung on the news of it.
        """
        new, now_ms = orders_of(request), self._clock.now_ms()
        orders = [self._orders.add(each, time_ms=now_ms) for each in new]
        listed = request if isinstance(request, OrderListRequest) else None
        for number, each in enumerate(new):
            paired = listed is not None and number in listed.kind.pair
            self._portfolio.reserve(each, pair=listed.list_client_order_id if listed and paired else "")
        call = self._call(request, permit)
        try:
            self._asking.sent(request)
            for order in orders:
                self._intake.publish_order(order)
        except Exception as error:  # noqa: BLE001  # it is out: who sent it must not read that it is not
            self.not_told(request, error)
        except KeyboardInterrupt:
            ids = _ids_of(request)
            raise OrderPending(f"{request.describe()}: it goes on as {', '.join(ids)}", ids) from None
        if listed is not None:
            return SentList(call, orders, listed.list_client_order_id)
        if isinstance(request, AmendRequest):
            orders = [self._asking.of_ours(request.client_order_id)]
        return SentOrder(call, orders[0])

    def not_told(self, request: AnyRequest, error: Exception) -> None:
        """Something failed beside an order that is out: an alarm, also where the journal takes none."""
        with suppress(JournalError):
            self._intake.alarm(f"{request.describe()}: an order is out, but telling it on failed: {error}")

    def _call(self, request: AnyRequest, permit: Permit) -> WireCall[None]:
        names = [each.client_order_id for each in orders_of(request)]
        try:
            line = self._sender.note(request, permit)
        except BaseException:
            self._not_sent(names)
            raise
        try:
            return self._wire.call(
                lambda: self._sender.send(request, permit, line),
                f"order {' '.join(_ids_of(request))}",
                after=None if self._sender.in_turn else line.then,
            )
        except Exception:  # not an Interrupt: it may be out, and its answer or a reconciliation tells
            self._not_sent(names)
            raise

    def _not_sent(self, names: list[str]) -> None:
        for name in names:
            answer = OrderAnswer(client_order_id=name, event=OrderEvent.NOT_SENT)
            self._sender.note_not_sent(answer)
            self._intake.on_answer(answer)


def _ids_of(request: AnyRequest) -> tuple[str, ...]:
    """Of the orders that it places, or the one that it amends."""
    if isinstance(request, AmendRequest):
        return (request.client_order_id,)
    return tuple(each.client_order_id for each in orders_of(request))
