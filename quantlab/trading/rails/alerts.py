"""Early words: a limit is half used, at 80 %, at 95 %. Pure.

Said once for each step up; a use that falls below a step by more than a twentieth of the limit arms it again.
"""

from __future__ import annotations

from quantlab.domain.limits import LimitAlert
from quantlab.trading.amounts import ratio_up
from quantlab.trading.decision import Decision
from quantlab.trading.rails.catalogue import LIMITED

STEPS = (50, 80, 95)  # percent of a limit
SLACK = 5


class Alerts:
    """Remembers what was said, by rail and symbol."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], int] = {}

    def of(self, symbol: str, decision: Decision, time_ms: int) -> tuple[LimitAlert, ...]:
        """What is to be said after a decision; nothing where no limit went a step up."""
        found = []
        for verdict in decision.verdicts:
            name = LIMITED.get(verdict.rail)
            if name is None or verdict.used is None or not verdict.limit:
                continue
            percent = ratio_up(verdict.used, verdict.limit) * 100
            key = (verdict.rail, symbol)
            said = self._said.get(key, 0)
            step = max((each for each in STEPS if percent >= each), default=0)
            if step > said:
                self._said[key] = step
                found.append(
                    LimitAlert(
                        rail=verdict.rail, limit_name=name, symbol=symbol, percent=step, used=verdict.used,
                        limit=verdict.limit, unit=verdict.unit, time_ms=time_ms,
                    )
                )  # fmt: skip
            elif percent < said - SLACK:
                self._said[key] = step
        return tuple(found)
