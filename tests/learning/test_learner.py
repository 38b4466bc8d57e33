"""Learners: on a recording, on the live bus on a thread of their own, and with a shadow beside them."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from markets import random_market, trade
from river import dummy, linear_model, preprocessing, tree

from quantlab.bus import Bus
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.domain.market import Trade
from quantlab.domain.venue import Level
from quantlab.engine.learning import Learn
from quantlab.errors import BusError, InvalidField
from quantlab.learning.feature import Features
from quantlab.learning.features import custom, imbalance, log_return, trade_flow
from quantlab.learning.labels import custom as own_label
from quantlab.learning.labels import forward_return
from quantlab.learning.store import open_store
from quantlab.topics import BOOK_TICKER, CATALOGUE, TRADE, Prediction

FEATURES = Features(log_return("1s"), trade_flow("1s"))
LABEL = forward_return("1s", threshold_bps=0)
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def logistic() -> Any:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def nobody(_: object) -> Any:
    raise AssertionError("no command was to be sent")


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    bus = Bus(SystemClock(), catalogue=CATALOGUE)
    bus.start()
    yield bus
    await bus.aclose()


@pytest.fixture
async def learn(bus: Bus) -> AsyncIterator[Learn]:
    learn = Learn(bus, nobody)
    yield learn
    learn.close()


def publish(bus: Bus, events: list[Any]) -> None:
    for event in events:
        bus.publish(TRADE if isinstance(event, Trade) else BOOK_TICKER, event)


async def test_live_replay_and_a_recording_say_the_same(bus: Bus, learn: Learn) -> None:
    """One recording, three ways: every prediction and every score is equal, key by key."""
    events = random_market(21, 2_000, symbols=SYMBOLS)
    heard: list[Prediction] = []
    bus.subscribe("learn.prediction.*", heard.append, capacity=10_000)
    live = learn.model("live", logistic(), FEATURES, LABEL).attach("market.>")
    for start in range(0, len(events), 250):
        publish(bus, events[start : start + 250])
        await asyncio.sleep(0.003)
    await bus.settle()
    run = learn.model("run", logistic(), FEATURES, LABEL)
    again = learn.model("again", logistic(), FEATURES, LABEL)
    said, later = run.run(events), await again.replay(events)

    def content(predictions: list[Prediction]) -> list[Any]:
        return [(each.key, each.number, each.event_ms, each.value, each.shares) for each in predictions]

    assert len(said) > 1_000
    assert {each.key for each in said} == set(SYMBOLS)
    assert content(heard) == content(said) == content(later)
    assert {each.name for each in heard} == {"live"}
    assert live.frame().equals(run.frame())
    assert live.frame().equals(again.frame())
    assert live.lost == 0


async def test_models_learn_on_one_thread_that_is_not_the_loops(bus: Bus, learn: Learn) -> None:
    seen: set[int] = set()

    def look(_: Any) -> float:
        seen.add(threading.get_ident())
        return 1.0

    for name in ("one", "two"):
        learn.model(name, dummy.NoChangeClassifier(), Features(custom("f", look)), LABEL).attach(
            "market.trade.*"
        )
    publish(bus, [trade(number * 10, "100") for number in range(400)])
    await bus.settle()

    assert len(seen) == 1
    assert threading.get_ident() not in seen
    assert [each.models["BTCUSDT"].counts["events"] for each in learn] == [400, 400]
    learn.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("quantlab learner")]


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the scheduler's class is Linux's")
async def test_the_threads_beside_the_loop_step_back_and_the_loop_does_not(
    learn: Learn, tmp_path: Path
) -> None:
    """Learner and store have the class of threads that compute; who waits for a handler keeps its own."""

    def policy() -> int:
        return os.sched_getscheduler(0)

    (tmp_path / "home").mkdir(mode=0o700)
    store = open_store(Settings(home=tmp_path / "home"), Level.PAPER)
    assert await learn.worker.do(policy) == os.SCHED_BATCH
    assert await store._on_thread(policy) == os.SCHED_BATCH
    assert policy() == os.SCHED_OTHER
    await store.aclose()


async def test_what_user_code_raises_costs_its_event_and_nothing_else(bus: Bus, learn: Learn) -> None:
    def look(moment: Any) -> float:
        if moment.trade == 101:
            raise ValueError("no 101 please")
        return moment.trade

    learner = learn.model("w", dummy.NoChangeClassifier(), Features(custom("f", look)), LABEL).attach(
        "market.>"
    )
    publish(bus, [trade(number * 10, "101" if number % 4 == 0 else "100") for number in range(40)])
    await bus.settle()

    assert (learner.failed, learner.models["BTCUSDT"].counts["predicted"]) == (10, 30)
    assert learner.errors[-1] == "Trade: ValueError: no 101 please"
    assert list(learn.frame()["failed"]) == [10]
    learn.model("quiet", dummy.NoChangeClassifier(), FEATURES, LABEL)
    assert {str(learn.frame()[each].dtype) for each in ("events", "learned", "pending")} == {"Int64"}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "high"])
async def test_what_is_no_finite_number_never_reaches_a_model(bus: Bus, learn: Learn, number: Any) -> None:
    """One NaN would stay in every weight for ever: it costs its event, and the model says what came."""
    odd = custom("odd", lambda moment: number if moment.trade == 101 else moment.trade)
    learner = learn.model("w", logistic(), Features(log_return("1s"), odd), LABEL).attach("market.>")
    publish(bus, [trade(at * 200, "101" if at % 10 == 0 else f"100.{at % 3}") for at in range(100)])
    await bus.settle()

    assert learner.failed == 9  # the first of the ten came before the return was warm
    assert "odd" in learner.errors[-1]
    assert str(number) in learner.errors[-1]
    model = learner.models["BTCUSDT"]
    said = model.pipeline.predict_proba_one({"return_1s": 1.0, "odd": 100.0})
    assert 0 < said[True] < 1


def test_a_label_that_is_no_finite_number_or_none_of_its_classes_is_refused() -> None:
    """A custom label is the user's code; what it says wrongly is told, and never learned."""
    learn = Learn(Bus(SystemClock()), nobody)
    broken = own_label("ratio", lambda bps: float("nan") if bps else 0.0, horizon="1s")
    learner = learn.model("n", linear_model.LinearRegression(), FEATURES, broken)
    with pytest.raises(InvalidField, match="ratio.*nan"):
        learner.run(random_market(3, 200))
    with pytest.raises(InvalidField, match="up.*classes"):
        own_label("side", lambda _: "up", horizon="1s", classes=("down", "flat")).judge(0.0)


