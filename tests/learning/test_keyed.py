"""Models of one key: River's own validation, a restart, baselines with costs, and drift."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pandas as pd
import pytest
from markets import START_MS, quote, random_market, trade
from river import drift, dummy, evaluate, linear_model, metrics, preprocessing, stats, tree

from quantlab.domain.market import Trade
from quantlab.errors import InvalidField
from quantlab.learning.baselines import MODEL
from quantlab.learning.drift import DriftWatch, OnDrift
from quantlab.learning.feature import Features
from quantlab.learning.features import imbalance, log_return, smoothed, spread, trade_flow, volatility
from quantlab.learning.keyed import KeyedModel
from quantlab.learning.labels import Label, forward_return
from quantlab.learning.learner import Learner
from quantlab.learning.moment import Moment, event_ms
from quantlab.learning.recipe import recipe
from quantlab.learning.record import BATCH
from quantlab.learning.snapshot import Snapshot, canary_fault, freeze, with_shadow

FEATURES = Features(
    log_return("1s"), volatility("5s"), imbalance(), spread(), trade_flow("2s"), smoothed(imbalance(), "1s")
)
MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Any], float | None]] = {
    "logistic": (
        lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        metrics.ROCAUC,
        0.0,
    ),
    "adaptive tree": (
        lambda: (
            preprocessing.StandardScaler() | tree.HoeffdingAdaptiveTreeClassifier(seed=1, grace_period=50)
        ),
        lambda: metrics.LogLoss() + metrics.Accuracy(),
        0.0,
    ),
    "by class": (lambda: tree.HoeffdingTreeClassifier(grace_period=50), metrics.F1, 0.0),
    "regression": (
        lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(),
        metrics.MAE,
        None,
    ),
}


def as_of(events: list[Any], samples: list[Any], horizon_ms: int) -> list[float]:
    """The simple return in bps of each sample by pandas' as-of join: of the prices that stood at its end
    the last one, of several in that very millisecond the first."""
    trades = pd.DataFrame(
        {"at": each.event_ms, "price": float(each.price)} for each in events if isinstance(each, Trade)
    )
    ends = pd.DataFrame({"at": [each.event_ms + horizon_ms for each in samples]})
    stood = pd.merge_asof(ends, trades, on="at", allow_exact_matches=False)["price"]
    at_once = ends.merge(trades.drop_duplicates("at"), on="at", how="left")["price"]
    return [
        1e4 * (after / before.price - 1) for after, before in zip(at_once.fillna(stood), samples, strict=True)
    ]


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_those_of_rivers_own_delayed_validation_exactly(name: str, recorded: list[Any]) -> None:
    """Same recording, same inputs; labels by pandas. River's metric over it equals ours, bit for bit."""
    make, metric, threshold = MODELS[name]
    horizon_ms, events = 2_000, recorded[:12_000]
    model = KeyedModel(
        recipe("equal", make(), FEATURES, forward_return("2s", threshold_bps=threshold), metric=metric()),
        "BTCUSDT",
    )
    samples = [said for event in events if (said := model.on_event(event)) is not None]
    inputs = _inputs_of(events)
    last_ms = max(event_ms(each) for each in events)
    end = msgspec.structs.replace(_a_quote(events), received_ms=last_ms + horizon_ms + 1)
    model.on_event(end)  # time passes, and nothing more is traded: every label is known

    returns = as_of(events, samples, horizon_ms)
    targets = returns if threshold is None else [bps > threshold for bps in returns]
    times = {id(each): sample.event_ms for each, sample in zip(inputs, samples, strict=True)}
    theirs = evaluate.progressive_val_score(
        zip(inputs, targets, strict=True), make(), metric(), moment=lambda x: times[id(x)], delay=horizon_ms
    )

    assert model.counts["learned"] == len(samples) > 2_000
    assert [row[3] for row in model.record.outcomes] == pytest.approx(targets[-2_000:])
    assert repr(model.record.metric.get()) == repr(theirs.get())
    if threshold is not None:
        assert len(set(targets)) == 2


