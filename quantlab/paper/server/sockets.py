"""One WebSocket connection's life, the same for streams and for the WebSocket API.

One reader task for each socket: it answers pings, notes pongs and hands texts on. Sending is the
outlet's alone, so frames never overtake each other. A `Watch` ends what breaks a rule: 1008 for too many
messages or a missing pong, 1001 for old age and for the venue's own end.

Source: Binance spot WebSocket Streams, "General WSS information", "WebSocket Limits", "Server Shutdown".
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from quantlab.paper.server.hub import CLOSE, PING, PONG, Hub, Outlet
from quantlab.paper.terms import Terms

LARGEST_REQUEST = 64 * 1024
CLOSING_S = 1.0  # a goodbye that is not answered within it ends the connection all the same
COUNTED = (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG)
Hear = Callable[[str], Awaitable[None]]


class _Socket(web.WebSocketResponse):
    """Tells before it closes, whoever closes it: nothing may follow a Close frame.

    Source: RFC 6455, section 5.5.1.
    """

    before_close: Callable[[], None] = staticmethod(lambda: None)

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        self.before_close()
        return await super().close(code=code, message=message, drain=drain)


class Watch:
    """Pings one socket, and ends it where it breaks a rule or is old.

    Args:
        end: Closes the socket with a code and a reason.
        ping: Sends a ping with this payload.
    """

    def __init__(self, terms: Terms, end: Callable[[int, str], None], ping: Callable[[bytes], None]) -> None:
        self._terms = terms
        self._end = end
        self._ping = ping
        self._loop = asyncio.get_running_loop()
        self._heard: deque[float] = deque(maxlen=terms.messages_1s)
        self._unanswered: dict[bytes, asyncio.TimerHandle] = {}
        self._beat = self._loop.call_later(terms.ping_every_s, self._send_ping)
        self._old = self._loop.call_later(terms.socket_life_s, end, WSCloseCode.GOING_AWAY, "")

    def may_hear(self) -> bool:
        """Count one message; False, and the socket is ended, where it is one too many."""
        now = self._loop.time()
        full = len(self._heard) == self._terms.messages_1s
        if full and now - self._heard[0] < self._terms.message_window_s:
            self._end(WSCloseCode.POLICY_VIOLATION, "Too many requests")
            return False
        self._heard.append(now)
        return True

    def pong(self, payload: bytes) -> None:
        """Note a pong. It answers its ping and those before; one that copies no ping answers nothing."""
        if payload not in self._unanswered:
            return
        for sent in list(self._unanswered):
            self._unanswered.pop(sent).cancel()
            if sent == payload:
                return

    def stop(self) -> None:
        """The socket is gone."""
        for timer in (self._beat, self._old, *self._unanswered.values()):
            timer.cancel()
        self._unanswered.clear()

    def _send_ping(self) -> None:
        terms, payload = self._terms, str(int(self._loop.time() * 1_000_000)).encode()
        self._unanswered[payload] = self._loop.call_later(
            terms.pong_within_s, self._end, WSCloseCode.POLICY_VIOLATION, "Pong timeout"
        )
        self._beat = self._loop.call_later(terms.ping_every_s, self._send_ping)
        self._ping(payload)


async def converse(
    request: web.BaseRequest,
    hub: Hub,
    *,
    joined: Callable[[Outlet], Hear],
    combined: bool = False,
    api: bool = False,
) -> web.StreamResponse:
    """Shake hands, then feed each text to what `joined` returns, until either side closes.

    Args:
        api: It is the WebSocket API, where a text costs weight instead of counting as a message.
    """
    socket = _Socket(autoping=False, compress=False, max_msg_size=LARGEST_REQUEST, timeout=CLOSING_S)
    with contextlib.suppress(ConnectionResetError):
        await socket.prepare(request)
    if request.transport is None or request.transport.is_closing():  # gone during the handshake
        return socket
    address = (request.remote or "") if api else ""
    outlet = Outlet(
        cast("asyncio.WriteTransport", request.transport),
        combined=combined,
        api_of=address,
        path=request.path,
    )
    endings: list[asyncio.Task[None]] = []

    async def close(code: int, reason: str) -> None:
        await socket.close(code=code, message=reason.encode(), drain=False)
        asyncio.get_running_loop().call_later(CLOSING_S, outlet.cut)  # of a peer that reads no more

    def end(code: int, reason: str) -> None:
        if not endings:
            endings.append(asyncio.create_task(close(code, reason), name="venue-goodbye"))

    def ping(payload: bytes) -> None:
        outlet.send(payload, PING)
        if outlet.deaf:
            watch.pong(payload)  # what is not sent is not missed

    outlet.end = end
    hub.join(outlet)
    socket.before_close = lambda: hub.leave(outlet)
    watch = Watch(hub.terms, end, ping)
    try:
        async with hub.turn:
            hear = joined(outlet)
        async for message in socket:
            if not api and message.type in COUNTED and not watch.may_hear():
                break
            if message.type is WSMsgType.TEXT:
                await hear(message.data)
            elif message.type is WSMsgType.PING:
                outlet.send(bytes(message.data), PONG)
            elif message.type is WSMsgType.PONG:
                watch.pong(bytes(message.data))
            else:
                await socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
    finally:
        watch.stop()
        hub.leave(outlet)
        await asyncio.gather(*endings, return_exceptions=True)
    return socket


def announce_end(outlets: Iterable[Outlet], now_ms: int) -> None:
    """Send each socket the serverShutdown event, as its kind of socket has it."""
    for outlet in list(outlets):
        event: dict[str, object] = {"e": "serverShutdown", "E": now_ms * 1_000 if outlet.micro else now_ms}
        if outlet.api_of:
            event = {"event": event}
        elif outlet.combined:
            event = {"stream": "!serverShutdown", "data": event}
        outlet.send(msgspec.json.encode(event))


def expel(hub: Hub, address: str) -> None:
    """Close the WebSocket API connections of an address that is banned from now on.

    Source: Binance spot WebSocket API, "IP limits".
    """
    for outlet in list(hub.outlets):
        if outlet.api_of == address:
            outlet.end(WSCloseCode.POLICY_VIOLATION, "IP banned")


async def close_all(hub: Hub) -> None:
    """Say goodbye to every socket ("going away") and give the goodbyes a moment to leave."""
    for outlet in list(hub.outlets):
        outlet.send(int(WSCloseCode.GOING_AWAY).to_bytes(2, "big"), CLOSE)
    await hub.drained(timeout_s=0.2)
    for outlet in list(hub.outlets):
        outlet.cut()
