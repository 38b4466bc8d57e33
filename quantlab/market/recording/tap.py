"""Where a thread leaves what is to be recorded: one append, and nothing that could wait or fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

WAKE_AT = 8_192  # messages: then the writer does not wait for its time


class Tap:
    """Where one thread leaves what it has; one tap for each thread, or the count of drops is not exact.

    Attributes:
        dropped: Messages that came while too many waited.
    """

    __slots__ = ("_most", "_queue", "_ring", "_stamp", "_types", "dropped")

    def __init__(
        self,
        queue: deque[tuple[int, Any]],
        types: frozenset[type],
        *,
        most: int,
        stamp: Callable[[], int],
        ring: Callable[[], None],
    ) -> None:
        self.dropped = 0
        self._queue, self._types, self._most = queue, types, most
        self._stamp, self._ring = stamp, ring

    def __call__(self, event: object) -> None:
        """Leave an event, or the bytes of a frame; what is of no chosen type is not taken."""
        if type(event) not in self._types:
            return
        queue = self._queue
        waiting = len(queue)
        if waiting >= self._most:
            self.dropped += 1
            return
        queue.append((self._stamp(), event))
        if waiting == WAKE_AT:
            self._ring()

    def shut(self) -> None:
        """Take nothing any more."""
        self._types = frozenset()
