"""One subscription's bounded mailbox: what waits, what was lost, and the count of both.

Pure bookkeeping: no loop, no task, no handler. At every moment
`routed = delivered + failed + timed_out + dropped + conflated + pending`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import StrEnum
from typing import Any, ClassVar, Protocol

LAGS_KEPT = 256
NONE: dict[Hashable, Any] = {}  # stays empty: one for all mailboxes that never look in it
NOWHERE: set[Any] = set()  # and one for all to which no route leads yet
NOTHING: deque[Any] = deque(maxlen=0)  # and one for all whose handler never lets an event wait


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


class Counted(Protocol):
    """A way by which events come here, and how many came so far."""

    count: int


class Mailbox:
    """Events in order of arrival, at most `capacity` of them.

    `routed` is the sum over the routes that lead here: a publish counts once for each route and
    not once for each receiver. All counters only grow; whoever runs the handler moves
    `delivered`, `failed` and `timed_out`, and `running`: how many events it works on right now.
    """

    COUNTERS: ClassVar = ("routed", "delivered", "failed", "timed_out", "dropped", "conflated", "pending")

    __slots__ = (
        "_earlier",
        "_stamp",
        "_target",
        "capacity",
        "conflated",
        "delivered",
        "dropped",
        "failed",
        "key",
        "lags",
        "latest",
        "overflow",
        "queue",
        "routes",
        "running",
        "timed_out",
    )

    waits: ClassVar = True  # events may wait here
    delivered: int

    def __init__(self, overflow: Overflow, capacity: int, key: Callable[[Any], Hashable] | None) -> None:
        self.overflow = overflow
        self.capacity = capacity
        self.key = key
        self.queue: deque[Any] = (
            deque() if self.waits else NOTHING
        )  # events; under CONFLATE the keys, whose events are in `latest`
        self.latest: dict[Hashable, Any] = {} if overflow is Overflow.CONFLATE else NONE
        self.routes: set[Counted] = NOWHERE
        self.running = self._earlier = self._target = 0
        self.failed = self.timed_out = self.dropped = self.conflated = 0
        self.lags: deque[float] | None = None
        self._stamp: float | None = None

    # -- what came

    @property
    def routed(self) -> int:
        """Events that were published to this subscription so far."""
        return self._earlier + sum(route.count for route in self.routes)

    def leave(self, route: Counted) -> None:
        """This route is used no more: what came by it is kept."""
        if route in self.routes:
            self.routes.remove(route)
            self._earlier += route.count

    @property
    def depth(self) -> int:
        """Events that wait."""
        return len(self.queue)

    @property
    def pending(self) -> int:
        """Events that wait, and those that a handler works on."""
        return self.depth + self.running

    def store(self, event: Any) -> bool:
        """Put `event` in, making room as `overflow` says; True where that lost an event.

        Under FAIL a full mailbox drops the event: the caller closes the subscription.
        """
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

    # -- what goes

    @property
    def take(self) -> Callable[[], Any]:
        """Takes the event that waits longest; the caller counts it, from then on, as `running`."""
        return self._take_newest if self.overflow is Overflow.CONFLATE else self.queue.popleft

    def _take_newest(self) -> Any:
        return self.latest.pop(self.queue.popleft())

    def discard(self) -> int:
        """Drop everything that waits, and count it."""
        lost = len(self.queue)
        self.queue.clear()
        self.latest.clear()
        self.dropped += lost
        self._stamp = None
        return lost

    # -- how long it waited

    def measure(self) -> None:
        """Sample from now on how long events wait."""
        self.lags = deque(maxlen=LAGS_KEPT)

    def stamp(self, now: float) -> None:
        """One sample at a time: note when the newest event came, unless one is under way."""
        if self._stamp is None and self.lags is not None:
            self._stamp = now
            self._target = self._gone() + len(self.queue)

    def look(self, now: float) -> None:
        """The next event is about to be taken: where it is the sample's, or past it, that is one lag.

        In a backlog the next sample is whatever is the newest now, so a lag can come out too short
        by the time of one batch, never too long.
        """
        if self._stamp is not None and self._gone() + 1 >= self._target:
            if self.lags is not None:
                self.lags.append(now - self._stamp)
            self._stamp = None
        if len(self.queue) > 1:
            self.stamp(now)

    def _gone(self) -> int:
        """Events that left the queue at its front."""
        gone = self.delivered + self.failed + self.timed_out
        return gone if self.overflow is Overflow.DROP_NEW else gone + self.dropped
