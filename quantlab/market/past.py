"""What a download is asked for and gives: who is asked, how far it is, and the rows in the end.

Pure: nothing is asked or kept here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar, cast

import msgspec

from quantlab.domain.market import Kline, Trade
from quantlab.errors import InvalidField
from quantlab.frames import Rows
from quantlab.market.bars import BarBuilder, Bars, bars

T = TypeVar("T", bound=msgspec.Struct)
TRADES = "trades"


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
