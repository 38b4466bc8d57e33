"""The model of one key: an event in, a prediction out, and a label learned when it is known.

Pure. One thread owns it. The order within an event is what keeps the future out: first the labels
that are due are learned with the prices that stood at their time, then the event is taken in, and
only then is something predicted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from quantlab.learning.baselines import Score
from quantlab.learning.curve import values_of
from quantlab.learning.fitting import require_fit, same_form, whole
from quantlab.learning.labels import return_bps
from quantlab.learning.moment import Moment, event_ms
from quantlab.learning.recipe import Recipe
from quantlab.learning.record import Record
from quantlab.learning.snapshot import CANARIES, Snapshot, Span, as_prediction, as_said, canary_of
from quantlab.topics import Prediction

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
        self.counts = dict.fromkeys(COUNTS, 0)
        self._record = Record(recipe)
        self.first_ms = 0
        self._heard_ms = 0  # when the label's price was last told
        self._next_ms = 0  # no sample before
        # due ms, number, made ms, price, inputs, what was said, labels known then, the class or number said
        self._pending: deque[tuple[Any, ...]] = deque()
        self._asked: deque[dict[str, float]] = deque(maxlen=CANARIES)
        self._hears, self._of = recipe.label.hears, recipe.label.of
        self.use(recipe.new_pipeline())

    def use(self, pipeline: Any) -> None:
        """Go on with another pipeline."""
        self.pipeline = pipeline
        self._ask = self.recipe.asker(pipeline)

    # -- one event

    def on_event(self, event: Any) -> Prediction | None:
        """Learn what is due, take `event` in, and predict where it makes a sample."""
        moment, label = self.moment, self.recipe.label
        self.counts["events"] += 1
        at_ms = event_ms(event)
        if at_ms is None:
            self.counts["unread"] += 1
            return None
        now_ms = moment.pass_to(at_ms)
        self.first_ms = self.first_ms or now_ms
        timed, pending = label.horizon_ms is not None, self._pending
        if timed and pending and pending[0][0] < now_ms:
            self._settle_until(now_ms - 1, now_ms)  # with the price that stood then
        kind = moment.fold(event)
        if kind is None:
            self.counts["unread"] += 1
            return None
        self.features.update(kind, moment)
        if kind is not self._hears:
            return None
        silence_ms, self._heard_ms = now_ms - self._heard_ms, now_ms
        if not timed:
            self._settle_other_price(now_ms, silence_ms)
        elif pending and pending[0][0] <= now_ms:
            self._settle_until(now_ms, now_ms)
        return self._sample(now_ms) if now_ms >= self._next_ms else None

    def _settle_until(self, due_ms: int, now_ms: int) -> None:
        """Learn what was due by then; drop it where nobody heard the price for too long."""
        pending, gap_ms = self._pending, self.recipe.label.gap_ms
        while pending and pending[0][0] <= due_ms:
            if pending[0][0] - self._heard_ms > gap_ms:
                self._drop()
            else:
                self._learn(now_ms)

    def _settle_other_price(self, now_ms: int, silence_ms: int) -> None:
        """Learn everything that waited for the price to be another one."""
        label, pending = self.recipe.label, self._pending
        if not pending or pending[0][3] == getattr(self.moment, self._of):
            return
        while pending:
            if silence_ms > label.gap_ms:
                self._drop()
            else:
                self._learn(now_ms)

    def _drop(self) -> None:
        self._pending.popleft()
        self.counts["dropped"] += 1

    def _sample(self, now_ms: int) -> Prediction | None:
        recipe, moment = self.recipe, self.moment
        inputs = self.features.inputs(moment)
        if inputs is None:
            self.counts["cold"] += 1
            return None
        if recipe.every_ms:
            self._next_ms = now_ms - now_ms % recipe.every_ms + recipe.every_ms
        said = self._ask(inputs)
        counts = self.counts
        number = counts["predicted"] = counts["predicted"] + 1
        price = getattr(moment, self._of)
        horizon_ms = recipe.label.horizon_ms
        due_ms = None if horizon_ms is None else now_ms + horizon_ms
        self._asked.append(inputs)
        value = _best(said)
        self._pending.append((due_ms, number, now_ms, price, inputs, said, counts["learned"], value))
        shares = said.copy() if type(said) is dict else None  # whoever hears it may write on it
        return Prediction(
            name=recipe.name,
            key=self.key,
            version=self.version,
            number=number,
            event_ms=now_ms,
            due_ms=due_ms,
            price=price,
            value=value,
            shares=shares,
        )

    def _learn(self, now_ms: int) -> None:
        """The oldest sample's label is known."""
        sample = self._pending.popleft()
        bps = return_bps(sample[3], getattr(self.moment, self._of))
        target = self.recipe.label.judge(bps)
        self.counts["learned"] += 1
        anew = self._record.add(sample, now_ms, target, bps)
        self.pipeline.learn_one(sample[4], target)
        if anew:
            self.counts["resets"] += 1
            self.use(self.recipe.pipeline.clone())

    # -- looking at it

    @property
    def record(self) -> Record:
        """How it did so far; for whoever may touch the model."""
        self._record.count()
        return self._record

    def scores(self) -> list[Score]:
        """The model's row, and a row for each baseline."""
        return self.record.board.scores()

    @property
    def pending(self) -> int:
        """Samples whose label is not known yet."""
        return len(self._pending)

    # -- keeping it

    def snapshot(self, note: str = "") -> Snapshot:
        """Everything that is needed to go on; see `Snapshot`. Freeze it before the next event."""
        record = self.record
        pending = [[*each[:5], as_prediction(each[5]), each[6]] for each in self._pending]
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
            metrics=values_of(record.metric),
            state={
                "moment": self.moment.state(),
                "heard_ms": self._heard_ms,
                "next_ms": self._next_ms,
                "record": record.state(),
            },
            canary=canary_of(self.pipeline, tuple(self._asked)),
            objects={"pipeline": self.pipeline, "metric": record.metric, "detectors": record.drift.detectors},
            note=note,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of this recipe and key; its objects belong to this model from now on.

        Raises:
            InvalidField: It is of another model, or its state has another form: names what differs. This
                one is then of no use: restore a new one, and keep the old one until that has gone well.
        """
        objects = require_fit(self.recipe, self.key, snapshot)
        with same_form():
            self._restore(snapshot, objects)

    def _restore(self, snapshot: Snapshot, objects: Mapping[str, Any]) -> None:
        state = snapshot.state
        self.version = snapshot.version
        self.features.restore(snapshot.features_state)
        self.moment.restore(state["moment"])
        self._heard_ms, self._next_ms = whole(state["heard_ms"]), whole(state["next_ms"])
        self._record.restore(state["record"], objects["metric"], objects["detectors"])
        self.counts = {name: snapshot.counts[name] for name in COUNTS}
        self.first_ms = snapshot.span.first_ms if snapshot.span else 0
        self._pending = deque(
            (*each[:5], said := as_said(each[5]), whole(each[6]), _best(said)) for each in snapshot.pending
        )
        self._asked = deque(snapshot.canary.inputs, maxlen=CANARIES)
        self.use(objects["pipeline"])


def _best(said: Any) -> Any:
    """The class that is most likely; a number, or nothing, as it is."""
    if type(said) is not dict:
        return said
    if len(said) == 2:  # most of them, and quicker than `max`
        (one, share), (other, more) = said.items()
        return other if more > share else one
    return max(said, key=said.__getitem__) if said else None
