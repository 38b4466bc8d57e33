"""The slim WebSocket against a server that keeps to the standard, and against one that does not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import random
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from quantlab.binance.websocket import WebSocket, connect


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.001)


class Heard:
    """One socket and all that it said."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.ends: list[str] = []
        self.socket: WebSocket

    async def open(self, url: str) -> WebSocket:
        self.socket = await connect(
            url, on_text=self.texts.append, on_end=self.ends.append, on_room=lambda: None,
            ssl_context=None, timeout_s=2.0,
        )  # fmt: skip
        return self.socket

    async def end(self) -> None:
        await until(lambda: self.ends)


@pytest.fixture
async def server() -> AsyncIterator[Any]:
    """Echoes; "close CODE", "ping" and "pieces" make it do that."""

    async def converse(connection: ServerConnection) -> None:
        async for message in connection:
            word, _, rest = str(message).partition(" ")
            if word == "close":
                await connection.close(int(rest), "so long")
            elif word == "ping":
                await (await connection.ping(b"are you there"))
                await connection.send("pong heard")
            elif word == "pieces":
                await connection.send(iter(["a" * 70_000, "b" * 10, "", "c" * 200]))
            elif word == "binary":
                await connection.send(b"\x00\x01")
            else:
                await connection.send(message)

    async with serve(converse, "127.0.0.1", 0, max_size=None) as made:
        yield f"ws://127.0.0.1:{next(iter(made.sockets)).getsockname()[1]}/ws?x=1"


async def test_messages_of_every_length_go_and_come_unchanged(server: str) -> None:
    """Around each bound of the length field, one by one and many in one write."""
    heard = Heard()
    socket = await heard.open(server)
    lengths = [0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 1_000_000]
    messages = [bytes(random.Random(n).choices(b"abcdefgh", k=n)) for n in lengths]
    socket.send(*messages)
    for each in messages:
        socket.send(each)
    await until(lambda: len(heard.texts) == 2 * len(messages))
    assert heard.texts == messages * 2
    socket.close()
    assert heard.ends == ["closed by us"]


async def test_pings_are_answered_pieces_joined_and_our_own_ping_is_heard(server: str) -> None:
    heard = Heard()
    socket = await heard.open(server)
    socket.send(b"ping", b"pieces")
    await until(lambda: len(heard.texts) == 2)
    assert heard.texts == [b"pong heard", b"a" * 70_000 + b"b" * 10 + b"c" * 200]
    before_s = socket.heard_s
    socket.ping()
    await until(lambda: socket.heard_s > before_s)
    socket.close()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1012])
async def test_a_goodbye_is_told_with_its_code_and_its_reason(server: str, code: int) -> None:
    heard = Heard()
    socket = await heard.open(server)
    socket.send(b"close %d" % code)
    await until(lambda: heard.ends)
    assert heard.ends == [f"the venue closed the connection: {code} so long"]
    assert (socket.close_code, socket.open) == (code, False)


async def test_a_binary_message_ends_the_connection(server: str) -> None:
    heard = Heard()
    socket = await heard.open(server)
    socket.send(b"binary")
    await until(lambda: heard.ends)
    assert heard.ends == ["the venue sent a binary message"]


