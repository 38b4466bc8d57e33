"""The connections to one venue: at most so many, the warmest first, one spare always ready.

Source: RFC 9112, section 9.3 (persistence).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from quantlab.binance.http1 import PIECE, Answer, Broken, Connection
from quantlab.binance.timeouts import CONNECT_S

Hook = Callable[[], None]


def nothing() -> None:
    """The hook of a request that nobody watches."""


class Pool:
    """Connections to one origin, made when needed and kept until the venue ends them.

    Args:
        host, port: Where to connect.
        context: For TLS; None for plain TCP.
        most: Connections at the same time; who comes later waits for one.
        largest: Bytes that a body may have, as it is sent.
        connect_timeout_s: For one connection, handshake included.

    Attributes:
        handshakes: Connections made so far.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None,
        most: int,
        largest: int,
        connect_timeout_s: float = CONNECT_S,
    ) -> None:
        self.handshakes = 0
        self._host, self._port, self._context = host, port, context
        self._most, self._largest = most, largest
        self._connect_timeout_s = connect_timeout_s
        self._idle: list[Connection] = []  # the last one used is the first one taken: it is the warmest
        self._busy: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def idle(self) -> int:
        """Connections that could be used at once."""
        return len(self._idle)

    async def exchange(
        self, request: bytes, *, connecting: Hook = nothing, writing: Hook = nothing
    ) -> Answer:
        """Write one request on a connection of its own, and wait for the answer.

        `connecting` is called before a connection is opened for it, `writing` at the write.
        """
        connection = await self._take(connecting)
        try:
            return await connection.exchange(request, writing)
        finally:
            self._give_back(connection)

    async def warm(self, count: int = 1) -> None:
        """Have at least `count` connections ready; one that cannot be made is left for later."""
        while not self._closed and len(self._idle) < count and self._room():
            self._give_back(await self._open(nothing))

    async def aclose(self) -> None:
        """End every connection; idempotent. Requests under way are broken off."""
        self._closed = True
        for connection in [*self._idle, *self._busy]:
            connection.drop()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(Broken("the client was closed"))
        await asyncio.sleep(0)  # the transports' own goodbyes

    async def _take(self, connecting: Hook) -> Connection:
        while True:
            if self._closed:
                raise Broken("the client was closed")
            if self._idle:
                connection = self._idle.pop()
                self._busy.add(connection)
                return connection
            if self._room():
                connection = await self._open(connecting)
                if self._closed:
                    connection.drop()
                    continue
                self._busy.add(connection)
                return connection
            await self._wait()

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # our turn came as we left: it is the next one's
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _room(self) -> bool:
        return len(self._idle) + len(self._busy) + self._opening < self._most

    async def _open(self, connecting: Hook) -> Connection:
        connecting()
        self._opening += 1
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                transport, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._largest, self._ended),
                    self._host,
                    self._port,
                    ssl=self._context,
                    server_hostname=self._host if self._context is not None else None,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection within {self._connect_timeout_s:g} s") from None
        except OSError as error:  # an ssl.SSLError is one, too
            raise httpx.ConnectError(str(error)) from None
        finally:
            self._opening -= 1
            self._wake()
        self.handshakes += 1
        keep_alive(transport.get_extra_info("socket"))
        return connection

    def _give_back(self, connection: Connection) -> None:
        self._busy.discard(connection)
        if self._closed:
            connection.drop()
        elif connection.open:
            self._idle.append(connection)
        self._wake()

    def _ended(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class PooledTransport(httpx.AsyncBaseTransport):
    """The pool as httpx sees it. A request's extension "hooks" is (connecting, writing), its "target",
    as httpx has it, what is asked for instead of the URL's path.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; timeouts are the caller's (`asyncio.timeout`): a whole one, not one per read."""
        connecting, writing = request.extensions.get("hooks", (nothing, nothing))
        answer = await self.pool.exchange(await written(request), connecting=connecting, writing=writing)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=Pieces(answer.body), request=request
        )

    async def aclose(self) -> None:
        await self.pool.aclose()


class Pieces(httpx.AsyncByteStream):
    """A body, handed to the decoders piece by piece: what they unfold can be counted on the way."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), PIECE):
            yield self.body[start : start + PIECE]


async def written(request: httpx.Request) -> bytes:
    """A request as its bytes."""
    target = request.extensions.get("target") or request.url.raw_path
    parts = [request.method.encode(), b" ", target, b" HTTP/1.1\r\n"]
    for name, value in request.headers.raw:
        parts += (name, b": ", value, b"\r\n")
    parts += (b"\r\n", await request.aread())
    return b"".join(parts)


def keep_alive(connection: Any) -> None:
    """TCP keep-alive that notices a dead path within half a minute; what the platform lacks is left out."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
