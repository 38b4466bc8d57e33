"""The calendar of candles: how long an interval is, where one opens and closes, in any timezone.

Times are UTC milliseconds. A timezone is an offset in milliseconds, east positive: it moves where
days, weeks and months begin, and never how times are written.

Source: Binance spot REST API, "Kline/Candlestick data".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 4 * DAY  # 1970-01-05, the first Monday
MONTHS = "1M"
INTERVALS: dict[str, int] = {
    "1s": SECOND, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE,
    "30m": 30 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR, "8h": 8 * HOUR,
    "12h": 12 * HOUR, "1d": DAY, "3d": 3 * DAY, "1w": WEEK, MONTHS: 31 * DAY,
}  # fmt: skip
WINDOWS: dict[str, int] = {
    **{f"{count}m": count * MINUTE for count in range(1, 60)},
    **{f"{count}h": count * HOUR for count in range(1, 24)},
    **{f"{count}d": count * DAY for count in range(1, 8)},
}
OFFSET = re.compile(r"([+-]?)(\d{1,2})(?::([0-5]\d))?", re.ASCII)
WESTMOST, EASTMOST = -12 * HOUR, 14 * HOUR


def offset_of(timezone: str) -> int | None:
    """ "8", "-1:00" or "05:45" in milliseconds; None where it is no timezone from -12:00 to +14:00."""
    match = OFFSET.fullmatch(timezone)
    if match is None:
        return None
    offset = int(match[2]) * HOUR + int(match[3] or 0) * MINUTE
    offset = -offset if match[1] == "-" else offset
    return offset if WESTMOST <= offset <= EASTMOST else None


def opening(interval: str, time_ms: int, offset_ms: int = 0) -> int:
    """When the candle of `interval` that holds `time_ms` opened (weeks on Monday, months on the 1st)."""
    local = time_ms + offset_ms
    if interval == MONTHS:
        day = datetime.fromtimestamp(local // 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000 - offset_ms
    origin = MONDAY if interval == "1w" else 0
    return time_ms - (local - origin) % INTERVALS[interval]


def closing(interval: str, open_ms: int, offset_ms: int = 0) -> int:
    """The last millisecond of the candle that opened at `open_ms`."""
    if interval == MONTHS:
        return opening(interval, open_ms + INTERVALS[interval], offset_ms) - 1
    return open_ms + INTERVALS[interval] - 1
