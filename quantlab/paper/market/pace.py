"""How fast a market runs: its own time, mapped to the venue's.

Both times are milliseconds. The mapping is a straight line from an anchor; `play`, `stop` and `slip`
set a new anchor, so the market's time never jumps.
"""

from __future__ import annotations

import math

from quantlab.errors import InvalidField

FASTEST = 1e9


class Pace:
    """A market's own clock. It stands still until `play`.

    Args:
        speed: Market milliseconds for each of the venue's; from a millionth to 10,000, or `FASTEST`.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = checked(speed)
        self.running = False
        self._market_ms = 0.0
        self._venue_ms = 0

    def play(self, now_ms: int, speed: float, next_ms: float = math.inf) -> None:
        """Run from where we stand at the venue's time `now_ms`; the next event is due at `next_ms`."""
        self._stand(now_ms, next_ms)
        self._venue_ms, self.speed, self.running = now_ms, checked(speed), True

    def stop(self, now_ms: int, next_ms: float = math.inf) -> None:
        """Stand still from the venue's time `now_ms`; the next event is due at `next_ms`."""
        self._stand(now_ms, next_ms)
        self._venue_ms, self.running = now_ms, False

    def slip(self, from_ms: int, to_ms: int, next_ms: float = math.inf) -> None:
        """Have stood still from the venue's time `from_ms` to `to_ms`: all that is due comes later."""
        self._stand(from_ms, next_ms)
        self._venue_ms = to_ms

    def _stand(self, venue_ms: int, next_ms: float) -> None:
        """Where the market is at the venue's time: never past its next event."""
        at_once = self.running and self.speed == FASTEST and next_ms < math.inf
        self._market_ms = next_ms if at_once else min(next_ms, self.market_ms(venue_ms))

    def market_ms(self, venue_ms: int) -> float:
        """The market's time at the venue's time."""
        if not self.running:
            return self._market_ms
        return self._market_ms + (venue_ms - self._venue_ms) * self.speed

    def venue_ms(self, market_ms: float) -> int:
        """The first whole venue millisecond at which the market's time has come."""
        return self._venue_ms + math.ceil((market_ms - self._market_ms) / self.speed)


def checked(speed: float) -> float:
    """`speed`, or `InvalidField` where no market can run at it."""
    if not (1e-6 <= speed <= 10_000 or speed == FASTEST):  # NaN fails here too
        raise InvalidField(
            "speed", f"{speed} is no speed", "give a number from 0.000001 to 10000, or for a tape max"
        )
    return speed


def speed_of(text: float | str) -> float:
    """A speed from a number, its text, or "max"; `InvalidField` where it is none."""
    try:
        return FASTEST if text == "max" else checked(float(text))
    except ValueError:
        return checked(math.nan)
