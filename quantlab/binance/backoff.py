"""How long to wait before the next connection: full jitter, doubling, and never a storm.

Pure: the draw is an argument.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 30.0
LEAST_S = 0.1
PROVEN_S = 10.0  # a connection that held so long starts the waits anew
POLICY_PAUSE_S = 60.0
GOING_AWAY = {1001, 1012}  # the venue moves or restarts: come back at once
POLICY_VIOLATION = 1008


class Backoff:
    """The waits of one address; all times in seconds. `uniform(low, high)` draws."""

    def __init__(
        self,
        uniform: Callable[[float, float], float],
        *,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._uniform = uniform
        self._first_s, self._longest_s = first_s, longest_s
        self._unproven = 0  # attempts since the last that was proven

    def wait_s(self, code: int | None, *, lived_s: float) -> float:
        """The wait after a connection that ended with `code` (None: there was none)."""
        if lived_s >= PROVEN_S and code is not None:
            self._unproven = 0
        upper_s = min(self._longest_s, self._first_s * 2 ** min(self._unproven, 16))
        at_once = self._unproven == 0 and code in GOING_AWAY
        self._unproven += 1
        if code == POLICY_VIOLATION:
            return POLICY_PAUSE_S + self._uniform(0.0, self._first_s)
        if at_once:
            return self._uniform(0.0, LEAST_S)
        return self._uniform(min(LEAST_S, upper_s), upper_s)
