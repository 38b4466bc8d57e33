"""Reads a file of Binance's public archive into trades: whole, checked, in whole numbers.

Trades and aggregate trades are taken as they are (an aggregate is one trade under its last trade
id); a candle becomes a path of trades (see `candlepath`). Files with and without a header are read,
of spot and of futures. A damaged file is refused with its name, the line and the remedy: nothing is
repaired. A time before the one of the line above counts as that one.

Source: Binance public data (data.binance.vision), README.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from quantlab.domain.instrument import Instrument
from quantlab.errors import ConfigError, TapeError
from quantlab.market.recording.archivefields import PLACES, CandleRow, Row, aggregate, candle, kind_of, trade
from quantlab.market.recording.archivefile import LARGEST, REMEDY, lines, named
from quantlab.paper.market import candlepath
from quantlab.paper.market.tapefile import instrument_of

US_PER_S = 1_000_000


class Archive:
    """All trades of one file, in columns. Prices and quantities in units of 1e-8, times in UTC us."""

    __slots__ = ("ids", "instrument", "makers", "prices", "quantities", "times_us")

    def __init__(self) -> None:
        self.ids = array("q")
        self.times_us = array("q")
        self.prices = array("q")
        self.quantities = array("q")
        self.makers = bytearray()
        self.instrument: Instrument

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, number: int) -> Row:
        return Row(
            self.ids[number], self.times_us[number], self.prices[number], self.quantities[number],
            bool(self.makers[number]),
        )  # fmt: skip

    def add(self, row: Row) -> None:
        """Append a trade; ValueError or OverflowError where it cannot follow."""
        if self.ids and row.trade_id <= self.ids[-1]:
            raise ValueError(f"the id {row.trade_id} does not follow on {self.ids[-1]}")
        if row.price <= 0 or row.quantity <= 0:
            raise ValueError("a price or a quantity is not above 0")
        self.prices.append(row.price)
        self.quantities.append(row.quantity)
        self.ids.append(row.trade_id)
        self.times_us.append(max(row.time_us, self.times_us[-1]) if self.times_us else row.time_us)
        self.makers.append(row.buyer_is_maker)


class _Candles:
    """The candles of a file, flat: as many whole numbers each as a `CandleRow` has, and its line."""

    WIDTH = len(CandleRow._fields) + 1

    def __init__(self) -> None:
        self._flat = array("q")
        self._opened_us = 0

    def add(self, row: CandleRow, line: int) -> None:
        if row.open_us <= self._opened_us:
            raise ValueError("the candle does not follow on the one above")
        self._opened_us = row.open_us
        self._flat.extend((*row, line))

    def __iter__(self) -> Iterator[tuple[CandleRow, int]]:
        flat, width = self._flat, self.WIDTH
        for at in range(0, len(flat), width):
            yield CandleRow(*flat[at : at + width - 1]), flat[at + width - 1]

    def walk(self, path: Path, archive: Archive) -> None:
        """Append every candle's trades; on the grid on which all of the candles stand."""
        tick = _finest(price for row, _ in self for price in row[2:6])
        step = _finest(row.volume for row, _ in self)
        for row, line in self:
            span_us = row.close_us - row.open_us + 1
            most = min(candlepath.MOST_TRADES, max(candlepath.FEWEST_TRADES, -(-span_us // US_PER_S) // 3))
            prices = [price // tick for price in row[2:6]]
            try:
                walked = list(candlepath.path(prices, row.volume // step, min(row.trades, most)))
            except ValueError as error:
                raise TapeError(f"tape {path}, line {line}: {error}", REMEDY) from None
            for number, (price, quantity, maker) in enumerate(walked):
                at_us = row.open_us + span_us * (2 * number + 1) // (2 * len(walked))
                archive.add(Row(len(archive) + 1, at_us, price * tick, quantity * step, maker))


def read(path: Path, symbol: str | None = None, *, largest: int = LARGEST) -> Archive:
    """Read and check a whole file.

    Args:
        path: A .csv or .zip.
        symbol: Whose trades they are, where the file's name does not say.
        largest: Bytes of CSV that are read at most.

    Raises:
        TapeError: It is missing, damaged, too large or no such file.
        ConfigError: The symbol is not known, or is not the one of the file's name.
    """
    said = named(path)
    if said.symbol and symbol and said.symbol != symbol:
        raise ConfigError(f"{path.name} is of {said.symbol}, not of {symbol}", "leave out --symbols")
    wanted = said.symbol or symbol
    if wanted is None:
        raise ConfigError(f"the name of {path.name} names no symbol", "say which with --symbols BTCUSDT")
    archive, candles, kind = Archive(), _Candles(), said.kind
    for number, fields in lines(path, largest):
        if number == 1 and not fields[0].isdecimal():
            continue  # a header
        try:
            kind = kind or kind_of(fields)
            if kind == "klines":
                candles.add(candle(fields), number)
            else:
                archive.add(aggregate(fields) if kind == "aggTrades" else trade(fields))
        except (ValueError, OverflowError) as error:
            raise TapeError(f"tape {path}, line {number}: {error}", REMEDY) from None
    candles.walk(path, archive)
    if not len(archive):
        raise TapeError(f"tape {path} holds no trade", REMEDY)
    tick, step = (Decimal(_finest(each)).scaleb(-PLACES) for each in (archive.prices, archive.quantities))
    archive.instrument = instrument_of(path, wanted, tick, step)
    return archive


def _finest(numbers: Iterable[int]) -> int:
    """The greatest power of ten up to 1 (in units of 1e-8) on whose multiples all of them stand."""
    common = 10**PLACES
    for number in numbers:
        common = math.gcd(common, number)
    step = 1
    while common % (step * 10) == 0:
        step *= 10
    return step
