"""Where and how handlers run: threads, keys side by side, quarantine, and who kept the loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from virtual_loop import run

from quantlab.bus import (
    SUBSCRIBER_BLOCKING,
    SUBSCRIBER_FAILED,
    SUBSCRIBER_QUARANTINED,
    Bus,
    Overflow,
    SubscriberBlocking,
    SubscriberFailed,
    SubscriberQuarantined,
    Topic,
)
from quantlab.clock import ManualClock, SystemClock
from quantlab.errors import BusError


class Tick(msgspec.Struct, frozen=True):
    symbol: str
    number: int


TICK: Topic[Tick] = Topic("market.tick.{symbol}", Tick)
ORDER: Topic[Tick] = Topic("order.{symbol}", Tick, lane="order")
HALT: Topic[Tick] = Topic("risk.halt", Tick, lane="halt")
CATALOGUE = (TICK, ORDER, HALT)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
async def bus(said: list[str]) -> AsyncIterator[Bus]:
    """A bus that measures, closed afterwards."""
    bus = Bus(SystemClock(), catalogue=CATALOGUE, say=said.append)
    yield bus
    await bus.aclose()


def publish(bus: Bus, numbers: range, symbols: str = "A", topic: Topic[Tick] = TICK) -> None:
    for number in numbers:
        bus.publish(topic, Tick(symbols[number % len(symbols)], number))


# -- order


async def test_nobody_sees_what_a_handler_publishes_before_the_event_it_handles(bus: Bus) -> None:
    """Inline neighbours, workers and readers alike: 0 order inversions, sequence numbers as delivered."""
    seen: dict[str, list[int]] = {"first": [], "last": [], "worker": []}
    numbers: list[int] = []

    def echo(tick: Tick) -> None:
        seen["first"].append(tick.number)
        if tick.number < 3:
            numbers.append(bus.publish(TICK, Tick("A", tick.number + 1)))

    bus.subscribe(TICK, echo, inline=True)
    bus.subscribe(TICK, lambda tick: seen["last"].append(tick.number), inline=True)
    bus.subscribe(TICK, lambda tick: seen["worker"].append(tick.number))
    first = bus.publish(TICK, Tick("A", 1))
    await bus.settle()

    assert seen == {"first": [1, 2, 3], "last": [1, 2, 3], "worker": [1, 2, 3]}
    assert numbers == [first + 1, first + 2]
    assert bus.publish(TICK, Tick("A", 9)) == first + 3


async def test_an_inline_handler_may_close_its_neighbours_in_the_middle(bus: Bus) -> None:
    """The one behind it gets nothing any more, the one before it keeps what it got; all is counted."""
    log: list[str] = []
    before = bus.subscribe(TICK, lambda _: log.append("before"), inline=True)

    def closing(_tick: Tick) -> None:
        before.close()
        middle.close()
        behind.close()

    middle = bus.subscribe(TICK, closing, inline=True)
    behind = bus.subscribe(TICK, lambda _: log.append("behind"), inline=True)
    publish(bus, range(2))

    assert log == ["before"]
    counts = [(each.routed, each.delivered, each.dropped) for each in (before, middle, behind)]
    assert counts == [(1, 1, 0), (1, 1, 0), (1, 0, 1)]


async def test_inline_handlers_keep_the_context_of_their_own_cell(bus: Bus) -> None:
    """Also side by side on one topic, called in one go where their cells are the same."""
    cell: contextvars.ContextVar[int] = contextvars.ContextVar("cell")
    seen: list[int] = []
    for number in (1, 1, 2, 3, 3):
        cell.set(number)
        bus.subscribe(TICK, lambda _: seen.append(cell.get()), inline=True)
    cell.set(9)
    publish(bus, range(2))

    assert seen == [1, 1, 2, 3, 3] * 2


# -- threads


async def test_a_handler_in_a_thread_blocks_nobody(bus: Bus) -> None:
    """In order, one at a time, off the loop's thread, in its own context; errors come home."""
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell")
    cell.set("mine")
    seen: list[tuple[int, str, bool]] = []
    gate = threading.Event()

    def blocking(tick: Tick) -> None:
        gate.wait(60)
        if tick.number == 3:
            raise ValueError("three")
        if tick.number == 4:
            raise SystemExit
        seen.append((tick.number, cell.get(), threading.current_thread() is threading.main_thread()))

    slow = bus.subscribe(TICK, blocking, run="thread", name="slow", timeout_s=60)
    fast: list[int] = []
    bus.subscribe(TICK, lambda tick: fast.append(tick.number))
    publish(bus, range(6))
    async with asyncio.timeout(30):
        while len(fast) < 6:
            await asyncio.sleep(0)
    assert slow.pending == 6
    gate.set()
    await bus.settle()

    assert seen == [(number, "mine", False) for number in (0, 1, 2, 5)]
    assert (slow.delivered, slow.failed) == (4, 2)
    assert "ValueError: three" in bus.errors()[0]
    assert [thread.name for thread in threading.enumerate()].count("bus slow") == 1
    slow.close()
    async with asyncio.timeout(30):
        while "bus slow" in {thread.name for thread in threading.enumerate()}:
            await asyncio.sleep(0.01)


