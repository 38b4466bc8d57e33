"""The volume-weighted average price of the last minutes, second by second.

Source: Binance spot REST API, "Current average price"; "Filters", avgPriceMins.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from quantlab.paper.units import EXACT

SECOND_MS = 1_000
DIGITS = 8
PLACES = Decimal(1).scaleb(-DIGITS)


class Average:
    """Running sums of one symbol's trades: (second, price in ticks times volume, volume)."""

    __slots__ = ("_length_s", "_seconds", "_volume", "_worth")

    def __init__(self, minutes: int) -> None:
        self._length_s = minutes * 60
        self._seconds: deque[list[int]] = deque()
        self._worth = self._volume = 0

    def add(self, price: int, volume: int, now_ms: int) -> None:
        """One trade: `price` in ticks, `volume` in any unit that stays the same."""
        second = now_ms // SECOND_MS
        if not self._seconds or self._seconds[-1][0] != second:
            self._drop(second)
            self._seconds.append([second, 0, 0])
        last = self._seconds[-1]
        last[1] += price * volume
        last[2] += volume
        self._worth += price * volume
        self._volume += volume

    def ratio(self, now_ms: int) -> tuple[int, int] | None:
        """The average in ticks as numerator and denominator; None where nothing traded."""
        self._drop(now_ms // SECOND_MS)
        return (self._worth, self._volume) if self._volume else None

    def price(self, tick: Decimal, now_ms: int) -> Decimal | None:
        """The average, cut to eight decimals."""
        ratio = self.ratio(now_ms)
        if ratio is None:
            return None
        worth, volume = ratio
        share, of = tick.as_integer_ratio()
        return EXACT.multiply(Decimal(worth * share * 10**DIGITS // (volume * of)), PLACES)

    def _drop(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - self._length_s:
            _, worth, volume = self._seconds.popleft()
            self._worth -= worth
            self._volume -= volume
