"""Saving and loading models: quantlab's store beside raw pickle and redis-py, and JSON where it can.

Prints JSON and asserts nothing. Milliseconds, medians of interleaved rounds: A B C, A B C, ...
What each row does is in the file; the loop's longest gap is measured while a thread pickles.

    python tests/benchmarks/bench_store.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "learning"))

from redisserver import PASSWORD, RedisServer
from river import linear_model, preprocessing, tree

from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.learning.background import step_back, uncollected
from quantlab.learning.pickler import dumps
from quantlab.learning.snapshot import Snapshot, canary_of, freeze
from quantlab.learning.store import Store, open_store
from quantlab.learning.unpickler import loads
from quantlab.secret import Secret

NAMES = ("ret1", "ret5", "imb", "spr", "vol", "mom")


def learned(model: Any, count: int) -> tuple[Any, list[dict[str, float]]]:
    draw = random.Random(3)
    inputs = []
    for _ in range(count):
        x = {name: draw.gauss(0, 1) for name in NAMES}
        model.learn_one(x, x["imb"] + 0.3 * x["ret1"] + draw.gauss(0, 0.5) > 0)
        inputs.append(x)
    return model, inputs[-32:]


def snapshot(name: str, model: Any, inputs: list[dict[str, float]]) -> Snapshot:
    return Snapshot(
        name=name, key="BTCUSDT", version=0, parent=0, features=None, features_state=None, label=None,
        pending=[], sequence=0, counts={}, span=None, metrics={}, state={},
        canary=canary_of(model, tuple(inputs)), objects={"pipeline": model},
    )  # fmt: skip


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1e3


class Saver:
    """One store, whose line of versions goes on."""

    def __init__(self, store: Store, taken: Snapshot) -> None:
        self.store, self.taken, self.version = store, taken, 0

    async def save(self) -> None:
        frozen = freeze(self.taken, dumps)
        self.version = await self.store.save(frozen, expect_version=self.version)

    async def load(self) -> None:
        await self.store.load(self.taken.name, self.taken.key)


def json_of(model: Any) -> str:
    """All that a scaled logistic regression knows; of a tree nobody has written this."""
    scaler, regression = model["StandardScaler"], model["LogisticRegression"]
    numbers = (scaler.counts, scaler.means, scaler.vars, regression.weights)
    return json.dumps([*map(dict, numbers), regression.intercept])


async def of_model(name: str, model: Any, inputs: list[Any], redis: RedisServer, rounds: int) -> Any:
    from redis.asyncio import Redis

    raw = Redis(port=redis.port, password=PASSWORD, protocol=2)
    home = Path(tempfile.mkdtemp())
    taken = snapshot(name, model, inputs)
    files = Saver(open_store(Settings(home=home), Level.PAPER), taken)
    there = Settings(home=home, redis_url=redis.url, redis_password=Secret(PASSWORD))
    remote = Saver(open_store(there, Level.PAPER), taken)
    blob = pickle.dumps(model, 5)

    async def plain_save() -> None:
        await raw.set("raw", pickle.dumps(model, 5))

    async def plain_load() -> None:
        pickle.loads(await raw.get("raw"))

    async def json_save() -> None:
        await raw.set("json", json_of(model))

    async def json_load() -> None:
        json.loads(await raw.get("json"))

    def now(work: Callable[[], object]) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            work()

        return run

    rows = {
        "save: pickle + redis-py": plain_save, "load: pickle + redis-py": plain_load,
        "save: quantlab, files": files.save, "load: quantlab, files": files.load,
        "save: quantlab, redis": remote.save, "load: quantlab, redis": remote.load,
        "step: pickle.dumps": now(lambda: pickle.dumps(model, 5)),
        "step: our dumps": now(lambda: dumps(model)),
        "step: pickle.loads": now(lambda: pickle.loads(blob)),
        "step: our strict loads": now(lambda: loads(blob)),
        "step: pickle._loads (pure Python)": now(lambda: pickle._loads(blob)),  # type: ignore[attr-defined]
    }  # fmt: skip
    if "logistic" in name:
        rows |= {"save: json by hand + redis-py": json_save, "load: json by hand + redis-py": json_load}
    found: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(rounds):
        for row, work in rows.items():
            found[row].append(await timed(work))
    for each in (files.store, remote.store):
        await each.aclose()
    await raw.aclose()
    medians = {row: round(statistics.median(values), 3) for row, values in found.items()}
    return {"bytes": len(blob), "ms": medians}


def uncollected_do(work: Callable[[Any], object], given: Any) -> None:
    with uncollected():
        work(given)


async def longest_gap(work: Callable[[], object], windows: int = 9) -> dict[str, float]:
    """How long the loop was not asked while a thread of quantlab's does `work` each 0.2 s.

    Milliseconds; the median of the longest gap of each second, since a busy machine has gaps of its own.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    stop = threading.Event()
    longest: list[float] = []

    def repeat() -> None:
        step_back()
        while not stop.wait(0.2):
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    for _ in range(windows):
        last, end, most = time.perf_counter(), time.perf_counter() + 1, 0.0
        while last < end:
            await asyncio.sleep(0)
            now = time.perf_counter()
            most, last = max(most, (now - last) * 1e3), now
        longest.append(most)
    stop.set()
    thread.join()
    sys.setswitchinterval(before)
    return {"median": round(statistics.median(longest), 2), "least": round(min(longest), 2)}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--learn", type=int, default=50_000, help="samples that the models have learned")
    options = parser.parse_args()
    models = {
        "logistic": preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        "adaptive-tree": preprocessing.StandardScaler() | tree.HoeffdingAdaptiveTreeClassifier(seed=1),
    }
    found: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        RedisServer(Path(folder), ["--requirepass", PASSWORD]) as redis,
    ):
        for name, model in models.items():
            learned_model, inputs = learned(model, options.learn)
            found[name] = await of_model(name, learned_model, inputs, redis, options.rounds)
    big = models["adaptive-tree"]
    blob = pickle.dumps(big, 5)
    found["longest gap of the loop in a second, ms, while a thread"] = {
        "does nothing": await longest_gap(lambda: None),
        "pickles, as Python does": await longest_gap(lambda: pickle.dumps(big, 5)),
        "pickles, as the store does": await longest_gap(lambda: uncollected_do(dumps, big)),
        "loads, as the store does": await longest_gap(lambda: uncollected_do(loads, blob)),
    }
    print(json.dumps(found, indent=1))


asyncio.run(main())
