"""Rails: is the market's price one to decide on, and is the order's price near it?

Distances are compared exactly. Shown as fractions they have ten digits and are rounded up: a distance
never looks smaller than it is.
"""

from __future__ import annotations

from quantlab.trading.amounts import ZERO, subtract, times
from quantlab.trading.decision import Answer, Unknown
from quantlab.trading.rails.ask import Ask
from quantlab.trading.rails.grids import NO_PRICE

MILLISECONDS = "ms"


def price_age(ask: Ask) -> Answer:
    """Deny on a reference price whose event is older than `max_price_age_ms`.

    An event from as far in the future is no better: then one of the clocks is wrong.
    """
    reference, age_ms, limit = ask.reference, ask.exposure.price_age_ms, ask.limits.max_price_age_ms
    if type(age_ms) is not int:
        raise Unknown("PRICE_AGE")
    age_ms = age_ms if age_ms >= 0 else -age_ms
    return (age_ms <= limit and reference > ZERO, age_ms, limit, MILLISECONDS)


def spread(ask: Ask) -> Answer:
    """Deny on a market that cannot be one (a side empty, sides crossed), or wider than `max_spread`."""
    bid, offer = ask.book.bid, ask.book.ask
    if bid is None or offer is None:
        raise Unknown("BOOK")
    if bid >= offer:
        return (False, "the best bid, {}, is not below the best ask, {}", bid, offer)
    part, whole, limit = subtract(offer, bid), ask.reference, ask.limits.max_spread
    bound = times(whole, limit)
    return (part <= bound, part, bound, whole, limit)


def price_collar(ask: Ask) -> Answer:
    """Deny a limit price further from the reference than `price_collar`.

    An order that waits is measured from its own trigger, where the market will be by then.
    """
    price, stop = ask.price, ask.stop
    if price is None:
        return NO_PRICE
    whole, limit = ask.reference if stop is None else stop, ask.limits.price_collar
    part, bound = subtract(price, whole), times(whole, limit)
    if part < ZERO:
        part = part.copy_negate()
    return (part <= bound, part, bound, whole, limit)


def window_collar(ask: Ask) -> Answer:
    """Deny a buy further than `window_collar` above the last minute's lowest reference.

    A sell likewise below its highest. The price is the limit price, or the reference of what trades at the
    market or waits. So neither a
    spike of the market nor an order against one passes, however near the two are to each other.
    """
    book, limit = ask.book, ask.limits.window_collar
    price = ask.reference if ask.price is None or ask.waits else ask.price
    whole = book.low if ask.buys else book.high
    if whole is None:
        raise Unknown("PRICE_WINDOW")
    part, bound = subtract(price, whole) if ask.buys else subtract(whole, price), times(whole, limit)
    part = max(part, ZERO)
    return (part <= bound, part, bound, whole, limit)
