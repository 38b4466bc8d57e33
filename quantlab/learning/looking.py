"""Looking at a learner: its scores, labels, curve and drift as tables, and the picture of them.

Every look is taken under the learner's lock, so it shows one moment also while a thread learns.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from quantlab.errors import InvalidField
from quantlab.frames import frame
from quantlab.learning.baselines import MODEL
from quantlab.learning.curve import columns, values_of
from quantlab.learning.drift import Mark
from quantlab.learning.keyed import KeyedModel
from quantlab.learning.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SHADOW = "shadow"
SCORES = ("key", "who", "labels", "accuracy", "loss", "trades", "net_bps")
OUTCOMES = ("number", "made_ms", "learned_ms", "label", "predicted", "return_bps", "earned_bps")


class Looks:
    """What can be seen of a learner; see `Learner`."""

    recipe: Recipe
    models: dict[str, KeyedModel]
    shadows: dict[str, KeyedModel]
    lock: threading.Lock

    @property
    def name(self) -> str:
        return self.recipe.name

    def frame(self) -> pd.DataFrame:
        """Scores by progressive validation: each key's model, its baselines, its shadow.

        `accuracy` is None of numbers; `loss` is the mean log loss of classes or the mean absolute
        error in the label's unit; `net_bps` is the mean per trade after costs. River's metric has a
        column of its own, for models only.
        """
        rows: list[dict[str, Any]] = []
        with self.lock:
            for key, model in self.models.items():
                for row in model.scores():
                    more = values_of(model.record.metric) if row.who == MODEL else {}
                    rows.append({"key": key, **row._asdict(), **more})
                if shadow := self.shadows.get(key):
                    row = shadow.scores()[0]._replace(who=SHADOW)
                    rows.append({"key": key, **row._asdict(), **values_of(shadow.record.metric)})
            names = list(values_of(self.recipe.metric))
        every = (*SCORES, *(name for name in names if name not in SCORES))
        return frame([dict.fromkeys(every) | row for row in rows], columns=every)

    def outcomes(self, key: str | None = None) -> pd.DataFrame:
        """The last 2,000 labels that were learned, and what had been predicted."""
        with self.lock:
            rows = list(self._model(key).record.outcomes)
        return frame([dict(zip(OUTCOMES, row, strict=True)) for row in rows], columns=OUTCOMES)

    def curve(self, key: str | None = None) -> pd.DataFrame:
        """The scores as time went by: a few hundred points; `earned` is the sum after costs, in bps."""
        with self.lock:
            record = self._model(key).record
            points, names = list(record.curve.points), columns(record.metric)
        return frame([dict(zip(names, row, strict=True)) for row in points], columns=names)

    def drift(self, key: str | None = None) -> pd.DataFrame:
        """What the drift detectors marked: whether the error rose, and whether that began the model anew."""
        with self.lock:
            marks = list(self._model(key).record.drift.marks)
        return frame([each._asdict() for each in marks], columns=Mark._fields)

    def waits_for(self, key: str | None = None) -> list[str]:
        """The features that are not warm yet, each with what it waits for."""
        with self.lock:
            model = self._model(key)
            return model.features.cold(model.moment)

    def plot(self, key: str | None = None) -> Figure:
        """A picture of `curve`: score and earnings over time, with drift marks. Returns the figure."""
        from quantlab.learning.pictures import score_over_time

        return score_over_time(self, self._model(key).key)

    def _model(self, key: str | None) -> KeyedModel:
        """The model of `key`, or the only one there is."""
        if key is None and len(self.models) == 1:
            return next(iter(self.models.values()))
        model = self.models.get(key or "")
        if model is None:
            known = ", ".join(sorted(self.models)) or "none yet: no event has come"
            raise InvalidField("key", f"{self.name} has no model of {key!r}", f"give one of: {known}")
        return model
