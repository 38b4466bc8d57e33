"""How often a stream speaks, and whether it has been silent for longer than that explains.

Pure: time is an argument, in seconds of any steady clock. A stalled venue keeps its connection and
answers pings; only the age of each stream's data shows it. What to expect is learned from the stream:
its longest pause of late, which fades by half in five minutes.
"""

from __future__ import annotations

HEARD = 20  # events before a stream is believed to be regular
HALF_LIFE_S = 300.0
PAUSES = 2.0  # so many times its longest pause is no pause any more


class Pulse:
    """One stream. The reader counts (`count += 1`), a timer looks (`tick`).

    Attributes:
        count: Events so far.
        silent: It has said nothing for too long.
        longest_s: Its longest pause of late.
        last_s: When it was last seen to speak, or had a new beginning; None before.
        awaited: It has not spoken since its new beginning.
    """

    __slots__ = ("_looked_at", "_looked_s", "awaited", "count", "last_s", "longest_s", "silent")

    def __init__(self) -> None:
        self.count = 0
        self.silent = self.awaited = False
        self.longest_s = 0.0
        self.last_s: float | None = None
        self._looked_at = 0
        self._looked_s: float | None = None

    def tick(self, now_s: float, silent_after_s: float) -> bool:
        """Look at the count; True where the stream has fallen silent since the last look."""
        if self._looked_s is not None:
            self.longest_s *= 0.5 ** ((now_s - self._looked_s) / HALF_LIFE_S)
        self._looked_s = now_s
        if self.count != self._looked_at:
            if self.last_s is not None:
                self.longest_s = max(self.longest_s, now_s - self.last_s)
            self._looked_at, self.last_s, self.silent, self.awaited = self.count, now_s, False, False
            return False
        if self.silent or self.last_s is None or self.count < HEARD:
            return False
        self.silent = now_s - self.last_s > max(silent_after_s, PAUSES * self.longest_s)
        return self.silent

    def excuse(self, pause_s: float) -> None:
        """Our own pause of `pause_s` (a blocked loop, a reconnect) says nothing about the stream."""
        if self.last_s is not None:
            self.last_s += pause_s

    def begin(self, now_s: float, *, paused: bool) -> None:
        """A new connection brings it from now on.

        `paused`: it was silent on one that lived. That may have been a pause of its own, so it is given more
        time, once: what is silent on the next connection, too, must not be believed for longer each time.
        """
        if self.last_s is None:
            return
        if paused and not self.awaited:
            self.longest_s = max(self.longest_s, now_s - self.last_s)
        self.last_s, self.silent, self.awaited = now_s, False, True
