"""The past of a market, page by page: candles and trades, kept once they are complete.

A page is 1,000 candles of a span of time, or 1,000 trades of a span of ids: what one request brings.
Pages that the shelf has are not asked for again, so a download that was broken off goes on where it
stopped. The source keeps the venue's limits; where one is used up, the download waits as long as told.

Source: Binance spot REST API, "Kline/Candlestick data", "Old trade lookup", "Compressed/Aggregate
trades list".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from quantlab.clock import Clock
from quantlab.domain.market import Kline, Trade
from quantlab.errors import InvalidField, RateLimited, UndecodableReply
from quantlab.frames import Rows
from quantlab.market.bars import BarBuilder, Bars, bars
from quantlab.market.moments import moment_ms
from quantlab.market.shelf import FileShelf, MemoryShelf, Shelf, Span

T = TypeVar("T", bound=msgspec.Struct)
A = TypeVar("A")
PAGE = 1_000
TRADES = "trades"
MINUTE = 60_000
INTERVALS = {
    "1s": 1_000, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE,
    "1h": 60 * MINUTE, "2h": 120 * MINUTE, "4h": 240 * MINUTE, "6h": 360 * MINUTE, "8h": 480 * MINUTE,
    "12h": 720 * MINUTE, "1d": 1_440 * MINUTE, "3d": 3 * 1_440 * MINUTE, "1w": 7 * 1_440 * MINUTE,
    "1M": 28 * 1_440 * MINUTE,
}  # fmt: skip
"""How long a candle is at least, in milliseconds: no span of a page holds more than 1,000."""
AT_ONCE = 4  # pages of candles under way together
SETTLED_MS = 60_000  # after its end a page of candles is believed to be complete
PROBE = 8  # so many pages are worth one request that finds where the market began
LONGEST_WAIT_S = 120
MOST_WAITS = 20  # in a row, for one page
SYMBOL = re.compile(r"[\w-]{1,40}")
KLINE_COLUMNS = (
    "open_ms", "close_ms", "open", "high", "low", "close", "volume", "quote_volume", "trades",
)  # fmt: skip
TRADE_COLUMNS = ("trade_id", "price", "quantity", "buyer_is_maker", "trade_ms")


class Numbered(Protocol):
    """An aggregate trade, as far as it is needed here."""

    @property
    def first_id(self) -> int: ...

    @property
    def time_ms(self) -> int: ...


class Source(Protocol):
    """Who is asked: a `BinanceClient`, or `ql.binance`."""

    @property
    def klines(self) -> Callable[..., Awaitable[Sequence[Kline]]]: ...

    @property
    def historical_trades(self) -> Callable[..., Awaitable[Sequence[Trade]]]: ...

    @property
    def agg_trades(self) -> Callable[..., Awaitable[Sequence[Numbered]]]: ...


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a download is. `fraction` is from 0 to 1; `waiting_s` above 0 while a limit is used up."""

    symbol: str
    what: str
    fraction: float
    rows: int
    requests: int
    cached: int
    waiting_s: float = 0.0


class Past(Rows[T]):
    """Candles or trades, oldest first, from `start_ms` up to but without `end_ms` (UTC), with `.frame()`.

    Attributes:
        requests: How many were answered for it.
        cached: How many pages were there already.
        refused: The cached files that were damaged; they have been asked for again.
        missing: Trades that the venue did not have any more, by their ids.
    """

    def __init__(self, of: type[T], symbol: str, what: str, start_ms: int, end_ms: int) -> None:
        index = "trade" if what == TRADES else "open_time"
        super().__init__(of=of, index=index, leave=("event_ms", "late"))
        self.symbol, self.what, self.start_ms, self.end_ms = symbol, what, start_ms, end_ms
        self.requests = self.cached = self.missing = 0
        self.refused: tuple[str, ...] = ()

    def bars(self, builder: BarBuilder) -> Bars:
        """The bars that these trades complete; what is left over stays in `builder`, to go on live.

        Raises:
            InvalidField: These are candles.
        """
        if self.what != TRADES:
            raise InvalidField("history", f"these are candles of {self.what}", 'ask for "trades"')
        return bars(cast("Past[Trade]", self), builder)


