"""Decide, reserve and post under a storm of SIGINTs (run by test_two_loops.py, not a test itself).

Usage: storm.py masked|plain SECONDS. Prints "ready", then at the end how many interrupts struck and
what they broke. The signals come from another process: those of our own threads do not find this.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

import quantlab.wire.core
import quantlab.wire.rules
from quantlab.errors import QuantlabError
from quantlab.wire import Wire, WireCall

if sys.argv[1] == "plain":
    for module in (quantlab.wire.core, quantlab.wire.rules):
        module.Masked = contextlib.nullcontext  # type: ignore[attr-defined]


class Engine:
    """Reservations that every order must give back, and ticks that are counted before and after."""

    def __init__(self) -> None:
        self.reserved: set[int] = set()
        self.number = self.begun = self.ended = self.interrupts = 0
        self.wire = Wire(asyncio.get_running_loop(), self.apply)
        self.deadline = time.monotonic() + float(sys.argv[2])

    def apply(self, _tick: Any) -> None:
        self.begun += 1
        work(30e-6)
        self.ended += 1

    def order(self) -> WireCall[int]:
        """One step with no await: reserve, decide, post."""
        with self.wire.masked():
            self.number = number = self.number + 1
            self.reserved.add(number)
            work(30e-6)
            call = self.wire.call(lambda: answer(number))
            call.add_done_callback(lambda _answered: self.reserved.discard(number))
        return call

    def storm(self) -> None:
        while time.monotonic() < self.deadline:
            try:
                while time.monotonic() < self.deadline:
                    self.order().wait(0.05)
            except (KeyboardInterrupt, QuantlabError):
                self.interrupts += 1


def work(seconds: float) -> None:
    """Python code that an interrupt can strike anywhere."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        pass


async def answer(number: int) -> int:
    return number


async def main() -> None:
    engine = Engine()
    wire = engine.wire
    wire.start()
    wire.cell_task = asyncio.current_task()

    async def ticks() -> None:
        while True:
            for _ in range(4):
                wire.post_market("tick")
            await asyncio.sleep(0.001)

    wire.spawn(ticks, "ticks")
    print("ready", flush=True)
    while time.monotonic() < engine.deadline:
        with contextlib.suppress(KeyboardInterrupt):  # struck in an `except` clause of storm()
            engine.storm()
    print("over", flush=True)
    quiet = time.monotonic() + 0.3  # signals under way
    while time.monotonic() < quiet:
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(0.01)
    await asyncio.sleep(0.2)  # every answer is back
    counted = {
        "interrupts": engine.interrupts,
        "orders": engine.number,
        "leaked": len(engine.reserved),
        "half_applied": engine.begun - engine.ended,
        "ticks": engine.ended,
    }
    wire.stop()
    print(json.dumps(counted), flush=True)


loop = asyncio.new_event_loop()  # not asyncio.run: it would put its own SIGINT handler in place
loop.run_until_complete(main())
