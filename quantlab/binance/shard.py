"""One connection's share of the market streams: what is wanted on it, and how alive each stream is.

The reader decodes and calls `on_event` at once, on the wire loop. A frame that cannot be decoded ends
the connection (the next one starts clean): it never drops a single message in silence. An event that
is old by the venue's clock is handed on marked `late`: after a blocked kernel a burst of the past is
no present.

Source: Binance spot "WebSocket Streams", "Live Subscribing/Unsubscribing to streams".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence

import msgspec

from quantlab.binance.codec_stream import PREFIX, decode_market, decode_named
from quantlab.binance.line import LinkSettings
from quantlab.binance.link import Ask, Link
from quantlab.binance.silence import Silence
from quantlab.binance.stream_shapes import Reply, ServerShutdown
from quantlab.clock import NS_PER_MS, Clock
from quantlab.domain.market import BookTicker, DepthUpdate, Kline, Trade
from quantlab.errors import NotSent, UndecodableReply, VenueRejected, VenueUnavailable

NAMES_PER_MESSAGE = 200
LOOK_S, LOOK_MS = 0.25, 250
TIMED = (Trade, DepthUpdate, Kline)


class Shard:
    """One connection to `<ws>/stream` with up to 1024 streams on it.

    Attributes:
        tap: Gets the text of every market message that is handed on, as it came; None: nobody listens.

    Args:
        url: The whole URL.
        clock: The venue's time for events without one and for their age; monotonic time.
        on_event: Gets every event (see `codec_stream.MarketEvent`), in the venue's order.
        on_state: `(True, "")` when every wanted stream is acknowledged; `(False, reason)` on each end.
        on_silence: Names of streams that have fallen silent, and a sentence; "" when a new connection
            has taken over.
        settings: Waits and limits.
        uniform: Draws the waits before a reconnect.
        turn: Shared by the shards: one is replaced at a time.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        on_event: Callable[[object], None],
        on_state: Callable[[bool, str], None],
        on_silence: Callable[[tuple[str, ...], str], None],
        settings: LinkSettings,
        uniform: Callable[[float, float], float],
        turn: asyncio.Lock,
    ) -> None:
        self.last_message_ns: int | None = None  # monotonic; the last market event, no replies
        self.late = 0
        self.tap: Callable[[bytes], object] | None = None
        self.wanted: dict[str, None] = {}  # a set that keeps its order
        self._lateness_ms = 0  # of the last event that had a time
        self._clock, self._settings = clock, settings
        self._on_event, self._on_state, self._on_silence = on_event, on_state, on_silence
        self._active: set[str] = set()  # acknowledged on this connection
        self._commands = asyncio.Lock()
        self._silence = Silence(settings.silent_after_s)
        self._pulses = self._silence.pulses
        self._blocked_ms = 0  # how long our loop stood before this read, where that makes data late
        self._read_ns = self._read_ms = 0  # when the bytes at hand came
        self._late_after_ms = settings.late_after_ms
        self._looked_ns: int | None = None
        self.link = Link(
            url,
            on_frame=self._frame,
            on_open=self._resume,
            on_state=self._changed,
            settings=settings,
            uniform=uniform,
            identity=identity,
            on_read=self._read,
            on_renewed=self._renewed,
            turn=turn,
        )

    @property
    def room(self) -> int:
        """How many more streams fit."""
        return self._settings.streams - len(self.wanted)

    @property
    def silent(self) -> tuple[str, ...]:
        """Streams that have spoken regularly and say nothing any more."""
        return self._silence.silent

    async def run(self) -> None:
        """Stay connected until cancelled."""
        listening = asyncio.get_running_loop().create_task(self._listen(), name="silence")
        try:
            await self.link.run()
        finally:
            listening.cancel()

    async def subscribe(self, names: Sequence[str], fresh: Sequence[str]) -> None:
        """Subscribe what is wanted; a refusal makes `fresh` unwanted. See `MarketStreams.subscribe`."""
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s):
                while await self._subscribe_missing(names):
                    await self.link.wait_up()
        except TimeoutError:
            raise VenueUnavailable(
                f"no acknowledgement for {', '.join(names)[:200]} "
                f"within {self._settings.reply_timeout_s:g} s; "
                "they stay wanted and are subscribed with the next connection"
            ) from None
        except VenueRejected:
            for name in fresh:
                self.wanted.pop(name, None)
            raise

    async def unsubscribe(self, names: Sequence[str]) -> None:
        """Want these streams no more; return when the venue said so, or there is no connection."""
        for name in names:
            self.wanted.pop(name, None)
        self._silence.forget(names)
        async with self._commands:
            active = [name for name in names if name in self._active]
            self._active.difference_update(active)
            if active:
                await self.link.request("UNSUBSCRIBE", params=active)

    def _read(self) -> None:
        """Bytes have come: what is in them was received now, however long we take to the last."""
        self._read_ns = self._clock.monotonic_ns()
        self._read_ms = self._clock.now_ms()
        blocked_ms = (
            0 if self._looked_ns is None else (self._read_ns - self._looked_ns) // NS_PER_MS - LOOK_MS
        )
        self._blocked_ms = blocked_ms if blocked_ms > self._settings.late_after_ms else 0

    def _frame(self, raw: bytes) -> None:
        if raw.startswith(PREFIX):
            if self.tap is not None:
                self.tap(raw)
            name = raw[11 : raw.find(b'"', 11)]
            event = decode_named(raw, name, self._read_ms)
            pulse = self._pulses.get(name)
            if pulse is not None:
                pulse.count += 1
        else:
            event = decode_market(raw, self._read_ms)
        kind = type(event)
        if kind is BookTicker:
            if self._blocked_ms or self._lateness_ms > self._late_after_ms or event.event_ms is not None:  # type: ignore[union-attr]  # as its type says
                event = self._judged(event)  # type: ignore[arg-type]  # as its type says
        elif kind in TIMED:
            self._lateness_ms = self._read_ms - event.event_ms  # type: ignore[union-attr, operator]  # as above
            self._blocked_ms = 0
            if self._lateness_ms > self._late_after_ms:
                self.late += 1
                event = msgspec.structs.replace(event, late=True)
        elif kind is Reply:
            self.link.resolve(event)  # type: ignore[arg-type]  # as its type says
            return
        elif kind is ServerShutdown:
            self.link.renew("the venue announced its shutdown")
            return
        if self.last_message_ns != self._read_ns or not self.link.data_seen:
            self.link.data_seen = True
            self.last_message_ns = self._read_ns
        self._on_event(event)

    def _judged(self, event: BookTicker) -> BookTicker:
        """A best price by its event time; the spot venue gives none: then as old as what came before it.

        After a blocked loop nothing came before it: then as old as the loop was blocked.
        """
        timed = event.event_ms is not None
        old_ms = self._read_ms - event.event_ms if timed else max(self._lateness_ms, self._blocked_ms)  # type: ignore[operator]  # `timed`
        if old_ms <= self._late_after_ms:
            return event
        self.late += 1
        return msgspec.structs.replace(event, late=True, received_ms=self._read_ms - old_ms)

    async def _listen(self) -> None:
        """Look how long each stream has been silent; a silent connection is replaced while it lives."""
        loop, last_s = asyncio.get_running_loop(), None
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = loop.time()
            self._looked_ns = self._clock.monotonic_ns()
            pause_s = 0.0 if last_s is None else now_s - last_s - LOOK_S
            last_s = now_s
            if self._clock.fixed or not self.link.up:
                continue
            self._look(now_s, pause_s)

    def _look(self, now_s: float, pause_s: float) -> None:
        fallen = self._silence.look(now_s, pause_s if pause_s > LOOK_S else 0.0)
        if fallen is not None:
            self._on_silence(fallen.names, fallen.reason)
        reason = self._silence.change(now_s)
        if reason:
            self.link.renew(reason, at_once=True)

    def _renewed(self) -> None:
        fallen = self._silence.renewed(asyncio.get_running_loop().time())
        if fallen:
            self._on_silence(fallen, "")

    def _changed(self, up: bool, reason: str) -> None:  # noqa: FBT001  # the link's callback
        if up:
            self._silence.connected(asyncio.get_running_loop().time())
        else:
            self._active.clear()
        self._on_state(up, reason)

    async def _resume(self, ask: Ask) -> None:
        """On a new connection: subscribe all that is wanted."""
        async with self._commands:
            await self._command_subscribe(tuple(self.wanted), ask)

    async def _subscribe_missing(self, names: Sequence[str]) -> bool:
        """Subscribe what is wanted and not yet active; True when that has to wait for the link."""
        if not self.link.up:
            return True
        async with self._commands:
            missing = [name for name in names if name in self.wanted and name not in self._active]
            try:
                await self._command_subscribe(missing, self.link.request)
            except (NotSent, VenueUnavailable):
                return True
        return False

    async def _command_subscribe(self, names: Sequence[str], ask: Ask) -> None:
        for start in range(0, len(names), NAMES_PER_MESSAGE):
            batch = list(names[start : start + NAMES_PER_MESSAGE])
            await ask("SUBSCRIBE", params=batch)
            self._active.update(batch)
            self._silence.watch(batch)


def identity(raw: bytes) -> Hashable | None:
    """What makes a market message the same on two connections: its stream and its id."""
    if not raw.startswith(PREFIX):
        try:
            return None if type(decode_market(raw, 0)) is Reply else raw
        except UndecodableReply:
            return None  # whoever reads it next ends the connection
    name = raw[11 : raw.find(b'"', 11)]
    try:
        event = decode_market(raw, 0)
    except UndecodableReply:
        return None
    if type(event) is Trade:
        return name, event.trade_id
    if type(event) is BookTicker:
        return name, event.update_id
    if type(event) is DepthUpdate:
        return name, event.first_id, event.final_id
    if type(event) is ServerShutdown:
        return None
    return raw
