"""One persistent HTTP connection pool to one venue, and the gate at its write.

It sends what it is given, once, and answers with a value: a reply, or why there is none and
whether a byte had left. It never raises with a signed request in a frame of the traceback,
never follows a redirect, reads no proxy or certificate from the environment, and speaks plain
HTTP to loopback alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from quantlab.binance.errors import TEXT_LENGTH, redact
from quantlab.errors import ConfigError, EngineStopped, Halted, WrongThread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

CONNECTIONS = 8
LARGEST_BODY = 32 << 20  # bytes, decoded; the largest reply of the venue has 10 MB
CONNECT_TIMEOUT_S = 5.0
BEFORE_THE_WIRE = ("connection.connect_tcp.started", "http11.send_request_headers.started")
HEADERS_START = BEFORE_THE_WIRE[1]
LOGGERS = ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


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


class _Gate:
    """httpx's trace hook for one request: asks the latch at the last moment, notes the write.

    Asked again before a connection is opened, so that orders which queued up for one while
    HALT was set do not open a connection each. What passed the last check is in flight.
    """

    __slots__ = ("_halts", "_latch", "written")

    def __init__(self, latch: Latch | None, halts: int | None) -> None:
        self._latch = latch
        self._halts = halts
        self.written = False

    def check(self) -> None:
        if self._latch is not None:
            self._latch.check(self._halts)

    async def __call__(self, event: str, _info: object) -> None:
        if event in BEFORE_THE_WIRE:
            self.check()
            self.written = self.written or event == HEADERS_START


class Transport:
    """The HTTP side of a `BinanceClient`: one `httpx.AsyncClient` for life.

    Made on first use, on the loop that uses it, and used from no other. `timeout_s` bounds a
    whole exchange, from queueing for a connection to the last byte of the reply.
    """

    def __init__(self, rest: str, *, timeout_s: float, ssl_context: ssl.SSLContext | None = None) -> None:
        self.base = _checked_base(rest)
        self._timeout_s = timeout_s
        self._ssl_context = ssl_context
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        hide_secrets_in_logs()

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
        """Send one request and wait for its reply, `timeout_s` at most. Never sends it again.

        Args:
            verb: GET, POST, DELETE.
            path: From the root, "/api/v3/order".
            query: Makes the encoded query, signature included; called here, so that no caller's
                frame ever holds it.
            headers: More request headers: the API key.
            latch: Asked at the write, for what HALT stops; None for everything else.
            halts: The latch's generation that this was decided on; a HALT since then stops it.
        """
        import httpx

        client = self._bound_client()
        gate = _Gate(latch, halts)
        try:
            gate.check()
            async with asyncio.timeout(self._timeout_s):
                request = client.build_request(
                    verb,
                    f"{self.base}{path}?{query()}".rstrip("?"),
                    headers=headers,
                    extensions={"trace": gate},
                )
                response = await client.send(request, stream=True)
                body = await _bounded(response)
        except Halted as halted:
            return Lost(halted.reason, sent=False, halted=True)
        except TimeoutError:
            return Lost(f"no answer within {self._timeout_s:g} s", sent=gate.written, timed_out=True)
        except Exception as error:  # noqa: BLE001 - whatever broke: the caller must learn whether a byte left
            return Lost(
                _describe(error), sent=gate.written, timed_out=isinstance(error, httpx.TimeoutException)
            )
        return Reply(response.status_code, tuple(response.headers.items()), body)

    async def aclose(self) -> None:
        """Close every connection; idempotent. Nothing can be sent afterwards."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _bound_client(self) -> httpx.AsyncClient:
        if self._closed:
            raise EngineStopped("this client is closed; make a new one")
        loop = asyncio.get_running_loop()
        if self._client is None:
            self._client, self._loop = self._connect(), loop
        elif self._loop is not loop:
            raise WrongThread("a client belongs to the event loop that used it first; make one per loop")
        return self._client

    def _connect(self) -> httpx.AsyncClient:
        import httpx

        secure = self.base.startswith("https:")
        context = self._ssl_context or (
            own_ssl_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                verify=context,
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=CONNECTIONS,
                    max_keepalive_connections=CONNECTIONS,
                    keepalive_expiry=None,  # the venue closes idle connections, we never do
                ),
                retries=0,
                socket_options=_keepalive_options(),
            ),
            timeout=httpx.Timeout(self._timeout_s, connect=min(CONNECT_TIMEOUT_S, self._timeout_s)),
            headers={"User-Agent": "quantlab"},
            follow_redirects=False,
            trust_env=False,
        )


class _Redactor(logging.Filter):
    """Takes signatures and keys out of a record before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


_REDACTOR = _Redactor()


def hide_secrets_in_logs() -> None:
    """Make the HTTP libraries' loggers safe at every level: httpx logs whole URLs at INFO.

    A logger's filter does not see its children's records, hence the list. Idempotent.
    """
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_REDACTOR)


def _checked_base(rest: str) -> str:
    """The base URL without its last slash, or `ConfigError`."""
    parts = urlsplit(rest)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(
            "the venue's REST address is no http(s) URL", "give one like https://api.binance.com"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"the REST address of {host} carries a user, a query or a fragment",
            "give only scheme, host and port",
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(f"plain http to {host} would show orders and keys", f"use https://{parts.netloc}")
    return rest.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _bounded(response: httpx.Response) -> bytes:
    """The body, decoded; one that grows beyond `LARGEST_BODY` is cut off while it grows."""
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


def own_ssl_context() -> ssl.SSLContext:
    """TLS that trusts certifi's authorities only: SSL_CERT_FILE, set by a cell, cannot redirect us."""
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def _keepalive_options() -> list[tuple[int, int, int]]:
    """TCP keep-alive that notices a dead path within half a minute; what the platform lacks is left out."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


def _describe(error: Exception) -> str:
    text = redact(str(error))[:TEXT_LENGTH]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
