"""Market streams: /ws/<stream>/<stream>, /stream?streams=a/b, and SUBSCRIBE while connected.

Speaks the control messages and subscribes; what is sent on a stream is the publisher's matter. Any
name may be subscribed to; one that the venue does not know stays silent, as at Binance.

Source: Binance spot "WebSocket Streams", "Live Subscribing/Unsubscribing to streams".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
from aiohttp import web

from quantlab.paper.server.hub import Hub, Outlet
from quantlab.paper.server.sockets import converse

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MOST_STREAMS = 1_024


class _Refusal(Exception):  # the venue's answer
    """An error reply of the stream protocol, with its small code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.reply = {"code": code, "msg": message}


class _Control(msgspec.Struct):
    method: Any = None
    params: Any = None
    id: Any = None


async def serve(request: web.BaseRequest, hub: Hub) -> web.StreamResponse:
    """One stream connection, from its handshake to its end."""
    combined = request.path.startswith("/stream")
    names = wanted(request.path, request.rel_url.raw_query_string)

    def joined(outlet: Outlet) -> Callable[[str], None]:
        hub.subscribe(outlet, names)
        return lambda text: outlet.send(msgspec.json.encode(reply(hub, outlet, text)))

    return await converse(request, hub, combined=combined, joined=joined)


def wanted(path: str, query: str) -> tuple[str, ...]:
    """Stream names in the address. `/ws`, `/ws/0` and `/stream` ask for none yet."""
    if path.startswith("/stream"):
        names = "/".join(parse_qs(query).get("streams", []))
    else:
        names = unquote(path.removeprefix("/ws"))
    return tuple(dict.fromkeys(name for name in names.split("/") if "@" in name))


def reply(hub: Hub, outlet: Outlet, text: str) -> dict[str, Any]:
    """Answer one control message. What it subscribes to comes after the answer."""
    try:
        message = msgspec.json.decode(text, type=_Control)
    except (msgspec.DecodeError, RecursionError):
        return {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}
    try:
        result = _perform(hub, outlet, message)
    except _Refusal as refusal:
        return {**refusal.reply, "id": message.id if _is_id(message.id) else None}
    return {"result": result, "id": message.id}


def _perform(hub: Hub, outlet: Outlet, message: _Control) -> Any:
    if message.method is None:
        raise _Refusal(2, f"Invalid request: missing field `method` at line 1 column {1}")
    if not isinstance(message.method, str):
        raise _Refusal(2, "Invalid request: invalid type: expected a string for `method`")
    if message.method not in METHODS:
        options = ", ".join(f"`{method}`" for method in METHODS)
        raise _Refusal(2, f"Invalid request: unknown variant {message.method}, expected one of {options}")
    if not _is_id(message.id):
        raise _Refusal(2, "Invalid request: request ID must be an unsigned integer")
    if message.method == "LIST_SUBSCRIPTIONS":
        return list(outlet.streams)
    if message.method in ("SET_PROPERTY", "GET_PROPERTY"):
        return _property(outlet, message)
    names = message.params
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _Refusal(2, "Invalid request: params must be a list of stream names")
    if message.method == "UNSUBSCRIBE":
        hub.unsubscribe(outlet, tuple(names))
    elif len(outlet.streams.keys() | set(names)) > MOST_STREAMS:
        raise _Refusal(2, "Invalid request: too many parameters")
    else:
        hub.subscribe(outlet, tuple(names))
    return None


def _is_id(value: Any) -> bool:
    """True for what can be sent back as it came."""
    return value is None or isinstance(value, str) or (type(value) is int and abs(value) < 2**63)


def _property(outlet: Outlet, message: _Control) -> bool | None:
    params = message.params if isinstance(message.params, list) else []
    if not params or not isinstance(params[0], str):
        raise _Refusal(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise _Refusal(0, "Unknown property")
    if message.method == "GET_PROPERTY":
        return outlet.combined
    if len(params) != 2 or not isinstance(params[1], bool):
        raise _Refusal(1, "Invalid value type: expected Boolean")
    outlet.combined = params[1]
    return None
