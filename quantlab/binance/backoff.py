"""How long to wait before the next connection: full jitter, doubling, and never a storm.

Pure: the draw and the time are arguments. However the draws fall, no more than `attempts` connections are
begun in `window_s`, whoever counts here.

Source: Binance spot "WebSocket Streams", "WebSocket Limits": 300 connections in 5 minutes and address.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

LEAST_S = 0.1
GOING_AWAY = {1001, 1012}  # the venue moves or restarts: come back at once
POLICY_VIOLATION = 1008
MOST_DOUBLINGS = 16


class Backoff:
    """The waits of one address; all times in seconds.

    Args:
        uniform: Draws, `uniform(low, high)`.
        first_s: The upper end of the first wait; it doubles up to `longest_s`.
        policy_pause_s: At least so long after close code 1008.
        attempts, window_s: See the module.
    """

    def __init__(
        self,
        uniform: Callable[[float, float], float],
        *,
        first_s: float = 0.5,
        longest_s: float = 30.0,
        policy_pause_s: float = 60.0,
        attempts: int = 20,
        window_s: float = 300.0,
    ) -> None:
        self._uniform = uniform
        self._first_s, self._longest_s, self._policy_pause_s = first_s, longest_s, policy_pause_s
        self._attempts, self._window_s = attempts, window_s
        self._unproven = 0  # waits since the last connection that was proven
        self._begun_s: deque[float] = deque(maxlen=attempts)

    def begun(self, now_s: float) -> None:
        """A connection is being made now."""
        self._begun_s.append(now_s)

    def proven(self) -> None:
        """A connection has held, with data: the waits start anew."""
        self._unproven = 0
        self._begun_s.clear()

    def spent_s(self, now_s: float) -> float:
        """How long until one more attempt is allowed; 0 where it is now."""
        while self._begun_s and self._begun_s[0] + self._window_s <= now_s:
            self._begun_s.popleft()
        full = len(self._begun_s) == self._attempts
        return self._begun_s[0] + self._window_s - now_s if full else 0.0

    def wait_s(self, code: int | None, now_s: float, *, ours: bool = False) -> float:
        """The wait after a connection that ended with `code` (None: there was none).

        `ours`: we have ended it, to have a better one.
        """
        spent_s, unproven = self.spent_s(now_s), self._unproven
        self._unproven += 1
        if code == POLICY_VIOLATION:
            return max(spent_s, self._policy_pause_s + self._uniform(0.0, self._first_s))
        if unproven == 0 and (ours or code in GOING_AWAY):
            return max(spent_s, self._uniform(0.0, LEAST_S))
        upper_s = min(self._longest_s, self._first_s * 2 ** min(unproven, MOST_DOUBLINGS))
        many = 2 * len(self._begun_s) >= self._attempts
        return max(spent_s, self._uniform(upper_s / 2 if many else min(LEAST_S, upper_s), upper_s))
