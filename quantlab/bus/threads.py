"""`run="thread"`: a handler that blocks runs on a thread of its own, and blocks nobody else.

Each subscription has as many threads as its `concurrency`, never one of a shared pool: a handler
that hangs there stops nobody's but its own. They are daemons, so it does not hold up the end of the
process either. A thread cannot be cancelled: one that is over its time counts as timed out, gives
its permit back, and gets its next event when it comes back.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class InThread:
    """An async handler that calls `handler` on a thread, in a copy of `context`."""

    def __init__(
        self,
        handler: Callable[[Any], Any],
        context: contextvars.Context,
        loop: asyncio.AbstractEventLoop,
        name: str,
    ) -> None:
        self._handler = handler
        self._context = context
        self._loop = loop
        self._name = name
        self._idle: list[Thread] = []
        self._all: list[Thread] = []
        self.closed = False

    async def __call__(self, event: Any) -> None:
        """Run it there, and return or raise as it did; a cancel is raised when it has come back."""
        thread = self._idle.pop() if self._idle else self._new()
        answer: asyncio.Future[None] = self._loop.create_future()
        thread.jobs.put((event, answer))
        cancelled: asyncio.CancelledError | None = None
        while not answer.done():
            try:
                await asyncio.wait((answer,))
            except asyncio.CancelledError as error:
                if self.closed:
                    raise
                cancelled = error
        self._idle.append(thread)
        if self.closed:
            self.close()
        if cancelled is not None:
            answer.exception()
            raise cancelled
        answer.result()

    def _new(self) -> Thread:
        thread = Thread(self._handler, self._context.copy(), self._loop, f"bus {self._name}")
        self._all.append(thread)
        return thread

    def close(self) -> None:
        """The threads end, each when its handler does."""
        self.closed = True
        for thread in self._all:
            thread.jobs.put(None)
        self._all.clear()


class Thread:
    """Takes an event, calls the handler, tells the loop, and again."""

    def __init__(
        self,
        handler: Callable[[Any], Any],
        context: contextvars.Context,
        loop: asyncio.AbstractEventLoop,
        name: str,
    ) -> None:
        self.jobs: queue.SimpleQueue[tuple[Any, asyncio.Future[None]] | None] = queue.SimpleQueue()
        self._handler = handler
        self._context = context
        self._loop = loop
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while (job := self.jobs.get()) is not None:
            event, answer = job
            error: BaseException | None = None
            try:
                self._context.run(self._handler, event)
            except BaseException as raised:  # noqa: BLE001  # it belongs to whoever asked, on the loop
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_answer, answer, error, context=contextvars.Context())


def _answer(answer: asyncio.Future[None], error: BaseException | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(None)
    elif isinstance(error, Exception):
        answer.set_exception(error)
    else:
        answer.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
