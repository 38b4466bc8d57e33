"""What the public has seen of one symbol: its trades, its aggregate trades, its candles.

Bounded: the newest trades and aggregates are kept, older ones live on in the candles only. Reads
events and nothing else; it knows no socket and no clock.

Source: Binance spot REST API, "Old trade lookup", "Compressed/Aggregate trades list".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Generic, TypeVar

from quantlab.paper.exchange import TradePrint
from quantlab.paper.market.candles import Candle, Candles

KEEP = 10_000  # trades, and aggregates, of each symbol; up to twice as many for a while


class Aggregate:
    """The fills of one taker's order at one price at one time, as one trade. Exact; times in UTC ms."""

    __slots__ = ("first_id", "last_id", "number", "quantity", "trade")

    def __init__(self, number: int, trade: TradePrint) -> None:
        self.number = number
        self.trade = trade  # the first of them: price, side and time are its own
        self.quantity: Decimal = trade.quantity
        self.first_id = self.last_id = trade.trade_id

    def joins(self, trade: TradePrint) -> bool:
        """True where `trade`, the next one, belongs to it. A tape names no taker: there none does."""
        mine = self.trade
        return (
            mine.taker_order_id == trade.taker_order_id != 0
            and mine.price == trade.price
            and mine.time_ms == trade.time_ms
        )

    def add(self, trade: TradePrint) -> None:
        self.quantity += trade.quantity
        self.last_id = trade.trade_id


Item = TypeVar("Item")


class Ring(Generic[Item]):
    """The newest items, oldest first, found by their number or their time."""

    __slots__ = ("_id", "_time", "items")

    def __init__(self, number: Callable[[Item], int], time: Callable[[Item], int]) -> None:
        self.items: list[Item] = []
        self._id: Callable[[Item], int] = number
        self._time: Callable[[Item], int] = time

    def add(self, item: Item) -> None:
        self.items.append(item)
        if len(self.items) > 2 * KEEP:
            del self.items[:KEEP]

    def last(self, limit: int) -> list[Item]:
        return self.items[-limit:]

    def since(self, number: int, limit: int) -> list[Item]:
        """The first `limit` from this id on."""
        begin = bisect_left(self.items, number, key=self._id)
        return self.items[begin : begin + limit]

    def between(self, start_ms: int | None, end_ms: int | None, limit: int) -> list[Item]:
        """From a start the oldest, else the newest, of those up to the end; both inclusive."""
        items = self.items
        end = len(items) if end_ms is None else bisect_left(items, end_ms + 1, key=self._time)
        if start_ms is None:
            return items[max(0, end - limit) : end]
        begin = bisect_left(items, start_ms, key=self._time)
        return items[begin : min(end, begin + limit)]


class Prints:
    """One symbol's public past.

    Attributes:
        trades, aggregates: The newest ones.
        candles: All of it, and the market's history before it, which is asked for when it is read.
        last: The newest trade; None before the first.
    """

    __slots__ = ("_open", "aggregates", "candles", "last", "trades")

    def __init__(self, history: Callable[[], Iterable[Candle]] = tuple) -> None:
        self.candles = Candles(history)
        self.trades: Ring[TradePrint] = Ring(lambda trade: trade.trade_id, lambda trade: trade.time_ms)
        self.aggregates: Ring[Aggregate] = Ring(lambda one: one.number, lambda one: one.trade.time_ms)
        self.last: TradePrint | None = None
        self._open: Aggregate | None = None

    def add(self, trade: TradePrint) -> Aggregate | None:
        """Count one trade; the aggregate that it has completed, if it begins a new one."""
        self.last = trade
        self.candles.add(trade)
        self.trades.add(trade)
        if self._open is not None and self._open.joins(trade):
            self._open.add(trade)
            return None
        done = self.close()
        number = self.aggregates.items[-1].number + 1 if self.aggregates.items else 1
        self._open = Aggregate(number, trade)
        self.aggregates.add(self._open)
        return done

    def close(self) -> Aggregate | None:
        """What happened at once is over: the aggregate that nothing can join any more."""
        done, self._open = self._open, None
        return done
