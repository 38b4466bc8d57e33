"""From the bus to a learner and back: batches on a thread of their own, off the loop.

The mailbox's reader takes what waits, the worker's thread learns and predicts in slices, and the
predictions are published on the loop. One thread owns all models; nothing else is done there.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, TypeVar

from quantlab.bus import Bus, Overflow, Subscription
from quantlab.errors import InvalidField
from quantlab.learning.background import background
from quantlab.learning.learner import Learner
from quantlab.topics import PREDICTION, Prediction

T = TypeVar("T")
CAPACITY = 65_536  # events that may wait for a learner
BATCH = 512
SLICE_S = 0.005  # of learning between two looks at the loop
GATHER_S = 0.05  # for a batch to gather: each hop to the thread costs handlers, see bench_learner.py


class Worker:
    """The one thread on which models live while their learners are attached."""

    def __init__(self) -> None:
        self._executor: Executor | None = None

    async def do(self, work: Callable[..., T], *args: Any) -> T:
        """Run `work` on the thread, after what was given before."""
        if self._executor is None:
            self._executor = background("quantlab learner")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, work, *args)

    def stop(self) -> None:
        """End the thread when the slice that it is in has ended; what waits is forgotten."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


class Attachment:
    """A learner that listens on the bus.

    Attributes:
        subscription: Its mailbox, with the counts of what was lost.
    """

    def __init__(self, learner: Learner, bus: Bus, worker: Worker, pattern: str) -> None:
        self._learner, self._bus, self._worker = learner, bus, worker
        self.subscription: Subscription = bus.subscribe(
            pattern, overflow=Overflow.DROP_OLDEST, capacity=CAPACITY, name=f"learner {learner.name}"
        )
        self.subscription.reading = True  # already: who settles waits for the reader, whose task comes next
        self._task = asyncio.get_running_loop().create_task(
            self._read(), name=f"quantlab learner {learner.name}", context=contextvars.Context()
        )

    async def _read(self) -> None:
        async with self.subscription as events:
            async for event in events:
                await asyncio.sleep(GATHER_S)
                batch = [event]
                while events.queue and len(batch) < BATCH:
                    batch.append(await anext(events))
                await work_off(self._learner, self._worker, batch, self._publish)

    def _publish(self, prediction: Prediction) -> None:
        self._bus.publish(PREDICTION, prediction)

    def close(self) -> None:
        """Listen no more."""
        self.subscription.close()
        self._task.cancel()


async def work_off(
    learner: Learner, worker: Worker, events: list[Any], publish: Callable[[Prediction], object]
) -> None:
    """Take `events` in, slice by slice, and hand each slice's predictions to `publish`."""
    done = 0
    while done < len(events):
        done, said = await worker.do(learner.work, events, done, SLICE_S)
        for each in said:
            publish(each)


async def replay(learner: Learner, worker: Worker, events: Iterable[Any]) -> list[Prediction]:
    """As `Learner.run`, on the worker's thread: the loop lives on. Nothing is published."""
    said: list[Prediction] = []
    source = iter(events)
    while batch := list(itertools.islice(source, BATCH)):
        await work_off(learner, worker, batch, said.append)
    return said


def require_pattern(pattern: object) -> str:
    """A pattern for one learner: one mailbox keeps the order of everything that it hears."""
    if not isinstance(pattern, str) or not pattern:
        raise InvalidField(
            "pattern", f"{pattern!r:.60} is none", 'give one, like "market.>" or "market.trade.*"'
        )
    return pattern
