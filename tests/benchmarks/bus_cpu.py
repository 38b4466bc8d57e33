"""The peers' bus benchmark by CPU time instead of wall time: for a machine that is busy with other things.

    python tests/benchmarks/bus_cpu.py ../shared/bench [ROUNDS]

Throughput with 3, 10 and 100 subscribers, routing among 10,000 live names; quantlab beside the peers in one
process, in turns; prints JSON. What must be timed on the wall (a fast handler beside a slow one) is not here.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

DELIVERIES = 100_000
NAMES = 10_000
SYNC, ASYNC = ("blinker_send", "nautilus_msgbus"), ("blinker_send_async", "pyee", "aiopubsub")


def main(bench: str, rounds: int) -> None:
    """Run everything `rounds` times, in turns."""
    sys.path[:0] = [bench, str(Path(__file__).parent)]
    peers, adapter = importlib.import_module("bench_bus"), importlib.import_module("bus_adapter")
    peers.now = time.process_time
    sys.modules["__main__"].Ev = peers.Ev  # type: ignore[attr-defined]  # where the adapter looks for it
    contenders: dict[str, Any] = dict(peers.REG)
    adapter.register(contenders)
    took: dict[str, dict[str, list[float]]] = {}

    def note(what: str, who: str, value: float) -> None:
        took.setdefault(what, {}).setdefault(who, []).append(value)

    for _ in range(rounds):
        for kind, names in (("sync", SYNC), ("async", ASYNC)):
            for count in (3, 10, 100):
                for who in ("quantlab", *names):
                    if kind in contenders[who].kinds:
                        run = peers.throughput(contenders[who], kind, count, DELIVERIES)
                        note(f"{kind} handlers, {count} subscribers: events/s", who, asyncio.run(run))
        for who, made in (("quantlab", adapter.TopicContender), ("nautilus_msgbus", peers.TopicNautilus)):
            for what, value in peers.topics(made, NAMES).items():
                note(f"{NAMES} live names: {what}", who, value)
    table: dict[str, dict[str, float]] = {}
    for what, row in took.items():
        medians = {who: statistics.median(values) for who, values in row.items()}
        others = [value for who, value in medians.items() if who != "quantlab"]
        rate = what.endswith("/s")
        best = max(others) if rate else min(others)
        ratio = medians["quantlab"] / best if rate else best / medians["quantlab"]
        table[what] = {
            **{who: round(value) for who, value in medians.items()},
            "x_best_peer": round(ratio, 2),
        }
    print(json.dumps(table, indent=1))


main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
