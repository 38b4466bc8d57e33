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
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import AccountInfo, AccountPosition, Transfer
from quantlab.topics import BALANCE, EXECUTION, FILL, ORDER, POSITION, Difference, OrderUpdate
from quantlab.trading.amounts import ZERO
from quantlab.trading.answers import Lines, OrderAnswer
from quantlab.trading.differences import (
    implied,
    missing_fills,
    of_balance,
    of_order,
    other_venue,
    unknown_order,
)
from quantlab.trading.order import Order
from quantlab.trading.orders import Change, Orders
from quantlab.trading.pace import STOPS
from quantlab.trading.portfolio import Moved, Portfolio
from quantlab.trading.reconcile import Reconciled
from quantlab.trading.reports import reports
from quantlab.trading.states import FINAL_STATUSES, OrderEvent, OrderState
from quantlab.trading.strangers import Strangers

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
        on_stop: Called with the symbol when a stop of ours was filled, once for each.
        on_stranger: Called with a sentence when an order of our making is in no line of our journal.
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
        on_stop: Callable[[str], object] = lambda _: None,
        on_stranger: Callable[[str], object] | None = None,
    ) -> None:
        self.alarms: deque[str] = deque(maxlen=ALARMS)
        self._orders, self._portfolio, self._bus = orders, portfolio, bus
        self._journal, self._clock, self._on_alarm = journal, clock, on_alarm
        self._on_contradiction, self._on_stop = on_contradiction, on_stop
        self._on_stranger = on_stranger or (lambda _: None)
        self._differences: list[Difference] = []
        self._lasting: frozenset[str] = frozenset()
        self._settling: list[tuple[str, Decimal, asyncio.Future[None]]] = []
        self.strangers = Strangers()

    def on_report(self, report: ExecutionReport) -> Difference | None:
        """Fold an execution report in; one that says nothing new is not passed on.

        One that cannot be true changes nothing: what the order reserved stays reserved. What it told
        that we did not know comes back; from the stream that is no difference, it is the news.
        """
        if problem := self._orders.contradiction(report):
            self._contradicted(problem)
            return None
        before = self._orders.state_of(report)
        change = self._orders.apply(report)
        if report.client_order_id != change.order.client_order_id:
            report = msgspec.structs.replace(report, client_order_id=change.order.client_order_id)
        moved = self._portfolio.apply(report, live=change.order.live)
        self.alarm(change.alarm)
        if before is None and change.order.external:
            self._met(change.order)
        if not change.changed and not moved.changed:
            return None
        if report.type in STOPS and change.order.state is OrderState.FILLED is not before:
            self._on_stop(report.symbol)
        self._journal.append_nowait("execution", msgspec.structs.asdict(report))
        self._bus.publish(EXECUTION, report)
        self._publish_change(change, moved)
        self._settle()
        return of_order(before, change.order, moved.fill)

    def on_account(self, account: AccountPosition | AccountInfo | Transfer) -> list[Difference]:
        """Fold the account's balances or a transfer in; what was another one here comes back."""
        before = dict(self._portfolio.balances)
        changed = self._portfolio.apply(account).balances
        for balance in changed:
            self._bus.publish(BALANCE, balance)
        return [of_balance(before.get(each.asset), each) for each in changed]

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
        """Fold in what the venue said we have; in what it differed is kept for `take_differences`."""
        differences = [] if found.account is None else self.on_account(found.account)
        foreign = self._of_another_venue(found)
        differences += foreign
        strange, others = {each.symbol for each in foreign}, {each.describe() for each in foreign}
        if strange:  # its trades are none of the account that we know
            found = msgspec.structs.replace(
                found,
                trades=tuple(each for each in found.trades if each.symbol not in strange),
                marks={symbol: mark for symbol, mark in found.marks.items() if symbol not in strange},
            )
        for report in reports(found, self._orders, booked=self._portfolio.books.has_booked):
            if (difference := self.on_report(report)) is not None and not implied(difference, differences):
                differences.append(difference)
        self._mark(found)
        differences += self._unproven(found)
        lasting = [each.describe() for each in differences if not each.repaired]
        for sentence in lasting:
            if sentence not in self._lasting:  # told once, however often it is found
                self._contradicted(sentence) if sentence in others else self.alarm(sentence)
        if found.account is not None:
            self._lasting = frozenset(lasting)
            self._differences += differences

    def take_differences(self) -> tuple[Difference, ...]:
        """What whole reconciliations found since this was last asked, oldest first."""
        taken, self._differences = tuple(self._differences), []
        return taken

    def _of_another_venue(self, found: Reconciled) -> list[Difference]:
        """Trades of ours that the venue does not know any more, or has as others."""
        result = []
        for symbol, trade in found.seen.items():
            mark = self._portfolio.books.reconciled_to(symbol)
            if mark is None or (trade is not None and trade.trade_id != mark):
                continue  # a newer reconciliation has moved on meanwhile
            difference = other_venue(symbol, mark, self._portfolio.books.fill_of(symbol, mark), trade)
            if difference is not None:
                result.append(difference)
        return result

    def _mark(self, found: Reconciled) -> None:
        """Remember how far the account's trades are booked; the journal where the next session goes on."""
        moved = {
            symbol: mark
            for symbol, mark in found.marks.items()
            if mark != self._portfolio.books.reconciled_to(symbol)
        }
        for symbol, trade_id in moved.items():
            self._portfolio.books.mark_reconciled(symbol, trade_id)
        if moved:
            self._journal.append_nowait("reconciled", {"marks": moved})

    def _unproven(self, found: Reconciled) -> list[Difference]:
        """What the answers do not settle: orders the venue does not know, fills that it does not list."""
        result = []
        for _, client_order_id in found.absent:
            order = self._orders.get(client_order_id)
            if order is not None and order.state in {OrderState.TAKEN, OrderState.PARTIALLY_FILLED}:
                result.append(unknown_order(order))
        for snapshot in found.orders:
            if snapshot.status not in FINAL_STATUSES:
                continue
            order = self._orders.by_venue_id(snapshot.symbol, snapshot.order_id)
            missing = self._portfolio.missing(order.client_order_id) if order is not None else ZERO
            if order is not None and not order.live and missing:
                result.append(missing_fills(order, missing))
        return result

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

    def _met(self, order: Order) -> None:
        """An order from elsewhere: it may be one that our journal should have."""
        problem = self.strangers.problem(order.client_order_id)
        if problem:
            self.alarm(problem)
            self._on_stranger(problem)

    def alarm(self, text: str) -> None:
        """Keep, journal and pass on a sentence for people; an empty one is none."""
        if not text:
            return
        self.alarms.append(text)
        self._journal.append_nowait("alarm", {"text": text})
        if self._on_alarm is not None:
            self._on_alarm(text)
