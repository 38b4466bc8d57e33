"""Market data as events: trades, best prices, depth, klines.

Frozen and exact. Times are UTC milliseconds; `event_ms` is the venue's clock, `received_ms`
ours (corrected to the venue's). Prices in the quote asset, quantities in the base asset.
`late` marks an event that was old by the venue's clock when we read it: true, but no present.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

Level = tuple[Decimal, Decimal]  # price, quantity
WireLevel = tuple[str, str]  # the same, as the venue's text


class Trade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One public trade. `buyer_is_maker` True means that the seller was the aggressor.

    Source: Binance spot WebSocket streams, `<symbol>@trade`.
    """

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    trade_ms: int
    event_ms: int
    late: bool = False


class BookTicker(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Best bid and ask of one symbol, as the venue last sent them.

    The spot venue sends no event time here: `event_ms` is None there (futures sends one).

    Source: Binance spot WebSocket streams, `<symbol>@bookTicker`.
    """

    symbol: str
    update_id: int
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    received_ms: int
    event_ms: int | None = None
    late: bool = False


class DepthUpdate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One diff of the order book: levels that changed; quantity "0..." removes a level.

    Levels stay the venue's text: a book keyed by text is exact and fast, and nobody reads
    every level as a number. `previous_id` is the futures stream's `pu`, None on spot.

    Source: Binance spot WebSocket streams, "Diff. Depth Stream".
    """

    symbol: str
    first_id: int
    final_id: int
    bids: tuple[WireLevel, ...]
    asks: tuple[WireLevel, ...]
    event_ms: int
    previous_id: int | None = None
    late: bool = False


class Kline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One candle; `closed` says whether it still moves. Volumes: base and quote asset.

    Source: Binance spot WebSocket streams, `<symbol>@kline_<interval>`.
    """

    symbol: str
    interval: str
    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    closed: bool
    event_ms: int
    late: bool = False


class DepthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The book as REST answers it, best level first.

    Source: Binance spot REST API, "Order book".
    """

    symbol: str
    last_update_id: int
    bids: tuple[WireLevel, ...]
    asks: tuple[WireLevel, ...]


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable look at our local book: best levels first, as of `as_of_ms`.

    `state` is synced, syncing or stale with `reason`; a reader must not trade on any but synced.
    `event_ms` is the last diff's time, None before one; `as_of_ms` also tells of a snapshot alone when
    it was asked for. Both are the venue's clock. `age_ms` is how old that was when it was read: a market
    in which nothing changes grows old too, and how old is too old is the reader's to say. None where a
    duration cannot be measured.
    """

    symbol: str
    update_id: int
    event_ms: int | None
    state: str
    reason: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    as_of_ms: int | None = None
    age_ms: int | None = None
