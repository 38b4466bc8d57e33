"""Publish from a cell under a storm of SIGINTs (run by test_two_loops.py, not a test itself).

Usage: publishing.py masked|plain SECONDS. Prints "ready", then at the end how many interrupts struck and
what they broke. As in a kernel, an interrupt strikes the cell's own code and is ignored between cells.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from types import SimpleNamespace
from typing import Any

import msgspec

from quantlab.bus import Bus, Overflow, Subscription, Topic
from quantlab.bus.mailbox import Mailbox
from quantlab.clock import SystemClock
from quantlab.notebook.namespace import BusFace
from quantlab.wire import Wire


class Tick(msgspec.Struct, frozen=True):
    key: int


TICK: Topic[Tick] = Topic("tick", Tick)


def handle(_tick: Tick) -> None: ...


def broken(each: Subscription) -> bool:
    """routed = delivered + failed + timed_out + dropped + conflated + pending, or not."""
    routed, *rest = (getattr(each, name) for name in Mailbox.COUNTERS)
    return bool(routed != sum(rest))


def cell(publish: Any) -> None:
    """Until it is interrupted."""
    number = 0
    while True:
        number += 1
        publish(TICK, Tick(number % 3))


async def main() -> None:
    loop = asyncio.get_running_loop()
    bus, wire = Bus(SystemClock(), catalogue=(TICK,)), Wire(loop, lambda _message: None)
    face = BusFace(lambda: SimpleNamespace(bus=bus, wire=wire), lambda: "")  # type: ignore[arg-type, return-value]
    for overflow in (Overflow.DROP_OLDEST, Overflow.DROP_NEW, Overflow.CONFLATE):
        for options in ({}, {"concurrency": 2}, {"inline": True}):
            bus.subscribe(TICK, handle, overflow=overflow, key="key", capacity=2, **options)  # type: ignore[arg-type]
    publish = bus.publish if sys.argv[1] == "plain" else face.publish
    interrupts = 0
    wrong: set[str] = set()
    deadline = time.monotonic() + float(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)
    while time.monotonic() < deadline:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            cell(publish)
        except KeyboardInterrupt:
            interrupts += 1
        while True:
            try:  # no call but this one, where the next interrupt could strike outside
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                break
            except KeyboardInterrupt:
                pass
        wrong |= {f"{type(each).__name__} {each.overflow}" for each in bus.subscriptions if broken(each)}
        await asyncio.sleep(0.0005)
        if wrong:
            break  # what is broken now breaks more and more
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10 if sys.argv[1] != "plain" else 1):
            await bus.settle()
    left = sum(each.pending for each in bus.subscriptions)
    print(json.dumps({"interrupts": interrupts, "wrong": sorted(wrong), "left": left}), flush=True)
    await bus.aclose()


loop = asyncio.new_event_loop()  # not asyncio.run: it would put its own SIGINT handler in place
loop.run_until_complete(main())
