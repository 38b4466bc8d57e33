"""What comes back from the venue, folded into orders and portfolio and told to the bus.

Main thread only. Every message may come twice, late or out of order: what says nothing new is
not passed on, and what contradicts us is an alarm. No order leaves from here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal

import msgspec

from quantlab.bus import Bus
from quantlab.clock import Clock
from quantlab.domain.decimals import plain
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import AccountInfo, AccountPosition
from quantlab.topics import BALANCE, EXECUTION, FILL, ORDER, POSITION, OrderUpdate
from quantlab.trading.amounts import ZERO
from quantlab.trading.answers import Lines, OrderAnswer
from quantlab.trading.order import Order, name_of
from quantlab.trading.orders import Change, Orders
from quantlab.trading.portfolio import Moved, Portfolio
from quantlab.trading.reconcile import Reconciled
from quantlab.trading.reports import reports
from quantlab.trading.states import FINAL_STATUSES, OrderEvent, OrderState

ALARMS = 1_000


class Intake:
    """Folds answers, reports, balances and reconciliations in.

    Args:
        orders: Every order.
        portfolio: What is held and reserved.
        bus: Gets every change.
        journal: Gets every execution and alarm.
        clock: Stamps what has no time of the venue.
        on_alarm: Called with a sentence when something contradicts what we knew.
        on_contradiction: Called with a sentence when the venue said what cannot be true of an order.
    """

    def __init__(
        self,
        *,
        orders: Orders,
        portfolio: Portfolio,
        bus: Bus,
        journal: Lines,
        clock: Clock,
        on_alarm: Callable[[str], object] | None = None,
        on_contradiction: Callable[[str], object] | None = None,
    ) -> None:
        self.alarms: deque[str] = deque(maxlen=ALARMS)
        self._orders, self._portfolio, self._bus = orders, portfolio, bus
        self._journal, self._clock, self._on_alarm = journal, clock, on_alarm
        self._on_contradiction = on_contradiction
        self._settling: list[tuple[str, Decimal, asyncio.Future[None]]] = []

    def on_report(self, report: ExecutionReport) -> None:
        """Fold an execution report in; one that says nothing new is not passed on.

        One that cannot be true changes nothing: what the order reserved stays reserved.
        """
        if problem := self._orders.contradiction(report):
            self._contradicted(problem)
            return
        change = self._orders.apply(report)
        if report.client_order_id != change.order.client_order_id:
            report = msgspec.structs.replace(report, client_order_id=change.order.client_order_id)
        moved = self._portfolio.apply(report, live=change.order.live)
        self.alarm(change.alarm)
        if not change.changed and not moved.changed:
            return
        self._journal.append_nowait("execution", msgspec.structs.asdict(report))
        self._bus.publish(EXECUTION, report)
        self._publish_change(change, moved)
        self._settle()

    def on_account(self, account: AccountPosition | AccountInfo) -> None:
        """Fold the account's balances in."""
        for balance in self._portfolio.apply(account).balances:
            self._bus.publish(BALANCE, balance)

    def is_settled(self, client_order_id: str, cumulative_quantity: Decimal) -> bool:
        """True once fills of `cumulative_quantity` (base) were applied, or the order is over and whole."""
        if self._portfolio.booked(client_order_id) >= cumulative_quantity:
            return True
        order, reserved = self._orders.get(client_order_id), self._portfolio.reserved(client_order_id)
        return (
            order is not None
            and not order.live
            and (reserved is None or not (reserved.base or reserved.quote))
        )

    async def settled(self, client_order_id: str, cumulative_quantity: Decimal) -> Order | None:
        """Wait until `is_settled`; the caller sets its own time limit."""
        if not self.is_settled(client_order_id, cumulative_quantity):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._settling.append((client_order_id, cumulative_quantity, waiter))
            await waiter
        return self._orders.get(client_order_id)

    def on_answer(self, answer: OrderAnswer) -> Order:
        """Fold in what came of a request of ours."""
        if answer.event is OrderEvent.ACK:
            self._contradicted(self._orders.took(answer.client_order_id, answer.order_id))
        change = self._orders.answer(
            answer.client_order_id, answer.event, reason=answer.reason, time_ms=self._clock.now_ms()
        )
        if not change.order.live:
            self._portfolio.release(answer.client_order_id)
        self.alarm(change.alarm)
        if change.changed:
            self.publish_order(change.order)
        self._settle()
        return change.order

    def on_reconciled(self, found: Reconciled) -> None:
        """Fold in what the venue said we have."""
        if found.account is not None:
            self.on_account(found.account)
        for report in reports(found, self._orders, booked=self._portfolio.has_booked):
            self.on_report(report)
        for symbol, trade_id in found.marks.items():
            self._portfolio.mark_reconciled(symbol, trade_id)
        if found.marks:  # where the next session goes on asking
            self._journal.append_nowait("reconciled", {"marks": dict(found.marks)})
        for _, client_order_id in found.absent:
            order = self._orders.get(client_order_id)
            if order is not None and order.state in {OrderState.TAKEN, OrderState.PARTIALLY_FILLED}:
                self.alarm(f"order {client_order_id} is {order.state} here, and the venue does not know it")
        over = [each for each in found.orders if each.status in FINAL_STATUSES]
        for snapshot in over:
            self._alarm_if_fills_lack(self._orders.by_venue_id(snapshot.symbol, snapshot.order_id))

    def _alarm_if_fills_lack(self, order: Order | None) -> None:
        """An order that is over, and of which the venue's own list has fewer trades than it says."""
        missing = self._portfolio.missing(order.client_order_id) if order is not None else ZERO
        if order is not None and not order.live and missing:
            lack = f"fills of {plain(missing)} were not found; they stay reserved"
            self.alarm(f"{name_of(order)} is over, and {lack}")

    def _publish_change(self, change: Change, moved: Moved) -> None:
        if change.changed:
            self.publish_order(change.order)
        if moved.fill is not None:
            self._bus.publish(FILL, moved.fill)
        if moved.position is not None:
            self._bus.publish(POSITION, moved.position)

    def publish_order(self, order: Order) -> None:
        """Tell the bus where an order stands."""
        update = {name: getattr(order, name) for name in OrderUpdate.__struct_fields__}
        self._bus.publish(ORDER, OrderUpdate(**update | {"state": order.state.value}))

    def _settle(self) -> None:
        waiting, self._settling = self._settling, []
        for client_order_id, quantity, waiter in waiting:
            if waiter.done():
                continue
            if self.is_settled(client_order_id, quantity):
                waiter.set_result(None)
            else:
                self._settling.append((client_order_id, quantity, waiter))

    def _contradicted(self, problem: str) -> None:
        """The venue said what cannot be true: an alarm, and whoever listens decides what follows."""
        self.alarm(problem)
        if problem and self._on_contradiction is not None:
            self._on_contradiction(problem)

    def alarm(self, text: str) -> None:
        """Keep, journal and pass on a sentence for people; an empty one is none."""
        if not text:
            return
        self.alarms.append(text)
        self._journal.append_nowait("alarm", {"text": text})
        if self._on_alarm is not None:
            self._on_alarm(text)
