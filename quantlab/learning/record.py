"""A model's record: how it did, label by label, beside what needs no learning.

Pure. Every label counts exactly and in order, but not at once: they gather and are counted by the
fifty, which costs a learner half of what it costs one by one. Whoever looks at a record has it
counted first (`KeyedModel.record`), so nobody can see the difference.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from quantlab.learning.baselines import Baselines, Scoreboard
from quantlab.learning.curve import Curve
from quantlab.learning.drift import DriftWatch, OnDrift
from quantlab.learning.labels import Target
from quantlab.learning.recipe import Recipe

OUTCOMES = 2_000  # labels that were learned lately, kept for tables
BATCH = 50


class Record:
    """Metric, baselines with costs, drift detectors and curve of one key.

    Attributes:
        metric: River's, by progressive validation.
        board: Model and baselines side by side.
        drift: The detectors, fed with the model's errors.
        curve: The scores as time went by.
        outcomes: (number, made ms, learned ms, label, prediction, return in bps, earned in bps).
    """

    def __init__(self, recipe: Recipe) -> None:
        self.metric = recipe.metric.clone()
        self.board = Scoreboard(recipe.label, recipe.cost_bps)
        self.drift = DriftWatch(recipe.detectors, recipe.on_drift)
        self.curve = Curve()
        self.outcomes: deque[tuple[Any, ...]] = deque(maxlen=OUTCOMES)
        self._classes = recipe.classes
        self._labels = 0  # that were counted
        self._baselines = Baselines(recipe.label)  # as of the sample that was counted last
        self._targets: deque[Target] = deque()  # labels that they do not know yet
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._batch = 1 if recipe.on_drift is OnDrift.RESET else BATCH  # what acts must know at once

    def add(self, sample: tuple[Any, ...], now_ms: int, target: Target, bps: float) -> bool:
        """A label is known; True where the model should begin anew.

        Args:
            sample: See `KeyedModel`: what was predicted, and how many labels were known then.
            bps: The return that the label was made of.
        """
        self._waiting.append((sample, now_ms, target, bps))
        return len(self._waiting) >= self._batch and self.count()

    def count(self) -> bool:
        """Count what waits; as `add`."""
        next_one, anew = self._waiting.popleft, False
        outcomes, board, baselines, drift = self.outcomes, self.board, self._baselines, self.drift
        update, targets, labels = self.metric.update, self._targets, self._labels
        compare = board.classify if self._classes else board.measure
        while self._waiting:
            sample, now_ms, target, bps = next_one()
            _, number, made_ms, _, _, said, known, value = sample
            targets.append(target)
            self._labels = labels = labels + 1
            earned = None
            if value is not None:
                update(target, said)
                if known:  # else nobody knew a label yet: all are counted on the same samples
                    while baselines.learned < known:  # they guess from as many labels as it knew
                        baselines.learn(targets.popleft())
                    error, earned = compare(value, said, target, bps, baselines)
                    if drift.update(error, now_ms, labels):
                        anew = True
            outcomes.append((number, made_ms, now_ms, target, value, bps, earned))
            if labels >= self.curve.next_at:
                self.curve.add(now_ms, labels, self.metric, board.tallies())
        return anew

    # -- keeping it

    def state(self) -> Any:
        """All but metric and detectors, which are River's; nothing waits any more."""
        return {
            "labels": self._labels,
            "baselines": self._baselines.state(),
            "targets": list(self._targets),
            "board": self.board.state(),
            "drift": self.drift.state(),
            "curve": self.curve.state(),
        }

    def restore(self, state: Any, metric: Any, detectors: Any) -> None:
        """Go on from what `state` gave, with River's objects as they were then."""
        self.metric = metric
        self._labels = state["labels"]
        self._baselines.restore(state["baselines"])
        self._targets = deque(state["targets"])
        self.board.restore(state["board"])
        self.drift.restore(state["drift"], detectors)
        self.curve.restore(state["curve"])
        self._waiting.clear()
        self.outcomes.clear()
