"""Rails: what the account may lose. Floor, the day's loss, and the fall from the highest equity.

Equity is in the account's currency; the day begins at 00:00 UTC, as the venue's does. What only reduces a
position passes: a loss must never keep one from ending it.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.limits import Limits
from quantlab.trading.amounts import ZERO, subtract, times
from quantlab.trading.causes import EQUITY, Cause, TradingState
from quantlab.trading.decision import MINIMUM, Answer, Unknown
from quantlab.trading.rails.ask import NO_LIMIT, Ask, known

REDUCES: Answer = (True, "beyond the limit; this order only reduces")


def equity_floor(ask: Ask) -> Answer:
    """Deny new risk with an equity below `min_equity`."""
    floor = ask.limits.min_equity
    if floor is None:
        return NO_LIMIT
    equity = known(ask.account.equity, "EQUITY")
    if floor > equity and ask.reduces():
        return REDUCES
    return (floor <= equity, equity, floor, MINIMUM, ask.account.currency)


def daily_loss(ask: Ask) -> Answer:
    """Deny new risk once the day has lost more than `max_daily_loss`."""
    limit = ask.limits.max_daily_loss
    if limit is None:
        return NO_LIMIT
    used = _lost(ask.account.equity, ask.account.day_start_equity)
    if used > limit and ask.reduces():
        return REDUCES
    return (used <= limit, used, limit, ask.account.currency)


def drawdown(ask: Ask) -> Answer:
    """Deny new risk once the equity is further below its highest than `max_drawdown` (a fraction)."""
    limit = ask.limits.max_drawdown
    if limit is None:
        return NO_LIMIT
    peak = ask.account.peak_equity
    if peak is None or peak <= ZERO:
        raise Unknown("PEAK_EQUITY")
    part, bound = subtract(peak, known(ask.account.equity, "EQUITY")), times(peak, limit)
    part = max(part, ZERO)
    if part > bound and ask.reduces():
        return REDUCES
    return (part <= bound, part, bound, peak, limit)


def _lost(equity: Decimal | None, day_start: Decimal | None) -> Decimal:
    return max(subtract(known(day_start, "DAY_START_EQUITY"), known(equity, "EQUITY")), ZERO)


def equity_cause(
    limits: Limits, *, equity: Decimal | None, peak: Decimal | None, day_start: Decimal | None
) -> Cause | None:
    """The cause that stands from now on until control lifts it, where one of the three is broken.

    For whoever learns of a new equity: a rail denies while the loss lasts, this keeps denying after it.
    What is not known breaks nothing here: the rails deny it.
    """
    if equity is None:
        return None
    reasons = []
    if limits.min_equity is not None and equity < limits.min_equity:
        reasons.append("the equity is below its floor (min_equity)")
    most = limits.max_daily_loss
    if most is not None and day_start is not None and _lost(equity, day_start) > most:
        reasons.append("the day has lost more than it may (max_daily_loss)")
    most = limits.max_drawdown
    if most is not None and peak is not None and peak > 0 and subtract(peak, equity) > times(peak, most):
        reasons.append("the equity has fallen too far from its highest (max_drawdown)")
    if not reasons:
        return None
    return Cause(owner=EQUITY, state=TradingState.REDUCING, reason="; ".join(reasons))
