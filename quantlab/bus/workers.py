"""How handlers run: one after the other for each subscription, under a permit and a timeout.

A handler's error is counted and kept; it never reaches the publisher or a neighbour. No event
ever becomes a task of its own: a handler that does not suspend costs neither timer nor switch.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from quantlab.bus.permits import Permits
from quantlab.bus.subscription import Subscription
from quantlab.errors import BusError

BATCH = 256  # events between two yields to the loop, at most
SLICE_S = 0.002  # and seconds
STRIDE = 8  # events between two looks at the clock, after the first ones (a slow handler shows at once)
OWN = (Exception, KeyboardInterrupt, SystemExit)  # not even exit() in a handler ends the kernel


class ClosedInTime(Exception):
    """The subscription was closed while its handler waited for a permit: it never ran."""


class Worker(Subscription):
    """A handler in a task of its own, which sleeps while the mailbox is empty."""

    __slots__ = ("_expired",)

    def start(self) -> None:
        """Make the task, in the context where the handler subscribed."""
        self._expired = False
        self.task = self.host.loop.create_task(self._work(), name=f"bus {self.name}", context=self.context)

    async def _work(self) -> None:
        try:
            while not self.closed:
                if self.queue:
                    await self._batch()
                else:
                    await self.park()
        except asyncio.CancelledError:
            if not self.closed:  # not by the bus: somebody cancels all tasks, or a handler its own
                self.close("its task was cancelled")
                self.host.on_overflow(self)
            raise
        finally:
            self.host.on_idle()

    async def _batch(self) -> None:
        time = self.host.loop.time
        deadline = time() + SLICE_S
        for count in range(1, BATCH + 1):
            await self._handle(self.take())
            if not self.queue:
                return
            if (count < STRIDE or count % STRIDE == 0) and time() >= deadline:
                break
        await asyncio.sleep(0)

    async def _handle(self, event: Any) -> None:
        """One event from start to end, and the one counter that says how it ended."""
        self._expired = False
        try:
            result = self.handler(event)  # type: ignore[misc]  # a worker has a handler
            if result is not None:
                await self._finish(result)
        except asyncio.CancelledError as error:
            self._count(event, error)
            if (task := self.task) is not None and task.cancelling():
                raise  # the bus closes; a handler's own CancelledError is an error like others
        except ClosedInTime:
            self.running = 0
            self.dropped += 1
        except OWN as error:
            self._count(event, error)
        else:
            self._count(event, None)

    def _count(self, event: Any, error: BaseException | None) -> None:
        self.running = 0
        if self._expired:
            self.timed_out += 1
            error = TimeoutError(f"the handler took longer than timeout_s={self.timeout_s}")
        elif error is None:
            self.delivered += 1
        else:
            self.failed += 1
        if error is not None:
            self.host.on_error(self, event, error)

    async def _finish(self, result: Any) -> None:
        """Await a handler's coroutine; a result that cannot be awaited means nothing."""
        if not isinstance(result, Coroutine):
            if not hasattr(result, "__await__"):
                return
            result = _await(result)
        permits = self.host.permits if self.lane == "market" else None
        if permits is not None:
            await self._permit(permits, result)
        suspended = False
        try:
            yielded = result.send(None)  # most handlers end here and never pay for a timer
            suspended = True
        except StopIteration:
            return
        finally:
            if permits is not None and not suspended:
                permits.release()
        await self._rest(result, yielded, permits)

    async def _permit(self, permits: Permits, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            await permits.acquire()
        except BaseException:
            coroutine.close()
            raise
        if self.closed:
            coroutine.close()
            permits.release()
            raise ClosedInTime

    async def _rest(self, coroutine: Coroutine[Any, Any, Any], yielded: Any, permits: Permits | None) -> None:
        """Go on with a handler that suspended, for `timeout_s` seconds at most."""
        task = self.task
        assert task is not None  # noqa: S101  # we run in it

        def expire() -> None:
            self._expired = True
            if permits is not None:
                permits.release()  # now, also where the handler refuses to end
            task.cancel()

        timer = self.host.loop.call_later(self.timeout_s, expire)
        try:
            await _resume(coroutine, yielded)
        except asyncio.CancelledError:
            if not self._expired:
                raise
        finally:
            timer.cancel()
            if self._expired:
                task.uncancel()
            elif permits is not None:
                permits.release()


class Inline(Subscription):
    """A trusted synchronous handler that runs inside `publish`, without a worker."""

    __slots__ = ()

    @property
    def idle(self) -> bool:
        """Always, between two publishes."""
        return not self.running

    def put(self, event: Any) -> None:
        """Handle `event` now; one that is published meanwhile waits its turn in the mailbox."""
        super().put(event)
        while self.queue and not self.running:
            taken = self.take()
            try:
                self.context.run(self.handler, taken)  # type: ignore[arg-type]  # inline has a handler
            except OWN as error:
                self.failed += 1
                self.host.on_error(self, taken, error)
            else:
                self.delivered += 1
            finally:
                self.running = 0
            self.slow = False


async def _await(awaitable: Any) -> Any:
    return await awaitable


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, Any], yielded: Any) -> Generator[Any, Any, Any]:
    """`await coroutine`, for one whose first step was made already and yielded `yielded`."""
    while True:
        try:
            sent = yield yielded
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:  # noqa: BLE001  # thrown in by the task: the coroutine's to handle
            step = functools.partial(coroutine.throw, error)
        else:
            step = functools.partial(coroutine.send, sent)
        try:
            yielded = step()
        except StopIteration as end:
            return end.value


def check_handler(handler: Callable[..., Any] | None, *, inline: bool) -> None:
    """Raise `BusError` for what cannot be called with one event."""
    if handler is None:
        if inline:
            raise BusError("inline needs a handler")
        return
    if not callable(handler):
        raise BusError(f"handler {handler!r} cannot be called")
    try:
        inspect.signature(handler).bind(None)
    except TypeError as error:
        raise BusError(f"handler {handler!r} must take exactly one event: {error}") from None
    except ValueError:
        return  # a builtin without a signature: it will say so itself
    code = inspect.unwrap(handler)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise BusError(f"handler {handler!r} is a generator: it must not yield")
    if inline and inspect.iscoroutinefunction(code):
        raise BusError(f"handler {handler!r} is async: it cannot run inline")
