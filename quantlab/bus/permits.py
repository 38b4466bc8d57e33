"""Permits: how many handlers of the market lane may be in flight over the whole bus.

A permit is held by a running handler, never by a waiting event: a full mailbox holds none.
A handler that timed out is a suspect until it ends in time again: all suspects together get
half of the permits, so that those who hang cost the others one timeout and not one after another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol


class Gate(Protocol):
    """Where one handler gets its permits."""

    @property
    def free(self) -> int: ...

    def take(self) -> None: ...

    async def acquire(self) -> None: ...

    def release(self) -> None: ...


class OwnPermit:
    """The gate of one handler on the order or halt lane: it never waits."""

    __slots__ = ()

    free = 1

    def take(self) -> None: ...

    async def acquire(self) -> None: ...

    def release(self) -> None: ...


class Permits:
    """First come, first served."""

    __slots__ = ("free", "suspects", "waiters")

    def __init__(self, number: int) -> None:
        self.free = number
        self.waiters: deque[asyncio.Future[None]] = deque()
        self.suspects = Suspects(self, max(1, number // 2))

    def take(self) -> None:
        """Take one that is free."""
        self.free -= 1

    async def acquire(self) -> None:
        """Take one, waiting for it if all are out."""
        if self.free:
            self.take()
        else:
            await _wait(self.waiters, self)

    def release(self) -> None:
        """Give one back: to whoever waits longest, else to the pool."""
        if not _hand_over(self.waiters):
            self.free += 1
            self.suspects.serve()


class Suspects:
    """A share of the permits, for handlers that timed out the last time."""

    __slots__ = ("_all", "_share", "_waiters")

    def __init__(self, permits: Permits, share: int) -> None:
        self._all = permits
        self._share = share
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def free(self) -> int:
        """How many of the share could be taken now."""
        return min(self._share, self._all.free)

    def take(self) -> None:
        """Take one that is free."""
        self._share -= 1
        self._all.take()

    async def acquire(self) -> None:
        """Take one, waiting for it if the share is out; whoever is no suspect goes first."""
        if self.free:
            self.take()
        else:
            await _wait(self._waiters, self)

    def release(self) -> None:
        """Give one back, to the share and to all."""
        self._share += 1
        self._all.release()
        self.serve()

    def serve(self) -> None:
        """Hand out what is free to those who wait here."""
        while self.free and self._waiters:
            self.take()
            if not _hand_over(self._waiters):
                self._share += 1
                self._all.free += 1


async def _wait(waiters: deque[asyncio.Future[None]], gate: Gate) -> None:
    waiter = asyncio.get_running_loop().create_future()
    waiters.append(waiter)
    try:
        await waiter
    except asyncio.CancelledError:
        if waiter.done() and not waiter.cancelled():
            gate.release()  # it was handed to us in the same turn
        raise


def _hand_over(waiters: deque[asyncio.Future[None]]) -> bool:
    """Let the one that waits longest go on; False where nobody does."""
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            return True
    return False