def _inputs_of(events: list[Any]) -> list[dict[str, float]]:
    """What the model was given at each sample: the features alone, without a learner."""
    features, moment, found = FEATURES.fresh(), Moment(), []
    for event in events:
        moment.pass_to(event_ms(event))
        kind = moment.fold(event)
        if kind is not None:
            features.update(kind, moment)
            if isinstance(event, Trade) and (made := features.inputs(moment)) is not None:
                found.append(made)
    return found


def _a_quote(events: list[Any]) -> Any:
    return next(each for each in reversed(events) if not isinstance(each, Trade))


def kept_and_loaded(model: KeyedModel) -> KeyedModel:
    """Through a snapshot whose plain part is JSON and whose objects are bytes, as a store has them."""
    frozen = freeze(model.snapshot("test"), pickle.dumps)
    assert frozen.objects is None
    plain = json.loads(json.dumps(msgspec.to_builtins(msgspec.structs.replace(frozen, payload=None))))
    loaded = msgspec.structs.replace(
        msgspec.convert(plain, Snapshot), objects=pickle.loads(frozen.payload or b"")
    )
    assert canary_fault(loaded) == ""
    new = KeyedModel(model.recipe, model.key)
    new.restore(loaded)
    return new


@pytest.mark.parametrize("name", MODELS)
def test_a_restart_in_mid_stream_changes_no_prediction(name: str) -> None:
    """Interrupted at five places, with labels pending: everything later is equal to the uninterrupted run."""
    make, metric, threshold = MODELS[name]
    made = recipe(
        "restart", make(), FEATURES, forward_return("2s", threshold_bps=threshold), metric=metric(),
        on_drift="reset",
        detectors=[drift.ADWIN(delta=0.3), drift.PageHinkley(min_instances=10, threshold=2)],
    )  # fmt: skip
    events = random_market(7, 1_500)
    one, other = KeyedModel(made, "BTCUSDT"), KeyedModel(made, "BTCUSDT")
    said, pending = [], []
    for number, event in enumerate(events):
        if number in (3, 400, 401, 900, 1_450):
            pending.append(other.pending)
            other = kept_and_loaded(other)
        said.append((one.on_event(event), other.on_event(event)))

    assert all(first == second for first, second in said)
    assert sum(first is not None for first, _ in said) > 500
    assert max(pending) > 2
    assert (one.counts, one.scores(), one.record.drift.marks) == (
        other.counts,
        other.scores(),
        other.record.drift.marks,
    )
    assert (one.record.curve.points, repr(one.record.metric)) == (
        other.record.curve.points,
        repr(other.record.metric),
    )
    assert json.dumps(one.snapshot().state) == json.dumps(other.snapshot().state)


def test_a_canary_tells_another_model() -> None:
    model = KeyedModel(
        recipe("x", MODELS["logistic"][0](), FEATURES, forward_return("1s", threshold_bps=0)), "B"
    )
    for event in random_market(8, 300):
        model.on_event(event)
    kept = model.snapshot()
    assert len(kept.canary.inputs) == 32
    assert canary_fault(kept) == ""
    for event in random_market(9, 50):
        model.on_event(event)
        model.pipeline.learn_one(kept.canary.inputs[0], y=True)
    assert "predicts" in canary_fault(kept)
    assert canary_fault(msgspec.structs.replace(kept, objects={})) == "there is no pipeline in it"


def test_a_snapshot_of_another_model_is_refused_by_what_differs() -> None:
    def keyed(name: str, features: Features, label: Label, key: str = "B") -> KeyedModel:
        return KeyedModel(recipe(name, MODELS["logistic"][0](), features, label), key)

    label = forward_return("1s", threshold_bps=0)
    kept = keyed("x", FEATURES, label).snapshot()
    others = {
        "name": keyed("y", FEATURES, label),
        "key": keyed("x", FEATURES, label, key="C"),
        "features": keyed("x", Features(log_return("2s")), label),
        "label": keyed("x", FEATURES, forward_return("2s", threshold_bps=0)),
        "objects": keyed("x", FEATURES, label),
    }
    for field, other in others.items():
        given = msgspec.structs.replace(kept, objects=None) if field == "objects" else kept
        with pytest.raises(InvalidField) as refused:
            other.restore(given)
        assert refused.value.field == ("snapshot" if field == "objects" else field)


