"""quantlab's event bus as a contender of the peers' bus benchmark.

    python ../shared/bench/bench_bus.py --adapter tests/benchmarks/bus_adapter.py

Synchronous handlers are `inline=True`, as the benchmark's other contenders call theirs; asynchronous
ones are plain subscriptions. Mailboxes hold 65,536 events, as the benchmark's own sketch does, so that
its throughput parts lose none. The topics part publishes under names; our topics are typed and fill
their names from the event, so the adapter keeps one event for each name, as it keeps keys for aiopubsub.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from quantlab.bus import Bus, Topic
from quantlab.clock import SystemClock

CAPACITY = 65_536


class Contender:
    """One topic, any number of subscribers; see `Bus` in the benchmark."""

    kinds = ("sync", "async")
    awaits = False
    scale = 1.0

    def __init__(self) -> None:
        self._topic: Topic[Any] = Topic("bench.event", sys.modules["__main__"].Ev)
        self._bus = Bus(SystemClock(), catalogue=(self._topic,))

    async def start(self) -> None:
        self._bus.start()

    def subscribe(self, handler: Callable[[Any], Any], is_async: bool) -> None:
        self._bus.subscribe(self._topic, handler, inline=not is_async, capacity=CAPACITY, timeout_s=60)

    def publish(self, event: Any) -> None:
        self._bus.publish(self._topic, event)

    async def stop(self) -> None:
        await self._bus.aclose()


class Named(msgspec.Struct, frozen=True):
    """An event that says itself under which name it travels."""

    venue: str
    symbol: str


TRADE: Topic[Named] = Topic("md.{venue}.trade.{symbol}", Named)
OTHERS: tuple[Topic[Named], ...] = tuple(
    Topic(template, Named)
    for template in ("md.{venue}.book.{symbol}", "ord.{venue}.fill", "risk.{venue}", "sys.{venue}.health")
)


class TopicContender:
    """Thousands of names and a few patterns; see `TopicNautilus` in the benchmark."""

    def __init__(self) -> None:
        self._bus = Bus(SystemClock(), catalogue=(TRADE, *OTHERS))
        loop = asyncio.new_event_loop()  # never turns: what is inline needs none
        loop.run_until_complete(self._start())
        loop.close()
        self._events: dict[str, Named] = {}

    async def _start(self) -> None:
        self._bus.start()

    def subscribe(self, pattern: str, handler: Callable[[Any], Any]) -> None:
        self._bus.subscribe(pattern, handler, inline=True)

    def publish(self, name: str, _event: Any) -> None:
        event = self._events.get(name)
        if event is None:
            _, venue, _, symbol = name.split(".")
            event = self._events[name] = Named(venue, symbol)
        self._bus.publish(TRADE, event)


def register(contenders: dict[str, Any]) -> None:
    """Called once by the benchmark, with its contenders by name."""
    contenders["quantlab"] = Contender
    contenders["topic:quantlab"] = TopicContender
