"""The past of a market: candles and trades, kept once they are complete.

Pages that the shelf has are not asked for again, so a download that was broken off goes on where it
stopped. The source keeps the venue's limits; `download` does the work of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quantlab.clock import Clock
from quantlab.domain.market import Kline, Trade
from quantlab.errors import InvalidField
from quantlab.market.download import INTERVALS, Candles, Trades
from quantlab.market.moments import moment_ms
from quantlab.market.past import TRADES, Past, Progress, Source
from quantlab.market.shelf import FileShelf, MemoryShelf, Shelf

__all__ = ["History", "Past", "Progress", "Source"]

SYMBOL = re.compile(r"[\w-]{1,40}")
KLINE_COLUMNS = (
    "open_ms", "close_ms", "open", "high", "low", "close", "volume", "quote_volume", "trades",
)  # fmt: skip
TRADE_COLUMNS = ("trade_id", "price", "quantity", "buyer_is_maker", "trade_ms")


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
        given: object = symbol
        if not isinstance(given, str) or SYMBOL.fullmatch(given) is None:
            raise InvalidField("symbol", f"{symbol!r:.40} is no symbol", 'give one like "BTCUSDT"')
        if what != TRADES and what not in tuple(INTERVALS):
            raise InvalidField(
                "what", f"{what!r:.40} is no interval", f"give {', '.join(INTERVALS)} or trades"
            )
        shelf, now = self.shelf(symbol, what), self._clock.now_ms
        asked: dict[str, Any] = {"source": self._source, "shelf": shelf, "now_ms": now, "progress": progress}
        work: Candles | Trades
        if what == TRADES:
            work = Trades(Past(Trade, symbol, what, start_ms, end_ms), **asked)
        else:
            work = Candles(Past(Kline, symbol, what, start_ms, end_ms), **asked)
        before = len(work.shelf.refused)
        await work.run()
        work.past.refused = tuple(work.shelf.refused[before:])
        return work.past

    @property
    def folder(self) -> Path | None:
        """Where pages are kept; None for memory."""
        return self._folder

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
