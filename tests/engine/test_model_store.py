"""Redis is not there: the engine loads, learns and trades, its health says so, and nothing is lost."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from river import linear_model

sys.path.append(str(Path(__file__).parents[1] / "learning"))  # redisserver.py stands there

from markets import random_market
from redisserver import PASSWORD, RedisServer

from quantlab.config import Settings
from quantlab.control.commands import SubmitOrder
from quantlab.engine import Engine
from quantlab.errors import StoreUnavailable
from quantlab.learning.feature import Features
from quantlab.learning.features import log_return
from quantlab.learning.labels import forward_return
from quantlab.secret import Secret
from quantlab.trading.requests import market_order


def told(engine: Engine) -> list[str]:
    monitor = engine.monitor
    health = None if monitor is None else monitor.latest
    return [] if health is None else [each.text for each in health.reasons if each.code == "MODEL_STORE"]


async def test_a_store_that_is_down_is_in_the_health_and_denies_no_order(
    start: Callable[..., Engine], settings: Settings, token: Secret, tmp_path: Path
) -> None:
    """D1."""
    redis = RedisServer(tmp_path, ["--requirepass", PASSWORD])
    engine = start(
        msgspec.structs.replace(settings, redis_url=redis.url, redis_password=Secret(PASSWORD)),
        deterministic=False,
    )
    await engine.ready()
    engine.arm(token)
    pipeline, label = linear_model.LogisticRegression(), forward_return("2s", threshold_bps=0)
    model = engine.learn.model("minute", pipeline, Features(log_return("1s")), label)
    await model.replay(random_market(3, 300))

    with pytest.raises(StoreUnavailable):
        await model.save()
    async with asyncio.timeout(45):
        while not told(engine):
            await asyncio.sleep(0.05)
    assert "is not there" in told(engine)[0]
    assert PASSWORD not in told(engine)[0]
    await engine.health.until_ok(10)
    assert engine.trading_state() == "ACTIVE"
    order = await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.001")))
    assert order is not None

    with redis:
        async with asyncio.timeout(70):
            while told(engine):
                await asyncio.sleep(0.05)
        assert await model.save() >= 2, "what waited was saved by itself, and is known"
        await engine.aclose()
