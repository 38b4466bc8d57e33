"""The venue's clock as seen from here: our clock plus a measured offset.

Biased behind on purpose: the venue refuses what is 1 s ahead of it, but takes what is seconds
old. No socket and no loop: the client measures, this module only does the arithmetic. It
never invents an offset: before the first sample the offset is None and time is local time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from quantlab.clock import NS_PER_MS, Clock

RESOLUTION_MS = 1  # both clocks are read in whole milliseconds


class ClockSample(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the venue's clock. `offset_ms` is venue minus local at the round trip's middle."""

    offset_ms: float
    rtt_ms: float


class VenueClock:
    """Our `Clock` in the venue's time; it is a `Clock` itself.

    `offset_ms` is the best estimate of venue minus local time; the truth is within
    `uncertainty_ms` of it. Both are None until `adopt`; under a fixed clock nothing can be
    measured, so the offset is exact and the uncertainty stays None.
    """

    def __init__(self, clock: Clock) -> None:
        self.local = clock
        self.offset_ms: float | None = None
        self.uncertainty_ms: float | None = None
        self._anchor_ms = 0.0  # our wall clock less the monotonic one, as it was measured by
        self._correction_ms = 0  # what `now_ms` adds: the offset less the uncertainty, rounded down

    @property
    def fixed(self) -> bool:
        return self.local.fixed

    @property
    def synced(self) -> bool:
        """True once an offset was measured."""
        return self.offset_ms is not None

    @property
    def jumped_ms(self) -> float:
        """How far our wall clock was set since the last measurement; the offset is wrong by as much.

        0 before the first. A machine that slept has jumped, too: its monotonic clock stood still.
        """
        return self._standing_ms() - self._anchor_ms if self.synced and not self.fixed else 0.0

    def now_ms(self) -> int:
        """The venue's time, UTC milliseconds: not ahead, behind by two uncertainties at most."""
        return self.local.now_ms() + self._correction_ms

    def monotonic_ns(self) -> int:
        return self.local.monotonic_ns()

    def session_id(self) -> str:
        return self.local.session_id()

    def sample(self, sent_ns: int, server_ms: int) -> ClockSample:
        """Call this at once when `server_ms` has come in answer to what left at `sent_ns`."""
        received_ms = self.local.now_ms()
        rtt_ms = (self.local.monotonic_ns() - sent_ns) / NS_PER_MS
        return ClockSample(offset_ms=server_ms - received_ms + rtt_ms / 2, rtt_ms=rtt_ms)

    def adopt(self, samples: Sequence[ClockSample]) -> None:
        """Take over the sample with the shortest round trip: it bounds the offset best.

        The truth lies within half that round trip, plus one step of each clock's resolution.
        """
        best = min(samples, key=lambda each: each.rtt_ms)
        self.offset_ms = best.offset_ms
        self._anchor_ms = self._standing_ms()
        self.uncertainty_ms = None if self.fixed else best.rtt_ms / 2 + RESOLUTION_MS
        self._correction_ms = math.floor(best.offset_ms - (self.uncertainty_ms or 0))

    def _standing_ms(self) -> float:
        return self.local.now_ms() - self.local.monotonic_ns() / NS_PER_MS
