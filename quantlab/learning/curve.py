"""How well a model did as time went by: a few hundred points, however long it runs.

Pure. A point is taken every so many labels; when there are too many, every other one is left out
and the steps become twice as long. So equal streams give equal curves.
"""

from __future__ import annotations

from collections import UserList
from collections.abc import Mapping
from typing import Any

from quantlab.learning.baselines import BASELINES, MODEL, Tally
from quantlab.learning.snapshot import plain

MOST = 400
STEP = 50  # labels, at first


class Curve:
    """Points of (UTC ms, labels, metric, and for model and baselines: correct or loss, earned).

    Attributes:
        next_at: How many labels there must be for the next point.
        points: Oldest first; see `columns`.
    """

    __slots__ = ("_step", "next_at", "points")

    def __init__(self) -> None:
        self._step = self.next_at = STEP
        self.points: list[tuple[Any, ...]] = []

    def add(self, now_ms: int, labels: int, metric: Any, tallies: Mapping[str, Tally]) -> None:
        """Take a point."""
        running = [
            number
            for each in tallies.values()
            for number in (each.hits / (each.labels or 1), each.loss / (each.weighed or 1), each.earned)
        ]
        self.points.append((now_ms, labels, *values_of(metric).values(), *running))
        if len(self.points) >= MOST:
            del self.points[::2]
            self._step *= 2
        self.next_at = labels - labels % self._step + self._step

    def state(self) -> Any:
        return {"step": self._step, "next_at": self.next_at, "points": [list(each) for each in self.points]}

    def restore(self, state: Any) -> None:
        self._step, self.next_at = state["step"], state["next_at"]
        self.points = [tuple(each) for each in state["points"]]


def columns(metric: Any) -> list[str]:
    """What the numbers of a point are."""
    running = [
        f"{each} {number}" for each in (MODEL, *BASELINES) for number in ("accuracy", "loss", "earned")
    ]
    return ["time_ms", "labels", *values_of(metric), *running]


def values_of(metric: Any) -> dict[str, float | None]:
    """A metric of River's as numbers by name; several that were added up give several."""
    each = metric if isinstance(metric, UserList) else [metric]
    return {type(one).__name__: _number(one.get()) for one in each}


def _number(value: Any) -> float | None:
    value = plain(value)
    return float(value) if isinstance(value, int | float) else None
