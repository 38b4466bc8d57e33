"""One clock for the whole engine: wall time, monotonic time, and ids.

Everything that needs the time takes a `Clock`; nothing below the engine reads `time` itself.
`SystemClock` is real. `ManualClock` stands still until it is advanced: deterministic notebooks
and tests use it, and whatever would measure a duration with it reports None instead of 0.
"""

from __future__ import annotations

import itertools
import secrets
import time
from typing import Protocol, TypeGuard

NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Wall clock in UTC milliseconds, monotonic clock in nanoseconds, and session ids."""

    @property
    def fixed(self) -> bool: ...

    def now_ms(self) -> int: ...

    def monotonic_ns(self) -> int: ...

    def session_id(self) -> str: ...


def is_duration(value: object) -> TypeGuard[float]:
    """True for a real number that is not negative: what may be given as so many seconds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


class SystemClock:
    """The machine's clocks."""

    fixed = False

    def now_ms(self) -> int:
        return time.time_ns() // NS_PER_MS

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def session_id(self) -> str:
        """Eight characters that no other session has."""
        return secrets.token_hex(4)


class ManualClock:
    """A clock that only moves when told to; session ids are "det1", "det2", ..."""

    fixed = True

    def __init__(self, start_ms: int = 1_767_225_600_000) -> None:  # 2026-01-01T00:00:00Z
        self._start_ms = start_ms
        self._elapsed_ns = 0
        self._sessions = itertools.count(1)

    def now_ms(self) -> int:
        return self._start_ms + self._elapsed_ns // NS_PER_MS

    def monotonic_ns(self) -> int:
        return self._elapsed_ns

    def session_id(self) -> str:
        return f"det{next(self._sessions)}"

    def advance(self, milliseconds: int) -> None:
        """Move both clocks forward; never back."""
        if milliseconds < 0:
            raise ValueError(f"a clock cannot go back by {-milliseconds} ms")
        self._elapsed_ns += milliseconds * NS_PER_MS
