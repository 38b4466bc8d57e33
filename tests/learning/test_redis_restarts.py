"""A learner on a live bus, its models in a real Redis: kernels and servers come and go, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markets import random_market
from redisserver import PASSWORD, RedisServer
from river import preprocessing, tree

from quantlab.bus import Bus
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.domain.market import Trade
from quantlab.domain.venue import Level
from quantlab.engine.learning import Learn
from quantlab.engine.livelearner import LiveLearner
from quantlab.learning.feature import Features
from quantlab.learning.features import imbalance, log_return, smoothed, trade_flow
from quantlab.learning.labels import forward_return
from quantlab.learning.store import Store, open_store
from quantlab.topics import BOOK_TICKER, CATALOGUE, TRADE, Prediction

FEATURES = Features(log_return("1s"), trade_flow("2s"), smoothed(imbalance(), "1s"))
EVENTS = random_market(41, 1_500)
KEEPS = ["--requirepass", PASSWORD, "--appendonly", "yes", "--appendfsync", "always"]  # over its own death


class Kernel:
    """What a kernel has of learning: a bus, a learner that listens on it, a store that is tried again soon.

    Attributes:
        heard: The predictions on the bus.
    """

    def __init__(self, settings: Settings) -> None:
        self.bus = Bus(SystemClock(), catalogue=CATALOGUE)
        self.bus.start()
        self.heard: list[Prediction] = []
        self.bus.subscribe("learn.prediction.*", self.heard.append, capacity=10_000)
        self.learn = Learn(self.bus, lambda _: None, lambda: self._store(settings))  # type: ignore[arg-type, return-value]
        pipeline = preprocessing.StandardScaler() | tree.HoeffdingAdaptiveTreeClassifier(
            seed=1, grace_period=40
        )
        self.learner: LiveLearner = self.learn.model(
            "live", pipeline, FEATURES, forward_return("2s", threshold_bps=0)
        )

    def _store(self, settings: Settings) -> Store:
        store = open_store(settings, Level.PAPER)
        store._waiting._patience = msgspec.structs.replace(
            store._waiting._patience, first_s=0.05, longest_s=0.1, budget_s=0.3
        )
        return store

    async def hear(self, events: list[Any]) -> None:
        """Everything is published, learned from, and what was predicted was heard."""
        self.learner.attach("market.>")
        for event in events:
            self.bus.publish(TRADE if isinstance(event, Trade) else BOOK_TICKER, event)
        await self.bus.settle()

    def said(self) -> list[Any]:
        return [(each.number, each.event_ms, each.value, each.shares) for each in self.heard]

    async def aclose(self) -> None:
        await self.learn.aclose()
        await self.bus.aclose()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path, KEEPS) as running:
        yield running


@pytest.fixture
async def start(tmp_path: Path, server: RedisServer) -> AsyncIterator[Callable[[], Kernel]]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    settings = Settings.from_environment(
        {"QUANTLAB_HOME": str(home), "QUANTLAB_REDIS_URL": server.url, "QUANTLAB_REDIS_PASSWORD": PASSWORD}
    )
    made: list[Kernel] = []

    def new() -> Kernel:
        made.append(Kernel(settings))
        return made[-1]

    yield new
    for each in made:
        await each.aclose()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not met():
            await asyncio.sleep(0.01)


async def test_kernels_that_follow_each_other_in_mid_stream_predict_as_one_would(
    start: Callable[[], Kernel],
) -> None:
    """Three kernels, one after another, each from what the last one left in Redis."""
    whole = start()
    await whole.hear(EVENTS)
    said: list[Any] = []
    for first, last in ((0, 500), (500, 900), (900, len(EVENTS))):
        kernel = start()
        if first:
            await kernel.learner.load("BTCUSDT")
            assert kernel.learner.models["BTCUSDT"].pending > 0
        await kernel.hear(EVENTS[first:last])
        await kernel.learner.save()
        await kernel.aclose()
        said += kernel.said()

    assert said == whole.said()
    assert len(said) > 500


async def test_a_server_that_dies_in_the_middle_of_a_save_costs_nothing(
    start: Callable[[], Kernel], server: RedisServer
) -> None:
    """It hangs, it is killed, it is away while the model learns on, it comes back: what was saved is there,
    what waited is saved by itself, and the next kernel goes on from the newest event."""
    whole, kernel = start(), start()
    await whole.hear(EVENTS)
    await kernel.hear(EVENTS[:500])
    assert await kernel.learner.save() == 1

    kernel.learner.keep("50ms")
    await kernel.hear(EVENTS[500:700])
    server.freeze()
    await kernel.hear(EVENTS[700:900])
    await asyncio.sleep(0.2)  # a save is under way, and the server says nothing
    server.stop()
    await until(lambda: kernel.learn.store_notice != "")
    assert "is not there, or the connection broke" in kernel.learn.frame()["store"].iloc[0]
    await kernel.hear(EVENTS[900:1_100])  # it learns on
    assert PASSWORD not in kernel.learn.store_notice

    server.start()
    await until(lambda: kernel.learn.store_notice == "" and kernel.learner.problem == "")
    await until(lambda: kernel.learner._kept()._kept["BTCUSDT"] == 1_100)
    store = kernel.learn.require_store()
    kept = await store.versions("live", "BTCUSDT")
    assert [each.version for each in kept] == list(range(kept[0].version, kept[-1].version + 1))
    assert kept[-1].sequence == 1_100
    await kernel.aclose()

    after = start()
    await after.learner.load("BTCUSDT")
    await after.hear(EVENTS[1_100:])
    assert kernel.said() + after.said() == whole.said()
    assert len(after.said()) > 100