async def test_a_thread_that_hangs_is_counted_and_stops_only_its_own(bus: Bus) -> None:
    """Its permit comes back at the timeout, and its next event waits for it."""
    gate, inside = threading.Event(), threading.Event()
    seen: list[int] = []

    def hang(tick: Tick) -> None:
        if tick.number == 0:
            inside.set()
            gate.wait(60)
        seen.append(tick.number)

    hung = bus.subscribe(TICK, hang, run="thread", timeout_s=0.05)
    other: list[int] = []
    bus.subscribe(TICK, lambda tick: other.append(tick.number), run="thread")
    publish(bus, range(3))
    async with asyncio.timeout(30):
        while not inside.is_set() or bus.permits.free < 100 or len(other) < 3:
            await asyncio.sleep(0.01)

    assert seen == []
    assert other == [0, 1, 2]
    assert bus.permits.free == 100
    gate.set()
    await bus.settle()
    assert seen == [0, 1, 2]
    assert (hung.timed_out, hung.delivered) == (1, 2)


async def test_closing_the_bus_does_not_wait_for_a_hung_thread() -> None:
    bus = Bus(ManualClock(), catalogue=CATALOGUE)
    gate = threading.Event()
    inside, left = threading.Event(), list[str]()

    def hang(_tick: Tick) -> None:
        inside.set()
        gate.wait(60)
        left.append("hung")

    bus.subscribe(TICK, hang, run="thread", timeout_s=60)
    publish(bus, range(1))
    async with asyncio.timeout(30):
        while not inside.is_set():
            await asyncio.sleep(0.01)
    await bus.aclose()

    assert left == []
    gate.set()


# -- many keys at a time


async def test_several_handlers_run_side_by_side_and_each_key_in_its_order(bus: Bus) -> None:
    """Never more than `concurrency`, never two of one key; a key that is stuck holds up itself alone."""
    inside: list[str] = []
    peak = 0
    seen: dict[str, list[int]] = {"A": [], "B": [], "C": [], "D": []}
    gate = asyncio.Event()

    async def handle(tick: Tick) -> None:
        nonlocal peak
        assert tick.symbol not in inside
        inside.append(tick.symbol)
        peak = max(peak, len(inside))
        await (gate.wait() if tick.symbol == "A" else asyncio.sleep(0.001 * (tick.number % 3)))
        inside.remove(tick.symbol)
        seen[tick.symbol].append(tick.number)

    subscription = bus.subscribe(TICK, handle, concurrency=3, key="symbol", timeout_s=60)
    publish(bus, range(40), "ABCD")
    async with asyncio.timeout(30):
        while sum(map(len, seen.values())) < 30:
            await asyncio.sleep(0.001)
    assert seen["A"] == []
    assert seen["B"] == list(range(1, 40, 4))
    gate.set()
    await bus.settle()

    assert peak == 3
    assert seen == {symbol: list(range(start, 40, 4)) for start, symbol in enumerate("ABCD")}
    assert (subscription.routed, subscription.delivered) == (40, 40)


@pytest.mark.parametrize(
    ("overflow", "kept", "lost"),
    [
        (Overflow.DROP_OLDEST, [0, 6, 7, 8, 9], ("dropped", 5)),
        (Overflow.DROP_NEW, [0, 2, 4, 1, 3], ("dropped", 5)),
        (Overflow.CONFLATE, [0, 8, 9], ("conflated", 7)),
    ],
)
async def test_a_full_mailbox_of_many_keys_loses_what_its_policy_says(
    bus: Bus, overflow: Overflow, kept: list[int], lost: tuple[str, int]
) -> None:
    """Ten events of two keys into a mailbox of four, while the first one is being handled."""
    seen: list[int] = []
    gate = asyncio.Event()

    async def handle(tick: Tick) -> None:
        await gate.wait()
        seen.append(tick.number)

    subscription = bus.subscribe(
        TICK, handle, overflow=overflow, capacity=4, concurrency=2, key="symbol", timeout_s=9
    )
    publish(bus, range(1), "AB")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    publish(bus, range(1, 10), "AB")
    gate.set()
    await bus.settle()

    assert sorted(seen) == sorted(kept)
    assert getattr(subscription, lost[0]) == lost[1]
    for key in (0, 1):
        assert [number for number in seen if number % 2 == key] == sorted(n for n in kept if n % 2 == key)


