"""What exchangeInfo says: exactly what this venue lets orders do, from the rules that it applies.

Source: Binance spot REST API, "Exchange information"; "Filters"; "Enums".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from quantlab.domain.instrument import Instrument
from quantlab.paper.rules import ExchangeRules, Rules
from quantlab.paper.server.render import Json, amount

PERMISSION = "SPOT"  # what an account needs to trade any symbol here
PERMISSIONS = frozenset({"SPOT", "MARGIN", "LEVERAGED", *(f"TRD_GRP_{number:03}" for number in range(2, 26))})
ABLE = {  # the others are refused: icebergs, pegged orders, OPO lists, margin
    "icebergAllowed": False, "ocoAllowed": True, "otoAllowed": True, "opoAllowed": False,
    "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": True, "cancelReplaceAllowed": True,
    "amendAllowed": True, "pegInstructionsAllowed": False, "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
}  # fmt: skip


def symbol(rules: Rules, *, show_sets: bool) -> Json:
    """One symbol, with the filters that the exchange really applies."""
    instrument = rules.instrument
    return {
        "symbol": instrument.symbol,
        "status": instrument.status,
        "baseAsset": instrument.base,
        "baseAssetPrecision": instrument.base_precision,
        "quoteAsset": instrument.quote,
        "quotePrecision": instrument.quote_precision,
        "quoteAssetPrecision": instrument.quote_precision,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": sorted(rules.order_types),
        **ABLE,
        "filters": filters(rules),
        "permissions": [],
        "permissionSets": [[PERMISSION]] if show_sets else [],
        "defaultSelfTradePreventionMode": rules.default_prevention,
        "allowedSelfTradePreventionModes": list(rules.allowed_preventions),
    }


def filters(rules: Rules) -> list[Json]:
    """What the symbol's orders meet, in the venue's words; a count of 0 is no filter."""
    listed = rules.instrument
    counts = (
        ("MAX_NUM_ORDERS", "maxNumOrders", rules.max_orders),
        ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", rules.max_order_lists),
        ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", rules.max_algo_orders),
        ("MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends", rules.max_order_amends),
    )
    found: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(listed.min_price),
            "maxPrice": amount(listed.max_price),
            "tickSize": amount(listed.tick_size),
        },
        {"filterType": "LOT_SIZE", **_lot(listed.min_quantity, listed.max_quantity, listed.step_size)},
        {
            "filterType": "MARKET_LOT_SIZE",
            **_lot(rules.market_min_quantity, rules.market_max_quantity, rules.market_step_size),
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": rules.min_trailing_above_delta,
            "maxTrailingAboveDelta": rules.max_trailing_above_delta,
            "minTrailingBelowDelta": rules.min_trailing_below_delta,
            "maxTrailingBelowDelta": rules.max_trailing_below_delta,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": _multiplier(rules.bid_multiplier_up),
            "bidMultiplierDown": _multiplier(rules.bid_multiplier_down),
            "askMultiplierUp": _multiplier(rules.ask_multiplier_up),
            "askMultiplierDown": _multiplier(rules.ask_multiplier_down),
            "avgPriceMins": rules.average_minutes,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(listed.min_notional),
            "applyMinToMarket": rules.apply_min_to_market,
            "maxNotional": amount(listed.max_notional),
            "applyMaxToMarket": rules.apply_max_to_market,
            "avgPriceMins": rules.average_minutes,
        },
        *({"filterType": name, field: count} for name, field, count in counts if count),
    ]
    if rules.multiplier_up or rules.multiplier_down:
        found.append(
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": _multiplier(rules.multiplier_up),
                "multiplierDown": _multiplier(rules.multiplier_down),
                "avgPriceMins": rules.average_minutes,
            }
        )
    if rules.least_notional:
        found.append(
            {
                "filterType": "MIN_NOTIONAL",
                "minNotional": amount(rules.least_notional),
                "applyToMarket": rules.apply_to_market,
                "avgPriceMins": rules.average_minutes,
            }
        )
    if rules.max_position:
        found.append({"filterType": "MAX_POSITION", "maxPosition": amount(rules.max_position)})
    return found


def exchange_filters(limits: ExchangeRules) -> list[Json]:
    """What an account's orders in all symbols meet; a count of 0 is no filter."""
    counts = (
        ("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", limits.max_orders),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", limits.max_algo_orders),
        ("EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists", limits.max_order_lists),
    )
    return [{"filterType": name, field: count} for name, field, count in counts if count]


def asset_filters(most: Mapping[str, Decimal], instrument: Instrument) -> list[Json]:
    """What one order of an account may move of the symbol's two assets."""
    return [
        {"filterType": "MAX_ASSET", "asset": asset, "limit": amount(most[asset])}
        for asset in (instrument.base, instrument.quote)
        if asset in most
    ]


def _lot(least: Decimal, most: Decimal, step: Decimal) -> Json:
    return {"minQty": amount(least), "maxQty": amount(most), "stepSize": amount(step)}


def _multiplier(value: Decimal) -> str:
    return f"{value:.4f}"
