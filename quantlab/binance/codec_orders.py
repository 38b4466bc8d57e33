"""Orders to REST parameters, and the venue's answers about orders to domain values.

Pure, and strict in the same way as `rest_shapes`. An acknowledgement is matched against the order
it answers; "taken" is all that it ever says.
"""

from __future__ import annotations

import msgspec

from quantlab.binance.rest_shapes import (
    AccountTradeReply,
    AckReply,
    CancelledListReply,
    CancelledReply,
    OrderReply,
    amount,
    decode,
)
from quantlab.domain.decimals import plain, positive
from quantlab.domain.orders import AccountTrade, OrderAck, OrderRequest, OrderSnapshot
from quantlab.errors import UndecodableReply


def encode_order(request: OrderRequest) -> dict[str, str]:
    """The parameters of a new order, numbers as plain text. A float is refused.

    Source: Binance spot REST API, "New order (TRADE)".
    """
    params = {"symbol": request.symbol, "side": request.side.value, "type": request.type.value}
    if request.time_in_force is not None:
        params["timeInForce"] = request.time_in_force.value
    if request.quantity is not None:
        params["quantity"] = plain(positive(request.quantity, "quantity"))
    if request.quote_quantity is not None:
        params["quoteOrderQty"] = plain(positive(request.quote_quantity, "quote_quantity"))
    if request.price is not None:
        params["price"] = plain(positive(request.price, "price"))
    return params | {"newClientOrderId": request.client_order_id, "newOrderRespType": "FULL"}


def decode_ack(body: bytes, request: OrderRequest) -> OrderAck:
    """The acknowledgement of exactly `request`; an answer about another order is undecodable."""
    ack = decode(body, AckReply)
    if (ack.symbol, ack.client_order_id) != (request.symbol, request.client_order_id):
        raise UndecodableReply("the acknowledgement names another order")
    return OrderAck(
        symbol=ack.symbol,
        order_id=ack.order_id,
        client_order_id=ack.client_order_id,
        status=ack.status,
        transact_ms=ack.transact_time,
        executed_quantity=amount(ack.executed_qty),
        executed_quote=amount(ack.cummulative_quote_qty),
    )


def decode_order(body: bytes) -> OrderSnapshot:
    """One order as a query answers it."""
    return _order(decode(body, OrderReply))


def decode_orders(body: bytes) -> list[OrderSnapshot]:
    """Open orders as a query answers them."""
    return [_order(each) for each in decode(body, tuple[OrderReply, ...])]


def decode_cancelled(body: bytes) -> OrderSnapshot:
    """One order after its cancel; the reply does not say when the order was made."""
    return _cancelled(decode(body, CancelledReply))


def decode_all_cancelled(body: bytes) -> list[OrderSnapshot]:
    """Every order that a cancel-all took out, those of order lists included."""
    snapshots = []
    for entry in decode(body, tuple[msgspec.Raw, ...]):
        reports = decode(entry, CancelledListReply).order_reports
        rows = (decode(entry, CancelledReply),) if reports is None else reports
        snapshots += [_cancelled(each) for each in rows]
    return snapshots


def decode_account_trades(body: bytes) -> list[AccountTrade]:
    """The account's own trades, oldest first."""
    return [
        AccountTrade(
            symbol=each.symbol,
            trade_id=each.id,
            order_id=each.order_id,
            side="BUY" if each.is_buyer else "SELL",
            price=amount(each.price),
            quantity=amount(each.qty),
            quote_quantity=amount(each.quote_qty),
            commission=amount(each.commission, signed=True),
            commission_asset=each.commission_asset,
            is_maker=each.is_maker,
            time_ms=each.time,
        )
        for each in decode(body, tuple[AccountTradeReply, ...])
    ]


def _order(order: OrderReply) -> OrderSnapshot:
    return _snapshot(order, order.client_order_id, order.time, order.update_time)


def _cancelled(order: CancelledReply) -> OrderSnapshot:
    return _snapshot(order, order.orig_client_order_id, None, order.transact_time)


def _snapshot(
    order: OrderReply | CancelledReply, client_order_id: str, created_ms: int | None, updated_ms: int
) -> OrderSnapshot:
    return OrderSnapshot(
        symbol=order.symbol,
        order_id=order.order_id,
        client_order_id=client_order_id,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=amount(order.orig_qty),
        quote_quantity=amount(order.orig_quote_order_qty),
        price=amount(order.price),
        executed_quantity=amount(order.executed_qty),
        executed_quote=amount(order.cummulative_quote_qty),
        status=order.status,
        created_ms=created_ms,
        updated_ms=updated_ms,
    )
