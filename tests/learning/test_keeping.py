"""Learners and both kinds of store: a restart in mid-stream, versions, and what another kernel saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from markets import random_market
from redisserver import PASSWORD, RedisServer
from river import linear_model, preprocessing, tree

from quantlab.bus import Bus
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.engine.learning import Learn
from quantlab.engine.livelearner import LiveLearner
from quantlab.errors import ConfigError, InvalidField, ModelRefused, StoreError, VersionConflict
from quantlab.learning.feature import Features
from quantlab.learning.features import imbalance, log_return, smoothed, time_of_day, trade_flow
from quantlab.learning.labels import forward_return, next_tick
from quantlab.learning.store import open_store
from quantlab.topics import CATALOGUE

FEATURES = Features(log_return("1s"), trade_flow("2s"), smoothed(imbalance(), "1s"), time_of_day())
LABEL = forward_return("2s", threshold_bps=0)
PIPELINES: dict[str, Callable[[], Any]] = {
    "logistic": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "tree": lambda: (
        preprocessing.StandardScaler() | tree.HoeffdingAdaptiveTreeClassifier(seed=1, grace_period=40)
    ),
}


@pytest.fixture(params=["files", "redis"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the environment says of where models are kept; a real server where that is Redis."""
    if request.param == "files":
        yield {}
        return
    with RedisServer(tmp_path, ["--requirepass", PASSWORD]) as server:
        yield {"QUANTLAB_REDIS_URL": server.url, "QUANTLAB_REDIS_PASSWORD": PASSWORD}


@pytest.fixture
async def kernel(tmp_path: Path, backend: dict[str, str]) -> AsyncIterator[Callable[[], Learn]]:
    """Makes what a kernel has of learning, each time anew, over one home and one store."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    settings = Settings.from_environment({"QUANTLAB_HOME": str(home), **backend})
    made: list[Learn] = []

    def start() -> Learn:
        bus = Bus(SystemClock(), catalogue=CATALOGUE)

        def execute(command: Any) -> Any:  # the desk's part has tests of its own
            return learn.change(command)

        learn = Learn(bus, execute, lambda: open_store(settings, Level.PAPER))
        made.append(learn)
        return learn

    yield start
    for learn in made:
        await learn.aclose()


def model(learn: Learn, pipeline: str = "logistic", **options: Any) -> LiveLearner:
    return learn.model("kept", PIPELINES[pipeline](), FEATURES, LABEL, **options)


@pytest.mark.parametrize("pipeline", PIPELINES)
async def test_a_new_kernel_goes_on_as_if_nothing_had_happened(
    kernel: Callable[[], Learn], pipeline: str
) -> None:
    """Saved with labels pending, loaded elsewhere: the rest is predicted bit for bit."""
    events = random_market(31, 1_200)
    whole = model(kernel(), pipeline).run(events)
    first = model(kernel(), pipeline)
    before = first.run(events[:700])
    assert first.models["BTCUSDT"].pending > 2
    assert await first.save() == 1
    second = model(kernel(), pipeline)
    assert await second.load("BTCUSDT") == 1
    after = second.run(events[700:])

    def content(said: list[Any]) -> list[Any]:
        return [(each.number, each.event_ms, each.value, each.shares, each.price) for each in said]

    assert content(before + after) == content(whole)
    assert len(after) > 200
    assert {each.version for each in before} == {0}
    assert {each.version for each in after} == {1}


@pytest.mark.parametrize("promoted", [False, True])
async def test_a_shadow_goes_on_as_well_and_in_its_place(kernel: Callable[[], Learn], promoted: bool) -> None:
    """Saved with its model as of one event: scores and predictions of both are those of an uninterrupted
    run, also when they change places later."""
    events = random_market(36, 1_500)

    def made(learn: Learn) -> LiveLearner:
        learner = model(learn, "logistic")
        learner.shadow(PIPELINES["tree"]())
        return learner

    def rest(learner: LiveLearner) -> list[Any]:
        said = learner.run(events[700:1_100])
        learner.swap(back=promoted)
        said += learner.run(events[1_100:])
        return [(each.number, each.value, each.shares) for each in said]

    whole, first = made(kernel()), made(kernel())
    for each in (whole, first):
        each.run(events[:400])
        if promoted:
            each.swap()
        each.run(events[400:700])
    await first.save()
    second = made(kernel())
    await second.load("BTCUSDT")

    assert second.promoted is promoted
    assert second.shadows["BTCUSDT"].pending > 2
    assert rest(second) == rest(whole)
    assert second.frame().equals(whole.frame())
    assert set(second.frame()["who"]) > {"model", "shadow"}
    alone = model(kernel(), "tree" if promoted else "logistic")
    await alone.load("BTCUSDT")  # who asks for no shadow gets none
    assert not alone.shadows


async def test_places_that_differ_are_not_changed_under_another_key(kernel: Callable[[], Learn]) -> None:
    events = random_market(37, 600, symbols=("BTCUSDT", "ETHUSDT"))
    learner = model(kernel()).shadow(PIPELINES["tree"]())
    learner.run(events)
    await learner.save("BTCUSDT")
    learner.swap()
    fronts = dict(learner.models)
    with pytest.raises(InvalidField, match=r"not promoted.* roll it back first: ETHUSDT is with it"):
        await learner.load("BTCUSDT")

    assert learner.models == fronts
    assert learner.promoted
    learner.swap(back=True)
    await learner.load("BTCUSDT")
    assert not learner.promoted


async def test_a_version_can_be_gone_back_to_and_the_line_goes_on(kernel: Callable[[], Learn]) -> None:
    events = random_market(32, 900)
    learn = kernel()
    learner = model(learn)
    learner.run(events[:300])
    assert await learner.save() == 1
    learner.run(events[300:600])
    assert await learner.save() == 2
    rest = [each.shares for each in learner.run(events[600:])]
    assert (
        await learner.rollback("BTCUSDT", 1) == "kept: BTCUSDT goes on from version 1, which is now version 3"
    )
    assert learner.models["BTCUSDT"].counts["events"] == 300
    again = [each.shares for each in learner.run(events[300:])]

    assert again[-len(rest) :] == rest
    assert await learner.save() == 4
    with pytest.raises(StoreError, match="version 9 is not in"):
        await learner.rollback("BTCUSDT", 9)
    assert learner.models["BTCUSDT"].version == 4


async def test_it_is_kept_by_itself_as_long_as_there_is_news(kernel: Callable[[], Learn]) -> None:
    learner = model(kernel())
    events = random_market(33, 400)
    learner.run(events[:200])
    learner.keep("20ms")
    await _until(lambda: learner.models["BTCUSDT"].version == 1)
    await asyncio.sleep(0.1)
    assert learner.models["BTCUSDT"].version == 1  # nothing new, nothing saved
    learner.run(events[200:])
    await _until(lambda: learner.models["BTCUSDT"].version == 2)
    assert learner.problem == ""


async def test_two_kernels_do_not_overwrite_each_other(kernel: Callable[[], Learn]) -> None:
    """The second one, which never loaded, is told; what it has goes on learning, and its problem is shown."""
    events = random_market(34, 600)
    one, two = model(kernel()), model(other := kernel())
    one.run(events)
    two.run(events[:300])
    assert await one.save() == 1
    with pytest.raises(VersionConflict):
        await two.save()
    two.keep("20ms")
    await _until(lambda: "VersionConflict" in two.problem)
    assert "VersionConflict" in other.frame()["store"].iloc[0]
    assert two.run(events[300:])
    assert await two.save(anew=True) == 2
    with pytest.raises(VersionConflict):
        await one.save()


async def test_what_does_not_fit_or_cannot_be_kept_is_refused_and_what_runs_goes_on(
    kernel: Callable[[], Learn],
) -> None:
    events = random_market(35, 300)
    first = model(kernel())
    first.run(events)
    await first.save()
    other = kernel().model("kept", PIPELINES["logistic"](), FEATURES, next_tick())
    other.run(events)
    learned = other.models["BTCUSDT"].counts["learned"]
    with pytest.raises(InvalidField, match="label"):
        await other.load("BTCUSDT")
    with pytest.raises(StoreError, match="none"):
        await other.load("ETHUSDT")
    assert other.models["BTCUSDT"].counts["learned"] == learned > 0

    from river import compose

    own = kernel().model("own", compose.FuncTransformer(dict) | PIPELINES["logistic"](), FEATURES, LABEL)
    own.run(events)
    with pytest.raises(ModelRefused, match="FuncTransformer"):
        await own.save()


async def test_a_model_of_another_pipeline_is_refused_by_what_it_is(kernel: Callable[[], Learn]) -> None:
    """What is loaded is what the notebook says it is: no tree goes on under a regression's name."""
    events = random_market(36, 300)
    first = model(kernel(), "tree")
    first.run(events)
    await first.save()
    other = model(kernel(), "logistic")
    other.run(events[:100])
    with pytest.raises(InvalidField, match=r"HoeffdingAdaptiveTreeClassifier.*LogisticRegression"):
        await other.load("BTCUSDT")
    with pytest.raises(InvalidField, match="pipeline"):
        await other.rollback("BTCUSDT", 1)
    assert other.models["BTCUSDT"].version == 0
    assert await other.save(anew=True) == 2  # nothing was made the newest meanwhile


