"""How often a wrong token may be tried: five times a minute, then ever more slowly.

Pure: times are arguments (UTC milliseconds, because a lockout outlives the process). It stands
before arming alone; a HALT never asks it.
"""

from __future__ import annotations

import msgspec

FREE_TRIES = 5
WINDOW_MS = 60_000
LONGEST_MS = 300_000
FORGIVEN_MS = 3_600_000  # a quiet hour ends the series


class Throttle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Recent failures, how many came on top of the free ones, and until when nothing is tried."""

    failures_ms: tuple[int, ...] = ()
    strikes: int = 0
    until_ms: int = 0

    def wait_ms(self, now_ms: int) -> int:
        """How long the next try has to wait; never above `LONGEST_MS`, also if the clock was set back."""
        return max(0, min(self.until_ms - now_ms, LONGEST_MS))

    def failed(self, now_ms: int) -> Throttle:
        """One wrong try more: from the fifth within a minute on, wait 1, 2, 4 ... 300 s."""
        last = self.failures_ms[-1] if self.failures_ms else now_ms
        strikes = 0 if now_ms - last > FORGIVEN_MS else self.strikes
        recent = (*(each for each in self.failures_ms if now_ms - each < WINDOW_MS), now_ms)[-FREE_TRIES:]
        if strikes == 0 and len(recent) < FREE_TRIES:
            return Throttle(failures_ms=recent)
        pause_ms = min(1_000 * 2 ** min(strikes, 16), LONGEST_MS)
        return Throttle(failures_ms=recent, strikes=strikes + 1, until_ms=now_ms + pause_ms)
