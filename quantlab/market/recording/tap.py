"""Where a thread leaves what is to be recorded: one append, and nothing that waits or fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

WAKE_AT = 8_192  # messages: then the writer does not wait for its time

Take = Callable[[object], None]


class Tap:
    """The tap of one thread; each has one of its own, or the count of drops is not exact.

    Attributes:
        take: Leaves an event, or the bytes of a frame, with its time; what is of no chosen type is not taken,
            unless `every`: then all that comes was chosen, and the writer says what it cannot keep.
        dropped: Messages that came while too many waited.
    """

    __slots__ = ("_every", "_types", "dropped", "take")

    def __init__(
        self,
        queue: deque[tuple[int, Any]],
        types: frozenset[type],
        *,
        most: int,
        stamp: Callable[[], int],
        ring: Callable[[], None],
        every: bool = False,
    ) -> None:
        self.dropped = 0
        self._types, self._every = set(types), every
        self.take = self._taking(queue, min(most, WAKE_AT), most, stamp, ring)

    def shut(self) -> None:
        """Take nothing any more."""
        self._types.clear()

    def _taking(
        self,
        queue: deque[tuple[int, Any]],
        wake_at: int,
        most: int,
        stamp: Callable[[], int],
        ring: Callable[[], None],
    ) -> Take:
        """A closure: it runs for each message of the wire, and looks up nothing in an object."""
        types, every, append = self._types, self._every, queue.append

        def take(event: object) -> None:
            if type(event) not in types and not (every and types):
                return
            if (waiting := len(queue)) < wake_at:
                append((stamp(), event))
            elif waiting < most:
                append((stamp(), event))
                if waiting == wake_at:
                    ring()
            else:
                self.dropped += 1

        return take