async def test_out_of_turn_events_of_a_busy_mailbox_leave_nothing_behind(bus: Bus) -> None:
    """A key that is stuck for long while another one streams past: memory stays bounded."""
    gate = asyncio.Event()

    async def handle(tick: Tick) -> None:
        if tick.symbol == "A":
            await gate.wait()

    subscription = bus.subscribe(TICK, handle, capacity=8, concurrency=2, key="symbol", timeout_s=30)
    bus.publish(TICK, Tick("A", 0))
    bus.publish(TICK, Tick("A", 1))
    for number in range(200):
        bus.publish(TICK, Tick("B", number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert subscription.delivered > 100
    assert len(subscription.queue) <= 2 * subscription.capacity + 1
    gate.set()
    await bus.settle()
    assert subscription.delivered + subscription.dropped == 202


# -- quarantine


@pytest.mark.parametrize(
    "options", [{}, {"inline": True}, {"run": "thread"}, {"concurrency": 2, "key": "symbol"}]
)
async def test_ten_failures_in_a_row_end_in_a_quarantine_that_can_be_ended(
    bus: Bus, said: list[str], options: dict[str, Any]
) -> None:
    """K10: Announced once, visible in the frame, its events dropped and counted; `resume` is the way back."""
    told: list[SubscriberQuarantined] = []
    bus.subscribe(SUBSCRIBER_QUARANTINED, told.append)
    broken = True
    handled: list[int] = []

    def handle(tick: Tick) -> None:
        if broken:
            raise ValueError("broken")
        handled.append(tick.number)

    subscription = bus.subscribe(TICK, handle, name="mine", **options)
    publish(bus, range(15))
    await bus.settle()

    assert (subscription.failed, subscription.dropped) == (10, 5)
    assert [each.name for each in told] == ["mine"]
    assert bus.frame().set_index("subscription").loc["mine", "state"] == "quarantined"
    assert "ql.bus.resume('mine')" in said[-1]
    broken = False
    assert bus.resume("mine") == 1
    assert bus.resume("mine") == 0
    publish(bus, range(20, 23))
    await bus.settle()
    assert handled == [20, 21, 22]
    assert subscription.routed == 18
    with pytest.raises(BusError, match="'nobody'.*mine"):
        bus.resume("nobody")


async def test_failures_with_successes_between_them_are_no_quarantine(bus: Bus) -> None:
    def handle(tick: Tick) -> None:
        if tick.number % 10:
            raise ValueError

    subscription = bus.subscribe(TICK, handle)
    publish(bus, range(95))
    await bus.settle()

    assert not subscription.quarantined
    assert (subscription.delivered, subscription.failed) == (10, 85)


async def test_who_may_miss_nothing_is_closed_and_not_quarantined() -> None:
    """On the order lane the engine halts: nobody goes on as if it still heard of its orders."""
    halts: list[SubscriberFailed] = []
    bus = Bus(ManualClock(), catalogue=CATALOGUE, on_order_overflow=halts.append)
    failures: list[SubscriberFailed] = []
    bus.subscribe(SUBSCRIBER_FAILED, failures.append)
    subscription = bus.subscribe(ORDER, lambda _: 1 / 0, overflow=Overflow.FAIL)
    publish(bus, range(12), topic=ORDER)
    await bus.settle()

    assert subscription.closed
    assert [each.reason for each in halts] == ["its handler failed 10 times in a row"]
    assert len(failures) == 1
    await bus.aclose()


# -- who kept the loop


async def test_a_handler_that_blocks_the_loop_is_named_once_with_its_source_line(
    bus: Bus, said: list[str]
) -> None:
    told: list[SubscriberBlocking] = []
    bus.subscribe(SUBSCRIBER_BLOCKING, told.append)

    def sleeper(_tick: Tick) -> None:
        time.sleep(0.06)

    async def late(_tick: Tick) -> None:
        await asyncio.sleep(0.06)  # takes as long, and keeps nobody
        if _tick.number == 1:
            time.sleep(0.06)

    bus.subscribe(TICK, sleeper, name="sleeper")
    bus.subscribe(ORDER, late, name="late")
    publish(bus, range(2))
    publish(bus, range(1), topic=ORDER)
    await bus.settle()
    assert [each.name for each in told] == ["sleeper"]
    publish(bus, range(1, 2), topic=ORDER)
    await bus.settle()

    assert [each.name for each in told] == ["sleeper", "late"]
    assert told[0].held_ms >= 60
    assert "test_handlers.py:" in told[0].where
    assert told[0].where.endswith("def sleeper(_tick: Tick) -> None:")
    assert len(said) == 2
    assert "sleeper" in said[0]
    assert 'run="thread"' in said[0]


async def test_among_inline_handlers_the_one_that_blocks_is_found_the_second_time(bus: Bus) -> None:
    told: list[SubscriberBlocking] = []
    bus.subscribe(SUBSCRIBER_BLOCKING, told.append)
    bus.subscribe(TICK, lambda _: None, inline=True, name="quick")
    bus.subscribe(TICK, lambda _: time.sleep(0.06), inline=True, name="slow")
    publish(bus, range(1))
    await bus.settle()
    first = [each.name for each in told]
    bus.subscriptions[1].held_s = bus.subscriptions[2].held_s = 0.0
    publish(bus, range(1))
    await bus.settle()

    assert first == ["quick, slow"]
    assert [each.name for each in told[1:]] == ["slow"]


# -- hung neighbours


def test_a_hundred_hung_handlers_cost_others_one_timeout_and_halt_and_orders_nothing() -> None:
    """Not one after another: who timed out last time is a suspect, and suspects share half the permits."""
    run(_a_hundred_hung_handlers())


async def _a_hundred_hung_handlers() -> None:
    bus, loop = Bus(ManualClock(), catalogue=CATALOGUE), asyncio.get_running_loop()
    timeout_s = 0.2
    waits: dict[str, list[float]] = {"good": [], "order": [], "halt": []}
    sent: dict[int, float] = {}

    async def hang(_tick: Tick) -> None:
        await asyncio.Event().wait()

    def noting(name: str) -> Any:
        async def note(tick: Tick) -> None:
            await asyncio.sleep(0)
            waits[name].append(loop.time() - sent[tick.number])

        return note

    hung = [bus.subscribe(TICK, hang, timeout_s=timeout_s, name=f"hung {number}") for number in range(100)]
    for name, topic in (("good", TICK), ("order", ORDER), ("halt", HALT)):
        bus.subscribe(topic, noting(name))
    for number in range(50):
        sent[number] = loop.time()
        for topic in CATALOGUE:
            bus.publish(topic, Tick("A", number))
        await asyncio.sleep(0.02)
    while len(waits["good"]) < 50:
        await asyncio.sleep(0.01)

    assert max(waits["good"]) <= timeout_s + 1e-6
    late = [number for number, wait in enumerate(waits["good"]) if wait > 0]
    assert late, "nobody waited: the test shows nothing"
    assert max(late) * 0.02 < timeout_s  # all of them inside the first timeout
    assert max(*waits["order"], *waits["halt"]) == 0
    assert sum(each.timed_out for each in hung) > 100
    await bus.aclose()


async def test_a_suspect_that_ends_in_time_again_is_none_any_more() -> None:
    bus = Bus(SystemClock(), catalogue=CATALOGUE, permits=2)

    async def handle(tick: Tick) -> None:
        await asyncio.sleep(30 if tick.number == 0 else 0)

    subscription = bus.subscribe(TICK, handle, timeout_s=0.02)
    publish(bus, range(3))
    await bus.settle()
    publish(bus, range(3, 5))
    await bus.settle()

    (slot,) = subscription.slots  # type: ignore[attr-defined]
    assert slot._gate is bus.permits
    assert (subscription.timed_out, subscription.delivered, bus.permits.free) == (1, 4, 2)
    await bus.aclose()


# -- how long events wait


async def test_lags_are_sampled_and_unmeasured_is_not_zero(bus: Bus) -> None:
    """A worker behind a handler of 10 ms has events that wait; one that got none has no lag."""

    async def slow(_tick: Tick) -> None:
        await asyncio.sleep(0.01)

    bus.subscribe(TICK, slow, name="slow", timeout_s=60)
    bus.subscribe(TICK, lambda _: None, name="fast")
    bus.subscribe(ORDER, lambda _: None, name="idle")
    publish(bus, range(20))
    await bus.settle()
    table = bus.frame().set_index("subscription")

    assert table.loc["slow", "lag_p99_ms"] > 50
    assert 0 < table.loc["fast", "lag_p99_ms"] < table.loc["slow", "lag_p99_ms"]
    assert table.loc["idle", ["lag_p50_ms", "lag_p99_ms"]].isna().all()
    assert list(table.columns[:7]) == [
        "cell",
        "pattern",
        "lane",
        "state",
        "depth",
        "lag_p50_ms",
        "lag_p99_ms",
    ]
