"""Public market streams: subscribe by name, get typed events, stay connected.

The reader decodes and calls `on_event` at once, on the wire loop; it awaits nothing but the
next frame. A frame that cannot be decoded ends the connection (the next one starts clean): it
never drops a single message in silence.

Source: Binance spot "WebSocket Streams", "Live Subscribing/Unsubscribing to streams".
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from quantlab.binance.codec_stream import decode_market
from quantlab.binance.link import Link, LinkSettings
from quantlab.binance.stream_shapes import Reply, ServerShutdown
from quantlab.clock import Clock
from quantlab.errors import InvalidField, NotSent, VenueRejected, VenueUnavailable

MOST_STREAMS = 1024  # a connection
NAMES_PER_MESSAGE = 200


class MarketStreams:
    """One connection to `<ws>/stream` with any number of streams on it.

    Args:
        ws: Base URL; "/stream" is added.
        clock: Wall time for events without one, monotonic time for `last_message_ns`.
        on_event: Gets every event (see `codec_stream.MarketEvent`), in the venue's order.
        on_state: `("connected", "")` when every wanted stream is acknowledged;
            `("disconnected", reason)` on each end and each failed attempt.
        settings: Waits and limits of the connection.
        uniform: Draws the waits before a reconnect.
    """

    def __init__(
        self,
        ws: str,
        *,
        clock: Clock,
        on_event: Callable[[object], None],
        on_state: Callable[[str, str], None],
        settings: LinkSettings | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.last_message_ns: int | None = None  # monotonic; the last market event, no replies
        self._clock = clock
        self._on_event, self._on_state = on_event, on_state
        self._settings = settings or LinkSettings()
        self._wanted: dict[str, None] = {}  # a set that keeps its order
        self._active: set[str] = set()  # acknowledged on this connection
        self._commands = asyncio.Lock()
        self._link = Link(
            ws.rstrip("/") + "/stream",
            on_frame=self._frame,
            on_open=self._resume,
            on_state=self._changed,
            settings=self._settings,
            uniform=uniform,
        )

    @property
    def connected(self) -> bool:
        """True while the connection is up and every wanted stream was acknowledged on it."""
        return self._link.up

    @property
    def reconnects(self) -> int:
        """How many connections came up after the first one."""
        return max(0, self._link.opened - 1)

    @property
    def names(self) -> tuple[str, ...]:
        """The streams that are wanted, now and after every reconnect."""
        return tuple(self._wanted)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        await self._link.run()

    async def subscribe(self, *names: str) -> None:
        """Want these streams ("btcusdt@trade") from now on; return when the venue said yes.

        Raises:
            InvalidField: More streams than a connection may have.
            VenueRejected: The venue refused; the names are not wanted any more.
            VenueUnavailable: No connection in time. The names stay wanted: they are subscribed
                as soon as there is one.
        """
        fresh = [name for name in dict.fromkeys(names) if name not in self._wanted]
        if len(self._wanted) + len(fresh) > MOST_STREAMS:
            raise InvalidField(
                "names", f"more than {MOST_STREAMS} streams", "unsubscribe some, or open a second connection"
            )
        self._wanted.update(dict.fromkeys(fresh))
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s):
                while await self._subscribe_missing(names):
                    await self._link.wait_up()
        except TimeoutError:
            raise VenueUnavailable(
                f"no acknowledgement for {', '.join(names)} within {self._settings.reply_timeout_s:g} s; "
                "they stay wanted and are subscribed with the next connection"
            ) from None
        except VenueRejected:
            for name in fresh:
                self._wanted.pop(name, None)
            raise

    async def unsubscribe(self, *names: str) -> None:
        """Want these streams no more; return when the venue said so, or there is no connection."""
        for name in names:
            self._wanted.pop(name, None)
        async with self._commands:
            active = [name for name in names if name in self._active]
            self._active.difference_update(active)
            if active:
                await self._link.request("UNSUBSCRIBE", params=active)

    async def barrier(self) -> None:
        """Return when every frame that the venue sent before it read this was handed to `on_event`.

        One round trip of LIST_SUBSCRIPTIONS through the same reader. Raises what
        `Link.request` raises.
        """
        await self._link.request("LIST_SUBSCRIPTIONS")

    async def restart(self, reason: str) -> None:
        """Drop the connection (a stalled one says no goodbye) and make a new one at once."""
        self._link.restart(reason)

    def _frame(self, raw: bytes) -> None:
        event = decode_market(raw, self._clock.now_ms())
        if type(event) is Reply:
            self._link.resolve(event)
        elif type(event) is ServerShutdown:
            self._link.restart("the venue announced its shutdown")
        else:
            self._link.data_seen = True
            self.last_message_ns = self._clock.monotonic_ns()
            self._on_event(event)

    def _changed(self, up: bool, reason: str) -> None:  # noqa: FBT001  # the link's callback
        if not up:
            self._active.clear()
        self._on_state("connected" if up else "disconnected", reason)

    async def _resume(self) -> None:
        """On a new connection: subscribe all that is wanted."""
        async with self._commands:
            await self._command_subscribe(tuple(self._wanted))

    async def _subscribe_missing(self, names: Sequence[str]) -> bool:
        """Subscribe what is wanted and not yet active; True when that has to wait for the link."""
        if not self._link.up:
            return True
        async with self._commands:
            missing = [name for name in names if name in self._wanted and name not in self._active]
            try:
                await self._command_subscribe(missing)
            except (NotSent, VenueUnavailable):
                return True
        return False

    async def _command_subscribe(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), NAMES_PER_MESSAGE):
            batch = list(names[start : start + NAMES_PER_MESSAGE])
            await self._link.request("SUBSCRIBE", params=batch)
            self._active.update(batch)
