"""The venue's clock, which can be set: everything that the venue says and checks goes by it."""

from __future__ import annotations

from quantlab.clock import NS_PER_MS, Clock, ManualClock

PPM = 1_000_000


class VenueClock:
    """A clock plus an offset and a drift. Durations (`monotonic_ns`) are never touched.

    Attributes:
        fixed: Whether it moves by `advance` only.
    """

    def __init__(self, base: Clock) -> None:
        self._base = base
        self.fixed = base.fixed
        self._offset_ms = self._drift_ppm = 0
        self._since_ns = base.monotonic_ns()

    def now_ms(self) -> int:
        if not self._drift_ppm:
            return self._base.now_ms() + self._offset_ms
        return self._base.now_ms() + self._offset_ms + self._drifted_ms()

    def monotonic_ns(self) -> int:
        return self._base.monotonic_ns()

    def session_id(self) -> str:
        return self._base.session_id()

    def advance(self, milliseconds: int) -> None:
        """Move a manual clock; `TypeError` for any other."""
        if not isinstance(self._base, ManualClock):
            raise TypeError("only a manual clock can be advanced")
        self._base.advance(milliseconds)

    def set(self, offset_ms: int, drift_ppm: int) -> None:
        """Jump by `offset_ms`, and go on wrong by `drift_ppm`: 1000 gains a millisecond each second."""
        self._offset_ms += self._drifted_ms() + offset_ms
        self._drift_ppm = drift_ppm
        self._since_ns = self._base.monotonic_ns()

    def put_right(self) -> None:
        """Show the true time again."""
        self._offset_ms = self._drift_ppm = 0

    def _drifted_ms(self) -> int:
        return (self._base.monotonic_ns() - self._since_ns) * self._drift_ppm // (PPM * NS_PER_MS)
