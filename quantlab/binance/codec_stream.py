"""Frames of the venue's sockets to typed events; back again is `encode_stream`.

Pure. Text that is no JSON, and a message of a known type that breaks its document, raise
`UndecodableReply`; a type or a stream that we do not know never raises: it becomes `Unknown`,
which keeps the text. One decode a frame: the stream's name is read off the fixed prefix of a
combined frame and picks the decoder (decoding an envelope first costs twice as much).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast

import msgspec

from quantlab.binance import stream_shapes as shapes
from quantlab.binance.stream_shapes import Reply, ServerShutdown, Shape, Unknown
from quantlab.binance.user_shapes import (
    ExecutionShape,
    PositionShape,
    StreamTerminated,
    TerminatedShape,
    TransferShape,
)
from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate, Kline, Trade
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import AccountPosition, Transfer
from quantlab.errors import UndecodableReply

MarketEvent = Trade | BookTicker | DepthUpdate | DepthSnapshot | Kline | ServerShutdown | Reply | Unknown
UserEvent = ExecutionReport | AccountPosition | Transfer | StreamTerminated | ServerShutdown | Reply | Unknown

PREFIX = b'{"stream":"'
REPLY_FIELDS = {"id", "code", "error"}  # one of them is in every reply, none in an event
DAMAGE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NAMES_KEPT = 4096  # decoders remembered by name; four times the streams that a connection may have

EVENTS: dict[str, type[Shape]] = {  # by the event type `e`
    "trade": shapes.TradeShape,
    "bookTicker": shapes.TickerShape,
    "depthUpdate": shapes.DepthShape,
    "kline": shapes.KlineShape,
    "serverShutdown": shapes.ShutdownShape,
}
STREAMS: dict[str, type[Shape]] = {  # by the kind in a stream's name
    **EVENTS,
    "depth": shapes.DepthShape,
    "depth5": shapes.PartialShape,
    "depth10": shapes.PartialShape,
    "depth20": shapes.PartialShape,
}
USER_EVENTS: dict[str, type[Shape]] = {
    "executionReport": ExecutionShape,
    "outboundAccountPosition": PositionShape,
    "balanceUpdate": TransferShape,
    "eventStreamTerminated": TerminatedShape,
    "serverShutdown": shapes.ShutdownShape,
}


class _Error(msgspec.Struct, frozen=True):
    code: int
    msg: str


class _Reply(msgspec.Struct, frozen=True):
    """Both dialects: the WebSocket API nests its error, market streams also send it flat."""

    id: int | str | None = None
    status: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None
    code: int = 0
    msg: str = ""


class _Tag(msgspec.Struct, frozen=True):
    e: str = ""


def decode_market(raw: bytes | str, received_ms: int, *, symbol: str = "") -> MarketEvent:
    """One frame of a market stream: combined or raw, spot or USD-M futures.

    Args:
        raw: The frame as it came.
        received_ms: Our clock, UTC milliseconds, for events that carry no time.
        symbol: For a REST snapshot, which does not name its own.

    Raises:
        UndecodableReply: No JSON, or a known type that breaks its document.
    """
    data = raw.encode() if isinstance(raw, str) else raw
    if data.startswith(PREFIX):
        return decode_named(data, data[11 : data.find(b'"', 11)], received_ms)
    return _decode_other(data, received_ms, symbol)


def decode_named(data: bytes, name: bytes, received_ms: int) -> MarketEvent:
    """As `decode_market`, for a combined frame whose stream `name` was read off its prefix already."""
    decode, symbol = _decoders.get(name) or _decoder(name)
    if decode is None:
        return _decode_other(data, received_ms, "")
    try:
        shape = decode(data).data
    except DAMAGE as error:
        return _misfit(data, error)
    event = shape.event(symbol, received_ms)
    if symbol and event.symbol != symbol:
        _foreign(symbol, event.symbol)
    return event  # type: ignore[no-any-return]  # a market shape's event is one


def decode_user_event(raw: bytes | str) -> UserEvent:
    """One frame of the WebSocket API: a user data event, or the reply to a request.

    Raises:
        UndecodableReply: No JSON, or a known type that breaks its document.
    """
    data = raw.encode() if isinstance(raw, str) else raw
    fields = _fields(data)
    event = bytes(fields["event"]) if "event" in fields else data
    shape = USER_EVENTS.get(_tag(event))
    if shape is not None:
        return cast("UserEvent", _typed(event, shape).event("", 0))
    return _reply(data) if REPLY_FIELDS & fields.keys() else Unknown(stream="", text=data.decode())


def _decoder(name: bytes) -> tuple[Callable[[bytes], Any] | None, str]:
    """How to decode a whole frame of the stream `name`, and the symbol it is about."""
    if b"\\" in name:  # an escaped name: the slow way reads it properly
        return None, ""
    shape, symbol = _stream(name.decode("utf-8", "replace"))
    found = (_ENVELOPES[shape] if shape else None, symbol)
    if len(_decoders) < NAMES_KEPT:
        _decoders[name] = found
    return found


def _stream(name: str) -> tuple[type[Shape] | None, str]:
    """The shape of the stream `name` and its symbol: "btcusdt@kline_1m"; none for "!bookTicker"."""
    who, _, what = name.removeprefix("!").partition("@")
    kind = (what or who).partition("@")[0].partition("_")[0]
    return STREAMS.get(kind), "" if name.startswith("!") or not what else who.upper()


def _decode_other(data: bytes, received_ms: int, symbol: str) -> MarketEvent:
    """Raw streams, replies, a REST snapshot, and everything we do not know."""
    fields = _fields(data)
    if "stream" in fields and "data" in fields:
        stream = _typed(fields["stream"], str)
        shape, symbol = _stream(stream)
        named = bool(symbol)
        data = bytes(fields["data"]) if shape else data
    else:
        stream, shape, named = "", EVENTS.get(_tag(data)), False
        if shape is None and {"u", "b", "B", "a", "A"} <= fields.keys():
            shape = shapes.TickerShape  # spot names no event type here
        elif shape is None and "lastUpdateId" in fields:
            shape = shapes.SnapshotShape
        elif shape is None and REPLY_FIELDS & fields.keys():
            return _reply(data)
    if shape is None:
        return Unknown(stream=stream, text=data.decode())
    return _made(_typed(data, shape), symbol, received_ms, named=named)


def _made(shape: Shape, symbol: str, received_ms: int, *, named: bool) -> MarketEvent:
    """The event of a message; one on the stream of another symbol is refused, not believed."""
    event: Any = shape.event(symbol, received_ms)
    if named and event.symbol != symbol:
        _foreign(symbol, event.symbol)
    return cast("MarketEvent", event)


def _foreign(symbol: str, other: str) -> NoReturn:
    raise UndecodableReply(f"the stream of {symbol} brought an event of {other[:20]}")


def _reply(data: bytes) -> Reply:
    reply = _typed(data, _Reply)
    error = reply.error or _Error(reply.code, reply.msg)
    failed = reply.error is not None or bool(reply.msg)
    return Reply(
        id=reply.id, status=reply.status or (400 if failed else 200), code=error.code,
        message=error.msg, result=bytes(reply.result),
    )  # fmt: skip


def _misfit(data: bytes, error: Exception) -> MarketEvent:
    """A frame that its stream's decoder refused: another type of event, or damage."""
    fields = _fields(data)
    tag = _tag(fields.get("data", data))
    if not tag or tag in EVENTS:
        _undecodable(data, error)
    return Unknown(stream=_typed(fields["stream"], str), text=data.decode())


def _fields(data: bytes) -> dict[str, msgspec.Raw]:
    """The top-level fields; none where it is JSON, but no object."""
    parsed = _typed(data, Any)  # all of it, so that damage anywhere is seen
    return _typed(data, dict[str, msgspec.Raw]) if isinstance(parsed, dict) else {}


def _tag(data: bytes | msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(data, type=_Tag).e
    except DAMAGE:
        return ""


def _typed(data: bytes | msgspec.Raw, type: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=type)
    except DAMAGE as error:
        _undecodable(bytes(data), error)


def _undecodable(data: bytes, error: Exception) -> NoReturn:
    shown = data[:80].decode("utf-8", "replace")
    raise UndecodableReply(f"the venue sent what its document does not say: {error}: {shown!a}") from error


_ENVELOPES: dict[type[Shape], Callable[[bytes], Any]] = {
    shape: msgspec.json.Decoder(
        msgspec.defstruct("Envelope", [("data", shape)], frozen=True, gc=False)
    ).decode
    for shape in STREAMS.values()
}
_decoders: dict[bytes, tuple[Callable[[bytes], Any] | None, str]] = {}
