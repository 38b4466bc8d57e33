"""Exact numbers in, exact numbers out: what may become a price or a quantity.

A float is never accepted, not even a whole one: by the time we see 0.1 + 0.2, what was
meant is lost. Decimal, int and plain decimal text are exact and are taken as they are.

Operators (`+`, `-x`, `abs`) round by the context of whoever calls: a cell that sets a precision
of 3 would change our books. Money is therefore computed by the functions here, in `EXACT`.
"""

from __future__ import annotations

import decimal
import re
from decimal import Decimal

from quantlab.errors import InvalidField

PLAIN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
LARGEST = Decimal(10) ** 20
FINEST = -20  # the exponent of the last digit we take: 1e-20
TRAPS = [decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
EXACT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN, traps=TRAPS)
"""Sums and products never round: where 100 digits would not do (the venue's need 40), it raises."""
REMEDY = 'give a Decimal, an int or plain text like "0.01"'


def exact(value: object, field: str) -> Decimal:
    """The Decimal that `value` says, or `InvalidField` naming `field`.

    Accepts exactly Decimal, int and str (no subclasses, which could lie); text is plain
    ASCII digits with at most one point, no exponent, blank or underscore. The result is
    finite, below 1e20 in size and has at most 20 decimals. Signs are the caller's matter.
    """
    if type(value) is Decimal:
        number = value
        if not number.is_finite():
            raise InvalidField(field, f"{number} is not a number", REMEDY)
    elif type(value) is int:
        if abs(value) >= LARGEST:
            raise InvalidField(field, "the number is too large", "stay below 1e20")
        number = Decimal(value)
    elif type(value) is str:
        if PLAIN.fullmatch(value) is None:
            raise InvalidField(field, f"{value[:40]!r} is not plain decimal text", REMEDY)
        number = Decimal(value)
    elif type(value) is float:
        raise InvalidField(field, f"the float {value!r} is not exact", REMEDY)
    else:
        raise InvalidField(field, f"a {type(value).__name__} is not a number", REMEDY)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < FINEST or number.copy_abs() >= LARGEST:
        raise InvalidField(field, "the number has too many digits", "stay below 1e20 and 20 decimals")
    return number


def positive(value: object, field: str) -> Decimal:
    """As `exact`, and above zero."""
    number = exact(value, field)
    if number <= 0:
        raise InvalidField(field, f"{plain(number)} is not above zero", "give a positive amount")
    return number


def plain(number: Decimal) -> str:
    """Wire text: no exponent, no trailing zeros ("0.00009", "60000", "0").

    Source: Binance spot REST API, "General Information": decimal parameters as text.
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0", "-") else text


add = EXACT.add
"""left + right, exactly."""
subtract = EXACT.subtract
"""left - right, exactly."""
times = EXACT.multiply
"""left x right, exactly."""
remainder = EXACT.remainder
"""`remainder(value, step)`: what is left of `value` over whole steps, exactly; of the sign of `value`."""
