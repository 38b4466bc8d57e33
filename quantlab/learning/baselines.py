"""What needs no learning, beside every model: no change, the prior, the last label.

Pure. A baseline guesses from the labels that were known when the model predicted, no later ones,
and is counted on the same samples by the same rules: `Scoreboard`. A model that does not beat all
three has learned nothing.
"""

from __future__ import annotations

from math import log
from typing import Any, NamedTuple

from quantlab.learning.labels import Label, Target

BASELINES = ("no change", "prior", "last sign")
MODEL = "model"
LEAST = 1e-15  # of a probability, in the log loss: River's


class Baselines:
    """The three of them, for one key: what they say now, of the `learned` labels that they know.

    Attributes:
        counts: Of each class among them.
    """

    __slots__ = ("_classes", "_sum", "counts", "last", "learned", "no_change", "prior")

    def __init__(self, label: Label) -> None:
        self._classes = bool(label.classes)
        self._sum = 0.0
        self.no_change = label.judge(0.0)
        self.prior: Target | None = None
        self.last: Target | None = None
        self.learned = 0
        self.counts: dict[Target, int] = {}

    def learn(self, target: Any) -> None:
        """One more label is known."""
        self.learned += 1
        self.last = target
        if not self._classes:
            self._sum += target
            self.prior = self._sum / self.learned
            return
        counts = self.counts
        counts[target] = count = counts.get(target, 0) + 1
        if self.prior is None or count > counts[self.prior]:
            self.prior = target

    def state(self) -> Any:
        return [self._sum, self.prior, self.last, self.learned, [list(each) for each in self.counts.items()]]

    def restore(self, state: Any) -> None:
        self._sum, self.prior, self.last, self.learned, counts = state
        self.counts = dict(counts)


class Score(NamedTuple):
    """One row of the table of scores; None where there is nothing to divide by.

    `accuracy` is of classes, `loss` the mean log loss of classes or the mean absolute error of
    numbers (in the label's unit), `net_bps` the mean over its `trades`, after costs.
    """

    who: str
    labels: int
    accuracy: float | None
    loss: float | None
    trades: int
    net_bps: float | None


class Tally:
    """How somebody did: `loss` is the sum of log losses or of absolute errors, of `weighed` predictions;
    `earned` is in basis points, after costs."""

    __slots__ = ("earned", "hits", "labels", "loss", "trades", "weighed")

    def __init__(self) -> None:
        self.labels = self.hits = self.trades = self.weighed = 0
        self.loss = self.earned = 0.0

    def score(self, who: str, *, classes: bool) -> Score:
        """As a row of the table."""
        return Score(
            who,
            self.labels,
            self.hits / self.labels if classes and self.labels else None,
            self.loss / self.weighed if self.weighed else None,
            self.trades,
            self.earned / self.trades if self.trades else None,
        )

    def state(self) -> list[float]:
        return [getattr(self, name) for name in self.__slots__]

    def restore(self, state: list[float]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


class Scoreboard:
    """Model and baselines, counted side by side, for one key.

    What a prediction says to hold is held until its label is known, each prediction for itself, one
    unit of the quote asset; whoever holds pays `cost_bps` for getting in and out. A predicted return
    that does not pay its cost is nothing to hold.

    Of classes only the combinations of who said what are counted: few, and one look for each label.
    """

    __slots__ = ("_cells", "_cost_bps", "_label", "_losses", "_tallies", "_weighed")

    def __init__(self, label: Label, cost_bps: float) -> None:
        self._label, self._cost_bps = label, cost_bps
        self._cells: dict[tuple[Any, ...], list[Any]] = {}  # (model, *baselines, label): count, sum of bps
        self._losses, self._weighed = [0.0, 0.0], [0, 0]  # log losses of model and prior
        self._tallies = {who: Tally() for who in (MODEL, *BASELINES)}  # of numbers

    def classify(
        self, value: Target, said: Any, target: Target, bps: float, baselines: Baselines
    ) -> tuple[float, float]:
        """One label of a class: the model's error (0 or 1), and what it earned.

        `said` has the probability of each class, where the model tells any.
        """
        key = (value, baselines.no_change, baselines.prior, baselines.last, target)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = [0, 0.0]
        cell[0] += 1
        cell[1] += bps
        losses, weighed = self._losses, self._weighed
        if type(said) is dict:
            share = said.get(target, 0.0)
            losses[0] -= log(share if share > LEAST else LEAST)  # noqa: FURB136  # `max` takes thrice as long
            weighed[0] += 1
        share = baselines.counts.get(target, 0) / baselines.learned
        losses[1] -= log(share if share > LEAST else LEAST)  # noqa: FURB136
        weighed[1] += 1
        stance = self._label.stance(value)
        return 0.0 if value == target else 1.0, stance * bps - self._cost_bps if stance else 0.0

    def measure(
        self, value: Any, _: Any, target: Any, bps: float, baselines: Baselines
    ) -> tuple[float, float]:
        """One label that is a number: the model's absolute error, and what it earned."""
        found: list[tuple[float, float]] = []
        numbers: tuple[Any, ...] = (value, baselines.no_change, baselines.prior, baselines.last)
        for tally, said in zip(self._tallies.values(), numbers, strict=True):
            error = abs(said - target)
            tally.labels += 1
            tally.weighed += 1
            tally.loss += error
            stance = self._label.stance(said) if abs(said) > self._cost_bps else 0
            earned = stance * bps - self._cost_bps if stance else 0.0
            tally.trades += bool(stance)
            tally.earned += earned
            found.append((error, earned))
        return found[0]

    def tallies(self) -> dict[str, Tally]:
        """How each did so far."""
        if not self._label.classes:
            return self._tallies
        found = {who: Tally() for who in (MODEL, *BASELINES)}
        for (*said, target), (count, bps) in self._cells.items():
            for tally, value in zip(found.values(), said, strict=True):
                stance = self._label.stance(value)
                tally.labels += count
                tally.hits += count if value == target else 0
                tally.trades += count if stance else 0
                tally.earned += stance * bps - self._cost_bps * count if stance else 0.0
        for who, loss, weighed in zip((MODEL, "prior"), self._losses, self._weighed, strict=True):
            found[who].loss, found[who].weighed = loss, weighed
        return found

    def scores(self) -> list[Score]:
        """The model's row, and a row for each baseline."""
        classes = bool(self._label.classes)
        return [tally.score(who, classes=classes) for who, tally in self.tallies().items()]

    def state(self) -> Any:
        return {
            "cells": [[list(key), *cell] for key, cell in self._cells.items()],
            "losses": self._losses,
            "weighed": self._weighed,
            "tallies": [each.state() for each in self._tallies.values()],
        }

    def restore(self, state: Any) -> None:
        self._cells = {tuple(key): [count, bps] for key, count, bps in state["cells"]}
        self._losses, self._weighed = list(state["losses"]), list(state["weighed"])
        for tally, its in zip(self._tallies.values(), state["tallies"], strict=True):
            tally.restore(its)
