"""Every order of the session, by our id and by the venue's.

Pure: no clock, no socket, no bus. An order never leaves here, and no report undoes what a newer
one said: quantities only grow, and a state changes only by `states.TRANSITIONS`. What contradicts
the table changes nothing and is an alarm for people, never a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.orders import NO_ORDER_ID, ExecutionReport, OrderRequest
from quantlab.frames import frame
from quantlab.trading.order import Order, amended, contradiction, name_of
from quantlab.trading.states import (
    FINAL_EVENTS,
    REPORTED,
    STATUS_EVENTS,
    TRANSITIONS,
    OrderEvent,
    OrderState,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Change", "Order", "OrderEvent", "OrderState", "Orders"]

S, E = OrderState, OrderEvent
COLUMNS = (
    "client_order_id", "time_ms", "symbol", "side", "type", "quantity", "quote_quantity", "price", "state",
    "filled", "average_price", "reason", "order_id", "external",
)  # fmt: skip


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer or report did. `alarm` is a sentence where it contradicts what we knew."""

    order: Order
    changed: bool
    alarm: str = ""


class Orders:
    """Every order of the session, by our id and by the venue's."""

    def __init__(self) -> None:
        self._by_client_id: dict[str, Order] = {}
        self._by_venue_id: dict[tuple[str, int], Order] = {}
        self._live: dict[str, Order] = {}  # those that may still trade, oldest first
        self.symbols: set[str] = set()  # of every order
        self._earlier: set[str] = set()

    def add(
        self, request: OrderRequest, *, time_ms: int, state: OrderState = S.PENDING, reason: str = ""
    ) -> Order:
        """Keep an order of our own from before it is sent; its id must be new."""
        if self.knows(request.client_order_id):
            raise ValueError(f"client order id {request.client_order_id!r} was used before")
        order = Order(
            symbol=request.symbol,
            client_order_id=request.client_order_id,
            side=request.side.value,
            type=request.type.value,
            quantity=request.quantity,
            quote_quantity=request.quote_quantity,
            price=request.price,
            stop_price=request.stop_price,
            trailing_delta=request.trailing_delta,
            state=state,
            reason=reason,
            time_ms=time_ms,
        )
        self._keep(order)
        return order

    def remember(self, client_order_ids: Iterable[str]) -> None:
        """Ids that earlier sessions made (from the journal): ours, and never to be used again."""
        self._earlier.update(client_order_ids)

    def knows(self, client_order_id: str) -> bool:
        """True where the id was used, in this session or an earlier one."""
        return client_order_id in self._by_client_id or client_order_id in self._earlier

    def answer(self, client_order_id: str, event: OrderEvent, *, time_ms: int, reason: str = "") -> Change:
        """Fold in what came of our request: ACK, REFUSED, LOST or NOT_SENT."""
        order = self._by_client_id[client_order_id]
        return self._step(order, event, reason, time_ms)

    def took(self, client_order_id: str, order_id: int) -> str:
        """The venue's id of an order, as its acknowledgement says it; a sentence where it cannot be its."""
        order = self._by_client_id[client_order_id]
        holder = self._by_venue_id.get((order.symbol, order_id), order)
        if holder is not order and not holder.external:
            return f"{name_of(order)}: the venue gives it the id of order {holder.client_order_id}"
        self._name(order, order_id)
        return ""

    def contradiction(self, report: ExecutionReport) -> str:
        """Why this report cannot be true of the order it names, in a sentence; empty where it can.

        Such a report must change nothing: it would release a reservation or book what never was.
        """
        return contradiction(report, self._find(report))

    def state_of(self, report: ExecutionReport) -> OrderState | None:
        """Where the order stands that a report speaks of; None where we have not heard of it."""
        order = self._find(report)
        return None if order is None else order.state

    def apply(self, report: ExecutionReport) -> Change:
        """Fold a report in: idempotent, in any order, monotone by cumulative quantity."""
        order = self._find(report)
        if order is None:
            order = self._adopt(report)
            event = STATUS_EVENTS.get(report.status, E.STRANGE)
            order.state = REPORTED[event]
            alarm = "" if event is not E.STRANGE else f"{name_of(order)}: unknown status {report.status!r}"
            self._take_amounts(order, report)
            self._place(order)
            return Change(order=order, changed=True, alarm=alarm)
        self._name(order, report.order_id)
        event = STATUS_EVENTS.get(report.status, E.STRANGE)
        cut = amended(report, order.quantity)
        if cut is not None:
            order.quantity = cut
        if _stale(order, report, event):
            return Change(order=order, changed=cut is not None)
        grown = self._take_amounts(order, report) or cut is not None
        reason = report.reject_reason if event is E.REJECT else ""
        if event is E.STRANGE:
            reason = f"unknown status {report.status!r}"
        change = self._step(order, event, reason, max(order.time_ms, report.transact_ms))
        alarm = change.alarm or (f"{name_of(order)}: {reason}" if event is E.STRANGE else "")
        return Change(order=order, changed=change.changed or grown, alarm=alarm)

    def amending(self, client_order_id: str) -> None:
        """An amendment of the order was sent."""
        self._by_client_id[client_order_id].amends += 1

    def get(self, client_order_id: str) -> Order | None:
        return self._by_client_id.get(client_order_id)

    def by_venue_id(self, symbol: str, order_id: int) -> Order | None:
        return self._by_venue_id.get((symbol, order_id))

    def open(self, symbol: str | None = None) -> list[Order]:
        """Orders that may still trade, oldest first."""
        return [each for each in self._live.values() if symbol in (None, each.symbol)]

    def __iter__(self) -> Iterator[Order]:
        return iter(self._by_client_id.values())

    def __len__(self) -> int:
        return len(self._by_client_id)

    def frame(self) -> pd.DataFrame:
        """One row per order, oldest first; `filled` is by execution report.

        `order_id` is the venue's, None for an order that it never named.
        """
        table = frame(self, columns=COLUMNS, index="client_order_id")
        ids = table["order_id"].astype(object)  # a whole number beside None is no float
        table["order_id"] = ids.where(ids != NO_ORDER_ID, None)
        return table

    def _find(self, report: ExecutionReport) -> Order | None:
        """The order that a report speaks of; the venue's id decides wherever we know it.

        A client id is unique among open orders only: somebody may have used it again, for an order
        of which we have not heard yet, while the one that we know ended unheard.
        """
        by_venue = self._by_venue_id.get((report.symbol, report.order_id))
        by_client = self._by_client_id.get(report.client_order_id)
        if by_venue or by_client is None or by_client.order_id == NO_ORDER_ID:
            return by_venue or by_client
        same = by_client.order_id == report.order_id
        return by_client if same and not by_client.external else None

    def _adopt(self, report: ExecutionReport) -> Order:
        number = f"#{report.order_id}"  # of its symbol: two symbols may have the same
        names = (report.client_order_id, number, f"{number}-{report.symbol}")
        client_order_id = next(name for name in names if name and name not in self._by_client_id)
        order = Order(
            symbol=report.symbol,
            client_order_id=client_order_id,
            side=report.side,
            type=report.type,
            quantity=report.quantity,
            price=report.price or None,
            external=client_order_id not in self._earlier,
            time_ms=report.transact_ms,
        )
        self._keep(order)
        self._name(order, report.order_id)
        return order

    def _keep(self, order: Order) -> None:
        self._by_client_id[order.client_order_id] = order
        self.symbols.add(order.symbol)
        self._place(order)

    def _place(self, order: Order) -> None:
        """Among those that may still trade, or not: asking for them costs no look at all the others."""
        if order.live:
            self._live.setdefault(order.client_order_id, order)
        else:
            self._live.pop(order.client_order_id, None)

    def _name(self, order: Order, order_id: int) -> None:
        if order_id >= 0 and order.order_id == NO_ORDER_ID:
            order.order_id = order_id
            self._by_venue_id[order.symbol, order_id] = order

    @staticmethod
    def _take_amounts(order: Order, report: ExecutionReport) -> bool:
        order.execution_id = max(order.execution_id, report.execution_id)
        order.reported_ms = max(order.reported_ms, report.transact_ms)
        if report.cumulative_quantity <= order.filled:
            return False
        order.filled, order.filled_quote = report.cumulative_quantity, report.cumulative_quote
        return True

    def _step(self, order: Order, event: OrderEvent, reason: str, time_ms: int) -> Change:
        after = TRANSITIONS[order.state].get(event)
        if after is None:
            alarm = f"{name_of(order)}: {event} cannot follow {order.state}; kept {order.state}"
            return Change(order=order, changed=False, alarm=alarm)
        changed = after is not order.state
        revived = (
            changed and order.state in {S.NOT_PLACED, S.REJECTED} and after not in {S.REJECTED, S.UNKNOWN}
        )
        alarm = f"{name_of(order)}: was {order.state}, the venue reports {event}" if revived else ""
        if changed:
            order.state, order.reason, order.time_ms = after, reason, time_ms
            self._place(order)
        return Change(order=order, changed=changed, alarm=alarm)


def _stale(order: Order, report: ExecutionReport, event: OrderEvent) -> bool:
    """True where the report is older than what we know; a final one never is."""
    if event in FINAL_EVENTS:
        return False
    if report.cumulative_quantity < order.filled:
        return True
    if order.execution_id >= 0 and report.execution_id >= 0:
        return report.execution_id < order.execution_id
    # a snapshot has no execution id: one that is not newer than the final report is stale
    return not order.live and report.transact_ms <= order.reported_ms
