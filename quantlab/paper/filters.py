"""What the exchange lets in: the symbol's filters, each with Binance's code and exact text.

Pure: reads one order and one instrument's grid, answers whole numbers or raises `Refused`. It
knows no balances and no book; a market order is valued at the reference price it is given.
A bound of zero in the instrument switches that part of a filter off.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NoReturn

import msgspec

from quantlab.domain.orders import OrderType
from quantlab.paper.events import NewOrder, Refused
from quantlab.paper.units import EXACT, Grid, whole

ILLEGAL = -1100
MANDATORY = -1102
NOT_REQUIRED = -1106
TOO_PRECISE = -1111
UNKNOWN_SYMBOL = -1121
FILTER_FAILURE = -1013
ORDER_REJECTED = -2010

NO_BOUND = 1 << 200
LEGAL_NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"

# exchangeInfo's applyMinToMarket and applyMaxToMarket: spot symbols come with true and false.
APPLY_MIN_TO_MARKET = True
APPLY_MAX_TO_MARKET = False


class Ticket(msgspec.Struct, frozen=True):
    """An admitted order in whole numbers.

    `ticks` is None at market; exactly one of `lots` and `quote_units` (units of the quote
    asset to spend or receive) is given.
    """

    ticks: int | None
    lots: int | None
    quote_units: int | None


class Filters:
    """The filters of one symbol.

    Source: Binance spot "Filters": PRICE_FILTER, LOT_SIZE, NOTIONAL.
    """

    __slots__ = ("grid", "max_lots", "max_notional", "max_ticks", "min_lots", "min_notional", "min_ticks")

    def __init__(self, grid: Grid) -> None:
        listed = grid.instrument
        quantum = Decimal(1).scaleb(-grid.quote_digits)
        self.grid = grid
        self.min_ticks = max(1, _lowest(listed.min_price, grid.tick))
        self.max_ticks = _highest(listed.max_price, grid.tick)
        self.min_lots = max(1, _lowest(listed.min_quantity, grid.step))
        self.max_lots = _highest(listed.max_quantity, grid.step)
        self.min_notional = _lowest(listed.min_notional, quantum)
        self.max_notional = _highest(listed.max_notional, quantum)

    def admit(self, order: NewOrder, reference: int | None) -> Ticket:
        """The order in ticks and lots, or `Refused` with the first failure.

        Args:
            order: Its symbol is this one's.
            reference: Price in ticks at which NOTIONAL values a market order; None (nothing
                traded, nothing offered) leaves that filter out.
        """
        if self.grid.instrument.status != "TRADING":
            raise Refused(ORDER_REJECTED, "Market is closed.")
        if order.type is OrderType.LIMIT:
            return self._limit(order)
        _not_required(order.price, "price")
        _not_required(order.time_in_force, "timeInForce")
        if order.quote_quantity is not None:
            return self._market_by_quote(order, order.quote_quantity)
        lots = self._lots(order)
        if reference is not None:
            self._notional(reference * lots * self.grid.tick_lot_units, at_market=True)
        return Ticket(None, lots, None)

    def _limit(self, order: NewOrder) -> Ticket:
        _not_required(order.quote_quantity, "quoteOrderQty")
        if order.time_in_force is None:
            _missing("timeInForce")
        if order.price is None:
            _missing("price")
        ticks = self.grid.ticks(order.price)
        if ticks is None or not self.min_ticks <= ticks <= self.max_ticks:
            _require_number(order.price, "price", self.grid.instrument.quote_precision)
            _fail("PRICE_FILTER")
        lots = self._lots(order)
        self._notional(ticks * lots * self.grid.tick_lot_units, at_market=False)
        return Ticket(ticks, lots, None)

    def _market_by_quote(self, order: NewOrder, amount: Decimal) -> Ticket:
        _not_required(order.quantity, "quantity")
        units = whole(amount, Decimal(1).scaleb(-self.grid.quote_digits))
        _require_number(amount, "quoteOrderQty", self.grid.instrument.quote_precision)
        if units is None or units <= 0:
            _fail("NOTIONAL")
        self._notional(units, at_market=True)
        return Ticket(None, None, units)

    def _lots(self, order: NewOrder) -> int:
        if order.quantity is None:
            _missing("quantity")
        lots = self.grid.lots(order.quantity)
        if lots is None or not self.min_lots <= lots <= self.max_lots:
            _require_number(order.quantity, "quantity", self.grid.instrument.base_precision)
            _fail("LOT_SIZE")
        return lots

    def _notional(self, units: int, *, at_market: bool) -> None:
        low = units < self.min_notional and (APPLY_MIN_TO_MARKET or not at_market)
        high = units > self.max_notional and (APPLY_MAX_TO_MARKET or not at_market)
        if low or high:
            _fail("NOTIONAL")


def _require_number(value: Decimal, parameter: str, precision: int) -> None:
    """Refuse what is no plain positive number, or has more decimals than the asset."""
    if not value.is_finite() or value.is_signed() or value >= Decimal(10) ** 20:
        raise Refused(
            ILLEGAL, f"Illegal characters found in parameter '{parameter}'; legal range is '{LEGAL_NUMBER}'."
        )
    if whole(value, Decimal(1).scaleb(-precision)) is None:
        raise Refused(TOO_PRECISE, f"Parameter '{parameter}' has too much precision.")


def _not_required(value: object, parameter: str) -> None:
    if value is not None:
        raise Refused(NOT_REQUIRED, f"Parameter '{parameter}' sent when not required.")


def _missing(parameter: str) -> NoReturn:
    raise Refused(MANDATORY, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed.")


def _fail(name: str) -> NoReturn:
    raise Refused(FILTER_FAILURE, f"Filter failure: {name}")


def _lowest(bound: Decimal, step: Decimal) -> int:
    """The fewest steps that reach `bound`."""
    count, rest = EXACT.divmod(bound, step)
    return int(count) + bool(rest)


def _highest(bound: Decimal, step: Decimal) -> int:
    """The most steps within `bound`."""
    return int(EXACT.divmod(bound, step)[0]) if bound else NO_BOUND
