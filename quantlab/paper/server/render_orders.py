"""How orders look in answers: placed, cancelled, queried, amended, and alone or in lists.

Values in, JSON-ready dicts out; nothing is decided here. A field that the document calls conditional
is there exactly where its condition holds.

Source: Binance spot REST API, "Trading endpoints", "Conditional fields in Order Responses".
"""

from __future__ import annotations

from collections.abc import Sequence

from quantlab.paper.orders import (
    Amended,
    CancelledList,
    Contingency,
    ListState,
    OrderKind,
    OrderState,
    Placed,
    PlacedList,
    PreventedMatch,
)
from quantlab.paper.server.render import NONE, Json, amount

NOT_YET = -1  # a time that has not come
ACK, RESULT, FULL = RESPONSES = ("ACK", "RESULT", "FULL")


def placed(result: Placed, response: str) -> Json:
    """The answer to a new order: ACK, RESULT or FULL."""
    order = result.order
    reply = _head(order) | {"transactTime": order.updated_ms}
    if response == ACK:
        return reply
    reply |= _state(order) | _marks(order)
    reply["workingTime"] = _time(order.working_ms)
    reply["selfTradePreventionMode"] = order.prevention
    reply |= _prevented(order) | _expired(order)
    if response == FULL:
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
        if result.prevented:
            reply["preventedMatches"] = [_met(match) for match in result.prevented]
    return reply


def placed_list(result: PlacedList, response: str) -> Json:
    """The answer to a new list, and in it that to each of its orders."""
    return order_list(result.order_list) | {"orderReports": [placed(one, response) for one in result.placed]}


def cancelled(result: OrderState | CancelledList, cancel_id: str) -> Json:
    """The answer to a cancel: of an order, or of the whole list it was in."""
    if isinstance(result, CancelledList):
        reports = [_cancelled(order, cancel_id) for order in result.orders]
        return order_list(result.order_list) | {"orderReports": reports}
    return _cancelled(result, cancel_id)


def queried(order: OrderState) -> Json:
    """One order as the queries show it; what a new order's answer may leave out is always there."""
    state = _state(order)
    quote_quantity = state.pop("origQuoteOrderQty")
    marks = _marks(order)
    marks.pop("stopPrice", None)
    return {
        **_head(order),
        **state,
        "stopPrice": amount(order.stop_price),
        "icebergQty": NONE,
        **marks,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.is_working,
        "workingTime": _time(order.working_ms),
        "origQuoteOrderQty": quote_quantity,
        "selfTradePreventionMode": order.prevention,
        **_prevented(order),
        **_expired(order),
    }


def amended(result: Amended) -> Json:
    """The answer to an amendment, with the order's list where it has one."""
    change, order = result.amendment, result.order
    shown: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "origClientOrderId": change.original_client_order_id,
        "clientOrderId": order.client_order_id,
        "price": amount(order.price),
        "qty": amount(order.quantity),
        "executedQty": amount(order.executed_quantity),
        "preventedQty": amount(order.prevented_quantity),
        "quoteOrderQty": amount(order.quote_quantity),
        "cumulativeQuoteQty": amount(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
        **_marks(order),
    }
    if order.working_ms is not None:
        shown["workingTime"] = order.working_ms
    shown["selfTradePreventionMode"] = order.prevention
    reply: Json = {"transactTime": change.time_ms, "executionId": change.execution_id, "amendedOrder": shown}
    if result.order_list is not None:
        status = order_list(result.order_list)
        del status["listStatusType"], status["transactionTime"]
        reply["listStatus"] = status
    return reply


def order_list(one: ListState) -> Json:
    """A list as every answer begins with it. An OTOCO is an OTO on the wire."""
    return {
        "orderListId": one.order_list_id,
        "contingencyType": contingency(one),
        "listStatusType": one.status_type,
        "listOrderStatus": one.order_status,
        "listClientOrderId": one.list_client_order_id,
        "transactionTime": one.time_ms,
        "symbol": one.symbol,
        "orders": _members(one.symbol, one.orders),
    }


def contingency(one: ListState) -> str:
    return Contingency.OCO if one.contingency is Contingency.OCO else Contingency.OTO


def _members(symbol: str, orders: Sequence[tuple[int, str]]) -> list[Json]:
    return [{"symbol": symbol, "orderId": number, "clientOrderId": client_id} for number, client_id in orders]


def _cancelled(order: OrderState, cancel_id: str) -> Json:
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
        **_state(order),
        **_marks(order),
        "selfTradePreventionMode": order.prevention,
        **_prevented(order),
    }


def _head(order: OrderState) -> Json:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.order_list_id,
        "clientOrderId": order.client_order_id,
    }


def _state(order: OrderState) -> Json:
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


def _marks(order: OrderState) -> Json:
    """What an order has only by its type or because it was asked for."""
    marks: Json = {}
    if OrderKind(order.type).is_contingent:
        marks["stopPrice"] = amount(order.stop_price)
    if order.trailing_delta is not None:
        marks["trailingDelta"] = order.trailing_delta
        marks["trailingTime"] = _time(order.trailing_ms)
    if order.strategy_id is not None:
        marks["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        marks["strategyType"] = order.strategy_type
    return marks


def _prevented(order: OrderState) -> Json:
    if order.prevented_match_id is None:
        return {}
    quantity = amount(order.prevented_quantity)
    return {"preventedMatchId": order.prevented_match_id, "preventedQuantity": quantity}


def _expired(order: OrderState) -> Json:
    return {"expiryReason": order.expiry_reason} if order.expiry_reason else {}


def _met(match: PreventedMatch) -> Json:
    return {
        "preventedMatchId": match.prevented_match_id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_order_id,
        "price": amount(match.price),
        **quantities(match),
    }


def quantities(match: PreventedMatch) -> Json:
    """What either order lost, where it lost anything."""
    shown = {
        "takerPreventedQuantity": match.taker_quantity,
        "makerPreventedQuantity": match.maker_quantity,
    }
    return {name: amount(quantity) for name, quantity in shown.items() if quantity is not None}


def _time(when_ms: int | None) -> int:
    return NOT_YET if when_ms is None else when_ms
