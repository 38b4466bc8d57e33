"""Learners on a whole engine: the paper venue's market, predictions, promotion through the desk."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from river import dummy, linear_model, preprocessing

from quantlab.engine import Engine
from quantlab.errors import CapabilityRefused, InvalidField, NotArmed
from quantlab.learning.feature import Features
from quantlab.learning.features import imbalance, log_return, spread, trade_flow
from quantlab.learning.labels import forward_return
from quantlab.topics import Prediction

FEATURES = Features(log_return("1s"), imbalance(), spread(), trade_flow("1s"))
LABEL = forward_return("1s", threshold_bps=0)


async def test_the_paper_venues_market_is_learned_as_it_moves_and_orders_nothing(engine: Engine) -> None:
    """After `advance` every event of the market was learned from and every prediction was delivered."""
    heard: list[Prediction] = []
    engine.bus.subscribe("learn.prediction.*", heard.append, capacity=10_000)
    pipeline = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    learner = engine.learn.model("paper", pipeline, FEATURES, LABEL).attach("market.>")
    for _ in range(2):
        await engine.market.advance(6)
    counts = learner.models["BTCUSDT"].counts

    assert counts["learned"] > 20
    assert len([each for each in heard if each.key == "BTCUSDT"]) == counts["predicted"]
    assert {each.name for each in heard} == {"paper"}
    assert all(each.due_ms == each.event_ms + 1_000 for each in heard)
    assert len(engine.orders.frame()) == 0
    assert set(learner.frame()["key"]) == set(learner.models)

    await engine.aclose()
    assert not [each for each in threading.enumerate() if each.name.startswith("quantlab learner")]


async def test_promotion_is_a_control_action(engine: Engine) -> None:
    learner = engine.learn.model("p", dummy.NoChangeClassifier(), FEATURES, LABEL)
    learner.shadow(dummy.PriorClassifier())
    handle = learner.promote()
    assert learner.promoted is False  # nothing before it is awaited
    assert await handle == "p: promoted, 0 models"
    assert learner.promoted
    assert await learner.rollback() == "p: rolled back, 0 models"
    with pytest.raises(InvalidField, match="not promoted"):
        await learner.rollback()

    engine.disarm()
    with pytest.raises((NotArmed, CapabilityRefused)):
        await learner.promote()
    assert learner.promoted is False


def test_loading_quantlab_imports_neither_river_nor_matplotlib() -> None:
    """`%load_ext quantlab` stays fast: they come with the first model and the first picture."""
    code = (
        "import sys, quantlab.notebook.extension, quantlab.notebook.magics;"
        "print([name for name in ('river', 'matplotlib', 'quantlab.learning.keyed') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
