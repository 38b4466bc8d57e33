"""The proxy that fails on demand does exactly what it says, and is invisible while nothing is asked of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import websockets

sys.path.append(str(Path(__file__).parent))  # faultproxy.py stands beside the folders that use it

from faultproxy import FaultProxy

from quantlab.paper.venue import PaperVenue

HELLO = bytes(range(256)) * 4
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Far:
    """A server that sends HELLO at once, and keeps what it gets and how it ended."""

    def __init__(self) -> None:
        self.got = b""
        self.ended = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        try:
            while data := await reader.read(1 << 16):
                self.got += data
            self.ended = "FIN"
        except ConnectionResetError:
            self.ended = "RST"
        finally:
            writer.close()


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    far = Far()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    far.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield far
    server.close()


@pytest.fixture
async def proxy(far: Far) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(far.url) as proxy:
        yield proxy


async def connect(proxy: FaultProxy) -> Ends:
    host, port = proxy.url.removeprefix("tcp://").split(":")
    return await asyncio.open_connection(host, int(port))


async def eventually(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_sound_path_carries_every_byte_both_ways(proxy: FaultProxy, far: Far) -> None:
    """A megabyte up, the greeting down, and each side's goodbye."""
    reader, writer = await connect(proxy)
    sent = bytes(range(256)) * 4_096
    writer.write(sent)
    assert await reader.readexactly(len(HELLO)) == HELLO
    writer.write_eof()
    assert await reader.read() == b""
    await eventually(lambda: far.ended)

    assert (far.got, far.ended) == (sent, "FIN")
    assert proxy.connections == 1
    await eventually(lambda: proxy.open == 0)


async def test_a_reset_reaches_both_sides_as_one(proxy: FaultProxy, far: Far) -> None:
    """RST, not FIN: the client's read fails, and so does the server's."""
    reader, writer = await connect(proxy)
    writer.write(b"order")
    await reader.readexactly(len(HELLO))
    await eventually(lambda: far.got == b"order")
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await eventually(lambda: far.ended)

    assert far.ended == "RST"


async def test_a_frozen_path_is_silent_and_loses_nothing(proxy: FaultProxy, far: Far) -> None:
    """Half-open: both sides believe in their connection; afterwards everything is there."""
    reader, writer = await connect(proxy)
    await reader.readexactly(len(HELLO))
    proxy.freeze()
    writer.write(b"into the void")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)
    assert far.got == b""
    late_reader, _ = await connect(proxy)  # the path looks open
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(late_reader.read(1), 0.3)
    proxy.restore()
    assert await late_reader.readexactly(len(HELLO)) == HELLO
    await eventually(lambda: far.got == b"into the void")


async def test_one_way_can_be_dead_alone(proxy: FaultProxy, far: Far) -> None:
    """What the client sends arrives; no answer does."""
    proxy.down.frozen = True
    reader, writer = await connect(proxy)
    writer.write(b"order")
    await eventually(lambda: far.got == b"order")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.3)


async def test_a_half_close_ends_one_way_only(proxy: FaultProxy, far: Far) -> None:
    """The client reads the end and can still send."""
    reader, writer = await connect(proxy)
    await reader.readexactly(len(HELLO))
    proxy.half_close()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.write(b"still here")
    await eventually(lambda: far.got == b"still here")


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize("at", [0, 1, 255, 256, 1_023])
async def test_a_truncation_is_exact_to_the_byte(proxy: FaultProxy, at: int, how: str) -> None:
    """So many bytes of the greeting and no more, however it then ends."""
    proxy.down.cut_at, proxy.down.cut_by = at, how
    reader, _ = await connect(proxy)
    got = b""
    try:
        while piece := await asyncio.wait_for(reader.read(1 << 16), 5):
            got += piece
        ended = "FIN"
    except ConnectionResetError:
        ended = "RST"

    if how == "reset":  # a reset may overtake what was on its way
        assert (HELLO[:at].startswith(got), ended) == (True, "RST")
    else:
        assert (got, ended) == (HELLO[:at], "FIN")


async def test_a_truncation_up_cuts_a_request(proxy: FaultProxy, far: Far) -> None:
    """The server has the first three bytes of the order."""
    proxy.up.cut_at = 3
    _, writer = await connect(proxy)
    writer.write(b"order")
    await eventually(lambda: far.ended)

    assert far.got == b"ord"


@pytest.mark.parametrize("at", [0, 77, 1_023, 5_000])
async def test_one_byte_is_corrupt_and_no_other(proxy: FaultProxy, at: int) -> None:
    """All bits of the byte at the offset are turned; beyond the end nothing is."""
    proxy.down.corrupt_at = at
    reader, _ = await connect(proxy)
    got = await reader.readexactly(len(HELLO))

    wrong = [place for place in range(len(HELLO)) if got[place] != HELLO[place]]
    assert wrong == ([at] if at < len(HELLO) else [])
    assert all(got[place] == HELLO[place] ^ 0xFF for place in wrong)


