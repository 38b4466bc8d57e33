"""What waits to be written to a journal, and the one thread that brings it to the disk.

Lines that wait together are one write and share one sync; a line that nobody waits for is synced soon.
Whoever waits is told: the number of the line, or why it is not on the disk.

An order's line is written by the thread that decided it, where no line waits before it: the thread here
wakes for the disk alone. A disk that was slow is left to the thread for a while, for longer each time.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from pathlib import Path

from quantlab.errors import JournalUnavailable
from quantlab.trading.chain import Entry
from quantlab.trading.journalfile import JournalFile
from quantlab.trading.waiters import AnyWaiter, Outcome, answer

LINGER_S = 0.05  # a line that nobody waits for is synced at the latest after this
SLOW_S = 0.005  # of one write, which is a copy to memory as long as all is well
AVOIDED_S, AVOIDED_MOST_S = 1.0, 60.0  # once; when it was slow again and again

Item = tuple[Entry, AnyWaiter]
Told = tuple[AnyWaiter, Outcome]


class LineWriter:
    """Takes lines in order, from any thread, and writes them in that order.

    Args:
        file: Where to; let go of at the end. Whoever holds `_turn` may use it, and takes from `_waiting`.
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
        self._waiting: deque[Item] = deque()
        self._written: list[tuple[int, AnyWaiter]] = []  # and not yet on the disk
        self._turn = threading.Lock()
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True: look; False: that was all
        self._avoided_s, self._avoided_until_s = AVOIDED_S, 0.0
        self._thread: threading.Thread | None = None
        if thread:
            self._thread = threading.Thread(target=self._run, name="quantlab-journal", daemon=True)
            self._thread.start()

    def put(self, item: Item) -> None:
        """Write it next; returns at once."""
        self._waiting.append(item)
        if self._thread is not None:
            self._bell.put(True)
        else:
            _tell(self._commit())
            self._settle()

    def put_now(self, item: Item) -> None:
        """Write it before this returns, where nothing waits before it; it is told when it is on the disk."""
        if (
            self._thread is None
            or time.monotonic() < self._avoided_until_s
            or not self._turn.acquire(blocking=False)
        ):
            self.put(item)
            return
        told: list[Told] = []
        try:
            alone = not self._waiting
            self._waiting.append(item)
            if alone:
                told = self._write_timed()
            if not self._file.waits_for_disk:
                told += [(waiter, number) for number, waiter in self._written]
                self._written.clear()
        finally:
            self._turn.release()
            if self._waiting or self._written:
                self._bell.put(True)
        _tell(told)

    def end(self, patience_s: float) -> None:
        """Write what waits and let go of the file; a disk that hangs is waited for `patience_s` at most."""
        if self._thread is None:
            self._let_go()
            return
        self._bell.put(False)
        self._thread.join(patience_s)
        hangs = self._thread.is_alive()
        self._refuse_rest(f"the disk took longer than {patience_s:g} s at the end" if hangs else "closed")

    def _refuse_rest(self, why: str) -> None:
        """Take back what the thread has not begun to write."""
        with contextlib.suppress(IndexError):
            while True:
                _tell(self._failed([self._waiting.popleft()[1]], OSError(why)))

    def _let_go(self) -> None:
        """What was written reaches the disk, and the file is let go."""
        self._settle()
        self._file.close()

    def _run(self) -> None:
        """The journal thread: bring lines to the disk until it is told to end, then let go of the file."""
        more = True
        while more:
            try:
                more = self._bell.get(timeout=LINGER_S if self._file.unsynced else None)
            except queue.Empty:
                with self._turn:
                    self._settle()
                continue
            with self._turn:
                told = self._commit()
            _tell(told)
        with self._turn:
            self._let_go()

    def _commit(self) -> list[Told]:
        """Take all that waits, write it at once, sync once where anybody waits; who is to be told what."""
        told = self._write()
        lines, self._written = self._written, []
        if not lines:
            return told
        waiters = [waiter for _, waiter in lines]
        try:
            if any(waiter is not None for waiter in waiters):
                self._file.sync()
        except OSError as error:
            return told + self._failed(waiters, error)
        if not told:
            self.problem = ""
        return told + [(waiter, number) for number, waiter in lines]

    def _write(self) -> list[Told]:
        """Write all that waits; who is to be told that it could not be."""
        batch: list[Item] = []
        with contextlib.suppress(IndexError):
            while True:
                batch.append(self._waiting.popleft())
        if not batch:
            return []
        first = self._file.seq + 1
        waiters = [waiter for _, waiter in batch]
        try:
            self._file.append([entry for entry, _ in batch])
        except OSError as error:
            return self._failed(waiters, error)
        except BaseException:  # an Interrupt, on the thread that it strikes
            self._waiting.extendleft(reversed(batch))
            raise
        self._written += enumerate(waiters, first)
        return []

    def _write_timed(self) -> list[Told]:
        began_s = time.monotonic()
        told = self._write()
        ended_s = time.monotonic()
        if ended_s - began_s > SLOW_S:
            self._avoided_until_s = ended_s + self._avoided_s
            self._avoided_s = min(4 * self._avoided_s, AVOIDED_MOST_S)
        else:
            self._avoided_s = AVOIDED_S
        return told

    def _settle(self) -> None:
        try:
            self._file.sync()
        except OSError as error:
            self.problem = str(error)

    def _failed(self, waiters: list[AnyWaiter], error: OSError) -> list[Told]:
        self.problem = str(error)
        text = f"the journal {self._path} cannot be written: {error}; no order leaves without its line"
        self.lost += waiters.count(None)
        return [(waiter, JournalUnavailable(text)) for waiter in waiters]


def _tell(told: list[Told]) -> None:
    """Outside the turn: whoever is told may begin the next line."""
    for waiter, outcome in told:
        answer(waiter, outcome)
