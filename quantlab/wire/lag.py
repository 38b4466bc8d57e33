"""How late a loop is: a ping from another thread, measured when the loop gets to it.

Unmeasured is None. A ping without an answer counts by its age, so a loop that hangs is seen
to hang while it hangs, not afterwards.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque

PERIOD_S = 0.2  # between two pings
KEPT_S = 2.0  # how long a measured lag counts for `worst`


class LagProbe:
    """Pings `loop` and remembers how long the last one took, in milliseconds.

    One other thread calls `ping`; any thread reads `milliseconds`.
    """

    __slots__ = ("_context", "_last_ms", "_loop", "_next", "_recent", "_sent")

    def __init__(self, loop: asyncio.AbstractEventLoop, context: contextvars.Context) -> None:
        self._loop = loop
        self._context = context
        self._last_ms: float | None = None
        self._sent: float | None = None
        self._next = 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=int(KEPT_S / PERIOD_S) + 1)

    def ping(self) -> None:
        """Send one, unless one is under way or the last one was less than 0.2 s ago."""
        now = time.monotonic()
        if self._sent is not None or now < self._next:
            return
        self._next = now + PERIOD_S
        self._sent = now
        try:
            self._loop.call_soon_threadsafe(self._answer, now, context=self._context)
        except RuntimeError:  # the loop is closed: the age of this ping says so
            return

    def _answer(self, sent: float) -> None:
        now = time.monotonic()
        self._last_ms = (now - sent) * 1e3
        self._recent.append((now, self._last_ms))
        self._sent = None

    @property
    def milliseconds(self) -> float | None:
        """The last measured lag, or the age of the ping under way where that is longer."""
        last, sent = self._last_ms, self._sent
        if sent is None:
            return last
        age = (time.monotonic() - sent) * 1e3
        return age if last is None or age > last else last

    def worst(self) -> float | None:
        """The longest lag (ms) of those that ended within the last 2 s, and of the ping under way.

        For what waited in a queue while the loop was held, and is looked at after it was freed: by
        then a shorter ping may have been answered already.
        """
        recent = time.monotonic() - KEPT_S
        lags = [lag for ended, lag in tuple(self._recent) if ended > recent]
        if (current := self.milliseconds) is not None:
            lags.append(current)
        return max(lags, default=None)
