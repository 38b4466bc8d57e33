"""Statistics of the market that a venue keeps for us: tickers, averages, aggregate trades.

Frozen and exact. Prices in the quote asset, volumes in the base asset, `quote_volume` in the quote
asset; times are the venue's, UTC milliseconds.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """What one symbol did in a window of time.

    `change_percent` is in percent; `average` is weighted by volume. `first_id` and `last_id` are
    trade ids, -1 where nothing traded. The last six are the 24 hour ticker's alone, else None.

    Source: Binance spot REST API, "24hr ticker price change statistics", "Rolling window price change
    statistics", "Trading Day Ticker".
    """

    symbol: str
    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    change: Decimal
    change_percent: Decimal
    average: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    first_id: int
    last_id: int
    previous_close: Decimal | None = None
    last_quantity: Decimal | None = None
    bid: Decimal | None = None
    bid_quantity: Decimal | None = None
    ask: Decimal | None = None
    ask_quantity: Decimal | None = None


class AveragePrice(msgspec.Struct, frozen=True, kw_only=True):
    """The average `price` of the last `minutes`; `last_trade_ms` is 0 where nothing traded yet.

    Source: Binance spot REST API, "Current average price".
    """

    symbol: str
    minutes: int
    price: Decimal
    last_trade_ms: int


class AggregateTrade(msgspec.Struct, frozen=True, kw_only=True):
    """Trades of one taker order at one price and time, as one; from `first_id` to `last_id`.

    `buyer_is_maker` True means that the seller was the aggressor.

    Source: Binance spot REST API, "Compressed/Aggregate trades list".
    """

    symbol: str
    time_ms: int
    aggregate_id: int
    price: Decimal
    quantity: Decimal
    first_id: int
    last_id: int
    buyer_is_maker: bool
