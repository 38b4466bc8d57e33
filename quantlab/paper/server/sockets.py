"""One WebSocket connection's life, the same for streams and for the WebSocket API.

One reader task for each socket: it answers pings, notes pongs and hands texts on. Sending is the
outlet's alone, so frames never overtake each other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import cast

from aiohttp import WSCloseCode, WSMsgType, web

from quantlab.paper.server.hub import CLOSE, PING, PONG, Hub, Outlet

PING_EVERY_S = 20.0
PONG_WITHIN_S = 60.0
LARGEST_REQUEST = 64 * 1024


class _Socket(web.WebSocketResponse):
    """Tells before it closes, whoever closes it: nothing may follow a Close frame.

    Source: RFC 6455, section 5.5.1.
    """

    before_close: Callable[[], None] = staticmethod(lambda: None)

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        self.before_close()
        return await super().close(code=code, message=message, drain=drain)


async def converse(
    request: web.BaseRequest, hub: Hub, *, combined: bool, joined: Callable[[Outlet], Callable[[str], None]]
) -> web.StreamResponse:
    """Shake hands, then feed each text to what `joined` returns, until either side closes."""
    socket = _Socket(autoping=False, compress=False, max_msg_size=LARGEST_REQUEST)
    with contextlib.suppress(ConnectionResetError):
        await socket.prepare(request)
    if request.transport is None or request.transport.is_closing():  # gone during the handshake
        return socket
    outlet = Outlet(cast("asyncio.WriteTransport", request.transport), combined=combined)
    hub.join(outlet)
    socket.before_close = lambda: hub.leave(outlet)
    try:
        async with hub.turn:
            hear = joined(outlet)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                async with hub.turn:
                    hear(message.data)
            elif message.type is WSMsgType.PING:
                outlet.send(bytes(message.data), PONG)
            elif message.type is WSMsgType.PONG:
                outlet.heard_s = asyncio.get_running_loop().time()
            else:
                await socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
    finally:
        hub.leave(outlet)
    return socket


async def keep_alive(hub: Hub, every_s: float = PING_EVERY_S, within_s: float = PONG_WITHIN_S) -> None:
    """Ping every socket; cut those whose pong stays away.

    Source: Binance spot WebSocket Streams: a ping every 20 s, a pong within a minute.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every_s)
        now = loop.time()
        for outlet in list(hub.outlets):
            if now - outlet.heard_s > within_s + every_s:
                outlet.cut()
            else:
                outlet.send(str(int(now * 1_000)).encode(), PING)


async def close_all(hub: Hub) -> None:
    """Say goodbye to every socket ("going away") and give the goodbyes a moment to leave."""
    for outlet in list(hub.outlets):
        outlet.send(int(WSCloseCode.GOING_AWAY).to_bytes(2, "big"), CLOSE)
    await hub.drained(timeout_s=0.2)
    for outlet in list(hub.outlets):
        outlet.cut()