class History:
    """Downloads of one venue's past.

    Args:
        source: Who is asked.
        clock: Says when now is, for moments that are given as so long ago.
        folder: Where pages are kept, one folder for one venue; None for memory, while this lives.
    """

    def __init__(self, source: Source, *, clock: Clock, folder: Path | None = None) -> None:
        self._source, self._clock, self._folder = source, clock, folder
        self._shelves: dict[tuple[str, str], Shelf[Any]] = {}

    async def fetch(
        self,
        symbol: str,
        what: str,
        start: object,
        end: object = None,
        *,
        progress: Callable[[Progress], object] | None = None,
    ) -> Past[Kline] | Past[Trade]:
        """The candles of an interval ("1m", "1h", ...) or the "trades" from `start` up to `end`.

        Weight: 2 for 1,000 candles; for trades 25 for 1,000, and 4 to find the first. What is kept
        costs nothing; the newest page is not complete and is asked for each time.

        Args:
            symbol: The market.
            what: The venue's word for an interval, or "trades".
            start: UTC ms, ISO text (UTC), a datetime with its zone, or a timedelta: so long ago.
            end: The same; None for now. What begins at `end` does not belong to it.
            progress: Called after each page, and when there is something to wait for.

        Raises:
            InvalidField: Names the argument.
            RateLimited: The venue said to wait for more than 120 s. What came is kept: ask again.
            VenueUnavailable, VenueRejected, UndecodableReply: As the source's. What came is kept.
            ConfigError: The folder cannot be written.
        """
        now_ms = self._clock.now_ms()
        start_ms = moment_ms(start, "start", now_ms)
        end_ms = now_ms if end is None else moment_ms(end, "end", now_ms)
        if end_ms < start_ms:
            raise InvalidField("end", "it is before start", "give the earlier moment first")
        if SYMBOL.fullmatch(str(symbol)) is None:
            raise InvalidField("symbol", f"{symbol!r:.40} is no symbol", 'give one like "BTCUSDT"')
        work: _Candles | _Trades
        if what == TRADES:
            work = _Trades(self, Past(Trade, symbol, what, start_ms, end_ms), progress)
        elif what in INTERVALS:
            work = _Candles(self, Past(Kline, symbol, what, start_ms, end_ms), progress)
        else:
            raise InvalidField(
                "what", f"{what!r:.40} is no interval", f"give {', '.join(INTERVALS)} or trades"
            )
        before = len(work.shelf.refused)
        await work.run()
        work.past.refused = tuple(work.shelf.refused[before:])
        return work.past

    @property
    def folder(self) -> Path | None:
        """Where pages are kept; None for memory."""
        return self._folder

    @property
    def source(self) -> Source:
        return self._source

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def shelf(self, symbol: str, what: str) -> Shelf[Any]:
        """The pages of one kind."""
        shelf = self._shelves.get((symbol, what))
        if shelf is None:
            if self._folder is None:
                shelf = MemoryShelf()
            else:
                # "1M" and "1m" are one name where a disk knows no case
                folder = self._folder / symbol / ("1month" if what == "1M" else what)
                if what == TRADES:
                    shelf = FileShelf(
                        folder, Trade, TRADE_COLUMNS,
                        lambda row: {"symbol": symbol, "event_ms": row["trade_ms"]},
                    )  # fmt: skip
                else:
                    shelf = FileShelf(
                        folder, Kline, KLINE_COLUMNS,
                        lambda row: {
                            "symbol": symbol, "interval": what, "closed": True, "event_ms": row["close_ms"],
                        },
                    )  # fmt: skip
            self._shelves[symbol, what] = shelf
        return shelf


class _Work(Generic[T]):
    """One download under way. Files are read and written beside the loop, never on it."""

    def __init__(
        self, history: History, past: Past[T], progress: Callable[[Progress], object] | None
    ) -> None:
        self.past, self.shelf = past, history.shelf(past.symbol, past.what)
        self._history, self._progress = history, progress
        self._fraction = 0.0

    async def run(self) -> None:
        raise NotImplementedError

    async def kept(self, number: int) -> list[T] | None:
        page: list[T] | None = await asyncio.to_thread(self.shelf.load, number)
        self.past.cached += page is not None
        return page

    async def keep(self, number: int, first_ms: int, last_ms: int, rows: Sequence[T]) -> None:
        await asyncio.to_thread(self.shelf.save, number, Span(first_ms, last_ms), rows)

    async def ask(self, request: Callable[[], Awaitable[A]]) -> A:
        """One request, again after each wait that the venue or our own governor asks for."""
        for _ in range(MOST_WAITS):
            try:
                answer = await request()
            except RateLimited as limited:
                wait_s = limited.retry_after_s
                if wait_s is None or wait_s > LONGEST_WAIT_S:
                    raise
                self.say(self._fraction, waiting_s=max(1, wait_s))
                await asyncio.sleep(max(1, wait_s))
            else:
                self.past.requests += 1
                return answer
        return await request()

    def say(self, fraction: float, *, waiting_s: float = 0.0) -> None:
        self._fraction = max(self._fraction, min(1.0, fraction))
        if self._progress is not None:
            past = self.past
            self._progress(
                Progress(
                    symbol=past.symbol, what=past.what, fraction=self._fraction, rows=len(past),
                    requests=past.requests, cached=past.cached, waiting_s=waiting_s,
                )
            )  # fmt: skip


