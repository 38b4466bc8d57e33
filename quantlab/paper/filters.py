"""What a symbol lets in: its filters, each with Binance's code and exact text.

Pure: reads one order, the symbol's rules and grid, answers whole numbers or raises `Refused`. It
knows no balances and no book; a market order is valued at the reference price it is given.
A bound of zero in the rules switches that part of a filter off.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NoReturn

import msgspec

from quantlab.domain.orders import Side
from quantlab.errors import InvalidField
from quantlab.paper.events import Refused
from quantlab.paper.orders import NewOrder, OrderKind
from quantlab.paper.rules import Rules
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
TRADING = "TRADING"
UNSUPPORTED = {
    OrderKind.LIMIT: "Limit orders are not supported for this symbol.",
    OrderKind.MARKET: "Market orders are not supported for this symbol.",
    OrderKind.LIMIT_MAKER: "Limit maker orders are not supported for this symbol.",
    OrderKind.STOP_LOSS: "Stop loss orders are not supported for this symbol.",
    OrderKind.STOP_LOSS_LIMIT: "Stop loss limit orders are not supported for this symbol.",
    OrderKind.TAKE_PROFIT: "Take profit orders are not supported for this symbol.",
    OrderKind.TAKE_PROFIT_LIMIT: "Take profit limit orders are not supported for this symbol.",
}
Ratio = tuple[int, int]  # a price in ticks, as numerator and denominator


class Ticket(msgspec.Struct, frozen=True):
    """An admitted order in whole numbers.

    `ticks` is None at market; exactly one of `lots` and `quote_units` (units of the quote
    asset to spend or receive) is given. `stop` is the price to wait for, in ticks, if any.
    """

    ticks: int | None
    lots: int | None
    quote_units: int | None
    stop: int | None = None


class Filters:
    """The filters of one symbol.

    Raises:
        InvalidField: The rules have a tick or a step that is no multiple of the grid's: prices and
            quantities between would be in the book already.

    Source: Binance spot "Filters".
    """

    __slots__ = (
        "grid", "least_notional", "max_lots", "max_market_lots", "max_notional", "max_ticks", "min_lots",
        "min_market_lots",
        "min_notional", "min_ticks", "rules", "step_lots", "step_market_lots", "tick_ticks",
    )  # fmt: skip

    def __init__(self, grid: Grid, rules: Rules | None = None) -> None:
        self.rules = rules = rules or Rules(instrument=grid.instrument)
        listed = rules.instrument
        quantum = Decimal(1).scaleb(-grid.quote_digits)
        self.grid = grid
        self.tick_ticks = _multiple(listed.tick_size, grid.tick, "tick_size")
        self.step_lots = _multiple(listed.step_size, grid.step, "step_size")
        self.step_market_lots = _multiple(rules.market_step_size or grid.step, grid.step, "market_step_size")
        self.min_ticks = max(1, _lowest(listed.min_price, grid.tick))
        self.max_ticks = _highest(listed.max_price, grid.tick)
        self.min_lots = max(1, _lowest(listed.min_quantity, grid.step))
        self.max_lots = _highest(listed.max_quantity, grid.step)
        self.min_market_lots = _lowest(rules.market_min_quantity, grid.step)
        self.max_market_lots = _highest(rules.market_max_quantity, grid.step)
        self.min_notional = _lowest(listed.min_notional, quantum)
        self.max_notional = _highest(listed.max_notional, quantum)
        self.least_notional = _lowest(rules.least_notional, quantum)

    def admit(self, order: NewOrder, reference: Ratio | None) -> Ticket:
        """The order in ticks and lots, or `Refused` with the first failure.

        Args:
            order: Its symbol is this one's.
            reference: The average price, at which NOTIONAL values a market order and around which
                PERCENT_PRICE_BY_SIDE allows a price; None (nothing traded, nothing offered)
                leaves both out.
        """
        if self.rules.instrument.status != TRADING:
            raise Refused(ORDER_REJECTED, "Market is closed.")
        if order.type not in self.rules.order_types:
            raise Refused(ORDER_REJECTED, UNSUPPORTED[order.type])
        if order.prevention is not None and order.prevention not in self.rules.allowed_preventions:
            raise Refused(
                FILTER_FAILURE, "This symbol does not allow the specified self-trade prevention mode."
            )
        stop = self._trigger(order)
        if order.type.has_price:
            return self._priced(order, stop, reference)
        _not_required(order.price, "price")
        _not_required(order.time_in_force, "timeInForce")
        if order.quote_quantity is not None and order.type is OrderKind.MARKET:
            return self._market_by_quote(order, order.quote_quantity)
        _not_required(order.quote_quantity, "quoteOrderQty")
        lots = self._market_lots(order)
        if reference is not None:
            self._notional(lots * self.grid.tick_lot_units, reference, at_market=True)
        return Ticket(None, lots, None, stop)

    def _priced(self, order: NewOrder, stop: int | None, reference: Ratio | None) -> Ticket:
        _not_required(order.quote_quantity, "quoteOrderQty")
        if order.type is OrderKind.LIMIT_MAKER:
            _not_required(order.time_in_force, "timeInForce")
        elif order.time_in_force is None:
            _missing("timeInForce")
        ticks = self._ticks(order.price, "price")
        lots = self._lots(order)
        self._notional(lots * self.grid.tick_lot_units, (ticks, 1), at_market=False)
        if reference is not None:
            self._percent_price(order.side, ticks, reference)
        return Ticket(ticks, lots, None, stop)

    def _market_by_quote(self, order: NewOrder, amount: Decimal) -> Ticket:
        _not_required(order.quantity, "quantity")
        units = whole(amount, Decimal(1).scaleb(-self.grid.quote_digits))
        _require_number(amount, "quoteOrderQty", self.grid.instrument.quote_precision)
        if units is None or units <= 0:
            _fail("NOTIONAL")
        self._notional(units, (1, 1), at_market=True)
        return Ticket(None, None, units)

    def _trigger(self, order: NewOrder) -> int | None:
        """The stop price in ticks; None where the order has none, or trails the market without one."""
        if not order.type.is_contingent:
            _not_required(order.stop_price, "stopPrice")
            _not_required(order.trailing_delta, "trailingDelta")
            return None
        if order.stop_price is None and order.trailing_delta is None:
            raise Refused(
                MANDATORY, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"
            )
        if order.trailing_delta is not None:
            self._trailing(order, order.trailing_delta)
        return None if order.stop_price is None else self._ticks(order.stop_price, "stopPrice")

    def _trailing(self, order: NewOrder, delta: int) -> None:
        rules = self.rules
        is_loss = order.type in (OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT)
        low, high = rules.min_trailing_below_delta, rules.max_trailing_below_delta
        if is_loss is (order.side is Side.BUY):
            low, high = rules.min_trailing_above_delta, rules.max_trailing_above_delta
        if delta < low or (high and delta > high):
            _fail("TRAILING_DELTA")

    def _ticks(self, price: Decimal | None, parameter: str) -> int:
        if price is None:
            _missing(parameter)
        ticks = self.grid.ticks(price)
        if ticks is None or ticks % self.tick_ticks or not self.min_ticks <= ticks <= self.max_ticks:
            _require_number(price, parameter, self.grid.instrument.quote_precision)
            _fail("PRICE_FILTER")
        return ticks

    def _lots(self, order: NewOrder) -> int:
        if order.quantity is None:
            _missing("quantity")
        return self.quantity(order.quantity, "quantity")

    def quantity(self, quantity: Decimal, parameter: str) -> int:
        """A quantity in lots, or `Refused` where LOT_SIZE does not let it pass."""
        lots = self.grid.lots(quantity)
        if lots is None or lots % self.step_lots or not self.min_lots <= lots <= self.max_lots:
            _require_number(quantity, parameter, self.grid.instrument.base_precision)
            _fail("LOT_SIZE")
        return lots

    def _market_lots(self, order: NewOrder) -> int:
        lots = self._lots(order)
        if lots % self.step_market_lots or not self.min_market_lots <= lots <= self.max_market_lots:
            _fail("MARKET_LOT_SIZE")
        return lots

    def notional(self, ticks: int, lots: int) -> None:
        """`Refused` where NOTIONAL does not let `lots` at `ticks` pass."""
        self._notional(lots * self.grid.tick_lot_units, (ticks, 1), at_market=False)

    def _notional(self, units: int, price: Ratio, *, at_market: bool) -> None:
        """`units` of the quote asset at a price of one tick, times `price`."""
        worth, of = units * price[0], price[1]
        if worth < self.least_notional * of and (self.rules.apply_to_market or not at_market):
            _fail("MIN_NOTIONAL")
        low = worth < self.min_notional * of and (self.rules.apply_min_to_market or not at_market)
        high = worth > self.max_notional * of and (self.rules.apply_max_to_market or not at_market)
        if low or high:
            _fail("NOTIONAL")

    def _percent_price(self, side: Side, ticks: int, reference: Ratio) -> None:
        rules = self.rules
        up, down = rules.ask_multiplier_up, rules.ask_multiplier_down
        if side is Side.BUY:
            up, down = rules.bid_multiplier_up, rules.bid_multiplier_down
        if _far(ticks, reference, up=up, down=down):
            _fail("PERCENT_PRICE_BY_SIDE")
        if _far(ticks, reference, up=rules.multiplier_up, down=rules.multiplier_down):
            _fail("PERCENT_PRICE")


def _far(ticks: int, reference: Ratio, *, up: Decimal, down: Decimal) -> bool:
    """True where a price is above `up` times the reference, or below `down` times it; 0 bounds nothing."""
    worth, of = reference
    for bound, sign in ((up, 1), (down, -1)):
        share, parts = bound.as_integer_ratio()
        if bound and sign * (ticks * of * parts - worth * share) > 0:
            return True
    return False


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


def _multiple(step: Decimal, unit: Decimal, field: str) -> int:
    count = whole(step, unit)
    if not count or count < 0:
        raise InvalidField(field, f"{step} is no multiple of {unit}", "give one: the book is kept in it")
    return count
