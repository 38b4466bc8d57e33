"""Candles from trades: what klines, by REST and by stream, are made of.

Pure and exact. One symbol's trades are kept as minutes (and, for the interval 1s, as seconds);
every longer interval is added up from minutes when it is asked for. Time without a trade makes flat
candles at the last close; before the first trade there are none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from quantlab.paper.events import TradePrint

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
KEEP = 4_000  # minutes and seconds kept for each symbol
ZERO = Decimal(0)


class Candle:
    """Open, high, low, close and what was traded from `open_ms` on. Exact; times in UTC ms."""

    __slots__ = (
        "close", "first_id", "high", "last_id", "low", "open", "open_ms", "quote_volume",
        "taker_quote", "taker_volume", "trades", "volume",
    )  # fmt: skip

    def __init__(self, open_ms: int, price: Decimal) -> None:
        self.open_ms = open_ms
        self.open = self.high = self.low = self.close = price
        self.volume = self.quote_volume = self.taker_volume = self.taker_quote = ZERO
        self.trades = 0
        self.first_id = self.last_id = -1

    def add(self, trade: TradePrint) -> None:
        """Count one trade of this candle's time."""
        quote = trade.price * trade.quantity
        if self.trades == 0:
            self.open = self.high = self.low = trade.price
            self.first_id = trade.trade_id
        self.high, self.low = max(self.high, trade.price), min(self.low, trade.price)
        self.close, self.last_id = trade.price, trade.trade_id
        self.volume += trade.quantity
        self.quote_volume += quote
        if not trade.buyer_is_maker:  # the buyer was the taker
            self.taker_volume += trade.quantity
            self.taker_quote += quote
        self.trades += 1

    def extend(self, later: Candle) -> None:
        """Add a later candle: this one then spans both."""
        if later.trades == 0:
            return
        if self.trades == 0:
            self.open, self.high, self.low, self.first_id = later.open, later.high, later.low, later.first_id
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close, self.last_id = later.close, later.last_id
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.taker_volume += later.taker_volume
        self.taker_quote += later.taker_quote
        self.trades += later.trades


def opening(interval: str, time_ms: int) -> int:
    """When the candle of `interval` that holds `time_ms` opened (weeks on Monday, months on the 1st)."""
    if interval == MONTHS:
        day = datetime.fromtimestamp(time_ms // 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000
    origin = MONDAY if interval == "1w" else 0
    return time_ms - (time_ms - origin) % INTERVALS[interval]


def closing(interval: str, open_ms: int) -> int:
    """The last millisecond of the candle that opened at `open_ms`."""
    if interval == MONTHS:
        return opening(interval, open_ms + INTERVALS[interval]) - 1
    return open_ms + INTERVALS[interval] - 1


class Candles:
    """One symbol's candles. `history` (oldest first) may hold pieces of any length up to an hour."""

    def __init__(self, history: Iterable[Candle] = ()) -> None:
        self._minutes = list(history)
        self._seconds: list[Candle] = []

    def add(self, trade: TradePrint) -> None:
        """Count one trade. Trades come in the order of their times."""
        for pieces, length in ((self._minutes, MINUTE), (self._seconds, SECOND)):
            _roll(pieces, length, trade.time_ms)
            if not pieces:
                pieces.append(Candle(trade.time_ms - trade.time_ms % length, trade.price))
            pieces[-1].add(trade)

    def rows(
        self,
        interval: str,
        now_ms: int,
        *,
        limit: int,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Candle]:
        """Candles of `interval`, oldest first: the last `limit`, or the first from `start_ms` on."""
        if start_ms is not None and start_ms > now_ms:
            return []  # also no calendar has a month for every number
        pieces = self._rolled(interval, now_ms)
        rows: list[Candle] = []
        for piece in pieces[_skip(pieces, interval, start_ms) :]:
            _extend_rows(rows, interval, piece)
        rows = [
            row
            for row in rows
            if (start_ms is None or row.open_ms >= start_ms) and (end_ms is None or row.open_ms <= end_ms)
        ]
        return rows[:limit] if start_ms is not None else rows[-limit:]

    def at(self, interval: str, time_ms: int, now_ms: int) -> Candle | None:
        """The candle of `interval` that holds `time_ms`; None before the first trade."""
        opened = opening(interval, time_ms)
        rows = self.rows(interval, now_ms, limit=1, start_ms=opened, end_ms=opened)
        return rows[0] if rows else None

    def _rolled(self, interval: str, now_ms: int) -> Sequence[Candle]:
        pieces, length = (self._seconds, SECOND) if interval == "1s" else (self._minutes, MINUTE)
        if pieces:
            _roll(pieces, length, now_ms)
        return pieces


def _skip(pieces: Sequence[Candle], interval: str, start_ms: int | None) -> int:
    """Where to begin: pieces of an earlier candle need not be added up."""
    if start_ms is None:
        return 0
    return bisect_left(pieces, opening(interval, start_ms), key=lambda piece: piece.open_ms)


def _extend_rows(rows: list[Candle], interval: str, piece: Candle) -> None:
    opened = opening(interval, piece.open_ms)
    if not rows or rows[-1].open_ms != opened:
        row = Candle(opened, piece.open)
        rows.append(row)
    rows[-1].extend(piece)


def _roll(pieces: list[Candle], length: int, now_ms: int) -> None:
    """Close what is over: flat pieces at the last close until the one that holds `now_ms`."""
    if not pieces:
        return
    last = pieces[-1]
    wanted = now_ms - now_ms % length
    first = max(last.open_ms + length, wanted - (KEEP - 1) * length)
    pieces.extend(Candle(opened, last.close) for opened in range(first, wanted + 1, length))
    if len(pieces) > 2 * KEEP:
        del pieces[: len(pieces) - KEEP]
