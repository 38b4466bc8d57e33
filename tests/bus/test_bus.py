"""The bus: who gets what, in which order, and what a bad neighbour can do (nothing)."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
import pytest

from quantlab.bus import SUBSCRIBER_FAILED, SUBSCRIBER_SLOW, Bus, Overflow, SubscriberFailed, Topic
from quantlab.clock import ManualClock
from quantlab.errors import BusError, WrongThread


class Tick(msgspec.Struct, frozen=True):
    symbol: str
    number: int


class Notice(msgspec.Struct, frozen=True):
    number: int
    kind: str = ""


TICK: Topic[Tick] = Topic("market.tick.{symbol}", Tick)
QUOTE: Topic[Tick] = Topic("market.quote.{symbol}", Tick)
ORDER: Topic[Tick] = Topic("order.{symbol}", Tick, lane="order")
HALT: Topic[Notice] = Topic("risk.halt", Notice, lane="halt")
CATALOGUE = (TICK, QUOTE, ORDER, HALT)


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    """A bus with four topics, closed afterwards."""
    bus = Bus(ManualClock(), catalogue=CATALOGUE)
    yield bus
    await bus.aclose()


def ticks(count: int, symbol: str = "BTCUSDT") -> list[Tick]:
    return [Tick(symbol, number) for number in range(count)]


def publish_all(bus: Bus, events: list[Tick], topic: Topic[Tick] = TICK) -> None:
    for event in events:
        bus.publish(topic, event)


# -- who gets what


async def test_every_subscriber_gets_every_event_of_its_topic_in_order(bus: Bus) -> None:
    """Sync and async handlers see all events of TICK in the order they were published."""
    plain: list[Tick] = []
    slow: list[Tick] = []

    async def later(tick: Tick) -> None:
        await asyncio.sleep(0)
        slow.append(tick)

    bus.subscribe(TICK, plain.append)
    bus.subscribe(TICK, later)
    publish_all(bus, ticks(50))
    bus.publish(QUOTE, Tick("BTCUSDT", 99))
    await bus.settle()

    assert plain == slow == ticks(50)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("market.tick.BTCUSDT", ["tick BTCUSDT"]),
        ("market.*.BTCUSDT", ["tick BTCUSDT", "quote BTCUSDT"]),
        ("market.tick.*", ["tick BTCUSDT", "tick ETHUSDT"]),
        ("market.>", ["tick BTCUSDT", "tick ETHUSDT", "quote BTCUSDT"]),
        (">", ["tick BTCUSDT", "tick ETHUSDT", "quote BTCUSDT", "order BTCUSDT"]),
        ("order.>", ["order BTCUSDT"]),
        ("order.*", ["order BTCUSDT"]),
    ],
)
async def test_a_pattern_gets_the_topics_it_names(bus: Bus, pattern: str, expected: list[str]) -> None:
    """`*` is one part and `>` the rest, whether the subscription or the first publish came first."""
    seen: list[str] = []
    for topic, symbol in ((TICK, "BTCUSDT"), (TICK, "ETHUSDT"), (QUOTE, "BTCUSDT"), (ORDER, "BTCUSDT")):
        bus.publish(topic, Tick(symbol, 0))  # resolves the routes before anybody listens
    bus.subscribe(pattern, seen.append)
    names = []
    for topic, symbol in ((TICK, "BTCUSDT"), (TICK, "ETHUSDT"), (QUOTE, "BTCUSDT"), (ORDER, "BTCUSDT")):
        before = bus.subscriptions[0].routed
        bus.publish(topic, Tick(symbol, 0))
        if bus.subscriptions[0].routed > before:
            names.append(f"{topic.template.split('.')[-2]} {symbol}")

    assert names == expected


async def test_a_dot_inside_a_value_stays_inside_its_part(bus: Bus) -> None:
    """An event whose symbol holds a dot still reaches the topic's own subscribers, and no others."""
    by_topic: list[Tick] = []
    by_pattern: list[Tick] = []
    bus.subscribe(TICK, by_topic.append)
    bus.subscribe("market.tick.BRK", by_pattern.append)
    bus.publish(TICK, Tick("BRK.B", 1))
    await bus.settle()

    assert (len(by_topic), len(by_pattern)) == (1, 0)


