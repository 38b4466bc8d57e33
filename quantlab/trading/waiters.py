"""Who waits for a journal line: a coroutine on some loop, a thread that blocks, or whoever asks later.

The journal's thread answers all of them, and blocks for none.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from concurrent.futures import Future, InvalidStateError
from typing import NamedTuple, TypeAlias

from quantlab.errors import JournalUnavailable

Outcome: TypeAlias = "int | JournalUnavailable"
"""The line's number once it is on the disk, or why it is not."""


class Waiter(NamedTuple):
    """A coroutine that awaits `future` on `loop`."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[int]


Blocked = queue.SimpleQueue[Outcome]  # no lock that a signal could leave held


Begun = Future  # of the line's number: asked for on another loop than the one that began it
AnyWaiter: TypeAlias = "Waiter | Blocked | Begun[int] | None"


async def written(line: Begun[int]) -> int:
    """The number of a line that was begun, once it is on the disk; at once where it is already.

    Raises:
        JournalUnavailable: It is not.
    """
    return line.result() if line.done() else await asyncio.wrap_future(line)


def answer(waiter: AnyWaiter, outcome: Outcome) -> None:
    """Tell whoever waits, if anybody does; from the journal's thread."""
    if waiter is None:
        return
    if isinstance(waiter, Future):
        with contextlib.suppress(InvalidStateError):  # who waited was cancelled; the line stands
            if isinstance(outcome, int):
                waiter.set_result(outcome)
            else:
                waiter.set_exception(outcome)
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
