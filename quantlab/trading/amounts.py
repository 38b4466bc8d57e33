"""Exact arithmetic for money: sums and products never round, only a quotient may.

Nothing here rounds silently: `EXACT` raises `decimal.Inexact` where 100 digits would not
suffice (the venue's numbers need 40). A quotient says by its name which way it rounds.
"""

from __future__ import annotations

import decimal
from decimal import Decimal

ZERO = Decimal(0)
TRAPS = [decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
EXACT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN, traps=TRAPS)
UP = decimal.Context(prec=10, rounding=decimal.ROUND_UP, traps=TRAPS[1:])
NEAREST = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN, traps=TRAPS[1:])
FINEST = Decimal("1e-20")  # a cost basis keeps 20 decimals


def add(left: Decimal, right: Decimal) -> Decimal:
    """left + right, exactly."""
    return EXACT.add(left, right)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """left - right, exactly."""
    return EXACT.subtract(left, right)


def times(left: Decimal, right: Decimal) -> Decimal:
    """left x right, exactly."""
    return EXACT.multiply(left, right)


def ratio_up(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole with 10 digits, rounded away from zero: a usage never looks smaller than it is."""
    return UP.divide(part, whole)


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole with 28 digits, rounded to the nearest: for show."""
    return NEAREST.divide(part, whole)


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """amount x part / whole to 20 decimals: how much of a cost goes with a part that is closed."""
    wide = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN, traps=TRAPS[1:])
    return wide.quantize(wide.divide(wide.multiply(amount, part), whole), FINEST)