@pytest.mark.parametrize("damage", [{"record": None}, {"moment": [1]}, {"heard_ms": None}, {}])
def test_what_another_quantlab_saved_is_refused_by_name_and_changes_nothing(damage: dict[str, Any]) -> None:
    """Genuine and of this recipe, but its state has another form."""
    made = recipe("s", MODELS["logistic"][0](), FEATURES, forward_return("2s", threshold_bps=0))
    learner = Learner(made)
    learner.run(random_market(12, 400))
    before = learner.models["BTCUSDT"]
    taken = learner.snapshot("BTCUSDT")
    state = {**taken.state, **damage} if damage else {}
    events = before.counts["events"]
    with pytest.raises(InvalidField, match="another version of quantlab"):
        learner.restore(msgspec.structs.replace(taken, state=state))

    assert learner.models["BTCUSDT"] is before
    assert before.counts["events"] == events > 0


def test_a_shadow_that_is_not_the_one_that_was_saved_is_found_out_by_its_own_canaries() -> None:
    made = recipe("s", MODELS["logistic"][0](), FEATURES, forward_return("2s", threshold_bps=0))
    front, behind = KeyedModel(made, "BTCUSDT"), KeyedModel(made, "BTCUSDT")
    for event in random_market(12, 600):
        front.on_event(event)
        behind.on_event(event)
    both = with_shadow(front.snapshot(), behind.snapshot(), promoted=False)
    assert canary_fault(both) == ""
    assert canary_fault(front.snapshot()) == ""

    behind.pipeline.learn_one(behind._asked[-1], True)
    assert canary_fault(both).startswith("its shadow: canary 0 predicts")


@pytest.mark.parametrize("name", MODELS)
def test_a_record_that_is_looked_at_all_the_time_is_the_one_that_is_looked_at_last(name: str) -> None:
    """Labels are counted by the fifty: in order, and every figure is the one it would be one by one."""
    make, metric, threshold = MODELS[name]
    made = recipe(
        "looked", make(), FEATURES, forward_return("2s", threshold_bps=threshold), metric=metric(),
        detectors=[drift.ADWIN(delta=0.3), drift.PageHinkley(min_instances=10, threshold=2)],
    )  # fmt: skip
    often, last = KeyedModel(made, "BTCUSDT"), KeyedModel(made, "BTCUSDT")
    waited = 0
    for event in random_market(11, 1_500):
        often.on_event(event)
        often.record.count()
        last.on_event(event)
        waited = max(waited, len(last._record._waiting))

    assert waited == BATCH - 1
    assert not often._record._waiting
    assert often.record.state() == last.record.state()
    assert list(often.record.outcomes) == list(last.record.outcomes)
    assert len(last.record.outcomes) > 500
    assert len(last.record.curve.points) > 5


# -- baselines and costs


def test_baselines_guess_from_what_was_known_and_pay_the_same_costs() -> None:
    """By hand: six prices a second apart, horizon 1 s, threshold 0, 10 bps a trade."""
    prices = ["100", "101", "102", "101", "102", "103", "103"]
    made = recipe(
        "b",
        dummy.NoChangeClassifier(),
        Features(_always()),
        forward_return("1s", threshold_bps=0),
        cost_bps=10,
    )
    model = KeyedModel(made, "B")
    for number, price in enumerate(prices):
        model.on_event(trade(number * 1_000, price))

    # labels: T T F T T F; known to the predictions at 1..5: T, TT, TTF, TTFT, TTFTT
    rows = {row.who: row for row in model.scores()}
    bps = [1e4 * (float(after) / float(before) - 1) for before, after in itertools.pairwise(prices)][1:]
    assert [row[3] for row in model.record.outcomes] == [True, True, False, True, True, False]
    assert {who: row.labels for who, row in rows.items()} == dict.fromkeys(rows, 5)
    assert rows["no change"].accuracy == 2 / 5
    assert rows["no change"].trades == 0
    assert rows["prior"].accuracy == 3 / 5
    assert rows["prior"].net_bps == pytest.approx(sum(bps) / 5 - 10)
    assert rows["last sign"].accuracy == rows[MODEL].accuracy == 2 / 5  # T TF FT TT F: said T T F T T
    held = [bps[place] for place in (0, 1, 3, 4)]
    assert rows["last sign"].net_bps == rows[MODEL].net_bps == pytest.approx(sum(held) / 4 - 10)


