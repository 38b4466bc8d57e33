"""Does an order fit its instrument? One clear error that names the field and the way out.

Pure. Nothing is rounded here: who wants that says so with `round_price` or `round_quantity`.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from decimal import Decimal

from quantlab.domain.decimals import plain
from quantlab.domain.instrument import Instrument, require_grid
from quantlab.domain.order_lists import AmendRequest
from quantlab.domain.orders import OrderRequest
from quantlab.errors import InvalidField, UnknownSymbol
from quantlab.trading.order import Order


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
    for price, field in ((request.price, "price"), (request.stop_price, "stop_price")):
        if price is not None:
            _require_grid(price, instrument.tick_size, field, "round_price")
            _require_within(price, instrument.min_price, instrument.max_price, field, instrument.quote)
    if request.quantity is not None:
        low, high = instrument.min_quantity, instrument.max_quantity
        _require_grid(request.quantity, instrument.step_size, "quantity", "round_quantity")
        _require_within(request.quantity, low, high, "quantity", instrument.base)
    if request.iceberg_quantity is not None:
        _require_grid(request.iceberg_quantity, instrument.step_size, "iceberg_quantity", "round_quantity")
    if request.quote_quantity is not None:
        last_digit = Decimal((0, (1,), -instrument.quote_precision))
        _require_grid(request.quote_quantity, last_digit, "quote_quantity", "round_quantity")


def require_amendment(order: Order, request: AmendRequest, instruments: Mapping[str, Instrument]) -> None:
    """Raise unless `request` leaves less of `order` than there is, more than has traded, and on the grid.

    Raises:
        InvalidField: By what it would leave.
        UnknownSymbol, OffGrid: As `require_tradable`.
    """
    left, field = request.new_quantity, "new_quantity"
    if request.symbol != order.symbol:
        raise InvalidField("symbol", f"the order is in {order.symbol}", "give the same")
    if order.quantity is None:
        raise InvalidField(field, "the order has no quantity", "cancel it, or let it trade")
    instrument = instruments.get(request.symbol)
    if instrument is None:
        raise UnknownSymbol(request.symbol, tuple(instruments))
    _require_grid(left, instrument.step_size, field, "round_quantity")
    if left >= order.quantity:
        remedy = f"give less than {plain(order.quantity)}; for more, replace it"
        raise InvalidField(field, "an amendment only makes an order smaller", remedy)
    if left <= order.filled:
        remedy = f"give more than {plain(order.filled)}, or cancel it"
        raise InvalidField(field, "so much has traded already", remedy)


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