async def test_a_delayed_path_keeps_the_order(proxy: FaultProxy, far: Far) -> None:
    """Every piece is late by as much as was asked for, none overtakes."""
    reader, writer = await connect(proxy)
    await reader.readexactly(len(HELLO))
    proxy.up.delay_s = 0.2
    began = time.monotonic()
    for number in range(5):
        writer.write(bytes((number,)))
        await asyncio.sleep(0.01)
    await eventually(lambda: len(far.got) == 5)

    assert time.monotonic() - began >= 0.2
    assert far.got == bytes(range(5))


async def test_a_throttled_path_is_as_slow_as_it_says(proxy: FaultProxy) -> None:
    """1,024 bytes at 2,048 a second take half a second, and come in pieces."""
    proxy.down.bytes_per_s = 2_048
    began = time.monotonic()
    reader, _ = await connect(proxy)
    pieces = []
    while sum(map(len, pieces)) < len(HELLO):
        pieces.append(await asyncio.wait_for(reader.read(1 << 16), 10))

    assert b"".join(pieces) == HELLO
    assert time.monotonic() - began >= 0.45
    assert len(pieces) > 4


async def test_a_refused_connection_is_refused_and_the_port_comes_back(proxy: FaultProxy) -> None:
    """Open connections go on; new ones fail at once; later the same address works again."""
    reader, _ = await connect(proxy)
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    assert await reader.readexactly(len(HELLO)) == HELLO
    await proxy.accept()
    again, _ = await connect(proxy)
    assert await again.readexactly(len(HELLO)) == HELLO


async def test_a_server_that_is_not_there_drops_the_client(far: Far) -> None:
    """The proxy cannot reach it, and says so by hanging up."""
    async with FaultProxy("tcp://127.0.0.1:1") as proxy:
        reader, _ = await connect(proxy)
        try:
            ended = await asyncio.wait_for(reader.read(), 5)
        except ConnectionResetError:
            ended = b""
        assert ended == b""


async def test_nothing_is_left_behind(far: Far) -> None:
    """Twenty connections, all ways of ending: no task and no link survives the proxy."""
    before = len(asyncio.all_tasks())
    async with FaultProxy(far.url) as proxy:
        ends = [await connect(proxy) for _ in range(20)]
        await eventually(lambda: proxy.open == 20)
        for _, writer in ends[:5]:
            writer.close()
        proxy.half_close()
        proxy.reset()
        for _, writer in ends:
            writer.close()
    await eventually(lambda: len(asyncio.all_tasks()) <= before)

    assert proxy.open == 0


# -- before the venue


async def test_an_order_whose_reply_is_reset_lives(client_of_venue: type) -> None:
    """N2: the request passes, its reply does not; the venue has the order."""
    async with (
        PaperVenue(market="none") as venue,
        FaultProxy(venue.rest) as proxy,
        client_of_venue(venue) as client,
    ):
        proxy.down.cut_at, proxy.down.cut_by = 0, "reset"
        client.http.base_url = httpx.URL(proxy.url)
        order = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
        }
        with pytest.raises(httpx.TransportError):
            await client.signed("POST", "/api/v3/order", **order, price="59000")

        assert len(venue.exchange.open_orders("account-1")) == 1


async def test_a_corrupt_byte_breaks_a_stream_or_its_text() -> None:
    """N31: wherever in a message the byte is, the client notices: protocol error or broken text."""

    async def listen(messages: int) -> None:
        url = f"{proxy.url}/ws/btcusdt@depth@100ms"
        async with websockets.connect(url, proxy=None, compression=None) as socket:
            for _ in range(messages):
                json.loads(await asyncio.wait_for(socket.recv(), 20))

    async with PaperVenue() as venue, FaultProxy(venue.ws) as proxy:
        await listen(3)
        proxy.down.corrupt_at = 400  # past the handshake, within the first messages
        with pytest.raises((websockets.ConnectionClosedError, UnicodeDecodeError)):
            await listen(50)


async def test_a_proxy_that_is_closed_with_connections_open_leaves_nothing_to_report(far: Far) -> None:
    """Its tasks are cancelled and awaited; asyncio has no exception of theirs to complain of."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    async with FaultProxy(far.url) as proxy:
        reader, writer = await connect(proxy)
        assert await reader.readexactly(len(HELLO)) == HELLO
        assert proxy.open == 1
    assert await reader.read() == b""
    await asyncio.sleep(0)  # callbacks of the tasks that ended

    assert (proxy.open, reported) == (0, [])
    writer.close()


@pytest.fixture
def client_of_venue() -> type:
    sys.path.append(str(Path(__file__).parent / "paper"))
    from venueclient import Client

    return Client
