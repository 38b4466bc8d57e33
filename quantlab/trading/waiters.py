"""Who waits for a journal line: a coroutine on some loop, or a thread that blocks.

The journal's thread answers both, and blocks for neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from typing import NamedTuple, TypeAlias

from quantlab.errors import JournalUnavailable

Outcome: TypeAlias = "int | JournalUnavailable"
"""The line's number once it is on the disk, or why it is not."""


class Waiter(NamedTuple):
    """A coroutine that awaits `future` on `loop`."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[int]


Blocked = queue.SimpleQueue[Outcome]  # no lock that a signal could leave held


def answer(waiter: Waiter | Blocked | None, outcome: Outcome) -> None:
    """Tell whoever waits, if anybody does; from the journal's thread."""
    if waiter is None:
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
