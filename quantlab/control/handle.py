"""Handles: the lazy, awaitable answer to a command.

Nothing leaves before `await h`, `h.wait()` or `h.send()`, and it starts at most once. Whoever
waits may be interrupted: the work goes on, the handle remembers, and of an order it is told the
ids (`OrderPending`). It never sends twice, and `wait` asks whether it may block before anything is sent.
"""

from __future__ import annotations

import asyncio
import contextvars
import warnings
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar, cast

from quantlab.clock import is_duration
from quantlab.control.work import Work, as_work
from quantlab.errors import InvalidField, OrderPending, QuantlabError, StillWorking, WouldBlockLoop
from quantlab.wire import Masked, Striking, cell_was_interrupted

S = TypeVar("S")
T = TypeVar("T")


def never_waits() -> None:
    """The check of a handle that no engine has wired: synchronous waiting is refused."""
    raise WouldBlockLoop(
        "there is no engine that could wait here; nothing was sent, await the handle instead"
    )


class Handle(Generic[T]):
    """One command on its way. Made on the main thread, and used there.

    Args:
        label: What it does, in one line for people.
        start: Sends it; returns `Work`, a coroutine or the result. Called once at most. What it
            raises means that nothing was sent.
        check_wait_allowed: Raises `WouldBlockLoop` where blocking here would deadlock.
        ready: Awaited before an awaited handle starts: the engine may still be on its way up.
        money: True where forgetting to send it deserves a warning: an order, a limit, RESUME.
        client_order_id: Our id of the order, where it is known before sending.
    """

    def __init__(
        self,
        label: str,
        start: Callable[[], object],
        *,
        check_wait_allowed: Callable[[], None] = never_waits,
        ready: Callable[[], Awaitable[object]] | None = None,
        money: bool = False,
        client_order_id: str = "",
    ) -> None:
        self.label = label
        self._money = money
        self._client_order_id = client_order_id
        self._check_wait_allowed = check_wait_allowed
        self._ready = ready
        self._start: Callable[[], object] | None = start
        self._work: Work | None = None
        self._settled = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._left = False
        self._shape: Callable[[Any], Any] | None = None
        self._callbacks: list[tuple[Callable[[Handle[T]], None], contextvars.Context]] = []

    @property
    def sent(self) -> bool:
        """True once it was started and `start` did not refuse."""
        return self._work is not None

    @property
    def done(self) -> bool:
        """True once there is a result or an error."""
        return self._settled

    @property
    def client_order_id(self) -> str:
        """Our id of the order; empty where there is none, or not yet."""
        return str(getattr(self._work, "client_order_id", "")) or self._client_order_id

    def shaped(self, shape: Callable[[T], S]) -> Handle[S]:
        """This handle, with `shape(answer)` as its result; to be said before it is sent."""
        self._shape = shape
        return cast("Handle[S]", self)

    def send(self) -> Handle[T]:
        """Start it and return at once; raises what refused it. Sending again changes nothing.

        Raises:
            OrderPending: Interrupted when it was out already.
        """
        try:
            self._begin()
        except KeyboardInterrupt as interrupt:
            raise self._left_by(interrupt) from None
        return self

    def wait(self, timeout_s: float | None = None) -> T:
        """Start it if need be and block until it is done, at most `timeout_s` seconds.

        Raises:
            InvalidField: `timeout_s` is no such time; if it was not sent before, it is not now.
            WouldBlockLoop: Blocking here would deadlock; likewise not sent.
            StillWorking: The time is over; the work goes on, and waiting again is fine.
            OrderPending: Interrupted; likewise.
        """
        try:
            if not self._settled:
                self._ask_to_block(timeout_s)
                self._begin()
            if not self._settled:
                self._block(self._running(), timeout_s)
        except KeyboardInterrupt as interrupt:
            raise self._left_by(interrupt) from None
        return self.result()

    def _block(self, work: Work, timeout_s: float | None) -> None:
        try:
            with Striking():
                work.wait(timeout_s)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if not work.done:
                if isinstance(error, StillWorking):
                    error.client_order_ids = self._ids()
                raise
        self._settle(work)

    def result(self) -> T:
        """The result, or its error raised; `StillWorking` before it is `done`."""
        if not self._settled:
            raise StillWorking(f"{self.label}: there is no result yet")
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def add_done_callback(self, callback: Callable[[Handle[T]], None], /) -> None:
        """Call `callback(self)` when it is done; at once if it is.

        It runs in the context of whoever added it, so that what it prints lands under that cell.
        """
        if self._settled:
            callback(self)
        else:
            self._callbacks.append((callback, contextvars.copy_context()))

    def __await__(self) -> Generator[Any, None, T]:
        yield from self._get_ready()
        self.send()
        if not self._settled:
            work = self._running()
            try:
                yield from work.__await__()
            except (asyncio.CancelledError, KeyboardInterrupt) as interrupt:
                if work.done:  # the answer came in the same turn: keep it, and still obey
                    self._settle(work)
                    raise
                if isinstance(interrupt, KeyboardInterrupt) or (self._in_a_cell() and cell_was_interrupted()):
                    raise self._left_by(interrupt) from None
                self._say_left(interrupt)
                raise
            except BaseException:
                if not work.done:
                    raise
            self._settle(work)
        return self.result()

    def __repr__(self) -> str:
        if self._error is not None:
            return f"{self.label}: {type(self._error).__name__}: {self._error}"
        if self._settled:
            return f"{self.label}: done" if self._value is None else repr(self._value)
        if self._work is None:
            return f"{self.label}: NOT SENT - use await h, h.wait() or h.send()"
        return f"{self.label}: SENT, waiting" + (f" ({self._where()})" if self._left else "")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        value = self._value
        if hasattr(value, "_repr_mimebundle_"):
            return cast("dict[str, Any]", value._repr_mimebundle_(include, exclude))
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if hasattr(value, "_repr_html_"):
            bundle["text/html"] = value._repr_html_()
        return bundle

    def __del__(self) -> None:
        if getattr(self, "_money", False) and self._work is None and not self._settled:
            warnings.warn(f"{self.label}: was NOT SENT, nobody awaited it", UserWarning, stacklevel=2)

    def _get_ready(self) -> Generator[Any, None, None]:
        if self._start is None or self._ready is None:
            return
        try:
            yield from self._ready().__await__()
        except BaseException as stopped:
            self._money = False  # as in _ask_to_block
            if isinstance(stopped, asyncio.CancelledError | KeyboardInterrupt) and not self.sent:
                stopped.add_note(f"{self.label}: NOT SENT, the engine was not ready yet")
            raise

    def _ask_to_block(self, timeout_s: float | None) -> None:
        try:
            if timeout_s is not None and not is_duration(timeout_s):
                raise InvalidField(
                    "timeout_s", f"{timeout_s!r:.40} is no such time", "give seconds, or None to wait on"
                )
            self._check_wait_allowed()
        except BaseException:
            self._money = False  # whoever is refused here was told: no second word when it is dropped
            raise

    def _begin(self) -> None:
        if self._start is not None:
            with Masked():  # an Interrupt strikes before anything is sent, or once it is known as what
                start, self._start = self._start, None
                try:
                    self._work = as_work(start())
                except BaseException as error:
                    self._finish(None, error)
                    raise
                self._work.add_done_callback(self._settle)
        elif self._work is None and not self._settled:
            raise WouldBlockLoop(f"{self.label} is just being started")
        elif self._work is None:
            self.result()

    def _running(self) -> Work:
        assert self._work is not None  # noqa: S101  # _begin has returned
        return self._work

    def _settle(self, work: Work) -> None:
        if self._settled:
            return
        try:
            value = work.result()
            if self._shape is not None:
                value = self._shape(value)
        except BaseException as error:  # noqa: BLE001  # an outcome to keep, raised by result()
            self._finish(None, error)
        else:
            self._finish(value, None)

    def _finish(self, value: object, error: BaseException | None) -> None:
        self._value, self._error, self._settled = value, error, True
        callbacks, self._callbacks = self._callbacks, []
        for callback, context in callbacks:
            context.run(callback, self)

    def _ids(self) -> tuple[str, ...]:
        """Those of the orders that it has sent, as far as they are known."""
        several: tuple[str, ...] = getattr(self._work, "client_order_ids", ())
        one = str(getattr(self._work, "client_order_id", ""))
        return several or ((one,) if one else ())

    def _where(self) -> str:
        names = ", ".join(self._ids()) or self.client_order_id
        return f"nobody waits for it any more; it goes on{' as ' if names else ''}{names}"

    def _in_a_cell(self) -> bool:
        """This is a cell's own code: nobody but the cell hears what is raised here."""
        try:
            self._check_wait_allowed()
        except QuantlabError:
            return False
        return True

    def _left_by(self, interrupt: BaseException) -> BaseException:
        """What the one who is interrupted is told: the orders that go on, or the Interrupt as it came."""
        if self._work is None or self._work.done:
            return interrupt
        if not (ids := self._ids()):
            self._say_left(interrupt)
            return interrupt
        self._left = True
        return OrderPending(f"{self.label}: {self._where()}, see ql.orders or this handle", ids)

    def _say_left(self, interrupt: BaseException) -> None:
        self._left = True
        interrupt.add_note(f"{self.label}: {self._where()}, see ql.orders or this handle")
