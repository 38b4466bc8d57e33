"""Rails: how often. Messages, repetition, the venue's own budget, and its errors.

Source: EU 2017/589 (RTS 6), Article 15: message limits and repeated-execution throttles.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.trading.amounts import times
from quantlab.trading.decision import MINIMUM, Answer, Unknown
from quantlab.trading.rails.ask import Ask

PER_SECOND = "orders/s"
ORDERS, ANSWERS = "orders", "answers"
NOT_FROM_A_CELL: Answer = (True, "no earlier run of its cell sent it")
AT_EASE: Answer = (True, "the symbol does not rest")


def order_rate(ask: Ask) -> Answer:
    """Deny more than `max_orders_per_second`, this one counted."""
    sent = ask.exposure.orders_last_second
    if type(sent) is not int:
        raise Unknown("ORDER_RATE")
    limit = ask.limits.max_orders_per_second
    return (sent < limit, sent + 1, limit, PER_SECOND)


def venue_budget(ask: Ask) -> Answer:
    """Deny an order that would take what the venue's limits have left for cancels (`min_budget_left`)."""
    left = ask.pace.budget_left
    if type(left) is not int:
        raise Unknown("VENUE_BUDGET")
    least = ask.limits.min_budget_left
    return (least < left, left - 1, least, MINIMUM, ORDERS)


def repeated_execution(ask: Ask) -> Answer:
    """Deny more than `max_repeats` orders of one symbol and side within `repeat_window_ms`.

    What has run into this stays denied until somebody arms it again: a program that repeats itself
    does not stop by waiting.
    """
    repeats, limit = ask.pace.repeats, ask.limits.max_repeats
    return (repeats < limit, repeats + 1, limit, ORDERS)


def duplicate_order(ask: Ask) -> Answer:
    """Deny the same order for the n-th time within `identical_window_ms` (`max_identical_orders`)."""
    identical, limit = ask.pace.identical, ask.limits.max_identical_orders
    return (identical < limit, identical + 1, limit, ORDERS)


def cell_rerun(ask: Ask) -> Answer:
    """Deny an order that an earlier run of the same cell has sent: running a cell again is no intent."""
    earlier = ask.pace.rerun_of
    if not earlier:
        return NOT_FROM_A_CELL
    return (
        False,
        "this cell has sent the same order before, as {}; to send it once more run %ql again, then this cell",
        earlier,
    )


def cooldown(ask: Ask) -> Answer:
    """Deny new risk in a symbol that rests after its stops (`stops_before_cooldown`, `cooldown_ms`)."""
    left_ms = ask.pace.cooldown_ms
    if left_ms <= 0:
        return AT_EASE
    if ask.reduces():
        return (True, "the symbol rests; this order only reduces")
    return (False, "{} rests after its stops, for {} ms more", ask.request.symbol, left_ms)


def venue_errors(ask: Ask) -> Answer:
    """Deny while more than `max_error_rate` of the venue's last answers were errors.

    Counted over a minute, from `min_answers` on; what only reduces may always be tried.
    """
    pace, limits = ask.pace, ask.limits
    if pace.answers < limits.min_answers:
        return (True, "{} answers in a minute are too few to judge", pace.answers)
    if not pace.errors:
        return (True, "none of {} answers was an error", pace.answers)
    most = times(limits.max_error_rate, Decimal(pace.answers))
    allowed = pace.errors <= most
    if not allowed and ask.reduces():
        return (True, "{} of {} answers were errors; this order only reduces", pace.errors, pace.answers)
    return (allowed, pace.errors, most, ANSWERS)


def amend_rate(ask: Ask) -> Answer:
    """Deny more than `max_amends_per_second`, this one counted."""
    amends, limit = ask.pace.amends, ask.limits.max_amends_per_second
    return (amends < limit, amends + 1, limit, "amends/s")


def cancel_rate(ask: Ask) -> Answer:
    """Make single cancels beyond `max_cancels_per_second` wait; none is denied, and HALT never waits."""
    cancels, limit = ask.pace.cancels, ask.limits.max_cancels_per_second
    return (cancels < limit, cancels + 1, limit, "cancels/s")
