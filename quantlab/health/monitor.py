"""The monitor: samples the venue on the wire loop and tells its health every second.

A transition is told at once, and looked for more often until the venue is OK. No probe, however
it fails or hangs, ends it; and it never judges: `state.step` does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from quantlab.clock import NS_PER_MS, Clock
from quantlab.domain.venue import HealthState, Level, VenueHealth
from quantlab.frames import frame
from quantlab.health.probes import Pinger, Prober, Sources
from quantlab.health.signals import NO_SAMPLE, Thresholds, unmeasured
from quantlab.health.state import DEFAULTS, Memory, Now, as_seen, step

if TYPE_CHECKING:
    import pandas as pd

ON_THE_WAY = (HealthState.UNKNOWN, HealthState.CONNECTING, HealthState.SYNCING)
HISTORY = 1_000
STOP_S = 0.1


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One transition, at `time_ms` in venue time (UTC ms)."""

    time_ms: int
    before: str
    after: str
    reasons: str


class Monitor:
    """Watches one venue.

    Args:
        emit: Takes each `VenueHealth`, on the wire loop; it must return at once.
        ping: One REST round trip; asked every `ping_every_s` seconds.
        clock: Gives the venue's time; durations come from its monotonic side.
        period_s: How often the health is told; `fast_s`: how often it is looked at until OK.
    """

    def __init__(
        self,
        *,
        venue: str,
        level: Level,
        clock: Clock,
        sources: Sources,
        ping: Callable[[], Awaitable[object]],
        emit: Callable[[VenueHealth], object],
        thresholds: Thresholds = DEFAULTS,
        period_s: float = 1.0,
        fast_s: float = 0.03,
        ping_every_s: float = 5.0,
        ping_timeout_s: float = 4.0,
    ) -> None:
        self._clock = clock
        self._emit = emit
        self._thresholds = thresholds
        self._period_s = period_s
        self._fast_s = fast_s
        self._pinger = Pinger(ping, clock, every_s=ping_every_s, timeout_s=ping_timeout_s)
        self._prober = Prober(sources, self._pinger, clock)
        self._memory = Memory(venue=venue, level=level.label)
        self._changes: deque[Change] = deque(maxlen=HISTORY)
        self.errors: deque[str] = deque(maxlen=20)
        self.latest: VenueHealth | None = None

    async def run(self) -> None:
        """Sample until cancelled; the last word is then STOPPED."""
        loop = asyncio.get_running_loop()
        pings = asyncio.create_task(self._pinger.run(), name="health pings")
        due = loop.time()
        try:
            while True:
                moved = self._sample()
                if moved or loop.time() >= due:
                    self._tell()
                    due = loop.time() + self._period_s
                await asyncio.sleep(self._pause_s(max(0.0, due - loop.time())))
        finally:
            pings.cancel()
            self._sample(stopped=True)
            self._tell()
            await asyncio.wait({pings}, timeout=STOP_S)  # a ping may not heed its cancellation

    def look(self) -> None:
        """Sample and tell now: time was moved by hand, and what was told before is as old as that."""
        self._sample()
        self._tell()

    def glance(self) -> VenueHealth | None:
        """The last health, with what can be measured at once measured anew, and not one step further.

        For a reader who looks more often than it is told: a monitor that stands still is UNKNOWN.
        """
        latest = self.latest
        if latest is None or latest.state is HealthState.STOPPED:
            return latest
        sample, now_ms = self._prober.sample(), self._clock.now_ms()
        seen = as_seen(latest, now_ms, round(self._period_s * 1_000))
        return msgspec.structs.replace(
            seen,
            reasons=(*(each for each in seen.reasons if each.code != NO_SAMPLE), *unmeasured(sample)),
            as_of_ms=seen.as_of_ms if seen.state is HealthState.UNKNOWN else now_ms,
            rtt_ms=sample.rtt_ms,
            message_age_ms=sample.message_age_ms,
            kernel_lag_ms=sample.kernel_lag_ms,
            wire_lag_ms=sample.wire_lag_ms,
        )

    def history(self) -> tuple[Change, ...]:
        """The last transitions, oldest first."""
        return tuple(self._changes)

    def frame(self) -> pd.DataFrame:
        """The transitions as a table."""
        return frame(self.history(), columns=["time_ms", "before", "after", "reasons"])

    def _pause_s(self, until_due_s: float) -> float:
        return min(until_due_s, self._fast_s) if self._memory.state in ON_THE_WAY else until_due_s

    def _sample(self, *, stopped: bool = False) -> bool:
        """Take one sample and step; True if the state has moved."""
        before = self._memory.state
        now = Now(self._clock.now_ms(), self._clock.monotonic_ns() / NS_PER_MS)
        sample = self._prober.sample(stopped=stopped)
        self._memory, self.latest = step(self._memory, sample, now, self._thresholds)
        moved = self._memory.state is not before
        if moved:
            self._changes.append(
                Change(
                    time_ms=now.wall_ms,
                    before=before.value,
                    after=self._memory.state.value,
                    reasons=" ".join(each.text for each in self.latest.reasons if each.code != NO_SAMPLE),
                )
            )
        return moved

    def _tell(self) -> None:
        if self.latest is None:
            return
        try:
            self._emit(self.latest)
        except Exception as error:  # noqa: BLE001  # a listener must not end the monitor
            self.errors.append(f"{type(error).__name__}: {error}")