def _always() -> Any:
    from quantlab.learning.features import custom

    return custom("one", lambda _: 1.0)


def test_numbers_have_baselines_too_and_hold_only_what_pays_its_cost() -> None:
    made = recipe(
        "r", dummy.StatisticRegressor(stats.Mean()), Features(_always()), forward_return("1s"), cost_bps=60
    )
    model = KeyedModel(made, "B")
    for number, price in enumerate(["100", "101", "101", "101.5", "102"]):
        model.on_event(trade(number * 1_000, price))

    rows = {row.who: row for row in model.scores()}
    returns = [row[3] for row in model.record.outcomes]
    assert rows["no change"].loss == pytest.approx(sum(map(abs, returns[1:])) / 3)
    assert rows["prior"].loss == rows[MODEL].loss
    assert rows["last sign"].loss == pytest.approx(
        sum(abs(after - before) for before, after in itertools.pairwise(returns)) / 3
    )
    assert rows[MODEL].accuracy is None
    assert rows["last sign"].trades == 1  # 100 bps once; 0 and 49.5 do not pay 60
    assert rows["last sign"].net_bps == pytest.approx(0 - 60)


def test_a_market_that_can_be_foretold_is_and_beats_every_baseline() -> None:
    """The book leans before the price moves: a model sees it, no baseline does. Without costs, it earns."""
    import random

    draw, events, price = random.Random(11), [], 10_000
    for number in range(3_000):
        up = draw.random() < 0.5
        sizes = ("9", "1") if up else ("1", "9")
        bid, ask = f"{(price - 1) / 100:.2f}", f"{(price + 1) / 100:.2f}"
        events.append(quote(number * 1_000, bid, ask, bid_quantity=sizes[0], ask_quantity=sizes[1]))
        events.append(trade(number * 1_000 + 10, f"{price / 100:.2f}"))
        price += 2 if up else -2
    made = recipe(
        "lean",
        MODELS["logistic"][0](),
        Features(imbalance()),
        forward_return("1s", threshold_bps=0),
        cost_bps=0,
    )
    model = KeyedModel(made, "B")
    for event in events:
        model.on_event(event)
    rows = {row.who: row for row in model.scores()}
    best = max(row.accuracy or 0 for who, row in rows.items() if who != MODEL)

    assert (rows[MODEL].accuracy or 0) > 0.95 > best + 0.3
    assert (rows[MODEL].net_bps or 0) > 1
    assert model.record.metric.get() > 0.99


# -- drift


def errors(before: float, after: float, count: int = 1_500) -> list[float]:
    """Misses at one rate, then at another."""
    import random

    draw = random.Random(13)
    return [float(draw.random() < (before if each < count else after)) for each in range(2 * count)]


@pytest.mark.parametrize("detector", [drift.ADWIN, drift.PageHinkley])
@pytest.mark.parametrize(("before", "after"), [(0.1, 0.5), (0.5, 0.1)])
def test_a_detector_acts_only_where_the_error_rose(detector: Any, before: float, after: float) -> None:
    """Both directions are detected and marked; only the rise begins a model anew."""
    watch = DriftWatch([detector()], OnDrift.RESET)
    acted = [
        number for number, error in enumerate(errors(before, after)) if watch.update(error, number, number)
    ]

    assert [mark.rose for mark in watch.marks] == [after > before]
    assert [mark.detector for mark in watch.marks] == [detector.__name__]
    assert len(acted) == (after > before)
    assert all(1_500 <= number < 1_800 for number in acted)


