"""An event loop in which time is a number: it jumps to the next timer instead of waiting.

Runs are exact and fast: equal inputs give equal traces. It shows nothing about threads, signals,
forks or starvation. A loop with nothing to do and no timer raises instead of hanging.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

FINEST_S = 1e-7  # timers this close fire together; less would vanish in the rounding of a large time


class NothingToDo(RuntimeError):
    """Every task waits for something that can never come."""


class _Jump(selectors.DefaultSelector):
    """A selector that never waits: it moves the loop's time on by what it was to wait."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise NothingToDo(f"nothing is ready and no timer is set at {self.loop.time()} s")
        self.loop.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and costs nothing to pass."""

    def __init__(self) -> None:
        self.now = 0.0
        jump = _Jump()
        jump.loop = self
        super().__init__(jump)
        self._clock_resolution = FINEST_S  # asyncio's own name for it, with no public one

    def time(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time, then cancel what it left."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
