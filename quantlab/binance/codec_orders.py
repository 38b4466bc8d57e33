"""The venue's answers about single orders, to domain values.

Pure, and strict in the same way as `rest_shapes`; `encode_orders` is the way out. An acknowledgement
is matched against the order it answers; "taken" is all that it ever says.
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
from quantlab.domain.orders import AccountTrade, AckFill, OrderAck, OrderRequest, OrderSnapshot
from quantlab.errors import UndecodableReply
from quantlab.frames import Rows


def decode_ack(body: bytes, request: OrderRequest) -> OrderAck:
    """The acknowledgement of exactly `request`; an answer about another order is undecodable."""
    return ack_of(decode(body, AckReply), request)


def ack_of(ack: AckReply, request: OrderRequest) -> OrderAck:
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
        fills=tuple(
            AckFill(
                trade_id=each.trade_id,
                price=amount(each.price),
                quantity=amount(each.qty),
                commission=amount(each.commission, signed=True),
                commission_asset=each.commission_asset,
            )
            for each in ack.fills
        ),
    )


def decode_order(body: bytes) -> OrderSnapshot:
    """One order as a query answers it."""
    return _order(decode(body, OrderReply))


def decode_orders(body: bytes) -> Rows[OrderSnapshot]:
    """Orders as a query answers them."""
    orders = [_order(each) for each in decode(body, tuple[OrderReply, ...])]
    return Rows(orders, of=OrderSnapshot, index="created")


def decode_cancelled(
    body: bytes | msgspec.Raw, client_order_id: str = "", order_id: int | None = None
) -> OrderSnapshot:
    """One order after its cancel; the reply does not say when the order was made.

    An order of a list takes its whole list with it, and the reply is the list's: the order that was
    asked for is found in it by its ids.
    """
    reports = decode(body, CancelledListReply).order_reports
    if reports is None:
        return _cancelled(decode(body, CancelledReply))
    for each in reports:
        if each.orig_client_order_id == client_order_id if order_id is None else each.order_id == order_id:
            return _cancelled(each)
    raise UndecodableReply("the cancelled list does not hold the order")


def decode_all_cancelled(body: bytes) -> Rows[OrderSnapshot]:
    """Every order that a cancel-all took out, those of order lists included."""
    snapshots: Rows[OrderSnapshot] = Rows(of=OrderSnapshot, index="updated")
    for entry in decode(body, tuple[msgspec.Raw, ...]):
        reports = decode(entry, CancelledListReply).order_reports
        rows = (decode(entry, CancelledReply),) if reports is None else reports
        snapshots.extend(_cancelled(each) for each in rows)
    return snapshots


def decode_account_trades(body: bytes) -> Rows[AccountTrade]:
    """The account's own trades, oldest first."""
    trades = [
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
    return Rows(trades, of=AccountTrade, index="time")


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
        order_list_id=order.order_list_id,
        stop_price=amount(order.stop_price) or None,
        trailing_delta=order.trailing_delta,
        iceberg_quantity=amount(order.iceberg_qty) or None,
        self_trade=order.self_trade_prevention_mode,
    )
