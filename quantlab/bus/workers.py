"""A handler that gets one event after the other, in a task of its own."""

from __future__ import annotations

import asyncio

from quantlab.bus.hosts import Host, Options
from quantlab.bus.slots import Handling, Slot


class Worker(Handling):
    """A handler in a task of its own, which sleeps while the mailbox is empty."""

    __slots__ = ("slots",)

    def __init__(self, host: Host, options: Options, *, is_async: bool) -> None:
        super().__init__(host, options, is_async=is_async)
        self.slots = (Slot(self, self._work),)

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        return tuple(slot.task for slot in self.slots)

    async def _work(self, slot: Slot) -> None:
        while not self.closed:
            if self.queue:
                await slot.batch()
            else:
                await self.park()
