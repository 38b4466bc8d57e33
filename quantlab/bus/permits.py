"""Permits: how many handlers of the market lane may be in flight over the whole bus.

A permit is held by a running handler, never by a waiting event: a full mailbox holds none.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Permits:
    """First come, first served."""

    __slots__ = ("free", "waiters")

    def __init__(self, number: int) -> None:
        self.free = number
        self.waiters: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        """Take one, waiting for it if all are out."""
        if self.free:
            self.free -= 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()  # it was handed to us in the same turn
            raise

    def release(self) -> None:
        """Give one back: to whoever waits longest, else to the pool."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.free += 1
