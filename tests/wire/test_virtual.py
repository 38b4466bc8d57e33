"""Both sides on one loop under virtual time: the same code, exactly repeatable."""

from __future__ import annotations

import asyncio
import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from virtual_loop import NothingToDo, VirtualLoop, run

from quantlab.bus import Bus, Overflow, Topic
from quantlab.clock import ManualClock
from quantlab.errors import WouldBlockLoop
from quantlab.wire import Wire, WireCall, WireFailure


class Tick(msgspec.Struct, frozen=True):
    symbol: str
    number: int


TICK: Topic[Tick] = Topic("tick.{symbol}", Tick)


class Rejected(Exception):
    """The venue said no."""


class Story:
    """Ten strategies, each with its orders; a venue with random latency, rejections and silence."""

    def __init__(self, seed: str, orders: int = 20) -> None:
        self.trace: list[str] = []
        self.randomness = random.Random(seed)
        self.orders = orders
        self.loop = asyncio.get_running_loop()
        self.wire = Wire(self.loop, self.apply, loop=self.loop)
        self.bus = Bus(ManualClock(), catalogue=(TICK,))
        self.reserved = 0

    def note(self, text: str) -> None:
        self.trace.append(f"{self.loop.time():.9f} {text}")

    def apply(self, message: Any) -> None:
        self.note(f"apply {message!r}")
        if isinstance(message, Tick):
            self.bus.publish(TICK, message)

    async def feed(self) -> None:
        for number in range(200):
            await asyncio.sleep(self.randomness.random() * 0.02)
            symbol = self.randomness.choice("AB")
            self.wire.post_market(Tick(symbol, number), symbol if self.randomness.random() < 0.5 else None)

    async def venue(self, name: str) -> str:
        await asyncio.sleep(self.randomness.expovariate(50))
        if self.randomness.random() < 0.2:
            raise Rejected(name)
        self.wire.post_order(f"filled {name}")
        return f"ack {name}"

    def settled(self, call: WireCall[str]) -> None:
        self.reserved -= 1
        self.note(f"settled {call.name}")

    async def strategy(self, number: int) -> None:
        for order in range(self.orders):
            await asyncio.sleep(self.randomness.random() * 0.05)
            name = f"{number}-{order}"
            self.reserved += 1
            call = self.wire.call(lambda name=name: self.venue(name), name)
            call.add_done_callback(self.settled)
            try:
                self.note(await asyncio.wait_for(call, 0.04))
            except (Rejected, TimeoutError) as error:
                self.note(f"{type(error).__name__} {name}")

    async def on_tick(self, tick: Tick) -> None:
        await asyncio.sleep(self.randomness.random() * 0.01)
        self.note(f"handled {tick.symbol} {tick.number}")

    async def play(self) -> str:
        self.wire.start()
        self.bus.subscribe(TICK, self.on_tick, overflow=Overflow.DROP_OLDEST, capacity=8)
        self.wire.spawn(self.feed, "feed")
        await asyncio.gather(*(self.strategy(number) for number in range(10)))
        await asyncio.sleep(5)
        await self.bus.settle()
        self.wire.stop()
        await self.bus.aclose()
        assert self.reserved == 0
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def digest(seed: str) -> tuple[str, Story]:
    stories: list[Story] = []

    async def main() -> str:
        stories.append(Story(seed))
        return await stories[0].play()

    return run(main()), stories[0]


def test_equal_seeds_give_identical_traces_and_another_seed_another_one() -> None:
    """Every message, answer, timeout and handler, at the same virtual time and in the same order."""
    first, story = digest("seven")
    again, _ = digest("seven")
    other, _ = digest("eight")

    assert first == again != other
    text = "\n".join(story.trace)
    for happened in ("ack ", "Rejected ", "TimeoutError ", "filled ", "handled A", "settled "):
        assert happened in text


def test_the_trace_does_not_depend_on_the_hash_seed(environment: dict[str, str]) -> None:
    """Two processes with other string hashes tell the same story."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; from test_virtual import digest; print(digest('seven')[0])"
    )
    here = Path(__file__).parent
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, str(here), str(here.parent)],
            env=environment | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert digests == {digest("seven")[0] + "\n"}


def test_a_loop_with_nothing_to_do_fails_loudly() -> None:
    """Waiting for what can never come is an error with the time, not a hang; a lively wire adds no timer."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        wire = Wire(loop, lambda _: None, loop=loop)
        wire.start()
        await asyncio.sleep(2.5)
        await wire.call(asyncio.Event().wait)

    loop = VirtualLoop()
    with pytest.raises(NothingToDo, match=r"2\.5 s"):
        loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(1))
    loop.close()


def test_waiting_on_one_loop_is_refused_before_anything_happens() -> None:
    """Blocking would wait for itself; failures of tasks still come home."""

    async def main() -> list[Any]:
        loop, applied = asyncio.get_running_loop(), []
        wire = Wire(loop, applied.append, loop=loop)
        wire.start()
        wire.cell_task = asyncio.current_task()
        with pytest.raises(WouldBlockLoop, match="one loop"):
            wire.check_wait_allowed()

        async def fail() -> None:
            raise Rejected("late")

        wire.spawn(fail, "feed")
        await asyncio.sleep(1)
        wire.stop()
        return applied

    [failure] = run(main())
    assert isinstance(failure, WireFailure)
    assert failure.name == "feed"


def test_virtual_time_passes_at_no_cost() -> None:
    """A year is one jump, and timers fire in order."""

    async def main() -> tuple[list[int], float]:
        fired: list[int] = []
        loop = asyncio.get_running_loop()
        for seconds in (3, 1, 2):
            loop.call_later(seconds, fired.append, seconds)
        await asyncio.sleep(365 * 86_400)
        return fired, loop.time()

    fired, now = run(main())
    assert fired == [1, 2, 3]
    assert now == pytest.approx(365 * 86_400)
