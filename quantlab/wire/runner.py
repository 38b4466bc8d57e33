"""The wire's side: a loop on a daemon thread of its own, and the tasks that run there.

Nothing here touches the home loop. At the end every task is cancelled and its `finally` runs.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

JOIN_S = 0.2  # for the thread to end after its tasks did

Factory = Callable[[], Coroutine[Any, Any, Any]]
Report = Callable[[Any, BaseException | None], None]


class Runner:
    """Runs coroutines on `loop`, or on a thread "quantlab-wire" with a new loop for None.

    Args:
        context: Tasks run in copies of it (one context cannot be entered by two threads).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None, context: contextvars.Context) -> None:
        self.own = loop is None
        self.loop = asyncio.new_event_loop() if loop is None else loop
        self._context = context
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds them weakly

    def start(self) -> None:
        """Start the thread, if there is one of our own."""
        if self.own:
            self._thread = threading.Thread(target=self._run, name="quantlab-wire", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def launch(self, factory: Factory, name: str, report: Report) -> None:
        """On the loop: run `factory()` as a task; `report(value, error)` says how it ended."""
        task = self.loop.create_task(
            _supervise(factory, report), name=f"wire {name}", context=self._context.copy()
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, timeout_s: float) -> bool:
        """From home: cancel the tasks, await their end for `timeout_s` seconds, end the thread.

        False where the thread still runs after that: C code, or a `finally` that hangs.
        """
        if not self.own:
            for task in self._tasks:
                task.cancel()
        elif self._thread is None:
            self.loop.close()
        else:
            with suppress(RuntimeError):  # the loop is closed already
                self.loop.call_soon_threadsafe(self._begin_end, timeout_s, context=self._context.copy())
            self._thread.join(timeout_s + JOIN_S)
            return not self._thread.is_alive()
        return True

    def _begin_end(self, timeout_s: float) -> None:
        task = self.loop.create_task(self._end(timeout_s), name="wire end")
        self._tasks.add(task)

    async def _end(self, timeout_s: float) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        await self.loop.shutdown_asyncgens()
        self.loop.stop()


async def _supervise(factory: Factory, report: Report) -> None:
    try:
        value = await factory()
    except asyncio.CancelledError as error:
        report(None, error)
        raise
    except Exception as error:  # noqa: BLE001  # it belongs to whoever asked for the work
        report(None, error)
    else:
        report(value, None)
