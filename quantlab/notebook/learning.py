"""`ql.learn` and `%ql learn`: the faces of learners. No rule is here."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from quantlab.notebook.faces import Face
from quantlab.notebook.table import Table, of_frame

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.engine.livelearner import LiveLearner

EMPTY = "no model yet: ql.learn.model(name, pipeline, features, label).attach(topic)"


class LearnFace(Face):
    """Models on the stream: `model` makes one, `ql.learn["NAME"]` finds it, `.frame()` shows all."""

    __slots__ = ()

    @property
    def model(self) -> Callable[..., LiveLearner]:
        """Make a learner: `model(name, pipeline, features, label, key="symbol", ...)`; see its help."""
        from quantlab.engine.learning import Learn

        @functools.wraps(Learn.model)
        def make(*args: Any, **options: Any) -> LiveLearner:
            learner: LiveLearner = self._engine().learn.model(*args, **options)
            return learner

        return make

    @property
    def features(self) -> ModuleType:
        """What features there are: `ql.learn.features.log_return("10s")`."""
        from quantlab.learning import features

        return features

    @property
    def labels(self) -> ModuleType:
        """What labels there are: `ql.learn.labels.forward_return("10s")`."""
        from quantlab.learning import labels

        return labels

    def __getitem__(self, name: str) -> LiveLearner:
        return self._engine().learn[name]

    def __iter__(self) -> Iterator[LiveLearner]:
        return iter(self._engine().learn)

    def __len__(self) -> int:
        return len(self._engine().learn)

    def frame(self) -> pd.DataFrame:
        """One row for each model of each learner."""
        return self._engine().learn.frame()

    def table(self) -> Table:
        return of_frame(self.frame(), title="models", empty=EMPTY)


def scores(learner: LiveLearner) -> Table:
    """One learner: its scores beside its baselines', and what it waits for."""
    frame = learner.frame().round(4)
    waits = [f"{key} waits for {each}" for key in learner.models for each in learner.waits_for(key)]
    table = of_frame(frame, title=f"model {learner.name}", empty="no event has come yet")
    return Table(title=table.title, columns=table.columns, rows=table.rows, notes=(*table.notes, *waits))
