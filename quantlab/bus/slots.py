"""How handlers run: one after the other for each subscription, under a permit and a timeout.

A handler's error is counted and kept; it never reaches the publisher or a neighbour. No event
ever becomes a task of its own; see `driving` for how it is known that a handler suspends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from quantlab.bus.driving import drive
from quantlab.bus.hosts import Host, Options
from quantlab.bus.permits import Gate, OwnPermit
from quantlab.bus.subscription import Subscription

BATCH = 256  # events between two yields to the loop, at most
SLICE_S = 0.002  # and seconds
STRIDE = 32  # events between two looks at the clock, at most (a slow handler shows at once)
HELD_S = 0.05  # a handler that keeps the loop for so long without awaiting is named
OWN = (Exception, KeyboardInterrupt, SystemExit, asyncio.CancelledError)  # not even exit() ends the kernel


class Expired(Exception):
    """The handler came back after its time, though it was cancelled."""


class Handling(Subscription):
    """A subscription whose handler runs in tasks; `is_async`: it is known to be a coroutine function."""

    __slots__ = ("is_async",)

    def __init__(self, host: Host, options: Options, *, is_async: bool) -> None:
        super().__init__(host, options)
        self.is_async = is_async


class Slot:
    """One task that calls a subscription's handler; `busy` while a handler is begun and not ended."""

    __slots__ = ("_cured", "_expired", "_gate", "_holding", "_timer", "began", "busy", "sub", "task")

    def __init__(self, sub: Handling, work: Callable[[Slot], Coroutine[Any, Any, None]]) -> None:
        host = sub.host
        self.sub = sub
        self.busy = self._expired = self._holding = False
        self._gate: Gate = host.permits if sub.lane == "market" else OwnPermit()
        self._cured = 0  # how many were delivered when it became a suspect
        self._timer: asyncio.TimerHandle | None = None
        self.began = 0.0
        self.task = host.loop.create_task(self._run(work), name=f"bus {sub.name}", context=sub.context)

    async def _run(self, work: Callable[[Slot], Coroutine[Any, Any, None]]) -> None:
        sub = self.sub
        try:
            await drive(self, work(self))
        except asyncio.CancelledError:
            if not sub.closed:  # not by the bus: somebody cancels all tasks, or a handler its own
                sub.close("its task was cancelled")
                sub.host.on_overflow(sub)
                sub.host.tell()
            raise
        finally:
            sub.host.on_idle()

    # -- what the driver tells, and asks

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Of its task."""
        return self.sub.host.loop

    def stepped(self, began: float, ended: float) -> None:
        """The loop was ours from `began` until `ended`."""
        if ended - began > HELD_S:
            self.sub.host.on_held(self.sub, ended - began)
            self.sub.host.tell()

    def suspended(self) -> None:
        """The handler awaits: from now on it counts as in flight, and its time runs."""
        if self._timer is None:
            if not self._holding:
                self._gate.take()
                self._holding = True
            self._timer = self.sub.host.loop.call_later(self.sub.timeout_s, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._gate.release()  # now, also where the handler refuses to end
        self.task.cancel()

    # -- a batch of events

    async def batch(self) -> None:  # noqa: PLR0912  # one loop: a call more for each event is a fifth more
        """Handle what waits, for a slice of time."""
        sub, time = self.sub, self.sub.host.loop.time
        take, queue, handler = sub.take, sub.queue, cast("Callable[[Any], Any]", sub.handler)
        is_async = sub.is_async
        sub.look(self.began)
        self._trust()
        gate = self._gate
        count, stride, looked = 0, 1, self.began
        self.busy = True
        sub.running += 1
        try:
            while queue and count < BATCH:
                for _ in range(stride):
                    if is_async:
                        if not gate.free:
                            if not await self._permit():
                                return
                            gate = self._gate
                        event = take()
                        try:
                            await handler(event)
                            if self._holding:
                                self._returned()
                            sub.delivered += 1
                        except OWN as error:
                            self._raised(event, error)
                            gate = self._gate
                    else:
                        event = take()
                        try:
                            if (result := handler(event)) is not None:
                                await self._finish(result)
                            if self._holding:
                                self._returned()
                            sub.delivered += 1
                        except OWN as error:
                            self._raised(event, error)
                    if not queue:
                        return
                count += stride
                if (now := time()) - self.began >= SLICE_S:
                    break
                stride = min(2 * stride, STRIDE, BATCH - count) if now - looked < SLICE_S / 10 else 1
                looked = now
                sub.look(now)
        finally:
            self.busy = False
            sub.running -= 1
        await asyncio.sleep(0)

    async def one(self, event: Any) -> None:
        """Handle one event that was taken already."""
        sub = self.sub
        self.busy = True
        sub.running += 1
        try:
            result = cast("Callable[[Any], Any]", sub.handler)(event)
            if result is not None:
                await self._finish(result)
            if self._holding:
                self._returned()
            sub.delivered += 1
        except OWN as error:
            self._raised(event, error)
        finally:
            self.busy = False
            sub.running -= 1

    async def _finish(self, result: Any) -> None:
        """Await what a handler returned; a result that cannot be awaited means nothing."""
        if hasattr(result, "__await__"):
            self.busy = False
            await self.room()
            self.busy = True
            await result

    async def room(self) -> None:
        """Return when a handler may begin."""
        self._trust()
        if not self._holding and not self._gate.free:
            await self._gate.acquire()
            self._holding = True

    def give_back(self) -> None:
        """No handler begins after all."""
        if self._holding:
            self._returned()

    async def _permit(self) -> bool:
        """Wait for a permit; False where the mailbox was emptied meanwhile."""
        sub = self.sub
        self.busy = False
        sub.running -= 1
        try:
            await self.room()
        finally:
            self.busy = True
            sub.running += 1
        if not sub.queue:
            self.give_back()
        return bool(sub.queue)

    def _returned(self) -> None:
        """The handler ended, after it had suspended or waited for a permit."""
        if self._let_go():
            raise Expired

    def _let_go(self) -> bool:
        """Stop the timer and give back the permit; True where the time was over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        expired, self._expired = self._expired, False
        if expired:
            self.task.uncancel()
        elif self._holding:
            self._gate.release()
        self._holding = False
        return expired

    def _trust(self) -> None:
        """A suspect that ended in time is none any more."""
        permits = self.sub.host.permits
        if self._gate is permits.suspects and self.sub.delivered > self._cured:
            self._gate = permits

    def _raised(self, event: Any, error: BaseException) -> None:
        """One event ended badly: count it, keep the error, and see whether it is one too many."""
        sub = self.sub
        expired = isinstance(error, Expired) or self._let_go()
        sub.running -= 1
        self.busy = False
        try:
            if expired:
                sub.timed_out += 1
                error = TimeoutError(f"the handler took longer than timeout_s={sub.timeout_s}")
                if sub.lane == "market":
                    self._gate, self._cured = sub.host.permits.suspects, sub.delivered
            else:
                sub.failed += 1
            sub.host.on_error(sub, event, error)
            if isinstance(error, asyncio.CancelledError) and self.task.cancelling():
                raise error  # the bus closes; a handler's own CancelledError is an error like others
            sub.judge()
            sub.host.tell()
        finally:
            sub.running += 1
            self.busy = True
