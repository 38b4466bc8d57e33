"""A TCP path between a client and a server that fails on demand, byte by byte.

Real sockets on a loopback port; it knows nothing of what it carries. Each direction has faults of its own:
`up` is client to server, `down` server to client. They hold for every connection, from the moment at which
they are set; offsets count from each connection's first byte in that direction.

What cannot be done on loopback: losing single packets (TCP would repeat them), or an address that is not
there. A dead path is one that carries nothing and says nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK = 65_536
TICK_S = 0.01
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, not FIN


class Direction:
    """What happens to the bytes that go one way.

    Attributes:
        frozen: Nothing passes; what comes meanwhile passes later. Both ways: a half-open connection.
        delay_s: Each piece waits so long; pieces keep their order.
        bytes_per_s: No more than this passes; 0 for no limit.
        cut_at: After so many bytes the connection ends, in the way that `cut_by` says; None for never.
        cut_by: "close" (FIN), "reset" (RST), or "half" (only this direction ends).
        corrupt_at: The byte at this offset arrives with all its bits turned; None for none.
    """

    def __init__(self) -> None:
        self.restore()

    def restore(self) -> None:
        """Sound again."""
        self.frozen = False
        self.delay_s = 0.0
        self.bytes_per_s = 0
        self.cut_at: int | None = None
        self.cut_by = "close"
        self.corrupt_at: int | None = None

    def damaged(self, data: bytes, offset: int) -> bytes:
        """`data`, whose first byte is the `offset`-th, as it arrives."""
        at = -1 if self.corrupt_at is None else self.corrupt_at - offset
        if not 0 <= at < len(data):
            return data
        return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


class _Link:
    """One connection through the proxy: two sockets, two pumps."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.client, self.server = client[1], server[1]
        self._ways = ((client[0], server[1]), (server[0], client[1]))

    async def carry(self, up: Direction, down: Direction) -> None:
        pumps = [
            asyncio.create_task(self._pump(source, sink, way))
            for (source, sink), way in zip(self._ways, (up, down), strict=True)
        ]
        try:
            await asyncio.gather(*pumps)
        except ConnectionError:
            self.reset()  # one side is gone without a goodbye: so is the other
        finally:
            for pump in pumps:
                pump.cancel()
            self.close()

    def reset(self) -> None:
        """RST to both sides."""
        for writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                with contextlib.suppress(OSError):  # it is closed on the other side already
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def close(self) -> None:
        """FIN to both sides, after what is under way."""
        for writer in (self.client, self.server):
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Direction) -> None:
        offset = 0
        while data := await source.read(CHUNK if not way.bytes_per_s else max(1, way.bytes_per_s // 20)):
            await self._hold(way, len(data))
            rest = data if way.cut_at is None else data[: max(0, way.cut_at - offset)]
            sink.write(way.damaged(rest, offset))
            offset += len(rest)
            await sink.drain()
            if way.cut_at is not None and offset >= way.cut_at and self._cut(way, sink):
                return
        while way.frozen:  # a goodbye does not pass either
            await asyncio.sleep(TICK_S)
        with contextlib.suppress(OSError):  # the other side has closed already
            sink.write_eof()

    async def _hold(self, way: Direction, size: int) -> None:
        """Wait as long as the direction says."""
        if way.delay_s:
            await asyncio.sleep(way.delay_s)
        if way.bytes_per_s:
            await asyncio.sleep(size / way.bytes_per_s)
        while way.frozen:
            await asyncio.sleep(TICK_S)

    def _cut(self, way: Direction, sink: asyncio.StreamWriter) -> bool:
        """End what is to end here; True: nothing more goes this way."""
        if way.cut_by == "half":
            sink.write_eof()
        elif way.cut_by == "reset":
            self.reset()
        else:
            self.close()
        return True


class FaultProxy:
    """A path to the host and port of `upstream`, a URL; `url` is the same URL through the proxy.

    Attributes:
        up, down: The two directions.
        connections: How many clients have connected.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.up, self.down = Direction(), Direction()
        self.connections = 0
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.accept()
        self.url = self._upstream._replace(netloc=f"127.0.0.1:{self._port}").geturl()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._links)

    def freeze(self) -> None:
        """A half-open path: both ways carry nothing, and nobody is told. New connections stay silent too."""
        self.up.frozen = self.down.frozen = True

    def restore(self) -> None:
        """Sound again, both ways; what was held back passes."""
        self.up.restore()
        self.down.restore()

    def reset(self) -> None:
        """RST to both sides of every open connection."""
        for link in list(self._links):
            link.reset()

    def close(self) -> None:
        """FIN to both sides of every open connection."""
        for link in list(self._links):
            link.close()

    def half_close(self) -> None:
        """The server's side of every open connection ends; what the client sends still passes."""
        for link in list(self._links):
            link.client.write_eof()

    def refuse(self) -> None:
        """Nobody listens any more: new connections are refused, open ones go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def accept(self) -> None:
        """Listen, again on the same port."""
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected. The task is ours: one of asyncio's would report its own cancellation."""
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link((reader, writer), there)
        self._links.add(link)
        try:
            await link.carry(self.up, self.down)
        finally:
            self._links.discard(link)
