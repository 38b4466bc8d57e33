"""From what a user gives to an `OrderRequest`: exact amounts, or one clear `InvalidField`.

Never rounds and never guesses: a float is refused, an amount off the grid is the gateway's to
refuse. `domain.instrument.round_quantity` and `round_price` round where the caller says so.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeVar

import msgspec

from quantlab.domain.decimals import positive
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.errors import InvalidField

MOST_BASIS_POINTS = 10_000
TRAILING = "give an int from 1 to 9999, like 100"
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
        side=side_of(side),
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
        side=side_of(side),
        type=OrderType.MARKET,
        quantity=None if quantity is None else positive(quantity, "quantity"),
        quote_quantity=None if quote_quantity is None else positive(quote_quantity, "quote_quantity"),
    )


def limit_maker(side: object, symbol: object, quantity: object, price: object) -> OrderRequest:
    """As `limit_order`, and refused by the venue where it would trade at once (post-only).

    Raises:
        InvalidField: As `limit_order`.
    """
    request = limit_order(side, symbol, quantity, price)
    return msgspec.structs.replace(request, type=OrderType.LIMIT_MAKER, time_in_force=None)


def stop_order(
    side: object,
    symbol: object,
    quantity: object,
    *,
    stop_price: object = None,
    trailing: object = None,
    price: object = None,
    time_in_force: object = TimeInForce.GTC,
    take_profit: bool = False,
) -> OrderRequest:
    """An order that waits until the market comes to `stop_price`, or turns by `trailing`.

    Args:
        side: BUY or SELL.
        symbol: As the venue writes it.
        quantity: In the base asset.
        stop_price: In the quote asset. A stop-loss sells below the market and buys above it, a
            take-profit the other way.
        trailing: Basis points (100 is one percent) that the market turns before it triggers; with a
            `stop_price` the trail begins there.
        price: Then a limit order at this price; without one, at the market.
        time_in_force: Of the limit order.
        take_profit: A take-profit instead of a stop-loss.

    Raises:
        InvalidField: An amount that cannot be used, or neither `stop_price` nor `trailing`.
    """
    if stop_price is None and trailing is None:
        raise InvalidField("stop_price", "nothing says when it triggers", "give it, or trailing")
    if trailing is not None and (type(trailing) is not int or not 0 < trailing < MOST_BASIS_POINTS):
        raise InvalidField("trailing", f"{_said(trailing)} is no number of basis points", TRAILING)
    limited = price is not None
    kinds = {
        (False, False): OrderType.STOP_LOSS,
        (False, True): OrderType.STOP_LOSS_LIMIT,
        (True, False): OrderType.TAKE_PROFIT,
        (True, True): OrderType.TAKE_PROFIT_LIMIT,
    }
    return OrderRequest(
        symbol=_symbol(symbol),
        side=side_of(side),
        type=kinds[take_profit, limited],
        quantity=positive(quantity, "quantity"),
        price=positive(price, "price") if limited else None,
        time_in_force=_time_in_force(time_in_force) if limited else None,
        stop_price=None if stop_price is None else positive(stop_price, "stop_price"),
        trailing_delta=trailing if isinstance(trailing, int) else None,
    )


def _symbol(symbol: object) -> str:
    if type(symbol) is not str or SYMBOL.fullmatch(symbol) is None:
        raise InvalidField("symbol", f"{_said(symbol)} is no symbol", 'give it as the venue does: "BTCUSDT"')
    return symbol


def side_of(side: object) -> Side:
    """BUY or SELL, also from text; `InvalidField` where it is neither."""
    found = _word(side, Side)
    if found is None:
        raise InvalidField("side", f"{_said(side)} is no side", "give BUY or SELL")
    return found


def _time_in_force(time_in_force: object) -> TimeInForce:
    found = _word(time_in_force, TimeInForce)
    if found is None:
        raise InvalidField("time_in_force", f"{_said(time_in_force)} is none we know", "give GTC, IOC or FOK")
    return found


E = TypeVar("E", bound=StrEnum)


def _word(given: object, kind: type[E]) -> E | None:
    """One of the words of `kind`, also from plain text in either case."""
    if type(given) is kind:
        return given
    if type(given) is not str:
        return None
    return next((each for each in kind if each.value == given.upper()), None)


def _said(given: object) -> str:
    """What was given, in words; of anything but text its type: it may have no words for itself."""
    if type(given) is str:
        return repr(given[:40])
    if type(given) is int and abs(given) < MOST_BASIS_POINTS:
        return str(given)
    return f"a {type(given).__name__}"
