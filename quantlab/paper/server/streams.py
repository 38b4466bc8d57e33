"""Market streams: /ws/<stream>/<stream>, /stream?streams=a/b, and SUBSCRIBE while connected.

Speaks the control messages and subscribes; what is sent on a stream is the publisher's matter. Any
name may be subscribed to; one that the venue does not know stays silent, as at Binance. Symbols are
lowercase, and names are case-sensitive.

Source: Binance spot "WebSocket Streams", "Live Subscribing/Unsubscribing to streams".
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

from quantlab.paper.exchange import Refused
from quantlab.paper.server import timeunit
from quantlab.paper.server.hub import Hub, Outlet
from quantlab.paper.server.sockets import Hear, converse

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
TOO_MANY = "Invalid request: too many parameters"
METHOD = re.compile(r'"method"\s*:\s*("(?:[^"\\]|\\.)*")')
ID = re.compile(r"[a-zA-Z0-9_-]{0,36}", re.ASCII)  # a UUID is 36 long


class _Refusal(Exception):  # the venue's answer
    """An error reply of the stream protocol, with its small code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.reply = {"code": code, "msg": message}


class _Control(msgspec.Struct):
    method: Any = None
    params: Any = None
    id: Any = msgspec.UNSET


async def serve(request: web.BaseRequest, hub: Hub) -> web.StreamResponse:
    """One stream connection, from its handshake to its end; HTTP 400 where `timeUnit` is no unit."""
    options = query(request.rel_url.raw_query_string)
    combined = request.path.startswith("/stream")
    names = wanted(options.get("streams", "") if combined else unquote(request.path.removeprefix("/ws")))
    try:
        micro = timeunit.is_micro(options.get("timeUnit"))
    except Refused as refused:
        return web.json_response({"code": refused.code, "msg": refused.message}, status=400)

    if len(names) > hub.terms.streams:
        return web.json_response({"code": 2, "msg": TOO_MANY}, status=400)

    def joined(outlet: Outlet) -> Hear:
        outlet.micro = micro
        hub.subscribe(outlet, names)

        async def hear(text: str) -> None:
            async with hub.turn:
                outlet.send(msgspec.json.encode(reply(hub, outlet, text)))

        return hear

    return await converse(request, hub, combined=combined, joined=joined)


def query(raw: str) -> dict[str, str]:
    """The options in an address. A plus is a plus: stream names have one (`@+08:00`)."""
    parts = (part.partition("=") for part in raw.split("&"))
    return {unquote(name): unquote(value) for name, _, value in parts}


def wanted(names: str) -> tuple[str, ...]:
    """The streams among names with slashes between them. `/ws`, `/ws/0` and `/stream` ask for none yet."""
    return tuple(dict.fromkeys(name for name in names.split("/") if "@" in name))


def reply(hub: Hub, outlet: Outlet, text: str) -> dict[str, Any]:
    """Answer one control message. What it subscribes to comes after the answer."""
    try:
        message = msgspec.json.decode(text, type=_Control)
    except (msgspec.DecodeError, RecursionError):
        return {"code": 3, "msg": f"Invalid JSON: expected value at {_fault(text)}"}
    try:
        result = _perform(hub, outlet, message, text)
    except _Refusal as refusal:
        return {**refusal.reply, "id": message.id if _is_id(message.id) else None}
    return {"result": result, "id": message.id}


def _perform(hub: Hub, outlet: Outlet, message: _Control, text: str) -> Any:
    if message.method is None:
        raise _Refusal(2, f"Invalid request: missing field `method` at {_place(text, len(text.rstrip()))}")
    if not isinstance(message.method, str):
        raise _Refusal(2, "Invalid request: invalid type: expected a string for `method`")
    if message.method not in METHODS:
        options = ", ".join(f"`{method}`" for method in METHODS)
        found = METHOD.search(text)
        place = _place(text, found.end() if found else len(text))
        raise _Refusal(
            2, f"Invalid request: unknown variant {message.method}, expected one of {options} at {place}"
        )
    if not _is_id(message.id):
        raise _Refusal(2, "Invalid request: request ID must be an unsigned integer")
    if message.method == "LIST_SUBSCRIPTIONS":
        if message.params:
            raise _Refusal(2, TOO_MANY)
        return list(outlet.streams)
    if message.method in ("SET_PROPERTY", "GET_PROPERTY"):
        return _property(outlet, message)
    names = message.params
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _Refusal(2, "Invalid request: params must be a list of stream names")
    if message.method == "UNSUBSCRIBE":
        hub.unsubscribe(outlet, tuple(names))
    elif len(outlet.streams.keys() | set(names)) > hub.terms.streams:
        raise _Refusal(2, TOO_MANY)
    else:
        hub.subscribe(outlet, tuple(names))
    return None


def _is_id(value: Any) -> bool:
    """True for null, a 64-bit signed integer, or up to 36 letters and digits."""
    if isinstance(value, str):
        return ID.fullmatch(value) is not None
    return value is None or (type(value) is int and -(2**63) <= value < 2**63)


def _fault(text: str) -> str:
    """Where text stops being JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno} column {error.colno}"
    except (RecursionError, ValueError):  # nested too deep, or a number too long to be read
        return _place(text, 1)
    return _place(text, 1)  # JSON, but no message


def _place(text: str, end: int) -> str:
    """The line and column of the last character before `end`, both from 1."""
    before = text[:end]
    return f"line {before.count(chr(10)) + 1} column {len(before) - before.rfind(chr(10)) - 1}"


def _property(outlet: Outlet, message: _Control) -> bool | None:
    params = message.params if isinstance(message.params, list) else []
    if not params or not isinstance(params[0], str):
        raise _Refusal(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise _Refusal(0, "Unknown property")
    asks = message.method == "GET_PROPERTY"
    if len(params) > (1 if asks else 2):
        raise _Refusal(2, TOO_MANY)
    if asks:
        return outlet.combined
    if len(params) != 2 or not isinstance(params[1], bool):
        raise _Refusal(1, "Invalid value type: expected Boolean")
    outlet.combined = params[1]
    return None
