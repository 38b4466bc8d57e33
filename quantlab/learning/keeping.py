"""Saving and loading: from the thread that owns the models to a store, and back.

Models are pickled on the worker's thread between two slices, never on the loop; they learn on while
the store writes. A store that fails costs a version at most: what learns is not touched, the
problem is told, and the next round tries again.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from quantlab.learning.attach import Worker
from quantlab.learning.background import uncollected
from quantlab.learning.learner import Learner
from quantlab.learning.snapshot import Snapshot, Store, freeze


class Keeper:
    """Keeps the models of one learner in one store.

    Args:
        dumps: Pickles River's objects; see `snapshot.freeze`.

    Attributes:
        problem: Why the last save failed; "" after one that did not.
        saved: How many versions were saved.
    """

    def __init__(self, learner: Learner, store: Store, worker: Worker, dumps: Callable[[Any], bytes]) -> None:
        self._learner, self._store, self._worker, self._dumps = learner, store, worker, dumps
        self.problem, self.saved = "", 0
        self._heads: dict[str, int] = {}  # the newest version in the store, as far as we know
        self._kept: dict[str, int] = {}  # events that the model had seen then
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def save(self, key: str, note: str = "by hand", *, anew: bool = False) -> int:
        """Save the model of `key` as the next version, and return that.

        Args:
            anew: Also where the store has versions that this model does not come from.

        Raises:
            StoreError: Nothing was saved; the message says why.
        """
        async with self._one_at_a_time:
            frozen = await self._worker.do(self._freeze, key, note)
            head = self._heads.get(key, frozen.version)
            if anew:
                kept = await self._store.versions(self._learner.name, key)
                head = kept[-1].version if kept else head
            version = await self._store.save(frozen, expect_version=head)
            self._heads[key], self._kept[key] = version, frozen.sequence
            self.saved += 1
            model = self._learner.models.get(key)
            if model is not None:
                model.version = version
            return version

    async def load(self, key: str, version: int | None = None) -> int:
        """Go on from the newest version in the store, or from that one; returns which.

        Raises:
            StoreError: It is not there, or refused; what runs goes on.
            InvalidField: It is of another model; what runs goes on.
        """
        async with self._one_at_a_time:
            return await self._go_on_from(await self._store.load(self._learner.name, key, version))

    async def rollback(self, key: str, version: int) -> int:
        """Make an earlier version the newest, and go on from it; the new version's number.

        Raises: as `load`; then the store is as it was, too.
        """
        name = self._learner.name
        async with self._one_at_a_time:
            await self._worker.do(self._learner.require_fit, await self._store.load(name, key, version))
            return await self._go_on_from(await self._store.rollback(name, key, version))

    async def _go_on_from(self, snapshot: Snapshot) -> int:
        await self._worker.do(self._learner.restore, snapshot)
        self._heads[snapshot.key] = max(snapshot.version, self._heads.get(snapshot.key, 0))
        self._kept[snapshot.key] = snapshot.sequence
        return snapshot.version

    async def save_all(self, note: str) -> int:
        """Save every model that has seen something new; how many there were.

        One that cannot be saved keeps no other from it: the first problem is raised when all were tried.
        """
        news = [
            key for key, each in self._learner.models.items() if each.counts["events"] != self._kept.get(key)
        ]
        problem: Exception | None = None
        for key in news:
            try:
                await self.save(key, note)
            except Exception as error:  # noqa: BLE001  # a snapshot runs code of the user's pipeline
                problem = problem or error
        if problem is not None:
            raise problem
        return len(news)

    def every(self, seconds: float) -> None:
        """From now on save what has seen something new, every so many seconds."""
        self.stop()
        self._task = asyncio.get_running_loop().create_task(
            self._repeat(seconds), name=f"quantlab keeps {self._learner.name}", context=contextvars.Context()
        )

    async def _repeat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.save_all(f"every {seconds:g} s")
                self.problem = ""
            except Exception as error:  # noqa: BLE001  # it is told, and tried again
                self.problem = f"{type(error).__name__}: {error}"

    def stop(self) -> None:
        """Save no more by itself."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _freeze(self, key: str, note: str) -> Snapshot:
        with self._learner.lock, uncollected():
            return freeze(self._learner.snapshot(key, note), self._dumps)
