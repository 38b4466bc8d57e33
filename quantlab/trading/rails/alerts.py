"""Early words: a limit is half used, at 80 %, at 95 %. Pure.

Said once for each step up; a use that falls below a step by more than a twentieth of the limit arms it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

from quantlab.domain.verdict import LimitAlert, Verdict
from quantlab.trading.amounts import times
from quantlab.trading.decision import PASSES, STEPS, UNTOLD, Decision
from quantlab.trading.rails.catalogue import LIMITED

Number: TypeAlias = Decimal | int
HUNDRED = Decimal(100)
SLACK = 5  # percent


class Alerts:
    """Remembers what was said, by symbol and rail."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, int]] = {}
        self._settled: dict[
            str, int
        ] = {}  # by symbol the `told` of which all is said, and nothing to be armed

    def of(self, symbol: str, decision: Decision, time_ms: int) -> tuple[LimitAlert, ...]:
        """What is to be said after a decision; nothing where no limit went a step up.

        Nothing is reckoned while every limit stands at the step that it stood at before.
        """
        if decision.told != UNTOLD and decision.told == self._settled.get(symbol, PASSES):
            return ()
        said, found, settled = self._said.setdefault(symbol, {}), list[LimitAlert](), True
        for rail, used, limit in decision.amounts(said):
            if rail not in LIMITED or not limit:
                continue
            before = said.get(rail, 0)
            step = next((each for each in reversed(STEPS) if _at(each, used, limit)), 0)
            if step > before:
                found += _alert(decision.verdict(rail), symbol, step, time_ms)
            if step > before or not _at(before - SLACK, used, limit):
                said[rail] = step
            settled = settled and said.get(rail, 0) == step
        self._said[symbol] = {rail: step for rail, step in said.items() if step}
        self._settled[symbol] = decision.told if settled else UNTOLD
        return tuple(found)


def _at(percent: int, used: Number, limit: Number) -> bool:
    """So much of the limit is used, or more; exactly."""
    return times(used, HUNDRED) >= times(limit, Decimal(percent))


def _alert(verdict: Verdict, symbol: str, percent: int, time_ms: int) -> Iterator[LimitAlert]:
    used, limit = verdict.used, verdict.limit
    if used is not None and limit is not None:
        yield LimitAlert(
            rail=verdict.rail, limit_name=LIMITED[verdict.rail], symbol=symbol, percent=percent, used=used,
            limit=limit, unit=verdict.unit, time_ms=time_ms,
        )  # fmt: skip
