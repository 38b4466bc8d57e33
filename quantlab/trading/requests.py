"""From what a user gives to an `OrderRequest`: exact amounts, or one clear `InvalidField`.

Never rounds and never guesses: a float is refused, an amount off the grid is the gateway's to
refuse. `domain.instrument.round_quantity` and `round_price` round where the caller says so.
"""

from __future__ import annotations

import re

from quantlab.domain.decimals import positive
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.errors import InvalidField

SYMBOL = re.compile(r"[A-Z0-9]{2,20}", re.ASCII)


def limit_order(
    side: object,
    symbol: object,
    quantity: object,
    price: object,
    time_in_force: object = TimeInForce.GTC,
) -> OrderRequest:
    """Buy or sell `quantity` (base asset) of `symbol` at `price` (quote asset) or better.

    Raises:
        InvalidField: A side, symbol, amount or time in force that cannot be used, by its name.
    """
    return OrderRequest(
        symbol=_symbol(symbol),
        side=_side(side),
        type=OrderType.LIMIT,
        quantity=positive(quantity, "quantity"),
        price=positive(price, "price"),
        time_in_force=_time_in_force(time_in_force),
    )


def market_order(
    side: object, symbol: object, quantity: object = None, quote_quantity: object = None
) -> OrderRequest:
    """Buy or sell `quantity` (base asset), or for `quote_quantity` (quote asset), at the market.

    Raises:
        InvalidField: As `limit_order`; also where not exactly one of the two amounts is given.
    """
    if (quantity is None) == (quote_quantity is None):
        given = "neither" if quantity is None else "both"
        raise InvalidField("quantity", f"{given} of quantity and quote_quantity given", "give exactly one")
    return OrderRequest(
        symbol=_symbol(symbol),
        side=_side(side),
        type=OrderType.MARKET,
        quantity=None if quantity is None else positive(quantity, "quantity"),
        quote_quantity=None if quote_quantity is None else positive(quote_quantity, "quote_quantity"),
    )


def _symbol(symbol: object) -> str:
    if type(symbol) is not str or SYMBOL.fullmatch(symbol) is None:
        raise InvalidField(
            "symbol", f"{str(symbol)[:40]!r} is no symbol", 'give it as the venue does: "BTCUSDT"'
        )
    return symbol


def _side(side: object) -> Side:
    if isinstance(side, Side):
        return side
    try:
        return Side(str(side).upper())
    except ValueError:
        raise InvalidField("side", f"{str(side)[:40]!r} is no side", "give BUY or SELL") from None


def _time_in_force(time_in_force: object) -> TimeInForce:
    try:
        return TimeInForce(str(time_in_force).upper())
    except ValueError:
        given = repr(str(time_in_force)[:40])
        raise InvalidField("time_in_force", f"{given} is none we know", "give GTC, IOC or FOK") from None