async def test_a_closed_subscription_gets_nothing_more(bus: Bus) -> None:
    """Closing drops and counts what waits; the handlers of others go on."""
    gone: list[Tick] = []
    stays: list[Tick] = []
    subscription = bus.subscribe(TICK, gone.append)
    bus.subscribe(TICK, stays.append)
    publish_all(bus, ticks(3))
    subscription.close()
    publish_all(bus, ticks(2))
    await bus.settle()

    assert gone == []
    assert len(stays) == 5
    assert (subscription.routed, subscription.dropped, subscription.pending) == (3, 3, 0)


async def test_a_cell_that_runs_again_replaces_its_subscriptions(bus: Bus) -> None:
    """`drop_owner` closes the cell's subscriptions and nobody else's; no owner owns nothing."""
    bus.subscribe(TICK, print, owner="cell 1", name="old")
    bus.subscribe(QUOTE, print, owner="cell 1")
    bus.subscribe(TICK, print, owner="cell 2", name="other")
    bus.subscribe(TICK, print, name="nobody's")

    assert bus.drop_owner("cell 1") == 2
    assert bus.drop_owner("cell 1") == 0
    assert bus.drop_owner("") == 0
    assert [each.name for each in bus.subscriptions] == ["other", "nobody's"]


async def test_sequence_numbers_grow_by_one(bus: Bus) -> None:
    """Each publish returns the next number, whoever listens."""
    assert [bus.publish(TICK, tick) for tick in ticks(3)] == [1, 2, 3]


async def test_events_of_a_handler_are_published_after_the_one_it_handles(bus: Bus) -> None:
    """A handler that publishes gets its own event later, never inside itself."""
    log: list[str] = []

    def echo(tick: Tick) -> None:
        log.append(f"in {tick.number}")
        if tick.number < 3:
            bus.publish(TICK, Tick("BTCUSDT", tick.number + 1))
        log.append(f"out {tick.number}")

    bus.subscribe(TICK, echo, inline=True)
    bus.publish(TICK, Tick("BTCUSDT", 1))

    assert log == ["in 1", "out 1", "in 2", "out 2", "in 3", "out 3"]


async def test_the_next_event_starts_after_the_previous_one_ended(bus: Bus) -> None:
    """One handler of one subscription is never entered twice at a time."""
    inside = peak = 0
    seen = []

    async def handle(tick: Tick) -> None:
        nonlocal inside, peak
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(0.001 * (5 - tick.number % 5))
        inside -= 1
        seen.append(tick.number)

    bus.subscribe(TICK, handle)
    publish_all(bus, ticks(20))
    await bus.settle()

    assert peak == 1
    assert seen == list(range(20))


# -- what a full mailbox does


@pytest.mark.parametrize(
    ("overflow", "kept", "lost"),
    [
        (Overflow.DROP_OLDEST, [7, 8, 9], ("dropped", 7)),
        (Overflow.DROP_NEW, [0, 1, 2], ("dropped", 7)),
        (Overflow.CONFLATE, [9], ("conflated", 9)),
    ],
)
async def test_a_full_mailbox_loses_what_its_policy_says(
    bus: Bus, overflow: Overflow, kept: list[int], lost: tuple[str, int]
) -> None:
    """Ten events into a mailbox of three, before the worker runs."""
    seen: list[int] = []
    subscription = bus.subscribe(
        TICK,
        lambda tick: seen.append(tick.number),
        overflow=overflow,
        capacity=3,
        key=lambda tick: tick.symbol,
    )
    publish_all(bus, ticks(10))
    await bus.settle()

    assert seen == kept
    assert getattr(subscription, lost[0]) == lost[1]
    assert subscription.routed == 10


async def test_conflation_keeps_the_newest_of_each_key_in_the_order_of_first_arrival(bus: Bus) -> None:
    """A later event takes its key's place; more keys than room drop the key that waits longest."""
    seen: list[tuple[str, int]] = []
    subscription = bus.subscribe(
        TICK,
        lambda tick: seen.append((tick.symbol, tick.number)),
        overflow=Overflow.CONFLATE,
        capacity=2,
        key=lambda tick: tick.symbol,
    )
    for symbol, number in (("A", 1), ("B", 2), ("A", 3), ("C", 4)):
        bus.publish(TICK, Tick(symbol, number))
    await bus.settle()

    assert seen == [("B", 2), ("C", 4)]
    assert (subscription.conflated, subscription.dropped) == (1, 1)


