"""Models in files, the default: one folder for a model, one file of mode 0600 for a version.

A file is written beside its place, synced and linked there in one step, so a kernel that dies while
it saves leaves the old versions as they were. A lock file lets one process at a time be the next.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import stat
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import ParamSpec, TypeVar

from quantlab.errors import ConfigError, StoreNotAllowed, StoreUnavailable
from quantlab.learning.backend import KEEP, LONGEST, conflict, oldest_kept
from quantlab.learning.modelid import ModelId
from quantlab.privatefile import locked, make_private_folder, sync_folder

SUFFIX = ".qlm"
VERSION_FILE = re.compile(r"([0-9]{8})\.qlm", re.ASCII)
DRAFT = ".draft-"
LOCK = ".lock"
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)

HOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a named pipe must not hang the kernel

P = ParamSpec("P")
T = TypeVar("T")


class FileStore:
    """See `Backend`.

    Args:
        folder: Made with mode 0700 when something is saved for the first time.
        executor: Where the disk is waited for; one thread is enough.
    """

    warning = ""

    def __init__(self, folder: Path, executor: Executor) -> None:
        self.where = str(folder)
        self._folder = folder
        self._executor = executor

    async def versions(self, which: ModelId) -> list[int]:
        return await self._run(self._versions, which)

    async def read(self, which: ModelId, version: int) -> bytes | None:
        return await self._run(self._read, which, version)

    async def write(self, which: ModelId, version: int, blob: bytes, *, keep: int = KEEP) -> None:
        await self._run(self._write, which, version, blob, keep)

    async def close(self) -> None:
        """Nothing is held between two calls."""

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: self._guarded(work, *args, **kwargs))

    def _guarded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except ConfigError as error:
            raise StoreUnavailable(f"models cannot be kept in {self.where}: {error}") from None
        except OSError as error:
            kind = StoreNotAllowed if error.errno in NOT_ALLOWED else StoreUnavailable
            raise kind(f"models cannot be kept in {self.where}: {error.strerror}") from None

    def _path(self, which: ModelId) -> Path:
        return self._folder / which.name / which.key

    def _versions(self, which: ModelId) -> list[int]:
        try:
            names = [path.name for path in self._path(which).iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for name in names if (match := VERSION_FILE.fullmatch(name)))

    def _read(self, which: ModelId, version: int) -> bytes | None:
        try:
            descriptor = os.open(self._file(which, version), HOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StoreNotAllowed(f"{which} version {version} in {self.where} is no regular file")
            return file.read(LONGEST + 1)  # one byte too many is enough to be refused

    def _write(self, which: ModelId, version: int, blob: bytes, keep: int) -> None:
        folder = make_private_folder(self._path(which))
        with locked(folder / LOCK):
            versions = self._versions(which)
            head = versions[-1] if versions else 0
            if head == version and self._read(which, version) == blob:
                return
            if head not in (0, version - 1):
                raise conflict(which, version, head)
            self._drop_drafts(folder)
            self._place(folder, self._file(which, version), blob)
            for old in versions:
                if old < oldest_kept(version, keep):
                    self._file(which, old).unlink(missing_ok=True)

    def _place(self, folder: Path, path: Path, blob: bytes) -> None:
        draft = folder / f"{DRAFT}{token_hex(4)}"
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        except OSError:
            with suppress(FileNotFoundError):
                draft.unlink()
            raise
        sync_folder(folder)

    def _drop_drafts(self, folder: Path) -> None:
        """What a kernel left that died while it saved; nobody writes now, the lock is ours."""
        for draft in folder.glob(f"{DRAFT}*"):
            draft.unlink(missing_ok=True)

    def _file(self, which: ModelId, version: int) -> Path:
        return self._path(which) / f"{version:08d}{SUFFIX}"