def test_a_feature_that_raises_is_told_and_hides_no_table(bus: Bus) -> None:
    """What it waits for is looked up in every table of models: code of the user may not break them."""
    learn = Learn(Bus(SystemClock()), nobody)
    ratio = custom("ratio", lambda moment: moment.bid / moment.ask)  # no quote yet: 0 / 0
    learner = learn.model("r", logistic(), Features(ratio), LABEL)
    with pytest.raises(ZeroDivisionError):
        learner.run([trade(1, "100")])
    assert learner.waits_for() == ["ratio: ZeroDivisionError: float division by zero"]
    assert list(learn.frame()["waiting"]) == ["ratio: ZeroDivisionError: float division by zero"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 5),
        ("name", "Up"),
        ("key", 5),
        ("key", ""),
        ("key", "no key"),
        ("detectors", 5),
        ("metric", 5),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(field: str, value: Any) -> None:
    learn = Learn(Bus(SystemClock()), nobody)
    options: dict[str, Any] = {"name": "x", "pipeline": logistic(), "features": FEATURES, "label": LABEL}
    with pytest.raises(InvalidField) as refused:
        learn.model(**{**options, field: value})
    assert refused.value.field == field
    assert list(learn) == []


async def test_a_batch_is_worked_off_in_slices_between_which_the_loop_lives(bus: Bus, learn: Learn) -> None:
    """400 events of a millisecond each: the loop is never without a turn for long."""

    def slow(_: Any) -> float:
        time.sleep(0.001)
        return 1.0

    learner = learn.model("s", dummy.NoChangeClassifier(), Features(custom("f", slow)), LABEL).attach(
        "market.>"
    )
    heard: list[float] = []
    bus.subscribe("learn.prediction.s", lambda _: heard.append(time.monotonic()))
    publish(bus, [trade(number, "100") for number in range(400)])
    start = time.monotonic()
    turns = 0
    while learner.models.get("BTCUSDT") is None or learner.models["BTCUSDT"].counts["events"] < 400:
        await asyncio.sleep(0)
        turns += 1
    whole = time.monotonic() - start

    assert turns > 400
    assert heard[0] - start < whole / 4  # said while the batch was still worked on


