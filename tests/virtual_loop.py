"""An event loop in which time is a number: it jumps to the next timer instead of waiting.

Runs are exact and fast: equal inputs give equal traces. It shows nothing about threads, signals,
forks, sockets or starvation. A loop with nothing to do and no timer raises instead of hanging.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")

FINEST_S = 1e-7  # timers this close fire together; less would vanish in the rounding of a large time


class NothingToDo(RuntimeError):
    """Every task waits for something that can never come."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`time()` starts at 0 and costs nothing to pass.

    There is no selector, so no call into the system and no pipe to wake it by, and timers lie in the heap as
    numbers: a turn costs what its callbacks cost. The names with an underscore are asyncio's own, with no
    public ones.
    """

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    call_soon_threadsafe = call_soon  # nobody sleeps

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers  # type: ignore[attr-defined]
        while timers and timers[0][2]._cancelled:  # type: ignore[attr-defined]
            heapq.heappop(timers)
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            if not timers:
                raise NothingToDo(f"nothing is ready and no timer is set at {self.now} s")
            self.now = max(self.now, timers[0][0])
        due = self.now + FINEST_S
        while timers and timers[0][0] < due:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is dropped when its time comes."""


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
