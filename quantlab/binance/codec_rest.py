"""REST replies about the market and the account, to domain values.

Pure: bytes in, frozen values out, through typed wire structs. Unknown fields and unknown enum
values are taken as they come; a missing field, a wrong type or a number that is no finite
amount raises `UndecodableReply`. Money is `Decimal` from the venue's text, never a float.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.binance.instruments import instrument_of
from quantlab.binance.limits import RateLimit
from quantlab.binance.rest_shapes import (
    AccountReply,
    BookTickerReply,
    DepthReply,
    ErrorReply,
    ExchangeInfoReply,
    KlineReply,
    PriceReply,
    TimeReply,
    TradeReply,
    Wire,
    amount,
    decode,
)
from quantlab.domain.instrument import Instrument
from quantlab.domain.market import BookTicker, DepthSnapshot, Kline, Trade
from quantlab.domain.position import AccountInfo, Balance
from quantlab.errors import UndecodableReply
from quantlab.frames import ByName, Rows, frame

if TYPE_CHECKING:
    import pandas as pd

EARLIEST_MS = 1_483_228_800_000  # 2017-01-01T00:00:00Z, when the venue was not there yet
LATEST_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
NO_UPDATE_ID = -1  # a BookTicker from REST: only the stream numbers its updates


class ExchangeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's symbols with their grids, and its rate limits.

    Source: Binance spot REST API, "Exchange information".
    """

    instruments: dict[str, Instrument]
    rate_limits: tuple[RateLimit, ...]

    def frame(self) -> pd.DataFrame:
        """One line per symbol: its grid and bounds; `filters(symbol)` shows the rest."""
        columns = tuple(name for name in Instrument.__struct_fields__ if name != "rules")
        return frame(self.instruments.values(), columns=columns, index="symbol")


class OrderBook(DepthSnapshot, frozen=True, kw_only=True):
    """The book as REST answers it, which is also a table."""

    def frame(self) -> pd.DataFrame:
        """One line per level, best first: side (bid, ask), price and quantity as exact numbers."""
        sides = (("bid", self.bids), ("ask", self.asks))
        rows = [
            {"side": side, "price": Decimal(price), "quantity": Decimal(quantity)}
            for side, levels in sides
            for price, quantity in levels
        ]
        return frame(rows, columns=("side", "price", "quantity"))


class Account(AccountInfo, frozen=True, kw_only=True):
    """The account as REST answers it, which is also a table."""

    def frame(self) -> pd.DataFrame:
        """One line per asset: free and locked."""
        return frame(self.balances, columns=("asset", "free", "locked"), index="asset")


def decode_error(body: bytes) -> tuple[int, str]:
    """The venue's code and message; (0, what came instead) where the body is no error object."""
    try:
        error = decode(body, ErrorReply)
    except UndecodableReply:
        return 0, f"no error code in {len(body)} bytes"
    return error.code, error.msg


def decode_ping(body: bytes) -> None:
    """`{}`: the venue is there."""
    decode(body, Wire)


def decode_time(body: bytes) -> int:
    """The venue's clock, UTC milliseconds; `UndecodableReply` where no clock can show that."""
    server_ms = decode(body, TimeReply).server_time
    if not EARLIEST_MS <= server_ms < LATEST_MS:
        raise UndecodableReply(f"the server time {str(server_ms)[:40]} is not between 2017 and 2100")
    return server_ms


def decode_exchange_info(body: bytes) -> ExchangeInfo:
    """Every symbol as an `Instrument`, by name, and the rate limits."""
    info = decode(body, ExchangeInfoReply)
    limits = tuple(
        RateLimit(
            kind=each.rate_limit_type, window=f"{each.interval_num}{each.interval[:1]}", limit=each.limit
        )
        for each in info.rate_limits
    )
    return ExchangeInfo(
        instruments={each.symbol: instrument_of(each, info.exchange_filters) for each in info.symbols},
        rate_limits=limits,
    )


def decode_depth(body: bytes, symbol: str) -> OrderBook:
    """The book; the reply does not name its symbol, the request does."""
    depth = decode(body, DepthReply)
    return OrderBook(symbol=symbol, last_update_id=depth.last_update_id, bids=depth.bids, asks=depth.asks)


def decode_trades(body: bytes, symbol: str) -> Rows[Trade]:
    """Public trades, oldest first; `event_ms` is the trade's own time."""
    trades = [
        Trade(
            symbol=symbol,
            trade_id=each.id,
            price=amount(each.price),
            quantity=amount(each.qty),
            buyer_is_maker=each.is_buyer_maker,
            trade_ms=each.time,
            event_ms=each.time,
        )
        for each in decode(body, tuple[TradeReply, ...])
    ]
    return Rows(trades, of=Trade, index="trade", leave=("event_ms", "late"))


def decode_klines(body: bytes, symbol: str, interval: str, now_ms: int) -> Rows[Kline]:
    """Candles, oldest first. A candle is closed where its `close_ms` is before `now_ms` (venue time)."""
    klines = [
        Kline(
            symbol=symbol,
            interval=interval,
            open_ms=each.open_ms,
            close_ms=each.close_ms,
            open=amount(each.open),
            high=amount(each.high),
            low=amount(each.low),
            close=amount(each.close),
            volume=amount(each.volume),
            quote_volume=amount(each.quote_volume),
            trades=each.trades,
            closed=each.close_ms < now_ms,
            event_ms=min(each.close_ms, now_ms),
        )
        for each in decode(body, tuple[KlineReply, ...])
    ]
    return Rows(klines, of=Kline, index="open_time", leave=("event_ms", "late"))


def decode_price(body: bytes) -> Decimal:
    """The last price of one symbol."""
    return amount(decode(body, PriceReply).price)


def decode_prices(body: bytes) -> ByName[Decimal]:
    """The last price of each symbol."""
    prices = {each.symbol: amount(each.price) for each in decode(body, tuple[PriceReply, ...])}
    return ByName(prices, column="price")


def decode_book_ticker(body: bytes, received_ms: int) -> BookTicker:
    """Best bid and ask of one symbol; its `update_id` is `NO_UPDATE_ID`."""
    return _book_ticker(decode(body, BookTickerReply), received_ms)


def decode_book_tickers(body: bytes, received_ms: int) -> ByName[BookTicker]:
    """Best bid and ask of each symbol."""
    tickers = {
        each.symbol: _book_ticker(each, received_ms) for each in decode(body, tuple[BookTickerReply, ...])
    }
    return ByName(tickers, of=BookTicker)


def decode_account(body: bytes) -> Account:
    """The whole account."""
    account = decode(body, AccountReply)
    return Account(
        balances=tuple(
            Balance(asset=each.asset, free=amount(each.free), locked=amount(each.locked))
            for each in account.balances
        ),
        can_trade=account.can_trade,
        updated_ms=account.update_time,
        uid=account.uid,
    )


def _book_ticker(ticker: BookTickerReply, received_ms: int) -> BookTicker:
    return BookTicker(
        symbol=ticker.symbol,
        update_id=NO_UPDATE_ID,
        bid=amount(ticker.bid_price),
        bid_quantity=amount(ticker.bid_qty),
        ask=amount(ticker.ask_price),
        ask_quantity=amount(ticker.ask_qty),
        received_ms=received_ms,
    )
