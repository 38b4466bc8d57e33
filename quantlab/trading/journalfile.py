"""The journal's file: opened by one writer, only ever appended to, found again after a crash.

Blocking and for one thread at a time; `trading.linewriter` sees to that. A line is on the
disk when `sync` has returned, and not before. After a failed sync nobody knows what is there:
the file is dead until it is opened, and verified, again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from quantlab.errors import JournalCorrupt, JournalLocked, JournalUnavailable
from quantlab.privatefile import create_private, sync_folder
from quantlab.secret import Secret
from quantlab.trading.chain import FORMAT, GENESIS, Entry, Line, Sealer, check, head_path, torn


class Opened(msgspec.Struct, frozen=True):
    """What an "open" line says."""

    format: int
    instance: str
    account: str
    pid: int


class JournalFile:
    """One journal, open for appending; errors of the disk are `OSError`.

    Attributes:
        seq: The number of the last line.
        syncs: How often the disk was waited for.
        dead: True after a failed sync, or where a torn line could not be taken back.
        waits_for_disk: False with `sync=None`: lines outlive this process, but not its machine.

    Raises:
        JournalUnavailable: See `journal.Journal`.
        JournalCorrupt: The file was changed since it was written.
    """

    def __init__(
        self,
        path: Path,
        key: Secret,
        *,
        level: str,
        instance: str,
        account: str,
        stamp: Callable[[], tuple[int, int]],
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] | None = os.fdatasync,
    ) -> None:
        self.path = path
        self.seq, self._mac, self._size = 0, GENESIS, 0
        self.syncs = 0
        self.dead = self.unsynced = False
        self._sealer, self._level = Sealer(key), level
        self._write, self._sync = write, sync
        self.waits_for_disk = sync is not None
        with contextlib.ExitStack() as undo:
            try:
                loose = self._open(undo, key, instance=instance, account=account)
                self._mark(loose, stamp)
                opened = Opened(FORMAT, instance, account, os.getpid())
                self.append([Entry("open", msgspec.json.encode(opened), *stamp())])
                self.sync()
            except OSError as error:
                raise JournalUnavailable(f"the journal {path} cannot be opened: {error}") from error
            undo.pop_all()

    def append(self, entries: Sequence[Entry], *, before: bytes = b"") -> None:
        """Write lines, all or none, after the bytes `before`; they are on the disk after the next `sync`."""
        if self.dead:
            raise OSError("an earlier write or sync failed")
        seq, mac, text = self.seq, self._mac, []
        for entry in entries:
            seq += 1
            line = self._sealer.line(seq, mac, self._level, entry)
            mac = self._sealer.mac_of(line)
            text.append(line)
        whole = before + b"".join(text)
        self._write_all(whole)
        self.seq, self._mac, self._size = seq, mac, self._size + len(whole)
        self.unsynced = True

    def sync(self) -> None:
        """Bring all lines to the disk, then let the head file name the last one."""
        if self.dead or not self.unsynced:
            return
        try:
            if not os.fstat(self._file).st_nlink:
                raise OSError("its file was removed")
            if self._sync is not None:
                self._sync(self._file)
            os.pwrite(self._head, self._sealer.head(self.seq, self._mac), 0)
        except OSError:
            self.dead = True
            raise
        finally:
            self.unsynced = False
        self.syncs += 1

    def close(self) -> None:
        """Let go of the file; the lock too, also where a forked child holds its descriptor."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        for descriptor in (self._file, self._head, self._lock):
            os.close(descriptor)

    def _write_all(self, text: bytes) -> None:
        """All of it or nothing: what a full disk or an Interrupt cut short is taken back."""
        rest = text
        try:
            while rest:
                rest = rest[self._write(self._file, rest) :]
        except BaseException:
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                self.dead = True  # the torn bytes stay; the next open marks them
            raise

    def _open(self, undo: contextlib.ExitStack, key: Secret, *, instance: str, account: str) -> bytes:
        """Lock, verify, open; returns the bytes that a crash tore off."""
        head = head_path(self.path)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self._take_lock(undo)
        if not head.exists() and not self.path.exists():
            create_private(head, self._sealer.head(0, GENESIS))
        result, walker = check(self.path, key)
        if not result.ok:
            raise JournalCorrupt(f"{result.describe()}; keep both files and start with another path")
        _same_venue(self.path, walker.first, instance=instance, account=account)
        self._file = _descriptor(undo, self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._head = _descriptor(undo, head, os.O_WRONLY)
        sync_folder(self.path.parent)
        self.seq, self._mac = result.lines, result.mac
        self._size = os.fstat(self._file).st_size
        return bytes(walker.loose)

    def _mark(self, loose: bytes, stamp: Callable[[], tuple[int, int]]) -> None:
        """Keep what a crash tore off, and say so in the chain."""
        if not loose:
            return
        whole = loose + b"\n"
        line = self._sealer.parse(whole)
        if line is not None and (line.seq, line.prev) == (self.seq + 1, self._mac):  # it lacks its end alone
            self._write_all(b"\n")
            self.seq, self._mac = line.seq, line.mac
            return
        # One write: the piece with a line end and no line that claims it would look forged.
        self.append([Entry("torn", msgspec.json.encode(torn(whole)), *stamp())], before=b"\n")

    def _take_lock(self, undo: contextlib.ExitStack) -> int:
        path = self.path.with_name(self.path.name + ".lock")
        lock = _descriptor(undo, path, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 100, 0).decode(errors="replace").strip() or "another process"
            raise JournalLocked(
                f"read-only: {owner} trades on this account and writes its journal {self.path}; "
                "when it has ended, %reload_ext quantlab"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"pid {os.getpid()}\n".encode(), 0)
        return lock


def _descriptor(undo: contextlib.ExitStack, path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    undo.callback(os.close, descriptor)
    return descriptor


def _same_venue(path: Path, first: Line | None, *, instance: str, account: str) -> None:
    if first is None:
        return
    opened = msgspec.json.decode(first.data, type=Opened)
    if (opened.instance, opened.account) != (instance, account):
        raise JournalUnavailable(
            f"the journal {path} is of venue instance {opened.instance}, account {opened.account}; "
            f"not of {instance}, {account}: give this venue its own file"
        )