async def test_fail_closes_the_subscription_and_tells_everybody() -> None:
    """On the order lane the engine's hook hears of it first, inside the publish that overflowed."""
    log: list[Any] = []
    bus = Bus(ManualClock(), catalogue=CATALOGUE, on_order_overflow=lambda failed: log.append(failed.name))
    bus.subscribe(SUBSCRIBER_FAILED, log.append)
    order = bus.subscribe(ORDER, lambda _: None, overflow=Overflow.FAIL, capacity=2, name="orders")
    market = bus.subscribe(TICK, lambda _: None, overflow=Overflow.FAIL, capacity=1, name="ticks")
    publish_all(bus, ticks(3), ORDER)

    assert log == ["orders"]
    publish_all(bus, ticks(2))
    await bus.settle()

    assert order.closed
    assert market.closed
    assert order.routed == order.dropped == 3
    assert [each.name for each in log[1:] if isinstance(each, SubscriberFailed)] == ["orders", "ticks"]
    assert log.count("ticks") == 0  # the market lane halts nothing
    await bus.aclose()


async def test_a_slow_consumer_is_announced_once_per_episode(bus: Bus) -> None:
    """Many lost events, one announcement; after the mailbox was empty, the next loss is news again."""
    announced: list[str] = []
    bus.subscribe(SUBSCRIBER_SLOW, lambda slow: announced.append(slow.name))
    subscription = bus.subscribe(TICK, lambda _: None, capacity=2, name="slow one")
    publish_all(bus, ticks(50))
    await bus.settle()
    first = list(announced)
    publish_all(bus, ticks(2))
    await bus.settle()
    quiet = list(announced)
    publish_all(bus, ticks(50))
    await bus.settle()

    assert first == quiet == ["slow one"]
    assert announced == ["slow one"] * 2
    assert subscription.dropped == 96


async def test_a_subscriber_that_is_slow_at_the_slow_topic_announces_nothing_endlessly(bus: Bus) -> None:
    """Listening to everything with a mailbox of one ends, and is announced."""
    bus.subscribe(">", lambda _: None, capacity=1, name="all ears")
    publish_all(bus, ticks(10))
    await bus.settle()

    assert bus.subscriptions[0].routed == 11


# -- bad neighbours


async def test_an_error_stays_with_its_subscriber(bus: Bus) -> None:
    """K10: Failing handlers are counted and their tracebacks kept; the others get everything."""
    seen: list[Tick] = []

    def broken(tick: Tick) -> None:
        raise ValueError(f"cannot do {tick.number}")

    async def leaves(_tick: Tick) -> None:
        raise SystemExit(3)

    bad = bus.subscribe(TICK, broken)
    worse = bus.subscribe(TICK, leaves)
    inline = bus.subscribe(TICK, broken, inline=True)
    bus.subscribe(TICK, seen.append)
    publish_all(bus, ticks(5))
    await bus.settle()

    assert (bad.failed, worse.failed, inline.failed, len(seen)) == (5, 5, 5, 5)
    assert any("ValueError: cannot do 4" in error and "broken" in error for error in bus.errors())
    assert any("SystemExit: 3" in error for error in bus.errors())


async def test_an_error_in_a_key_stays_with_its_subscriber(bus: Bus) -> None:
    """`publish` does not raise when a subscriber's conflation key does."""
    seen: list[Tick] = []
    bad = bus.subscribe(TICK, print, overflow=Overflow.CONFLATE, key=lambda tick: tick.nonsense)
    bus.subscribe(TICK, seen.append)
    bus.publish(TICK, Tick("A", 1))
    await bus.settle()

    assert (bad.routed, bad.failed, len(seen)) == (1, 1, 1)
    assert "nonsense" in bus.errors()[0]


async def test_a_cancelled_error_of_a_handler_is_an_error_like_others(bus: Bus) -> None:
    """Awaiting something cancelled ends that handler, not its subscription."""
    seen = []

    async def handle(tick: Tick) -> None:
        if tick.number == 0:
            lost = asyncio.ensure_future(asyncio.sleep(1))
            lost.cancel()
            await lost
        seen.append(tick.number)

    subscription = bus.subscribe(TICK, handle)
    publish_all(bus, ticks(3))
    await bus.settle()

    assert seen == [1, 2]
    assert (subscription.failed, subscription.delivered) == (1, 2)


