"""Whether a failed read is asked again, and after what pause: full jitter, within a budget.

Pure: time and the draw are arguments. Two bounds hold at once. A read has its own (attempts, and the time
that its caller waits at most); all reads of a client share another, so that a venue in trouble is not asked
three times as often by everybody: that is how an outage is kept alive. What changes something is never
asked again, and never comes here.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.2  # the longest first pause; doubles with each attempt
LONGEST_S = 2.0
BURST = 20.0
PER_S = 1.0


class Retries:
    """The second attempts that all reads of one client share: `burst` at once, `per_s` in the long run."""

    def __init__(self, *, burst: float = BURST, per_s: float = PER_S) -> None:
        self._burst, self._per_s = burst, per_s
        self._left, self._counted_s = burst, 0.0

    def take(self, now_s: float) -> bool:
        """One more attempt at the (monotonic) time `now_s`; False where the budget is spent."""
        grown = max(0.0, now_s - self._counted_s) * self._per_s
        self._left, self._counted_s = min(self._burst, self._left + grown), max(now_s, self._counted_s)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def pause_s(attempt: int, uniform: Callable[[float, float], float]) -> float:
    """How long to wait after the `attempt`-th failure (1 for the first), in seconds."""
    return uniform(0.0, min(LONGEST_S, FIRST_S * 2 ** (attempt - 1)))
