"""One piece of work on the wire, as the home loop sees it: await it, wait for it, or leave it.

Whoever stops waiting, by a timeout, a cancel or an Interrupt, never stops the work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar, cast

from quantlab.bus.lanes import SLICE_S, Lanes
from quantlab.errors import StillWorking

T = TypeVar("T")

POLL_S = 0.01  # market messages ring no bell: they are looked for this often while a cell waits


class Owner(Protocol):
    """What a call needs of its wire."""

    home: asyncio.AbstractEventLoop
    inbox: Lanes

    def check_wait_allowed(self) -> None: ...

    def require_home(self) -> None: ...


class WireCall(Generic[T]):
    """The answer to come of `Wire.call`; belongs to the home thread."""

    __slots__ = ("_awaiters", "_callbacks", "_error", "_owner", "_value", "done", "factory", "name")

    def __init__(self, owner: Owner, factory: Callable[[], Coroutine[Any, Any, T]], name: str) -> None:
        self.name = name
        self.factory = factory
        self.done = False
        self._owner = owner
        self._value: T | None = None
        self._error: BaseException | None = None
        self._awaiters: list[asyncio.Future[None]] = []
        self._callbacks: list[Callable[[WireCall[T]], object]] = []

    def result(self) -> T:
        """The work's result or its exception; `StillWorking` before the answer."""
        if not self.done:
            raise StillWorking(f"{self.name or 'the wire'} has not answered yet")
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def add_done_callback(self, callback: Callable[[WireCall[T]], object]) -> None:
        """Call `callback(self)` on the home thread when the answer comes, or now if it is there."""
        if self.done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Any, None, T]:
        self._owner.require_home()
        if not self.done:
            awaiter: asyncio.Future[None] = self._owner.home.create_future()
            self._awaiters.append(awaiter)
            try:
                yield from awaiter  # its cancel ends this waiting and nothing else
            finally:
                if not self.done:
                    self._awaiters.remove(awaiter)
        return self.result()

    def wait(self, timeout_s: float | None = None) -> T:
        """Block the running cell until the answer is there; meanwhile engine state is kept fresh.

        Args:
            timeout_s: Seconds; None waits for ever (an Interrupt ends the waiting, not the work).

        Raises:
            WouldBlockLoop: Not called by a cell itself, but by a task, a handler or a drain.
            WrongThread: Not on the kernel's main thread.
            EngineStopped: The wire does not run, or this is a forked child.
            StillWorking: Out of time; the work goes on and this can be waited for again.
        """
        self._owner.check_wait_allowed()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        inbox = self._owner.inbox
        while True:
            inbox.drain(SLICE_S)
            if self.done:
                return self.result()
            left = POLL_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise StillWorking(
                    f"{self.name or 'the wire'} has not answered within {timeout_s} s; it goes on"
                )
            if not inbox:
                inbox.wait(min(left, POLL_S))

    def settle(self, value: T | None, error: BaseException | None) -> None:
        """The answer came (called by the wire's inbox, on the home thread)."""
        if self.done:
            return
        self.done = True
        self._value, self._error = value, error
        for awaiter in self._awaiters:
            if not awaiter.done() and not self._owner.home.is_closed():
                awaiter.set_result(None)
        self._awaiters.clear()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback(self)
            except Exception as failure:  # noqa: BLE001  # one callback must not hold up the others
                self._owner.home.call_exception_handler(
                    {"message": f"a done callback of {self.name!r} failed", "exception": failure}
                )

    def __repr__(self) -> str:
        return f"<WireCall {self.name!r} {'done' if self.done else 'working'}>"
