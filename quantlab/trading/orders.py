"""Every order of the session, by our id and by the venue's.

Pure: no clock, no socket, no bus. An order never leaves here, and no report undoes what a newer
one said: quantities only grow, and a state changes only by `states.TRANSITIONS`. What contradicts
the table changes nothing and is an alarm for people, never a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.orders import NO_ORDER_ID, ExecutionReport, OrderRequest, Side
from quantlab.frames import frame
from quantlab.trading.amounts import ZERO, ratio
from quantlab.trading.states import (
    FINAL_EVENTS,
    LIVE,
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
SIDES = frozenset(side.value for side in Side)
COLUMNS = (
    "client_order_id", "time_ms", "symbol", "side", "type", "quantity", "quote_quantity", "price", "state",
    "filled", "average_price", "reason", "order_id", "external",
)  # fmt: skip


class Order(msgspec.Struct, kw_only=True):
    """One order as we know it. Only `Orders` changes it.

    `filled` (base) and `filled_quote` (quote) are the venue's cumulative amounts. `external`
    marks an order that this account did not place through us. `time_ms` is the last change:
    the venue's clock for reports, ours before there is one.
    """

    symbol: str
    client_order_id: str
    side: str
    type: str
    quantity: Decimal | None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    state: OrderState = OrderState.PENDING
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    reason: str = ""
    order_id: int = NO_ORDER_ID
    external: bool = False
    time_ms: int
    reported_ms: int = -1
    execution_id: int = -1

    @property
    def live(self) -> bool:
        """True while the order may still trade, for all we know."""
        return self.state in LIVE

    @property
    def average_price(self) -> Decimal | None:
        """What a unit cost on average (quote per base); None before the first fill."""
        return ratio(self.filled_quote, self.filled) if self.filled else None


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
            state=state,
            reason=reason,
            time_ms=time_ms,
        )
        self._by_client_id[order.client_order_id] = order
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

    def took(self, client_order_id: str, order_id: int) -> None:
        """The venue's id of an order, as its acknowledgement says it."""
        self._name(self._by_client_id[client_order_id], order_id)

    def contradiction(self, report: ExecutionReport) -> str:
        """Why this report cannot be true of the order it names, in a sentence; empty where it can.

        Such a report must change nothing: it would release a reservation or book what never was.
        """
        order = self._find(report)
        name = _name(order) if order else f"order {report.client_order_id[:40]} ({report.symbol[:20]})"
        if report.side not in SIDES:
            return f"{name}: the venue reports an unknown side {report.side[:20]!r}"
        if not ZERO <= report.last_quantity <= report.cumulative_quantity or report.last_price < 0:
            return f"{name}: the venue reports amounts that cannot be"
        if order is None:
            return ""
        if (report.symbol, report.side) != (order.symbol, order.side):
            return f"{name}: the venue reports it as {report.side} {report.symbol[:20]}"
        if order.order_id not in (NO_ORDER_ID, report.order_id):
            return f"{name}: the venue reports it under another id of its own"
        if order.quantity is not None and report.cumulative_quantity > order.quantity:
            return f"{name}: the venue reports more traded than was ordered"
        return ""

    def apply(self, report: ExecutionReport) -> Change:
        """Fold a report in: idempotent, in any order, monotone by cumulative quantity."""
        order = self._find(report)
        if order is None:
            order = self._adopt(report)
            event = STATUS_EVENTS.get(report.status, E.STRANGE)
            order.state = REPORTED[event]
            alarm = "" if event is not E.STRANGE else f"{_name(order)}: unknown status {report.status!r}"
            self._take_amounts(order, report)
            return Change(order=order, changed=True, alarm=alarm)
        self._name(order, report.order_id)
        event = STATUS_EVENTS.get(report.status, E.STRANGE)
        if _stale(order, report, event):
            return Change(order=order, changed=False)
        grown = self._take_amounts(order, report)
        reason = report.reject_reason if event is E.REJECT else ""
        if event is E.STRANGE:
            reason = f"unknown status {report.status!r}"
        change = self._step(order, event, reason, max(order.time_ms, report.transact_ms))
        alarm = change.alarm or (f"{_name(order)}: {reason}" if event is E.STRANGE else "")
        return Change(order=order, changed=change.changed or grown, alarm=alarm)

    def get(self, client_order_id: str) -> Order | None:
        return self._by_client_id.get(client_order_id)

    def by_venue_id(self, symbol: str, order_id: int) -> Order | None:
        return self._by_venue_id.get((symbol, order_id))

    def open(self, symbol: str | None = None) -> list[Order]:
        """Orders that may still trade, oldest first."""
        return [each for each in self if each.live and symbol in (None, each.symbol)]

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
        by_venue = self._by_venue_id.get((report.symbol, report.order_id))
        by_client = self._by_client_id.get(report.client_order_id)
        if by_client and not by_client.live and by_client.order_id not in (NO_ORDER_ID, report.order_id):
            by_client = None  # somebody used the id of an order that is over again: the venue allows it
        return by_venue or by_client

    def _adopt(self, report: ExecutionReport) -> Order:
        client_order_id = report.client_order_id or f"#{report.order_id}"
        if client_order_id in self._by_client_id:
            client_order_id = f"#{report.order_id}"
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
        self._by_client_id[client_order_id] = order
        self._name(order, report.order_id)
        return order

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

    @staticmethod
    def _step(order: Order, event: OrderEvent, reason: str, time_ms: int) -> Change:
        after = TRANSITIONS[order.state].get(event)
        if after is None:
            alarm = f"{_name(order)}: {event} cannot follow {order.state}; kept {order.state}"
            return Change(order=order, changed=False, alarm=alarm)
        changed = after is not order.state
        revived = (
            changed and order.state in {S.NOT_PLACED, S.REJECTED} and after not in {S.REJECTED, S.UNKNOWN}
        )
        alarm = f"{_name(order)}: was {order.state}, the venue reports {event}" if revived else ""
        if changed:
            order.state, order.reason, order.time_ms = after, reason, time_ms
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


def _name(order: Order) -> str:
    return f"order {order.client_order_id} ({order.symbol})"
