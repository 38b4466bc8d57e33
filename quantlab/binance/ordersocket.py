"""The fast path of orders: one socket to the WebSocket API, many requests in flight on it.

What is asked first is written first, so that the orders of one turn reach the venue in the order they
were given. The HALT latch is asked at the write of each, after every wait that there is before it: a
request waits here, unsigned, for as long as the system takes no more bytes. Nothing is sent twice, here
or by REST: who asks learns whether the request had been written.

Source: Binance spot WebSocket API, "Request format", "Response format", "Session Authentication".
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from quantlab.binance.addresses import own_ssl_context
from quantlab.binance.backoff import Backoff
from quantlab.binance.errors import TEXT_LENGTH, redact
from quantlab.binance.signing import Credentials, Ed25519Signer, WsValue, sign_ws_params
from quantlab.binance.socketcodec import Frame, decode_frame, reply_of, typed
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
TOGETHER = 16  # requests in one write; more would stretch the time between the latch's check and it


class _Asked:
    """One request on its way."""

    __slots__ = ("answer", "due_s", "gate", "id", "method", "params")

    def __init__(
        self,
        number: int,
        method: str,
        params: Mapping[str, str],
        gate: Gate,
        answer: asyncio.Future[Reply | Lost],
    ) -> None:
        self.id, self.method, self.params = number, method, params
        self.gate, self.answer = gate, answer
        self.due_s = 0.0

    def settle(self, outcome: Reply | Lost) -> None:
        if not self.answer.done():
            self.answer.set_result(outcome)


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
        self._recv_window_ms, self._timeout_s = recv_window_ms, timeout_s
        self._ssl_context = ssl_context
        self._on_state = on_state
        self._backoff = Backoff(uniform)
        self._socket: WebSocket | None = None
        self._logged_on = False
        self._ids = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._queue: deque[_Asked] = deque()
        self._flushing = False
        self._up = asyncio.Event()
        self._over: asyncio.Future[str] | None = None
        self._retiring: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

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
        return await self._ask(method, params, gate)

    async def _ask(self, method: str, params: Mapping[str, str], gate: Gate) -> Reply | Lost:
        loop = asyncio.get_running_loop()
        asked = _Asked(next(self._ids), method, params, gate, loop.create_future())
        asked.due_s = loop.time() + self._timeout_s
        self._asked[asked.id] = asked
        if self._timer is None:  # one for all: the oldest request is due first
            self._timer = loop.call_at(asked.due_s, self._expire)
        self._queue.append(asked)
        if not self._flushing:  # once for all that this turn of the loop asks
            self._flushing = True
            loop.call_soon(self._flush)
        try:
            return await asked.answer
        finally:
            self._asked.pop(asked.id, None)

    def _flush(self) -> None:
        """Write what waits, the oldest first, while the system takes it: `TOGETHER` in one piece."""
        self._flushing = False
        socket = self._socket
        while self._queue and socket is not None and socket.open and not socket.full:
            ready: list[tuple[_Asked, bytes]] = []
            while self._queue and len(ready) < TOGETHER:
                asked = self._queue.popleft()
                if asked.answer.done():  # timed out, or its caller has gone: it is not written any more
                    continue
                try:
                    ready.append((asked, self._signed(asked)))
                except Exception as error:  # noqa: BLE001  # whatever it is: it was not written
                    asked.settle(Lost(redact(f"{type(error).__name__}: {error}"), sent=False))
            self._write(socket, ready)

    def _write(self, socket: WebSocket, ready: list[tuple[_Asked, bytes]]) -> None:
        """Ask the latch for each, now that nothing is left to do but the write itself."""
        messages = []
        for asked, message in ready:
            try:
                asked.gate.write()
                messages.append(message)
            except Halted as halted:
                asked.settle(Lost(halted.reason, sent=False, halted=True))
        if messages:
            socket.send(*messages)

    def _signed(self, asked: _Asked) -> bytes:
        params: dict[str, WsValue] = {name: typed(name, text) for name, text in asked.params.items()}
        if asked.method != "ping":
            params["recvWindow"] = self._recv_window_ms
            params["timestamp"] = self._clock.now_ms()
            if not self._logged_on:
                params["apiKey"] = self._credentials.api_key
                params = sign_ws_params(params, self._credentials.signer)
        return msgspec.json.encode({"id": asked.id, "method": asked.method, "params": params})

    def _expire(self) -> None:
        """Tell those whose time is up; a connection that was silent all that time is dead."""
        self._timer = None
        loop, socket, owing = asyncio.get_running_loop(), self._socket, False
        for asked in self._asked.values():
            if asked.due_s > loop.time():
                self._timer = loop.call_at(asked.due_s, self._expire)
                break
            owing |= asked.gate.written
            reason = f"no answer within {self._timeout_s:g} s"
            asked.settle(Lost(reason, sent=asked.gate.written, timed_out=True))
        if socket is not None and owing:
            silent_s = loop.time() - socket.heard_s
            if silent_s >= self._timeout_s:
                socket.drop(f"it was silent for {silent_s:.1f} s while it owed an answer")

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
                self._url, on_text=self._hear, on_end=self._ended, on_room=self._flush,
                ssl_context=self._context(), timeout_s=OPEN_TIMEOUT_S,
            )  # fmt: skip
        except (OSError, TimeoutError) as error:
            self.reason = f"cannot connect to {self._where}: {str(error) or type(error).__name__}"
            self._on_state(False, self.reason)
            return None
        self._socket = socket
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
            self._socket = None
        return socket.close_code

    async def _log_on(self) -> str:
        """Log the session on, where the key can; why that was refused, "" where it was not."""
        if not isinstance(self._credentials.signer, Ed25519Signer):  # the venue takes no other
            return ""
        outcome = await self._ask(LOGON, {}, Gate(None, None))
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
        owed = [asked.answer for asked in self._asked.values()]
        if owed:
            await asyncio.wait(owed, timeout=self._timeout_s)
        self._ended(reason)
        socket.close()

    def _mark_down(self, reason: str) -> None:
        self.up, self.reason = False, reason
        self._up.clear()

    def _ended(self, reason: str) -> None:
        """The connection is over: what was written is lost, what was not was not sent."""
        if self._over is None or self._over.done():
            return
        safe = self._safe(reason)
        self._mark_down(safe)
        self._over.set_result(safe)
        for asked in list(self._asked.values()):
            cause = f"the connection to {self._where} ended: {safe}"
            asked.settle(Lost(cause, sent=asked.gate.written))
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _context(self) -> ssl.SSLContext | None:
        if self._ssl_context is None and self._url.startswith("wss:"):
            self._ssl_context = own_ssl_context()
        return self._ssl_context

    def _safe(self, text: str) -> str:
        return printable(redact(text.replace(self._credentials.api_key, "[redacted]"))[:TEXT_LENGTH])

    # --- what comes

    def _hear(self, message: bytes) -> None:
        socket = self._socket
        try:
            frame = decode_frame(message)
        except UndecodableReply as error:
            if socket is not None:
                socket.drop(self._safe(str(error)))
            return
        number = frame.id
        asked = self._asked.get(number) if type(number) is int else None
        if asked is not None:
            asked.settle(reply_of(frame, self._clock.now_ms()))
        elif socket is not None:
            self._told(socket, frame)

    def _told(self, socket: WebSocket, frame: Frame) -> None:
        """A message that answers none of our requests: an announcement, a late answer, or a refusal."""
        if frame.shutdown:
            reason = "the venue announced its shutdown"
            self._retiring = asyncio.get_running_loop().create_task(self._retire(socket, reason))
        elif frame.id is None and frame.status >= 400:  # it may have meant any of them
            error = bytes(frame.error).decode("utf-8", "replace")
            socket.drop(f"refused by the venue: {error}")
