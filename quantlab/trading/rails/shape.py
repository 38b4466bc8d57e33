"""Rails: is this an order at all? Fields that fit its type, exact amounts, a symbol that takes it."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from quantlab.domain.decimals import positive
from quantlab.domain.orders import NO_EXTRAS, OrderRequest, OrderType, SelfTradeMode, TimeInForce
from quantlab.errors import InvalidField
from quantlab.trading.decision import Answer
from quantlab.trading.rails.ask import Ask

FITS: Answer = (True, "fields fit the type")
LONGEST_ID = 36


class Form(NamedTuple):
    """What the orders of one type have, and what they may have."""

    priced: bool
    timed: bool
    waits: bool
    iceberg: bool
    by_quote: bool = False


FORMS = {
    OrderType.LIMIT: Form(priced=True, timed=True, waits=False, iceberg=True),
    OrderType.MARKET: Form(priced=False, timed=False, waits=False, iceberg=False, by_quote=True),
    OrderType.LIMIT_MAKER: Form(priced=True, timed=False, waits=False, iceberg=True),
    OrderType.STOP_LOSS: Form(priced=False, timed=False, waits=True, iceberg=False),
    OrderType.TAKE_PROFIT: Form(priced=False, timed=False, waits=True, iceberg=False),
    OrderType.STOP_LOSS_LIMIT: Form(priced=True, timed=True, waits=True, iceberg=True),
    OrderType.TAKE_PROFIT_LIMIT: Form(priced=True, timed=True, waits=True, iceberg=True),
}
"""Source: Binance spot REST API, "New order (TRADE)", "Mandatory parameters"."""


LIMIT, LIMIT_FORM = OrderType.LIMIT, FORMS[OrderType.LIMIT]  # most orders, without the hash of an enum


def order_shape(ask: Ask) -> Answer:
    """Deny an order whose fields contradict its type, or whose amounts are not exact and positive."""
    request = ask.request
    kind = request.type
    form = LIMIT_FORM if kind is LIMIT else FORMS.get(kind)
    if form is None or type(request) is not OrderRequest:
        return (False, "{} is no type of order", request.type)
    if (request.price is None) is form.priced or (request.time_in_force is None) is form.timed:
        return (False, "no {} order has these fields", request.type)
    if request.quantity is None:
        if not form.by_quote or request.quote_quantity is None:
            return (False, "a {} order needs a quantity", request.type)
    elif request.quote_quantity is not None:
        return (False, "it has a quantity and a quote_quantity: give one")
    if not ask.sound:
        return (False, "{}", _wrong(request))
    if form.timed and type(request.time_in_force) is not TimeInForce:
        return (False, "{} is no time in force", request.time_in_force)
    if type(request.client_order_id) is not str or len(request.client_order_id) > LONGEST_ID:
        return (False, "the client order id has more than 36 characters")
    extras = (
        request.stop_price, request.trailing_delta, request.iceberg_quantity, request.self_trade,
        request.strategy_id, request.strategy_type,
    )  # fmt: skip
    if extras == NO_EXTRAS:
        return (
            (False, "a {} order needs a stop_price or a trailing_delta", request.type) if form.waits else FITS
        )
    return _extras(ask, request, form)


def _extras(ask: Ask, request: OrderRequest, form: Form) -> Answer:
    """Of an order with more than the plain fields."""
    triggered = request.stop_price is not None or request.trailing_delta is not None
    if triggered is not form.waits:
        needs = "needs a" if form.waits else "has no"
        return (False, "a {} order {} stop_price or trailing_delta", request.type, needs)
    delta = request.trailing_delta
    if delta is not None and (type(delta) is not int or not 0 < delta < 10_000):
        return (False, "trailing_delta is not between 1 and 9999 basis points")
    if request.self_trade is not None and type(request.self_trade) is not SelfTradeMode:
        return (False, "{} is no self-trade mode", request.self_trade)
    for name in ("strategy_id", "strategy_type"):
        number = getattr(request, name)
        if number is not None and (type(number) is not int or not 0 <= number < 1 << 63):
            return (False, "{} is no whole number", name)
    return _iceberg(ask, request, form) if request.iceberg_quantity is not None else FITS


def _iceberg(ask: Ask, request: OrderRequest, form: Form) -> Answer:
    if not form.iceberg:
        return (False, "a {} order cannot be an iceberg", request.type)
    if form.timed and request.time_in_force is not TimeInForce.GTC:
        return (False, "an iceberg order is GTC")
    shown = positive(request.iceberg_quantity, "iceberg_quantity")
    if ask.quantity is None or shown > ask.quantity:
        return (False, "an iceberg shows no more than its quantity")
    return FITS


def _wrong(request: OrderRequest) -> str:
    """Why one of the amounts cannot be used."""
    try:
        for name in ("quantity", "quote_quantity", "price", "stop_price"):
            value = getattr(request, name)
            if value is not None:
                positive(value, name)
                if type(value) is not Decimal:
                    return f"{name}: text and whole numbers become a Decimal before they get here"
    except InvalidField as error:
        return str(error)
    return "an amount is missing"


def symbol_status(ask: Ask) -> Answer:
    """Deny a symbol that is unknown, does not trade, or takes no orders of this type."""
    instrument = ask.instrument
    if instrument.status != "TRADING":
        return (False, "{} is {}", instrument.symbol, instrument.status)
    types = ask.rules.order_types
    if types and ask.request.type not in types:
        return (False, "{} takes no {} orders", instrument.symbol, ask.request.type)
    return (True, "{} is TRADING", instrument.symbol)
