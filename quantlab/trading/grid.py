"""Does an order fit its instrument? One clear error that names the field and the way out.

Pure. Nothing is rounded here: who wants that says so with `round_price` or `round_quantity`.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from decimal import Decimal

from quantlab.domain.decimals import plain
from quantlab.domain.instrument import Instrument, require_grid
from quantlab.domain.orders import OrderRequest
from quantlab.errors import InvalidField, UnknownSymbol


def require_tradable(request: OrderRequest, instruments: Mapping[str, Instrument]) -> None:
    """Raise unless symbol, price and quantity are what the venue takes.

    Raises:
        UnknownSymbol: The venue lists no such symbol.
        OffGrid: No multiple of the step, or of the last decimal that the quote asset has; names the
            neighbours and the function that rounds.
        InvalidField: Out of the instrument's bounds.
    """
    instrument = instruments.get(request.symbol)
    if instrument is None:
        raise UnknownSymbol(request.symbol, tuple(instruments))
    if request.price is not None:
        _require_grid(request.price, instrument.tick_size, "price", "round_price")
        _require_within(request.price, instrument.min_price, instrument.max_price, "price", instrument.quote)
    if request.quantity is not None:
        low, high = instrument.min_quantity, instrument.max_quantity
        _require_grid(request.quantity, instrument.step_size, "quantity", "round_quantity")
        _require_within(request.quantity, low, high, "quantity", instrument.base)
    if request.quote_quantity is not None:
        last_digit = Decimal((0, (1,), -instrument.quote_precision))
        _require_grid(request.quote_quantity, last_digit, "quote_quantity", "round_quantity")


def _require_grid(value: Decimal, step: Decimal, field: str, helper: str) -> None:
    try:
        require_grid(value, step, field, helper)
    except (decimal.InvalidOperation, TypeError) as error:
        raise InvalidField(field, "the number has too many digits", f"round first with {helper}") from error


def _require_within(value: Decimal, low: Decimal, high: Decimal, field: str, unit: str) -> None:
    if value < low:
        raise InvalidField(
            field, f"{plain(value)} is below the venue's least", f"give at least {plain(low)} {unit}"
        )
    if high and value > high:
        raise InvalidField(
            field, f"{plain(value)} is above the venue's most", f"give at most {plain(high)} {unit}"
        )
