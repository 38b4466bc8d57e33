"""A subscription: a mailbox, the publisher's way in, and an `async for` reader's way out.

Whatever the subscriber does wrong stays here: `put` never waits and never raises. Handlers
run in `workers`.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any, Protocol, Self

from quantlab.bus.mailbox import Mailbox, Overflow
from quantlab.bus.permits import Permits
from quantlab.bus.routes import Lane
from quantlab.errors import BusError


class Host(Protocol):
    """What a subscription needs of its bus."""

    permits: Permits

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def on_slow(self, subscription: Subscription) -> None: ...

    def on_overflow(self, subscription: Subscription) -> None: ...

    def on_error(self, subscription: Subscription, event: object, error: BaseException) -> None: ...

    def on_idle(self) -> None: ...

    def on_close(self, subscription: Subscription) -> None: ...


class Subscription(Mailbox):
    """One mailbox; without a handler, an iterator for one reader.

    Use the iterator inside `async with`, which ends the subscription:

        async with bus.subscribe(BOOK_TICKER) as tickers:
            async for ticker in tickers:
                ...

    Attributes:
        number: Grows with each subscription; receivers get an event in this order.
        slow: Inside an episode of losing events, which was announced once.
        reason: Why the bus closed it; "" where its owner did.
    """

    __slots__ = (
        "_waiter",
        "closed",
        "context",
        "handler",
        "host",
        "lane",
        "name",
        "number",
        "owner",
        "parts",
        "pattern",
        "reading",
        "reason",
        "slow",
        "task",
        "timeout_s",
    )

    def __init__(
        self,
        host: Host,
        *,
        number: int,
        name: str,
        parts: tuple[str, ...],
        lane: Lane,
        handler: Callable[[Any], Any] | None,
        overflow: Overflow,
        capacity: int,
        key: Callable[[Any], Hashable] | None,
        timeout_s: float,
        owner: str,
        context: contextvars.Context,
    ) -> None:
        super().__init__(overflow, capacity, key)
        self.host = host
        self.number = number
        self.name = name
        self.parts = parts
        self.pattern = ".".join(parts)
        self.lane: Lane = lane
        self.handler = handler
        self.timeout_s = timeout_s
        self.owner = owner
        self.context = context
        self.closed = self.slow = self.reading = False
        self.reason = ""
        self.task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None

    # -- the publisher's side

    def put(self, event: Any) -> None:
        """Store one event and wake who sleeps; never waits, never raises."""
        if self.closed:
            return  # by an earlier receiver of this very event
        try:
            lost = self.store(event)
        except Exception as error:  # noqa: BLE001  # `key` is the subscriber's code: its error stays here
            self.failed += 1
            self.host.on_error(self, event, error)
            return
        if lost:
            self._lost()
        if self._waiter is not None:
            self._wake()

    def _lost(self) -> None:
        if self.overflow is Overflow.FAIL:
            self.close(f"its mailbox of {self.capacity} events was full")
            self.host.on_overflow(self)
        elif not self.slow:
            self.slow = True
            self.host.on_slow(self)

    def close(self, reason: str = "") -> None:
        """No more events: what waits is dropped and counted, a running handler may finish."""
        if self.closed:
            return
        self.closed = True
        self.reason = reason
        self.discard()
        self.host.on_close(self)
        self._wake()
        self.host.on_idle()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def park(self) -> None:
        """Sleep until there is an event or the end."""
        self.slow = False
        self._waiter = waiter = self.host.loop.create_future()
        self.host.on_idle()
        try:
            await waiter
        finally:
            self._waiter = None

    # -- the reader's side

    @property
    def idle(self) -> bool:
        """Nothing waits here, as far as a reader inside `async with` or a worker will come for it."""
        if self.closed:
            return not self.running
        return self._waiter is not None or (self.handler is None and not self.reading)

    async def __aenter__(self) -> Self:
        self.reading = True
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[Any]:
        if self.handler is not None:
            raise BusError(f"subscription {self.name!r} has a handler; subscribe without one to iterate")
        return self

    async def __anext__(self) -> Any:
        while not self.queue:
            if self.closed and self.reason:
                raise BusError(f"subscription {self.name!r} was closed: {self.reason}")
            if self.closed:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise BusError(f"subscription {self.name!r} has a reader already; subscribe once for each")
            await self.park()
        event = self.take()
        self.running = 0
        self.delivered += 1
        return event

    def __repr__(self) -> str:
        return f"<Subscription {self.name!r} on {self.pattern!r}, {self.pending} pending>"
