"""quantlab's store of models beside raw pickle and redis-py, for a benchmark of Redis and River.

    python ../shared/bench/bench_redis_river.py --parts redis \\
        --adapter tests/benchmarks/redis_river_adapter.py

Saves and loads a second of a scaled logistic regression of 1.3 kB, in rows named `redis:model_...`. Raw is
`pickle` and SET or GET; ours is sealed, checked and versioned, and each save notes on the disk, synced, that
this version was seen. All talk over TCP, with a password, to a redis-server of this file's own.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "learning"))

from keptmodels import snapshot, trained
from redisserver import PASSWORD, RedisServer
from river import linear_model, preprocessing

from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.learning.pickler import dumps
from quantlab.learning.snapshot import freeze
from quantlab.learning.store import open_store
from quantlab.secret import Secret

Contender = Callable[[Any, int], Awaitable[float]]
MODEL = trained(preprocessing.StandardScaler() | linear_model.LogisticRegression(), 1_000)


def raw(work: Callable[[Any], Awaitable[object]]) -> Contender:
    async def run(_: Any, count: int) -> float:
        from redis.asyncio import Redis

        with tempfile.TemporaryDirectory() as folder, server(folder) as redis:
            client = Redis(port=redis.port, password=PASSWORD, protocol=2)
            await client.set("model", pickle.dumps(MODEL, 5))
            begun = time.perf_counter()
            for _ in range(count):
                await work(client)
            took = time.perf_counter() - begun
            await client.aclose()
        return count / took

    run.n = 200  # type: ignore[attr-defined]  # how often, as the benchmark asks its contenders
    return run


def ours(*, saves: bool) -> Contender:
    async def run(_: Any, count: int) -> float:
        with tempfile.TemporaryDirectory() as folder, server(folder) as redis:
            settings = Settings(
                home=Path(folder) / "home", redis_url=redis.url, redis_password=Secret(PASSWORD)
            )
            settings.home.mkdir(mode=0o700)
            store = open_store(settings, Level.PAPER)
            version = await store.save(freeze(snapshot(MODEL), dumps), expect_version=0)
            begun = time.perf_counter()
            for _ in range(count):
                if saves:
                    version = await store.save(freeze(snapshot(MODEL), dumps), expect_version=version)
                else:
                    await store.load("minute", "BTCUSDT")
            took = time.perf_counter() - begun
            await store.aclose()
        return count / took

    run.n = 200  # type: ignore[attr-defined]
    return run


def server(folder: str) -> RedisServer:
    return RedisServer(Path(folder), ["--requirepass", PASSWORD])


async def raw_save(client: Any) -> None:
    await client.set("model", pickle.dumps(MODEL, 5))


async def raw_load(client: Any) -> None:
    pickle.loads(await client.get("model"))


def register(registry: dict[str, Contender]) -> None:
    """Add ours, and what they are compared with."""
    registry["redis:model_save_raw"] = raw(raw_save)
    registry["redis:model_load_raw"] = raw(raw_load)
    registry["redis:model_save_quantlab"] = ours(saves=True)
    registry["redis:model_load_quantlab"] = ours(saves=False)
