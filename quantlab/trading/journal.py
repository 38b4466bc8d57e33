"""The journal: one synced line before each effect, in a chain that shows every later change.

No line, no order: whoever awaits `append` goes on only when the line is on the disk. It never makes
a loop wait for the disk (one thread does; lines that wait together share one sync), never rewrites a
line, and never holds a secret. The file format is `trading.chain`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from quantlab.clock import Clock
from quantlab.errors import JournalUnavailable
from quantlab.secret import Secret
from quantlab.trading.chain import Entry, Line, VerifyResult, verify
from quantlab.trading.journalfile import JournalFile
from quantlab.trading.keyfile import load_key
from quantlab.trading.linewriter import LineWriter
from quantlab.trading.waiters import Begun, Blocked, Waiter, answer

__all__ = ["Journal", "Line", "VerifyResult", "load_key", "read", "verify"]

SYNC_S = 2.0  # a slow disk takes 20 ms
CLOSE_S = 0.3  # the kernel ends now, whatever the disk does


class Journal:
    """The one writer of one journal file.

    Args:
        path: The file; one for each venue instance and account.
        key: As `load_key` gives it.
        clock: Stamps the lines.
        instance: The venue instance; a new embedded venue is a new one, with a fresh journal.
        account: A label, no key.
        level: Distance from real money, written into every line.
        thread: False writes in the caller's thread (tests on one virtual loop).
        write: Writes bytes to a descriptor; returns how many it took.
        sync: Brings a descriptor's data to the disk. None does not wait for it, nor name each line in the
            head at once: for a venue that ends with this machine, and for measuring what the disk costs.

    Raises:
        JournalUnavailable: The file cannot be written, belongs to another venue instance or
            account, or another process writes it (named by pid).
        JournalCorrupt: The file was changed since it was written.
    """

    def __init__(
        self,
        path: Path,
        *,
        key: Secret,
        clock: Clock,
        instance: str,
        account: str,
        level: str,
        thread: bool = True,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] | None = os.fdatasync,
    ) -> None:
        self.path = path
        self._clock = clock
        self._pid = os.getpid()
        self._closed = False
        self._file = JournalFile(
            path,
            key,
            level=level,
            instance=instance,
            account=account,
            stamp=self._stamp,
            write=write,
            sync=sync,
        )
        self._writer = LineWriter(self._file, path, thread=thread)

    @property
    def problem(self) -> str:
        """Why the last write failed; empty while all is well."""
        return self._writer.problem

    @property
    def lost(self) -> int:
        """Lines that nobody waited for and that could not be written."""
        return self._writer.lost

    @property
    def seq(self) -> int:
        """The number of the last line written."""
        return self._file.seq

    @property
    def syncs(self) -> int:
        """How often the disk was waited for."""
        return self._file.syncs

    async def append(self, kind: str, data: Mapping[str, Any]) -> int:
        """Write a line and return its number once it is on the disk.

        Raises:
            JournalUnavailable: It is not; whatever was about to happen must not.
        """
        if self._closed or os.getpid() != self._pid:
            raise JournalUnavailable(f"the journal {self.path} is closed in this process")
        loop = asyncio.get_running_loop()
        waiter = Waiter(loop, loop.create_future())
        self._writer.put((self._entry(kind, data), waiter))
        return await waiter.future

    def begin(self, kind: str, data: Mapping[str, Any]) -> Begun:
        """Write a line, from any thread; `waiters.written` says when it is on the disk.

        It stands in the file when this returns, unless others wait before it or the disk was slow.
        Never raises: a line that cannot be written is told to whoever asks for it.
        """
        line = Begun()
        if self._closed or os.getpid() != self._pid:
            answer(line, JournalUnavailable(f"the journal {self.path} is closed in this process"))
        else:
            self._writer.put_now((self._entry(kind, data), line))
        return line

    def append_synced(self, kind: str, data: Mapping[str, Any], timeout_s: float = SYNC_S) -> int:
        """Block until a line is on the disk, at most `timeout_s` seconds; for rare actions of people.

        Raises:
            JournalUnavailable: It is not, or not in time; whatever was about to happen must not.
        """
        if self._closed or os.getpid() != self._pid:
            raise JournalUnavailable(f"the journal {self.path} is closed in this process")
        waiter: Blocked = queue.SimpleQueue()
        self._writer.put((self._entry(kind, data), waiter))
        try:
            outcome = waiter.get(timeout=timeout_s)
        except queue.Empty:
            raise JournalUnavailable(
                f"the journal {self.path} took no line within {timeout_s:g} s; nothing was done"
            ) from None
        if isinstance(outcome, JournalUnavailable):
            raise outcome
        return outcome

    def append_nowait(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write a line soon; never raises for the disk's sake (cancels and HALT must work).

        Lines keep the order in which they were given, whoever waits for them. One that could
        not be written is counted in `lost`.
        """
        if self._closed or os.getpid() != self._pid:
            self._writer.lost += 1
            return
        self._writer.put((self._entry(kind, data), None))

    def close(self) -> None:
        """Write what is waiting and let go of the file; idempotent, harmless in a forked child.

        A disk that hangs is waited for `CLOSE_S` at most: what it has not taken by then is lost,
        and the file stays open until it returns, or the process ends.
        """
        if self._closed or os.getpid() != self._pid:
            return
        self.append_nowait("close", {"pid": self._pid})
        self._closed = True
        self._writer.end(CLOSE_S)

    def _stamp(self) -> tuple[int, int]:
        return self._clock.now_ms(), self._clock.monotonic_ns()

    def _entry(self, kind: str, data: Mapping[str, Any]) -> Entry:
        return Entry(
            kind, msgspec.json.encode(data), *self._stamp()
        )  # encoded now: later changes do not count


def read(path: Path) -> Iterator[Line]:
    """The journal's lines in order, torn places left out. Whether they are true, `verify` says."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for raw in lines:
            with contextlib.suppress(msgspec.DecodeError):
                yield msgspec.json.decode(raw, type=Line)
