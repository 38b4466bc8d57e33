"""Two connections with the same streams, side by side: every event once, in the old one's order.

Pure. While both run, the old one delivers and what it delivers is remembered; what the new one brings
waits. At the handover the waiting events that the old one did not bring follow. Afterwards the new one
may still bring what the old one was quicker with: that is dropped, too.

Nothing is remembered before: the new connection brings only what happens after it has subscribed, and
that reaches the old one later still.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable


class Overlap:
    """One change of connections.

    Args:
        identity: What makes an event the same on both connections; None for what is no event and is
            for the connection it came on alone (a reply).
        deliver: Gets each event once, and everything that is no event.

    Attributes:
        duplicates: Events that came on both and were delivered once.
    """

    def __init__(
        self, identity: Callable[[bytes], Hashable | None], deliver: Callable[[bytes], None]
    ) -> None:
        self.duplicates = 0
        self._identity, self._deliver = identity, deliver
        self._seen: set[Hashable] = set()
        self._waiting: list[bytes] = []
        self._over = False

    def old(self, raw: bytes) -> None:
        """A message on the old connection."""
        key = self._identity(raw)
        if key is not None and self._over:
            return
        if key is not None:
            self._seen.add(key)
        self._deliver(raw)

    def new(self, raw: bytes) -> None:
        """A message on the new connection."""
        key = self._identity(raw)
        if key is None:
            self._deliver(raw)
        elif not self._over:
            self._waiting.append(raw)
        elif key in self._seen:
            self.duplicates += 1
        else:
            self._deliver(raw)

    def hand_over(self) -> list[bytes]:
        """The new connection delivers from now on: give `new` these first, in this order."""
        self._over = True
        waiting, self._waiting = self._waiting, []
        return waiting
