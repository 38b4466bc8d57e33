"""From a command to the limits with an override in force. Pure; what may be overridden is for the rails."""

from __future__ import annotations

import msgspec

from quantlab.control.commands import EndOverride, OverrideLimit
from quantlab.control.tokens import redact
from quantlab.domain.limits import Limits, Override
from quantlab.errors import InvalidField
from quantlab.trading.rails.catalogue import OVERRIDABLE
from quantlab.trading.rails.equity import daily_loss, drawdown, equity_floor

NAMES = tuple(sorted(rail.__name__ for rail in OVERRIDABLE))
OF_THE_ACCOUNT = frozenset(each.__name__ for each in (equity_floor, daily_loss, drawdown))
MOST_MS = 24 * 3_600_000
LONGEST_SYMBOL = 40
MAX_REASON = 200  # it is shown with every verdict


def override_of(command: OverrideLimit, now_ms: int) -> Override:
    """The override that a command asks for at `now_ms` (UTC).

    Raises:
        InvalidField: No reason, an end that is over or more than a day away, no symbol, or a rail that
            nobody may override.
    """
    if command.rail not in NAMES:
        raise InvalidField(
            "rail", f"{command.rail[:40]!r} has no override", f"those that have: {', '.join(NAMES)}"
        )
    if command.rail in OF_THE_ACCOUNT and command.symbol != "*":
        raise InvalidField("symbol", f"{command.rail} judges the whole account", 'give "*", for all symbols')
    if type(command.symbol) is not str or not 0 < len(command.symbol) <= LONGEST_SYMBOL:
        raise InvalidField("symbol", "there is none", 'give one symbol, or "*" for all')
    if command.symbol != command.symbol.upper():
        raise InvalidField("symbol", f"{command.symbol} is no symbol", f"write {command.symbol.upper()}")
    if type(command.reason) is not str:
        raise InvalidField("reason", "it is no text", "say why the limit may be broken")
    if type(command.until_ms) is int and not 0 < command.until_ms - now_ms <= MOST_MS:
        raise InvalidField("until_ms", "it is over, or more than a day away", "end it within a day")
    return Override(
        rail=command.rail,
        symbol=command.symbol,
        until_ms=command.until_ms,
        reason=redact(" ".join(command.reason.split()))[:MAX_REASON],
    )


def overridden(limits: Limits, command: OverrideLimit, now_ms: int) -> Limits:
    """`limits` with the override; it takes the place of an older one for the same."""
    kept = _others(in_force(limits, now_ms), command)
    return msgspec.structs.replace(
        limits, overrides=(*kept, override_of(command, now_ms)), version=limits.version + 1
    )


def ended(limits: Limits, command: EndOverride, now_ms: int) -> Limits:
    """`limits` without that override.

    Raises:
        InvalidField: There is none.
    """
    known = in_force(limits, now_ms)
    kept = _others(known, command)
    if len(kept) == len(known):
        said = ", ".join(f"{each.rail} of {each.symbol}" for each in known) or "there are none"
        raise InvalidField(
            "rail", f"{command.rail[:40]} of {command.symbol[:40]} is not overridden", f"now: {said}"
        )
    return msgspec.structs.replace(limits, overrides=kept, version=limits.version + 1)


def in_force(limits: Limits, now_ms: int) -> tuple[Override, ...]:
    """The overrides that have not ended at `now_ms` (UTC)."""
    return tuple(each for each in limits.overrides if each.until_ms > now_ms)


def _others(known: tuple[Override, ...], command: OverrideLimit | EndOverride) -> tuple[Override, ...]:
    return tuple(each for each in known if (each.rail, each.symbol) != (command.rail, command.symbol))
