"""The fast path of orders: one socket to the WebSocket API, many requests in flight on it.

What is asked first is written first (see `inflight`), so that the orders of one turn reach the venue in the
order they were given. Here is the connection's life: handshake, logon, pings, its end and the next one.
Nothing is sent twice, here or by REST: who asks learns whether the request had been written.

Source: Binance spot WebSocket API, "Request format", "Response format", "Session Authentication".
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from quantlab.binance.addresses import own_ssl_context
from quantlab.binance.backoff import Backoff
from quantlab.binance.errors import TEXT_LENGTH, redact
from quantlab.binance.inflight import Asked, InFlight
from quantlab.binance.signing import Credentials, Ed25519Signer, WsValue, sign_ws_params
from quantlab.binance.socketcodec import Frame, decode_frame, typed
from quantlab.binance.transport import Gate, Latch, Lost, Reply
from quantlab.binance.websocket import WebSocket, connect
from quantlab.clock import Clock
from quantlab.domain.text import printable
from quantlab.errors import Halted, UndecodableReply

LOGON = "session.logon"
PING_S = 15.0  # an idle socket is asked for a sign of life this often, and has as long to give it
LIFE_S = 23.5 * 3_600  # the venue ends a connection after 24 hours, wherever a request may be then
OPEN_TIMEOUT_S = 10.0
PROVEN_S = 10.0  # a connection that held so long starts the waits anew


class OrderSocket:
    """A socket to `url`, for as long as `run` runs. One loop, one account.

    Args:
        url: The whole URL, it ends in "/ws-api/v3".
        credentials: The API key. With an Ed25519 key the session is logged on once and vouches for what
            follows; with another each request carries its own signature.
        clock: The venue's time.
        recv_window_ms: How late the venue may still take a request.
        timeout_s: For one request, from asking to its answer.
        ssl_context: Instead of certifi's authorities.
        on_state: `(True, "")` when up; `(False, reason)` on each end and failed attempt.
        uniform: Draws the waits before a reconnect.

    Attributes:
        up: Requests can be sent. Ask this before choosing; who has chosen the socket stays with it.
        reason: Why it is not up.
        attempts, opened: Connections tried, and those that came up.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials,
        clock: Clock,
        recv_window_ms: int = 5_000,
        timeout_s: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        on_state: Callable[[bool, str], None] = lambda up, reason: None,  # noqa: ARG005
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.up = False
        self.reason = "not connected yet"
        self.attempts = self.opened = 0
        self._url, self._where = url, urlsplit(url).netloc
        self._credentials, self._clock = credentials, clock
        self._recv_window_ms = recv_window_ms
        self._ssl_context = ssl_context
        self._on_state = on_state
        self._backoff = Backoff(uniform)
        self._requests = InFlight(self._signed, timeout_s)
        self._logged_on = False
        self._up = asyncio.Event()
        self._over: asyncio.Future[str] | None = None
        self._retiring: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the socket up until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            code = await self._session()
            if code is not None and loop.time() - began_s >= PROVEN_S:
                self._backoff.proven()
            await asyncio.sleep(self._backoff.wait_s(code, loop.time()))

    async def wait_up(self) -> None:
        """Return when requests can be sent."""
        await self._up.wait()

    async def exchange(
        self,
        method: str,
        params: Mapping[str, str],
        *,
        latch: Latch | None = None,
        halts: int | None = None,
    ) -> Reply | Lost:
        """Send one signed request and wait for its answer, `timeout_s` at most. Never sends it again.

        Args:
            method: The WebSocket API's name, "order.place".
            params: As REST takes them; numbers that are no amounts travel as JSON numbers.
            latch: Asked at the write, for what HALT stops; None for everything else.
            halts: The latch's generation that this was decided on; a HALT since then stops it.
        """
        gate = Gate(latch, halts)
        try:
            gate.check()
        except Halted as halted:
            return Lost(halted.reason, sent=False, halted=True)
        if not self.up:
            return Lost(f"no connection to {self._where}: {self.reason}", sent=False)
        return await self._requests.ask(method, params, gate)

    def _signed(self, asked: Asked) -> bytes:
        params: dict[str, WsValue] = {name: typed(name, text) for name, text in asked.params.items()}
        if asked.method != "ping":
            params["recvWindow"] = self._recv_window_ms
            params["timestamp"] = self._clock.now_ms()
            if not self._logged_on:
                params["apiKey"] = self._credentials.api_key
                params = sign_ws_params(params, self._credentials.signer)
        return msgspec.json.encode({"id": asked.id, "method": asked.method, "params": params})

    # --- the connection

    async def _session(self) -> int | None:
        """One connection from its handshake to its end; its close code, None where there was none."""
        loop = asyncio.get_running_loop()
        self.attempts += 1
        self._backoff.begun(loop.time())
        self._over = over = loop.create_future()
        self._logged_on = False
        try:
            socket = await connect(
                self._url, on_text=self._hear, on_end=self._ended, on_room=self._requests.flush,
                ssl_context=self._context(), timeout_s=OPEN_TIMEOUT_S,
            )  # fmt: skip
        except (OSError, TimeoutError) as error:
            self.reason = f"cannot connect to {self._where}: {str(error) or type(error).__name__}"
            self._on_state(False, self.reason)
            return None
        self._requests.socket = socket
        try:
            refused = await self._log_on()
            if refused:
                socket.drop(refused)
            elif not over.done():
                self._come_up()
            await self._stay(socket, over)
            self._on_state(False, await over)
        finally:
            socket.close()
            self._ended("closed by us")
            self._requests.socket = None
        return socket.close_code

    async def _log_on(self) -> str:
        """Log the session on, where the key can; why that was refused, "" where it was not."""
        if not isinstance(self._credentials.signer, Ed25519Signer):  # the venue takes no other
            return ""
        outcome = await self._requests.ask(LOGON, {}, Gate(None, None))
        if isinstance(outcome, Lost):
            return f"{LOGON}: {outcome.cause}"
        if outcome.status != 200:
            return f"{LOGON} was refused: {outcome.body.decode('utf-8', 'replace')}"
        self._logged_on = True
        return ""

    def _come_up(self) -> None:
        self.up, self.reason = True, ""
        self.opened += 1
        self._up.set()
        self._on_state(True, "")

    async def _stay(self, socket: WebSocket, over: asyncio.Future[str]) -> None:
        """Until the connection ends; one that is silent or old is ended by us."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + LIFE_S
        while not over.done():
            pinged_s = loop.time()
            socket.ping()
            await asyncio.wait((over,), timeout=PING_S)
            if over.done():
                return
            if socket.heard_s < pinged_s:
                socket.drop(f"it did not answer a ping within {PING_S:g} s")
            elif loop.time() > until_s:
                await self._retire(socket, "it is nearly a day old")

    async def _retire(self, socket: WebSocket, reason: str) -> None:
        """Take no more requests, wait for the answers that are owed, and end the connection."""
        self._mark_down(reason)
        await self._requests.settled()
        self._ended(reason)
        socket.close()

    def _mark_down(self, reason: str) -> None:
        self.up, self.reason = False, reason
        self._up.clear()

    def _ended(self, reason: str) -> None:
        """The connection is over; whoever waits for an answer learns it."""
        if self._over is None or self._over.done():
            return
        safe = self._safe(reason)
        self._mark_down(safe)
        self._over.set_result(safe)
        self._requests.lose(f"the connection to {self._where} ended: {safe}")

    def _context(self) -> ssl.SSLContext | None:
        if self._ssl_context is None and self._url.startswith("wss:"):
            self._ssl_context = own_ssl_context()
        return self._ssl_context

    def _safe(self, text: str) -> str:
        return printable(redact(text.replace(self._credentials.api_key, "[redacted]"))[:TEXT_LENGTH])

    # --- what comes

    def _hear(self, message: bytes) -> None:
        socket = self._requests.socket
        try:
            frame = decode_frame(message)
        except UndecodableReply as error:
            if socket is not None:
                socket.drop(self._safe(str(error)))
            return
        if not self._requests.answer(frame, self._clock.now_ms()) and socket is not None:
            self._told(socket, frame)

    def _told(self, socket: WebSocket, frame: Frame) -> None:
        """A message that answers none of our requests: an announcement, a late answer, or a refusal."""
        if frame.shutdown:
            reason = "the venue announced its shutdown"
            self._retiring = asyncio.get_running_loop().create_task(self._retire(socket, reason))
        elif frame.id is None and frame.status >= 400:  # it may have meant any of them
            error = bytes(frame.error).decode("utf-8", "replace")
            socket.drop(f"refused by the venue: {error}")
