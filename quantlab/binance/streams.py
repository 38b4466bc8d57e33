"""Public market streams: subscribe by name, get typed events, stay connected.

Names are dealt out over as many connections as they need (`shard`), each of which is kept up, rotated
before the venue's 24 hours and watched for silence by itself.

Source: Binance spot "WebSocket Streams", "Live Subscribing/Unsubscribing to streams", "WebSocket Limits".
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from quantlab.binance.line import LinkSettings
from quantlab.binance.shard import Shard
from quantlab.clock import Clock
from quantlab.errors import InvalidField

MOST_CONNECTIONS = 10  # with 20 attempts each, two thirds of what an address may make in 5 minutes


class MarketStreams:
    """Any number of streams of `<ws>/stream`.

    Args:
        ws: Base URL; "/stream" is added.
        clock: The venue's time for events without one and for their age; monotonic time.
        on_event: Gets every event (see `codec_stream.MarketEvent`); those of one stream in the
            venue's order. One that is late by the venue's clock says so.
        on_state: `("connected", "")` when every wanted stream is acknowledged;
            `("disconnected", reason)` on each end and each failed attempt.
        on_silence: Names of streams that have spoken regularly and fell silent, and a sentence: what
            they told is old. Their connection is replaced, without a gap should the market only rest;
            then they are named once more with "" for the sentence: now is the time for a snapshot.
        settings: Waits and limits of each connection.
        uniform: Draws the waits before a reconnect.
    """

    def __init__(
        self,
        ws: str,
        *,
        clock: Clock,
        on_event: Callable[[object], None],
        on_state: Callable[[str, str], None],
        on_silence: Callable[[tuple[str, ...], str], None] = lambda _names, _reason: None,
        settings: LinkSettings | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._url = ws.rstrip("/") + "/stream"
        self._clock, self._on_event = clock, on_event
        self._on_state, self._on_silence = on_state, on_silence
        self._settings = settings or LinkSettings()
        self._uniform = uniform
        self._turn = asyncio.Lock()
        self._shards = [self._shard()]
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def tap(self) -> Callable[[bytes], object] | None:
        """Gets the text of every market message, as it came; None: nobody listens. No reply, no user data."""
        return self._shards[0].tap

    @tap.setter
    def tap(self, tap: Callable[[bytes], object] | None) -> None:
        for shard in self._shards:
            shard.tap = tap

    @property
    def connected(self) -> bool:
        """True while every connection is up and every wanted stream was acknowledged on it."""
        return all(shard.link.up for shard in self._shards)

    @property
    def connections(self) -> int:
        """How many connections the streams are dealt out over."""
        return len(self._shards)

    @property
    def reconnects(self) -> int:
        """How many connections came up after one was lost."""
        return sum(max(0, shard.link.opened - 1) for shard in self._shards)

    @property
    def rotations(self) -> int:
        """How many connections were replaced while they lived, without a gap."""
        return sum(shard.link.rotations for shard in self._shards)

    @property
    def duplicates(self) -> int:
        """How many events came on both connections of a rotation; each was handed on once."""
        return sum(shard.link.duplicates for shard in self._shards)

    @property
    def late(self) -> int:
        """How many events came late by the venue's clock, and were marked so."""
        return sum(shard.late for shard in self._shards)

    @property
    def silent(self) -> tuple[str, ...]:
        """Streams that have spoken regularly and say nothing any more."""
        return tuple(name for shard in self._shards for name in shard.silent)

    @property
    def last_message_ns(self) -> int | None:
        """When the last market event came, by the monotonic clock; None: none yet. Replies do not count."""
        heard = [shard.last_message_ns for shard in self._shards if shard.last_message_ns is not None]
        return max(heard, default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """The streams that are wanted, now and after every reconnect."""
        return tuple(name for shard in self._shards for name in shard.wanted)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                for shard in self._shards:
                    tasks.create_task(shard.run(), name="market streams")
        except* Exception as group:  # noqa: BLE001  # raised again, without the group around it
            raise _first(group) from None
        finally:
            self._tasks = None

    async def subscribe(self, *names: str) -> None:
        """Want these streams ("btcusdt@trade") from now on; return when the venue said yes.

        Raises:
            InvalidField: More streams than all connections together may have.
            VenueRejected: The venue refused; the names of that connection are not wanted any more.
            VenueUnavailable: No connection in time. The names stay wanted: they are subscribed
                as soon as there is one.
        """
        shares = self._deal(list(dict.fromkeys(names)))
        answers = await asyncio.gather(
            *(shard.subscribe(share, fresh) for shard, share, fresh in shares), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def unsubscribe(self, *names: str) -> None:
        """Want these streams no more; return when the venue said so, or there is no connection."""
        for shard in self._shards:
            mine = [name for name in names if name in shard.wanted]
            if mine:
                await shard.unsubscribe(mine)

    async def barrier(self) -> None:
        """Return when every frame that the venue sent before it read this was handed to `on_event`.

        One round trip of LIST_SUBSCRIPTIONS through the same reader, on each connection. Raises what
        `Line.request` raises.
        """
        for shard in self._shards:
            await shard.link.request("LIST_SUBSCRIPTIONS")

    async def restart(self, reason: str) -> None:
        """Drop every connection (a stalled one says no goodbye) and make new ones at once."""
        for shard in self._shards:
            shard.link.restart(reason)

    async def rotate(self, reason: str) -> None:
        """Replace every connection while it lives, one after the other; returns at once."""
        for shard in self._shards:
            shard.link.renew(reason)

    def _deal(self, names: list[str]) -> list[tuple[Shard, list[str], list[str]]]:
        """Which connection each name goes to, where it is or where there is room; and which are new there.

        They are wanted at once, so that two that subscribe at the same time do not share one place.
        """
        fresh = [name for name in names if not any(name in shard.wanted for shard in self._shards)]
        most = self._settings.streams * MOST_CONNECTIONS
        if len(self.names) + len(fresh) > most:
            raise InvalidField("names", f"more than {most} streams", "unsubscribe some")
        while len(fresh) > sum(shard.room for shard in self._shards):
            self._shards.append(self._shard())
            self._shards[-1].tap = self.tap
            if self._tasks is not None:
                self._tasks.create_task(self._shards[-1].run(), name="market streams")
        shares = []
        for shard in self._shards:
            known = [name for name in names if name in shard.wanted]
            new, fresh = fresh[: shard.room], fresh[shard.room :]
            shard.wanted.update(dict.fromkeys(new))
            shares.append((shard, known + new, new))
        return [each for each in shares if each[1]]

    def _shard(self) -> Shard:
        return Shard(
            self._url,
            clock=self._clock,
            on_event=self._on_event,
            on_state=self._changed,
            on_silence=self._on_silence,
            settings=self._settings,
            uniform=self._uniform,
            turn=self._turn,
        )

    def _changed(self, up: bool, reason: str) -> None:  # noqa: FBT001  # the shard's callback
        if not up:
            self._on_state("disconnected", reason)
        elif self.connected:
            self._on_state("connected", "")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that is no group itself."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