@pytest.mark.parametrize("topic", [TICK, ORDER])
async def test_a_subscription_whose_task_somebody_cancels_is_closed_and_says_so(topic: Topic[Tick]) -> None:
    """`for task in asyncio.all_tasks(): task.cancel()` in a cell: nobody goes on as if it still listened."""
    said: list[str] = []
    halts: list[SubscriberFailed] = []
    bus = Bus(ManualClock(), catalogue=CATALOGUE, on_order_overflow=halts.append, say=said.append)
    failures: list[SubscriberFailed] = []
    bus.subscribe(SUBSCRIBER_FAILED, failures.append)
    subscription = bus.subscribe(topic, lambda _: None, name="mine")
    await asyncio.sleep(0)
    subscription.tasks[0].cancel()
    await asyncio.sleep(0.01)
    publish_all(bus, ticks(3), topic)
    async with asyncio.timeout(30):
        await bus.settle()

    assert subscription.closed
    assert [each.reason for each in failures] == ["its task was cancelled"]
    assert said == ["mine: closed, its task was cancelled"]
    assert len(halts) == (topic is ORDER)
    await bus.aclose()


async def test_a_slow_handler_gives_the_loop_back_after_each_event(bus: Bus) -> None:
    """Or a kernel with a handler of 0.3 s would answer to nothing, not even to HALT, for seconds."""
    handled: list[Tick] = []
    waited: list[int] = []

    def slow(tick: Tick) -> None:
        time.sleep(0.02)
        handled.append(tick)

    bus.subscribe(TICK, slow)
    publish_all(bus, ticks(20))
    while len(handled) < 20:
        before = len(handled)
        await asyncio.sleep(0)
        waited.append(len(handled) - before)

    assert max(waited) == 1


async def test_a_handler_that_cancels_its_own_task_ends_its_subscription(bus: Bus) -> None:
    def suicidal(_tick: Tick) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    subscription = bus.subscribe(TICK, suicidal)
    publish_all(bus, ticks(3))
    async with asyncio.timeout(5):
        await bus.settle()
        while not subscription.closed:
            await asyncio.sleep(0)
        await bus.settle()


async def test_the_first_failure_is_said_in_the_subscribers_context_and_no_other() -> None:
    place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="")
    said: list[tuple[str, str]] = []
    bus = Bus(ManualClock(), catalogue=CATALOGUE, say=lambda line: said.append((place.get(), line)))

    def fail(_tick: Tick) -> None:
        raise ValueError("no")

    for inline in (False, True):
        place.set(f"cell {inline}")
        bus.subscribe(TICK, fail, name="mine", inline=inline)
    place.set("elsewhere")
    publish_all(bus, ticks(5))
    await bus.settle()

    line = "mine failed: ValueError: no (said once; ql.bus.errors() has all)"
    assert sorted(said) == [("cell False", line), ("cell True", line)]
    await bus.aclose()


async def test_a_handler_that_takes_too_long_is_cancelled_and_counted(bus: Bus) -> None:
    """The event counts as timed out, its `finally` runs, and the next event is handled."""
    log: list[str] = []

    async def handle(tick: Tick) -> None:
        if tick.number == 0:
            try:
                await asyncio.sleep(30)
            finally:
                log.append("cleaned up")
        log.append(f"done {tick.number}")

    subscription = bus.subscribe(TICK, handle, timeout_s=0.02)
    publish_all(bus, ticks(2))
    await bus.settle()

    assert log == ["cleaned up", "done 1"]
    assert (subscription.timed_out, subscription.delivered, subscription.failed) == (1, 1, 0)
    assert "timeout_s=0.02" in bus.errors()[0]


async def test_a_handler_that_swallows_its_cancel_stops_only_its_own_subscription() -> None:
    """Its permit comes back at the timeout all the same."""
    bus = Bus(ManualClock(), catalogue=CATALOGUE, permits=1)
    release = asyncio.Event()
    done: list[str] = []

    async def stubborn(_tick: Tick) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def good(tick: Tick) -> None:
        await asyncio.sleep(0)
        done.append(tick.symbol)

    bad = bus.subscribe("market.tick.BAD", stubborn, timeout_s=0.02)
    bus.subscribe("market.tick.GOOD", good)
    bus.publish(TICK, Tick("BAD", 0))
    bus.publish(TICK, Tick("GOOD", 0))
    async with asyncio.timeout(30):
        while not done:
            await asyncio.sleep(0.01)

    assert done == ["GOOD"]
    assert bad.pending == 1
    release.set()
    await bus.settle()
    assert (bad.timed_out, bad.pending) == (1, 0)
    await bus.aclose()


