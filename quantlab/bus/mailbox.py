"""One subscription's bounded mailbox: what waits, what was lost, and the count of both.

Pure bookkeeping: no loop, no task, no handler. At every moment
`routed = delivered + failed + timed_out + dropped + conflated + pending`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import StrEnum
from typing import Any, ClassVar


class Overflow(StrEnum):
    """What a full mailbox does with the next event.

    DROP_OLDEST and DROP_NEW lose one and count it. CONFLATE keeps the newest event of each
    `key` (and, beyond `capacity` keys, drops the key that waits longest). FAIL closes the
    subscription: for those who must not miss anything.
    """

    DROP_OLDEST = "drop_oldest"
    DROP_NEW = "drop_new"
    CONFLATE = "conflate"
    FAIL = "fail"


class Mailbox:
    """Events in order of arrival, at most `capacity` of them.

    `running` is 1 while a handler works on an event that was taken, else 0. The counters only
    grow; whoever runs the handler moves `delivered`, `failed` and `timed_out`.
    """

    COUNTERS: ClassVar = ("routed", "delivered", "failed", "timed_out", "dropped", "conflated", "pending")

    __slots__ = (
        "capacity",
        "conflated",
        "delivered",
        "dropped",
        "failed",
        "key",
        "latest",
        "overflow",
        "queue",
        "routed",
        "running",
        "timed_out",
    )

    def __init__(self, overflow: Overflow, capacity: int, key: Callable[[Any], Hashable] | None) -> None:
        self.overflow = overflow
        self.capacity = capacity
        self.key = key
        self.queue: deque[Any] = deque()  # events; under CONFLATE the keys, whose events are in `latest`
        self.latest: dict[Hashable, Any] = {}
        self.running = 0
        self.routed = self.delivered = self.failed = self.timed_out = self.dropped = self.conflated = 0

    @property
    def pending(self) -> int:
        """Events that wait, and the one a handler works on."""
        return len(self.queue) + self.running

    def store(self, event: Any) -> bool:
        """Put `event` in, making room as `overflow` says; True where that lost an event.

        Under FAIL a full mailbox drops the event: the caller closes the subscription.
        """
        self.routed += 1
        if self.overflow is Overflow.CONFLATE:
            return self._conflate(event)
        if len(self.queue) < self.capacity:
            self.queue.append(event)
            return False
        self.dropped += 1
        if self.overflow is Overflow.DROP_OLDEST:
            self.queue.popleft()
            self.queue.append(event)
        return True

    def take(self) -> Any:
        """The event that waits longest; it counts as pending until `running` is 0 again."""
        self.running = 1
        first = self.queue.popleft()
        return self.latest.pop(first) if self.overflow is Overflow.CONFLATE else first

    def discard(self) -> int:
        """Drop everything that waits, and count it."""
        lost = len(self.queue)
        self.queue.clear()
        self.latest.clear()
        self.dropped += lost
        return lost

    def _conflate(self, event: Any) -> bool:
        assert self.key is not None  # noqa: S101  # the bus refuses CONFLATE without a key
        key = self.key(event)
        known = key in self.latest
        full = not known and len(self.queue) >= self.capacity
        if full:
            del self.latest[self.queue.popleft()]
            self.dropped += 1
        self.latest[key] = event
        if known:
            self.conflated += 1  # the newer event keeps the older one's place in the queue
        else:
            self.queue.append(key)
        return full
