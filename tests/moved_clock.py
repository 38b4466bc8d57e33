"""The machine's clock, moved: a test need not wait for the end of a real minute."""

from __future__ import annotations

from quantlab.clock import SystemClock


class MovedClock(SystemClock):
    """Runs as the machine's does, some hours, minutes or seconds ahead of it."""

    def __init__(self) -> None:
        self._ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self._ahead_ms

    def move(self, window_ms: int, left_ms: int) -> None:
        """From here on a window of `window_ms` ends `left_ms` from now."""
        self._ahead_ms += (window_ms - left_ms - self.now_ms() % window_ms) % window_ms
