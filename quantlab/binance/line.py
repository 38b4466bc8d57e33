"""One connection of a link: requests and their replies, its own pace, and its own keepalive.

A line is made once, lives once and tells why it ended. It never logs a frame (requests are signed),
never follows a redirect, and never uses a proxy of the environment.

Source: Binance spot "WebSocket Streams", "WebSocket Limits": 5 incoming messages a second and
connection (pings and pongs count).
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from quantlab.binance.addresses import own_ssl_context
from quantlab.binance.stream_shapes import Reply
from quantlab.binance.websocket import WebSocket, connect
from quantlab.errors import NotSent, VenueError, VenueRejected, VenueUnavailable

IDS = itertools.count(1)  # unique in the process, so that a reply fits one request on one line only


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient and how polite a link is; all times in seconds.

    The first wait before a reconnect is drawn from 0.1 s up to `first_retry_s`, the upper end
    doubles up to `longest_retry_s`, and starts anew once a connection held for `proven_s` with
    data. After close code 1008 (policy) at least `policy_pause_s`. However the draws fall, no more
    than `attempts` are made in `attempts_window_s`. Pings find a dead peer.

    A connection of `rotate_after_s` (and up to a tenth less, so that many do not move at once) is
    replaced while it lives: both run side by side for `overlap_s`. The venue's limit is 24 hours.

    A stream that has spoken regularly is silent after `silent_after_s`, or after twice its longest
    pause of late, whichever is more. An event older than `late_after_ms` by the venue's clock is late.
    """

    first_retry_s: float = 0.5
    longest_retry_s: float = 30.0
    proven_s: float = 10.0
    policy_pause_s: float = 60.0
    attempts: int = 20
    attempts_window_s: float = 300.0
    open_timeout_s: float = 10.0
    reply_timeout_s: float = 10.0
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 15.0
    rotate_after_s: float = 82_800.0
    overlap_s: float = 2.0
    silent_after_s: float = 1.0
    late_after_ms: int = 1_000
    ssl_context: ssl.SSLContext | None = None  # None trusts certifi's authorities and no other
    streams: int = 1_024  # on one market connection, the venue's limit
    messages_per_s: int = 4  # of the venue's 5; the fifth is left to our pongs


class Line:
    """A WebSocket to `url`, from `open` to `ended`.

    Args:
        on_text: Gets every message, synchronously; it may be replaced at any time. A `VenueError`
            from it ends the line, and so does everything else, which is kept in `failure`.
        on_read: Called when bytes have come, before the messages in them.

    Attributes:
        ended: Done when the line is over: the reason.
        failure: What `on_text` raised that is no `VenueError`.
    """

    def __init__(
        self,
        url: str,
        settings: LinkSettings,
        on_text: Callable[[bytes], None],
        on_read: Callable[[], None] = lambda: None,
    ) -> None:
        self.on_text = on_text
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.failure: Exception | None = None
        self._url, self._settings, self._on_read = url, settings, on_read
        self._socket: WebSocket | None = None
        self._broken = ""
        self._pending: dict[int | str, asyncio.Future[Reply]] = {}
        self._pacing = asyncio.Lock()
        self._sent_s: deque[float] = deque(maxlen=settings.messages_per_s)
        self._keepalive: asyncio.Task[None] | None = None

    @property
    def where(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self._url).netloc

    @property
    def close_code(self) -> int | None:
        """The venue's close code, 1006 where it said none, None while the line is open."""
        return None if self._socket is None else self._socket.close_code

    async def open(self) -> None:
        """Connect. Raises `OSError` or `TimeoutError` where there is no connection in time."""
        settings = self._settings
        secure = urlsplit(self._url).scheme == "wss"
        self._socket = await connect(
            self._url,
            on_text=self.take,
            on_end=self._end,
            on_room=lambda: None,
            ssl_context=settings.ssl_context or own_ssl_context() if secure else None,
            timeout_s=settings.open_timeout_s,
            on_read=self._on_read,
        )
        if self._broken:
            self._socket.drop(self._broken)
        self._keepalive = asyncio.get_running_loop().create_task(self._keep_alive(self._socket))

    def close(self) -> None:
        """Say goodbye and end."""
        if self._socket is not None:
            self._socket.close()

    def drop(self, reason: str) -> None:
        """End without a goodbye: the peer may be dead."""
        if self._socket is not None:
            self._socket.drop(reason)

    async def request(self, method: str, **params: object) -> Reply:
        """Send `{"id", "method", ...}` and return the venue's reply, when it is a good one.

        Raises:
            NotSent: The line is over.
            VenueUnavailable: It ended, or no reply came in time.
            VenueRejected: The venue refused, with its code.
        """
        await self._pace()
        socket = self._socket
        if socket is None or not socket.open:
            raise NotSent(f"{method}: no connection to {self.where}")
        request_id = next(IDS)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = reply
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s):
                socket.send(msgspec.json.encode({"id": request_id, "method": method, **params}))
                answer = await reply
        except TimeoutError:
            raise VenueUnavailable(
                f"{method}: no reply within {self._settings.reply_timeout_s:g} s"
            ) from None
        finally:
            del self._pending[request_id]
        if answer.status >= 400:  # as HTTP has it
            raise VenueRejected(answer.code, answer.message, status=answer.status, method=method)
        return answer

    def resolve(self, reply: Reply) -> bool:
        """Hand a reply to its request; False where it answers none of this line's."""
        waiting = None if reply.id is None else self._pending.get(reply.id)
        if waiting is None:
            return False
        if not waiting.done():
            waiting.set_result(reply)
        return True

    def take(self, raw: bytes) -> None:
        """Hand on one message as if it had just come."""
        try:
            self.on_text(raw)
        except VenueError as error:
            self._break(str(error))
        except Exception as error:  # noqa: BLE001  # the owner's defect: `failure` carries it out of the loop
            self.failure = error
            self._break(type(error).__name__)

    def _break(self, reason: str) -> None:
        self._broken = reason
        self.drop(reason)  # before `open` has returned there is no socket yet: it looks itself

    def _end(self, reason: str) -> None:
        if self._keepalive is not None:
            self._keepalive.cancel()
        if not self.ended.done():
            self.ended.set_result(reason)
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(VenueUnavailable(f"the connection to {self.where} ended"))

    async def _keep_alive(self, socket: WebSocket) -> None:
        settings, loop = self._settings, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(settings.ping_interval_s)
            await self._pace()
            asked_s = loop.time()
            socket.ping()
            await asyncio.sleep(settings.ping_timeout_s)
            if socket.heard_s < asked_s:
                socket.drop(f"no answer to a ping within {settings.ping_timeout_s:g} s")

    async def _pace(self) -> None:
        """Wait until one more message keeps us below `messages_per_s`."""
        loop = asyncio.get_running_loop()
        async with self._pacing:
            if len(self._sent_s) == self._sent_s.maxlen:
                await asyncio.sleep(self._sent_s[0] + 1.0 - loop.time())
            self._sent_s.append(loop.time())
