"""One persistent HTTP connection pool to one venue, and the gate at its write.

It sends what it is given, once, and answers with a value: a reply, or why there is none and
whether a byte had left. It never raises with a signed request in a frame of the traceback,
never follows a redirect, reads no proxy or certificate from the environment, and speaks plain
HTTP to loopback alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

import httpx

from quantlab.binance.addresses import checked_url, own_ssl_context
from quantlab.binance.errors import TEXT_LENGTH, redact
from quantlab.binance.pool import Pieces, Pool, PooledTransport
from quantlab.binance.timeouts import Phases, Timeouts
from quantlab.errors import EngineStopped, Halted, WrongThread

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

CONNECTIONS = 8
LARGEST_BODY = 32 << 20  # bytes, decoded; the largest reply of the venue has 10 MB
HEADERS = {"User-Agent": "quantlab", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}


class Latch(Protocol):
    """What the gate asks before each order: `quantlab.wire.HaltLatch`."""

    @property
    def generation(self) -> int:
        """How often HALT was set so far."""
        ...

    def check(self, generation: int | None = None) -> None:
        """Raise `Halted` while HALT is set, or where it was set since `generation`."""
        ...


class Reply:
    """The venue answered. The body is decoded later, by a codec.

    Its repr shows no header and no byte of the body: a venue may repeat our signed request.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.body)} bytes>"

    @property
    def retry_after_s(self) -> int | None:
        """Seconds to wait, of 429 and 418; None where the venue did not say."""
        text = next((value for name, value in self.headers if name.lower() == "retry-after"), "")
        return int(text) if text.isdecimal() else None


class Lost(NamedTuple):
    """There is no answer. `sent` False is a proof that no byte of the request left."""

    cause: str
    sent: bool
    timed_out: bool = False
    halted: bool = False


class Gate:
    """Asks the latch for one request: before a connection is opened for it, and at the write.

    Orders that queued up for a connection while HALT was set do not open one each. What passed
    the last check is in flight.
    """

    __slots__ = ("_halts", "_latch", "written")

    def __init__(self, latch: Latch | None, halts: int | None) -> None:
        self._latch = latch
        self._halts = halts
        self.written = False

    def check(self) -> None:
        if self._latch is not None:
            self._latch.check(self._halts)

    def write(self) -> None:
        self.check()
        self.written = True


class Transport:
    """The HTTP side of a `BinanceClient`: one pool of connections for life.

    Made on first use, on the loop that uses it, and used from no other. `timeout_s` bounds a
    whole exchange, from queueing for a connection to the last byte of the reply; `timeouts`, instead,
    each phase of it.

    httpx's own pool polls every idle connection on each request, and its client builds a request
    several times over; requests and responses are httpx's here, what is between them is `pool`
    (measured in tests/benchmarks/bench_rest.py).
    """

    def __init__(
        self,
        rest: str,
        *,
        timeout_s: float,
        timeouts: Timeouts | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.base = checked_url(rest)
        self._timeouts = (timeouts or Timeouts.within(timeout_s)).checked()
        self._ssl_context = ssl_context
        self._http: PooledTransport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._urls: dict[str, httpx.URL] = {}
        self._kept: dict[tuple[tuple[str, str], ...], httpx.Headers] = {}

    async def exchange(
        self,
        verb: str,
        path: str,
        query: Callable[[], str],
        *,
        headers: Mapping[str, str] | None = None,
        latch: Latch | None = None,
        halts: int | None = None,
    ) -> Reply | Lost:
        """Send one request and wait for its reply, for as long as the timeouts say. Never sends it again.

        Args:
            verb: GET, POST, DELETE.
            path: From the root, "/api/v3/order".
            query: Makes the encoded query, signature included; called here, so that no caller's
                frame ever holds it.
            headers: More request headers: the API key.
            latch: Asked at the write, for what HALT stops; None for everything else.
            halts: The latch's generation that this was decided on; a HALT since then stops it.
        """
        http, gate, phases = self._bound(), Gate(latch, halts), Phases(self._timeouts)

        def connecting() -> None:
            gate.check()
            phases.connecting()

        def writing() -> None:
            gate.write()
            phases.writing()

        try:
            gate.check()
            async with phases.begin():
                url = self._url(path)
                target = url.raw_path + (b"?" + text.encode("ascii") if (text := query()) else b"")
                request = httpx.Request(
                    verb,
                    url,
                    headers=self._headers(headers or {}),
                    extensions={"hooks": (connecting, writing), "target": target},
                )
                response = await http.handle_async_request(request)
                body = await _bounded(response)
        except Halted as halted:
            return Lost(halted.reason, sent=False, halted=True)
        except TimeoutError:
            return Lost(phases.missed, sent=gate.written, timed_out=True)
        except Exception as error:  # noqa: BLE001 - whatever broke: the caller must learn whether a byte left
            return Lost(
                _describe(error), sent=gate.written, timed_out=isinstance(error, httpx.TimeoutException)
            )
        return Reply(response.status_code, tuple(response.headers.items()), body)

    @property
    def handshakes(self) -> int:
        """Connections made so far."""
        return 0 if self._http is None else self._http.pool.handshakes

    async def warm(self, spare: int = 1) -> int:
        """Have `spare` connections ready that nobody uses; how many there are.

        What cannot be connected is left for later: the next request says why, to the one who asks.
        """
        pool = self._bound().pool
        with contextlib.suppress(TimeoutError, httpx.TransportError):
            async with asyncio.timeout(self._timeouts.whole_s):
                await pool.warm(spare)
        return pool.idle

    async def aclose(self) -> None:
        """Close every connection; idempotent. Nothing can be sent afterwards."""
        self._closed = True
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def _url(self, path: str) -> httpx.URL:
        """Without the query, which travels as the request's target: httpx checks a URL letter by letter."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = httpx.URL(f"{self.base}{path}")
        return url

    def _headers(self, more: Mapping[str, str]) -> httpx.Headers:
        """The headers of every request and these; kept, because there are one or two kinds of them."""
        key = tuple(more.items())
        headers = self._kept.get(key)
        if headers is None:
            headers = self._kept[key] = httpx.Headers({**HEADERS, **more})
        return headers

    def _bound(self) -> PooledTransport:
        if self._closed:
            raise EngineStopped("this client is closed; make a new one")
        loop = asyncio.get_running_loop()
        if self._http is None:
            self._http, self._loop = self._connect(), loop
        elif self._loop is not loop:
            raise WrongThread("a client belongs to the event loop that used it first; make one per loop")
        return self._http

    def _connect(self) -> PooledTransport:
        parts = urlsplit(self.base)
        secure = parts.scheme == "https"
        context = (self._ssl_context or own_ssl_context()) if secure else None
        port = parts.port or (443 if secure else 80)
        return PooledTransport(
            Pool(
                parts.hostname or "", port,
                context=context, most=CONNECTIONS, largest=LARGEST_BODY,
                connect_timeout_s=self._timeouts.connect_s,
            )
        )  # fmt: skip


async def _bounded(response: httpx.Response) -> bytes:
    """The body, decoded; one that grows beyond `LARGEST_BODY` is cut off while it grows."""
    if isinstance(response.stream, Pieces) and "content-encoding" not in response.headers:
        return response.stream.body  # nothing to unfold, and the pool bounds what is sent
    parts, size = [], 0
    try:
        async for part in response.aiter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST_BODY:
                raise ValueError(f"the reply is longer than {LARGEST_BODY >> 20} MiB")
    finally:
        await response.aclose()
    return b"".join(parts)


def _describe(error: Exception) -> str:
    text = redact(str(error))[:TEXT_LENGTH]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
