"""How orders, trades and balances look on the wire: REST answers and user-data events.

Values in, JSON-ready dicts out; nothing is decided here.

Source: Binance spot REST API, "Trading endpoints", "Account Endpoints"; "User Data Streams".
"""

from __future__ import annotations

from quantlab.domain.orders import AccountTrade, OrderSnapshot
from quantlab.domain.position import Balance
from quantlab.paper.exchange import BalanceChange, Execution, ExecutionType, Placed
from quantlab.paper.server.render import NONE, Json, amount

EXPIRY = {
    "IOC": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "FOK": "UNFILLED_FOK_ORDER_EXPIRED",
    "MARKET": "INSUFFICIENT_LIQUIDITY",
}


def placed(result: Placed, kind: str, stp: str) -> Json:
    """The answer to a new order: ACK, RESULT or FULL."""
    order = result.order
    reply: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": order.created_ms,
    }
    if kind != "ACK":
        reply |= _state(order) | {"workingTime": order.created_ms, "selfTradePreventionMode": stp}
        reply |= expiry_reason(order, "expiryReason")
    if kind == "FULL":
        reply["fills"] = [
            {
                "price": amount(trade.price),
                "qty": amount(trade.quantity),
                "commission": amount(trade.commission),
                "commissionAsset": trade.commission_asset,
                "tradeId": trade.trade_id,
            }
            for trade in result.trades
        ]
    return reply


def cancelled(order: OrderSnapshot, cancel_id: str, stp: str) -> Json:
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
        **_state(order),
        "selfTradePreventionMode": stp,
    }


def queried(order: OrderSnapshot, stp: str) -> Json:
    """One order as "Query order" and "Current open orders" show it."""
    state = _state(order)
    quote_quantity = state.pop("origQuoteOrderQty")
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **state,
        "stopPrice": NONE,
        "icebergQty": NONE,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": True,
        "workingTime": order.created_ms,
        "origQuoteOrderQty": quote_quantity,
        "selfTradePreventionMode": stp,
        **expiry_reason(order, "expiryReason"),
    }


def account_trade(trade: AccountTrade) -> Json:
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.quote_quantity),
        "commission": amount(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side == "BUY",
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def balance(one: Balance) -> Json:
    return {"asset": one.asset, "free": amount(one.free), "locked": amount(one.locked)}


def expiry_reason(order: OrderSnapshot, field: str) -> Json:
    """The conditional field that says why an order expired; nothing for all other orders."""
    if order.status != "EXPIRED":
        return {}
    return {field: EXPIRY.get(order.type) or EXPIRY.get(order.time_in_force, "EXCHANGE_CANCELED")}


def _state(order: OrderSnapshot) -> Json:
    return {
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.executed_quantity),
        "origQuoteOrderQty": amount(order.quote_quantity),
        "cummulativeQuoteQty": amount(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def execution_report(one: Execution, stp: str) -> Json:
    """`executionReport`: after a cancel, `c` is the cancel's id and `C` the order's own."""
    order = one.order
    cancel = one.execution_type is ExecutionType.CANCELED
    working = order.status in ("NEW", "PARTIALLY_FILLED")
    return {
        "e": "executionReport", "E": one.time_ms, "s": order.symbol,
        "c": one.cancel_client_order_id if cancel else order.client_order_id,
        "S": order.side, "o": order.type, "f": order.time_in_force, "q": amount(order.quantity),
        "p": amount(order.price), "P": NONE, "F": NONE, "g": -1,
        "C": order.client_order_id if cancel else "",
        "x": one.execution_type.value, "X": order.status, "r": "NONE", "i": order.order_id,
        "l": amount(one.last_quantity), "z": amount(order.executed_quantity), "L": amount(one.last_price),
        "n": amount(one.commission) if one.commission_asset else "0", "N": one.commission_asset,
        "T": one.time_ms, "t": one.trade_id, "I": one.execution_id, "w": working, "m": one.is_maker,
        "M": False, "O": order.created_ms, "Z": amount(order.executed_quote),
        "Y": amount(one.last_price * one.last_quantity), "Q": amount(order.quote_quantity),
        "W": order.created_ms, "V": stp, **expiry_reason(order, "eR"), **_prevented(one),
    }  # fmt: skip


def _prevented(one: Execution) -> Json:
    if one.execution_type is not ExecutionType.TRADE_PREVENTION:
        return {}
    rest = amount(one.order.quantity - one.order.executed_quantity)
    return {"A": rest, "B": rest}


def account_position(change: BalanceChange) -> Json:
    return {
        "e": "outboundAccountPosition", "E": change.time_ms, "u": change.time_ms,
        "B": [{"a": one.asset, "f": amount(one.free), "l": amount(one.locked)} for one in change.balances],
    }  # fmt: skip
