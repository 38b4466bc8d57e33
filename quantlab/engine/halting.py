"""HALT and RESUME: the latch first, then the venue, then the news.

`halt` is called from any thread, waits for nothing and needs neither the journal nor the main
thread. What is open is asked of the venue, not of our own table, over a connection of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import msgspec

from quantlab.clock import Clock
from quantlab.engine.link import Link
from quantlab.errors import QuantlabError
from quantlab.topics import HaltChange
from quantlab.trading.journal import Journal
from quantlab.wire import HaltLatch, Wire

FILE_NAME = "halt"
WATCH_S = 0.05
REASON_LENGTH = 200


class HaltNews(msgspec.Struct, frozen=True):
    """Posted to the engine: HALT was set, its cancels were answered, or it was lifted."""

    change: HaltChange


class Halting:
    """The ways into the latch, and the one way out.

    `link` is set once the venue is known; a HALT before that has nothing to cancel.
    """

    def __init__(self, latch: HaltLatch, wire: Wire, journal: Journal, clock: Clock, home: Path) -> None:
        self.link: Link | None = None
        self._latch, self._wire, self._journal, self._clock = latch, wire, journal, clock
        self._file = home / FILE_NAME

    def halt(self, reason: str) -> None:
        """Close the latch now, and have the wire cancel what is open. From any thread."""
        self._latch.set(reason)
        self._tell(reason, halted=True, cancelled=None)
        self._wire.run_threadsafe(lambda: self._cancel_everything(reason), "halt")

    def resume(self, reason: str) -> str:
        """Open the latch again and remove the halt file (main thread; the desk has checked the scope)."""
        self._file.unlink(missing_ok=True)
        self._latch.clear()
        self._tell(reason, halted=False, cancelled=None)
        return f"resumed: {reason}"

    async def watch(self) -> None:
        """Halt as soon as there is a halt file: `quantlab halt` writes it, and it outlives a restart."""
        while True:
            if not self._latch.is_set and self._asked():
                self._journal.append_nowait("control.halt", {"action": "halt", "by": "file"})
                self.halt(self._read())
            await asyncio.sleep(WATCH_S)

    async def _cancel_everything(self, reason: str) -> None:
        if self.link is None or self.link.user is None:
            return
        try:
            cancelled = await self.link.cancel_everything()
        except QuantlabError as error:
            self._journal.append_nowait("halt.cancel_failed", {"reason": str(error)})
            raise
        self._journal.append_nowait("halt.cancelled", {"reason": reason, "orders": cancelled})
        self._tell(reason, halted=True, cancelled=cancelled)

    def _tell(self, reason: str, *, halted: bool, cancelled: int | None) -> None:
        change = HaltChange(halted=halted, reason=reason, cancelled=cancelled, time_ms=self._clock.now_ms())
        self._wire.post_order(HaltNews(change))

    def _asked(self) -> bool:
        return os.path.lexists(self._file)  # one lstat: microseconds

    def _read(self) -> str:
        """The reason in the file; whatever is wrong with it, its being there is what counts."""
        with contextlib.suppress(OSError):
            text = self._file.read_text(encoding="utf-8", errors="replace")
            return " ".join(text.split())[:REASON_LENGTH] or "halt file"
        return "halt file"