async def test_attaching_again_replaces_and_detaching_ends(bus: Bus, learn: Learn) -> None:
    learner = learn.model("a", dummy.NoChangeClassifier(), Features(custom("f", lambda _: 1.0)), LABEL)
    learner.attach("market.trade.BTCUSDT").attach("market.trade.ETHUSDT")
    publish(bus, [trade(1, "100"), trade(2, "100", symbol="ETHUSDT")])
    await bus.settle()
    assert (learner.hears, list(learner.models)) == ("market.trade.ETHUSDT", ["ETHUSDT"])

    learner.detach()
    publish(bus, [trade(3, "100", symbol="ETHUSDT")])
    await bus.settle()
    assert (learner.hears, learner.models["ETHUSDT"].counts["events"]) == ("", 1)
    with pytest.raises(InvalidField):
        learner.attach("")


async def test_a_pattern_that_fits_nothing_leaves_it_listening_as_before(bus: Bus, learn: Learn) -> None:
    learner = learn.model("a", dummy.NoChangeClassifier(), FEATURES, LABEL).attach("market.>")
    for wrong in ("weather.*", "", 5):
        with pytest.raises((BusError, InvalidField)):
            learner.attach(wrong)  # type: ignore[arg-type]
    publish(bus, [trade(1, "100")])
    await bus.settle()
    assert (learner.hears, learner.models["BTCUSDT"].counts["events"]) == ("market.>", 1)
    assert len(bus.subscriptions) == 1


async def test_a_model_made_again_under_its_name_starts_anew_and_the_old_one_hears_nothing(
    bus: Bus, learn: Learn
) -> None:
    old = learn.model("n", dummy.NoChangeClassifier(), FEATURES, LABEL).attach("market.>")
    new = learn.model("n", dummy.NoChangeClassifier(), FEATURES, LABEL).attach("market.>")
    publish(bus, [trade(1, "100")])
    await bus.settle()

    assert (len(old.models), len(new.models)) == (0, 1)
    assert learn["n"] is new
    with pytest.raises(InvalidField, match="give one of: n"):
        learn["m"]


def test_events_without_the_key_are_counted_and_left(recwarn: Any) -> None:
    learner = Learn(Bus(SystemClock()), nobody).model("k", logistic(), FEATURES, LABEL, key="strategy")
    assert learner.run([trade(1, "100")]) == []
    assert (learner.strangers, learner.models) == (1, {})


def test_what_it_waits_for_is_told() -> None:
    """A learner of quotes that hears trades alone predicts nothing, and says why."""
    learner = Learn(Bus(SystemClock()), nobody).model("q", logistic(), Features(imbalance()), LABEL)
    assert learner.run([trade(number * 100, "100") for number in range(50)]) == []
    assert learner.waits_for() == ["imbalance: the first quote"]
    assert learner.models["BTCUSDT"].counts["cold"] == 50


# -- shadows


def test_a_shadow_learns_beside_is_scored_and_never_heard() -> None:
    learn = Learn(Bus(SystemClock()), nobody)
    learner = learn.model("x", dummy.NoChangeClassifier(), FEATURES, LABEL)
    alone = learn.model("alone", dummy.NoChangeClassifier(), FEATURES, LABEL)
    other = learn.model("other", tree.HoeffdingTreeClassifier(grace_period=20), FEATURES, LABEL)
    events = random_market(22, 800)
    learner.shadow(tree.HoeffdingTreeClassifier(grace_period=20))

    values = [each.value for each in learner.run(events)]
    assert values == [each.value for each in alone.run(events)]
    other.run(events)
    rows = learner.frame().set_index("who")
    assert rows.loc["shadow"]["accuracy"] == other.frame().set_index("who").loc["model"]["accuracy"]
    assert list(rows.index) == ["model", "no change", "prior", "last sign", "shadow"]


