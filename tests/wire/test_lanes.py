"""The lanes between threads: order, bounds, conflation, and nothing lost without being counted."""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quantlab.bus.lanes import SLICE_S, Lanes


def post(lanes: Lanes, message: Any, key: str | None, *, conflate: bool = True) -> None:
    """To the second lane, with a key or without."""
    if key is None:
        lanes.post_bounded(message)
    else:
        lanes.post_keyed(message, key, conflate=conflate)


def make(apply: Callable[[Any], None], capacity: int = 65_536) -> tuple[Lanes, list[BaseException]]:
    """Lanes to the running loop, and the errors they report."""
    errors: list[BaseException] = []
    lanes = Lanes(
        asyncio.get_running_loop(),
        apply,
        context=contextvars.copy_context(),
        on_error=lambda _message, error: errors.append(error),
        capacity=capacity,
    )
    return lanes, errors


async def empty(lanes: Lanes) -> None:
    """Let the loop turn until nothing waits."""
    while lanes:
        await asyncio.sleep(0)


async def test_the_first_lane_goes_first() -> None:
    """An order answer posted after a thousand ticks is applied before them, in its own order."""
    seen: list[Any] = []
    lanes, _ = make(seen.append)
    for number in range(1_000):
        lanes.post_bounded(number)
    lanes.post("taken")
    lanes.post("filled")
    await empty(lanes)

    assert seen == ["taken", "filled", *range(1_000)]


async def test_the_first_lane_overtakes_in_the_middle_of_a_drain() -> None:
    """An answer that arrives while ticks are applied does not wait for the rest of them."""
    seen: list[Any] = []

    def apply(message: Any) -> None:
        seen.append(message)
        if message == 10:
            lanes.post("taken")

    lanes, _ = make(apply)
    for number in range(100):
        lanes.post_bounded(number)
    await empty(lanes)

    assert seen.index("taken") == 11
    assert len(seen) == 101


async def test_order_messages_are_never_dropped_and_market_messages_are_counted() -> None:
    """Far more than the market's room: every order message arrives, every lost tick is counted."""
    seen: list[Any] = []
    lanes, _ = make(seen.append, capacity=100)
    for number in range(5_000):
        lanes.post(("order", number))
        lanes.post_bounded(("tick", number))
    await empty(lanes)

    assert [number for kind, number in seen if kind == "order"] == list(range(5_000))
    assert [number for kind, number in seen if kind == "tick"] == list(range(4_900, 5_000))
    assert (lanes.dropped, lanes.applied) == (4_900, 5_100)


async def test_a_key_keeps_only_its_newest_message() -> None:
    """It keeps the place of the oldest; None is no key."""
    seen: list[Any] = []
    lanes, _ = make(seen.append)
    for message, key in (("a1", "a"), ("x", None), ("b1", "b"), ("a2", "a"), ("y", None), ("a3", "a")):
        post(lanes, message, key)
    await empty(lanes)
    lanes.post_keyed("a4", "a")
    await empty(lanes)

    assert seen == ["a3", "x", "b1", "y", "a4"]
    assert lanes.conflated == 2


async def test_a_message_that_may_not_be_conflated_is_neither_replaced_nor_overtaken() -> None:
    """Its key may: what waits of it stays where it is, and a newer one goes behind both."""
    seen: list[Any] = []
    lanes, _ = make(seen.append)
    for message, conflate in (("a1", True), ("a2", False), ("a3", True), ("a4", True), ("a5", False)):
        lanes.post_keyed(message, "a", conflate=conflate)
    await empty(lanes)

    assert seen == ["a1", "a2", "a4", "a5"]
    assert (lanes.applied, lanes.conflated) == (4, 1)


async def test_one_wake_up_serves_many_messages() -> None:
    """The loop is woken once for a batch, never once per message."""
    seen: list[Any] = []
    lanes, _ = make(seen.append)
    wakes, run = [], lanes.run
    lanes.run = lambda: (wakes.append(1), run())[1]  # type: ignore[method-assign]
    for number in range(10_000):
        lanes.post(number)
    await empty(lanes)

    assert len(seen) == 10_000
    assert 1 <= len(wakes) < 20


