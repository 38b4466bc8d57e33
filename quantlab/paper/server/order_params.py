"""One order as a request describes it, under whatever names the request gives its fields.

A single order calls its price `price`, the above order of a list `abovePrice`; which fields a type of
order must and may have is the same for all. What the numbers are worth, the exchange decides.

Source: Binance spot REST API, "New order (TRADE)", additional mandatory parameters; "Errors".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import NamedTuple, NoReturn

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side, TimeInForce
from quantlab.paper.events import Refused
from quantlab.paper.orders import NewOrder, OrderKind, Prevention
from quantlab.paper.server.params import Params

LOWEST_STRATEGY_TYPE = 1_000_000
LARGEST_INT = 2**31 - 1
PREVENTION_MODES = (*Prevention, "TRANSFER")
PEG_PRICES = ("PRIMARY_PEG", "MARKET_PEG")
KINDS = {each.value: each for each in OrderKind}
SIDES = {each.value: each for each in Side}
FORCES = {each.value: each for each in TimeInForce}


class Names(NamedTuple):
    """What a request calls each field of one of its orders; "" where it has no such field."""

    type: str = "type"
    side: str = "side"
    quantity: str = "quantity"
    quote_quantity: str = ""
    price: str = "price"
    stop_price: str = "stopPrice"
    trailing_delta: str = "trailingDelta"
    time_in_force: str = "timeInForce"
    client_order_id: str = "newClientOrderId"
    strategy_id: str = "strategyId"
    strategy_type: str = "strategyType"
    iceberg: str = "icebergQty"
    peg_price: str = "pegPriceType"
    peg_offset: str = "pegOffsetType"
    peg_level: str = "pegOffsetValue"


SINGLE = Names(quote_quantity="quoteOrderQty")

TRIGGER = ("stop_price", "trailing_delta")
NEEDED: dict[OrderKind, tuple[str, ...]] = {
    OrderKind.LIMIT: ("time_in_force", "quantity", "price"),
    OrderKind.MARKET: (),
    OrderKind.LIMIT_MAKER: ("quantity", "price"),
    OrderKind.STOP_LOSS: ("quantity",),
    OrderKind.TAKE_PROFIT: ("quantity",),
    OrderKind.STOP_LOSS_LIMIT: ("time_in_force", "quantity", "price"),
    OrderKind.TAKE_PROFIT_LIMIT: ("time_in_force", "quantity", "price"),
}
SIZES_OF_MARKET = ("quantity", "quote_quantity")


def prefixed(prefix: str, *, side: str = "", quantity: str = "") -> Names:
    """The names of one order of a list: `aboveType`, `abovePrice` and so on.

    Args:
        side: What the field is called where the orders of the list share it.
        quantity: The same.
    """
    return Names(
        type=f"{prefix}Type",
        side=side or f"{prefix}Side",
        quantity=quantity or f"{prefix}Quantity",
        price=f"{prefix}Price",
        stop_price=f"{prefix}StopPrice",
        trailing_delta=f"{prefix}TrailingDelta",
        time_in_force=f"{prefix}TimeInForce",
        client_order_id=f"{prefix}ClientOrderId",
        strategy_id=f"{prefix}StrategyId",
        strategy_type=f"{prefix}StrategyType",
        iceberg=f"{prefix}IcebergQty",
        peg_price=f"{prefix}PegPriceType",
        peg_offset=f"{prefix}PegOffsetType",
        peg_level=f"{prefix}PegOffsetValue",
    )


def order_kind(params: Params, name: str) -> OrderKind:
    """The mandatory type of an order; -1116 where the venue has none of that name."""
    kind = KINDS.get(params.need(name))
    if kind is None:
        raise Refused(-1116, "Invalid orderType.")
    return kind


def order_side(params: Params, name: str) -> Side:
    """The mandatory side of an order; -1117 where it is neither."""
    side = SIDES.get(params.need(name))
    if side is None:
        raise Refused(-1117, "Invalid side.")
    return side


def prevention(params: Params, allowed: Sequence[Prevention]) -> Prevention | None:
    """`selfTradePreventionMode`; None where it was not sent, -1013 where the symbol does not allow it."""
    name = "selfTradePreventionMode"
    value = params.choice(name, PREVENTION_MODES, -1130, invalid(name))
    if value is not None and value not in allowed:
        raise Refused(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    return None if value is None else Prevention(value)


def new_order(
    params: Params, listed: Instrument, names: Names, *, kind: OrderKind, mode: Prevention | None
) -> NewOrder:
    """Read one order, or refuse it with the code of what is missing, superfluous or malformed."""
    side = order_side(params, names.side)
    force = params.choice(names.time_in_force, FORCES, -1115, "Invalid timeInForce.")
    _refuse_unsupported(params, names)
    _require_shape(params, names, kind)
    strategy_type = params.integer(names.strategy_type)
    if strategy_type is not None and strategy_type < LOWEST_STRATEGY_TYPE:
        raise Refused(-1134, "strategyType was less than 1000000.")
    if strategy_type is not None and strategy_type > LARGEST_INT:
        raise Refused(-1108, f"Parameter '{names.strategy_type}' overflowed.")
    return NewOrder(
        symbol=listed.symbol,
        side=side,
        type=kind,
        time_in_force=None if force is None else FORCES[force],
        quantity=exact(params, names.quantity, listed.base_precision),
        quote_quantity=exact(params, names.quote_quantity, listed.quote_precision),
        price=exact(params, names.price, listed.quote_precision),
        stop_price=exact(params, names.stop_price, listed.quote_precision),
        trailing_delta=params.integer(names.trailing_delta),
        prevention=mode,
        client_order_id=params.matching(names.client_order_id, "id") or "",
        strategy_id=params.integer(names.strategy_id),
        strategy_type=strategy_type,
    )


def exact(params: Params, name: str, precision: int) -> Decimal | None:
    """An amount with no more decimals than its asset has (-1111)."""
    value = params.decimal(name)
    if value is None:
        return None
    if len((params.raw(name) or "").partition(".")[2].rstrip("0")) > precision:
        raise Refused(-1111, f"Parameter '{name}' has too much precision.")
    return value


def invalid(name: str) -> str:
    """What -1130 says."""
    return f"Data sent for parameter '{name}' is not valid."


def missing(name: str) -> NoReturn:
    raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def neither(one: str, other: str) -> NoReturn:
    """Neither of two parameters was sent, and one is needed."""
    raise Refused(-1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!")


def _refuse_unsupported(params: Params, names: Names) -> None:
    """Icebergs and pegged orders: no symbol of this venue has them."""
    pegs = names.peg_price, names.peg_offset, names.peg_level
    if any(map(params.sent, pegs)):
        params.choice(names.peg_price, PEG_PRICES, -1210, "Invalid pegPriceType.")
        params.choice(names.peg_offset, ("PRICE_LEVEL",), -1211, "Invalid pegOffsetType.")
        raise Refused(-2010, "Pegged orders are not supported for this symbol.")
    if params.decimal(names.iceberg) is not None:
        raise Refused(-2010, "Iceberg orders are not supported for this symbol.")


def _require_shape(params: Params, names: Names, kind: OrderKind) -> None:
    """What `kind` must have is there (-1102), and what it cannot have is not (-1106)."""
    needed, forbidden = _shape(names, kind)
    for name in needed:
        if not params.sent(name):
            missing(name)
    if kind is OrderKind.MARKET:
        _require_size(params, names)
    elif kind.is_contingent and not params.sent(names.stop_price) and not params.sent(names.trailing_delta):
        neither(names.stop_price, names.trailing_delta)
    params.forbid(*forbidden)


@cache
def _shape(names: Names, kind: OrderKind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of what `kind` must have, and of what it cannot have."""
    optional = SIZES_OF_MARKET if kind is OrderKind.MARKET else TRIGGER if kind.is_contingent else ()
    allowed = {*NEEDED[kind], *optional}
    shaping = ("quantity", "quote_quantity", "price", "time_in_force", *TRIGGER)
    return (
        tuple(getattr(names, field) for field in NEEDED[kind]),
        tuple(getattr(names, field) for field in shaping if field not in allowed),
    )


def _require_size(params: Params, names: Names) -> None:
    """A market order has a quantity or, where the request can say so, an amount of the quote asset."""
    by_quantity, by_quote = params.sent(names.quantity), params.sent(names.quote_quantity)
    if by_quantity and by_quote:
        params.forbid(names.quote_quantity)
    if not by_quantity and not by_quote:
        if names.quote_quantity:
            neither(names.quantity, names.quote_quantity)
        missing(names.quantity)
