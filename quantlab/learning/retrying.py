"""What waits to be saved: the newest of each model, tried again with jitter, in memory until it is done."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

from quantlab.errors import StoreError, StoreNotAllowed, StoreUnavailable
from quantlab.learning.modelid import ModelId

T = TypeVar("T")

NEVER_SOON = 64  # failures after which the pause is the longest


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. A save is tried again after a random pause up to `first_s`, twice that, ... `longest_s`.

    Who saves waits for `budget_s` at most; after that it is tried in the background. Where the store
    does not allow it, only every `longest_s`: passwords are not guessed.
    """

    first_s: float = 0.2
    longest_s: float = 60.0
    budget_s: float = 3.0

    def pause_s(self, failures: int, share: float) -> float:
        """How long to wait after so many failures; `share` is random, 0 to 1."""
        most = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return most * (0.5 + share / 2)


PATIENT = Patience()


class Waiting(Generic[T]):
    """The newest item of each model that could not be saved, and the one task that goes on trying.

    Args:
        attempt: Saves one item and returns its version, or raises a `StoreError`.
    """

    def __init__(self, attempt: Callable[[ModelId, T], Awaitable[int]], patience: Patience) -> None:
        self._attempt, self._patience = attempt, patience
        self._items: dict[ModelId, T] = {}
        self._task: asyncio.Task[None] | None = None
        self._random = random.Random()  # noqa: S311  # jitter
        self.problem = ""

    async def first(self, which: ModelId, item: T) -> int:
        """Save `item`, which takes the place of an older one that waits.

        Raises:
            StoreError: Not saved; where that may pass, the item waits.
        """
        self._items[which] = item
        loop = asyncio.get_running_loop()
        deadline, failures = loop.time() + self._patience.budget_s, 0
        while True:
            try:
                return await self._save(which, item)
            except StoreUnavailable:
                failures += 1
                pause = self._patience.pause_s(failures, self._random.random())
                if loop.time() + pause > deadline:
                    self._go_on(failures)
                    raise
            except StoreNotAllowed:
                self._go_on(NEVER_SOON)
                raise
            await asyncio.sleep(pause)

    async def flush(self, timeout_s: float) -> tuple[ModelId, ...]:
        """Try all once; returns what still waits."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for which, item in tuple(self._items.items()):
                    with suppress(StoreError):
                        await self._save(which, item)
        return tuple(self._items)

    async def close(self, timeout_s: float) -> tuple[ModelId, ...]:
        """Try all once more, and no more after that; returns what is lost with us."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        left = await self.flush(timeout_s)
        self._items.clear()
        return left

    async def _save(self, which: ModelId, item: T) -> int:
        """One attempt; what was saved, or can never be, waits no more."""
        try:
            version = await self._attempt(which, item)
        except (StoreUnavailable, StoreNotAllowed) as error:
            self.problem = str(error)
            raise
        except StoreError:
            self._done(which, item)
            raise
        self._done(which, item)
        self.problem = ""
        return version

    def _done(self, which: ModelId, item: T) -> None:
        if self._items.get(which) is item:  # a newer one may wait by now
            del self._items[which]

    def _go_on(self, failures: int) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._repeat(failures), name="quantlab models that wait", context=contextvars.Context()
            )

    async def _repeat(self, failures: int) -> None:
        while self._items:
            await asyncio.sleep(self._patience.pause_s(failures, self._random.random()))
            for which, item in tuple(self._items.items()):
                try:
                    await self._save(which, item)
                    failures = 1
                except StoreUnavailable:
                    failures += 1
                    break
                except StoreNotAllowed:
                    failures = NEVER_SOON
                    break
                except StoreError as error:
                    self.problem = str(error)
