"""The model of one key: an event in, a prediction out, and a label learned when it is known.

Pure. One thread owns it. The order within an event is what keeps the future out: first the labels
that are due are learned with the prices that stood at their time, then the event is taken in, and
only then is something predicted.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from quantlab.learning.baselines import BASELINES, MODEL, Baselines, Score, Tally, guessed, guesses, score
from quantlab.learning.curve import Curve
from quantlab.learning.drift import DriftWatch
from quantlab.learning.labels import return_bps
from quantlab.learning.moment import Moment, event_ms
from quantlab.learning.recipe import Recipe
from quantlab.learning.snapshot import CANARIES, Snapshot, Span, as_prediction, canary_of, plain
from quantlab.topics import Prediction

OUTCOMES = 2_000  # labels that were learned lately, kept for tables
COUNTS = ("events", "cold", "predicted", "learned", "dropped", "unread", "resets")


class KeyedModel:
    """One model, its features, what it waits for, and how well it does.

    Attributes:
        key: The symbol.
        version: What it was last saved as, or loaded from; 0 before.
        counts: Events, samples not made because a feature was cold, predictions, labels learned, labels
            dropped because nobody heard the price, events without use, models begun anew.
    """

    def __init__(self, recipe: Recipe, key: str) -> None:
        self.recipe, self.key = recipe, key
        self.version = 0
        self.features = recipe.features.fresh()
        self.moment = Moment()
        self.baselines = Baselines(recipe.label)
        self.tallies = {who: Tally() for who in (MODEL, *BASELINES)}
        self.metric = recipe.metric.clone()
        self.drift = DriftWatch(recipe.detectors, recipe.on_drift)
        self.curve = Curve()
        self.counts = dict.fromkeys(COUNTS, 0)
        self.outcomes: deque[tuple[Any, ...]] = deque(maxlen=OUTCOMES)
        self.first_ms = 0
        self._heard_ms = 0  # when the label's price was last told
        self._next_ms = 0  # no sample before
        self._pending: deque[tuple[Any, ...]] = deque()
        self._asked: deque[dict[str, float]] = deque(maxlen=CANARIES)
        self._hears = recipe.label.hears
        self.use(recipe.new_pipeline())

    def use(self, pipeline: Any) -> None:
        """Go on with another pipeline."""
        self.pipeline = pipeline
        self._ask = self.recipe.asker(pipeline)

    # -- one event

    def on_event(self, event: Any) -> Prediction | None:
        """Learn what is due, take `event` in, and predict where it makes a sample.

        Raises:
            InvalidField: The event has no time.
        """
        moment, label, pending = self.moment, self.recipe.label, self._pending
        now_ms = moment.pass_to(event_ms(event))
        self.counts["events"] += 1
        self.first_ms = self.first_ms or now_ms
        timed = label.horizon_ms is not None
        while timed and pending and pending[0][0] < now_ms:
            self._settle(now_ms)
        kind = moment.fold(event)
        if kind is None:
            self.counts["unread"] += 1
            return None
        self.features.update(kind, moment)
        if kind is not self._hears:
            while timed and pending and pending[0][0] <= now_ms:
                self._settle(now_ms)
            return None
        self._heard_ms = now_ms
        if timed:
            while pending and pending[0][0] <= now_ms:
                self._settle(now_ms)
        elif pending and pending[0][3] != getattr(moment, label.of):
            while pending:
                self._settle(now_ms)
        return self._sample(now_ms) if now_ms >= self._next_ms else None

    def _sample(self, now_ms: int) -> Prediction | None:
        recipe, moment = self.recipe, self.moment
        inputs = self.features.inputs(moment)
        if inputs is None:
            self.counts["cold"] += 1
            return None
        if recipe.every_ms:
            self._next_ms = now_ms - now_ms % recipe.every_ms + recipe.every_ms
        said = self._ask(inputs)
        number = self.counts["predicted"] = self.counts["predicted"] + 1
        price = getattr(moment, recipe.label.of)
        horizon_ms = recipe.label.horizon_ms
        due_ms = None if horizon_ms is None else now_ms + horizon_ms
        self._asked.append(inputs)
        self._pending.append((due_ms, number, now_ms, price, inputs, said, self.baselines.now))
        shares = said if type(said) is dict else None
        return Prediction(
            name=recipe.name,
            key=self.key,
            version=self.version,
            number=number,
            event_ms=now_ms,
            due_ms=due_ms,
            price=price,
            value=_best(said),
            shares=shares,
        )

    def _settle(self, now_ms: int) -> None:
        """The oldest sample's label is known: learn it, or drop it where nobody heard the price."""
        recipe, label = self.recipe, self.recipe.label
        due_ms, number, made_ms, price, inputs, said, guesses = self._pending.popleft()
        after = getattr(self.moment, label.of)
        if (made_ms if due_ms is None else due_ms) - self._heard_ms > label.gap_ms or not after:
            self.counts["dropped"] += 1
            return
        bps = return_bps(price, after)
        target = label.judge(bps)
        if said is not None and said != {}:
            self.metric.update(target, said)
            self._count(number, made_ms, now_ms, bps, target, said, guesses)
        self.pipeline.learn_one(inputs, target)
        self.baselines.learn(target)
        learned = self.counts["learned"] = self.counts["learned"] + 1
        if learned >= self.curve.next_at:
            self.curve.add(now_ms, learned, self.metric, self.tallies)

    def _count(
        self, number: int, made_ms: int, now_ms: int, bps: float, target: Any, said: Any, guesses: Any
    ) -> None:
        """Who was right, what it would have earned, and whether the error is another one than before."""
        recipe, tallies = self.recipe, self.tallies
        stance, cost_bps = recipe.label.stance, recipe.cost_bps
        value = _best(said)
        model = tallies[MODEL]
        if recipe.classes:
            hit = value == target
            error = 0.0 if hit else 1.0
            model.classify(hit=hit, share=said.get(target, 0.0) if type(said) is dict else None)
            held = stance(value)
        else:
            error = abs(value - target)
            model.measure(error)
            held = stance(value) if abs(value) > cost_bps else 0
        earned = model.hold(held, bps, cost_bps)
        for who, guess in zip(BASELINES, guesses, strict=False):
            if guess is None:
                continue
            tally = tallies[who]
            if recipe.classes:
                share = guesses.shares.get(target, 0.0) if who == "prior" else None
                tally.classify(hit=guess == target, share=share)
                tally.hold(stance(guess), bps, cost_bps)
            else:
                tally.measure(guess - target)
                tally.hold(stance(guess) if abs(guess) > cost_bps else 0, bps, cost_bps)
        self.outcomes.append((number, made_ms, now_ms, target, value, bps, earned))
        if self.drift.update(error, now_ms, self.counts["learned"]):
            self.counts["resets"] += 1
            self.use(recipe.pipeline.clone())

    # -- looking at it

    def scores(self) -> list[Score]:
        """The model's row, and a row for each baseline."""
        return [score(who, tally, classes=self.recipe.classes) for who, tally in self.tallies.items()]

    @property
    def pending(self) -> int:
        """Samples whose label is not known yet."""
        return len(self._pending)

    # -- keeping it

    def snapshot(self, note: str = "") -> Snapshot:
        """Everything that is needed to go on; see `Snapshot`. Freeze it before the next event."""
        pending = [[*each[:5], as_prediction(each[5]), guessed(each[6])] for each in self._pending]
        span = Span(first_ms=self.first_ms, last_ms=self.moment.now_ms) if self.first_ms else None
        return Snapshot(
            name=self.recipe.name,
            key=self.key,
            version=self.version,
            parent=self.version,
            features=self.recipe.features.spec(),
            features_state=self.features.state(),
            label=self.recipe.label.spec(),
            pending=pending,
            sequence=self.counts["events"],
            counts=dict(self.counts),
            span=span,
            metrics=values_of(self.metric),
            state={
                "moment": self.moment.state(),
                "heard_ms": self._heard_ms,
                "next_ms": self._next_ms,
                "baselines": self.baselines.state(),
                "tallies": {who: each.state() for who, each in self.tallies.items()},
                "drift": self.drift.state(),
                "curve": self.curve.state(),
            },
            canary=canary_of(self.pipeline, tuple(self._asked)),
            objects={"pipeline": self.pipeline, "metric": self.metric, "detectors": self.drift.detectors},
            note=note,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of this recipe and key; its objects belong to this model from now on.

        Raises:
            ModelMismatch: It is of another model: names what differs, and changes nothing.
        """
        objects = require_fit(self.recipe, self.key, snapshot)
        state = snapshot.state
        self.version = snapshot.version
        self.features.restore(snapshot.features_state)
        self.moment.restore(state["moment"])
        self._heard_ms, self._next_ms = state["heard_ms"], state["next_ms"]
        self.baselines.restore(state["baselines"])
        for who, each in state["tallies"].items():
            self.tallies[who].restore(each)
        self.drift.restore(state["drift"], objects["detectors"])
        self.curve.restore(state["curve"])
        self.counts = dict(snapshot.counts)
        self.first_ms = snapshot.span.first_ms if snapshot.span else 0
        self.metric = objects["metric"]
        self._pending = deque((*each[:5], said_of(each[5]), guesses(each[6])) for each in snapshot.pending)
        self._asked = deque(snapshot.canary.inputs, maxlen=CANARIES)
        self.outcomes.clear()
        self.use(objects["pipeline"])
