"""`ql.learn`: learners on this engine's bus, their worker, their store, and who may put which in front.

Main thread. What a model says is published as news; nothing here knows how an order is sent.
Imported on first use: a notebook that learns nothing pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from quantlab.bus import Bus
from quantlab.control.commands import Command, ModelChange, PromoteModel, RollBackModel
from quantlab.control.handle import Handle
from quantlab.engine.livelearner import LiveLearner
from quantlab.errors import ConfigError, InvalidField
from quantlab.frames import frame
from quantlab.learning.attach import Worker
from quantlab.learning.drift import OnDrift
from quantlab.learning.feature import Feature, Features
from quantlab.learning.labels import Label
from quantlab.learning.lengths import Length
from quantlab.learning.recipe import COST_BPS, recipe
from quantlab.learning.snapshot import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "name", "key", "hears", "events", "predicted", "learned", "waiting", "pending", "lost", "failed",
    "version", "store",
)  # fmt: skip
WHOLE = (
    "events",
    "predicted",
    "learned",
    "pending",
    "lost",
    "failed",
    "version",
)  # None where there is no model


class Learn:
    """The learners of one engine, by name.

    Args:
        bus: Where they listen, and where predictions are published.
        execute: The desk's door, for promotions.
        open_store: Makes the store on first use.
    """

    def __init__(
        self,
        bus: Bus,
        execute: Callable[[Command], Handle[Any]],
        open_store: Callable[[], Store] | None = None,
    ) -> None:
        self.bus, self.execute = bus, execute
        self.worker = Worker()
        self._open_store = open_store
        self._store: Store | None = None
        self._learners: dict[str, LiveLearner] = {}

    def model(
        self,
        name: str,
        pipeline: Any,
        features: Features | Feature,
        label: Label,
        *,
        key: str = "symbol",
        metric: Any = None,
        detectors: Sequence[Any] | None = None,
        on_drift: OnDrift | str = OnDrift.MARK,
        cost_bps: float = COST_BPS,
        every: Length | None = None,
    ) -> LiveLearner:
        """A learner by this name; one that had it before is detached and forgotten.

        Args:
            name: Small letters, digits, - and _: predictions are published as `learn.prediction.NAME`.
            pipeline: A classifier or regressor of River; each key learns a copy of its own.
            features: What it is given; see `quantlab.learning.features`.
            label: What it is about; see `quantlab.learning.labels`.
            key: The attribute of events by which models are kept apart.
            metric: Of `river.metrics`; by default ROCAUC, CrossEntropy of many classes, MAE of numbers.
            detectors: Of `river.drift`, fed with the model's errors; by default ADWIN and PageHinkley.
            on_drift: What a rise of the error causes: "mark", or "reset": the model begins anew.
            cost_bps: What a trade pays in the scores, in and out together.
            every: At most one prediction in so much event time; None: one at each price.

        Raises:
            InvalidField: Names the argument.
        """
        made = recipe(
            name, pipeline, features, label, key=key, metric=metric, detectors=detectors, on_drift=on_drift,
            cost_bps=cost_bps, every=every,
        )  # fmt: skip
        if before := self._learners.get(name):
            before.close()
        learner = self._learners[name] = LiveLearner(made, self)
        return learner

    def __getitem__(self, name: str) -> LiveLearner:
        learner = self._learners.get(name)
        if learner is None:
            known = ", ".join(self._learners) or "none was made"
            raise InvalidField("name", f"there is no model {name!r:.60}", f"give one of: {known}")
        return learner

    def __iter__(self) -> Iterator[LiveLearner]:
        return iter(self._learners.values())

    def __len__(self) -> int:
        return len(self._learners)

    def frame(self) -> pd.DataFrame:
        """One row for each model of each learner: what it hears, how far it is, what it waits for."""
        rows = []
        for each in self:
            told = {"name": each.name, "hears": each.hears or None, "lost": each.lost, "failed": each.failed}
            told["store"] = each.problem or None
            for key, model in list(each.models.items()):  # its thread may add one meanwhile
                row = {**told, "key": key, **model.counts, "pending": model.pending, "version": model.version}
                rows.append({**row, "waiting": "; ".join(each.waits_for(key)) or None})
            if not each.models:
                rows.append(dict.fromkeys(COLUMNS) | told)
        return frame(rows, columns=COLUMNS, whole=WHOLE)

    @property
    def store_problem(self) -> str:
        """What is wrong with the store now; "" where nothing is, or where it was not needed yet."""
        return "" if self._store is None else self._store.problem

    @property
    def store_notice(self) -> str:
        """Its problem, else what a user should know of it: for the health. From any thread."""
        return "" if self._store is None else self._store.problem or self._store.warning

    def require_store(self) -> Store:
        """The store that models are kept in."""
        if self._store is None:
            if self._open_store is None:
                raise ConfigError("there is no store for models", "give one: Learn(bus, execute, open_store)")
            self._store = self._open_store()
        return self._store

    def change(self, change: ModelChange) -> object:
        """Carry out what the desk admitted.

        Raises:
            InvalidField: There is no such model, no shadow, or nothing to undo.
        """
        learner = self[change.name]
        match change:
            case PromoteModel():
                return learner.swap()
            case RollBackModel(_, key, version):
                if version:
                    return learner.go_back(key, version)
                return learner.swap(back=True)

    def close(self) -> None:
        """Every learner listens no more, and the thread ends."""
        for each in self:
            each.close()
        self.worker.stop()

    async def aclose(self) -> None:
        """As `close`; the store saves what waits, if it can do so in a second."""
        self.close()
        store, self._store = self._store, None
        if store is not None:
            await store.aclose()