async def test_a_hundred_hung_handlers_stop_neither_sync_handlers_nor_orders_nor_a_halt(bus: Bus) -> None:
    """K11: All permits are out; what needs none, or has its own, runs at once."""
    never = asyncio.Event()
    seen: list[str] = []

    async def hang(_tick: Tick) -> None:
        await never.wait()

    async def note(name: str, _event: object) -> None:
        await asyncio.sleep(0)
        seen.append(name)

    hung = [bus.subscribe(TICK, hang, timeout_s=60, name=f"hung {number}") for number in range(100)]
    bus.subscribe(TICK, lambda _: seen.append("sync"))
    bus.subscribe(TICK, partial(note, "async"))
    bus.subscribe(ORDER, partial(note, "order"))
    bus.subscribe(HALT, partial(note, "halt"))
    bus.publish(TICK, Tick("A", 0))
    bus.publish(ORDER, Tick("A", 0))
    bus.publish(HALT, Notice(1))
    for _ in range(10):
        await asyncio.sleep(0)

    assert sorted(seen) == ["halt", "order", "sync"]  # the 101st async market handler waits for a permit
    assert all(each.pending == 1 for each in hung)
    never.set()
    await bus.settle()
    assert "async" in seen


async def test_permits_of_hung_handlers_come_back_at_the_timeout(bus: Bus) -> None:
    """An async market handler behind 100 hung ones runs when they time out."""
    seen: list[Tick] = []

    async def hang(_tick: Tick) -> None:
        await asyncio.Event().wait()

    async def good(tick: Tick) -> None:
        await asyncio.sleep(0)
        seen.append(tick)

    for number in range(100):
        bus.subscribe(TICK, hang, timeout_s=0.05, name=f"hung {number}")
    bus.subscribe(TICK, good)
    bus.publish(TICK, Tick("A", 0))
    await bus.settle()

    assert len(seen) == 1
    assert sum(each.timed_out for each in bus.subscriptions) == 100
    assert bus.permits.free == 100


async def test_at_most_as_many_handlers_as_permits_are_in_flight() -> None:
    """Ten subscriptions, three permits: never more than three inside, and all get there."""
    bus = Bus(ManualClock(), catalogue=CATALOGUE, permits=3)
    inside = peak = done = 0

    async def handle(_tick: Tick) -> None:
        nonlocal inside, peak, done
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(0.001)
        inside -= 1
        done += 1

    for number in range(10):
        bus.subscribe(TICK, handle, name=str(number))
    publish_all(bus, ticks(5))
    await bus.settle()

    assert (peak, done, bus.permits.free) == (3, 50, 3)
    await bus.aclose()


async def test_a_subscription_closed_while_it_waits_for_a_permit_never_starts() -> None:
    """Its event counts as dropped, and no coroutine is left unawaited."""
    bus = Bus(ManualClock(), catalogue=CATALOGUE, permits=1)
    gate = asyncio.Event()
    started: list[str] = []

    async def handle(name: str, _tick: Tick) -> None:
        started.append(name)
        await gate.wait()

    bus.subscribe(TICK, partial(handle, "first"), timeout_s=5)
    waiting = bus.subscribe(TICK, partial(handle, "second"), timeout_s=5)
    bus.publish(TICK, Tick("A", 0))
    await asyncio.sleep(0.01)
    waiting.close()
    gate.set()
    await bus.settle()

    assert started == ["first"]
    assert (waiting.routed, waiting.dropped, waiting.pending) == (1, 1, 0)
    await bus.aclose()


async def test_a_busy_subscription_lets_the_loop_turn(bus: Bus) -> None:
    """Draining ten thousand events yields many times: a timer is not kept waiting for all of them."""
    seen = turns = 0

    def count(_tick: Tick) -> None:
        nonlocal seen
        seen += 1

    subscription = bus.subscribe(TICK, count, capacity=20_000)
    publish_all(bus, ticks(10_000))
    while subscription.pending:
        await asyncio.sleep(0)
        turns += 1

    assert seen == 10_000
    assert turns >= 10_000 // 256


# -- where a handler runs


async def test_a_handler_runs_in_the_context_of_its_subscribe(bus: Bus) -> None:
    """Prints of a handler go where it was made, whoever publishes."""
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell", default="none")
    seen: list[str] = []

    async def look(_tick: Tick) -> None:
        await asyncio.sleep(0)
        seen.append(cell.get())

    cell.set("one")
    bus.subscribe(TICK, look)
    bus.subscribe(TICK, lambda _: seen.append(cell.get()))
    bus.subscribe(TICK, lambda _: seen.append(cell.get()), inline=True)
    given = contextvars.copy_context()
    cell.set("two")
    bus.subscribe(TICK, lambda _: seen.append(cell.get()), context=given)
    cell.set("three")
    bus.publish(TICK, Tick("A", 0))
    await bus.settle()

    assert seen == ["one"] * 4


