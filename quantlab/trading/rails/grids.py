"""Rails: the venue's grid and its bounds of one order (PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE).

Source: Binance spot "Filters".
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.decimals import remainder
from quantlab.domain.instrument import Instrument
from quantlab.trading.decision import MINIMUM, Answer, Unknown
from quantlab.trading.rails.ask import Ask, sound

NO_PRICE: Answer = (True, "no limit price")
ON_GRID: Answer = (True, "on the grid")
BY_QUOTE: Answer = (True, "ordered by quote quantity")
UNBOUNDED: Answer = (True, "the venue sets no bound")


def price_grid(ask: Ask) -> Answer:
    """Deny a limit or stop price off the tick or out of the instrument's bounds."""
    instrument, price, stop = ask.instrument, ask.price, ask.stop
    if stop is not None:
        answer = _price(instrument, stop)
        if price is None or not answer[0]:
            return answer
    return NO_PRICE if price is None else _price(instrument, price)


def _price(instrument: Instrument, price: Decimal) -> Answer:
    tick, high = instrument.tick_size, instrument.max_price
    if tick and remainder(price, tick):
        return (False, "{} is no multiple of {}", price, tick)
    if price < instrument.min_price:
        return (False, "{} is below the least, {} {}", price, instrument.min_price, instrument.quote)
    return (price <= high, price, high, instrument.quote) if high else ON_GRID


def quantity_grid(ask: Ask) -> Answer:
    """Deny a quantity off the step, at the market also off that of market orders, or too fine a worth."""
    instrument, quantity = ask.instrument, ask.quantity
    if quantity is None:
        last_digit = Decimal((0, (1,), -instrument.quote_precision))
        return _on(ask.quote_quantity, last_digit)
    step = instrument.step_size
    if step and remainder(quantity, step):
        return (False, "{} is no multiple of {}", quantity, step)
    market_step = ask.rules.market_step_size
    if market_step and ask.at_market and remainder(quantity, market_step):
        return (False, "{} is no multiple of {}, the step at the market", quantity, market_step)
    shown = ask.request.iceberg_quantity
    return ON_GRID if shown is None else _on(shown, step)


def _on(amount: Decimal | None, step: Decimal) -> Answer:
    if not sound(amount):
        raise Unknown("AMOUNT")
    if step and remainder(amount, step):  # type: ignore[arg-type]  # sound: a Decimal
        return (False, "{} is no multiple of {}", amount, step)
    return ON_GRID


def min_quantity(ask: Ask) -> Answer:
    """Deny a quantity below the venue's least; at the market, below that of market orders too."""
    quantity, least = ask.quantity, ask.instrument.min_quantity
    if quantity is None:
        return BY_QUOTE
    if ask.at_market and ask.rules.market_min_quantity > least:
        least = ask.rules.market_min_quantity
    shown = ask.request.iceberg_quantity
    size = quantity if shown is None else min(quantity, shown)
    return (least <= size, size, least, MINIMUM, ask.instrument.base)


def max_quantity(ask: Ask) -> Answer:
    """Deny a quantity above the venue's most; at the market, above that of market orders too."""
    quantity, most = ask.quantity, ask.instrument.max_quantity
    if quantity is None:
        return BY_QUOTE
    if ask.at_market:
        at_market = ask.rules.market_max_quantity
        if at_market and (not most or at_market < most):
            most = at_market
    return (quantity <= most, quantity, most, ask.instrument.base) if most else UNBOUNDED
