"""One WebSocket that is kept up: connect, read, request and reply, reconnect with full jitter.

What the frames mean is its owner's business. It never logs a frame (requests are signed), never
follows a redirect to another host, never uses a proxy of the environment, and counts a
connection as a success only after data has flowed: a venue that takes the handshake and drops
us must not be hammered.

Source: Binance spot "WebSocket Streams", "WebSocket Limits": 5 incoming messages a second and
connection (pings and pongs count), 300 connections in 5 minutes.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from quantlab.binance.stream_shapes import Reply
from quantlab.binance.transport import own_ssl_context
from quantlab.errors import NotSent, VenueError, VenueRejected, VenueUnavailable

QUEUED_FRAMES = 512  # at some 8 us each, 4 ms of work before other tasks get their turn
LARGEST_FRAME = 8 << 20
CLOSE_TIMEOUT_S = 0.05  # how long we wait for the answer to our goodbye
GOING_AWAY = {1001, 1012}  # the venue moves or restarts: come back at once
POLICY_VIOLATION = 1008

SILENT = logging.Logger("quantlab.websockets")  # noqa: LOG001  # in no logger tree: nobody turns it on
SILENT.disabled = True


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient and how polite a link is; all times in seconds.

    The first wait before a reconnect is drawn from 0.1 s up to `first_retry_s`, the upper end
    doubles up to `longest_retry_s`, and starts anew once a connection held for `proven_s` with
    data. After close code 1008 (policy) at least `policy_pause_s`. Pings find a dead peer.
    """

    first_retry_s: float = 0.5
    longest_retry_s: float = 30.0
    proven_s: float = 10.0
    policy_pause_s: float = 60.0
    open_timeout_s: float = 10.0
    reply_timeout_s: float = 10.0
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 15.0
    ssl_context: ssl.SSLContext | None = None  # None trusts certifi's authorities and no other
    messages_per_s: int = 4  # of the venue's 5; the fifth is left to our pongs