async def test_publish_from_another_thread_is_refused_and_the_threadsafe_way_keeps_order(bus: Bus) -> None:
    """`publish` belongs to the bus's thread; `publish_threadsafe` hands over in order per thread."""
    seen: list[Tick] = []
    refused: list[Exception] = []
    bus.subscribe(TICK, seen.append, capacity=10_000)

    def other(symbol: str) -> None:
        try:
            bus.publish(TICK, Tick(symbol, -1))
        except WrongThread as error:
            refused.append(error)
        for tick in ticks(1_000, symbol):
            bus.publish_threadsafe(TICK, tick)

    threads = [threading.Thread(target=other, args=(symbol,)) for symbol in "AB"]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    await bus.settle()

    assert len(refused) == 2
    assert [tick for tick in seen if tick.symbol == "A"] == ticks(1_000, "A")
    assert [tick for tick in seen if tick.symbol == "B"] == ticks(1_000, "B")


async def test_iterating_gets_the_events_until_it_is_left(bus: Bus) -> None:
    """`async for` inside `async with`; leaving the block ends the subscription."""
    seen = []
    async with bus.subscribe(TICK) as events:
        publish_all(bus, ticks(3))
        async for tick in events:
            seen.append(tick)
            if tick.number == 1:
                break

    assert seen == ticks(2)
    assert events.closed
    assert (events.delivered, events.dropped) == (2, 1)
    assert bus.subscriptions == []


async def test_a_reader_waits_for_events_and_ends_when_the_bus_closes(bus: Bus) -> None:
    """A reader that waits is woken by an event and by the end."""
    seen: list[Tick] = []

    async def read() -> None:
        async with bus.subscribe(TICK) as events:
            async for tick in events:
                seen.append(tick)  # noqa: PERF401  # seen while it reads, not after

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    publish_all(bus, ticks(2))
    await bus.settle()
    assert seen == ticks(2)
    await bus.aclose()
    await asyncio.wait_for(reader, 30)


async def test_a_reader_that_may_not_miss_anything_is_told_that_it_did(bus: Bus) -> None:
    """Under FAIL the loop ends with an error, not as if the stream had ended."""
    async with bus.subscribe(TICK, overflow=Overflow.FAIL, capacity=2, name="ledger") as events:
        publish_all(bus, ticks(3))
        with pytest.raises(BusError, match="ledger.*full"):
            await anext(events)


# -- the caller's own mistakes


async def nothing(_tick: Tick) -> None: ...


def yields(_tick: Tick) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"topic": "market.tik.>"}, "market.tick"),
        ({"topic": "market.>.BTCUSDT"}, "comes last"),
        ({"topic": "market..BTCUSDT"}, "parts joined by dots"),
        ({"topic": Topic("market.other.{symbol}", Tick)}, "not declared"),
        ({"capacity": 0}, "capacity=0"),
        ({"capacity": 2.5}, "capacity=2.5"),
        ({"capacity": True}, "capacity=True"),
        ({"timeout_s": 0}, "timeout_s=0"),
        ({"timeout_s": "1"}, "timeout_s='1'"),
        ({"topic": 5}, "5 is no topic"),
        ({"topic": [TICK]}, "is no topic"),
        ({"overflow": "newest"}, "overflow='newest'.*drop_oldest"),
        ({"overflow": None}, "overflow=None"),
        ({"overflow": "conflate"}, "needs a key"),
        ({"name": 5}, "name=5"),
        ({"overflow": Overflow.CONFLATE}, "needs a key"),
        ({"handler": lambda: None}, "exactly one event"),
        ({"handler": lambda a, b: None}, "exactly one event"),
        ({"handler": 5}, "cannot be called"),
        ({"handler": yields}, "must not yield"),
        ({"handler": nothing, "inline": True}, "async"),
        ({"handler": None, "inline": True}, "needs a handler"),
        ({"handler": None, "run": "thread"}, "needs a handler"),
        ({"handler": None, "concurrency": 2, "key": "symbol"}, "needs a handler"),
        ({"handler": nothing, "run": "thread"}, "async"),
        ({"run": "process"}, "run='process'"),
        ({"run": "thread", "inline": True}, "neither"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": "2", "key": "symbol"}, "concurrency='2'"),
        ({"concurrency": 2}, "needs a key"),
        ({"key": "no name"}, "name an attribute"),
        ({"key": 5}, "cannot be called"),
    ],
)
async def test_a_wrong_subscription_is_refused_by_name(bus: Bus, options: dict[str, Any], words: str) -> None:
    """Every mistake is a `BusError` that says what to change, and leaves nothing behind."""
    with pytest.raises(BusError, match=words):
        bus.subscribe(**{"topic": TICK, "handler": lambda _: None} | options)
    assert bus.subscriptions == []


