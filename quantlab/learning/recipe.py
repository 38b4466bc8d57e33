"""A recipe: everything that makes a model what it is, checked once, shared by all its keys."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from quantlab.errors import InvalidField
from quantlab.learning.drift import OnDrift
from quantlab.learning.feature import Feature, Features
from quantlab.learning.labels import Label
from quantlab.learning.lengths import Length, milliseconds
from quantlab.learning.snapshot import last_step

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
COST_BPS = 20.0  # in and out as taker at 0.1 % each: what a spot account of Binance pays at first


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """See `recipe`, which makes one. `asks_shares`: the model is asked for probabilities."""

    name: str
    pipeline: Any
    features: Features
    label: Label
    key: str
    metric: Any
    detectors: tuple[Any, ...]
    on_drift: OnDrift
    cost_bps: float
    every_ms: int
    asks_shares: bool

    @property
    def classes(self) -> bool:
        """The label is a class, not a number."""
        return bool(self.label.classes)

    def new_pipeline(self) -> Any:
        """A copy of the pipeline as it was given, with whatever it had learned."""
        return copy.deepcopy(self.pipeline)

    def asker(self, pipeline: Any) -> Any:
        """The method that predicts; the choice is that of River's `progressive_val_score`."""
        return pipeline.predict_proba_one if self.asks_shares else pipeline.predict_one


def recipe(
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
) -> Recipe:
    """Check everything and fill in what was left open.

    Raises:
        InvalidField: Names the argument, and says what to give.
    """
    _require_words(name, key)
    features = features if isinstance(features, Features) else Features(features)
    _require_label(label)
    _require_cost(cost_bps)
    if on_drift not in tuple(OnDrift):
        raise InvalidField("on_drift", f"{on_drift!r:.40} is unknown", 'give "mark" or "reset"')
    shares = _check_pipeline(pipeline, label)
    metric = _metric(metric, pipeline, label)
    return Recipe(
        name=name,
        pipeline=pipeline,
        features=features,
        label=label,
        key=key,
        metric=metric,
        detectors=_detectors(detectors),
        on_drift=OnDrift(on_drift),
        cost_bps=float(cost_bps),
        every_ms=0 if every is None else milliseconds(every, "every"),
        asks_shares=shares and not getattr(metric, "requires_labels", True),
    )


def _require_words(name: object, key: object) -> None:
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise InvalidField(
            "name", f"{name!r:.60} is no name", 'write small letters, digits, - and _, like "btc-10s"'
        )
    if not isinstance(key, str) or not key.isidentifier():
        raise InvalidField("key", f"{key!r:.60} is no attribute", 'name one of the events, like "symbol"')


def _require_label(given: object) -> None:
    if not isinstance(given, Label):
        raise InvalidField("label", f"{given!r:.60} is no label", 'give one, like forward_return("10s")')


def _require_cost(given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 10_000:
        raise InvalidField("cost_bps", f"{given!r:.40} is no cost", "give basis points, 0 or more")


def _check_pipeline(pipeline: Any, label: Label) -> bool:
    """True for a classifier, which tells probabilities."""
    missing = [verb for verb in ("learn_one", "predict_one", "clone") if not hasattr(pipeline, verb)]
    if missing or isinstance(pipeline, type):
        raise InvalidField(
            "pipeline",
            f"{pipeline!r:.60} is no model of River",
            "give one, like StandardScaler() | LogisticRegression()",
        )
    classifies = hasattr(last_step(pipeline), "predict_proba_one")
    if classifies != bool(label.classes):
        wants, has = ("classes", "a regressor") if label.classes else ("a number", "a classifier")
        raise InvalidField(
            "pipeline", f"it is {has}, and the label {label.name!r} is {wants}",
            "give threshold_bps= for classes, none for a number, or another pipeline",
        )  # fmt: skip
    return classifies


def _metric(metric: Any, pipeline: Any, label: Label) -> Any:
    from river import metrics

    default: Any = metrics.MAE
    if label.classes:
        default = metrics.ROCAUC if set(label.classes) == {False, True} else metrics.CrossEntropy
    metric = default() if metric is None else metric
    if not hasattr(metric, "works_with") or not metric.works_with(pipeline):
        raise InvalidField(
            "metric", f"{metric!r:.60} does not go with this pipeline", "give one of river.metrics that does"
        )
    return metric.clone()


def _detectors(detectors: Sequence[Any] | None) -> tuple[Any, ...]:
    from river import drift

    kinds: tuple[Any, ...] = (drift.ADWIN, drift.PageHinkley)
    if detectors is None:
        return tuple(kind() for kind in kinds)
    given: object = detectors
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise InvalidField("detectors", f"{given!r:.60} is no list", "give a list, [] for none")
    for each in detectors:
        if isinstance(each, type) or not hasattr(each, "drift_detected"):
            raise InvalidField(
                "detectors", f"{each!r:.60} is none", "give some of river.drift, like [drift.ADWIN()]"
            )
    return tuple(detectors)
