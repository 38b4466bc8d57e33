"""Lanes: how messages reach a loop from other threads, with one wake-up for many messages.

Never a `call_soon_threadsafe` per message: a message goes into a deque, and only the first of a
batch arms one wake-up. The first lane is lossless and goes first; the second is bounded.
No lock anywhere: a signal that strikes inside one would leave it held.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

MARKET_CAPACITY = 65_536
SLICE_S = 0.005
STRIDE = 64  # messages between two looks at the clock, at most, while they take next to no time
BRISK_S = SLICE_S / 10  # between two looks; a message that takes longer is alone between two


class Cell(list[Any]):
    """The newest message of one key, where the key's oldest stood; empty once it was taken.

    Filling anew and taking are one step each, so that two threads need no lock for them.
    """

    __slots__ = ()


class Lanes:
    """Messages for `apply`, which runs on `loop` in `context` and nowhere else.

    `post` may be called from any thread; `post_bounded` and `post_keyed` from one thread besides
    the loop's.

    Args:
        apply: Gets each message, in order, those of the first lane before the others.
        context: Prints and context variables of `apply` go there, not to whoever posted.
        on_error: Gets what `apply` raised; the next message follows.
        clock: Seconds; the loop's own where time is virtual.
        guard: Entered around each slice: the SIGINT mask.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        apply: Callable[[Any], None],
        *,
        context: contextvars.Context,
        on_error: Callable[[Any, BaseException], None],
        capacity: int = MARKET_CAPACITY,
        clock: Callable[[], float] = time.monotonic,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.draining = False
        self.applied = self.dropped = self.conflated = self.errors = self.undelivered = 0
        self._loop = loop
        self._apply = apply
        self._context = context
        self._on_error = on_error
        self._capacity = capacity
        self._clock = clock
        self._guard = guard
        self._armed = False
        self._first: deque[Any] = deque()
        self._second: deque[Any] = deque()  # messages, and a cell for each key
        self._cells: dict[Hashable, Cell] = {}
        self._waiting = False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def post(self, message: Any) -> None:
        """First lane: never lost, never behind the second."""
        self._first.append(message)
        if self._waiting:
            self._bell.put(None)
        if not self._armed:
            self._arm()

    def post_bounded(self, message: Any) -> None:
        """Second lane: the oldest is dropped and counted when full."""
        self._second.append(message)
        if len(self._second) > self._capacity:
            self._drop_oldest()
        if not self._armed:
            self._arm()

    def post_keyed(self, message: Any, key: Hashable, *, conflate: bool = True) -> None:
        """Second lane: of `key` only the newest message waits, in the oldest one's place.

        Args:
            conflate: False lets this message wait behind all others: a newer one of the key will
                neither replace nor overtake it.
        """
        if not conflate:
            self._cells.pop(key, None)  # what waits there keeps its place and its message
            self.post_bounded(message)
            return
        try:
            self._cells[key][0] = message
        except LookupError:  # none waits: never did, or it was taken meanwhile
            self._cells[key] = cell = Cell((message,))
            self.post_bounded(cell)
        else:
            self.conflated += 1

    def _drop_oldest(self) -> None:
        try:
            oldest = self._second.popleft()
        except IndexError:
            return  # drained meanwhile
        if type(oldest) is Cell:
            oldest.clear()
        self.dropped += 1

    def _arm(self) -> None:
        self._armed = True
        try:
            self._loop.call_soon_threadsafe(self.run, context=self._context)
        except RuntimeError:  # the loop is closed: what is posted now stays unread
            self.undelivered += 1

    def run(self) -> None:
        """One slice, on the loop; what is left comes in the next turn."""
        self._waiting = False
        if not self.drain(SLICE_S) and not self._armed:
            self._arm()

    def drain(self, budget_s: float) -> bool:
        """Apply messages for about `budget_s` seconds; True when none is left. Never re-entrant."""
        if self.draining:
            return False
        with self._guard():
            self._drain(self._clock() + budget_s)
        return not self

    def _drain(self, deadline: float) -> None:
        self._armed = False  # before popping: whoever posts from now on arms again
        self.draining = True
        first, second, apply, clock = self._first, self._second, self._apply, self._clock
        taken, stride, looked = 0, 1, deadline
        try:
            while True:
                for taken in range(taken + 1, taken + 1 + stride):  # noqa: B020  # goes on counting
                    if first:
                        message = first.popleft()
                    else:
                        try:
                            message = second.popleft()
                        except IndexError:
                            taken -= 1  # noqa: PLW2901  # none was left
                            return
                        if type(message) is Cell:
                            message = message.pop()
                    try:
                        apply(message)
                    except Exception as error:  # noqa: BLE001  # a bad message must not hold up the others
                        self.errors += 1
                        self._on_error(message, error)
                if (now := clock()) >= deadline:
                    return
                stride = min(2 * stride, STRIDE) if now - looked < BRISK_S else 1
                looked = now
        finally:
            self.applied += taken
            self.draining = False

    def wait(self, timeout_s: float) -> None:
        """Block this thread until something is posted to the first lane, or `timeout_s` seconds."""
        self._waiting = True  # before the look: whoever posts from now on rings
        if not self._first:
            with suppress(queue.Empty):
                self._bell.get(timeout=timeout_s)
        self._waiting = False

    def clear(self) -> list[Any]:
        """Forget everything that waits; the first lane's messages, for who must answer for them."""
        left = list(self._first)
        self._first.clear()
        self._second.clear()
        self._cells.clear()
        return left
