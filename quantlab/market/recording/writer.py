"""Writes one recording on a thread of its own: whoever has an event leaves it in a deque and goes on.

The taps are called on the wire's thread and on the kernel's; they never wait, never raise, and do no more
than append. Choosing, encoding, packing and the disk are this thread's work. Where the disk cannot be
written the recording ends, with the reason in its status, and nobody else notices.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from quantlab.errors import RecordingError
from quantlab.market.recording.blocks import Kind, pack
from quantlab.market.recording.schema import FRAME, Selection
from quantlab.market.recording.segments import Bounds, Segments
from quantlab.market.recording.status import FAILED, FRAMES, RECORDING, STOPPED, RecorderStatus
from quantlab.market.recording.tap import Take, Tap

log = logging.getLogger(__name__)

BLOCK_RECORDS = 4_096
JOIN_S = 5.0

Row = tuple[int, int, Any]  # number of the topic, UTC ns, event or frame


class Writer:
    """One recording under way. The constructor opens its first segment; `stop` ends it.

    Args:
        selection: What is recorded.
        segments: Where to.
        bounds: See `Bounds`.
        stamp: The time that a record bears, UTC ns.
        on_end: Told, on this writer's thread, why the recording ended by itself.
    """

    def __init__(
        self,
        selection: Selection,
        segments: Segments,
        bounds: Bounds,
        *,
        stamp: Callable[[], int] = time.time_ns,
        on_end: Callable[[str], object] = lambda _reason: None,
    ) -> None:
        self.selection, self.segments = selection, segments
        self.state, self.reason = RECORDING, ""
        self.refused = 0
        self.counts: Counter[int] = Counter()
        self._bounds, self._stamp, self._on_end = bounds, stamp, on_end
        self._queue: deque[tuple[int, Any]] = deque()
        self._taps: list[Tap] = []
        self._bell = threading.Event()
        self._asked: SimpleQueue[threading.Event] = SimpleQueue()
        self._stopping = ""
        self._next = 1  # the next record's number
        self._told = 0  # of the dropped and refused, those that the recording knows of
        self._in_hand = self._lost = 0  # messages of the block under way; those that a failure took
        self._encode = msgspec.msgpack.Encoder().encode
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="quantlab-recorder", daemon=True)
        self._thread.start()

    def tap(self, *, every: bool = False) -> Take:
        """A tap for one more thread: what it is called with is recorded, where it was chosen.

        `every`: nothing comes here that was not chosen; an event of another class is counted as refused.
        """
        tap = Tap(
            self._queue,
            self.selection.types,
            most=self._bounds.waiting,
            stamp=self._stamp,
            ring=self._bell.set,
            every=every,
        )
        self._taps.append(tap)
        return tap.take

    @property
    def dropped(self) -> int:
        """Messages that came while too many waited, or waited when the recording failed."""
        return sum(tap.dropped for tap in self._taps) + self._lost

    @property
    def waiting(self) -> int:
        """Messages that are not written yet."""
        return len(self._queue)

    def status(self, started_ms: int | None = None) -> RecorderStatus:
        """How it is doing, in one look from any thread."""
        segments, selection = self.segments, self.selection
        counts = dict(self.counts)
        return RecorderStatus(
            state=self.state, reason=self.reason, name=segments.folder.name, path=segments.folder,
            patterns=selection.patterns, raw=selection.raw, started_ms=started_ms,
            records={
                selection.topics[number].template if number else FRAMES: counts[number]
                for number in sorted(counts)
            },
            waiting=self.waiting, dropped=self.dropped, refused=self.refused,
            segments=segments.number - segments.removed, bytes=segments.total,
            removed_segments=segments.removed, removed_records=segments.removed_records,
        )  # fmt: skip

    def flush(self, timeout_s: float = JOIN_S) -> None:
        """Return when everything that was tapped before is written; at once where nothing is any more.

        Raises:
            RecordingError: It was not, in time.
        """
        written = threading.Event()
        self._asked.put(written)
        self._bell.set()
        deadline = time.monotonic() + timeout_s
        while self._alive and not written.wait(0.02):
            if time.monotonic() > deadline:
                raise RecordingError(f"the disk took more than {timeout_s:g} s", "look at it, and try again")

    def stop(self, reason: str = "stopped", timeout_s: float = JOIN_S) -> bool:
        """Write what waits, then the end; False where the disk did not get there in time."""
        if os.getpid() != self._pid:
            return True  # a forked child: the files are its parent's
        for tap in self._taps:
            tap.shut()
        self._stopping = reason
        self._bell.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def _alive(self) -> bool:
        return self._thread.is_alive() and os.getpid() == self._pid

    # -- on the thread

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._bell.wait(self._bounds.flush_s)
                self._bell.clear()
                self._write_all()
            self._write_all()
            self.segments.close(self._stopping, self._next)
            self.state, self.reason = STOPPED, self._stopping
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends the recording and nothing else
            self._fail(error)
        finally:
            self._answer()

    def _write_all(self) -> None:
        """Everything that waits by now, and an answer to whoever waits for it."""
        asked = self._asked.qsize()
        for _ in range(-(-len(self._queue) // BLOCK_RECORDS)):
            self._write_block([self._queue.popleft() for _ in range(min(BLOCK_RECORDS, len(self._queue)))])
        self.segments.sync_if_due()
        self._answer(asked)

    def _answer(self, most: int | None = None) -> None:
        with contextlib.suppress(Empty):
            while most is None or most > 0:
                self._asked.get_nowait().set()
                most = None if most is None else most - 1

    def _write_block(self, waiting: list[tuple[int, Any]]) -> None:
        self._in_hand, number = len(waiting), self.selection.number
        rows: list[Row] = []
        for at_ns, event in waiting:
            topic = FRAME if type(event) is bytes else number(event)
            if topic is not None:
                rows.append((topic, at_ns, event))
            elif type(event) not in self.selection.types:
                self._refuse(event, "its class is not the one that its topic had when this began")
        payload, rows = self._encoded(rows)
        dropped = self.dropped + self.refused - self._told
        if not rows and not dropped:
            self._in_hand = 0
            return
        self._told += dropped
        first = self._next + dropped
        times = [at_ns for _, at_ns, _ in rows]
        block = pack(
            Kind.RECORDS, payload, count=len(rows), dropped=dropped, first=first,
            from_ns=min(times, default=0), until_ns=max(times, default=0),
        )  # fmt: skip
        self.segments.append(block, self._next)
        self._next = first + len(rows)
        self.counts.update(topic for topic, _, _ in rows)
        self._in_hand = 0

    def _encoded(self, rows: list[Row]) -> tuple[bytes, list[Row]]:
        """The rows as msgpack; one that cannot be encoded is left out and counted."""
        try:
            return self._encode(rows), rows
        except (TypeError, ValueError, OverflowError, RecursionError):
            good = [row for row in rows if self._can_encode(row)]
            return self._encode(good), good

    def _can_encode(self, row: Row) -> bool:
        try:
            self._encode(row)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            self._refuse(row[2], error)
            return False
        return True

    def _refuse(self, event: object, why: object) -> None:
        self.refused += 1
        log.warning("a %s was not recorded: %s", type(event).__name__, why)

    def _fail(self, error: Exception) -> None:
        for tap in self._taps:
            tap.shut()
        problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self.reason = f"the recording ended: {problem or type(error).__name__}"
        self.state = FAILED
        if not isinstance(error, OSError):
            log.error("the recorder failed", exc_info=error)
        self._lost = self._in_hand + len(self._queue)
        self._queue.clear()
        try:
            self.segments.close(self.reason, self._next)
        except OSError as again:
            log.warning("the recording's end was not written: %s", again)
        self._on_end(self.reason)
