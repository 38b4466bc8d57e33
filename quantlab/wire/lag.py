"""How late a loop is: a ping from another thread, measured when the loop gets to it.

Unmeasured is None. A ping without an answer counts by its age, so a loop that hangs is seen
to hang while it hangs, not afterwards.
"""

from __future__ import annotations

import asyncio
import contextvars
import time

PERIOD_S = 0.2  # between two pings


class LagProbe:
    """Pings `loop` and remembers how long the last one took, in milliseconds.

    One other thread calls `ping`; any thread reads `milliseconds`.
    """

    __slots__ = ("_context", "_last_ms", "_loop", "_next", "_sent")

    def __init__(self, loop: asyncio.AbstractEventLoop, context: contextvars.Context) -> None:
        self._loop = loop
        self._context = context
        self._last_ms: float | None = None
        self._sent: float | None = None
        self._next = 0.0

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
        self._last_ms = (time.monotonic() - sent) * 1e3
        self._sent = None

    @property
    def milliseconds(self) -> float | None:
        """The last measured lag, or the age of the ping under way where that is longer."""
        last, sent = self._last_ms, self._sent
        if sent is None:
            return last
        age = (time.monotonic() - sent) * 1e3
        return age if last is None or age > last else last
