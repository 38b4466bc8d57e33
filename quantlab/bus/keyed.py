"""`concurrency=n`: up to n events of one subscription at a time, those of one key in their order.

The mailbox knows which keys are at work. An event whose key is at work waits without holding up
the keys behind it; what is dropped when it is full is the event that has waited longest.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, cast

from quantlab.bus.hosts import Host, Options
from quantlab.bus.mailbox import Overflow
from quantlab.bus.slots import SLICE_S, Handling, Slot


class Keyed(Handling):
    """A handler in `concurrency` tasks; `queue` holds the keys in the order of their events.

    An event that is taken out of turn leaves its key behind in `queue` as a gap, which is
    skipped when its turn comes.
    """

    __slots__ = ("_at_work", "_depth", "_gaps", "_ready", "_sleepers", "_waiting", "slots")

    appends = False

    def __init__(self, host: Host, options: Options, *, is_async: bool) -> None:
        super().__init__(host, options, is_async=is_async)
        self._waiting: dict[Hashable, deque[Any]] = {}
        self._ready: deque[Hashable] = deque()  # keys with an event, none of them at work
        self._at_work: set[Hashable] = set()
        self._gaps: dict[Hashable, int] = {}
        self._depth = 0
        self._sleepers: deque[asyncio.Future[None]] = deque()
        self.slots: list[Slot] = []
        for _ in range(options.concurrency):
            slot = options.context.run(contextvars.copy_context)
            self.slots.append(slot.run(Slot, self, self._work))

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        return tuple(slot.task for slot in self.slots)

    @property
    def depth(self) -> int:
        return self._depth

    @property
    def idle(self) -> bool:
        return not self.running and (self.closed or not self._depth)

    # -- the mailbox

    def store(self, event: Any) -> bool:
        """As `Mailbox.store`, and wake one task where there is work for one more."""
        key = cast("Callable[[Any], Hashable]", self.key)(event)
        waiting = self._waiting.get(key)
        if waiting and self.overflow is Overflow.CONFLATE:
            waiting[-1] = event
            self.conflated += 1
            return False
        full = self._depth >= self.capacity
        if full:
            self.dropped += 1
            if self.overflow in (Overflow.DROP_NEW, Overflow.FAIL):
                return True
            self._drop_oldest()
            waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = waiting = deque()
            if key not in self._at_work:
                self._ready.append(key)
        waiting.append(event)
        self.queue.append(key)
        self._depth += 1
        self._wake()
        return full

    def _drop_oldest(self) -> None:
        self._skip_gaps()
        key = self.queue.popleft()
        waiting = self._waiting[key]
        waiting.popleft()
        self._depth -= 1
        if not waiting:
            del self._waiting[key]
            if key not in self._at_work:
                self._ready.remove(key)

    def _skip_gaps(self) -> None:
        while self.queue and (gaps := self._gaps.get(self.queue[0], 0)):
            key = self.queue.popleft()
            if gaps == 1:
                del self._gaps[key]
            else:
                self._gaps[key] = gaps - 1

    def take_ready(self) -> tuple[Hashable, Any]:
        """The oldest event of the key that has been ready longest; the key is at work from now on."""
        key = self._ready.popleft()
        waiting = self._waiting[key]
        event = waiting.popleft()
        if not waiting:
            del self._waiting[key]
        self._at_work.add(key)
        self._gaps[key] = self._gaps.get(key, 0) + 1
        self._depth -= 1
        self._skip_gaps()
        if len(self.queue) > 2 * self.capacity:
            self._close_gaps()
        return key, event

    def _close_gaps(self) -> None:
        keys, self._gaps = self._gaps, {}
        kept = []
        for key in self.queue:  # a key's oldest entries are its gaps
            if keys.get(key):
                keys[key] -= 1
            else:
                kept.append(key)
        self.queue.clear()
        self.queue.extend(kept)

    def done(self, key: Hashable) -> None:
        """The handler is through with this key's event."""
        self._at_work.discard(key)
        if key in self._waiting:
            self._ready.append(key)

    def discard(self) -> int:
        lost, self._depth = self._depth, 0
        self.dropped += lost
        for each in (self.queue, self._waiting, self._ready, self._gaps):
            each.clear()
        self._stamp = None
        return lost

    # -- the tasks

    async def _work(self, slot: Slot) -> None:
        loop = self.host.loop
        began = loop.time()
        while not self.closed:
            if not self._ready:
                await self._sleep()
                began = loop.time()
                continue
            await slot.room()
            if not self._ready:
                slot.give_back()
                continue
            self.look(loop.time())
            key, event = self.take_ready()
            try:
                await slot.one(event)
            finally:
                self.done(key)
            if loop.time() - began >= SLICE_S:
                await asyncio.sleep(0)
                began = loop.time()

    async def _sleep(self) -> None:
        if not self._depth:
            self.slow = False
        sleeper = self.host.loop.create_future()
        self._sleepers.append(sleeper)
        self.host.on_idle()
        try:
            await sleeper
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _wake(self) -> None:
        if self._sleepers:
            sleeper = self._sleepers.popleft()
            if not sleeper.done():
                sleeper.set_result(None)

    def _wake_all(self) -> None:
        while self._sleepers:
            self._wake()
