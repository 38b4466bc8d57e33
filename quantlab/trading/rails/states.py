"""Rails: may anything be sent at all, and this symbol? Trading state, health, lists of symbols."""

from __future__ import annotations

from quantlab.domain.venue import HealthState
from quantlab.trading.amounts import ZERO, add
from quantlab.trading.causes import TradingState
from quantlab.trading.decision import Answer, Unknown
from quantlab.trading.ids import strategy_of
from quantlab.trading.rails.ask import Ask, finite

OK, DEGRADED = HealthState.OK.value, HealthState.DEGRADED.value
ACTIVE: Answer = (True, "trading is ACTIVE")
HEALTHY: Answer = (True, "the venue is OK")
LISTED: Answer = (True, "the symbol may be traded")


def trading_state(ask: Ask) -> Answer:
    """Deny while trading is HALTED; while it is REDUCING, all but what brings a position nearer to zero."""
    text = ask.exposure.trading_state
    if text == "ACTIVE":
        return ACTIVE
    if text.partition(":")[0] == TradingState.REDUCING and ask.reduces():
        return (True, "trading is {}; this order only reduces", text)
    return (False, "trading is {}", text)


def venue_health(ask: Ask) -> Answer:
    """Deny new risk unless the venue was OK a moment ago (`max_health_age_ms`).

    DEGRADED passes where `trade_when_degraded`. What only reduces a position may always be tried.
    """
    exposure, limits = ask.exposure, ask.limits
    state, age_ms = exposure.health, exposure.health_age_ms
    if state is None or age_ms is None:
        raise Unknown("HEALTH")
    if -limits.max_health_age_ms <= age_ms <= limits.max_health_age_ms:
        if state == OK:
            return HEALTHY
        if state == DEGRADED and limits.trade_when_degraded:
            return (True, "the venue is DEGRADED; orders go on (trade_when_degraded)")
    else:
        state = f"UNKNOWN: it was {state} {abs(age_ms)} ms ago"
    if ask.reduces():
        return (True, "the venue is {}; this order only reduces", state)
    return (False, "the venue is {}", state)


def allowed_symbol(ask: Ask) -> Answer:
    """Deny a symbol of `denied_symbols`, or outside `allowed_symbols` or the strategy's own list."""
    limits, symbol = ask.limits, ask.request.symbol
    if symbol in limits.denied_symbols:
        return (False, "{} is in denied_symbols", symbol)
    if limits.allowed_symbols and symbol not in limits.allowed_symbols:
        return (False, "{} is not in allowed_symbols", symbol)
    if limits.strategies:
        strategy = strategy_of(ask.request.client_order_id)
        if symbol not in limits.strategies.get(strategy, (symbol,)):
            return (False, "{} is not among the symbols of strategy {}", symbol, strategy)
    return LISTED


def reduce_only(ask: Ask) -> Answer:
    """Deny an order that was promised only to reduce, where it could open or turn the position.

    What works or flies on its side counts as traded: two such orders must not reduce the same part.
    """
    if not ask.exposure.reduce_only:
        return NOT_PROMISED
    if ask.quantity is None or ask.under_way:
        return (False, "give the quantity: what a worth buys or sells is not certain")
    exposure = ask.exposure
    working = finite(exposure.buying if ask.buys else exposure.selling, "UNDER_WAY")
    held = finite(exposure.position, "POSITION")
    most = max(held.copy_negate() if ask.buys else held, ZERO)
    used = add(working, ask.quantity)
    return (used <= most, used, most, ask.instrument.base)


NOT_PROMISED: Answer = (True, "not promised to only reduce")