@pytest.mark.parametrize(
    ("key", "version"),
    [("BTCUSDT", "1"), ("BTCUSDT", True), ("BTCUSDT", -1), ("BTCUSDT", 0), (5, 1), ("../x", 1)],
)
async def test_what_is_no_version_or_no_key_is_refused_by_name(
    kernel: Callable[[], Learn], key: Any, version: Any
) -> None:
    learner = model(kernel())
    learner.run(random_market(37, 200))
    await learner.save()
    with pytest.raises(InvalidField, match="^(key|version): "):
        await learner.load(key, version)


async def test_one_model_that_cannot_be_kept_keeps_no_other_from_being_kept(
    kernel: Callable[[], Learn], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key is tried each time, whatever one of them raises, and the problem stays in sight."""
    learner = model(kernel())
    learner.run(random_market(38, 300, symbols=("BTCUSDT", "ETHUSDT", "BNBUSDT")))
    first = next(iter(learner.models.values()))

    def broken(note: str = "") -> Any:
        raise ZeroDivisionError("no snapshot today")

    monkeypatch.setattr(first, "snapshot", broken)
    learner.keep("20ms")
    others = [each for each in learner.models.values() if each is not first]
    await _until(lambda: all(each.version for each in others))
    await _until(lambda: "no snapshot today" in learner.problem)
    monkeypatch.undo()
    await _until(lambda: first.version == 1 and not learner.problem)


async def test_after_the_engine_has_ended_the_store_says_so(kernel: Callable[[], Learn]) -> None:
    learner = model(learn := kernel())
    learner.run(random_market(39, 200))
    await learner.save()
    await learn.aclose()
    for late in (learner.save(), learner.load("BTCUSDT"), learner.save(anew=True)):
        with pytest.raises(StoreError, match="the store is closed"):
            await late


async def test_without_a_store_it_says_so() -> None:
    learn = Learn(Bus(SystemClock()), nobody)
    with pytest.raises(ConfigError, match="no store"):
        await model(learn).load("BTCUSDT")


def nobody(_: object) -> Any:
    raise AssertionError("no command was to be sent")


async def _until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not met():
            await asyncio.sleep(0.005)
