"""Bars from trades: by time, by number, by volume or by value, live and from the past alike.

Pure and exact. A builder takes one trade at a time and answers the bar that this completed. Every
trade is in exactly one bar, whole: so volumes add up, and a bar by volume may hold more than was asked
for, by less than its last trade. Trades are known by their ids: one that came before is not counted
again, and ids that never came are counted as `missing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from quantlab.domain.decimals import EXACT, positive
from quantlab.domain.market import Trade
from quantlab.errors import InvalidField
from quantlab.frames import Rows

ZERO = Decimal(0)


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Some trades of one symbol as one.

    `open_ms` and `close_ms` (UTC) are the times of the first and the last trade; of a bar by time, the
    first and the last millisecond of its period. Prices and `quote_volume` are in the quote asset,
    `volume` and `buy_volume` (bought by the taker) in the base asset.
    """

    symbol: str
    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    buy_volume: Decimal
    trades: int
    first_id: int
    last_id: int


class Bars(Rows[Bar]):
    """Bars, oldest first; `.frame()` is indexed by `open_time`."""

    def __init__(self, items: Iterable[Bar] = ()) -> None:
        super().__init__(items, of=Bar, index="open_time")


class BarBuilder:
    """What all builders share: `add` a trade, get the bar that it completed, or None.

    Attributes:
        missing: Trade ids that were skipped between two trades: the bars lack those trades.
        repeated: Trades that had come before, and were not counted again.
    """

    def __init__(self) -> None:
        self.missing = self.repeated = 0
        self._symbol = ""
        self._last_id: int | None = None
        self._clear()

    def add(self, trade: Trade) -> Bar | None:
        """Count one trade.

        Raises:
            InvalidField: It is of another symbol than the trades before.
        """
        if trade.symbol != self._symbol:
            if self._symbol:
                raise InvalidField(
                    "trade", f"it is of {trade.symbol}, not {self._symbol}", "give each symbol a builder"
                )
            self._symbol = trade.symbol
        last = self._last_id
        if last is not None:
            if trade.trade_id <= last:
                self.repeated += 1
                return None
            self.missing += trade.trade_id - last - 1
        before = self._ended_by(trade)
        self._last_id = trade.trade_id
        self._count(trade)
        if before is None and self._is_full():
            return self._take()
        return before

    def remainder(self) -> Bar | None:
        """The bar that is not complete yet, as it stands; None where nothing is in it."""
        return self._bar() if self._trades else None

    def _ended_by(self, trade: Trade) -> Bar | None:  # noqa: ARG002  # only bars by time look at it
        """The bar that is complete because `trade` does not belong to it."""
        return None

    def _is_full(self) -> bool:
        """True where the bar is complete with the trades that are in it."""
        return False

    def _take(self) -> Bar:
        bar = self._bar()
        self._clear()
        return bar

    def _clear(self) -> None:
        self._trades = 0
        self._volume = self._quote = self._bought = ZERO

    def _count(self, trade: Trade) -> None:
        price, quantity = trade.price, trade.quantity
        if not self._trades:
            self._open = self._high = self._low = price
            self._open_ms, self._first_id = trade.trade_ms, trade.trade_id
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close, self._close_ms = price, trade.trade_ms
        self._volume = EXACT.add(self._volume, quantity)
        self._quote = EXACT.add(self._quote, EXACT.multiply(price, quantity))
        if not trade.buyer_is_maker:
            self._bought = EXACT.add(self._bought, quantity)
        self._trades += 1

    def _bar(self) -> Bar:
        return Bar(
            symbol=self._symbol, open_ms=self._open_ms, close_ms=self._close_ms, open=self._open,
            high=self._high, low=self._low, close=self._close, volume=self._volume,
            quote_volume=self._quote, buy_volume=self._bought, trades=self._trades,
            first_id=self._first_id, last_id=self._last_id or 0,
        )  # fmt: skip


class TimeBars(BarBuilder):
    """Bars of equal length, aligned to the epoch in UTC, as the venue's candles up to a day are.

    A period without a trade has no bar. A trade that bears an earlier time than the one before (the
    venue's clock went back) counts in the bar that is open: what is complete never changes.

    Args:
        milliseconds: The length of a bar.
    """

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = _count("milliseconds", milliseconds)
        self._period_ms = 0
        super().__init__()

    def until(self, now_ms: int) -> Bar | None:
        """The open bar, where its period is over at `now_ms` (venue time): live, when no trade comes."""
        return self._take() if self._trades and now_ms >= self._period_ms + self.milliseconds else None

    def _ended_by(self, trade: Trade) -> Bar | None:
        period_ms = trade.trade_ms - trade.trade_ms % self.milliseconds
        ended = self._take() if self._trades and period_ms > self._period_ms else None
        if not self._trades:
            self._period_ms = period_ms
        return ended

    def _bar(self) -> Bar:
        ends_ms = self._period_ms + self.milliseconds - 1
        return msgspec.structs.replace(super()._bar(), open_ms=self._period_ms, close_ms=ends_ms)


class TickBars(BarBuilder):
    """Bars of `trades` trades each."""

    def __init__(self, trades: int) -> None:
        self.trades = _count("trades", trades)
        super().__init__()

    def _is_full(self) -> bool:
        return self._trades >= self.trades


class VolumeBars(BarBuilder):
    """Bars that end with the trade that brings their volume to `volume` (base asset) or above."""

    def __init__(self, volume: Decimal | int | str) -> None:
        self.volume = positive(volume, "volume")
        super().__init__()

    def _is_full(self) -> bool:
        return self._volume >= self.volume


class DollarBars(BarBuilder):
    """Bars that end with the trade that brings their value to `value` (quote asset) or above."""

    def __init__(self, value: Decimal | int | str) -> None:
        self.value = positive(value, "value")
        super().__init__()

    def _is_full(self) -> bool:
        return self._quote >= self.value


def bars(trades: Iterable[Trade], builder: BarBuilder) -> Bars:
    """Every bar that `trades` complete, oldest first; what is left over stays in `builder`.

    >>> bars([], TickBars(100))
    []
    """
    given: object = builder
    if not isinstance(given, BarBuilder):
        raise InvalidField("builder", f"{given!r:.60} is none", "give one, like TickBars(500)")
    return Bars(bar for trade in trades if (bar := builder.add(trade)) is not None)


def joined(parts: Sequence[Bar]) -> Bar:
    """Bars that follow each other, oldest first, as one; exactly the bar of all their trades.

    Raises:
        InvalidField: There is none, or they are of different symbols, or not in the order of their ids.
    """
    if not parts:
        raise InvalidField("parts", "there is no bar", "give at least one")
    for before, after in pairwise(parts):
        if before.symbol != after.symbol or after.first_id <= before.last_id:
            raise InvalidField(
                "parts", "these bars do not follow each other", "give one symbol's, oldest first"
            )
    first, last = parts[0], parts[-1]
    return msgspec.structs.replace(
        first,
        close_ms=last.close_ms,
        high=max(each.high for each in parts),
        low=min(each.low for each in parts),
        close=last.close,
        volume=_sum(each.volume for each in parts),
        quote_volume=_sum(each.quote_volume for each in parts),
        buy_volume=_sum(each.buy_volume for each in parts),
        trades=sum(each.trades for each in parts),
        last_id=last.last_id,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _count(field: str, value: int) -> int:
    if type(value) is not int or value < 1:
        raise InvalidField(field, f"{value!r:.40} is no whole number above zero", "give one like 100")
    return value
