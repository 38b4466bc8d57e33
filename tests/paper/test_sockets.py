"""A socket's terms: how much it may send, how it is kept alive, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets

from quantlab.errors import InvalidField
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

CLOSE, PING, PONG, TEXT = 0x8, 0x9, 0xA, 0x1


class Bare:
    """A WebSocket by hand, which answers nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, opcode: int, payload: bytes = b"") -> None:
        self.writer.write(bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame; (-1, b"") where the connection is over."""
        try:
            head = await asyncio.wait_for(self.reader.readexactly(2), 30)
            size = head[1]
            if size == 126:
                (size,) = struct.unpack(">H", await self.reader.readexactly(2))
            return head[0] & 0xF, await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return -1, b""

    async def goodbye(self) -> tuple[int, str]:
        """Read on until the Close frame; its code and reason. (0, "") where there is none."""
        while (found := await self.frame())[0] not in (CLOSE, -1):
            pass
        payload = found[1]
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()


@contextlib.asynccontextmanager
async def bare(url: str) -> AsyncIterator[Bare]:
    place, _, path = url.removeprefix("ws://").partition("/")
    host, port = place.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /{path} HTTP/1.1\r\nHost: v\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield Bare(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def quiet(**terms: Any) -> PaperVenue:
    """A venue without a market, on these terms."""
    return PaperVenue(market="none", terms=Terms(**terms))


@pytest.mark.parametrize("opcode", [TEXT, PING, PONG])
async def test_the_sixth_message_within_a_second_ends_a_stream_socket(opcode: int) -> None:
    """Control messages, pings and pongs count alike; five are taken, the next is 1008."""
    text = b'{"method":"LIST_SUBSCRIPTIONS","id":1}' if opcode == TEXT else b""
    async with quiet(message_window_s=30) as venue, bare(f"{venue.ws}/ws") as socket:
        for _ in range(5):
            socket.send(opcode, text)
        socket.send(TEXT if opcode != TEXT else PING, text)
        assert await socket.goodbye() == (1008, "Too many requests")
        assert list(venue.session.hub.outlets) == []


async def test_five_messages_a_second_are_taken_for_ever(connect) -> None:
    """The limit is on any window: at its own pace a socket lives on."""
    async with quiet(message_window_s=0.2) as venue, connect(f"{venue.ws}/ws") as socket:
        for _ in range(4):
            for _ in range(5):
                assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == []
            await asyncio.sleep(0.21)


async def test_the_websocket_api_counts_weight_and_not_messages(connect) -> None:
    """Fifty requests in a row are answered."""
    async with quiet(message_window_s=30) as venue, connect(venue.ws_api) as socket:
        assert [(await socket.ask("ping"))["status"] for _ in range(50)] == [200] * 50


async def test_a_ping_is_answered_with_its_payload(connect) -> None:
    """Whoever pings gets the pong to that ping."""
    async with quiet() as venue, connect(f"{venue.ws}/ws") as socket:
        await asyncio.wait_for(await socket.connection.ping(b"hello"), 30)


async def test_a_socket_that_never_pongs_is_ended() -> None:
    """Pings go out at their pace; the first unanswered one ends the socket with 1008 in time."""
    terms = {"ping_every_s": 0.3, "pong_within_s": 1.05}
    async with quiet(**terms) as venue, bare(f"{venue.ws}/ws") as socket:
        pings = []
        while (found := await socket.frame())[0] == PING:
            pings.append(found[1])
        assert found == (CLOSE, struct.pack(">H", 1008) + b"Pong timeout")
        assert 2 <= len(pings) <= 4
        assert len(set(pings)) == len(pings)
        assert list(venue.session.hub.outlets) == []


@pytest.mark.parametrize(
    ("answer", "lives"),
    [(lambda ping: ping, True), (lambda _: b"", False), (lambda ping: ping + b"x", False)],
    ids=["copy", "unsolicited", "another payload"],
)
async def test_only_a_copy_of_the_pings_payload_keeps_a_socket_alive(answer: Any, lives: bool) -> None:
    """Other pongs are allowed, and answer nothing."""
    terms = {"ping_every_s": 0.2, "pong_within_s": 1.2, "messages_1s": 1_000}
    async with quiet(**terms) as venue, bare(f"{venue.ws}/ws") as socket:
        pings = 0
        while pings < 10:
            opcode, payload = await socket.frame()
            if opcode != PING:
                break
            pings += 1
            socket.send(PONG, answer(payload))
        assert (pings == 10) is lives


async def test_a_pong_answers_the_pings_before_it_too() -> None:
    """As RFC 6455 has it: the answer to the latest ping is enough."""
    terms = {"ping_every_s": 0.1, "pong_within_s": 1.0, "messages_1s": 1_000}
    async with quiet(**terms) as venue, bare(f"{venue.ws}/ws") as socket:
        for count in range(1, 21):
            opcode, payload = await socket.frame()
            assert opcode == PING
            if count % 3 == 0:
                socket.send(PONG, payload)


async def test_a_socket_ends_with_its_day(connect) -> None:
    """After `socket_life_s` it is closed with 1001, streams and WebSocket API alike; a new one may come."""
    async with quiet(socket_life_s=0.3) as venue:
        for url in (f"{venue.ws}/ws", venue.ws_api):
            began = time.monotonic()
            async with connect(url) as socket:
                with pytest.raises(websockets.ConnectionClosed):
                    await socket.receive()
                assert socket.connection.close_code == 1001
                assert time.monotonic() - began >= 0.28


async def test_the_end_of_the_venue_is_announced_to_every_kind_of_socket(connect) -> None:
    """serverShutdown as raw, combined and API sockets have it, then, after the notice, 1001."""
    venue = quiet(shutdown_notice_s=0.3)
    await venue.__aenter__()
    ways = (f"{venue.ws}/ws", f"{venue.ws}/stream", venue.ws_api)
    async with contextlib.AsyncExitStack() as stack:
        raw, combined, api = [await stack.enter_async_context(connect(url)) for url in ways]
        began = time.monotonic()
        stopping = asyncio.create_task(venue.__aexit__(None, None, None))
        event = await raw.receive()
        assert event == {"e": "serverShutdown", "E": event["E"]}
        assert abs(event["E"] - time.time() * 1_000) < 10_000
        assert await combined.receive() == {"stream": "!serverShutdown", "data": event}
        assert await api.receive() == {"event": event}
        assert (await raw.ask("LIST_SUBSCRIPTIONS"))["result"] == []  # there is time to go on
        for socket in (raw, combined, api):
            with pytest.raises(websockets.ConnectionClosed):
                await socket.receive()
            assert socket.connection.close_code == 1001
        assert time.monotonic() - began >= 0.28
        await stopping


@pytest.mark.parametrize("path", ["/ws/", "/stream?streams="])
async def test_one_socket_listens_to_no_more_streams_than_the_rules_say(path: str, connect) -> None:
    """In the address it is HTTP 400, by SUBSCRIBE an error reply; the allowed number is taken."""
    names = [f"s{number}@trade" for number in range(5)]
    async with quiet(streams=4) as venue:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(f"{venue.ws}{path}{'/'.join(names)}"):
                pass
        assert refused.value.response.status_code == 400
        too_many = {"code": 2, "msg": "Invalid request: too many parameters"}
        assert json.loads(refused.value.response.body) == too_many
        async with connect(f"{venue.ws}{path}{'/'.join(names[:4])}") as socket:
            reply = await socket.ask("SUBSCRIBE", [names[4]])
            assert (reply["code"], reply["msg"]) == (2, "Invalid request: too many parameters")
            assert len((await socket.ask("LIST_SUBSCRIPTIONS"))["result"]) == 4


@pytest.mark.parametrize("kind", ["/ws", "/ws-api/v3"])
async def test_an_address_opens_no_more_connections_than_the_rules_say(kind: str, connect) -> None:
    """The fourth of three is refused in the handshake with -1034; the window's end lets it in."""
    async with PaperVenue(market="none", clock="manual", terms=Terms(connections_5m=3)) as venue:
        for _ in range(3):
            async with connect(f"{venue.ws}{kind}"):
                pass
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(f"{venue.ws}{kind}"):
                pass
        response = refused.value.response
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "300"
        assert json.loads(response.body) == {
            "code": -1034,
            "msg": "Too many connection attempts from IP; current limit is 3 per '5 MINUTE'.",
        }
        await venue.advance(300_000)
        async with connect(f"{venue.ws}{kind}"):
            pass


@pytest.mark.parametrize(
    ("change", "field"), [({"ping_every_s": 0}, "ping_every_s"), ({"streams": -1}, "streams")]
)
def test_a_rule_out_of_its_range_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    """Nothing starts with a rule that cannot hold."""
    with pytest.raises(InvalidField, match=field):
        quiet(**change)
