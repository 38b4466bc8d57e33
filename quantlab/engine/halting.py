"""HALT and RESUME: the latch first, then the venue, then the news.

`halt` is called from any thread, waits for nothing and needs neither the journal nor the main
thread. What is open is asked of the venue, not of our own table, over a connection of its own,
and asked again: an order that was being written when the latch closed arrives after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Awaitable
from pathlib import Path

import msgspec

from quantlab.binance.client.endpoints import cheaper_one_by_one
from quantlab.clock import Clock
from quantlab.engine.link import Link
from quantlab.errors import EngineError, QuantlabError
from quantlab.home import HALT_FILE, write_halt_file
from quantlab.topics import HaltChange
from quantlab.trading.answers import Notes
from quantlab.wire import HaltLatch, Wire

WATCH_S = 0.05
LOOK_S = 0.01
CANCELS_S = 5.0  # how long RESUME waits for them
REASON_BYTES = 1_024
REASON_LENGTH = 200
LOOKS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses between looks at what is open, after the first; a late order arrives within 15 s."""


Standing = tuple[int, tuple[int, int] | None]  # the latch's generation, and which halt file


class HaltNews(msgspec.Struct, frozen=True):
    """Posted to the engine: HALT was set, its cancels were answered, or it was lifted."""

    change: HaltChange


