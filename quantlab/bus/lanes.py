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
_TAKEN: Any = object()  # a conflated message that an earlier turn took already


class Lanes:
    """Messages for `apply`, which runs on `loop` in `context` and nowhere else.

    `post` may be called from any thread; `post_bounded` from one thread besides the loop's.

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
        self._second: deque[tuple[Hashable | None, Any]] = deque()
        self._queued: set[Hashable] = set()  # keys that stand in the second lane
        self._latest: dict[Hashable, Any] = {}  # their newest messages
        self._waiting = False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def post(self, message: Any) -> None:
        """First lane: never lost, never behind the second."""
        self._first.append(message)
        if self._waiting:
            self._bell.put(None)
        self._arm()

    def post_bounded(self, message: Any, key: Hashable | None = None) -> None:
        """Second lane: the oldest is dropped and counted when full; a `key` keeps only its newest."""
        if key is None:
            self._second.append((None, message))
        else:
            self._latest[key] = message  # before the look at `_queued`; `_next` does it the other way round
            if key in self._queued:
                self.conflated += 1
                return
            self._queued.add(key)
            self._second.append((key, None))
        if len(self._second) > self._capacity:
            self._drop_oldest()
        self._arm()

    def _drop_oldest(self) -> None:
        try:
            key, _ = self._second.popleft()
        except IndexError:
            return  # drained meanwhile
        if key is not None:
            self._queued.discard(key)
            if self._latest.pop(key, _TAKEN) is _TAKEN:
                self.conflated += 1
                return
        self.dropped += 1

    def _arm(self) -> None:
        if self._armed:
            return
        self._armed = True
        try:
            self._loop.call_soon_threadsafe(self.run, context=self._context)
        except RuntimeError:  # the loop is closed: what is posted now stays unread
            self.undelivered += 1

    def run(self) -> None:
        """One slice, on the loop; what is left comes in the next turn."""
        self._waiting = False
        if not self.drain(SLICE_S):
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
        try:
            while (message := self._next()) is not _TAKEN:
                self._one(message)
                if self._clock() >= deadline:
                    break
        finally:
            self.draining = False

    def _one(self, message: Any) -> None:
        try:
            self._apply(message)
        except Exception as error:  # noqa: BLE001  # one bad message must not hold up the others
            self.errors += 1
            self._on_error(message, error)
        self.applied += 1

    def _next(self) -> Any:
        """The next message, or `_TAKEN` when there is none."""
        if self._first:
            return self._first.popleft()
        while self._second:
            try:
                key, message = self._second.popleft()
            except IndexError:
                break  # the poster dropped it meanwhile
            if key is None:
                return message
            self._queued.discard(key)
            message = self._latest.pop(key, _TAKEN)
            if message is not _TAKEN:
                return message
            self.conflated += 1
        return _TAKEN

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
        self._queued.clear()
        self._latest.clear()
        return left
