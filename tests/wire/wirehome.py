"""A wire with an engine that only keeps what it is told."""

from __future__ import annotations

import asyncio
import threading

from quantlab.wire import Wire


class Home:
    """A wire whose messages are kept, with the thread they were applied on."""

    def __init__(self) -> None:
        self.applied: list[object] = []
        self.threads: set[int] = set()
        self.wire = Wire(asyncio.get_running_loop(), self.apply)

    def apply(self, message: object) -> None:
        self.applied.append(message)
        self.threads.add(threading.get_ident())

    def enter_cell(self) -> None:
        """What `pre_run_cell` does: the current task is the cell's."""
        self.wire.cell_task = asyncio.current_task()

    async def until(self, count: int) -> None:
        """Return when `count` messages were applied."""
        async with asyncio.timeout(30):
            while len(self.applied) < count:
                await asyncio.sleep(0.001)
