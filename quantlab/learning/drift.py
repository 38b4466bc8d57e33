"""Drift: the model's error is watched, and only a rise of it is a reason to act.

A detector tells that the error's level is another one; whether it rose or fell it often does not
say (River's own trees start anew also where the model got better). Here the level before is
compared with that of the newest errors, and an improvement is marked and nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

RECENT = 50  # errors that stand for "now"
MARKS = 200  # kept of each key


class OnDrift(StrEnum):
    """What a rise of the error causes: a mark, or also a model that begins anew."""

    MARK = "mark"
    RESET = "reset"


class Mark(NamedTuple):
    """A detector spoke: when (UTC ms, event time), after how many labels, and what the error did.

    `before` and `now` are mean errors: the share of misses of classes, the absolute error of numbers.
    """

    time_ms: int
    labels: int
    detector: str
    before: float
    now: float
    rose: bool
    acted: bool


class DriftWatch:
    """The detectors of one key.

    Args:
        detectors: River's drift detectors; each key has copies of its own.
        on_drift: What a rise causes.
    """

    def __init__(self, detectors: Sequence[Any], on_drift: OnDrift) -> None:
        self.detectors = [each.clone() for each in detectors]
        self.on_drift = on_drift
        self.marks: deque[Mark] = deque(maxlen=MARKS)
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._older_count, self._older_sum = 0, 0.0  # errors before the recent ones

    def update(self, error: float, time_ms: int, labels: int) -> bool:
        """One more error; True where the model should begin anew."""
        recent = self._recent
        if len(recent) == RECENT:
            self._older_count += 1
            self._older_sum += recent[0]
        recent.append(error)
        spoke = None
        for each in self.detectors:
            each.update(error)
            if each.drift_detected:
                spoke = [*(spoke or ()), type(each).__name__]
        return spoke is not None and self._judge(spoke, time_ms, labels)

    def _judge(self, spoke: list[str], time_ms: int, labels: int) -> bool:
        """Did it rise? From here on the newest errors are what later ones are compared with."""
        now = sum(self._recent) / len(self._recent)
        before = self._older_sum / self._older_count if self._older_count else now
        rose = now > before
        acts = rose and self.on_drift is OnDrift.RESET
        for name in spoke:
            self.marks.append(Mark(time_ms, labels, name, before, now, rose, acts))
        self._older_count, self._older_sum = 0, 0.0
        return acts

    def state(self) -> Any:
        """What is not in the detectors themselves, as JSON holds it."""
        return {
            "recent": list(self._recent),
            "older": [self._older_count, self._older_sum],
            "marks": [list(m) for m in self.marks],
        }

    def restore(self, state: Any, detectors: Sequence[Any]) -> None:
        """Go on with these detectors from what `state` gave."""
        self.detectors = list(detectors)
        self._recent = deque(state["recent"], maxlen=RECENT)
        self._older_count, self._older_sum = state["older"]
        self.marks = deque((Mark(*each) for each in state["marks"]), maxlen=MARKS)
