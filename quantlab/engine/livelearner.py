"""A learner of an engine: it listens on the bus, and is kept in the store.

Main thread; the models belong to the worker's thread while it listens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from quantlab.bus import Bus
from quantlab.control.commands import Command, PromoteModel, RollBackModel
from quantlab.control.handle import Handle
from quantlab.learning.attach import Attachment, Worker, replay, require_pattern
from quantlab.learning.keeping import Keeper
from quantlab.learning.learner import Learner
from quantlab.learning.lengths import Length, milliseconds
from quantlab.learning.recipe import Recipe
from quantlab.learning.snapshot import Store
from quantlab.topics import Prediction


class Home(Protocol):
    """What a learner has of its engine."""

    bus: Bus
    worker: Worker

    @property
    def store_problem(self) -> str: ...

    def require_store(self) -> Store: ...

    def execute(self, command: Command, /) -> Handle[Any]: ...


class LiveLearner(Learner):
    """A learner that can listen on the engine's bus and be kept in its store; see `Learner`."""

    def __init__(self, made: Recipe, home: Home) -> None:
        super().__init__(made)
        self._home = home
        self._attachment: Attachment | None = None
        self._keeper: Keeper | None = None

    def attach(self, pattern: str) -> LiveLearner:
        """Listen to these topics, from now on: "market.>", or "market.trade.*" where trades are enough.

        Events are taken in on a thread of their own; each prediction is published as
        `learn.prediction.NAME`. Attaching again replaces what it heard before.

        Raises:
            BusError: No topic fits the pattern; it listens on as before.
        """
        attachment = Attachment(self, self._home.bus, self._home.worker, require_pattern(pattern))
        self.detach()
        self._attachment = attachment
        return self

    def detach(self) -> None:
        """Listen no more; the models stay as they are."""
        if self._attachment is not None:
            self._attachment.close()
            self._attachment = None

    @property
    def hears(self) -> str:
        """The pattern that it listens to; "" where it does not."""
        return "" if self._attachment is None else self._attachment.subscription.pattern

    @property
    def lost(self) -> int:
        """Events that came faster than it could learn, and were left out."""
        return 0 if self._attachment is None else self._attachment.subscription.dropped

    @property
    def problem(self) -> str:
        """Why the last save failed; "" where it did not."""
        return "" if self._keeper is None else self._keeper.problem or self._home.store_problem

    async def replay(self, events: Iterable[Any]) -> list[Prediction]:
        """Learn from a recording, off the loop; what was predicted. Nothing is published."""
        return await replay(self, self._home.worker, events)

    async def save(self, key: str | None = None, note: str = "by hand", *, anew: bool = False) -> int:
        """Save the model of `key` (or the only one) in the store as its next version; returns which.

        Versions that the store has of another model by this name are in the way, unless it is to
        begin `anew`: then it comes after them.

        Raises:
            StoreError: Nothing was saved; the message says why.
        """
        return await self._kept().save(self._model(key).key, note, anew=anew)

    async def load(self, key: str, version: int | None = None) -> int:
        """Go on from the newest saved version of `key`, or from that one; returns which.

        Raises:
            StoreError: It is not there, or refused: what runs goes on.
        """
        return await self._kept().load(key, version)

    def keep(self, every: Length = "60s") -> LiveLearner:
        """Save by itself, every so often, each model that has seen something new."""
        self._kept().every(milliseconds(every, "every") / 1_000)
        return self

    def promote(self) -> Handle[Any]:
        """Let the shadow change places with the model that is heard: a control action, scope limits."""
        return self._home.execute(PromoteModel(self.name))

    def rollback(self, key: str = "", version: int = 0) -> Handle[Any]:
        """Undo the promotion; with `key` and `version` go on from that saved one instead. Scope limits."""
        return self._home.execute(RollBackModel(self.name, key, version))

    def close(self) -> None:
        """Listen no more and save no more."""
        self.detach()
        if self._keeper is not None:
            self._keeper.stop()

    def _kept(self) -> Keeper:
        if self._keeper is None:
            from quantlab.learning.pickler import dumps

            self._keeper = Keeper(self, self._home.require_store(), self._home.worker, dumps)
        return self._keeper

    async def go_back(self, key: str, version: int) -> str:
        """What `rollback` with a version does once the desk has admitted it; in words."""
        now = await self._kept().rollback(key, version)
        return f"{self.name}: {key} goes on from version {version}, which is now version {now}"
