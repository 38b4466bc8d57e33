"""A journal line that was begun: told once to whoever asks, on whichever thread it is settled."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import pytest

from quantlab.errors import JournalUnavailable
from quantlab.trading.waiters import Begun, written

ROUNDS = 300


async def test_a_line_is_told_whether_it_is_asked_for_before_or_after_it_is_written() -> None:
    """Its number, or why it has none."""
    early, late, failed = Begun(), Begun(), Begun()
    asked = asyncio.ensure_future(written(early))
    await asyncio.sleep(0)
    assert not asked.done()
    early.settle(5)
    late.settle(6)
    failed.settle(JournalUnavailable("the disk is full"))
    assert (await asked, await written(late)) == (5, 6)
    with pytest.raises(JournalUnavailable, match="disk is full"):
        await written(failed)


async def test_whoever_stops_waiting_stops_no_line() -> None:
    """A line that is settled after that settles nobody."""
    line = Begun()
    asked = asyncio.ensure_future(written(line))
    await asyncio.sleep(0)
    asked.cancel()
    line.settle(7)
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert line.outcome == 7


async def test_what_goes_on_after_a_line_goes_on_once_however_the_threads_meet() -> None:
    """One thread settles while the other leaves word: neither is lost, and nothing happens twice."""
    went: Counter[int] = Counter()
    for number in range(ROUNDS):
        line, start = Begun(), threading.Barrier(2)

        def settle(line: Begun = line, start: threading.Barrier = start) -> None:
            start.wait()
            line.settle(1)

        thread = threading.Thread(target=settle)
        thread.start()
        start.wait()
        line.then(lambda number=number: went.update([number]))
        thread.join()
    assert went == Counter(range(ROUNDS))
    line = Begun()
    line.settle(1)
    line.then(lambda: went.update(["now"]))  # type: ignore[list-item]
    assert went["now"] == 1  # type: ignore[index]


async def test_an_error_of_what_goes_on_is_not_swallowed() -> None:
    """An `IndexError` of its own is no sign that another thread was first."""

    def fails() -> None:
        raise IndexError("mine")

    line = Begun()
    line.settle(1)
    with pytest.raises(IndexError, match="mine"):
        line.then(fails)
