"""The HALT latch: one thread-safe switch that every write path checks at the socket write.

It takes no lock and waits for nobody: a HALT comes from any thread while the kernel computes.
"""

from __future__ import annotations

from quantlab.errors import Halted


class HaltLatch:
    """Set by anybody, cleared by `resume` alone; the first reason stands.

    It never forgets that it was set: what was decided before a HALT must not leave after it either.
    """

    __slots__ = ("_cleared", "_reasons")

    def __init__(self) -> None:
        self._reasons: list[str] = []  # only ever grows, by one atomic append for each `set`
        self._cleared = 0  # how many of them were lifted; a `set` that races with `clear` stands

    @property
    def is_set(self) -> bool:
        """True while new orders must not leave."""
        return len(self._reasons) > self._cleared

    @property
    def reason(self) -> str:
        """Why it was set first; "" while it is clear."""
        return next(iter(self._reasons[self._cleared :]), "")

    @property
    def generation(self) -> int:
        """How often it was set so far. Read it before deciding, and hand it to `check` at the write."""
        return len(self._reasons)

    def set(self, reason: str) -> bool:
        """Close the latch; True where it was open before."""
        was_open = not self.is_set
        self._reasons.append(reason)
        return was_open

    def clear(self, generation: int | None = None) -> None:
        """Lift what was set up to `generation` (None: all of it); a later `set` stands."""
        self._cleared = len(self._reasons) if generation is None else generation

    def check(self, generation: int | None = None) -> None:
        """Raise `Halted` while the latch is set, and also where it was set since `generation`.

        Args:
            generation: The latch's generation when the order was decided; None for what was not
                decided on it.
        """
        if self.is_set:
            raise Halted(self.reason)
        if generation is not None and generation < len(self._reasons):
            raise Halted(f"{self._reasons[generation]} (lifted since; decide this order again)")
