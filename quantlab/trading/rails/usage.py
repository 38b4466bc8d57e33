"""Every limit that is a number, and what the last decided order used of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from quantlab.domain.limits import Limits
from quantlab.trading.amounts import subtract
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails.catalogue import LIMITED
from quantlab.trading.rails.decided import Decided

COLUMNS = ("limit", "rail", "value", "used", "headroom", "unit")
BY_VERDICT = {**LIMITED, "venue_budget": "min_budget_left"}
BY_STATE: dict[str, tuple[str, str, Callable[[Exposure], int | None]]] = {
    "max_health_age_ms": ("venue_health", "ms", lambda seen: _whole(seen.health_age_ms)),
    "max_amends_per_second": ("amend_rate", "amends/s", lambda seen: _paced(seen, "amends")),
    "max_cancels_per_second": ("cancel_rate", "cancels/s", lambda seen: _paced(seen, "cancels")),
    "cooldown_ms": ("cooldown", "ms", lambda seen: _paced(seen, "cooldown_ms")),
    "min_answers": ("venue_errors", "answers", lambda seen: _paced(seen, "answers")),
}
"""No verdict tells their use in numbers, the state does: the limit, its rail, unit, and where it stands."""
UNMEASURED = {
    "identical_window_ms": "duplicate_order",
    "repeat_window_ms": "repeated_execution",
    "stops_before_cooldown": "cooldown",
}
"""Windows and counts to which something is reckoned: nothing is used of them."""


def usage(limits: Limits, last: Decided | None) -> list[dict[str, Any]]:
    """One row per limit; of the last decision's symbol where that has its own. None: off, or not used.

    The last decision is taken again under `limits`, so that a limit that was changed since is held against
    what the order would use of it now.
    """
    verdicts, seen = {}, None
    if last is not None:
        verdicts = {each.rail: each for each in last.under(limits).verdicts}
        seen = last.parts[0].exposure
        limits = limits.of(last.parts[0].order.symbol)
    rows: list[tuple[Any, ...]] = []
    for rail, name in BY_VERDICT.items():
        verdict, value = verdicts.get(rail), getattr(limits, name)
        if verdict is None or value is None:
            rows.append((name, rail, value, None, None, ""))
        else:
            rows.append((name, rail, value, verdict.used, verdict.headroom, verdict.unit))
    for name, (rail, unit, read) in BY_STATE.items():
        value, used = getattr(limits, name), None if seen is None else read(seen)
        left = None if used is None else subtract(Decimal(value), Decimal(used))
        rows.append((name, rail, value, used, left, "" if used is None else unit))
    rows += [(name, rail, getattr(limits, name), None, None, "") for name, rail in UNMEASURED.items()]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _whole(number: object) -> int | None:
    return number if type(number) is int else None


def _paced(seen: Exposure, name: str) -> int | None:
    """A count of the pace; None where that is not known, or holds what is no number."""
    pace = seen.pace
    return getattr(pace, name) if pace is not None and pace.sound else None