async def test_a_wrong_publish_is_refused_by_name(bus: Bus) -> None:
    """Undeclared topic, wrong type, closed bus; nothing else makes `publish` raise."""
    with pytest.raises(BusError, match=r"market\.tock.*market\.tick"):
        bus.publish(Topic("market.tock.{symbol}", Tick), Tick("A", 0))
    with pytest.raises(BusError, match="carries Tick, not Notice"):
        bus.publish(TICK, Notice(1))  # type: ignore[arg-type]
    with pytest.raises(BusError, match=r"'market\.tick\.A' is no topic"):
        bus.publish("market.tick.A", Tick("A", 0))  # type: ignore[arg-type]
    with pytest.raises(BusError, match="is no topic"):
        bus.publish([TICK], Tick("A", 0))  # type: ignore[arg-type]
    with pytest.raises(BusError, match="is no topic"):
        bus.declare("market.tick.A")  # type: ignore[arg-type]
    await bus.aclose()
    with pytest.raises(BusError, match="closed"):
        bus.publish(TICK, Tick("A", 0))
    with pytest.raises(BusError, match="closed"):
        bus.subscribe(TICK, print)


async def test_an_event_without_a_name_is_refused_where_it_is_published(bus: Bus) -> None:
    """Its publisher hears of it, also inside an inline handler, and nobody else; it has no number."""
    nameless, refused, got = Tick([], 0), [], []  # type: ignore[arg-type]
    with pytest.raises(BusError, match=r"market\.tick.*symbol"):
        bus.publish(TICK, nameless)

    def on_quote(_quote: Tick) -> None:
        try:
            bus.publish(TICK, nameless)
        except BusError as error:
            refused.append(error)

    bus.subscribe(QUOTE, on_quote, inline=True)
    bus.subscribe(TICK, got.append)
    first = bus.publish(QUOTE, Tick("A", 1))
    assert bus.publish(TICK, Tick("A", 2)) == first + 1
    await bus.settle()
    assert len(refused) == 1
    assert got == [Tick("A", 2)]


@pytest.mark.parametrize(
    ("overflow", "expected"), [("drop_oldest", [3, 4]), ("drop_new", [0, 1]), ("conflate", [4]), ("fail", [])]
)
async def test_an_overflow_may_be_given_by_its_word(bus: Bus, overflow: Any, expected: list[int]) -> None:
    """The words of the README's table do what the names of `Overflow` do."""
    got: list[int] = []
    subscription = bus.subscribe(
        TICK, lambda tick: got.append(tick.number), overflow=overflow, capacity=2, key="symbol"
    )
    publish_all(bus, ticks(5))
    await bus.settle()
    assert got == expected
    assert subscription.overflow is Overflow(overflow)


def remade(*fields: str) -> Topic[Any]:
    """A topic of a class that a cell has defined anew: the same names, another object."""
    kind = msgspec.defstruct("Remade", [(name, str) for name in fields], frozen=True, module="a_cell")
    return Topic("market.remade.{symbol}", kind)


async def test_a_class_that_its_cell_defines_anew_takes_the_place_of_the_old_one(bus: Bus) -> None:
    """Running the cell again is no mistake: subscriptions go on, and get events of the new class."""
    old, new = remade("symbol"), remade("symbol", "more")
    bus.declare(old)
    got: list[Any] = []
    subscription = bus.subscribe("market.remade.*", got.append)
    bus.publish(old, old.type("A"))
    bus.declare(new)
    bus.publish(new, new.type("A", "b"))
    await bus.settle()
    assert [type(each) for each in got] == [old.type, new.type]
    assert subscription.routed == subscription.delivered == 2
    assert [each for each in bus.topics if each.template == old.template] == [new]
    with pytest.raises(BusError, match="not declared"):
        bus.publish(old, old.type("A"))


