"""Candles from trades: what klines and tickers, by REST and by stream, are made of.

Pure and exact. One symbol's trades are kept as minutes, added up to hours, and (for the interval 1s)
as seconds; everything longer is added up when it is asked for. Time without a trade makes flat
candles at the last close; before the first trade there are none. What is kept is bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice, pairwise

from quantlab.paper.events import TradePrint
from quantlab.paper.market.intervals import DAY, HOUR, INTERVALS, MINUTE, SECOND, opening

KEEP_SECONDS = 4_000
KEEP_MINUTES = 7 * DAY // MINUTE + 120  # the longest rolling window, and a little
KEEP_HOURS = 400 * DAY // HOUR
SLACK = 1_000  # dropped at once
ZERO = Decimal(0)


class Candle:
    """Open, high, low, close and what was traded from `open_ms` on. Exact; times in UTC ms.

    `first_id` and `last_id` are -1 where no trade of the venue's own is in it.
    """

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
            self.open, self.high, self.low = later.open, later.high, later.low
        if self.first_id < 0:
            self.first_id = later.first_id
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close, self.last_id = later.close, later.last_id
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.taker_volume += later.taker_volume
        self.taker_quote += later.taker_quote
        self.trades += later.trades


class Series:
    """Candles of one length, oldest first and without a gap from the first trade on; the newest `keep`."""

    __slots__ = ("_keep", "_length", "pieces")

    def __init__(self, length: int, keep: int, pieces: Iterable[Candle] = ()) -> None:
        self._length = length
        self._keep = keep
        self.pieces = list(pieces)

    def roll(self, now_ms: int) -> None:
        """Flat candles at the last close, until the one that holds `now_ms`."""
        if not self.pieces:
            return
        last, length = self.pieces[-1], self._length
        wanted = now_ms - now_ms % length
        if wanted <= last.open_ms:
            return
        first = max(last.open_ms + length, wanted - (self._keep - 1) * length)
        self.pieces.extend(Candle(opened, last.close) for opened in range(first, wanted + 1, length))
        if len(self.pieces) > self._keep + SLACK:
            del self.pieces[: -self._keep]

    def at(self, time_ms: int, price: Decimal) -> Candle:
        """The newest candle, which holds `time_ms`; the first one begins at `price`."""
        self.roll(time_ms)
        if not self.pieces:
            self.pieces.append(Candle(time_ms - time_ms % self._length, price))
        return self.pieces[-1]

    def index(self, time_ms: int) -> int:
        """Of the first candle that opened at `time_ms` or later."""
        return bisect_left(self.pieces, time_ms, key=lambda piece: piece.open_ms)


class Candles:
    """One symbol's candles.

    Args:
        history: Gives the time before, oldest first, in pieces of a minute to an hour; the newest is a
            minute, and over. Asked when the first candle is read: most venues of a test never read one.
    """

    def __init__(self, history: Callable[[], Iterable[Candle]] = tuple) -> None:
        self._minutes = Series(MINUTE, KEEP_MINUTES)
        self._seconds = Series(SECOND, KEEP_SECONDS)
        self._hours = Series(HOUR, KEEP_HOURS)  # of all minutes but the newest
        self._coarse: dict[int, int] = {}
        self._history: Callable[[], Iterable[Candle]] | None = history

    def add(self, trade: TradePrint) -> None:
        """Count one trade. Trades come in the order of their times."""
        self._roll(trade.time_ms)
        self._minutes.at(trade.time_ms, trade.price).add(trade)
        self._seconds.at(trade.time_ms, trade.price).add(trade)

    def rows(
        self,
        interval: str,
        now_ms: int,
        *,
        limit: int,
        start_ms: int | None = None,
        end_ms: int | None = None,
        offset_ms: int = 0,
    ) -> list[Candle]:
        """Candles of `interval`, oldest first: the last `limit`, or the first from `start_ms` on."""
        end_ms = now_ms if end_ms is None else min(end_ms, now_ms)
        if end_ms < 0 or (start_ms is not None and start_ms > end_ms):
            return []  # also no calendar has a month for every number
        self._remember()
        if start_ms is None:
            begin_ms = end_ms - limit * INTERVALS[interval]
        else:
            begin_ms = opening(interval, start_ms, offset_ms)
        self._roll(now_ms)
        rows: list[Candle] = []
        for piece in self._pieces(interval, begin_ms, offset_ms):
            opened = opening(interval, piece.open_ms, offset_ms)
            if opened > end_ms or (start_ms is not None and len(rows) > limit):
                break
            if not rows or rows[-1].open_ms != opened:
                rows.append(Candle(opened, piece.open))
            rows[-1].extend(piece)
        whole = [row for row in rows if row.open_ms >= (begin_ms if start_ms is None else start_ms)]
        return whole[:limit] if start_ms is not None else whole[-limit:]

    def at(self, interval: str, time_ms: int, now_ms: int, offset_ms: int = 0) -> Candle | None:
        """The candle of `interval` that holds `time_ms`; None before the first trade."""
        opened = opening(interval, time_ms, offset_ms)
        rows = self.rows(interval, now_ms, limit=1, start_ms=opened, end_ms=opened, offset_ms=offset_ms)
        return rows[0] if rows else None

    def since(self, start_ms: int, now_ms: int) -> tuple[Candle, Decimal] | None:
        """All from the minute of `start_ms` until now as one candle, and the last price before it.

        Where nothing is known from before, that price is the first one; None before the first trade.
        """
        self._remember()
        self._roll(now_ms)
        minutes = self._minutes.pieces
        if not minutes:
            return None
        start_ms = min(start_ms, now_ms)
        start_ms -= start_ms % MINUTE
        hour_ms = start_ms + -start_ms % HOUR
        first, whole = self._minutes.index(start_ms), self._minutes.index(hour_ms)
        parts = [*minutes[first:whole], *self._hours.pieces[self._hours.index(hour_ms) :]]
        if whole < len(minutes):
            parts.append(minutes[-1])
        total = Candle(parts[0].open_ms, parts[0].open)
        for part in parts:
            total.extend(part)
        return total, minutes[first - 1].close if first else total.open

    def _remember(self) -> None:
        """Put the history before what has been traded since, once."""
        if self._history is None:
            return
        past, since, self._history = list(self._history()), self._minutes.pieces, None
        self._coarse = _coarse(past)
        minutes, hours = Series(MINUTE, KEEP_MINUTES, past), Series(HOUR, KEEP_HOURS)
        if since:
            minutes.roll(since[0].open_ms - 1)
            minutes.pieces.extend(since)
        for piece in minutes.pieces[:-1]:
            hours.at(piece.open_ms, piece.open).extend(piece)
        self._minutes, self._hours = minutes, hours

    def _roll(self, now_ms: int) -> None:
        """Close what is over. A minute goes into its hour when it is closed."""
        minutes = self._minutes.pieces
        if self._history is not None and minutes and now_ms - minutes[0].open_ms >= KEEP_MINUTES * MINUTE:
            self._remember()  # before the first minutes are dropped
            minutes = self._minutes.pieces
        if minutes and now_ms >= minutes[-1].open_ms + MINUTE:
            closed = minutes[-1]
            self._hours.at(closed.open_ms, closed.open).extend(closed)
            self._minutes.roll(now_ms)
            self._hours.roll(now_ms)
        self._seconds.roll(now_ms)

    def _pieces(self, interval: str, begin_ms: int, offset_ms: int) -> Iterator[Candle]:
        """The largest pieces, from `begin_ms` on, that make up candles of `interval` without being cut."""
        length = INTERVALS[interval]
        if length % HOUR == 0 and offset_ms % HOUR == 0:
            hours = islice(self._hours.pieces, self._hours.index(begin_ms), None)
            return chain(hours, self._minutes.pieces[-1:])
        if interval == "1s":
            return islice(self._seconds.pieces, self._seconds.index(begin_ms), None)
        coarse_ms = max((until for piece, until in self._coarse.items() if length % piece), default=0)
        return islice(self._minutes.pieces, self._minutes.index(max(begin_ms, coarse_ms)), None)


def _coarse(history: list[Candle]) -> dict[int, int]:
    """The lengths of pieces longer than a minute, and until when they come."""
    spans = {later.open_ms - piece.open_ms: later.open_ms for piece, later in pairwise(history)}
    return {length: until for length, until in spans.items() if length > MINUTE}
