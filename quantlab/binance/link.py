"""A connection that is kept up: connect, read, reconnect with full jitter, rotate without a gap.

What the frames mean is its owner's business. It counts a connection as a success only after data has
flowed: a venue that takes the handshake and drops us must not be hammered. A connection that has to go
(it is old, the venue announced its end) is replaced before it is dropped, see `overlap`.

Source: Binance spot "WebSocket Streams", "WebSocket Limits": 300 connections in 5 minutes, 24 hours of life.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Hashable

from quantlab.binance.backoff import Backoff
from quantlab.binance.line import Line, LinkSettings
from quantlab.binance.overlap import Overlap
from quantlab.binance.stream_shapes import Reply
from quantlab.errors import NotSent, QuantlabError, VenueUnavailable

__all__ = ["Ask", "Link", "LinkSettings"]

BARRIER_S = 1.0  # how long the old connection may take to hand over its last messages
Ask = Callable[..., Awaitable[Reply]]  # `Line.request` of the connection that is being opened

log = logging.getLogger(__name__)


class Link:
    """A WebSocket to `url` as long as `run` runs.

    Args:
        url: Where to connect.
        on_frame: Gets every frame, synchronously. A `VenueError` from it ends the connection.
        on_open: Awaited on each new connection with its `request`, before it counts as up: subscribe here.
        on_state: `(True, "")` when up; `(False, reason)` on each end and each failed attempt.
        settings: Waits and limits.
        uniform: Draws the waits, `uniform(low, high)`; tests pass their own.
        identity: What makes a message the same on two connections; None for a reply.
        probe: A request without effect, to know that all before its reply has been read.
        on_read: Called when bytes have come, before `on_frame` gets the messages in them.
        on_renewed: Called after a connection took over from one that lived.
        turn: Held while a connection is being replaced: links that share it do so one after the other.

    Attributes:
        attempts: Connections begun, those for a rotation included.
        opened: Connections that came up after there was none.
        rotations: Connections that were replaced while they lived.
        duplicates: Events that came on both connections of a rotation, and were handed on once.
        data_seen: Set by the owner: this connection brought what it is for.
    """

    def __init__(
        self,
        url: str,
        *,
        on_frame: Callable[[bytes], None],
        on_open: Callable[[Ask], Awaitable[None]],
        on_state: Callable[[bool, str], None],
        settings: LinkSettings,
        uniform: Callable[[float, float], float] = random.uniform,
        identity: Callable[[bytes], Hashable | None] = lambda raw: raw,
        probe: str = "LIST_SUBSCRIPTIONS",
        on_read: Callable[[], None] = lambda: None,
        on_renewed: Callable[[], None] = lambda: None,
        turn: asyncio.Lock | None = None,
    ) -> None:
        self.attempts = self.opened = self.rotations = self.duplicates = 0
        self.data_seen = False
        self._url = url
        self._on_frame, self._on_open, self._on_state = on_frame, on_open, on_state
        self._settings, self._uniform = settings, uniform
        self._identity, self._probe, self._on_renewed = identity, probe, on_renewed
        self._on_read = on_read
        self._turn = turn or asyncio.Lock()
        self._line: Line | None = None
        self._next: Line | None = None  # while it is being opened beside the other
        self._renewal: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._met = self._lost = False  # the new connection is subscribed; the old one ended before that
        self._restart_reason = ""
        self._backoff = Backoff(
            uniform, first_s=settings.first_retry_s, longest_s=settings.longest_retry_s,
            policy_pause_s=settings.policy_pause_s, attempts=settings.attempts,
            window_s=settings.attempts_window_s,
        )  # fmt: skip

    @property
    def up(self) -> bool:
        """True while connected and opened (`on_open` done)."""
        return self._up.is_set()

    async def run(self) -> None:
        """Keep the link up until cancelled. What `on_frame` raises beyond `VenueError` ends it."""
        try:
            while True:
                began_s = self._now_s()
                reason, code = await self._session()
                if self.data_seen and self._now_s() - began_s >= self._settings.proven_s:
                    self._backoff.proven()
                wait_s = self._backoff.wait_s(code, self._now_s(), ours=bool(self._restart_reason))
                self._on_state(False, reason)
                await asyncio.sleep(wait_s)
        finally:
            if self._renewal is not None:
                self._renewal.cancel()
            for line in (self._line, self._next):
                if line is not None:
                    line.close()

    async def wait_up(self) -> None:
        """Return when the link is up."""
        await self._up.wait()

    def restart(self, reason: str) -> None:
        """Drop the connection without a goodbye (it may be dead) and make a new one."""
        if self._line is not None and not self._restart_reason:
            self._restart_reason = reason
            if self._renewal is not None:
                self._renewal.cancel()
            self._line.drop(reason)

    def renew(self, reason: str, *, at_once: bool = False) -> None:
        """Make a new connection and drop the old one only when the new one has taken over.

        Events are neither lost nor doubled. Does nothing while there is no connection, or where
        that is being done already.

        Args:
            at_once: Hand over as soon as the new connection is subscribed: the old one brings nothing.
        """
        if self._line is not None and self._renewal is None and self.up:
            log.info("a new connection to %s: %s", self._line.where, reason)
            task = asyncio.get_running_loop().create_task(self._renew(at_once=at_once), name="new connection")
            self._renewal = task
            task.add_done_callback(self._renewed)

    async def request(self, method: str, **params: object) -> Reply:
        """As `Line.request`, on the connection that is in use."""
        if self._line is None:
            raise NotSent(f"{method}: no connection")
        return await self._line.request(method, **params)

    def resolve(self, reply: Reply) -> None:
        """Hand a reply to its request. A refusal that answers none ends the connection."""
        lines = [line for line in (self._line, self._next) if line is not None]
        if not any(line.resolve(reply) for line in lines) and reply.status >= 400 and reply.id is None:
            self.restart(f"refused by the venue: {reply.code} {reply.message}")

    async def _session(self) -> tuple[str, int | None]:
        """From a handshake to an end that nothing has followed on: why it ended, and the close code."""
        self.data_seen = False
        self._restart_reason = ""
        line = Line(self._url, self._settings, self._on_frame, self._on_read)
        try:
            await self._dial(line)
        except (OSError, ValueError) as error:
            return f"cannot connect to {line.where}: {str(error) or type(error).__name__}", None
        self._line = line
        loop = asyncio.get_running_loop()
        opening, rotating = loop.create_task(self._open(line)), loop.create_task(self._rotate())
        try:
            while True:
                reason = await asyncio.shield(line.ended)
                await self._follow(reason)
                if line.failure is not None:
                    raise line.failure
                if self._line is line:
                    return (
                        self._restart_reason or f"the connection to {line.where} ended: {reason}",
                        line.close_code,
                    )
                line = self._line
        finally:
            for task in (opening, rotating, self._renewal):
                if task is not None:
                    task.cancel()
            if opening.done() and not opening.cancelled():
                opening.exception()  # told already: it dropped the line
            self._line.close()
            self._line = None
            self._up.clear()

    async def _follow(self, reason: str) -> None:
        """The connection has ended: a new one that is being made may take its place yet."""
        if self._renewal is None or self._line is None:
            return
        if self._next is None:  # it is not even connected
            self._renewal.cancel()
        elif not self._met:
            self._lost = True
            self._up.clear()
            self._on_state(False, f"the connection to {self._line.where} ended: {reason}")
        await asyncio.wait([self._renewal])

    async def _dial(self, line: Line) -> None:
        self.attempts += 1
        self._backoff.begun(self._now_s())
        await line.open()

    async def _open(self, line: Line) -> None:
        try:
            await self._on_open(line.request)
        except Exception as error:
            if not isinstance(error, QuantlabError):
                line.failure = error
            line.drop(str(error))
            raise
        self.opened += 1
        self._rise()

    def _rise(self) -> None:
        self._up.set()
        self._on_state(True, "")

    async def _rotate(self) -> None:
        """Replace a connection before the venue's limit, each at a time of its own."""
        longest_s = self._settings.rotate_after_s
        while True:
            await asyncio.sleep(self._uniform(0.9 * longest_s, longest_s))
            self.renew("the old one has lived long")

    async def _renew(self, *, at_once: bool) -> None:
        self._met = self._lost = False
        async with self._turn:
            old = self._line
            if old is None:
                return
            overlap = Overlap(self._identity, old.on_text)  # which may be the last one's, not over yet
            fresh = Line(self._url, self._settings, overlap.new, self._on_read)
            before = old.on_text
            try:
                self._check_budget()
                await self._dial(fresh)
                self._next = fresh
                old.on_text = overlap.old
                await self._on_open(fresh.request)
                self._met = True  # from here on whatever the old one misses is on the new one
                if not at_once:
                    await self._meet(old)
                if fresh.ended.done():
                    raise VenueUnavailable(f"the new connection ended: {fresh.ended.result()}")
            except BaseException:
                fresh.close()
                old.on_text = before
                raise
            finally:
                self._next = None
            self._line = fresh
            self.rotations += 1
            for raw in overlap.hand_over():
                fresh.take(raw)
            old.close()
        if self._lost:
            self.opened += 1
            self._rise()
        else:
            self._on_renewed()
        asyncio.get_running_loop().call_later(self._settings.overlap_s, self._settle, fresh, overlap)

    def _settle(self, line: Line, overlap: Overlap) -> None:
        """What the old connection was quicker with has come by now."""
        self.duplicates += overlap.duplicates
        if line.on_text == overlap.new:
            line.on_text = self._on_frame

    async def _meet(self, old: Line) -> None:
        """Let both run, then wait for the last that the old one has to say; ends when it ends."""
        await asyncio.wait([old.ended], timeout=self._settings.overlap_s)
        if not old.ended.done():
            with contextlib.suppress(QuantlabError, TimeoutError):
                async with asyncio.timeout(BARRIER_S):
                    await old.request(self._probe)

    def _renewed(self, task: asyncio.Task[None]) -> None:
        self._renewal = None
        if task.cancelled() or (error := task.exception()) is None or self._line is None:
            return
        if isinstance(error, QuantlabError | OSError):
            wait_s = self._backoff.wait_s(None, self._now_s())
            log.info("no new connection, the old one stays; again in %.1f s: %s", wait_s, error)
            asyncio.get_running_loop().call_later(wait_s, self.renew, "the last attempt failed")
        else:
            self._line.failure = error if isinstance(error, Exception) else None
            self._line.drop("a defect")

    def _check_budget(self) -> None:
        if (wait_s := self._backoff.spent_s(self._now_s())) > 0:
            raise VenueUnavailable(f"too many connections of late, the next in {wait_s:.0f} s")

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
