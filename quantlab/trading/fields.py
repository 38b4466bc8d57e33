"""Is every field of a request what its type says? A struct takes whatever it is given. Pure.

Asked before anything reckons with a request or puts it into words: a number of 5,000 digits has none, a
subclass may say one thing now and another later, and an object may do anything when it is compared.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.decimals import positive
from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, SelfTradeMode, Side, TimeInForce
from quantlab.errors import InvalidField

NUMBERS = ("trailing_delta", "strategy_id", "strategy_type")
LARGEST_ID = 1 << 63


def require_fields(request: AnyRequest) -> None:
    """Raise unless every field is of its own type, and every amount exact and above zero.

    Raises:
        InvalidField: By the field.
    """
    match request:
        case OrderListRequest(orders=orders):
            for each in orders:
                _require_order(each)
        case ReplaceRequest():
            _require_order(request.order)
            _require("cancel_client_order_id", request.cancel_client_order_id, str)
            _require_number("cancel_order_id", request.cancel_order_id)
        case AmendRequest():
            _require("symbol", request.symbol, str)
            _require("client_order_id", request.client_order_id, str)
            positive(request.new_quantity, "new_quantity")
            _require_amount("new_quantity", request.new_quantity)
            _require_number("order_id", request.order_id)
        case _:
            _require_order(request)


def _require_order(order: OrderRequest) -> None:
    if type(order) is not OrderRequest:
        raise InvalidField("order", f"a {type(order).__name__} is none", "give an OrderRequest")
    _require("symbol", order.symbol, str)
    _require("side", order.side, Side)
    _require("type", order.type, OrderType)
    _require("client_order_id", order.client_order_id, str)
    if order.time_in_force is not None:
        _require("time_in_force", order.time_in_force, TimeInForce)
    _require_amount("quantity", order.quantity)
    _require_amount("quote_quantity", order.quote_quantity)
    _require_amount("price", order.price)
    if order.has_extras:
        if order.self_trade is not None:
            _require("self_trade", order.self_trade, SelfTradeMode)
        _require_amount("stop_price", order.stop_price)
        _require_amount("iceberg_quantity", order.iceberg_quantity)
        for name in NUMBERS:
            _require_number(name, getattr(order, name))


def _require(name: str, value: object, kind: type) -> None:
    given = type(value)
    if given is not kind:
        raise InvalidField(name, f"a {given.__name__} is no {kind.__name__}", f"give a {kind.__name__}")


def _require_amount(name: str, value: object) -> None:
    if value is None:
        return
    positive(value, name)
    if type(value) is not Decimal:
        remedy = "build the order with limit_order, market_order or their like"
        raise InvalidField(name, f"a {type(value).__name__} is no Decimal", remedy)


def _require_number(name: str, value: object) -> None:
    if value is not None and (type(value) is not int or not -1 <= value < LARGEST_ID):
        raise InvalidField(name, "it is no whole number of 63 bits", "give a plain int")
