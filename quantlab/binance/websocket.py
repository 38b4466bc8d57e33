"""One WebSocket connection of a client, straight on asyncio's transport.

For the socket that orders travel on: a message costs one write, an answer one callback, and nothing
stands between our last check and the kernel's buffer. The handshake and the frames that we send are the
websockets library's; what comes is read by `frames`. It knows nothing of what messages carry; it offers no
extension, follows no redirect, reads no environment, and ends the connection at the first thing that the
standard does not allow.

Source: RFC 6455, "The WebSocket Protocol".
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from quantlab.binance.frames import CLOSE, PING, PONG, TEXT, FrameReader, Violation
from quantlab.binance.pool import keep_alive

SILENT = logging.Logger("quantlab.websockets")  # noqa: LOG001  # in no logger tree: nobody turns it on
SILENT.disabled = True
LARGEST_HEAD = 16 << 10
NORMAL, NO_CODE, NO_GOODBYE = 1000, 1005, 1006


class WebSocket(asyncio.Protocol):
    """One connection, made by `connect`.

    Args:
        on_text: Gets each text message, whole, as its bytes.
        on_end: Called once with the reason, when an open connection has ended.
        on_room: Called when `full` has become False again.

    Attributes:
        open: It can be written to.
        full: The system's buffer is full: what is written now would wait in ours.
        on_read: Called when bytes have come, before the messages in them are handed on.
        heard_s: The loop's time at which bytes last came.
        close_code: How it ended, once it has: the venue's code, or 1006 where it said none.
    """

    def __init__(
        self, on_text: Callable[[bytes], None], on_end: Callable[[str], None], on_room: Callable[[], None]
    ) -> None:
        self.open = self.full = False
        self.on_read: Callable[[], None] = _nothing
        self.heard_s = 0.0
        self.close_code: int | None = None
        self._on_end, self._on_room = on_end, on_room
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._protocol: ClientProtocol | None = None  # until the venue has said yes
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._head = bytearray()  # of the answer to the handshake, until it is whole
        self._reader = FrameReader(on_text, self._control)
        self._ended = False

    def send(self, *messages: bytes) -> None:
        """Write text messages now, in one piece."""
        assert self._transport is not None  # noqa: S101  # `open` says so
        self._transport.write(b"".join([framed(TEXT, each) for each in messages]))

    def ping(self) -> None:
        """Ask for a sign of life: whatever comes moves `heard_s`."""
        if self.open and self._transport is not None:
            self._transport.write(framed(PING, b""))

    def close(self, code: int = NORMAL) -> None:
        """Say goodbye and end the connection; the answer to it is not waited for."""
        if self.open:
            self._say_goodbye(code.to_bytes(2))
        self._end("closed by us")

    def drop(self, reason: str) -> None:
        """End the connection without a goodbye."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    async def handshake(self, url: str) -> None:
        """Ask for the upgrade and wait for the venue's yes; `ConnectionError` where it says no."""
        assert self._transport is not None  # noqa: S101  # `connect` calls us
        self._protocol = protocol = ClientProtocol(parse_uri(url), logger=SILENT)
        request = protocol.connect()
        request.headers["User-Agent"] = "quantlab"
        protocol.send_request(request)
        self._transport.write(b"".join(protocol.data_to_send()))
        await self._ready

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # what create_connection makes
        self._transport = transport
        transport.set_write_buffer_limits(high=1, low=0)  # `full` as soon as the system takes no more
        keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self.heard_s = self._loop.time()
        self.on_read()
        if not self._ready.done():
            data = self._answered(data)
        if data and self.open:
            try:
                self._reader.take(data)
            except Violation as violation:
                self._say_goodbye(violation.code.to_bytes(2))
                self._end(f"the venue sent {violation.what}")

    def eof_received(self) -> None:
        self._end("the venue closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        self._end(str(error) or type(error).__name__ if error else "the venue closed the connection")

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        if self.open:
            self._on_room()

    # --- ours

    def _answered(self, data: bytes) -> bytes:
        """The answer to the handshake; what follows it is the first frames."""
        self._head += data
        head, found, rest = bytes(self._head).partition(b"\r\n\r\n")
        if not found:
            if len(self._head) > LARGEST_HEAD:
                self.drop("the answer to the handshake has no end")
            return b""
        assert self._protocol is not None  # noqa: S101  # we have asked
        protocol, self._protocol = self._protocol, None
        protocol.receive_data(head + b"\r\n\r\n")
        if protocol.state is State.OPEN:
            self.open = True
            self._ready.set_result(None)
            return rest
        if head.startswith(b"HTTP/1.1 101"):
            self.drop("the answer to the handshake is not as RFC 6455 says")
        else:
            said = head.split(b"\r\n")[0][:60].decode("ascii", "replace")
            self.drop(f"the venue refused the handshake: {said}")
        return b""

    def _control(self, kind: int, payload: bytes) -> None:
        assert self._transport is not None  # noqa: S101  # it brought the frame
        if kind == PING:
            self._transport.write(framed(PONG, payload))
        elif kind == CLOSE:
            self.close_code = int.from_bytes(payload[:2]) if len(payload) >= 2 else NO_CODE
            self._say_goodbye(payload[:2])
            said = payload[2:].decode("utf-8", "replace")
            self._end(f"the venue closed the connection: {self.close_code} {said}".rstrip())

    def _say_goodbye(self, code: bytes) -> None:
        assert self._transport is not None  # noqa: S101  # it brought the reason
        self._transport.write(framed(CLOSE, code))
        self._transport.close()

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended, self.open = True, False
        self._reader.stopped = True
        self.close_code = NO_GOODBYE if self.close_code is None else self.close_code
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
        if not self._ready.done():
            self._ready.set_exception(ConnectionError(reason))
            self._ready.exception()  # taken: where TLS or time failed, nobody waits for it
        elif not self._ready.cancelled():
            self._on_end(reason)


def _nothing() -> None:
    """What `on_read` is where nobody wants to know."""


def framed(kind: int, payload: bytes) -> bytes:
    """One final frame of a client: masked, with a new key that nobody can foresee."""
    return Frame(Opcode(kind), payload).serialize(mask=True)


async def connect(
    url: str,
    *,
    on_text: Callable[[bytes], None],
    on_end: Callable[[str], None],
    on_room: Callable[[], None],
    ssl_context: ssl.SSLContext | None,
    timeout_s: float,
    on_read: Callable[[], None] = _nothing,
) -> WebSocket:
    """An open connection to `url` (ws or wss; `ssl_context` for wss), within `timeout_s`.

    Raises:
        OSError: There is none: no address, no connection, no TLS, no upgrade, or not in time.
        ValueError: The URL is none, or wss comes without a context.
    """
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    host, secure = parts.hostname or "", parts.scheme == "wss"
    if secure and ssl_context is None:
        raise ValueError("wss needs an ssl_context")
    socket: WebSocket | None = None

    def made() -> WebSocket:
        socket = WebSocket(on_text, on_end, on_room)
        socket.on_read = on_read
        return socket

    try:
        async with asyncio.timeout(timeout_s):
            transport, socket = await loop.create_connection(
                made, host, parts.port or (443 if secure else 80)
            )
            if secure and ssl_context is not None:  # above a transport whose buffer is limited, too
                tls = await loop.start_tls(transport, socket, ssl_context, server_hostname=host)
                socket.connection_made(cast("asyncio.Transport", tls))
            await socket.handshake(url)
    except BaseException:
        if socket is not None:
            socket.drop("the handshake was broken off")
        raise
    return socket
