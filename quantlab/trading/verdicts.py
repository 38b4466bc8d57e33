"""The three shapes of a rail's answer: an amount against a limit, yes or no, and a place on a grid.

Pure; no rule lives here, only how its answer is put.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.decimals import plain
from quantlab.domain.instrument import on_grid
from quantlab.domain.limits import Verdict
from quantlab.trading.decision import finite


def at_most(rail: str, used: Decimal, limit: Decimal, unit: str) -> Verdict:
    """Allowed up to `limit` itself; both are shown."""
    allowed = finite(used, "USAGE") <= finite(limit, "LIMIT")
    reason = "within the limit" if allowed else "above the limit"
    return Verdict(rail=rail, allowed=allowed, reason=reason, used=used, limit=limit, unit=unit)


def yes_no(rail: str, allowed: bool, reason: str) -> Verdict:  # noqa: FBT001  # the verdict itself
    """An answer without an amount."""
    return Verdict(rail=rail, allowed=allowed, reason=reason)


def within_grid(
    rail: str, value: Decimal, low: Decimal, high: Decimal, *, step: Decimal, unit: str
) -> Verdict:
    """Allowed on a multiple of `step`, from `low` to `high` (0: no upper bound)."""
    if not on_grid(value, step):
        return yes_no(rail, False, f"{plain(value)} is no multiple of {plain(step)}")
    if value < low:
        return yes_no(rail, False, f"{plain(value)} is below the least, {plain(low)} {unit}")
    if high:
        return at_most(rail, value, high, unit)
    return yes_no(rail, True, "on the grid")