def test_two_topics_of_different_types_cannot_share_names() -> None:
    """A subscriber must be able to trust the type of what it gets."""
    bus = Bus(ManualClock(), catalogue=CATALOGUE)
    with pytest.raises(BusError, match="share names"):
        bus.declare(Topic("market.{kind}.BTCUSDT", Notice))
    bus.declare(TICK, Topic("market.tick.{symbol}", Tick))  # the same again is no mistake


async def test_who_subscribes_to_a_name_of_two_topics_gets_the_events_of_both(bus: Bus) -> None:
    """Also where both were published before, with others that come and go; each event counts once."""
    other: Topic[Tick] = Topic("market.tick.BTCUSDT", Tick)
    bus.declare(other)
    every = bus.subscribe("market.>", lambda _tick: None, inline=True)
    got: list[int] = []
    for number in range(0, 8, 2):
        bus.publish(TICK, Tick("BTCUSDT", number))
        bus.publish(other, Tick("BTCUSDT", number + 1))
        if number == 2:
            one = bus.subscribe("market.tick.BTCUSDT", lambda tick: got.append(tick.number), inline=True)
        if number == 4:
            one.close()
            bus.subscribe("market.*.BTCUSDT", lambda _tick: None, inline=True)
    assert got == [4, 5]
    assert (one.routed, every.routed, every.delivered) == (2, 8, 8)


def test_a_bus_without_a_loop_says_so() -> None:
    """Subscribing outside of a running loop is a clear error."""
    with pytest.raises(BusError, match="running loop"):
        Bus(ManualClock(), catalogue=CATALOGUE).subscribe(TICK, print)


# -- settle, close, and looking at it


async def test_settle_waits_for_chains_of_events(bus: Bus) -> None:
    """A handler that publishes is waited for, and so is who handles that."""
    seen: list[Tick] = []

    async def forward(tick: Tick) -> None:
        await asyncio.sleep(0.005)
        bus.publish(QUOTE, tick)

    bus.subscribe(TICK, forward)
    bus.subscribe(QUOTE, seen.append)
    publish_all(bus, ticks(3))
    await bus.settle()

    assert seen == ticks(3)


async def test_settle_waits_for_the_last_handler_of_a_closed_subscription(bus: Bus) -> None:
    """Closing lets a running handler finish, and it is not forgotten."""
    log: list[str] = []
    gate = asyncio.Event()

    async def handle(_tick: Tick) -> None:
        log.append("begun")
        await gate.wait()
        log.append("ended")

    subscription = bus.subscribe(TICK, handle, timeout_s=60)
    bus.publish(TICK, Tick("A", 0))
    while not log:
        await asyncio.sleep(0)
    subscription.close()
    assert log == ["begun"]
    asyncio.get_running_loop().call_later(0.02, gate.set)
    await bus.settle()
    assert log == ["begun", "ended"]


async def test_settle_inside_a_handler_is_refused(bus: Bus) -> None:
    """It would wait for itself."""

    async def handle(_tick: Tick) -> None:
        await bus.settle()

    subscription = bus.subscribe(TICK, handle)
    bus.publish(TICK, Tick("A", 0))
    await bus.settle()

    assert subscription.failed == 1
    assert "waits for itself" in bus.errors()[0]


async def test_closing_the_bus_leaves_no_task() -> None:
    """Parked, busy, hung and half-closed workers all end; closing twice is once."""
    bus = Bus(ManualClock(), catalogue=CATALOGUE)
    before = asyncio.all_tasks()

    async def hang(_tick: Tick) -> None:
        await asyncio.Event().wait()

    bus.subscribe(TICK, print)
    bus.subscribe(TICK, hang, timeout_s=60)
    half = bus.subscribe(TICK, hang, timeout_s=60)
    bus.publish(TICK, Tick("A", 0))
    await asyncio.sleep(0)
    half.close()
    await bus.aclose()
    await bus.aclose()

    assert asyncio.all_tasks() == before
    assert half.pending == 0


async def test_the_frame_shows_every_subscription_and_its_counters(bus: Bus) -> None:
    """One row each; the counters add up."""
    bus.subscribe(TICK, lambda _: None, name="good", capacity=4)
    bus.subscribe("market.>", lambda _: 1 / 0, name="bad")
    publish_all(bus, ticks(6))
    await bus.settle()
    table = bus.frame().set_index("subscription")

    assert list(table.index) == ["good", "bad"]
    assert table.loc["good", ["routed", "delivered", "dropped"]].tolist() == [6, 4, 2]
    assert table.loc["bad", ["routed", "failed", "pending"]].tolist() == [6, 6, 0]
    assert table.loc["bad", "pattern"] == "market.>"
