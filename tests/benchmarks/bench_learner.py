"""What a learner costs: around River's own work, for handlers beside it, for the loop while it is saved.

Prints JSON, asserts nothing; each figure is a median of interleaved rounds.

`overhead`: microseconds of CPU an event, from the same trades to the same predictions, labels, metric and
drift detectors. `river` makes the features, and River's `progressive_val_score(..., delay=)` does the rest;
`by_hand` is the shortest loop that waits for its labels. `learner` has beside it baselines, costs, a curve,
tables and predictions as events. `least_to_river` compares the quickest rounds, which a busy machine
disturbed least.

`hot_path`: from publish to a handler, microseconds at p50 and p99, without a learner and with one.

`save`: likewise, and the longest gap between two turns of the loop, in ms, while an adaptive tree of
about 1.2 MB learns and is saved in files each second; beside it the same pickled on the loop.
`longest_gap_own_ms` is the same without what a busy machine adds: of each gap at most the processor time that
this process used in it, and at most what is left when the loop's thread had not to wait for a processor.

    python tests/benchmarks/bench_learner.py [--rounds 5] [--seconds 4] [--rate 2000] [--parts hot_path,save]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import pickle
import random
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from river import drift, evaluate, linear_model, metrics, preprocessing, tree

from quantlab.bus import Bus
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.domain.market import Trade
from quantlab.domain.venue import Level
from quantlab.engine.learning import Learn
from quantlab.learning.feature import Features
from quantlab.learning.features import log_return, time_of_day, trade_flow, trade_rate, volatility
from quantlab.learning.keyed import KeyedModel
from quantlab.learning.labels import forward_return
from quantlab.learning.moment import Kind, Moment
from quantlab.learning.recipe import recipe
from quantlab.learning.store import open_store
from quantlab.topics import CATALOGUE, TRADE
from quantlab.wire.breather import SWITCH_INTERVAL

START_MS = 1_767_225_600_000
HORIZON_MS = 1_000
WAITED = Path("/proc/thread-self/schedstat")  # Linux
FEATURES = Features(
    log_return("1s"), volatility("1s"), trade_flow("1s"), trade_rate("1s"), time_of_day()
)  # six numbers
PIPELINES: dict[str, Callable[[], Any]] = {
    "scaler|logistic": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "scaler|hoeffding": lambda: preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(),
    "scaler|hoeffding_adaptive": lambda: (
        preprocessing.StandardScaler() | tree.HoeffdingAdaptiveTreeClassifier(seed=1)
    ),
}


def market(count: int, step_ms: int = 10) -> list[Trade]:
    draw, price, events = random.Random(3), 6_000_000, []
    for number in range(count):
        price += draw.choice((-20, -10, 0, 10, 20))
        when = START_MS + number * step_ms
        events.append(
            Trade(
                symbol="BTCUSDT", trade_id=number, price=Decimal(price) / 100, quantity=Decimal("0.5"),
                buyer_is_maker=draw.random() < 0.5, trade_ms=when, event_ms=when,
            )
        )  # fmt: skip
    return events


# -- overhead


def inputs_of(events: list[Trade]) -> list[tuple[int, dict[str, float]]]:
    """The features alone."""
    features, moment, found = FEATURES.fresh(), Moment(), []
    for event in events:
        moment.pass_to(event.event_ms)
        moment.fold(event)
        features.update(Kind.TRADE, moment)
        made = features.inputs(moment)
        if made is not None:
            found.append((event.event_ms, made))
    return found


class Watched(metrics.ROCAUC):
    """River's metric with River's drift detectors behind it, on the error of the likelier class."""

    def __init__(self) -> None:
        super().__init__()
        self.detectors = [drift.ADWIN(), drift.PageHinkley()]
        self.marks = 0

    def update(self, y_true: Any, y_pred: Any, w: float = 1.0) -> None:
        super().update(y_true, y_pred, w)
        error = float(max(y_pred, key=y_pred.__getitem__) != y_true) if y_pred else 0.0
        for each in self.detectors:
            each.update(error)
            self.marks += each.drift_detected


def by_hand(pipeline: Any, events: list[Trade]) -> None:
    features, moment, metric = FEATURES.fresh(), Moment(), Watched()
    pending: deque[tuple[Any, ...]] = deque()
    for event in events:
        now_ms = moment.pass_to(event.event_ms)
        moment.fold(event)
        while pending and pending[0][0] <= now_ms:
            _, inputs, price, said = pending.popleft()
            metric.update(moment.trade > price, said)
            pipeline.learn_one(inputs, moment.trade > price)
        features.update(Kind.TRADE, moment)
        made = features.inputs(moment)
        if made is not None:
            pending.append((now_ms + HORIZON_MS, made, moment.trade, pipeline.predict_proba_one(made)))


def river(pipeline: Any, events: list[Trade]) -> None:
    made = inputs_of(events)
    price = {each.event_ms: float(each.price) for each in events}
    last = events[-1].event_ms  # steps of 10 ms: each horizon ends at a trade
    samples = [(inputs, price[min(at + HORIZON_MS, last)] > price[at]) for at, inputs in made]
    times = {id(inputs): at for at, inputs in made}
    evaluate.progressive_val_score(
        samples, pipeline, Watched(), moment=lambda x: times[id(x)], delay=HORIZON_MS
    )


def learner(pipeline: Any, events: list[Trade]) -> KeyedModel:
    model = KeyedModel(recipe("bench", pipeline, FEATURES, forward_return("1s", threshold_bps=0)), "BTCUSDT")
    take = model.on_event
    for event in events:
        take(event)
    return model


def cpu(work: Callable[..., Any], *args: Any) -> float:
    gc.collect()
    began = time.thread_time()
    work(*args)
    return time.thread_time() - began


def overhead(count: int, rounds: int) -> dict[str, Any]:
    events = market(count)
    found: dict[str, dict[str, list[float]]] = {name: {} for name in PIPELINES}
    for _ in range(rounds):
        for name, make in PIPELINES.items():
            for who in (by_hand, river, learner):
                spent = cpu(who, make(), events) / count * 1e6
                found[name].setdefault(who.__name__, []).append(spent)
    table: dict[str, Any] = {}
    for name, row in found.items():
        table[name] = {f"{who}_us": round(statistics.median(spent), 2) for who, spent in row.items()}
        for other in ("river", "by_hand"):
            ratios = [mine / its for mine, its in zip(row["learner"], row[other], strict=True)]
            table[name][f"to_{other}"] = round(statistics.median(ratios), 3)
        table[name]["least_to_river"] = round(min(row["learner"]) / min(row["river"]), 3)
    return table


# -- the hot path


def grown_tree(samples: int) -> Any:
    """An adaptive tree that has learned for long: about 1.2 MB."""
    pipeline, draw = PIPELINES["scaler|hoeffding_adaptive"](), random.Random(3)
    names = [each.name for each in FEATURES]
    for _ in range(samples):
        inputs = {name: draw.gauss(0, 1) for name in names}
        pipeline.learn_one(inputs, inputs[names[0]] + 0.3 * inputs[names[1]] + draw.gauss(0, 0.5) > 0)
    return pipeline


def processor_wait_s(told: int | None) -> float:
    """How long a thread was ready to run and had no processor, since it began; 0 where nobody tells."""
    return 0.0 if told is None else int(os.pread(told, 64, 0).split()[1]) / 1e9


class Ground:
    """A bus with one handler that is timed, and what a kernel has of learning."""

    def __init__(self, home: Path, *, owns: bool) -> None:
        self._owns = owns  # to look at it at each turn costs handlers something too
        settings = Settings.from_environment({"QUANTLAB_HOME": str(home)})
        self.bus = Bus(SystemClock(), catalogue=CATALOGUE)
        self.bus.start()
        self.learn = Learn(self.bus, lambda _: None, lambda: open_store(settings, Level.PAPER))  # type: ignore[arg-type, return-value]
        self.sent: deque[float] = deque()
        self.waits: list[float] = []
        self.gaps: list[float] = []
        self.own: list[float] = []
        self.bus.subscribe(TRADE, self._on_trade, capacity=100_000)
        self._watching = asyncio.ensure_future(self._watch())

    def _on_trade(self, _: Trade) -> None:
        self.waits.append(time.perf_counter() - self.sent.popleft())

    async def _watch(self) -> None:
        told = os.open(WAITED, os.O_RDONLY) if self._owns and WAITED.exists() else None  # of this thread
        last, used, waited = time.perf_counter(), time.process_time(), processor_wait_s(told)
        while True:
            await asyncio.sleep(0.0005)
            now, using, waiting = time.perf_counter(), time.process_time(), processor_wait_s(told)
            self.gaps.append(now - last)
            self.own.append(min(using - used, now - last - (waiting - waited)))
            last, used, waited = now, using, waiting

    def forget(self) -> None:
        """What was measured until now."""
        for each in (self.waits, self.gaps, self.own):
            each.clear()

    async def play(self, events: list[Trade], rate: float) -> None:
        """Publish at so many events a second, one a turn of the loop."""
        began, done = time.perf_counter(), 0
        while done < len(events):
            due = min(len(events), int((time.perf_counter() - began) * rate))
            while done < due:
                self.sent.append(time.perf_counter())
                self.bus.publish(TRADE, events[done])
                done += 1
                await asyncio.sleep(0)
            await asyncio.sleep(0.0003)
        await self.bus.settle()

    async def aclose(self) -> None:
        self._watching.cancel()
        await self.learn.aclose()
        await self.bus.aclose()


async def played(
    mode: str, pipeline: Any, events: list[Trade], rate: float, *, owns: bool
) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        ground = Ground(home, owns=owns)
        saving: asyncio.Task[None] | None = None
        if mode != "no learner":
            model = ground.learn.model("bench", pipeline, FEATURES, forward_return("1s", threshold_bps=0))
            model.run(events[:1])  # copies the pipeline, which happens once
            model.attach("market.trade.*")
            if mode == "learner, saved each second":
                model.keep("1s")
            elif mode == "learner, pickled on the loop":
                saving = asyncio.ensure_future(pickled_on_the_loop(model))
        await asyncio.sleep(0.05)
        ground.forget()
        await ground.play(events[1:], rate)
        if saving is not None:
            saving.cancel()
        versions = [] if mode == "no learner" else [each.version for each in model.models.values()]
        problem = "" if mode == "no learner" else model.problem
        await ground.aclose()
    waits, gaps = sorted(ground.waits), sorted(ground.gaps)
    if problem:
        raise RuntimeError(problem)
    return {
        "p50_us": waits[len(waits) // 2] * 1e6,
        "p99_us": waits[int(len(waits) * 0.99)] * 1e6,
        "longest_gap_ms": gaps[-1] * 1e3,
        **({"longest_gap_own_ms": max(ground.own) * 1e3} if owns else {}),
        "saved": float(sum(versions)),
    }


async def pickled_on_the_loop(model: Any) -> None:
    while True:
        await asyncio.sleep(1)
        with model.lock:
            pickle.dumps(next(iter(model.models.values())).pipeline)


def compared(
    modes: list[str], pipeline: Any, *, rounds: int, seconds: float, rate: float, owns: bool = False
) -> dict[str, Any]:
    events, found = market(int(seconds * rate)), {mode: [] for mode in modes}  # type: ignore[var-annotated]
    SWITCH_INTERVAL.shorten()  # as while the engine is loaded
    try:
        for _ in range(rounds):
            for mode in modes:
                gc.collect()
                found[mode].append(asyncio.run(played(mode, pipeline, events, rate, owns=owns)))
    finally:
        SWITCH_INTERVAL.restore()
    table: dict[str, Any] = {
        mode: {name: round(statistics.median(row[name] for row in rows), 2) for name in rows[0]}
        for mode, rows in found.items()
    }
    for mode, rows in found.items():
        table[mode]["longest_gap_worst_ms"] = round(max(row["longest_gap_ms"] for row in rows), 2)
        table[mode]["p99_to_none"] = round(
            statistics.median(
                row["p99_us"] / none["p99_us"] for row, none in zip(rows, found[modes[0]], strict=True)
            ),
            2,
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=8_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rate", type=float, default=2_000.0)
    parser.add_argument("--grown", type=int, default=50_000)
    parser.add_argument("--parts", default="overhead,hot_path,save")
    asked = parser.parse_args()
    told: dict[str, Any] = {}
    if "overhead" in asked.parts:
        told["overhead"] = overhead(asked.samples, asked.rounds)
    run = {"rounds": asked.rounds, "seconds": asked.seconds, "rate": asked.rate}
    if "hot_path" in asked.parts:
        told["hot_path"] = compared(
            ["no learner", "learner"], PIPELINES["scaler|hoeffding_adaptive"](), **run
        )
    if "save" in asked.parts:
        pipeline = grown_tree(asked.grown)
        modes = ["no learner", "learner", "learner, saved each second", "learner, pickled on the loop"]
        told["save"] = {
            "model_bytes": len(pickle.dumps(pipeline)),
            **compared(modes, pipeline, **run, owns=True),
        }
    json.dump(told, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
