"""The wire: the thread that talks to the venue, and the hand-off to the loop that thinks.

Work goes to the wire as coroutines and comes back as plain messages, order answers first. The
wire never touches engine state: `apply` runs on the home loop's thread and nowhere else. With
`loop=home` both sides run on one loop, same code, for tests under a virtual clock.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec

from quantlab.bus.lanes import SLICE_S, Lanes
from quantlab.errors import EngineStopped
from quantlab.wire.breather import SWITCH_INTERVAL, Breather
from quantlab.wire.call import WireCall
from quantlab.wire.home import HomeThread
from quantlab.wire.lag import PERIOD_S, LagProbe
from quantlab.wire.masking import Masked
from quantlab.wire.rules import Rules
from quantlab.wire.runner import Factory, Runner

T = TypeVar("T")

CATCH_UP_S = 1.0  # 60,000 events take 50 ms


class WireFailure(msgspec.Struct, frozen=True):
    """A task of the wire ended with an exception; posted to `apply` through the order lane."""

    name: str
    error: BaseException


class Answer(msgspec.Struct, frozen=True):
    """What became of a `WireCall`; the wire's own message, never seen by `apply`."""

    call: WireCall[Any]
    value: Any
    error: BaseException | None


class Wire(Rules):
    """One background loop and the lanes between it and the home loop.

    Args:
        home: The kernel's loop; this is called on its thread.
        apply: Gets every message that the wire posts, on the home thread, in order.
        loop: None makes a daemon thread "quantlab-wire" with a loop of its own.
        context: Where prints of `apply` and of wire tasks go; by default where this is called.

    Attributes:
        cell_task: The task that runs the current cell; `pre_run_cell` stores it. Only this
            task may block in `WireCall.wait`.
    """

    def __init__(
        self,
        home: asyncio.AbstractEventLoop,
        apply: Callable[[object], None],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        context: contextvars.Context | None = None,
    ) -> None:
        self.home = home
        self.cell_task: asyncio.Task[Any] | None = None
        self._apply = apply
        self._context = contextvars.copy_context() if context is None else context.copy()
        self._thread = HomeThread()
        self._started = self._stopped = False
        self._calls: set[WireCall[Any]] = set()
        self._runner = Runner(loop, self._context)
        self._own = self._runner.own
        clock = time.monotonic if self._own else home.time
        self.inbox = Lanes(
            home,
            self._on_message,
            context=self._context.copy(),
            on_error=self._on_error,
            clock=clock,
            guard=Masked,
        )
        self._outbox = Lanes(
            self._runner.loop,
            self._launch,
            context=self._context.copy(),
            on_error=self._on_error,
            clock=clock,
        )
        self._home_probe = LagProbe(home, self._context.copy())
        self._wire_probe = LagProbe(self._runner.loop, self._context.copy())
        self._breather = Breather(home, self._context.copy(), self._wire_probe.ping)

    # -- life

    def start(self) -> None:
        """Start the thread, the short switch interval and the breather. Starting twice is once.

        Raises:
            EngineStopped: A stopped wire does not start again; make a new one.
        """
        self.require_home()
        if self._stopped:
            raise EngineStopped("this wire was stopped; make a new one")
        if self._started:
            return
        self._started = True
        self._runner.start()
        if self._own:
            SWITCH_INTERVAL.shorten()
            self._breather.start()
            self.run_threadsafe(self._watch_home, "home lag probe")

    async def _watch_home(self) -> None:
        while True:
            self._home_probe.ping()
            await asyncio.sleep(PERIOD_S)

    def stop(self, timeout_s: float = 1.0) -> None:
        """Cancel the wire's tasks, let their `finally` run, end the thread. Twice is once.

        Works from `atexit` too, when the home loop does not turn any more. Calls without an
        answer end with `EngineStopped`; other messages still in the inbox are lost by design.

        Args:
            timeout_s: Seconds for the tasks to end; what still runs then is abandoned.
        """
        if self._stopped or not self._thread.check_pid():
            return  # in a forked child the loop's epoll is the parent's: hands off
        self.require_home()
        self._stopped = True
        self._breather.stop()
        if not self._runner.stop(timeout_s):
            self.home.call_exception_handler({"message": f"quantlab: the wire did not end in {timeout_s} s"})
        if self._own and self._started:
            SWITCH_INTERVAL.restore()
        self._settle_rest()

    def _settle_rest(self) -> None:
        for message in self.inbox.clear():
            if isinstance(message, Answer):
                self._on_message(message)
        for call in tuple(self._calls):
            call.settle(None, EngineStopped(f"the wire stopped before {call.name or 'this'} was answered"))
        self._calls.clear()

    # -- home to wire

    def call(
        self,
        factory: Callable[[], Coroutine[Any, Any, T]],
        name: str = "",
        *,
        after: Callable[[Callable[[], object]], object] | None = None,
    ) -> WireCall[T]:
        """Run `factory()` on the wire; its answer comes back through the order lane.

        Args:
            factory: Makes the work, on the wire.
            name: What it is called in errors.
            after: Gets a function that hands it over, to be called once from any thread when the work may
                begin: whatever it waits for wakes the wire, and no more than that. None: it may begin now.

        Raises:
            WrongThread: Not on the home thread; `run_threadsafe` is for others.
            EngineStopped: The wire does not run. Nothing was sent.
        """
        self.require_home()
        self._require_running()
        call: WireCall[T] = WireCall(self, factory, name)
        with Masked():  # an Interrupt between the lane's arming and its wake-up would leave it armed for ever
            self._calls.add(call)
            if after is None:
                self._outbox.post(call)
            else:
                after(partial(self._outbox.post, call))
        return call

    def spawn(self, factory: Factory, name: str) -> None:
        """Run a long task on the wire; an exception is posted to `apply` as `WireFailure`."""
        self.run_threadsafe(factory, name)

    def run_threadsafe(self, factory: Factory, name: str) -> None:
        """As `spawn`, from any thread: the way of a HALT."""
        self._require_running()
        with Masked():  # as in `call`
            self._outbox.post((factory, name))

    def _launch(self, work: WireCall[Any] | tuple[Factory, str]) -> None:
        """On the wire: start what was handed over; its end is reported home."""
        if isinstance(work, WireCall):
            self._runner.launch(work.factory, work.name, partial(self._answer, work))
        else:
            factory, name = work
            self._runner.launch(factory, name, partial(self._report, name))

    def _answer(self, call: WireCall[Any], value: Any, error: BaseException | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            error = EngineStopped(
                f"{call.name or 'this call'} was cancelled on the wire; its outcome is unknown"
            )
        self.post_order(Answer(call, value, error))

    def _report(self, name: str, _value: Any, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self.post_order(WireFailure(name, error))

    # -- wire to home

    def post_order(self, message: object) -> None:
        """Hand `message` to `apply`: never lost, never behind market data. From any thread."""
        self._thread.require_unforked()
        self.inbox.post(message)

    def post_market(self, message: object, key: Hashable | None = None, *, conflate: bool = True) -> None:
        """Hand market data to `apply`: at most 65,536 wait, the oldest is dropped and counted.

        With a `key` only the newest message of that key waits, unless `conflate` is False: then this
        one waits behind all others and is not replaced. From the wire's thread.
        """
        self._thread.require_unforked()
        if key is None:
            self.inbox.post_bounded(message)
        else:
            self.inbox.post_keyed(message, key, conflate=conflate)

    def _on_message(self, message: object) -> None:
        """On home: an answer goes to its call, all else to the engine."""
        if isinstance(message, Answer):
            self._calls.discard(message.call)
            message.call.settle(message.value, message.error)
        elif not self._stopped:
            self._apply(message)

    def _on_error(self, message: object, error: BaseException) -> None:
        report = {"message": f"quantlab: a {type(message).__name__} was not applied", "exception": error}
        with suppress(RuntimeError):  # home is closed: nobody is left to read it
            self.home.call_soon_threadsafe(self.home.call_exception_handler, report)

    def catch_up(self) -> None:
        """Apply now what has arrived: a cell that blocked the loop decides on fresh state.

        User handlers stay in their mailboxes. It gives up after a second of arrears, and does
        nothing where it must not: on another thread, in a drain, in a forked child.
        """
        if self._stopped or self.draining or not self._thread.is_here:
            return
        deadline = time.monotonic() + CATCH_UP_S
        while self.inbox and not self.inbox.drain(SLICE_S) and time.monotonic() < deadline:
            pass
