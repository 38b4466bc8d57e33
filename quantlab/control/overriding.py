"""From a command to the limits with an override in force. Pure; what may be overridden is for the rails."""

from __future__ import annotations

import msgspec

from quantlab.control.commands import OverrideLimit
from quantlab.domain.limits import Limits, Override
from quantlab.errors import InvalidField
from quantlab.trading.rails.catalogue import OVERRIDABLE


def override_of(command: OverrideLimit) -> Override:
    """The override that a command asks for.

    Raises:
        InvalidField: No reason, no end, or a rail that nobody may override.
    """
    names = sorted(rail.__name__ for rail in OVERRIDABLE)
    if command.rail not in names:
        raise InvalidField(
            "rail", f"{command.rail[:40]!r} has no override", f"those that have: {', '.join(names)}"
        )
    return Override(
        rail=command.rail, symbol=command.symbol, until_ms=command.until_ms, reason=command.reason.strip()
    )


def overridden(limits: Limits, command: OverrideLimit, now_ms: int) -> Limits:
    """`limits` with the override besides those that have not ended at `now_ms` (UTC)."""
    kept = tuple(each for each in limits.overrides if each.until_ms > now_ms)
    return msgspec.structs.replace(
        limits, overrides=(*kept, override_of(command)), version=limits.version + 1
    )
