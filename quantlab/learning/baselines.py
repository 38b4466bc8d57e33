"""What needs no learning, beside every model: no change, the prior, the last label.

Pure. A baseline guesses from the labels that were known when the model predicted, no later ones,
and is counted by the same rules: `Tally`. A model that does not beat all three has learned nothing.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from quantlab.learning.labels import Label, Target

BASELINES = ("no change", "prior", "last sign")
MODEL = "model"
LEAST = 1e-15  # of a probability, in the log loss: River's


class Guesses(NamedTuple):
    """What the baselines say at one time; `shares` are the classes' frequencies, {} of a number."""

    no_change: Target
    prior: Target | None
    last: Target | None
    shares: dict[Target, float]


class Baselines:
    """The three of them, for one key."""

    __slots__ = ("_counts", "_label", "_learned", "_no_change", "_sum", "now")

    def __init__(self, label: Label) -> None:
        self._label = label
        self._no_change = label.judge(0.0)
        self._counts: dict[Target, int] = {}
        self._learned, self._sum = 0, 0.0
        self.now = Guesses(self._no_change, None, None, {})

    def learn(self, target: Any) -> None:
        """One more label is known."""
        self._learned += 1
        if not self._label.classes:
            self._sum += target
            self.now = Guesses(self._no_change, self._sum / self._learned, target, {})
            return
        counts = self._counts
        counts[target] = counts.get(target, 0) + 1
        shares = {each: count / self._learned for each, count in counts.items()}
        self.now = Guesses(self._no_change, max(counts, key=counts.__getitem__), target, shares)

    def state(self) -> Any:
        return [self._learned, self._sum, [list(each) for each in self._counts.items()], guessed(self.now)]

    def restore(self, state: Any) -> None:
        self._learned, self._sum, counts, now = state
        self._counts = dict(counts)
        self.now = guesses(now)


def guessed(of: Guesses) -> list[Any]:
    """Guesses as JSON holds them."""
    return [of.no_change, of.prior, of.last, [list(each) for each in of.shares.items()]]


def guesses(state: list[Any]) -> Guesses:
    """What `guessed` gave."""
    no_change, prior, last, shares = state
    return Guesses(no_change, prior, last, dict(shares))


class Tally:
    """How often somebody was right, and what it would have earned.

    What a prediction says to hold is held until its label is known, each prediction for itself, one
    unit of the quote asset; whoever holds pays `cost_bps` for getting in and out.
    """

    __slots__ = ("earned", "hits", "labels", "loss", "trades", "weighed")

    def __init__(self) -> None:
        self.labels = self.hits = self.trades = self.weighed = 0
        self.loss = 0.0  # the sum of log losses, or of absolute errors
        self.earned = 0.0  # basis points, after costs

    def classify(self, *, hit: bool, share: float | None) -> None:
        """A class was predicted; `share` is the probability that was given to the right one."""
        self.labels += 1
        self.hits += hit
        if share is not None:
            self.weighed += 1
            self.loss -= math.log(min(max(share, LEAST), 1.0))

    def measure(self, error: float) -> None:
        """A number was predicted, and was wrong by so much."""
        self.labels += 1
        self.weighed += 1
        self.loss += abs(error)

    def hold(self, stance: int, bps: float, cost_bps: float) -> float:
        """What the prediction said to hold, and what the price then did; returns what it earned."""
        if not stance:
            return 0.0
        self.trades += 1
        earned = stance * bps - cost_bps
        self.earned += earned
        return earned

    def state(self) -> list[float]:
        return [getattr(self, name) for name in self.__slots__]

    def restore(self, state: list[float]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)


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


def score(who: str, tally: Tally, *, classes: bool) -> Score:
    """A tally as a row."""
    return Score(
        who,
        tally.labels,
        tally.hits / tally.labels if classes and tally.labels else None,
        tally.loss / tally.weighed if tally.weighed else None,
        tally.trades,
        tally.earned / tally.trades if tally.trades else None,
    )
