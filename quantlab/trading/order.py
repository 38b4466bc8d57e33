"""One order as we know it, and which reports cannot be true of it. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.domain.orders import NO_ORDER_ID, ExecutionReport, Side
from quantlab.trading.amounts import ZERO, ratio
from quantlab.trading.states import LIVE, OrderState

SIDES = frozenset(side.value for side in Side)
TELL_QUANTITY = frozenset({"REPLACED", "STATUS"})  # an amendment, and what a query answered


class Order(msgspec.Struct, kw_only=True):
    """One order as we know it. Only `Orders` changes it.

    `stop_price` (quote) and `trailing_delta` (basis points) are as we sent them; not known of orders that
    came from elsewhere. `filled` (base) and `filled_quote` (quote) are the venue's cumulative amounts.
    `external` marks an order that this account did not place through us. `amends` counts the amendments
    of it that this session sent, taken or not. `time_ms` is the last change:
    the venue's clock for reports, ours before there is one.
    """

    symbol: str
    client_order_id: str
    side: str
    type: str
    quantity: Decimal | None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    state: OrderState = OrderState.PENDING
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    reason: str = ""
    order_id: int = NO_ORDER_ID
    external: bool = False
    amends: int = 0
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


def contradiction(report: ExecutionReport, order: Order | None) -> str:
    """Why `report` cannot be true of `order` (None: one we have not heard of); empty where it can."""
    name = name_of(order) if order else f"order {report.client_order_id[:40]} ({report.symbol[:20]})"
    if report.side not in SIDES:
        return f"{name}: the venue reports an unknown side {report.side[:20]!r}"
    if not ZERO <= report.last_quantity <= report.cumulative_quantity or report.last_price < 0:
        return f"{name}: the venue reports amounts that cannot be"
    if order is None:
        return ""
    if (report.symbol, report.side) != (order.symbol, order.side):
        return f"{name}: the venue reports it as {report.side} {report.symbol[:20]}"
    if not order.external and report.client_order_id not in {"", order.client_order_id}:
        return f"{name}: the venue reports its id {report.order_id} for {report.client_order_id[:40]}"
    if order.quantity is not None and report.cumulative_quantity > order.quantity:
        return f"{name}: the venue reports more traded than was ordered"
    return ""


def amended(report: ExecutionReport, quantity: Decimal | None) -> Decimal | None:
    """The smaller quantity that an amendment left of an order of `quantity`; None where nothing changed.

    An order is only ever made smaller, so that late and repeated reports of it change nothing.
    """
    if quantity is None or report.execution_type not in TELL_QUANTITY:
        return None
    left = report.quantity
    return left if left > 0 and report.cumulative_quantity <= left < quantity else None


def name_of(order: Order) -> str:
    """How people are told of an order."""
    return f"order {order.client_order_id} ({order.symbol})"
