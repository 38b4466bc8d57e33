"""Orders, lists of orders and replacements to the parameters of a request.

Pure. What contradicts itself is refused here by field, before anything is sent: a field that its type
of order cannot have, one that it must have, a float, an id that the venue would not take.

Source: Binance spot REST API, "New order (TRADE)", "Order lists", "Cancel an Existing Order and Send a
New Order (TRADE)".
"""

from __future__ import annotations

import re
from decimal import Decimal

from quantlab.domain.decimals import plain, positive
from quantlab.domain.order_lists import OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType
from quantlab.errors import InvalidField

CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
LIMIT_FIELDS = frozenset({"quantity", "price", "time_in_force"})
NEEDED: dict[OrderType, frozenset[str]] = {
    OrderType.LIMIT: LIMIT_FIELDS,
    OrderType.MARKET: frozenset(),
    OrderType.LIMIT_MAKER: frozenset({"quantity", "price"}),
    OrderType.STOP_LOSS: frozenset({"quantity"}),
    OrderType.STOP_LOSS_LIMIT: LIMIT_FIELDS,
    OrderType.TAKE_PROFIT: frozenset({"quantity"}),
    OrderType.TAKE_PROFIT_LIMIT: LIMIT_FIELDS,
}
WIRE = (
    ("time_in_force", "timeInForce"), ("quantity", "quantity"), ("quote_quantity", "quoteOrderQty"),
    ("price", "price"), ("stop_price", "stopPrice"), ("trailing_delta", "trailingDelta"),
    ("iceberg_quantity", "icebergQty"), ("strategy_id", "strategyId"), ("strategy_type", "strategyType"),
)  # fmt: skip
WHOLE_NUMBERS = frozenset({"trailing_delta", "strategy_id", "strategy_type"})
WAITING = frozenset(kind for kind in OrderType if kind.waits)


def _allowed(kind: OrderType) -> frozenset[str]:
    more = {"strategy_id", "strategy_type"}
    if kind is OrderType.MARKET:
        more |= {"quantity", "quote_quantity"}
    if kind.waits:
        more |= {"stop_price", "trailing_delta"}
    if "price" in NEEDED[kind]:
        more.add("iceberg_quantity")
    return NEEDED[kind] | more


ALLOWED = {kind: _allowed(kind) for kind in OrderType}
PAIRED = {"above": "", "below": "", "pendingAbove": "pending", "pendingBelow": "pending"}


def encode_order(request: OrderRequest) -> dict[str, str]:
    """The parameters of a new order, numbers as plain text. A float is refused.

    Source: Binance spot REST API, "New order (TRADE)".
    """
    params = {"symbol": request.symbol, "side": request.side.value, "type": request.type.value}
    params |= _fields(request)
    if request.self_trade is not None:
        params["selfTradePreventionMode"] = request.self_trade.value
    return params | {"newClientOrderId": request.client_order_id, "newOrderRespType": "FULL"}


def encode_list(request: OrderListRequest) -> dict[str, str]:
    """The parameters of a new list.

    Raises:
        InvalidField: Orders that one list cannot hold together: their number, symbols, sides, amounts
            or self-trade modes.

    Source: Binance spot REST API, "New Order list - OCO", "- OTO", "- OTOCO (TRADE)".
    """
    roles, orders = request.kind.roles, request.orders
    if len(orders) != len(roles):
        raise InvalidField(
            "orders",
            f"an {request.kind} has {len(roles)} orders, not {len(orders)}",
            f"give {', '.join(roles)}",
        )
    _require_same("symbol", {order.symbol for order in orders})
    _require_same("self_trade", {order.self_trade for order in orders})
    pair = [order for role, order in zip(roles, orders, strict=True) if role in PAIRED]
    if pair:
        _require_same("side", {order.side for order in pair})
        _require_same("quantity", {order.quantity for order in pair})
    params = {"symbol": request.symbol, "listClientOrderId": request.list_client_order_id}
    for role, order in zip(roles, orders, strict=True):
        prefix = PAIRED.get(role, role)  # the orders of a pair share side and quantity
        params[_named(prefix, "side")] = order.side.value
        params[_named(role, "type")] = order.type.value
        for name, text in _fields(order).items():
            params[_named(prefix if name == "quantity" else role, name)] = text
        params[_named(role, "clientOrderId")] = order.client_order_id
    if orders[0].self_trade is not None:
        params["selfTradePreventionMode"] = orders[0].self_trade.value
    return params | {"newOrderRespType": "FULL"}