class Halting:
    """The ways into the latch, and the one way out.

    `link` is set once the venue is known; what was halted before that is cancelled then.
    `everywhere` is for a kernel that may only look: its HALT is for the one that trades, so it
    writes the halt file that every engine of the user obeys.

    Attributes:
        cancelled: How many orders the HALT in force has cancelled; None before the venue answered.
    """

    def __init__(
        self,
        latch: HaltLatch,
        wire: Wire,
        journal: Notes,
        clock: Clock,
        home: Path,
        *,
        everywhere: bool = False,
    ) -> None:
        self._everywhere = everywhere
        self.link: Link | None = None
        self._latch, self._wire, self._journal, self._clock = latch, wire, journal, clock
        self._file = home / HALT_FILE
        self._sweeps = 0
        self.cancelled: int | None = None
        self._cancelling = self._resuming = 0  # how many are at it; see `resume`

    def halt(self, reason: str) -> None:
        """Close the latch now, and have the wire cancel what is open. From any thread."""
        if self._latch.set(reason):
            self.cancelled = None
        self._journal.append_nowait("halt.set", {"reason": reason})
        self._tell(reason, halted=True, cancelled=None)
        self._wire.run_threadsafe(lambda: self._sweep(reason), "halt")
        if self._everywhere:
            with contextlib.suppress(OSError):  # whatever stands there halts as well
                write_halt_file(self._file, reason)

    def resume(self, reason: str) -> str | Awaitable[str]:
        """Open the latch again and remove the halt file (main thread; the desk has checked the scope).

        Cancels that are under way are waited for: they would strike orders sent after it. A HALT
        that comes meanwhile stands.
        """
        lifted = self._latch.generation, self._asked()
        self._resuming += 1  # first say so, then look at the other side, as `_sweep` does
        if self._cancelling:
            return self._resume_after_cancels(reason, lifted)
        try:
            return self._resume(reason, lifted)
        finally:
            self._resuming -= 1

    async def _resume_after_cancels(self, reason: str, lifted: Standing) -> str:
        try:
            async with asyncio.timeout(CANCELS_S):
                while self._cancelling:  # noqa: ASYNC110  # the other thread's count
                    await asyncio.sleep(LOOK_S)
            return self._resume(reason, lifted)
        except TimeoutError:
            raise EngineError("cancels of the HALT are still under way; still halted, try again") from None
        finally:
            self._resuming -= 1

    def _resume(self, reason: str, lifted: Standing) -> str:
        generation, file = lifted
        if (self._latch.generation, self._asked()) != lifted:
            raise EngineError("it was halted again meanwhile; still halted, look before you resume")
        try:
            if file is not None:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            why = f"the halt file {self._file} cannot be removed: {error.strerror}"
            raise EngineError(f"{why}; still halted, remove it by hand") from None
        self._journal.append_nowait("halt.cleared", {"reason": reason})
        self._latch.clear(generation)
        self._tell(reason, halted=False, cancelled=None)
        return f"resumed: {reason}"

    def link_is_up(self) -> None:
        """The venue can be asked now: cancel what is open, if a HALT came before (main thread)."""
        if self._latch.is_set:
            self._wire.run_threadsafe(lambda: self._sweep(self._latch.reason), "halt")

    async def watch(self) -> None:
        """Halt as soon as there is a halt file: `quantlab halt` writes it, and it outlives a restart.

        Each time it is written anew what is open is cancelled anew.
        """
        seen: tuple[int, int] | None = None
        while True:
            found = self._asked()
            if found is not None and (found != seen or not self._latch.is_set):
                self._journal.append_nowait("control.halt", {"action": "halt", "by": "file"})
                self.halt(self._read())
            seen = found
            await asyncio.sleep(WATCH_S)

    async def _sweep(self, reason: str) -> None:
        """Cancel what is open until the venue has said for long enough that nothing is.

        A newer sweep, or RESUME, ends this one. A venue that refuses or does not answer is asked
        again and again: a HALT that gives up is none.
        """
        self._sweeps += 1
        mine, looks, failures, told, last = self._sweeps, 0, 0, False, ""
        while self._latch.is_set and mine == self._sweeps and self.link is not None and self.link.can_cancel:
            outcome = await self._round(self.link, watched_only=0 < looks < len(LOOKS_S))
            if outcome is None:
                await asyncio.sleep(LOOK_S)
                continue
            cancelled, problem, wait_s = outcome
            if cancelled or not problem:
                self.cancelled = (self.cancelled or 0) + cancelled
            if cancelled or not (told or problem):
                self._journal.append_nowait("halt.cancelled", {"reason": reason, "orders": cancelled})
                self._tell(reason, halted=True, cancelled=cancelled)
                told = True
            if problem and problem != last:
                self._journal.append_nowait("halt.cancel_failed", {"reason": problem})
            if looks == len(LOOKS_S) and not problem:
                return
            last, failures, looks = problem, failures + 1 if problem else 0, looks + (not problem)
            pause_s = LOOKS_S[min(max(looks - 1, failures - 1, 0), len(LOOKS_S) - 1)]
            await asyncio.sleep(max(pause_s, wait_s))

    async def _round(self, link: Link, *, watched_only: bool) -> tuple[int, str, float] | None:
        """One look and its cancels: how many, what failed, how long the venue wants to be left alone.

        The first look and the last one are at everything; those between are for our own late orders.
        None where the main thread is opening the latch at this moment.
        """
        self._cancelling += 1
        try:
            if self._resuming:
                return None
            cancelled, problems = await cancel_everything(link, watched_only=watched_only)
        except QuantlabError as error:
            return 0, str(error), float(getattr(error, "retry_after_s", None) or 0)
        else:
            return cancelled, "; ".join(problems), 0.0
        finally:
            self._cancelling -= 1

    def _tell(self, reason: str, *, halted: bool, cancelled: int | None) -> None:
        change = HaltChange(halted=halted, reason=reason, cancelled=cancelled, time_ms=self._clock.now_ms())
        self._wire.post_order(HaltNews(change))

    def _asked(self) -> tuple[int, int] | None:
        """Which halt file there is, None for none; one lstat: microseconds."""
        try:
            found = self._file.lstat()
        except FileNotFoundError:
            return None
        except OSError:
            return 0, 0  # there is something that we may not even look at
        return found.st_ino, found.st_mtime_ns

    def _read(self) -> str:
        """The reason in the file; whatever is wrong with it, its being there is what counts.

        At most 1 KiB of a plain file: a pipe or a device put there must not hold up the wire.
        """
        with contextlib.suppress(OSError):
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    text = os.read(descriptor, REASON_BYTES).decode("utf-8", "replace")
                    return " ".join(text.split())[:REASON_LENGTH] or "halt file"
            finally:
                os.close(descriptor)
        return "halt file"


async def cancel_everything(link: Link, *, watched_only: bool) -> tuple[int, list[str]]:
    """Cancel what the venue says is open, on the halt path's own connection.

    How many that was, and a sentence for each symbol that could not be cancelled: one
    symbol's failure leaves no other symbol's orders open. `watched_only` looks at the symbols
    whose streams run, which all that we send are: that costs 6 each, all the venue's cost 80.
    """
    client, cancelled, problems = link.halt_client, 0, []
    watched = tuple(link.feed.books)
    if watched_only and cheaper_one_by_one(watched):
        found = [order for symbol in watched for order in await client.open_orders(symbol)]
    else:
        found = await client.open_orders()
    for symbol in sorted({order.symbol for order in found}):
        try:
            cancelled += len(await client.cancel_all(symbol))
        except QuantlabError as error:
            problems.append(f"{symbol}: {error}")
    return cancelled, problems