class Link:
    """A WebSocket to `url` as long as `run` runs.

    Args:
        url: Where to connect.
        on_frame: Gets every frame, synchronously. A `VenueError` from it ends the connection.
        on_open: Awaited on each new connection, before it counts as up: subscribe here.
        on_state: `(True, "")` when up; `(False, reason)` on each end and each failed attempt.
        settings: Waits and limits.
        uniform: Draws the waits, `uniform(low, high)`; tests pass their own.
    """

    def __init__(
        self,
        url: str,
        *,
        on_frame: Callable[[bytes], None],
        on_open: Callable[[], Awaitable[None]],
        on_state: Callable[[bool, str], None],
        settings: LinkSettings,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.attempts = 0
        self.opened = 0  # connections that came up
        self.data_seen = False  # set by the owner: this connection brought what it is for
        self._url = url
        self._on_frame, self._on_open, self._on_state = on_frame, on_open, on_state
        self._settings = settings
        self._uniform = uniform
        self._socket: ClientConnection | None = None
        self._up = asyncio.Event()
        self._restart_reason = ""
        self._unproven = 0  # connections and attempts since the last that was proven
        self._ids = itertools.count(1)
        self._pending: dict[int | str, asyncio.Future[Reply]] = {}
        self._pacing = asyncio.Lock()
        self._sent_s: deque[float] = deque(maxlen=settings.messages_per_s)

    @property
    def up(self) -> bool:
        """True while connected and opened (`on_open` done)."""
        return self._up.is_set()

    async def run(self) -> None:
        """Keep the link up until cancelled. What `on_frame` raises beyond `VenueError` ends it."""
        while True:
            began_s = self._now_s()
            reason, code = await self._session()
            held = self.data_seen and self._now_s() - began_s >= self._settings.proven_s
            self._unproven = 0 if held else self._unproven
            wait_s = self._wait_s(code)
            self._unproven += 1
            self._on_state(False, reason)
            await asyncio.sleep(wait_s)

    async def wait_up(self) -> None:
        """Return when the link is up."""
        await self._up.wait()

    def restart(self, reason: str) -> None:
        """Drop the connection without a goodbye (it may be dead) and make a new one."""
        if self._socket is not None and not self._restart_reason:
            self._restart_reason = reason
            self._socket.transport.abort()

    async def request(self, method: str, **params: object) -> Reply:
        """Send `{"id", "method", ...}` and return the venue's reply, when it is a good one.

        Raises:
            NotSent: There is no connection.
            VenueUnavailable: The connection ended, or no reply came in time.
            VenueRejected: The venue refused, with its code.
        """
        await self._pace()
        socket = self._socket
        if socket is None:
            raise NotSent(f"{method}: no connection to {self._where}")
        request_id = next(self._ids)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = reply
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s):
                frame = msgspec.json.encode({"id": request_id, "method": method, **params})
                await socket.send(frame, text=True)
                answer = await reply
        except TimeoutError:
            raise VenueUnavailable(
                f"{method}: no reply within {self._settings.reply_timeout_s:g} s"
            ) from None
        except ConnectionClosed:
            raise VenueUnavailable(f"{method}: the connection to {self._where} ended") from None
        finally:
            del self._pending[request_id]
        if answer.status >= 400:
            raise VenueRejected(answer.code, answer.message, status=answer.status, method=method)
        return answer

    def resolve(self, reply: Reply) -> None:
        """Hand a reply to its request. A refusal that answers none ends the connection."""
        waiting = None if reply.id is None else self._pending.get(reply.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)
        elif waiting is None and reply.status >= 400 and reply.id is None:
            self.restart(f"refused by the venue: {reply.code} {reply.message}")

    async def _session(self) -> tuple[str, int | None]:
        """One connection from its handshake to its end: why it ended, and the close code."""
        self.attempts += 1
        self.data_seen = False
        self._restart_reason = ""
        try:
            socket = await self._connect()
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            return f"cannot connect to {self._where}: {str(error) or type(error).__name__}", None
        reason = ""
        self._socket = socket
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._open())
                await self._read(socket)
        except* VenueError as group:
            reason = str(_first(group))
        except* ConnectionClosed as group:
            reason = f"the connection to {self._where} ended: {_first(group)}"
        finally:
            self._socket = None
            self._up.clear()
            self._give_up_pending()
            socket.transport.abort()  # nothing to do after a proper end
        return self._restart_reason or reason, socket.close_code

    async def _connect(self) -> ClientConnection:
        parts = urlsplit(self._url)
        settings = self._settings
        return await connect(
            self._url,
            host=parts.hostname,  # given, so that a redirect elsewhere is refused
            port=parts.port or (443 if parts.scheme == "wss" else 80),
            proxy=None,
            ssl=settings.ssl_context or own_ssl_context() if parts.scheme == "wss" else None,
            compression=None,
            logger=SILENT,
            open_timeout=settings.open_timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=settings.ping_interval_s,
            ping_timeout=settings.ping_timeout_s,
            max_size=LARGEST_FRAME,
            max_queue=QUEUED_FRAMES,
        )

    async def _open(self) -> None:
        await self._on_open()
        self.opened += 1
        self._up.set()
        self._on_state(True, "")

    async def _read(self, socket: ClientConnection) -> None:
        receive, on_frame = socket.recv, self._on_frame
        try:
            while True:
                on_frame(await receive(decode=False))
        except asyncio.CancelledError:
            await socket.close()  # we leave: say goodbye
            raise

    async def _pace(self) -> None:
        """Wait until one more message keeps us below `messages_per_s`."""
        async with self._pacing:
            if len(self._sent_s) == self._sent_s.maxlen:
                await asyncio.sleep(self._sent_s[0] + 1.0 - self._now_s())
            self._sent_s.append(self._now_s())

    def _wait_s(self, code: int | None) -> float:
        settings = self._settings
        if code == POLICY_VIOLATION:
            return settings.policy_pause_s + self._uniform(0.0, settings.first_retry_s)
        if self._unproven == 0 and (self._restart_reason or code in GOING_AWAY):
            return self._uniform(0.0, 0.1)
        longest_s = min(settings.longest_retry_s, settings.first_retry_s * 2 ** min(self._unproven, 16))
        return self._uniform(min(0.1, longest_s), longest_s)

    def _give_up_pending(self) -> None:
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(VenueUnavailable(f"the connection to {self._where} ended"))

    @property
    def _where(self) -> str:
        return urlsplit(self._url).netloc

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that is not a group itself."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
