"""From the venue's listing to `Instrument`: every filter that a symbol has, as numbers.

Pure. Two PERCENT_PRICE filters bound together, so the tighter of them counts. A filter that the symbol
does not have bounds nothing.

Source: Binance spot "Filters"; REST API, "Exchange information".
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.binance.rest_shapes import NO_FILTER, FilterReply, SymbolReply, amount
from quantlab.domain.instrument import Instrument
from quantlab.domain.rules import VenueRules

Found = dict[str, FilterReply]


def instrument_of(symbol: SymbolReply, exchange: tuple[FilterReply, ...] = ()) -> Instrument:
    """The symbol as a value; `UndecodableReply` where a number is no amount."""
    found = {each.filter_type: each for each in (*exchange, *symbol.filters)}
    price = found.get("PRICE_FILTER", NO_FILTER)
    lot = found.get("LOT_SIZE", NO_FILTER)
    notional = found.get("NOTIONAL", NO_FILTER)
    least = max(amount(notional.min_notional), amount(found.get("MIN_NOTIONAL", NO_FILTER).min_notional))
    return Instrument(
        symbol=symbol.symbol,
        base=symbol.base_asset,
        quote=symbol.quote_asset,
        status=symbol.status,
        tick_size=amount(price.tick_size),
        min_price=amount(price.min_price),
        max_price=amount(price.max_price),
        step_size=amount(lot.step_size),
        min_quantity=amount(lot.min_qty),
        max_quantity=amount(lot.max_qty),
        min_notional=least,
        max_notional=amount(notional.max_notional),
        base_precision=symbol.base_asset_precision,
        quote_precision=symbol.quote_asset_precision,
        rules=_rules(symbol, found),
    )


def _rules(symbol: SymbolReply, found: Found) -> VenueRules:
    lot = found.get("MARKET_LOT_SIZE", NO_FILTER)
    notional = found.get("NOTIONAL", NO_FILTER)
    older = found.get("MIN_NOTIONAL", NO_FILTER)
    both = found.get("PERCENT_PRICE", NO_FILTER)
    side = found.get("PERCENT_PRICE_BY_SIDE", NO_FILTER)
    trailing = found.get("TRAILING_DELTA", NO_FILTER)
    least_counts = (notional.min_notional and notional.apply_min_to_market) or (
        older.min_notional and older.apply_to_market
    )
    return VenueRules(
        order_types=symbol.order_types,
        default_self_trade=symbol.default_self_trade_prevention_mode,
        market_min_quantity=amount(lot.min_qty),
        market_max_quantity=amount(lot.max_qty),
        market_step_size=amount(lot.step_size),
        average_minutes=min(each.avg_price_mins for each in (notional, older, both, side)),
        min_notional_at_market=bool(least_counts),
        max_notional_at_market=notional.apply_max_to_market,
        bid_multiplier_up=_lower(side.bid_multiplier_up, both.multiplier_up),
        bid_multiplier_down=max(amount(side.bid_multiplier_down), amount(both.multiplier_down)),
        ask_multiplier_up=_lower(side.ask_multiplier_up, both.multiplier_up),
        ask_multiplier_down=max(amount(side.ask_multiplier_down), amount(both.multiplier_down)),
        max_position=amount(found.get("MAX_POSITION", NO_FILTER).max_position),
        iceberg_parts=int(amount(found.get("ICEBERG_PARTS", NO_FILTER).limit)),
        max_orders=found.get("MAX_NUM_ORDERS", NO_FILTER).max_num_orders,
        max_algo_orders=found.get("MAX_NUM_ALGO_ORDERS", NO_FILTER).max_num_algo_orders,
        max_iceberg_orders=found.get("MAX_NUM_ICEBERG_ORDERS", NO_FILTER).max_num_iceberg_orders,
        max_order_lists=found.get("MAX_NUM_ORDER_LISTS", NO_FILTER).max_num_order_lists,
        max_amends=found.get("MAX_NUM_ORDER_AMENDS", NO_FILTER).max_num_order_amends,
        exchange_max_orders=found.get("EXCHANGE_MAX_NUM_ORDERS", NO_FILTER).max_num_orders,
        exchange_max_algo_orders=found.get("EXCHANGE_MAX_NUM_ALGO_ORDERS", NO_FILTER).max_num_algo_orders,
        exchange_max_iceberg_orders=found.get(
            "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", NO_FILTER
        ).max_num_iceberg_orders,
        exchange_max_order_lists=found.get("EXCHANGE_MAX_NUM_ORDER_LISTS", NO_FILTER).max_num_order_lists,
        min_trailing_above=trailing.min_trailing_above_delta,
        max_trailing_above=trailing.max_trailing_above_delta,
        min_trailing_below=trailing.min_trailing_below_delta,
        max_trailing_below=trailing.max_trailing_below_delta,
    )


def _lower(left: Decimal, right: Decimal) -> Decimal:
    """The lower of two upper bounds, of which zero is none."""
    return min((amount(each) for each in (left, right) if each), default=Decimal(0))
