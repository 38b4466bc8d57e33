"""Faults of requests, carried out: REST, the WebSocket API and WebSocket handshakes.

What is to happen was decided by `quantlab.paper.faults.requests`. The venue itself answers as it always
does; what it answers is then delayed, replaced, damaged or lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from quantlab.paper.exchange import Refused
from quantlab.paper.faults.requests import Answer, Request, Trouble, page, trouble
from quantlab.paper.server import rest
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.hub import Outlet, encode
from quantlab.paper.server.session import Session

HTML = "text/html"
HANDSHAKES = ("GET /ws", "GET /stream", "GET /ws-api/v3")
ENDPOINTS = frozenset({*rest.ENDPOINTS, *HANDSHAKES})
UNKNOWN = -1000
LOOK_S = 0.05  # how often an answer that never comes looks whether its client is still there
SOUND = Trouble()


def decide(session: Session, name: str, endpoint: Endpoint | None, symbol: str, account: str) -> Trouble:
    """What becomes of one request; `SOUND` where nothing does."""
    security = Security.NONE if endpoint is None else endpoint.security
    request = Request(name, symbol, account, security is not Security.NONE, security is Security.TRADE)
    return trouble(session.faults.plan, request, session.time_ms, session.clock.now_ms())


async def answer(request: web.BaseRequest, session: Session, call: rest.Call) -> rest.Reply:
    """As `rest.answer`, where there are faults; where there is none, the connection is closed by then."""
    account = session.owner(call.api_key)
    endpoint = f"{call.method} {call.path}"
    made = decide(
        session, endpoint, rest.ENDPOINTS.get(endpoint), rest.readable(call).get("symbol", ""), account
    )
    await asyncio.sleep(made.before_ms / 1_000)
    reply = rest.Reply(200, b"", {})
    if made.acts:
        reply = await rest.answer(session, call)
        if made.reject_ms is not None:
            session.faults.reject_later(account, reply.body, made.reject_ms)
    await asyncio.sleep(made.after_ms / 1_000)
    return await _instead(request, made, reply)


async def handshake(request: web.BaseRequest, session: Session) -> rest.Reply | None:
    """What a WebSocket handshake is answered with, or None where it may go on."""
    kind = next((each for each in HANDSHAKES[::-1] if f"GET {request.path}".startswith(each)), HANDSHAKES[0])
    made = decide(session, kind, None, "", "")
    await asyncio.sleep((made.before_ms + made.after_ms) / 1_000)
    return await _instead(request, made, rest.Reply(200, b"{}", {})) if made.decided else None


async def answer_ws(
    outlet: Outlet,
    made: Trouble,
    act: Callable[[], Awaitable[bytes]],
    refuse: Callable[[Answer], bytes],
) -> None:
    """Answer one WebSocket API request: `act` performs it and gives its reply, `refuse` another one."""
    await asyncio.sleep(made.before_ms / 1_000)
    text = b""
    if made.acts:
        text = await act()
    await asyncio.sleep(made.after_ms / 1_000)
    if made.silence == "never":
        return
    if made.silence == "lost":
        outlet.cut()
    elif made.answer is not None:
        outlet.send(refuse(made.answer))
    elif made.shape == "cut":
        frame = encode(text)
        outlet.put(frame[: len(frame) // 2])
        outlet.flush()
        asyncio.get_running_loop().call_later(LOOK_S, outlet.cut)
    else:
        outlet.send(_damaged(text, made))


def ws_error(made: Answer, now_ms: int) -> Mapping[str, object]:
    """`status` and `error` of a WebSocket API reply in the venue's place."""
    refused = _refused(made)
    error: dict[str, object] = {"code": refused.code, "msg": refused.message}
    if made.retry_after_s:
        error["data"] = {"serverTime": now_ms, "retryAfter": now_ms + 1_000 * made.retry_after_s}
    return {"status": made.status, "error": error}


async def _instead(request: web.BaseRequest, made: Trouble, reply: rest.Reply) -> rest.Reply:
    if made.silence == "never":
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # aiohttp tells nobody
            await asyncio.sleep(LOOK_S)
    if made.silence and isinstance(request.transport, asyncio.WriteTransport):
        request.transport.abort()
    if made.answer is not None:
        return _reply(made.answer)
    if made.shape == "cut":
        _cut(request, reply.body)
    if made.shape == "html":
        return rest.Reply(200, _damaged(reply.body, made), {}, HTML)
    return reply._replace(body=_damaged(reply.body, made))


def _reply(made: Answer) -> rest.Reply:
    headers = {"Retry-After": str(made.retry_after_s)} if made.retry_after_s else {}
    if not made.code:
        return rest.Reply(made.status, made.message.encode(), headers, HTML)
    return rest.Reply(made.status, rest.error_body(_refused(made)), headers)


def _refused(made: Answer) -> Refused:
    return Refused(made.code, made.message) if made.code else Refused(UNKNOWN, made.message)


def _damaged(body: bytes, made: Trouble) -> bytes:
    match made.shape:
        case "half":
            return body[: len(body) // 2]
        case "html":
            return page(200).encode()
        case "empty":
            return b""
        case _:
            return body


def _cut(request: web.BaseRequest, body: bytes) -> None:
    """Announce all of a body, send half of it, and close."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    if isinstance(request.transport, asyncio.WriteTransport):
        request.transport.write(head.encode() + body[: len(body) // 2])
        request.transport.close()
