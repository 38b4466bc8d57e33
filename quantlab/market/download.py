"""One download under way: which pages are needed, which are kept, and what is asked for.

A page is 1,000 candles of a span of time, or 1,000 trades of a span of ids: what one request brings.
Where a limit is used up, the download waits as long as told.

Source: Binance spot REST API, "Kline/Candlestick data", "Old trade lookup", "Compressed/Aggregate
trades list".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from quantlab.domain.market import Kline, Trade
from quantlab.errors import RateLimited, UndecodableReply
from quantlab.market.past import Past, Progress, Source, T
from quantlab.market.shelf import Shelf, Span

A = TypeVar("A")
PAGE = 1_000
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


class Work(Generic[T]):
    """One download under way. Files are read and written beside the loop, never on it."""

    def __init__(
        self,
        past: Past[T],
        *,
        source: Source,
        shelf: Shelf[Any],
        now_ms: Callable[[], int],
        progress: Callable[[Progress], object] | None,
    ) -> None:
        self.past, self.shelf = past, shelf
        self._source, self._now_ms, self._progress = source, now_ms, progress
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


class Candles(Work[Kline]):
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
            over = end_ms + SETTLED_MS <= self._now_ms()
            if over and all(each.closed for each in page):
                await self.keep(number, begin_ms, end_ms - 1, page)
        return page

    async def _candles(self, start_ms: int, end_ms: int, *, limit: int) -> Sequence[Kline]:
        klines, past = self._source.klines, self.past
        return await self.ask(
            lambda: klines(past.symbol, past.what, limit=limit, start_ms=start_ms, end_ms=end_ms)
        )


class Trades(Work[Trade]):
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
        agg_trades = self._source.agg_trades
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
        trades = self._source.historical_trades
        page = await self.ask(lambda: trades(self.past.symbol, from_id=begin, limit=PAGE))
        if page and page[0].trade_id < begin:
            raise UndecodableReply(f"trades from {begin} on were asked for, and {page[0].trade_id} came")
        if [each.trade_id for each in page] == list(range(begin, begin + PAGE)):
            await self.keep(number, page[0].trade_ms, page[-1].trade_ms, page)
        return page, len(page) < PAGE
