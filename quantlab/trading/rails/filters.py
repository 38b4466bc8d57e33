"""Rails: the rest of the venue's filters, asked before the venue does.

What is worth too little is refused by `min_notional`; the venue values a market order at its average
price, for which the reference stands where the average is not known. A filter that the symbol does not
have lets everything pass.

Source: Binance spot "Filters".
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.orders import OrderType
from quantlab.trading.amounts import add, times
from quantlab.trading.decision import MINIMUM, Answer, Unknown
from quantlab.trading.rails.ask import Ask, finite, known
from quantlab.trading.rails.grids import UNBOUNDED

NO_FILTER: Answer = (True, "the venue has no such filter")
NOT_AT_MARKET: Answer = (True, "not asked at the market")
NOT_WAITING: Answer = (True, "it waits for no trigger")
NO_ICEBERG: Answer = (True, "it is no iceberg")
ORDERS = "orders"
RISING = {(OrderType.STOP_LOSS, True), (OrderType.STOP_LOSS_LIMIT, True), (OrderType.TAKE_PROFIT, False),
          (OrderType.TAKE_PROFIT_LIMIT, False)}  # fmt: skip
"""Type, and whether it buys: those whose trigger stands above the market."""


def _worth(ask: Ask) -> Decimal:
    """What the venue takes it to be worth."""
    quantity = ask.quantity
    return ask.worth if quantity is None or ask.price is not None else times(quantity, ask.average())


def min_notional(ask: Ask) -> Answer:
    """Deny an order worth less than the venue takes (NOTIONAL, MIN_NOTIONAL)."""
    low = ask.instrument.min_notional
    if not low:
        return UNBOUNDED
    if ask.at_market and not ask.rules.min_notional_at_market:
        return NOT_AT_MARKET
    value = _worth(ask) if ask.at_market else ask.worth
    return (low <= value, value, low, MINIMUM, ask.unit)


def venue_notional(ask: Ask) -> Answer:
    """Deny an order worth more than the venue takes (NOTIONAL)."""
    high = ask.instrument.max_notional
    if not high:
        return UNBOUNDED
    if ask.at_market and not ask.rules.max_notional_at_market:
        return NOT_AT_MARKET
    value = _worth(ask) if ask.at_market else ask.worth
    return (value <= high, value, high, ask.unit)


def percent_price(ask: Ask) -> Answer:
    """Deny a price beyond the venue's multiples of the average price (PERCENT_PRICE, ..._BY_SIDE)."""
    rules, price = ask.rules, ask.price
    up, down = (
        (rules.bid_multiplier_up, rules.bid_multiplier_down) if ask.buys
        else (rules.ask_multiplier_up, rules.ask_multiplier_down)
    )  # fmt: skip
    if price is None or not (up or down):
        return NO_FILTER
    average = ask.average()
    lowest = times(average, down)
    if price < lowest or not up:
        return (lowest <= price, price, lowest, MINIMUM, ask.unit)
    highest = times(average, up)
    return (price <= highest, price, highest, ask.unit)


def venue_position(ask: Ask) -> Answer:
    """Deny a buy after which the account could hold more of the base asset than MAX_POSITION."""
    most = ask.rules.max_position
    if not most or not ask.buys:
        return NO_FILTER
    held = add(known(ask.account.held_base, "HELD"), finite(ask.exposure.buying, "BUYING"))
    used = add(held, ask.base())
    return (used <= most, used, most, ask.instrument.base)


def max_asset(ask: Ask) -> Answer:
    """Deny an order that moves more of an asset than MAX_ASSET lets the account, or while it is not known."""
    rules = ask.rules
    if not rules.assets_known:
        if ask.reduces():
            return (True, "what the account may move is not known; this order only reduces")
        raise Unknown("MAX_ASSET")
    if rules.max_base:
        base = ask.base()
        if base > rules.max_base or not rules.max_quote:
            return (base <= rules.max_base, base, rules.max_base, ask.instrument.base)
    if not rules.max_quote:
        return NO_FILTER
    return (ask.value <= rules.max_quote, ask.value, rules.max_quote, ask.unit)


def _counts(here: int, cap: int, everywhere: int | None, exchange_cap: int) -> Answer:
    """Of the symbol's cap and the exchange's the one that is nearer."""
    here += 1
    if exchange_cap:
        if everywhere is None:
            raise Unknown("OPEN_ORDERS")
        total = everywhere + 1
        if not cap or exchange_cap - total < cap - here:
            return (total <= exchange_cap, total, exchange_cap, ORDERS)
    return (here <= cap, here, cap, ORDERS)


def venue_orders(ask: Ask) -> Answer:
    """Deny one open order more than the venue lets this symbol, or all symbols, have."""
    rules = ask.rules
    if not (rules.max_orders or rules.exchange_max_orders):
        return NO_FILTER
    return _counts(ask.own.open, rules.max_orders, ask.account.open, rules.exchange_max_orders)


def venue_algo_orders(ask: Ask) -> Answer:
    """The same for orders that wait for a trigger."""
    rules = ask.rules
    if not ask.waits or not (rules.max_algo_orders or rules.exchange_max_algo_orders):
        return NOT_WAITING
    return _counts(ask.own.algo, rules.max_algo_orders, ask.account.algo, rules.exchange_max_algo_orders)


def venue_lists(ask: Ask) -> Answer:
    """Deny one list of orders more than the venue lets this symbol, or all symbols, have."""
    rules = ask.rules
    if not (rules.max_order_lists or rules.exchange_max_order_lists):
        return NO_FILTER
    return _counts(ask.own.lists, rules.max_order_lists, ask.account.lists, rules.exchange_max_order_lists)


def venue_amends(ask: Ask) -> Answer:
    """Deny one amendment of an order more than the venue lets it have (MAX_NUM_ORDER_AMENDS)."""
    most = ask.rules.max_amends
    if not most:
        return NO_FILTER
    used = ask.own.amends + 1
    return (used <= most, used, most, "amendments")


def iceberg(ask: Ask) -> Answer:
    """Deny an iceberg in too many parts (ICEBERG_PARTS), or one iceberg more than may be open."""
    shown, rules = ask.request.iceberg_quantity, ask.rules
    if shown is None:
        return NO_ICEBERG
    if ask.quantity is None:
        return (False, "an iceberg needs a quantity")
    if rules.iceberg_parts and ask.quantity > times(shown, Decimal(rules.iceberg_parts)):
        return (False, "an iceberg has at most {} parts", rules.iceberg_parts)
    if not (rules.max_iceberg_orders or rules.exchange_max_iceberg_orders):
        return NO_FILTER
    return _counts(
        ask.own.iceberg, rules.max_iceberg_orders, ask.account.iceberg, rules.exchange_max_iceberg_orders
    )


def trailing_delta(ask: Ask) -> Answer:
    """Deny a trailing delta out of the venue's bounds, which differ above and below the market."""
    delta, rules = ask.request.trailing_delta, ask.rules
    if delta is None:
        return NOT_WAITING
    above = (ask.request.type, ask.buys) in RISING
    low = rules.min_trailing_above if above else rules.min_trailing_below
    high = rules.max_trailing_above if above else rules.max_trailing_below
    if not high:
        return (False, "{} takes no trailing orders", ask.request.symbol)
    if delta < low:
        return (False, "{} is below the least, {} basis points", delta, low)
    return (delta <= high, delta, high, "basis points")
