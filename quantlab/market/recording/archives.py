"""A file of Binance's public archive as events: what the streams would have brought, after the fact.

Trades are `Trade`s, an aggregate trade is one `Trade` under its last id, candles are closed `Kline`s. Files
with and without a header, of spot and of futures, as .csv or .zip. A damaged file is refused with its name,
the line and the remedy.

Source: Binance public data (data.binance.vision), README.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from quantlab.domain.decimals import EXACT
from quantlab.domain.market import Kline, Trade
from quantlab.errors import InvalidField, TapeError
from quantlab.market.recording.archivefields import PLACES, Row, aggregate, candle, fixed, kind_of, trade
from quantlab.market.recording.archivefile import REMEDY, Named, lines, named

NS_PER_US, US_PER_MS = 1_000, 1_000


def events(
    path: Path, symbol: str | None = None, interval: str | None = None
) -> Iterator[tuple[int, Trade | Kline]]:
    """When each was known (UTC ns: a candle's end), and the event, as they stand in the file.

    Args:
        path: The file.
        symbol, interval: Where the file's name does not say them.

    Raises:
        TapeError: It is missing, damaged or no such file.
        InvalidField: Its name does not say what it is of, and neither does `symbol` or `interval`.
    """
    said = named(path)
    if said.symbol and symbol and said.symbol != symbol:
        raise InvalidField("symbol", f"{path.name} is of {said.symbol}, not of {symbol}", "leave it out")
    wanted = said.symbol or symbol
    if wanted is None:
        raise InvalidField("symbol", f"the name of {path.name} names none", 'say which: symbol="BTCUSDT"')
    return _events(path, Named(wanted, said.kind, said.interval or interval))


def _events(path: Path, about: Named) -> Iterator[tuple[int, Trade | Kline]]:
    kind = about.kind
    for number, fields in lines(path):
        if number == 1 and not fields[0].isdecimal():
            continue  # a header
        try:
            kind = kind or kind_of(fields)
            if kind == "klines":
                yield _kline(fields, about)
            else:
                yield _trade(aggregate(fields) if kind == "aggTrades" else trade(fields), about)
        except (ValueError, OverflowError) as error:
            if isinstance(error, InvalidField):
                raise
            raise TapeError(f"tape {path}, line {number}: {error}", REMEDY) from None


def _trade(row: Row, about: Named) -> tuple[int, Trade]:
    at_ms = row.time_us // US_PER_MS
    return row.time_us * NS_PER_US, Trade(
        symbol=about.symbol or "", trade_id=row.trade_id, price=_exact(row.price),
        quantity=_exact(row.quantity), buyer_is_maker=row.buyer_is_maker, trade_ms=at_ms, event_ms=at_ms,
    )  # fmt: skip


def _kline(fields: Sequence[str], about: Named) -> tuple[int, Kline]:
    if about.interval is None:
        raise InvalidField("interval", "the file's name does not say it", 'say which: interval="1m"')
    row = candle(fields)
    close_ms = row.close_us // US_PER_MS
    return row.close_us * NS_PER_US, Kline(
        symbol=about.symbol or "", interval=about.interval, open_ms=row.open_us // US_PER_MS,
        close_ms=close_ms, open=_exact(row.open), high=_exact(row.high), low=_exact(row.low),
        close=_exact(row.close), volume=_exact(row.volume), quote_volume=_exact(fixed(fields[7])),
        trades=row.trades, closed=True, event_ms=close_ms,
    )  # fmt: skip


def _exact(units: int) -> Decimal:
    """A number of 1e-8, with eight decimals as the venue writes them."""
    return EXACT.scaleb(Decimal(units), -PLACES)
