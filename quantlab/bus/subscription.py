"""A subscription: a mailbox, the publisher's way in, and an `async for` reader's way out.

Whatever the subscriber does wrong stays here: `put` never waits and never raises. Handlers
run in `workers`, `keyed`, `threads` and `inline`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Self

from quantlab.bus.hosts import Host, Options
from quantlab.bus.mailbox import Mailbox, Overflow
from quantlab.bus.routes import Lane
from quantlab.errors import BusError

QUARANTINE_AFTER = 10  # failures in a row


class Subscription(Mailbox):
    """One mailbox; without a handler, an iterator for one reader.

    Use the iterator inside `async with`, which ends the subscription:

        async with bus.subscribe(BOOK_TICKER) as tickers:
            async for ticker in tickers:
                ...

    Attributes:
        number: Grows with each subscription; receivers get an event in this order.
        slow: Inside an episode of losing events, which was announced once.
        quarantined: Its handler failed ten times in a row: its events are dropped until `resume`.
        held_s: The longest time for which its handler held the loop without awaiting, where that
            was too long; 0 otherwise.
        reason: Why the bus closed it; "" where its owner did.
    """

    __slots__ = (
        "_delivered_before",
        "_in_a_row",
        "_waiter",
        "closed",
        "concurrency",
        "context",
        "handler",
        "held_s",
        "host",
        "key_fields",
        "lane",
        "name",
        "number",
        "owner",
        "parts",
        "quarantined",
        "reading",
        "reason",
        "slow",
        "timeout_s",
    )

    appends: ClassVar = True  # all that `put` does while there is room is to append

    def __init__(self, host: Host, options: Options) -> None:
        super().__init__(options.overflow, options.capacity, options.key)
        self.host = host
        self.number = options.number
        self.name = options.name
        self.parts = options.parts
        self.lane: Lane = options.lane
        self.handler = options.handler
        self.key_fields = options.key_fields
        self.timeout_s = options.timeout_s
        self.concurrency = options.concurrency
        self.owner = options.owner
        self.context = options.context
        self.closed = self.slow = self.reading = self.quarantined = False
        self.reason = ""
        self.held_s = 0.0
        self._in_a_row = self._delivered_before = 0
        self._waiter: asyncio.Future[None] | None = None
        self._zero()

    def _zero(self) -> None:
        self.delivered = 0

    @property
    def pattern(self) -> str:
        """What it listens to, as text."""
        return ".".join(self.parts)

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks that run its handler."""
        return ()

    @property
    def state(self) -> str:
        """In one word: closed, quarantined, slow, running or idle."""
        if self.closed:
            return "closed"
        if self.quarantined:
            return "quarantined"
        if self.slow:
            return "slow"
        return "running" if self.running else "idle"

    # -- the publisher's side

    def put(self, event: Any) -> None:
        """Store one event and wake who sleeps; never waits, never raises, never tells anybody."""
        if self.closed or self.quarantined:
            self.dropped += 1  # closed: by an earlier receiver of this very event
            return
        try:
            lost = self.store(event)
        except Exception as error:  # noqa: BLE001  # `key` is the subscriber's code: its error stays here
            self.failed += 1
            self.host.on_error(self, event, error)
            return
        if lost:
            self._lost()
        elif self.lags is not None:
            self.stamp(self.host.loop.time())
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
        self._wake_all()
        self.host.on_idle()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _wake_all(self) -> None:
        self._wake()

    async def park(self) -> None:
        """Sleep until there is an event or the end."""
        self.slow = False
        self._waiter = waiter = self.host.loop.create_future()
        self.host.on_idle()
        try:
            await waiter
        finally:
            self._waiter = None

    # -- a handler that fails and fails

    def judge(self) -> None:
        """Its handler failed just now; the tenth time in a row ends its getting events, for now."""
        fresh = self.delivered != self._delivered_before
        self._delivered_before = self.delivered
        self._in_a_row = 1 if fresh else self._in_a_row + 1
        if self._in_a_row < QUARANTINE_AFTER or self.closed or self.quarantined:
            return
        if self.overflow is Overflow.FAIL:
            self.close(f"its handler failed {QUARANTINE_AFTER} times in a row")
            self.host.on_overflow(self)
            return
        self.quarantined = True
        self.discard()
        self.host.reroute(self)
        self.host.on_quarantine(self)

    def resume(self) -> None:
        """Get events again, after a quarantine: the handler has been mended."""
        self._in_a_row = 0
        if self.quarantined:
            self.quarantined = False
            self.host.reroute(self)

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
        self.look(self.host.loop.time())
        event = self.take()
        self.delivered += 1
        return event

    def __repr__(self) -> str:
        return f"<Subscription {self.name!r} on {self.pattern!r}, {self.pending} pending>"
