"""Models kept safely: what is saved is what can be loaded, and what is loaded is what was saved.

`save` seals a snapshot, after loading its bytes once as `load` would. `load` verifies the seal before
anything is read, then that it is the version asked for, then every name in the pickle, then the canary;
where one of them fails it refuses, says why, and leaves what runs alone. A store that is down costs
nothing: the newest snapshot of each model waits in memory and is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quantlab.clock import Clock, SystemClock
from quantlab.config import Settings
from quantlab.domain.venue import Level
from quantlab.errors import ConfigError, ModelRefused, StoreError
from quantlab.learning.backend import KEEP, Backend
from quantlab.learning.background import background
from quantlab.learning.checking import loaded
from quantlab.learning.classtree import class_tree
from quantlab.learning.envelope import Header, header_of, open_sealed, seal, snapshot_of
from quantlab.learning.filestore import FileStore
from quantlab.learning.marks import Marks
from quantlab.learning.modelid import ModelId, require_version
from quantlab.learning.modelkey import model_key
from quantlab.learning.pickler import dumps
from quantlab.learning.redisaddress import address_of
from quantlab.learning.redisstore import RedisStore
from quantlab.learning.retrying import PATIENT, Patience, Waiting
from quantlab.learning.snapshot import Snapshot
from quantlab.secret import Secret

FOLDER = "models"
T = TypeVar("T")


class Store:
    """Versions of models in one backend. Belongs to one loop; what takes long is on a thread of its own.

    Args:
        key: Seals models; see `modelkey`.
        keep: How many versions of each model stay.
        patience: How often and how long a save is tried again.

    Attributes:
        saved: Versions that this store has saved.
    """

    def __init__(
        self,
        backend: Backend,
        key: Secret,
        marks: Marks,
        executor: Executor,
        *,
        clock: Clock | None = None,
        keep: int = KEEP,
        patience: Patience = PATIENT,
    ) -> None:
        self._backend, self._key, self._marks = backend, key, marks
        self._executor = executor
        self._clock = clock or SystemClock()
        self._keep = keep
        self._heads: dict[ModelId, int] = {}  # the newest that this store has saved or loaded
        self._locks: dict[ModelId, asyncio.Lock] = {}
        self._waiting: Waiting[Snapshot] = Waiting(self._try, patience)
        self._sealed: dict[ModelId, tuple[Snapshot, int, bytes]] = {}  # what waits, as it will lie there
        self._mark_problem = ""
        self._closed = False
        self.saved = 0

    @property
    def where(self) -> str:
        """The folder or the server; holds no secret."""
        return self._backend.where

    @property
    def warning(self) -> str:
        """What a user should know of the backend; known when it was used once."""
        return self._backend.warning

    @property
    def problem(self) -> str:
        """What is wrong now, in a sentence without its full stop; "" where nothing is. From any thread."""
        return self._waiting.problem or self._mark_problem

    async def save(self, snapshot: Snapshot, *, expect_version: int) -> int:
        """Keep it as the next version, and return that: `expect_version + 1`, or one after what this
        store has saved meanwhile by itself.

        A store that does not answer is tried again for a while; then this raises, and the snapshot
        goes on waiting in memory until it is saved or a newer one of the model takes its place.

        Raises:
            StoreUnavailable: Not saved yet.
            StoreNotAllowed: Not saved; the store's configuration must be mended.
            VersionConflict: Another kernel saved a version that this one has not loaded.
            ModelRefused: It could not be loaded again: by the name of a class, or by its canary.
        """
        self._require_open()
        which = ModelId.of(snapshot.name, snapshot.key)
        return await self._waiting.first(which, msgspec.structs.replace(snapshot, version=expect_version))

    async def load(self, name: str, key: str, version: int | None = None) -> Snapshot:
        """The newest version, or that one; its objects are River's again.

        Naming a version says that it is meant, also where a newer one was seen here before.

        Raises:
            InvalidField: This is no name, key or version.
            StoreError: There is none, or the store cannot be read.
            ModelRefused: It is there and must not be used; `reason` says which check failed.
        """
        self._require_open()
        which = ModelId.of(name, key)
        if version is not None:
            require_version(version)
        found, head = await self._found(which, version)
        header, payload = await self._on_thread(self._opened, which, found)
        objects = await self._on_thread(loaded, header, payload)
        self._heads[which] = max(head, self._heads.get(which, 0)) if version is None else head
        await self._on_thread(self._note, which, head, version is not None)
        return snapshot_of(header, objects)

    async def rollback(self, name: str, key: str, version: int) -> Snapshot:
        """Make an earlier version the newest again: as a new version, so that the line goes on."""
        which = ModelId.of(name, key)
        require_version(version)
        earlier = await self.load(name, key, version)
        again = msgspec.structs.replace(
            earlier, parent=version, payload=None, note=f"rolled back to version {version}"
        )
        number = await self.save(again, expect_version=self._heads[which])
        return msgspec.structs.replace(again, version=number)

    async def versions(self, name: str, key: str) -> tuple[Header, ...]:
        """What can be known of the kept versions without loading one, oldest first; each is verified."""
        self._require_open()
        which = ModelId.of(name, key)
        found = []
        for version in await self._backend.versions(which):
            blob = await self._backend.read(which, version)
            if blob is not None:
                header, _ = await self._on_thread(open_sealed, blob, self._key, which, version)
                found.append(header)
        return tuple(found)

    async def flush(self, timeout_s: float) -> tuple[ModelId, ...]:
        """Try once more what waits; returns what is still not saved."""
        return await self._waiting.flush(timeout_s)

    async def aclose(self, timeout_s: float = 1.0) -> tuple[ModelId, ...]:
        """Save what waits if that can be done in time, and hold nothing any more."""
        self._closed = True
        left = await self._waiting.close(timeout_s)
        await self._backend.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        return left

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed: its engine was stopped")

    async def _try(self, which: ModelId, snapshot: Snapshot) -> int:
        """One attempt. The version is the next one of those that this kernel knows."""
        async with self._locks.setdefault(which, asyncio.Lock()):
            expected = max(snapshot.version, self._heads.get(which, 0))
            version = expected + 1
            before = self._sealed.get(which)
            if before is None or before[0] is not snapshot or before[1] != version:
                blob = await self._on_thread(self._seal, snapshot, version)
                before = self._sealed[which] = (snapshot, version, blob)
            # the very same bytes each time: what was written though the answer was lost is our own
            await self._backend.write(which, version, before[2], keep=self._keep)
            del self._sealed[which]
            self._heads[which] = version
            self.saved += 1
            await self._on_thread(self._note, which, version, False)
            return version

    def _seal(self, snapshot: Snapshot, version: int) -> bytes:
        """On the thread: the envelope of what was loaded once, as it will be."""
        payload = snapshot.payload
        if payload is None:
            payload = dumps(dict(snapshot.objects or {}))
        header = header_of(
            snapshot, version=version, saved_ms=self._clock.now_ms(), classes={}, size=len(payload)
        )
        classes = class_tree(loaded(header, payload))
        return seal(msgspec.structs.replace(header, classes=classes), payload, self._key)

    async def _found(self, which: ModelId, version: int | None) -> tuple[tuple[int, bytes], int]:
        versions = await self._backend.versions(which)
        head = versions[-1] if versions else 0
        seen = await self._on_thread(self._highest, which)
        if version is None and head < seen:
            raise ModelRefused(
                "downgrade",
                f"the newest {which} in {self.where} is version {head}, and version {seen} was seen here: "
                f"older models were put back; name a version to load it all the same",
            )
        wanted = head if version is None else version
        blob = await self._backend.read(which, wanted) if wanted else None
        if blob is None:
            kept = ", ".join(map(str, versions)) or "none"
            raise StoreError(f"{which} version {wanted} is not in {self.where}; kept are {kept}")
        return (wanted, blob), head

    def _opened(self, which: ModelId, found: tuple[int, bytes]) -> tuple[Header, bytes]:
        version, blob = found
        return open_sealed(blob, self._key, which, version)

    def _highest(self, which: ModelId) -> int:
        try:
            return self._marks.highest(which)
        except ConfigError as error:
            raise ModelRefused(
                "downgrade", f"whether {which} is the newest cannot be told: {error}"
            ) from None

    def _note(self, which: ModelId, version: int, anew: bool) -> None:  # noqa: FBT001
        try:
            self._marks.note(which, version, anew=anew)
            self._mark_problem = ""
        except ConfigError as error:
            self._mark_problem = f"which models were seen cannot be noted: {error}"

    async def _on_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)


def open_store(settings: Settings, level: Level, *, clock: Clock | None = None, keep: int = KEEP) -> Store:
    """The store that the settings name: Redis, or files in the home. Connects when it is first used.

    Raises:
        ConfigError: The key's file or the address cannot be used, or the address is not safe.
    """
    key = model_key(settings.model_key_file, settings.home)
    executor = background("quantlab models")
    if settings.redis_url:
        backend: Backend = RedisStore(address_of(settings.redis_url, settings.redis_password, level))
    else:
        backend = FileStore(models_folder(settings.home), executor)
    return Store(backend, key, Marks(settings.home, backend.where), executor, clock=clock, keep=keep)


def models_folder(home: Path) -> Path:
    """Where models lie that are kept in files."""
    return home / FOLDER
