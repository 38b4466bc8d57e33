"""Who waits for a journal line: a coroutine on some loop, a thread that blocks, or whoever asks later.

The journal's thread answers all of them, and blocks for none.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from quantlab.errors import JournalUnavailable

Outcome: TypeAlias = "int | JournalUnavailable"
"""The line's number once it is on the disk, or why it is not."""


class Waiter(NamedTuple):
    """A coroutine that awaits `future` on `loop`."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[int]


Blocked = queue.SimpleQueue[Outcome]  # no lock that a signal could leave held


class Begun:
    """A line that was begun, and is asked for on another loop than the one that began it.

    No lock: whoever asks leaves word before it looks for the outcome, and whoever answers looks for word
    after the outcome stands there. So at least one of the two sees the other.
    """

    __slots__ = ("_then", "outcome", "waiter")

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.waiter: Waiter | None = None
        self._then: list[Callable[[], object]] = []

    def settle(self, outcome: Outcome) -> None:
        """The line's number, or why it has none; from any thread."""
        self.outcome = outcome
        answer(self.waiter, outcome)
        self._go_on()

    def then(self, go_on: Callable[[], object]) -> None:
        """Call `go_on` once when there is an outcome: now, or on the thread that tells it."""
        self._then.append(go_on)
        if self.outcome is not None:
            self._go_on()

    def _go_on(self) -> None:
        while self._then:
            try:
                go_on = self._then.pop()  # gives each to one thread alone
            except IndexError:
                return
            go_on()


AnyWaiter: TypeAlias = "Waiter | Blocked | Begun | None"


async def written(line: Begun) -> int:
    """The number of a line that was begun, once it is on the disk; at once where it is already.

    Raises:
        JournalUnavailable: It is not.
    """
    if line.outcome is None:
        loop = asyncio.get_running_loop()
        line.waiter = Waiter(loop, loop.create_future())
        if line.outcome is None:
            return await line.waiter.future
    if isinstance(line.outcome, JournalUnavailable):
        raise line.outcome
    return line.outcome


def answer(waiter: AnyWaiter, outcome: Outcome) -> None:
    """Tell whoever waits, if anybody does; from the journal's thread."""
    if waiter is None:
        return
    if isinstance(waiter, Begun):
        waiter.settle(outcome)
        return
    if not isinstance(waiter, Waiter):
        waiter.put(outcome)
        return
    with contextlib.suppress(RuntimeError):  # the loop that waited is gone; the line stands
        waiter.loop.call_soon_threadsafe(_finish, waiter.future, outcome)


def _finish(future: asyncio.Future[int], outcome: Outcome) -> None:
    if future.done():  # the waiter was cancelled
        return
    if isinstance(outcome, int):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