def accepted(head: bytes) -> bytes:
    key = next(line for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: "))[19:]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return b"HTTP/1.1 101 X\r\nupgrade: WebSocket\r\nCONNECTION: Upgrade\r\nSec-WebSocket-Accept: " + accept


@pytest.fixture
async def raw() -> AsyncIterator[Any]:
    """A server that takes the handshake (or plays `instead`) and then writes `frames`, piece by piece."""

    class Raw:
        instead: Callable[[bytes], bytes] | None = None
        frames: bytes = b""
        piece = 1 << 20
        hold = True

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answer = accepted(head) + b"\r\n\r\n" if Raw.instead is None else Raw.instead(head)
        data = answer + Raw.frames
        for start in range(0, len(data), Raw.piece):
            writer.write(data[start : start + Raw.piece])
            await writer.drain()
            if Raw.piece < 100:
                await asyncio.sleep(0)
        if Raw.hold:
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(converse, "127.0.0.1", 0)
    Raw.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"  # type: ignore[attr-defined]
    yield Raw
    listening.close()


async def test_frames_that_come_byte_by_byte_with_the_handshake_are_the_same(raw: Any) -> None:
    raw.piece = 1
    raw.frames = (
        b"\x81\x05hello" + b"\x89\x01x" + b"\x01\x02ab" + b"\x80\x01c" + b"\x81\x7e\x00\x80" + b"z" * 128
    )
    heard = Heard()
    await heard.open(raw.url)
    await until(lambda: len(heard.texts) == 3)
    assert heard.texts == [b"hello", b"abc", b"z" * 128]
    heard.socket.drop("enough")


BROKEN = {
    "masked": (b"\x81\x85\0\0\0\0hello", "a masked frame"),
    "reserved bit": (b"\xc1\x01a", "a frame that RFC 6455 does not know"),
    "unknown kind": (b"\x83\x01a", "a frame that RFC 6455 does not know"),
    "half a ping": (b"\x09\x01a", "a frame that RFC 6455 does not know"),
    "long ping": (b"\x89\x7e\x00\x80" + b"z" * 128, "a frame that RFC 6455 does not know"),
    "nothing to continue": (b"\x80\x01a", "a frame that RFC 6455 does not know"),
    "a message within a message": (b"\x01\x01a\x81\x01b", "a frame that RFC 6455 does not know"),
    "huge": (b"\x81\x7f" + (1 << 40).to_bytes(8), "a message longer than 8 MiB"),
    "huge in pieces": ((b"\x01" + b"\x7f" + (5 << 20).to_bytes(8) + b"z" * (5 << 20))
                       + (b"\x00" + b"\x7f" + (5 << 20).to_bytes(8) + b"z" * (5 << 20)),
                       "a message longer than 8 MiB"),
    "text that is none": (b"\x81\x03a\xffb", "text that is not UTF-8"),
    "half a character": (b"\x81\x02a\xe8", "text that is not UTF-8"),
    "text in pieces that is none": (b"\x01\x02a\xe8\x80\x02b\xbf", "text that is not UTF-8"),
}  # fmt: skip


async def test_text_beyond_ascii_passes_also_where_a_frame_ends_within_a_character(raw: Any) -> None:
    text = "这是测试币456".encode()
    raw.frames = b"\x81" + bytes([len(text)]) + text
    raw.frames += b"\x01\x04" + text[:4] + b"\x80" + bytes([len(text) - 4]) + text[4:]
    heard = Heard()
    await heard.open(raw.url)
    await until(lambda: len(heard.texts) == 2)
    assert heard.texts == [text, text]
    heard.socket.drop("enough")


async def test_n31_a_damaged_byte_anywhere_in_a_message_ends_the_connection(raw: Any) -> None:
    """N31: also where no decoder would look: the names of fields that we do not read."""
    text = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1}}'
    for at in range(2 + len(text)):
        frame = bytearray(b"\x81" + bytes([len(text)]) + text)
        frame[at] ^= 0xFF
        raw.frames = bytes(frame)
        heard = Heard()
        with contextlib.suppress(ConnectionError):  # it may be read with the handshake
            await heard.open(raw.url)
            await heard.end()
        assert heard.texts == [], at


@pytest.mark.parametrize("what", BROKEN)
async def test_what_the_standard_does_not_allow_ends_the_connection(raw: Any, what: str) -> None:
    frames, said = BROKEN[what]
    raw.frames = b"\x81\x02ok" + frames + b"\x81\x05never"
    heard = Heard()
    await heard.open(raw.url)
    await until(lambda: heard.ends)
    assert heard.ends == [f"the venue sent {said}"]
    assert heard.texts == [b"ok"]


HANDSHAKES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "403": (lambda head: b"HTTP/1.1 403 Forbidden\r\n\r\n", "refused the handshake: HTTP/1.1 403 Forbidden"),
    "redirect": (lambda head: b"HTTP/1.1 302 X\r\nLocation: ws://127.0.0.1:1\r\n\r\n", "302"),
    "another key": (lambda head: accepted(b"\r\nSec-WebSocket-Key: x") + b"\r\n\r\n", "not as RFC 6455 says"),
    "an extension": (
        lambda head: accepted(head) + b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "not as RFC 6455 says",
    ),
    "no end": (lambda head: b"HTTP/1.1 101 X\r\n" + b"a: b\r\n" * 4_000, "has no end"),
    "silence": (lambda head: b"", "^$"),  # until time is up
}


@pytest.mark.parametrize("what", HANDSHAKES)
async def test_a_handshake_that_is_none_makes_no_socket(raw: Any, what: str) -> None:
    raw.instead, said = HANDSHAKES[what]
    heard = Heard()
    with pytest.raises(OSError, match=said):
        await heard.open(raw.url)
    assert heard.ends == []


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_an_attempt_that_fails_leaves_nothing_to_report(raw: Any, scheme: str) -> None:
    """The caller hears it once; asyncio has no future of ours whose exception nobody took."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    raw.instead = lambda head: b""
    failed = 0
    try:
        await connect(
            raw.url.replace("ws", scheme, 1), on_text=print, on_end=print, on_room=lambda: None,
            ssl_context=ssl.create_default_context(), timeout_s=0.2,
        )  # fmt: skip
    except OSError:  # not pytest.raises: it would keep the frames, and the future in them
        failed = 1
    await asyncio.sleep(0.05)
    gc.collect()
    assert failed
    assert [each for each in reported if "retrieved" in each["message"]] == []


async def test_an_end_without_a_goodbye_is_1006(raw: Any) -> None:
    raw.frames, raw.hold = b"\x81\x02ok\x81\x7e", False  # and half a frame
    heard = Heard()
    socket = await heard.open(raw.url)
    await until(lambda: heard.ends)
    assert (heard.texts, socket.close_code) == ([b"ok"], 1006)
