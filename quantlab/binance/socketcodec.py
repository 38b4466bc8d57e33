"""The WebSocket API's messages as the client's other half knows them: REST's parameters and replies.

Pure. What one asks and what comes back is the same by either way; only the wrapping differs, and it is
taken off here, so that every codec of REST serves both.

Source: Binance spot WebSocket API, "Request format", "Response format", "Rate limits".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from quantlab.binance.limits import RateLimit
from quantlab.binance.signing import WsValue
from quantlab.binance.transport import Reply
from quantlab.errors import UndecodableReply

METHODS: Mapping[tuple[str, str], str] = {  # what the order path asks, by its REST name
    ("POST", "/api/v3/order"): "order.place",
    ("POST", "/api/v3/order/test"): "order.test",
    ("GET", "/api/v3/order"): "order.status",
    ("DELETE", "/api/v3/order"): "order.cancel",
    ("POST", "/api/v3/order/cancelReplace"): "order.cancelReplace",
    ("PUT", "/api/v3/order/amend/keepPriority"): "order.amend.keepPriority",
    ("GET", "/api/v3/openOrders"): "openOrders.status",
    ("DELETE", "/api/v3/openOrders"): "openOrders.cancelAll",
    ("POST", "/api/v3/orderList/oco"): "orderList.place.oco",
    ("POST", "/api/v3/orderList/oto"): "orderList.place.oto",
    ("POST", "/api/v3/orderList/otoco"): "orderList.place.otoco",
    ("DELETE", "/api/v3/orderList"): "orderList.cancel",
    ("GET", "/api/v3/orderList"): "orderList.status",
    ("GET", "/api/v3/openOrderList"): "openOrderLists.status",
}
WHOLE = ("timestamp", "recvWindow", "limit", "pegOffsetValue", "PegOffsetValue")  # integers on the wire
WHOLE_ENDS = ("Id", "Time", "StrategyType", "strategyType", "TrailingDelta", "trailingDelta")
TEXT_ENDS = ("ClientOrderId",)
BOOLEANS = {"true": True, "false": False}
UNIT = {"SECOND": "S", "MINUTE": "M", "HOUR": "H", "DAY": "D"}


class _Count(msgspec.Struct, rename="camel", gc=False):
    """One of `rateLimits`."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int = 0


class _Event(msgspec.Struct, gc=False):
    e: str = ""


class Frame(msgspec.Struct, rename="camel", gc=False):
    """One message: an answer, or an announcement (`event`)."""

    id: Any = None
    status: int = 0
    result: msgspec.Raw = msgspec.Raw()  # empty where there is none
    error: msgspec.Raw = msgspec.Raw()
    rate_limits: tuple[_Count, ...] = ()
    event: _Event | None = None
    e: str = ""

    @property
    def shutdown(self) -> bool:
        return "serverShutdown" in (self.e, self.event.e if self.event is not None else "")


class _Data(msgspec.Struct, rename="camel"):
    server_time: int | None = None
    retry_after: int | None = None


class _Error(msgspec.Struct):
    data: _Data | None = None


_decode = msgspec.json.Decoder(Frame).decode


def decode_frame(message: bytes) -> Frame:
    """One message of the venue; `UndecodableReply` where it is not as documented."""
    try:
        return _decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableReply(f"the venue sent what its document does not say: {error}") from None


class SocketReply(Reply):
    """An answer in the shape of REST's: the body is the `result`, or the `error`.

    Attributes:
        counts: What is used of which limit, as `rateLimits` says.
    """

    __slots__ = ("_retry_after_s", "counts")

    def __init__(
        self, status: int, body: bytes, counts: tuple[tuple[RateLimit, int], ...], retry_after_s: int | None
    ) -> None:
        super().__init__(status, (), body)
        self.counts = counts
        self._retry_after_s = retry_after_s

    @property
    def retry_after_s(self) -> int | None:
        """Seconds to wait, of 429 and 418, by the venue's own clock; None where it did not say."""
        return self._retry_after_s


def reply_of(frame: Frame, now_ms: int) -> SocketReply:
    """The answer in `frame`; `now_ms` (venue time) stands in for a time that the venue did not say."""
    body = bytes(frame.error) or bytes(frame.result)
    retry_after_s = None
    if frame.status in (418, 429):
        retry_after_s = _retry_after_s(frame.error, now_ms)
    counts = tuple(
        (_rule(each.rate_limit_type, each.interval_num, UNIT[each.interval], each.limit), each.count)
        for each in frame.rate_limits
        if each.interval in UNIT
    )
    return SocketReply(frame.status, body, counts, retry_after_s)


def typed(name: str, text: str) -> WsValue:
    """A parameter of REST as JSON: amounts and names stay text, whole numbers and booleans do not."""
    if text in BOOLEANS:
        return BOOLEANS[text]
    return int(text) if _whole(name) and text.isascii() and text.isdecimal() else text


@lru_cache(maxsize=256)
def _whole(name: str) -> bool:
    return name in WHOLE or (name.endswith(WHOLE_ENDS) and not name.endswith(TEXT_ENDS))


def _rule(kind: str, number: int, unit: str, limit: int) -> RateLimit:
    known = _rules.get((kind, number, unit, limit))
    if known is None:
        known = RateLimit(kind=kind, window=f"{number}{unit}", limit=limit)
        if len(_rules) < 64:  # a venue has five; more is damage and is not kept
            _rules[kind, number, unit, limit] = known
    return known


_rules: dict[tuple[str, int, str, int], RateLimit] = {}


def _retry_after_s(error: msgspec.Raw, now_ms: int) -> int | None:
    try:
        data = msgspec.json.decode(error, type=_Error).data
    except msgspec.DecodeError:
        return None
    if data is None or data.retry_after is None:
        return None
    since_ms = now_ms if data.server_time is None else data.server_time
    return max(0, -(-(data.retry_after - since_ms) // 1_000))