def test_a_shadow_makes_its_samples_where_the_model_does() -> None:
    """Scored on the same samples, and once in front heard no more often."""
    learn = Learn(Bus(SystemClock()), nobody)
    learner = learn.model("x", dummy.NoChangeClassifier(), FEATURES, LABEL, every="5s")
    learner.shadow(logistic())
    said = learner.run(random_market(24, 800))
    front, behind = learner.models["BTCUSDT"], learner.shadows["BTCUSDT"]
    assert behind.counts == front.counts
    learner.swap()
    assert len(learner.run(random_market(24, 800))) <= len(said)


def test_promotion_puts_the_shadow_in_front_and_rollback_takes_it_back() -> None:
    """Whoever is behind learns on, so going back loses nothing."""
    learn = Learn(Bus(SystemClock()), nobody)
    names = {"front": dummy.NoChangeClassifier(), "behind": tree.HoeffdingTreeClassifier(grace_period=20)}
    alone = {name: learn.model(name, pipeline, FEATURES, LABEL) for name, pipeline in names.items()}
    learner = learn.model("x", names["front"], FEATURES, LABEL).shadow(names["behind"])
    events = random_market(23, 900)
    expected = {name: [each.shares for each in each_alone.run(events)] for name, each_alone in alone.items()}
    found, cuts = [], []
    for start in (0, 300, 600):
        found += [each.shares for each in learner.run(events[start : start + 300])]
        cuts.append(len(found))
        if start == 0:
            assert learner.swap() == "x: promoted, 1 models"
            with pytest.raises(InvalidField, match="already promoted"):
                learner.swap()
        elif start == 300:
            assert learner.swap(back=True) == "x: rolled back, 1 models"
            with pytest.raises(InvalidField, match="not promoted"):
                learner.swap(back=True)

    first, second, _ = cuts
    assert found[:first] == expected["front"][:first]
    assert found[first:second] == expected["behind"][first:second]
    assert found[second:] == expected["front"][second:]
    assert expected["front"] != expected["behind"]
    with pytest.raises(InvalidField, match="has no shadow"):
        alone["front"].swap()


# -- tables and pictures


def test_tables_and_the_picture_show_what_was_learned() -> None:
    learner = Learn(Bus(SystemClock()), nobody).model("t", logistic(), FEATURES, LABEL)
    learner.run(random_market(24, 1_500))
    outcomes, curve, scores = learner.outcomes(), learner.curve(), learner.frame().set_index("who")

    counted = outcomes.dropna(subset="earned_bps")
    assert (counted["label"] == counted["predicted"]).mean() == pytest.approx(scores.loc["model"]["accuracy"])
    assert counted["earned_bps"].sum() == pytest.approx(
        scores.loc["model"]["net_bps"] * scores.loc["model"]["trades"]
    )
    assert (outcomes["learned"] >= outcomes["made"]).all()
    assert curve["labels"].is_monotonic_increasing
    assert set(learner.drift().columns) >= {"time", "rose", "acted", "detector"}
    figure = learner.plot()
    above, below = figure.axes
    lines = {line.get_label(): line for line in below.get_lines()}
    assert {"model", "no change", "prior", "last sign"} <= set(lines)
    assert list(lines["model"].get_ydata()) == list(curve["model earned"])
    assert "t on BTCUSDT" in above.get_title()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_key_that_nobody_has_is_refused_by_what_there_is() -> None:
    learner = Learn(Bus(SystemClock()), nobody).model("t", logistic(), FEATURES, LABEL)
    with pytest.raises(InvalidField, match="no event has come"):
        learner.curve()
    learner.run(random_market(25, 50, symbols=SYMBOLS))
    with pytest.raises(InvalidField, match="BTCUSDT, ETHUSDT"):
        learner.curve("DOGE")