async def test_a_long_drain_is_cut_into_slices() -> None:
    """Between two slices the loop turns: 100 messages of 1 ms do not hold up a callback for 100 ms."""
    seen: list[Any] = []
    turns: list[int] = []

    def slow(message: Any) -> None:
        time.sleep(0.001)
        seen.append(message)

    lanes, _ = make(slow)
    for number in range(100):
        lanes.post(number)
    while lanes:
        await asyncio.sleep(0)
        turns.append(len(seen))

    assert seen == list(range(100))
    assert len(turns) >= 0.1 / SLICE_S / 2
    assert max(later - earlier for earlier, later in zip([0, *turns], turns, strict=False)) <= 10


async def test_a_drain_is_never_entered_twice() -> None:
    """`apply` may ask for a drain; nothing happens, and order is kept."""
    seen: list[Any] = []

    def apply(message: Any) -> None:
        assert lanes.drain(1.0) is False
        seen.append(message)

    lanes, _ = make(apply)
    for number in range(3):
        lanes.post(number)
    await empty(lanes)

    assert seen == [0, 1, 2]
    assert not lanes.draining


async def test_an_error_in_apply_is_reported_and_the_next_message_follows() -> None:
    """One bad message costs itself."""
    seen: list[Any] = []

    def apply(message: Any) -> None:
        if message == 1:
            raise ValueError("one")
        seen.append(message)

    lanes, errors = make(apply)
    for number in range(3):
        lanes.post(number)
    await empty(lanes)

    assert seen == [0, 2]
    assert [str(error) for error in errors] == ["one"]
    assert lanes.errors == 1


async def test_nothing_is_lost_when_posting_and_draining_race() -> None:
    """Disarm before popping: two threads post at random moments, and the lanes never fall asleep."""
    seen: list[Any] = []
    lanes, _ = make(seen.append)

    def post_some(name: str, randomness: random.Random) -> None:
        for number in range(3_000):
            lanes.post((name, number))
            if randomness.random() < 0.05:
                time.sleep(randomness.random() * 2e-4)

    threads = [threading.Thread(target=post_some, args=(name, random.Random(name))) for name in "ab"]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while len(seen) < 6_000 and time.monotonic() < deadline:
        await asyncio.sleep(0.0005)  # sleeps: only the armed wake-up drains

    for name in "ab":
        assert [number for who, number in seen if who == name] == list(range(3_000))


async def test_every_market_message_is_counted_when_a_thread_posts_while_we_drain() -> None:
    """posted = applied + dropped + conflated, and the last message of every key arrives."""
    latest: dict[str, int] = {}
    backwards = 0

    def apply(message: tuple[str, int]) -> None:
        nonlocal backwards
        key, number = message
        backwards += latest.get(key, -1) >= number
        latest[key] = number

    lanes, _ = make(apply, capacity=8)
    posted = 40_000

    def flood() -> None:
        randomness = random.Random(7)
        for number in range(posted):
            key = randomness.choice("abcdefghij")
            post(lanes, (key, number), key if key < "i" else None, conflate=number % 7 > 0)

    thread = threading.Thread(target=flood)
    thread.start()
    while thread.is_alive() or lanes:
        await asyncio.sleep(0)

    assert lanes.applied + lanes.dropped + lanes.conflated == posted
    assert lanes.conflated
    assert lanes.dropped
    assert lanes.applied
    assert backwards == 0


def test_counts_add_up_for_any_sequence() -> None:
    """Any mix of keys, posts and slices in one thread; conflation and dropping both happen."""
    moved = {"conflated": 0, "dropped": 0, "applied": 0}

    @given(st.lists(st.one_of(st.none(), st.sampled_from("abcdAB"), st.just("drain")), max_size=40))
    def check(steps: list[str | None]) -> None:
        async def run() -> None:
            seen: list[Any] = []
            lanes, _ = make(seen.append, capacity=3)
            posted = 0
            for step in steps:
                if step == "drain":
                    lanes.drain(0.0)
                else:
                    key = step and step.lower()
                    post(lanes, (key, posted), key, conflate=step == key)
                    posted += 1
                assert posted == lanes.applied + lanes.dropped + lanes.conflated + len(lanes)
                assert len(lanes) <= 3
            for each in "abcd":
                numbers = [number for key, number in seen if key == each]
                assert numbers == sorted(numbers)
            for name in moved:
                moved[name] += getattr(lanes, name)

        asyncio.run(run())

    check()
    assert all(moved.values()), moved
