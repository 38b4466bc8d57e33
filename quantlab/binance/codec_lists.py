"""The venue's answers about lists of orders, replacements and amendments, to values.

Pure, and strict in the same way as `rest_shapes`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.binance.codec_orders import ack_of, decode_cancelled
from quantlab.binance.errors import UNKNOWN_OUTCOME_CODES
from quantlab.binance.order_values import Amended, ListedOrder, OrderList, Replaced
from quantlab.binance.rest_shapes import (
    AckReply,
    ErrorReply,
    OrderListReply,
    ReportsReply,
    Wire,
    amount,
    decode,
)
from quantlab.domain.order_lists import OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderSnapshot
from quantlab.domain.text import printable
from quantlab.errors import UndecodableReply
from quantlab.frames import Rows

SUCCESS = "SUCCESS"


class ReplaceReply(Wire):
    cancel_result: str
    new_order_result: str
    cancel_response: msgspec.Raw
    new_order_response: msgspec.Raw


class PartlyReply(Wire):
    data: ReplaceReply


class AmendedOrderReply(Wire):
    symbol: str
    order_id: int
    orig_client_order_id: str
    client_order_id: str
    price: Decimal
    qty: Decimal
    executed_qty: Decimal
    cumulative_quote_qty: Decimal  # one m here, two elsewhere
    status: str


class AmendReply(Wire):
    transact_time: int
    execution_id: int
    amended_order: AmendedOrderReply


def decode_list(body: bytes) -> OrderList:
    """One list as a query answers it."""
    return _list(decode(body, OrderListReply))


def decode_lists(body: bytes) -> Rows[OrderList]:
    """Lists as a query answers them."""
    lists = [_list(each) for each in decode(body, tuple[OrderListReply, ...])]
    return Rows(lists, of=OrderList, index="transact", leave=("orders", "placed", "cancelled"))


def decode_placed_list(body: bytes, request: OrderListRequest) -> OrderList:
    """The acknowledgement of exactly `request`, and of each of its orders in their order."""
    placed = _list(decode(body, OrderListReply))
    if (placed.symbol, placed.list_client_order_id) != (request.symbol, request.list_client_order_id):
        raise UndecodableReply("the acknowledgement names another list")
    acks = {each.client_order_id: each for each in _acks(body)}
    if len(acks) != len(request.orders) or not all(one.client_order_id in acks for one in request.orders):
        raise UndecodableReply("the acknowledgement names other orders")
    in_order = tuple(ack_of(acks[order.client_order_id], order) for order in request.orders)
    return msgspec.structs.replace(placed, placed=in_order)


def decode_cancelled_list(body: bytes) -> OrderList:
    """One list after its cancel, with the orders that went."""
    ended = _list(decode(body, OrderListReply))
    reports = decode(body, ReportsReply).order_reports
    return msgspec.structs.replace(ended, cancelled=tuple(decode_cancelled(each) for each in reports))


def decode_replaced(body: bytes, request: ReplaceRequest) -> Replaced:
    """A cancel and its replacement, both done."""
    return _replaced(decode(body, ReplaceReply), request)


def decode_partly_replaced(body: bytes, request: ReplaceRequest) -> Replaced | None:
    """What a refused replacement did after all; None where it did nothing, or says nothing of parts.

    Raises:
        UndecodableReply: Of one part the venue itself does not know the outcome, or it is unreadable.
    """
    try:
        parts = decode(body, PartlyReply).data
    except UndecodableReply:
        return None
    result = _replaced(parts, request)
    return None if result.cancelled is None and result.placed is None else result


def decode_amended(body: bytes) -> Amended:
    """An order after its amendment."""
    reply = decode(body, AmendReply)
    order = reply.amended_order
    return Amended(
        symbol=order.symbol,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        original_client_order_id=order.orig_client_order_id,
        price=amount(order.price),
        quantity=amount(order.qty),
        executed_quantity=amount(order.executed_qty),
        executed_quote=amount(order.cumulative_quote_qty),
        status=order.status,
        execution_id=reply.execution_id,
        transact_ms=reply.transact_time,
    )


def _list(reply: OrderListReply) -> OrderList:
    return OrderList(
        symbol=reply.symbol,
        order_list_id=reply.order_list_id,
        list_client_order_id=reply.list_client_order_id,
        contingency=reply.contingency_type,
        status_type=reply.list_status_type,
        order_status=reply.list_order_status,
        transact_ms=reply.transaction_time,
        orders=tuple(
            ListedOrder(order_id=each.order_id, client_order_id=each.client_order_id) for each in reply.orders
        ),
    )


def _acks(body: bytes) -> list[AckReply]:
    return [decode(each, AckReply) for each in decode(body, ReportsReply).order_reports]


def _replaced(reply: ReplaceReply, request: ReplaceRequest) -> Replaced:
    cancelled: OrderSnapshot | None = None
    placed, cancel_problem, order_problem = None, "", ""
    if reply.cancel_result == SUCCESS:
        cancelled = decode_cancelled(
            reply.cancel_response, request.cancel_client_order_id, request.cancel_order_id
        )
    else:
        cancel_problem = _problem(reply.cancel_response)
    if reply.new_order_result == SUCCESS:
        placed = ack_of(decode(reply.new_order_response, AckReply), request.order)
    else:
        order_problem = _problem(reply.new_order_response)
    return Replaced(
        cancelled=cancelled, placed=placed, cancel_problem=cancel_problem, order_problem=order_problem
    )


def _problem(part: msgspec.Raw) -> str:
    """The venue's code and text; empty where it did not attempt the part."""
    told = decode(part, ErrorReply | None)  # type: ignore[arg-type]
    if told is None:
        return ""
    if told.code in UNKNOWN_OUTCOME_CODES:
        raise UndecodableReply(f"the outcome of one part is unknown ({told.code})")
    return printable(f"{told.code} {told.msg}"[:200])
