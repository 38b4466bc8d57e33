"""What a symbol and the whole exchange allow: the numbers behind every filter.

Values only; `filters` applies them, the server folder shows them in exchangeInfo.

Source: Binance spot "Filters"; REST API, "Exchange information".
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.domain.instrument import ZERO, Instrument
from quantlab.paper.orders import OrderKind, Prevention


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's filters and permissions. A bound of zero switches that part off.

    `instrument` holds PRICE_FILTER, LOT_SIZE and NOTIONAL. Multipliers are of the average price of
    the last `average_minutes`; trailing deltas are in basis points. `multiplier_up` and `_down` are
    PERCENT_PRICE's, `least_notional` and `apply_to_market` MIN_NOTIONAL's: older filters, off here.
    """

    instrument: Instrument
    market_min_quantity: Decimal = ZERO
    market_max_quantity: Decimal = ZERO
    market_step_size: Decimal = ZERO
    bid_multiplier_up: Decimal = Decimal(5)
    bid_multiplier_down: Decimal = Decimal("0.2")
    ask_multiplier_up: Decimal = Decimal(5)
    ask_multiplier_down: Decimal = Decimal("0.2")
    multiplier_up: Decimal = ZERO
    multiplier_down: Decimal = ZERO
    average_minutes: int = 5
    least_notional: Decimal = ZERO
    apply_to_market: bool = True
    apply_min_to_market: bool = True
    apply_max_to_market: bool = False
    max_orders: int = 200
    max_algo_orders: int = 5
    max_order_lists: int = 20
    max_order_amends: int = 10
    max_position: Decimal = ZERO
    min_trailing_above_delta: int = 10
    max_trailing_above_delta: int = 2_000
    min_trailing_below_delta: int = 10
    max_trailing_below_delta: int = 2_000
    order_types: tuple[OrderKind, ...] = tuple(OrderKind)
    default_prevention: Prevention = Prevention.EXPIRE_MAKER
    allowed_preventions: tuple[Prevention, ...] = tuple(Prevention)


class ExchangeRules(msgspec.Struct, frozen=True, kw_only=True):
    """What one account may have open on the whole exchange; 0 switches a bound off."""

    max_orders: int = 1_000
    max_algo_orders: int = 200
    max_order_lists: int = 0
