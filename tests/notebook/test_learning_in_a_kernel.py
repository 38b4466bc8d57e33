"""`ql.learn` and `%ql learn` in a real kernel: a model on the live paper market, looked at and promoted."""

from __future__ import annotations

from kernel import Kernel

MADE = """
from river import dummy, linear_model, preprocessing
from quantlab.learning.feature import Features
from quantlab.learning.features import imbalance, spread
from quantlab.learning.labels import next_tick
pipeline = preprocessing.StandardScaler() | linear_model.LogisticRegression()
model = ql.learn.model("live-1", pipeline, Features(imbalance(), spread()), next_tick(of="mid"))
model.shadow(dummy.PriorClassifier())
heard = []
listening = ql.bus.subscribe("learn.prediction.*", heard.append)
model.attach("market.book_ticker.BTCUSDT")
"""
WAITED = """
import asyncio
async with asyncio.timeout(45):
    while not (model.models and model.models["BTCUSDT"].counts["learned"] > 20 and heard):
        await asyncio.sleep(0.05)
print(model.hears, heard[0].name, heard[0].key, len(ql.orders.frame()))
"""
COMPLETED = """
print(get_ipython().complete("", "%ql learn promote l", 19)[1])
"""


def test_a_model_learns_on_the_live_market_and_the_magic_shows_it(kernel: Kernel) -> None:
    """Empty, made, learning; its scores beside baselines and shadow; wrong lines say what to write."""
    before = kernel.run("print(len(ql.orders.frame()))").text.strip()  # of other tests in this kernel
    empty = kernel.run("%ql learn")
    assert "no model yet: ql.learn.model(name, pipeline, features, label)" in empty.text, empty.error
    made = kernel.run(MADE)
    assert made.status == "ok", made.error
    waited = kernel.run(WAITED)
    hears, name, key, orders = waited.text.split()
    assert (hears, name, key) == ("market.book_ticker.BTCUSDT", "live-1", "BTCUSDT"), waited.error
    assert orders == before  # a prediction orders nothing

    shown = kernel.run("%ql learn")
    assert "live-1" in shown.text
    assert "market.book_ticker.BTCUSDT" in shown.text
    scores = kernel.run("%ql learn live-1")
    for who in ("model", "no change", "prior", "last sign", "shadow", "ROCAUC"):
        assert who in scores.text, scores.text
    assert "live-1" in kernel.run(COMPLETED).text
    nobody = kernel.run("%ql learn nobody")
    assert "there is no model 'nobody'; give one of: live-1" in nobody.error + nobody.text
    wrong = kernel.run("%ql learn promote one two")
    assert "%ql learn promote NAME" in wrong.error
    assert kernel.run("model.detach(); listening.close()").status == "ok"


def test_promotion_by_the_magic_is_a_control_action(kernel: Kernel, token: str) -> None:
    """Refused while not armed; then the shadow is in front, and what it was is put back."""
    assert kernel.run(MADE).status == "ok"
    refused = kernel.run("%ql learn promote live-1")
    assert "NotArmed" in refused.error, refused.text
    assert kernel.run("print(model.promoted)").text.strip() == "False"

    assert kernel.run("%ql arm", answer=token).status == "ok"
    assert "live-1: promoted" in kernel.run("%ql learn promote live-1").text
    assert kernel.run("print(model.promoted)").text.strip() == "True"
    assert "already promoted" in kernel.run("%ql learn promote live-1").error
    assert "live-1: rolled back" in kernel.run("%ql learn rollback live-1").text
    stored = kernel.run("%ql learn rollback live-1 BTCUSDT 3")
    assert "live-1 BTCUSDT version 3 is not in" in stored.error
    assert kernel.run("model.detach(); listening.close()").status == "ok"
