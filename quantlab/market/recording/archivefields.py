"""One line of Binance's public archive, in whole numbers; ValueError where it is not as documented.

Prices and quantities in units of 1e-8, times in UTC microseconds whether the file has those or
milliseconds. Spot has one field more than futures ("was the trade the best price match").

Source: Binance public data (data.binance.vision), README: "Trades", "AggTrades", "Klines".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PLACES = 8  # decimals that the archive's numbers have at most
FIRST_MICROSECONDS = 10**14  # no time in milliseconds is that large before the year 5138
EARLIEST_US = 1_483_228_800_000_000  # 2017-01-01
LATEST_US = 4_102_444_800_000_000  # 2100-01-01
BOOLEANS = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}


class Row(NamedTuple):
    """One trade."""

    trade_id: int
    time_us: int
    price: int
    quantity: int
    buyer_is_maker: bool


class CandleRow(NamedTuple):
    """One candle."""

    open_us: int
    close_us: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int


def trade(fields: Sequence[str]) -> Row:
    """id, price, quantity, quote quantity, time, buyer is maker, and on spot: best match."""
    _require(fields, 6, 7)
    return Row(int(fields[0]), time(fields[4]), fixed(fields[1]), fixed(fields[2]), _boolean(fields[5]))


def aggregate(fields: Sequence[str]) -> Row:
    """id, price, quantity, first id, last id, time, buyer is maker, and on spot: best match."""
    _require(fields, 7, 8)
    return Row(int(fields[4]), time(fields[5]), fixed(fields[1]), fixed(fields[2]), _boolean(fields[6]))


def candle(fields: Sequence[str]) -> CandleRow:
    """Open time, OHLC, volume, close time, quote volume, trades, two taker volumes, unused."""
    _require(fields, 12, 12)
    opened, high, low, close, volume = (fixed(text) for text in fields[1:6])
    row = CandleRow(time(fields[0]), time(fields[6]), opened, high, low, close, volume, int(fields[8]))
    if row.close_us <= row.open_us:
        raise ValueError("the candle ends before it begins")
    if low <= 0:
        raise ValueError("a price is not above 0")
    return row


def kind_of(fields: Sequence[str]) -> str:
    """trades, aggTrades or klines; a future's aggregate has as many fields as a spot trade."""
    if len(fields) == 12:
        return "klines"
    return "aggTrades" if len(fields) == 8 or (len(fields) == 7 and fields[5].isdecimal()) else "trades"


def fixed(text: str) -> int:
    """A plain number as a whole number of 1e-8; ValueError where it is none, or finer."""
    whole, point, fraction = text.partition(".")
    if not (whole.isdecimal() and text.isascii()) or (point and not fraction.isdecimal()):
        raise ValueError(f"{text[:40]!r} is no price or quantity")
    fraction = fraction.rstrip("0")
    if len(fraction) > PLACES or len(whole) > 20:
        raise ValueError(f"{text[:40]} is finer than {PLACES} decimals, or too large")
    return int(whole + fraction.ljust(PLACES, "0"))


def time(text: str) -> int:
    """UTC microseconds, of milliseconds or microseconds."""
    number = int(text) if text.isdecimal() and len(text) <= 20 else 0
    time_us = number if number >= FIRST_MICROSECONDS else number * 1_000
    if not EARLIEST_US <= time_us < LATEST_US:
        raise ValueError(f"{text[:40]!r} is no time between 2017 and 2100, in ms or us")
    return time_us


def _boolean(text: str) -> bool:
    if text not in BOOLEANS:
        raise ValueError(f"{text[:40]!r} is neither True nor False")
    return BOOLEANS[text]


def _require(fields: Sequence[str], least: int, most: int) -> None:
    if not least <= len(fields) <= most:
        due = str(least) if least == most else f"{least} or {most}"
        raise ValueError(f"{len(fields)} fields where {due} are due")
