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

WORDS: tuple[tuple[str, type], ...] = (
    ("symbol", str),
    ("side", Side),
    ("type", OrderType),
    ("client_order_id", str),
)
CHOICES: tuple[tuple[str, type], ...] = (("time_in_force", TimeInForce), ("self_trade", SelfTradeMode))
AMOUNTS = ("quantity", "quote_quantity", "price", "stop_price", "iceberg_quantity")
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
            _require(request, "cancel_client_order_id", str)
            _require_number(request, "cancel_order_id")
        case AmendRequest():
            _require(request, "symbol", str)
            _require(request, "client_order_id", str)
            _require_amount(request, "new_quantity")
            _require_number(request, "order_id")
        case _:
            _require_order(request)


def _require_order(order: OrderRequest) -> None:
    if type(order) is not OrderRequest:
        raise InvalidField("order", f"a {type(order).__name__} is none", "give an OrderRequest")
    for name, kind in WORDS:
        _require(order, name, kind)
    for name, kind in CHOICES:
        if getattr(order, name) is not None:
            _require(order, name, kind)
    for name in AMOUNTS:
        if getattr(order, name) is not None:
            _require_amount(order, name)
    for name in NUMBERS:
        _require_number(order, name)


def _require(request: AnyRequest, name: str, kind: type) -> None:
    given = type(getattr(request, name))
    if given is not kind:
        raise InvalidField(name, f"a {given.__name__} is no {kind.__name__}", f"give a {kind.__name__}")


def _require_amount(request: AnyRequest, name: str) -> None:
    value = getattr(request, name)
    positive(value, name)
    if type(value) is not Decimal:
        remedy = "build the order with limit_order, market_order or their like"
        raise InvalidField(name, f"a {type(value).__name__} is no Decimal", remedy)


def _require_number(request: AnyRequest, name: str) -> None:
    value = getattr(request, name)
    if value is None:
        return
    if type(value) is not int or not -1 <= value < LARGEST_ID:
        raise InvalidField(name, "it is no whole number of 63 bits", "give a plain int")
