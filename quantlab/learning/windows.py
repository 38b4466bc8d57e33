"""Sliding windows over event time: sums of whole numbers, and the value as of the window's start.

Pure. What leaves is exactly what came in: sums are of `int`, so nothing drifts, and a window that
was saved and restored goes on as if it had never stopped.
"""

from __future__ import annotations

from collections import deque
from typing import Any


class SumWindow:
    """Running sums of what happened in the last `length_ms`: after now - length, up to now."""

    __slots__ = ("_rows", "_since_ms", "_sums", "length_ms")

    def __init__(self, length_ms: int, sums: int) -> None:
        self.length_ms = length_ms
        self._rows: deque[tuple[int, ...]] = deque()  # time, then what to take off each sum
        self._sums = [0] * sums
        self._since_ms: int | None = None

    def add(self, now_ms: int, *amounts: int) -> None:
        """Something happened now; times never go back."""
        if self._since_ms is None:
            self._since_ms = now_ms
        self._rows.append((now_ms, *amounts))
        sums = self._sums
        for place, amount in enumerate(amounts):
            sums[place] += amount
        self._leave(now_ms)

    def warm(self, now_ms: int) -> bool:
        """It has been listening for a whole length."""
        return self._since_ms is not None and now_ms - self._since_ms >= self.length_ms

    def sums(self, now_ms: int) -> list[int]:
        """The sums as of now."""
        self._leave(now_ms)
        return self._sums

    def _leave(self, now_ms: int) -> None:
        rows, sums, start_ms = self._rows, self._sums, now_ms - self.length_ms
        while rows and rows[0][0] <= start_ms:
            _, *amounts = rows.popleft()
            for place, amount in enumerate(amounts):
                sums[place] -= amount

    def state(self) -> Any:
        return [self._since_ms, [list(row) for row in self._rows]]

    def restore(self, state: Any) -> None:
        self._since_ms, rows = state
        self._rows = deque(tuple(row) for row in rows)
        self._sums = [sum(row[place + 1] for row in self._rows) for place in range(len(self._sums))]


class ValueWindow:
    """Values with their times; of those within one millisecond the last counts."""

    __slots__ = ("_rows", "length_ms")

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self._rows: deque[tuple[int, float]] = deque()

    def add(self, now_ms: int, value: float) -> None:
        """The value from now on; times never go back."""
        rows = self._rows
        if rows and rows[-1][0] == now_ms:
            rows.pop()
        rows.append((now_ms, value))
        self._leave(now_ms)

    def as_of_start(self, now_ms: int) -> float | None:
        """The value that held at now - length, or None where that is before the first one."""
        self._leave(now_ms)
        rows = self._rows
        return rows[0][1] if rows and rows[0][0] <= now_ms - self.length_ms else None

    def _leave(self, now_ms: int) -> None:
        rows, start_ms = self._rows, now_ms - self.length_ms
        while len(rows) > 1 and rows[1][0] <= start_ms:
            rows.popleft()

    def state(self) -> Any:
        return [list(row) for row in self._rows]

    def restore(self, state: Any) -> None:
        self._rows = deque((row[0], row[1]) for row in state)
