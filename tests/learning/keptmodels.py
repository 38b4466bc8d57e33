"""Models that have learned, as the learner would hand them to a store."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from quantlab.learning.snapshot import Snapshot, canary_of

FEATURES = ("return", "imbalance", "spread", "flow")


def inputs(count: int, seed: int = 3) -> list[dict[str, float]]:
    draw = random.Random(seed)
    return [{name: draw.gauss(0, 1) for name in FEATURES} for _ in range(count)]


def trained(model: Any, count: int = 200, *, number: bool = False, seed: int = 3) -> Any:
    """`model` after `count` samples with a class, or a number, that follows from its inputs."""
    draw = random.Random(seed + 1)
    for x in inputs(count, seed):
        value = x["imbalance"] + 0.3 * x["return"] + draw.gauss(0, 0.3)
        model.learn_one(x, value if number else value > 0)
    return model


def snapshot(model: Any, *, name: str = "minute", key: str = "BTCUSDT", **others: Any) -> Snapshot:
    plain = Snapshot(
        name=name, key=key, version=0, parent=0, features={"return": "60s"}, features_state=[[1, "0.5"]],
        label={"horizon_ms": 60_000}, pending=[[1, 2.5]], sequence=200, counts={"learned": 200}, span=None,
        metrics={"auc": 0.5}, state={}, canary=canary_of(model, tuple(inputs(32, 9))),
        objects={"pipeline": model},
    )  # fmt: skip
    return msgspec.structs.replace(plain, **others)
