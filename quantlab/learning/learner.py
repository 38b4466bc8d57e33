"""A learner: one model for each key, by one recipe, wherever its events come from.

The same steps run on the live bus, on the paper venue and over a recording. A prediction is news on
the bus and nothing more. Every step and every look is taken under one lock, so that a thread of its
own may learn (`work`) while a notebook looks on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Self

from quantlab.errors import InvalidField
from quantlab.learning.feature import Feature, Features
from quantlab.learning.keyed import KeyedModel
from quantlab.learning.looking import Looks
from quantlab.learning.recipe import Recipe, recipe
from quantlab.learning.snapshot import Snapshot, shadow_of, with_shadow
from quantlab.topics import Prediction

ERRORS = 20


class Learner(Looks):
    """See `quantlab.learning.learner`; made by `ql.learn.model` or `Learner(recipe(...))`.

    Attributes:
        recipe: What the model is made of.
        models: The models by key; they come with the first event of their key.
        shadows: Models of another recipe that learn beside them and are scored, but never heard.
        promoted: The shadow's recipe and this one changed places, and were not put back.
        strangers: Events that had no such key.
        errors: What pipelines and features raised lately, with the kind of event; the event was left out.
    """

    def __init__(self, made: Recipe) -> None:
        self.recipe = made
        self.models: dict[str, KeyedModel] = {}
        self.shadow_recipe: Recipe | None = None
        self.shadows: dict[str, KeyedModel] = {}
        self.promoted = False
        self.strangers = self.failed = 0
        self.errors: deque[str] = deque(maxlen=ERRORS)
        self.lock = threading.Lock()

    # -- events

    def run(self, events: Iterable[Any]) -> list[Prediction]:
        """Take events in, in their order, here and now: a recording. Returns what was predicted.

        Nothing is published: a past is no news. A long recording blocks the cell; `ql.learn` has
        `replay` for it.
        """
        said = []
        for event in events:
            with self.lock:
                prediction = self._step(event)
            if prediction is not None:
                said.append(prediction)
        return said

    def work(self, events: Sequence[Any], start: int, slice_s: float) -> tuple[int, list[Prediction]]:
        """Take in events from `start` on for about `slice_s` seconds; how far it came, and predictions.

        What an event raises is noted in `errors`; the next one follows.
        """
        said: list[Prediction] = []
        deadline = time.perf_counter() + slice_s
        with self.lock:
            for place in range(start, len(events)):
                try:
                    prediction = self._step(events[place])
                except Exception as error:  # noqa: BLE001  # code of the user: it must not end the worker
                    self.failed += 1
                    self.errors.append(f"{type(events[place]).__name__}: {type(error).__name__}: {error}")
                    continue
                if prediction is not None:
                    said.append(prediction)
                    if time.perf_counter() >= deadline:
                        return place + 1, said
        return len(events), said

    def _step(self, event: Any) -> Prediction | None:
        key = getattr(event, self.recipe.key, None)
        if key is None:
            self.strangers += 1
            return None
        model = self.models.get(key)
        if model is None:
            model = self.models[key] = KeyedModel(self.recipe, str(key))
        if self.shadow_recipe is not None:
            shadow = self.shadows.get(key)
            if shadow is None:
                shadow = self.shadows[key] = KeyedModel(self.shadow_recipe, str(key))
            shadow.on_event(event)
        return model.on_event(event)

    # -- versions

    def shadow(self, pipeline: Any, *, features: Features | Feature | None = None) -> Self:
        """Let another pipeline learn beside this one: scored, never published; `promote` puts it in front.

        Raises:
            InvalidField: The pipeline does not fit the label.
        """
        own = self.recipe
        other = recipe(
            own.name,
            pipeline,
            own.features if features is None else features,
            own.label,
            key=own.key,
            metric=own.metric,
            detectors=own.detectors,
            on_drift=own.on_drift,
            cost_bps=own.cost_bps,
            every=timedelta(milliseconds=own.every_ms) if own.every_ms else None,
        )
        with self.lock:
            self.shadow_recipe, self.shadows, self.promoted = other, {}, False
        return self

    def swap(self, *, back: bool = False) -> str:
        """Change places with the shadow, which learns on behind; what was done, in words.

        A control action: in a kernel it goes through the desk, `ql.learn[name].promote()` and `.rollback()`.

        Raises:
            InvalidField: There is no shadow, or nothing was promoted that could be put back.
        """
        with self.lock:
            if self.shadow_recipe is None:
                raise InvalidField("name", f"{self.name} has no shadow", "give it one: .shadow(pipeline)")
            if back is not self.promoted:
                raise InvalidField(
                    "name",
                    f"{self.name}'s shadow was {'not' if back else 'already'} promoted",
                    "promote it first" if back else "roll it back, or give another shadow",
                )
            for key, front in self.models.items():
                if key in self.shadows:
                    self.shadows[key].version = front.version  # the line of versions goes on
            self.recipe, self.shadow_recipe = self.shadow_recipe, self.recipe
            self.models, self.shadows = self.shadows, self.models
            self.promoted = not back
        return f"{self.name}: {'rolled back' if back else 'promoted'}, {len(self.models)} models"

    def snapshot(self, key: str, note: str = "") -> Snapshot:
        """The model of `key` as it stands, with its shadow, their objects still shared; see `KeyedModel`."""
        front, behind = self._model(key).snapshot(note), self.shadows.get(key)
        return front if behind is None else with_shadow(front, behind.snapshot(), promoted=self.promoted)

    def restore(self, snapshot: Snapshot) -> KeyedModel:
        """Go on from a snapshot that a store gave back, instead of from what this key has now.

        A shadow that was saved goes on where there is one now. Two that had changed places do so again;
        that is all keys' affair, so it is done where no other key has a model yet.

        Raises:
            InvalidField: It is of another model, or the places differ; this key goes on as it was.
        """
        with self.lock:
            front, behind, turned = self._restored(snapshot)
            if behind is not None:
                self.shadows[snapshot.key] = behind
            self.models[snapshot.key] = front
            if turned:
                self.recipe, self.shadow_recipe = self.shadow_recipe, self.recipe  # type: ignore[assignment]
            self.promoted = self.promoted is not turned
        return front

    def require_fit(self, snapshot: Snapshot) -> None:
        """Raise as `restore` would, and change nothing."""
        with self.lock:
            self._restored(snapshot)

    def _restored(self, snapshot: Snapshot) -> tuple[KeyedModel, KeyedModel | None, bool]:
        """The model, its shadow where there is one now, and whether the two change places."""
        kept, key = shadow_of(snapshot), snapshot.key
        recipes = self.recipe, self.shadow_recipe
        turned = None not in recipes and kept is not None and snapshot.promoted is not self.promoted
        if turned:
            self._require_alone(key, promoted=snapshot.promoted)
            recipes = self.shadow_recipe, self.recipe  # type: ignore[assignment]
        front = KeyedModel(recipes[0], key)
        front.restore(snapshot)
        if kept is None or recipes[1] is None:
            return front, None, turned
        behind = KeyedModel(recipes[1], key)
        behind.restore(kept)
        return front, behind, turned

    def _require_alone(self, key: str, *, promoted: bool) -> None:
        others = [each for each in self.models if each != key]
        if others:
            raise InvalidField(
                "promoted",
                f"when {key} was saved, {self.name}'s shadow was {'' if promoted else 'not '}promoted",
                f"{'promote it' if promoted else 'roll it back'} first: {others[0]} is with it",
            )

    def __repr__(self) -> str:
        learned = sum(each.counts["learned"] for each in self.models.values())
        return f"<Learner {self.name!r}: {len(self.models)} models, {learned} labels learned>"
