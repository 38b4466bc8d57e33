"""Decimals outside, integers inside: one symbol's ticks and lots, one asset's smallest units.

Every conversion is exact or refused; nothing is rounded here, and no caller's decimal context
can change a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from quantlab.domain.instrument import Instrument
from quantlab.errors import InvalidField

DECIMALS = 8  # what an asset is divided into at least: Binance answers eight decimals
EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])


def decimals(number: Decimal) -> int:
    """How many digits after the point `number` needs, trailing zeros not counted."""
    exponent = number.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def asset_decimals(instruments: Iterable[Instrument]) -> dict[str, int]:
    """Digits after the point that make every trade of these instruments a whole number of units."""
    needed: dict[str, int] = {}
    for each in instruments:
        _require_step(each)
        step = decimals(each.step_size)
        needed[each.base] = max(needed.get(each.base, DECIMALS), step)
        needed[each.quote] = max(needed.get(each.quote, DECIMALS), step + decimals(each.tick_size))
    return needed


def to_units(amount: Decimal, digits: int, field: str) -> int:
    """`amount` as a whole number of 10**-digits, or `InvalidField` naming `field`."""
    units = whole(amount, Decimal(1).scaleb(-digits))
    if units is None:
        raise InvalidField(field, f"{amount} is finer than {digits} decimals", "give fewer decimals")
    return units


def to_decimal(units: int, digits: int) -> Decimal:
    """The amount that `units` of 10**-digits are."""
    return EXACT.scaleb(Decimal(units), -digits)


def whole(value: Decimal, step: Decimal) -> int | None:
    """How many steps `value` is; None where that is no whole number, or no number at all."""
    try:
        count, rest = EXACT.divmod(value, step)
    except ArithmeticError:  # NaN, infinite, or of a size that no filter would let pass
        return None
    return None if rest else int(count)


class Grid:
    """One instrument's whole numbers.

    Attributes:
        lot_units: Units of the base asset in one lot.
        tick_lot_units: Units of the quote asset that one lot costs at a price of one tick.
        base_digits, quote_digits: Digits after the point of the two assets' units.
    """

    __slots__ = (
        "_unit", "base_digits", "instrument", "lot_units", "quote_digits", "step", "tick", "tick_lot_units",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, digits: dict[str, int]) -> None:
        _require_step(instrument)
        self.instrument = instrument
        self.tick = instrument.tick_size
        self.step = instrument.step_size
        self.base_digits = digits[instrument.base]
        self.quote_digits = digits[instrument.quote]
        self._unit = Decimal(1).scaleb(-self.base_digits)
        self.lot_units = to_units(self.step, self.base_digits, "step_size")
        self.tick_lot_units = to_units(EXACT.multiply(self.tick, self.step), self.quote_digits, "tick_size")

    def ticks(self, price: Decimal) -> int | None:
        """The price in ticks; None where it is off the grid."""
        return whole(price, self.tick)

    def lots(self, quantity: Decimal) -> int | None:
        """The quantity in lots; None where it is off the grid."""
        return whole(quantity, self.step)

    def base_units(self, quantity: Decimal) -> int | None:
        """The quantity in units of the base asset; None where it is finer than they are."""
        return whole(quantity, self._unit)

    def quote_units(self, amount: Decimal) -> int:
        """An amount of the quote asset in units; `InvalidField` where it is finer than they are."""
        return to_units(amount, self.quote_digits, "quote amount")

    def price(self, ticks: int) -> Decimal:
        return EXACT.multiply(self.tick, ticks)

    def quantity(self, lots: int) -> Decimal:
        return EXACT.multiply(self.step, lots)

    def base(self, units: int) -> Decimal:
        """Units of the base asset as an amount."""
        return to_decimal(units, self.base_digits)

    def quote(self, units: int) -> Decimal:
        """Units of the quote asset as an amount."""
        return to_decimal(units, self.quote_digits)


def _require_step(instrument: Instrument) -> None:
    for field, step in (("tick_size", instrument.tick_size), ("step_size", instrument.step_size)):
        if not step > 0:
            raise InvalidField(field, f"{instrument.symbol} has {step}", "a book needs a step above zero")
