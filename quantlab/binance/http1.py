"""HTTP/1.1 connections that are kept: one request at a time on each, written in one piece.

An httpx transport. httpx keeps its interface (requests, responses, decoders); below it are an asyncio
protocol and the parser of httptools (llhttp), so that a request costs a write and a wake-up. A request
is written once, whole, and never again: whoever asks learns whether a byte had left.

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httptools
import httpx

PIECE = 64 << 10  # of a body: what one step of a decoder may unfold
SWITCHING = 101
Headers = list[tuple[bytes, bytes]]


class Broken(httpx.TransportError):
    """The connection ended, or what came was no HTTP, before the answer was whole."""


class Answer:
    """One response, whole, its body as it was sent."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Connection(asyncio.Protocol):
    """One TCP or TLS connection, and the parser of what comes from it.

    Args:
        largest: Bytes that a body may have, as it is sent.
        ended: Called once when the connection is of no more use.
    """

    __slots__ = (
        "_answer", "_bytes", "_ended", "_framed", "_headers", "_largest", "_parser", "_parts", "_transport",
        "open",
    )  # fmt: skip

    def __init__(self, largest: int, ended: Callable[[Connection], None]) -> None:
        self.open = False
        self._largest = largest
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._headers: Headers = []
        self._parts: list[bytes] | None = None  # of the body, once the headers are whole
        self._begin()

    async def exchange(self, request: bytes, about_to_write: Callable[[], None]) -> Answer:
        """Write a request, once, and wait for its answer.

        `about_to_write` is called at the last moment; what it raises keeps the request here. If the
        caller goes away the connection is dropped: its answer would be taken for the next one's.
        """
        transport = self._transport
        if transport is None or not self.open:
            raise Broken("the connection has ended")
        self._answer = answer = asyncio.get_running_loop().create_future()
        try:
            about_to_write()
        except BaseException:
            self._answer = None
            raise
        transport.write(request)
        try:
            whole: Answer = await answer
        except asyncio.CancelledError:
            self.drop()
            raise
        return whole

    def drop(self) -> None:
        """End the connection without a goodbye."""
        if self._transport is not None:
            self._transport.abort()
        self._end(None)

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # what create_connection makes
        self._transport, self.open = transport, True

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody has asked: whatever this is, it answers nothing
            self.drop()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Broken(f"no HTTP: {error}"))

    def eof_received(self) -> None:
        if self._answer is not None and self._parts is not None and not self._framed:
            self._complete(keep=False)  # a body without a length ends with the connection
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)

    # --- the parser's side

    def on_status(self, _reason: bytes) -> None:
        pass

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        lower = name.lower()
        if lower in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self._parts = []

    def on_body(self, body: bytes) -> None:
        assert self._parts is not None  # noqa: S101  # the parser's order
        self._bytes += len(body)
        if self._bytes > self._largest:
            self._fail(Broken(f"the reply is longer than {self._largest >> 20} MiB"))
            return
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._answer is None:
            return
        status = self._parser.get_status_code()
        if status < 200 and status != SWITCHING:  # an interim response: the real one follows
            self._headers, self._framed, self._parts = [], False, None
            return
        self._complete(keep=self._parser.should_keep_alive() and status != SWITCHING)

    # --- ours

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._parts = [], None
        self._bytes = 0
        self._framed = False

    def _complete(self, *, keep: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is None or self._parts is None:
            return
        parts = self._parts
        whole = Answer(
            self._parser.get_status_code(), self._headers, parts[0] if len(parts) == 1 else b"".join(parts)
        )
        if keep:
            self._begin()
        else:
            self.drop()
        if not answer.done():
            answer.set_result(whole)

    def _fail(self, error: Exception) -> None:
        answer, self._answer = self._answer, None
        self.drop()
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _end(self, error: Exception | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            told = f": {error}" if error is not None and str(error) else ""
            answer.set_exception(Broken(f"the connection ended before the answer was whole{told}"))
        if self.open:
            self.open = False
            self._ended(self)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
