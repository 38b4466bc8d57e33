"""What a symbol trades like: its assets, its grid and its bounds.

Rounding is explicit and by step, never by the step's exponent: with a step of 0.25,
1.13 becomes 1.00, and 27 on a step of 10 becomes 20.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.domain.decimals import add, plain, remainder, subtract
from quantlab.domain.orders import Side
from quantlab.domain.rules import NO_RULES, VenueRules
from quantlab.errors import OffGrid

ZERO = Decimal(0)


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol of a spot venue. Prices in the quote asset, quantities in the base asset.

    A bound of zero switches that rule off, as the venue's filters do. `rules` are the filters beyond
    those: what a market order, an iceberg or one order more must respect.

    Source: Binance spot "Filters": PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE, NOTIONAL.
    """

    symbol: str
    base: str
    quote: str
    status: str = "TRADING"
    tick_size: Decimal
    min_price: Decimal = ZERO
    max_price: Decimal = ZERO
    step_size: Decimal
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO
    base_precision: int = 8
    quote_precision: int = 8
    rules: VenueRules = NO_RULES


def round_quantity(quantity: Decimal, step_size: Decimal) -> Decimal:
    """The largest multiple of `step_size` that is not above `quantity` (never larger)."""
    return _floor(quantity, step_size)


def round_price(price: Decimal, tick_size: Decimal, side: Side) -> Decimal:
    """The nearest tick that is no worse for the sender: down to buy, up to sell."""
    down = _floor(price, tick_size)
    return down if side is Side.BUY or down == price else add(down, tick_size)


def on_grid(value: Decimal, step: Decimal) -> bool:
    """True where `value` is a whole multiple of `step` (a step of zero allows all)."""
    return step == 0 or remainder(value, step) == 0


def require_grid(value: Decimal, step: Decimal, field: str, helper: str) -> None:
    """Raise `OffGrid` naming both neighbours on the grid, unless `value` stands on it.

    A lower neighbour of zero is not named: no venue takes it, and rounding would end there.
    """
    if on_grid(value, step):
        return
    low = _floor(value, step)
    remedy = f"use {plain(low)} or {plain(add(low, step))}, or round first with {helper}"
    if low == 0:
        remedy = f"use {plain(step)}, the smallest there is"
    raise OffGrid(field, f"{plain(value)} is not a multiple of {plain(step)}", remedy)


def _floor(value: Decimal, step: Decimal) -> Decimal:
    if step <= 0:
        raise OffGrid("step", f"{plain(step)} is no step", "give a step above zero")
    return subtract(value, remainder(value, step))