def test_a_rise_after_an_improvement_is_a_rise() -> None:
    """What is compared with is the level since the last mark, not since the beginning."""
    watch = DriftWatch([drift.ADWIN()], OnDrift.RESET)
    acted = [
        number
        for number, error in enumerate(errors(0.6, 0.05) + errors(0.05, 0.35)[1_500:])
        if watch.update(error, number, number)
    ]
    assert [mark.rose for mark in watch.marks] == [False, True]
    assert len(acted) == 1


@pytest.mark.parametrize("on_drift", OnDrift)
def test_a_market_that_turns_over_begins_the_model_anew_where_that_was_asked_for(on_drift: OnDrift) -> None:
    events, price = [], 10_000
    for number in range(3_000):
        leans = number % 3 == 0
        up = leans if number < 1_500 else not leans
        sizes = ("9", "1") if leans else ("1", "9")
        bid, ask = f"{(price - 1) / 100:.2f}", f"{(price + 1) / 100:.2f}"
        events.append(quote(number * 1_000, bid, ask, bid_quantity=sizes[0], ask_quantity=sizes[1]))
        events.append(trade(number * 1_000 + 10, f"{price / 100:.2f}"))
        price += 2 if up else -2
    slow = preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(grace_period=20)
    model = KeyedModel(
        recipe("turn", slow, Features(imbalance()), forward_return("1s", threshold_bps=0), on_drift=on_drift),
        "B",
    )
    for event in events:
        model.on_event(event)

    rises = [mark for mark in model.record.drift.marks if mark.rose]
    assert rises
    assert rises[0].now > rises[0].before + 0.3
    assert (model.counts["resets"] > 0) is (on_drift is OnDrift.RESET)
    assert all(mark.acted is (mark.rose and on_drift is OnDrift.RESET) for mark in model.record.drift.marks)


def test_the_curve_stays_short_however_long_it_runs() -> None:
    model = KeyedModel(
        recipe("c", dummy.NoChangeClassifier(), Features(_always()), forward_return("1ms", threshold_bps=0)),
        "B",
    )
    for number in range(9_000):
        model.on_event(trade(number * 10, "100" if number % 2 else "101"))

    points = model.record.curve.points
    labels = [point[1] for point in points]
    assert 150 < len(points) < 400
    assert labels[-1] > 8_900
    assert len({after - before for before, after in itertools.pairwise(labels)}) == 1


# -- recipes


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": "With Blank"}, "name"),
        ({"name": ""}, "name"),
        ({"pipeline": linear_model.LogisticRegression}, "pipeline"),
        ({"pipeline": object()}, "pipeline"),
        ({"pipeline": linear_model.LinearRegression()}, "pipeline"),
        ({"label": forward_return("1s")}, "pipeline"),
        ({"label": "up"}, "label"),
        ({"features": "spread"}, "features"),
        ({"metric": metrics.MAE()}, "metric"),
        ({"metric": "auc"}, "metric"),
        ({"detectors": [drift.ADWIN]}, "detectors"),
        ({"on_drift": "panic"}, "on_drift"),
        ({"cost_bps": -1}, "cost_bps"),
        ({"every": 5}, "every"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_by_its_field(options: dict[str, Any], field: str) -> None:
    given = {
        "name": "x", "pipeline": linear_model.LogisticRegression(), "features": Features(spread()),
        "label": forward_return("1s", threshold_bps=0), **options,
    }  # fmt: skip
    with pytest.raises(InvalidField) as refused:
        recipe(given.pop("name"), given.pop("pipeline"), given.pop("features"), given.pop("label"), **given)
    assert refused.value.field == field


def test_samples_are_made_as_seldom_as_asked_for() -> None:
    made = recipe(
        "e",
        dummy.NoChangeClassifier(),
        Features(_always()),
        forward_return("1s", threshold_bps=0),
        every="10s",
    )
    model = KeyedModel(made, "B")
    said = [model.on_event(trade(number * 400, "100")) for number in range(100)]
    times = [each.event_ms - START_MS for each in said if each is not None]

    assert times == [0, 10_000, 20_000, 30_000]
