"""Quotients of money: sums and products never round, only these may, and say which way.

The exact ones are `domain.decimals`'; nothing anywhere uses the context of the calling cell.
"""

from __future__ import annotations

import decimal
from decimal import Decimal

from quantlab.domain.decimals import EXACT, TRAPS, add, subtract, times

__all__ = [
    "EXACT",
    "ONE",
    "ZERO",
    "add",
    "floor_ratio",
    "middle",
    "ratio",
    "ratio_up",
    "share",
    "subtract",
    "times",
]

ZERO, ONE = Decimal(0), Decimal(1)
HALF = Decimal("0.5")
DOWN = decimal.Context(prec=100, rounding=decimal.ROUND_DOWN, traps=TRAPS[1:])
UP = decimal.Context(prec=10, rounding=decimal.ROUND_UP, traps=TRAPS[1:])
NEAREST = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN, traps=TRAPS[1:])
WIDE = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN, traps=TRAPS[1:])
FINEST = Decimal("1e-20")  # a cost basis keeps 20 decimals


def ratio_up(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole with 10 digits, rounded away from zero: a usage never looks smaller than it is."""
    return UP.divide(part, whole)


def floor_ratio(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole to 20 decimals, rounded towards zero: what a limit lets out, never more."""
    return DOWN.quantize(DOWN.divide(part, whole), FINEST)


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole with 28 digits, rounded to the nearest: for show."""
    return NEAREST.divide(part, whole)


def middle(low: Decimal, high: Decimal) -> Decimal:
    """Half of low + high, exactly."""
    return times(add(low, high), HALF)


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """amount x part / whole to 20 decimals: how much of a cost goes with a part that is closed."""
    return WIDE.quantize(WIDE.divide(WIDE.multiply(amount, part), whole), FINEST)
