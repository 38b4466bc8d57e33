"""Times in microseconds, for those who ask: replies and events are made in milliseconds and converted.

The venue's clock counts milliseconds, so the last three digits are zeros. Only fields that the
documents call times are touched; ids and amounts stay as they are.

Source: Binance spot CHANGELOG, 2024-12-17, "microseconds"; REST API, "General API Information".
"""

from __future__ import annotations

from typing import Any

import msgspec

from quantlab.paper.exchange import Refused

HEADER = "X-MBX-TIME-UNIT"
UNITS = {"MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}
REPLY_TIMES = frozenset({
    "T",  # of an aggregate trade
    "authorizedSince", "closeTime", "connectedSince", "openTime", "retryAfter", "serverTime", "time",
    "timestamp", "trailingTime", "transactTime", "transactionTime", "updateTime", "workingTime",
})  # fmt: skip
EVENT_TIMES = {
    "24hrTicker": "EOC", "1hTicker": "EOC", "4hTicker": "EOC", "1dTicker": "EOC",
    "trade": "ET", "aggTrade": "ET", "blockTrade": "ET", "avgPrice": "ET", "referencePrice": "t",
    "executionReport": "ETOWD", "outboundAccountPosition": "Eu", "balanceUpdate": "ET", "listStatus": "ET",
    "externalLockUpdate": "ET",
}  # fmt: skip


class KlineRow(list[Any]):
    """One row of klines: the only reply that tells its times by their place."""

    TIMES = (0, 6)


def is_micro(unit: str | None) -> bool:
    """Whether microseconds are asked for; `Refused` (-1194) where it is no unit at all."""
    if unit is None:
        return False
    if unit not in UNITS:
        raise Refused(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return UNITS[unit]


def reply(value: Any) -> Any:
    """A copy of a REST or WebSocket API result with its times in microseconds."""
    if isinstance(value, dict):
        return {name: _time(each) if name in REPLY_TIMES else reply(each) for name, each in value.items()}
    if isinstance(value, KlineRow):
        return [_time(each) if place in KlineRow.TIMES else each for place, each in enumerate(value)]
    if isinstance(value, list):
        return [reply(each) for each in value]
    return value


def event(value: Any) -> Any:
    """A copy of a stream event, or of a list of them, with its times in microseconds."""
    if isinstance(value, list):
        return [event(each) for each in value]
    names = EVENT_TIMES.get(value["e"], "E") if "e" in value else ""
    copy = {name: _time(each) if name in names else each for name, each in value.items()}
    if value.get("e") == "kline":
        copy["k"] = {name: _time(each) if name in "tT" else each for name, each in value["k"].items()}
    return copy


def payload(encoded: bytes) -> bytes:
    """As `event`, of a message that is JSON already."""
    return msgspec.json.encode(event(msgspec.json.decode(encoded)))


def _time(value: Any) -> Any:
    """-1 and null mean that there is no such time."""
    return value * 1_000 if isinstance(value, int) and value > 0 else value
