"""The files of one recording: blocks are appended, segments rotate, the oldest go when there are too many.

Blocking, and for one thread at a time: `writer` puts one in front. What cannot be written is taken back, so
that a full disk leaves whole blocks; what a kill leaves is for the reader to tell.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from quantlab.clock import is_duration
from quantlab.errors import InvalidField
from quantlab.market.recording.blocks import MAGIC, Kind, pack
from quantlab.market.recording.schema import End, Header
from quantlab.privatefile import PRIVATE_MODE

SUFFIX = ".qlrec"
MIB = 1 << 20
FULL_WORDS = "less than {} MiB are left on the disk, which the order journal needs"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How large a recording may become, and how much of it a crash may cost.

    Attributes:
        segment_bytes, segment_s: A new segment begins after so many bytes or seconds.
        most_bytes: Of all segments; beyond it the oldest is removed, and counted.
        spare_bytes: What stays free on the disk; where that cannot be, the recording ends.
        flush_s: What has come is written so often: a killed kernel loses no more than that.
        sync_s: The disk is waited for so often: a power cut loses no more than that.
        waiting: Messages that may wait for the disk; those beyond are dropped, counted and marked.
    """

    segment_bytes: int = 64 * MIB
    segment_s: float = 3_600.0
    most_bytes: int = 4_096 * MIB
    spare_bytes: int = 256 * MIB
    flush_s: float = 0.25
    sync_s: float = 5.0
    waiting: int = 200_000

    def check(self) -> None:
        """Raise `InvalidField` where these bounds make no recording."""
        for name in ("segment_s", "flush_s", "sync_s"):
            if not is_duration(value := getattr(self, name)) or value == 0:
                raise InvalidField(name, f"{value!r:.40} is no such time", "give seconds above 0")
        for name in ("segment_bytes", "most_bytes", "spare_bytes", "waiting"):
            if type(value := getattr(self, name)) is not int or value < (name != "spare_bytes"):
                raise InvalidField(name, f"{value!r:.40} is no such number", "give a whole number above 0")
        if self.most_bytes < 2 * self.segment_bytes:
            raise InvalidField(
                "most_bytes", "fewer than two segments fit", "give twice segment_bytes or more"
            )


class Segments:
    """The segments of one recording in `folder`, open for appending. Errors of the disk are `OSError`.

    Args:
        folder: Made for this recording; only its owner may look (0700).
        bounds: See `Bounds`.
        header: Makes the header of a segment, given its number and that of its first record.
        now_s: Seconds that only grow.
        write: `os.write`; a test may fail it.
        sync: `os.fdatasync`.

    Attributes:
        number: Of the segment that is being written.
        end: So many bytes of it are whole blocks.
        reached: Both, in one look: other threads may read so far.
        total: Bytes of all segments that are there.
        removed, removed_records: How many segments went to make room, and what was in them.
        syncs: How often the disk was waited for.
    """

    def __init__(
        self,
        folder: Path,
        bounds: Bounds,
        header: Callable[[int, int], Header],
        *,
        now_s: Callable[[], float],
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self.folder = folder
        self.number = self.end = self.total = self.syncs = 0
        self.reached = 1, 0
        self.removed = self.removed_records = 0
        self._bounds, self._header, self._now_s = bounds, header, now_s
        self._write, self._sync = write, sync
        self._file = -1
        self._kept: list[tuple[Path, int, int]] = []  # closed ones: path, bytes, records
        self._opened_s = self._synced_s = now_s()
        self._first = 1
        self._unsynced = False
        self._open(1)

    def append(self, block: bytes, first: int) -> None:
        """Write one block, all of it or nothing; `first` is the number that a new segment begins with."""
        if self._due():
            self._rotate(first)
        self._put(block)

    def sync_if_due(self) -> None:
        """Wait for the disk, where the last time is `sync_s` ago."""
        if self._unsynced and self._now_s() - self._synced_s >= self._bounds.sync_s:
            self.sync()

    def sync(self) -> None:
        """Bring what was written to the disk."""
        self._sync(self._file)
        self.syncs += 1
        self._synced_s, self._unsynced = self._now_s(), False

    def close(self, reason: str, following: int) -> None:
        """Write how it ends before the record number `following`, wait for the disk, let go of the file."""
        try:
            self._finish(End(reason=reason, more=False), following)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _due(self) -> bool:
        bounds = self._bounds
        return self.end >= bounds.segment_bytes or self._now_s() - self._opened_s >= bounds.segment_s

    def _rotate(self, first: int) -> None:
        self._finish(End(reason="the next segment goes on", more=True), first)
        os.close(self._file)
        self._file = -1
        self._kept.append((self._path(self.number), self.end, first - self._first))
        self._open(first)
        while self._kept and self.total + self._bounds.segment_bytes > self._bounds.most_bytes:
            path, size, records = self._kept.pop(0)
            path.unlink(missing_ok=True)
            self.total -= size
            self.removed += 1
            self.removed_records += records

    def _open(self, first: int) -> None:
        path = self._path(self.number + 1)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, PRIVATE_MODE)
        self.number, self.end, self._first = self.number + 1, 0, first
        self._opened_s = self._now_s()
        header = msgspec.json.encode(self._header(self.number, first))
        self._put(MAGIC + pack(Kind.HEADER, header, first=first))
        self._sync_folder()

    def _finish(self, end: End, following: int) -> None:
        self._put(pack(Kind.END, msgspec.json.encode(end), first=following), spare=0)
        self.sync()

    def _put(self, data: bytes, *, spare: int | None = None) -> None:
        spare = self._bounds.spare_bytes if spare is None else spare
        if spare and shutil.disk_usage(self.folder).free < spare + len(data):
            raise OSError(errno.ENOSPC, FULL_WORDS.format(spare // MIB))
        rest = data
        try:
            while rest:
                rest = rest[self._write(self._file, rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # then the reader finds a torn tail, and says so
                os.ftruncate(self._file, self.end)
            raise
        self.end += len(data)
        self.reached = self.number, self.end
        self.total += len(data)
        self._unsynced = True

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}{SUFFIX}"

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