def encode_replace(request: ReplaceRequest) -> dict[str, str]:
    """The parameters of a cancel with its replacement.

    Source: Binance spot REST API, "Cancel an Existing Order and Send a New Order (TRADE)".
    """
    params = encode_order(request.order) | {"cancelReplaceMode": request.mode.value}
    if request.cancel_order_id is not None:
        params["cancelOrderId"] = str(request.cancel_order_id)
    if request.cancel_client_order_id:
        params["cancelOrigClientOrderId"] = request.cancel_client_order_id
    elif request.cancel_order_id is None:
        raise InvalidField(
            "cancel_client_order_id", "nothing names the order to cancel", "give its id, ours or the venue's"
        )
    if request.restriction is not None:
        params["cancelRestrictions"] = request.restriction.value
    if request.cancel_only_over_limit:
        params["orderRateLimitExceededMode"] = "CANCEL_ONLY"
    return params


def require_ids(request: OrderRequest | OrderListRequest | ReplaceRequest) -> None:
    """Refuse what could not be resolved by its id later, or could be taken for another request.

    Raises:
        InvalidField: An id of ours that is empty, used twice in one request, or not 1 to 36 characters
            of A-Z a-z 0-9 - _; a symbol that is no plain name.
    """
    if isinstance(request, ReplaceRequest):
        return require_ids(request.order)
    if isinstance(request, OrderListRequest):
        for order in request.orders:
            require_ids(order)
        ids = [order.client_order_id for order in request.orders]
        if len(set(ids)) < len(ids):
            raise InvalidField("client_order_id", "two orders of a list share one", "give each its own")
        return _require_id("list_client_order_id", request.list_client_order_id)
    if not request.symbol.isalnum():
        raise InvalidField("symbol", "it is no plain name", 'give it as the venue does: "BTCUSDT"')
    return _require_id("client_order_id", request.client_order_id)


def _require_id(field: str, text: str) -> None:
    if not text:
        raise InvalidField(field, "it is empty", "give every order an id of its own: it is resolved by it")
    if CLIENT_ID.fullmatch(text) is None:
        raise InvalidField(field, f"{text[:40]!r} is no id", "give 1 to 36 of A-Z a-z 0-9 - _")


def _fields(request: OrderRequest) -> dict[str, str]:
    """The fields of one order by their names in a single order's request, in their order.

    Raises:
        InvalidField: What the type of order must have is missing, or it has what it cannot have.
    """
    kind = request.type
    needed, allowed = NEEDED[kind], ALLOWED[kind]
    if kind is OrderType.MARKET and (request.quantity is None) == (request.quote_quantity is None):
        raise InvalidField("quantity", "a MARKET order has either this or quote_quantity", "give one")
    if kind in WAITING and request.stop_price is None and request.trailing_delta is None:
        raise InvalidField("stop_price", f"a {kind} order waits for it", "give it, or trailing_delta")
    fields = {}
    for name, wire in WIRE:
        value = getattr(request, name)
        if value is not None:
            if name not in allowed:
                raise InvalidField(name, f"a {kind} order has none", "leave it out, or give another type")
            fields[wire] = _text(value, name)
        elif name in needed:
            raise InvalidField(name, f"a {kind} order must have it", "give it")
    return fields


def _require_same(field: str, values: set[object]) -> None:
    if len(values) > 1:
        raise InvalidField(field, "orders that are tied together differ in it", "give them the same")


def _named(prefix: str, name: str) -> str:
    return f"{prefix}{name[0].upper()}{name[1:]}" if prefix else name


def _text(value: object, field: str) -> str:
    if field in WHOLE_NUMBERS:
        if type(value) is not int or value <= 0:
            raise InvalidField(field, "it is no whole number above zero", "give an int")
        return str(value)
    if field == "time_in_force":
        return str(value)
    number: Decimal = positive(value, field)
    return plain(number)
