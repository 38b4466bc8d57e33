"""Runs a task's work step by step, and tells when a handler suspends and how long it kept the loop.

A handler that does not suspend costs neither timer nor switch.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol


class Driven(Protocol):
    """What is told: `busy` while a handler is begun and not ended."""

    began: float
    busy: bool

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def stepped(self, began: float, ended: float) -> None: ...

    def suspended(self) -> None: ...


@types.coroutine
def drive(slot: Driven, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
    """`await work`, seeing when its handler suspends and for how long it kept the loop."""
    time = slot.loop.time
    step: Callable[[Any], Any] = work.send
    sent: Any = None
    while True:
        slot.began = began = time()
        try:
            yielded = step(sent)
        except StopIteration:
            return
        finally:
            slot.stepped(began, time())
        if slot.busy:
            slot.suspended()
        try:
            sent = yield yielded
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001  # thrown in by the task: for the handler to deal with
            step, sent = work.throw, error
        else:
            step = work.send
