"""Fair shares of the GIL: a short switch interval, and a breather on a busy home loop.

Without both, a loop whose turns of 0.3 to 2 ms follow each other without a pause starves every
other thread of the process: it takes the GIL back before they wake. An idle loop must not pay.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
from collections.abc import Callable

SWITCH_S = 1e-4  # how long a thread may keep the GIL when another one asks
BREATH_S = 6e-5
BUSY_S = 0.002  # one breath for this much busy loop
IDLE_S = 0.064  # between two looks at an idle loop
BUSY_SHARE = 0.2  # of one core, used by the home thread since the last look


class SwitchInterval:
    """`sys.setswitchinterval`, short while anyone needs it and then as it was before."""

    def __init__(self) -> None:
        self._users = 0
        self._before = 0.0

    def shorten(self) -> None:
        """One more user."""
        if not self._users:
            self._before = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_S)
        self._users += 1

    def restore(self) -> None:
        """One user less; the last one puts the old value back."""
        self._users -= 1
        if not self._users:
            sys.setswitchinterval(self._before)


SWITCH_INTERVAL = SwitchInterval()


class Breather:
    """A timer on the home loop that sleeps 60 us for every 2 ms in which the loop was busy.

    Busy is measured by the thread's processor time. While the loop is idle the timer slows down
    to one look in 64 ms. `on_look` runs at every look (the lag probe).
    """

    def __init__(
        self, home: asyncio.AbstractEventLoop, context: contextvars.Context, on_look: Callable[[], None]
    ) -> None:
        self.breaths = 0
        self._home = home
        self._context = context
        self._on_look = on_look
        self._period = BUSY_S
        self._used = self._looked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the home thread."""
        self._used, self._looked = time.thread_time(), time.monotonic()
        self._timer = self._home.call_later(self._period, self._look, context=self._context)

    def stop(self) -> None:
        """End; nothing stays on the loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        used, now = time.thread_time(), time.monotonic()
        busy = used - self._used >= BUSY_SHARE * (now - self._looked)
        self._used, self._looked = used, now
        self._period = BUSY_S if busy else min(2 * self._period, IDLE_S)
        if busy:
            self.breaths += 1
            time.sleep(BREATH_S)
        self._on_look()
        self._timer = self._home.call_later(self._period, self._look, context=self._context)