class _Candles(_Work[Kline]):
    """Pages are spans of time; all their numbers are known from the start."""

    async def run(self) -> None:
        past = self.past
        length = INTERVALS[past.what] * PAGE
        numbers = list(range(past.start_ms // length, -(-past.end_ms // length)))
        there = await asyncio.to_thread(self.shelf.spans)
        if len(numbers) > PROBE and numbers[0] not in there:
            first = await self._candles(past.start_ms, past.end_ms - 1, limit=1)
            numbers = [each for each in numbers if first and each >= first[0].open_ms // length]
        for begin in range(0, len(numbers), AT_ONCE):
            some = numbers[begin : begin + AT_ONCE]
            pages = await asyncio.gather(*(self._page(each, length) for each in some), return_exceptions=True)
            for page in pages:  # after all of them: what has come is kept, whatever failed
                if isinstance(page, BaseException):
                    raise page
                past.extend(each for each in page if past.start_ms <= each.open_ms < past.end_ms)
            self.say((begin + len(some)) / len(numbers))
        self.say(1.0)

    async def _page(self, number: int, length: int) -> list[Kline]:
        page = await self.kept(number)
        if page is None:
            begin_ms, end_ms = number * length, (number + 1) * length
            page = list(await self._candles(begin_ms, end_ms - 1, limit=PAGE))
            over = end_ms + SETTLED_MS <= self._history.now_ms()
            if over and all(each.closed for each in page):
                await self.keep(number, begin_ms, end_ms - 1, page)
        return page

    async def _candles(self, start_ms: int, end_ms: int, *, limit: int) -> Sequence[Kline]:
        klines, past = self._history.source.klines, self.past
        return await self.ask(
            lambda: klines(past.symbol, past.what, limit=limit, start_ms=start_ms, end_ms=end_ms)
        )


class _Trades(_Work[Trade]):
    """Pages are spans of ids, one after the other: at 25 a page the weight is the limit, not the way."""

    _due: int | None = None  # the id of the next trade

    async def run(self) -> None:
        past = self.past
        found = await self._first_page()
        while found is not None:
            number, found = found, None
            page, newest = await self._page(number)
            if not newest and not any(each.trade_id // PAGE == number for each in page):
                found = page[0].trade_id // PAGE  # the venue has nothing so old any more
                continue
            self._take([each for each in page if each.trade_id // PAGE == number])
            if page and page[-1].trade_ms < past.end_ms and not newest:
                found = number + 1
            span = max(1, past.end_ms - past.start_ms)
            self.say((page[-1].trade_ms - past.start_ms) / span if page else 1.0)
        self.say(1.0)

    def _take(self, page: Sequence[Trade]) -> None:
        past = self.past
        for each in page:
            if past.start_ms <= each.trade_ms < past.end_ms:
                past.missing += 0 if self._due is None else max(0, each.trade_id - self._due)
                self._due = each.trade_id + 1
                past.append(each)

    async def _first_page(self) -> int | None:
        """The number of the page with the first trade at or after the start; None where there is none."""
        past = self.past
        if past.start_ms == past.end_ms:
            return None
        there: dict[int, Span] = await asyncio.to_thread(self.shelf.spans)
        for number, span in there.items():
            before = there.get(number - 1)
            begins = span.first_ms < past.start_ms or (before is not None and before.last_ms < past.start_ms)
            if begins and past.start_ms <= span.last_ms:
                return number
        agg_trades = self._history.source.agg_trades
        first = await self.ask(lambda: agg_trades(past.symbol, start_ms=past.start_ms, limit=1))
        if not first or first[0].time_ms >= past.end_ms:
            return None
        self._due = first[0].first_id
        return self._due // PAGE

    async def _page(self, number: int) -> tuple[Sequence[Trade], bool]:
        """The trades from this page's first id on, and whether there are no newer ones yet."""
        page: Sequence[Trade] | None = await self.kept(number)
        if page is not None:
            return page, False
        begin = number * PAGE
        trades = self._history.source.historical_trades
        page = await self.ask(lambda: trades(self.past.symbol, from_id=begin, limit=PAGE))
        if page and page[0].trade_id < begin:
            raise UndecodableReply(f"trades from {begin} on were asked for, and {page[0].trade_id} came")
        if [each.trade_id for each in page] == list(range(begin, begin + PAGE)):
            await self.keep(number, page[0].trade_ms, page[-1].trade_ms, page)
        return page, len(page) < PAGE
