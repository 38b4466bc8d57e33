"""What is kept of one model of one key: enough to go on as if nothing had happened.

Pure. The learner makes snapshots and goes on from them; the store keeps them and knows nothing of
learning. Everything is plain data that JSON holds exactly, but for `objects`: River's own.

**Between learner and store.** A snapshot is made on the thread that owns the model, between two
events, and there its River objects are pickled (`freeze`), since the model learns on while the
bytes are on their way. So what a store gets has `payload`; one without is pickled by the store
itself, and nobody may touch its objects until `save` has returned. What a store gives back from
`load` has `objects` again, from its strict unpickler, and its canary was found to match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

Features = dict[str, float]
Prediction = list[list[Any]] | float | int | str | bool | None
"""As JSON has it: a class's probabilities as [[class, probability], ...], else the value itself."""

SHADOW = "shadow "  # before the names of a shadow's objects
CANARIES = 32  # inputs whose predictions prove that a model that was loaded is the one that was saved


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """From the first to the last event that a model has seen: UTC milliseconds, event time."""

    first_ms: int
    last_ms: int


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """Inputs the model was given lately, and what it said of them when this was saved."""

    inputs: tuple[Features, ...] = ()
    predictions: tuple[Prediction, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the model of one key.

    Attributes:
        name: The model's name, as in `learn.prediction.NAME`.
        key: What it is for: a symbol.
        version: 1, 2, ... in the line of this name and key; 0 was never saved.
        parent: The version that this one went on from; 0 where it began anew.
        features: How its inputs are made, as `Features.spec()` says it.
        features_state: Where they stand in the middle of the stream.
        label: What it learns, as `Label.spec()` says it.
        pending: Samples whose label is not known yet, oldest first.
        sequence: How many events it has seen.
        counts: Predictions, labels learned, labels dropped, resets, ... by name.
        span: None before the first event.
        metrics: The scores as numbers, by name: to read, not to go on from.
        state: The rest of what the learner needs to go on.
        canary: See `Canary`.
        objects: River's own, by name: "pipeline", "metric", and what else must go on.
        payload: `objects` as bytes; None where they were not pickled yet.
        note: Why this version was saved: "every 60 s", "drift", "by hand".
        shadow: The model that learns behind this one, as of the same event; its River objects are among
            `objects`, see `with_shadow`.
        promoted: These two had changed places.
    """

    name: str
    key: str
    version: int
    parent: int
    features: Any
    features_state: Any
    label: Any
    pending: Any
    sequence: int
    counts: dict[str, int]
    span: Span | None
    metrics: dict[str, float | None]
    state: dict[str, Any]
    canary: Canary
    objects: Mapping[str, Any] | None = None
    payload: bytes | None = None
    note: str = ""
    shadow: Snapshot | None = None
    promoted: bool = False


class Store(Protocol):
    """Where snapshots are kept, as the learner uses it."""

    async def save(self, snapshot: Snapshot, *, expect_version: int) -> int:
        """Keep it as version `expect_version + 1`, and return that; refuse where that exists already."""

    async def load(self, name: str, key: str, version: int | None = None) -> Snapshot:
        """The newest version, or that one; its objects are live again and its canary matched."""

    async def rollback(self, name: str, key: str, version: int) -> Snapshot:
        """Make an earlier version the newest again, as a version of its own; as `load`."""

    async def versions(self, name: str, key: str) -> Sequence[Any]:
        """What is kept, oldest first; each has its `version`."""

    async def aclose(self) -> object:
        """Hold nothing any more."""

    @property
    def problem(self) -> str:
        """What is wrong now; "" where nothing is."""

    @property
    def warning(self) -> str:
        """What a user should know of it though nothing is wrong; "" where there is nothing."""


def freeze(snapshot: Snapshot, dumps: Callable[[Mapping[str, Any]], bytes]) -> Snapshot:
    """The same snapshot with its objects as bytes, so that the model may learn on.

    Args:
        dumps: Pickles; refuses, by name, what could not be loaded again.
    """
    if snapshot.objects is None:
        return snapshot
    return msgspec.structs.replace(snapshot, payload=dumps(snapshot.objects), objects=None)


def with_shadow(front: Snapshot, behind: Snapshot, *, promoted: bool) -> Snapshot:
    """One snapshot of both, so that what is loaded again stands at one event."""
    theirs = {SHADOW + name: each for name, each in (behind.objects or {}).items()}
    return msgspec.structs.replace(
        front,
        objects={**(front.objects or {}), **theirs},
        shadow=msgspec.structs.replace(behind, objects=None),
        promoted=promoted,
    )


def shadow_of(snapshot: Snapshot) -> Snapshot | None:
    """The shadow of a snapshot that was loaded, with its objects; None where it had none."""
    if snapshot.shadow is None:
        return None
    found = {
        name.removeprefix(SHADOW): each
        for name, each in (snapshot.objects or {}).items()
        if name.startswith(SHADOW)
    }
    return msgspec.structs.replace(snapshot.shadow, version=snapshot.version, objects=found)


def as_prediction(said: Any) -> Prediction:
    """What River answered, as JSON holds it; exact, so that equal means equal bit for bit."""
    if isinstance(said, dict):
        return [[plain(label), float(share)] for label, share in said.items()]
    return None if said is None else plain(said)


def as_said(kept: Prediction) -> Any:
    """What River answered, from what `as_prediction` made of it."""
    return dict(kept) if isinstance(kept, list) else kept


def plain(value: Any) -> Any:
    """A class or a number as JSON holds it: numpy's scalars become Python's."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def predict(pipeline: Any, inputs: Features) -> Prediction:
    """What `pipeline` says of `inputs`: a classifier's probabilities, a regressor's value."""
    if hasattr(last_step(pipeline), "predict_proba_one"):
        return as_prediction(pipeline.predict_proba_one(inputs))
    return as_prediction(pipeline.predict_one(inputs))


def canary_of(pipeline: Any, inputs: tuple[Features, ...]) -> Canary:
    """What `pipeline` says now of the inputs it was given lately."""
    return Canary(inputs=inputs, predictions=tuple(predict(pipeline, each) for each in inputs))


def canary_fault(snapshot: Snapshot) -> str:
    """Why the loaded objects are not the ones that were saved; "" where every prediction is equal.

    Run by `load` after the strict unpickler; equal means bit for bit. A shadow has canaries of its own.
    """
    shadow = shadow_of(snapshot)
    if shadow is not None and (fault := canary_fault(shadow)):
        return f"its shadow: {fault}"
    if snapshot.objects is None or "pipeline" not in snapshot.objects:
        return "there is no pipeline in it"
    canary, pipeline = snapshot.canary, snapshot.objects["pipeline"]
    for number, (inputs, expected) in enumerate(zip(canary.inputs, canary.predictions, strict=True)):
        found = predict(pipeline, inputs)
        if repr(found) != repr(expected):
            return f"canary {number} predicts {found!r}, not {expected!r}"
    return ""


def last_step(pipeline: Any) -> Any:
    """The step of a pipeline that predicts: the pipeline itself where it is one model."""
    return getattr(pipeline, "_last_step", pipeline)
