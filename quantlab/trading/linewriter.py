"""What waits to be written to a journal, and the one thread that writes it.

Lines that wait together are one write and share one sync; a line that nobody waits for is synced soon.
Whoever waits is told: the number of the line, or why it is not on the disk.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from pathlib import Path

from quantlab.errors import JournalUnavailable
from quantlab.trading.journalfile import Entry, JournalFile
from quantlab.trading.waiters import AnyWaiter, answer

LINGER_S = 0.05  # a line that nobody waits for is synced at the latest after this

Item = tuple[Entry, AnyWaiter]


class LineWriter:
    """Takes lines in order, from any thread, and writes them in that order.

    Args:
        file: Where to; let go of at the end.
        path: What messages call it.
        thread: False writes in the caller's thread (tests on one virtual loop).

    Attributes:
        problem: Why the last write failed; empty while all is well.
        lost: Lines that nobody waited for and that could not be written.
    """

    def __init__(self, file: JournalFile, path: Path, *, thread: bool) -> None:
        self.problem = ""
        self.lost = 0
        self._file, self._path = file, path
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        if thread:
            self._thread = threading.Thread(target=self._run, name="quantlab-journal", daemon=True)
            self._thread.start()

    def put(self, item: Item) -> None:
        """Write it next."""
        if self._thread is not None:
            self._queue.put(item)
        else:
            self._commit([item])
            self._settle()

    def end(self, patience_s: float) -> None:
        """Write what waits and let go of the file; a disk that hangs is waited for `patience_s` at most."""
        if self._thread is None:
            self._let_go()
            return
        self._queue.put(None)
        self._thread.join(patience_s)
        hangs = self._thread.is_alive()
        self._refuse_rest(f"the disk took longer than {patience_s:g} s at the end" if hangs else "closed")
        if hangs:
            self._queue.put(None)  # taken back with the rest: the thread ends after the write that hangs

    def _refuse_rest(self, why: str) -> None:
        """Take back what the thread has not begun to write."""
        with contextlib.suppress(queue.Empty):
            while True:
                item = self._queue.get_nowait()
                if item is not None:
                    self._fail([item], OSError(why))

    def _let_go(self) -> None:
        """What was written reaches the disk, and the file is let go."""
        self._settle()
        self._file.close()

    def _run(self) -> None:
        """The journal thread: write lines until it is told to end, then let go of the file."""
        self._write_lines()
        self._let_go()

    def _write_lines(self) -> None:
        """Take all that waits, write it at once, sync once."""
        item: Item | None
        while True:
            batch: list[Item] = []
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=LINGER_S if self._file.unsynced else None)
                while item is not None:
                    batch.append(item)
                    item = self._queue.get_nowait()
                self._commit(batch)
                return
            if batch:
                self._commit(batch)
            else:
                self._settle()

    def _commit(self, batch: list[Item]) -> None:
        if not batch:
            return
        first = self._file.seq + 1
        try:
            self._file.append([entry for entry, _ in batch])
            if any(waiter is not None for _, waiter in batch):
                self._file.sync()
        except OSError as error:
            self._fail(batch, error)
            return
        self.problem = ""
        for number, (_, waiter) in enumerate(batch, first):
            answer(waiter, number)

    def _settle(self) -> None:
        try:
            self._file.sync()
        except OSError as error:
            self.problem = str(error)

    def _fail(self, batch: list[Item], error: OSError) -> None:
        self.problem = str(error)
        text = f"the journal {self._path} cannot be written: {error}; no order leaves without its line"
        for _, waiter in batch:
            self.lost += waiter is None
            answer(waiter, JournalUnavailable(text))
