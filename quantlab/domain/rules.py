"""What a symbol's venue asks of an order beyond tick, step and worth: the rest of its filters.

Prices in the quote asset, quantities in the base asset, trailing deltas in basis points. Zero (and no
order type at all) bounds nothing, as with the venue's filters.

Source: Binance spot "Filters"; REST API, "Exchange information".
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

ZERO = Decimal(0)


class VenueRules(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of one symbol, with those of its exchange and of the account's assets.

    `default_self_trade`: what prevents an order without a mode of its own from trading with one of the same
    account ("": not known). `market_...`: MARKET_LOT_SIZE. `..._at_market`: whether NOTIONAL's bounds count
    for market orders. `average_minutes`: over which those filters' average price goes; 0 is the last price.
    `bid_...` and `ask_...`: PERCENT_PRICE_BY_SIDE, or PERCENT_PRICE for both. `max_position` counts the
    base asset held and the open buys. `max_base`, `max_quote`: MAX_ASSET, which is not known where
    `assets_known` is False. `exchange_...`: of all symbols.
    """

    order_types: tuple[str, ...] = ()
    default_self_trade: str = ""
    market_min_quantity: Decimal = ZERO
    market_max_quantity: Decimal = ZERO
    market_step_size: Decimal = ZERO
    average_minutes: int = 5
    min_notional_at_market: bool = True
    max_notional_at_market: bool = True
    bid_multiplier_up: Decimal = ZERO
    bid_multiplier_down: Decimal = ZERO
    ask_multiplier_up: Decimal = ZERO
    ask_multiplier_down: Decimal = ZERO
    max_position: Decimal = ZERO
    max_base: Decimal = ZERO
    max_quote: Decimal = ZERO
    assets_known: bool = True
    iceberg_parts: int = 0
    max_orders: int = 0
    max_algo_orders: int = 0
    max_iceberg_orders: int = 0
    max_order_lists: int = 0
    max_amends: int = 0
    exchange_max_orders: int = 0
    exchange_max_algo_orders: int = 0
    exchange_max_iceberg_orders: int = 0
    exchange_max_order_lists: int = 0
    min_trailing_above: int = 0
    max_trailing_above: int = 0
    min_trailing_below: int = 0
    max_trailing_below: int = 0


NO_RULES = VenueRules()
