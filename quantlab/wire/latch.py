"""The HALT latch: one thread-safe switch that every write path checks at the socket write.

It takes no lock and waits for nobody: a HALT comes from any thread while the kernel computes.
"""

from __future__ import annotations

from quantlab.errors import Halted


class HaltLatch:
    """Set by anybody, cleared by `resume` alone; the first reason stands."""

    __slots__ = ("_reasons",)

    def __init__(self) -> None:
        self._reasons: tuple[str, ...] = ()  # replaced whole: a reader sees one state or the other

    @property
    def is_set(self) -> bool:
        """True while new orders must not leave."""
        return bool(self._reasons)

    @property
    def reason(self) -> str:
        """Why it was set first; "" while it is clear."""
        reasons = self._reasons
        return reasons[0] if reasons else ""

    def set(self, reason: str) -> bool:
        """Close the latch; True where it was open before."""
        reasons = self._reasons
        self._reasons = (*reasons, reason) if reasons else (reason,)
        return not reasons

    def clear(self) -> None:
        """Open it: new orders may leave again."""
        self._reasons = ()

    def check(self) -> None:
        """Raise `Halted` while the latch is set."""
        reasons = self._reasons
        if reasons:
            raise Halted(reasons[0])
