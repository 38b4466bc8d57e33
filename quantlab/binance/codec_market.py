"""Market statistics by REST, to domain values: aggregate trades, averages, tickers.

Pure, and strict in the same way as `rest_shapes`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.binance.rest_shapes import Wire, amount, decode
from quantlab.domain.tickers import AggregateTrade, AveragePrice, Ticker
from quantlab.errors import UndecodableReply
from quantlab.frames import Rows


class AggregateReply(msgspec.Struct):
    a: int
    p: Decimal
    q: Decimal
    f: int
    l: int  # noqa: E741 - the venue's name
    T: int
    m: bool


class AverageReply(Wire):
    mins: int
    price: Decimal
    close_time: int


class TickerReply(Wire):
    symbol: str
    price_change: Decimal
    price_change_percent: Decimal
    weighted_avg_price: Decimal
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    last_price: Decimal
    volume: Decimal
    quote_volume: Decimal
    open_time: int
    close_time: int
    first_id: int
    last_id: int
    count: int
    prev_close_price: Decimal | None = None
    last_qty: Decimal | None = None
    bid_price: Decimal | None = None
    bid_qty: Decimal | None = None
    ask_price: Decimal | None = None
    ask_qty: Decimal | None = None


def decode_aggregate_trades(body: bytes, symbol: str) -> Rows[AggregateTrade]:
    """Aggregate trades, oldest first; the reply does not name its symbol, the request does."""
    trades = [
        AggregateTrade(
            symbol=symbol,
            time_ms=each.T,
            aggregate_id=each.a,
            price=amount(each.p),
            quantity=amount(each.q),
            first_id=each.f,
            last_id=each.l,
            buyer_is_maker=each.m,
        )
        for each in decode(body, tuple[AggregateReply, ...])
    ]
    return Rows(trades, of=AggregateTrade, index="time")


def decode_average_price(body: bytes, symbol: str) -> AveragePrice:
    """The average price of one symbol."""
    average = decode(body, AverageReply)
    return AveragePrice(
        symbol=symbol, minutes=average.mins, price=amount(average.price), last_trade_ms=average.close_time
    )


def decode_ticker(body: bytes, symbol: str) -> Ticker:
    """The statistics of exactly `symbol`."""
    ticker = _ticker(decode(body, TickerReply))
    if ticker.symbol != symbol:
        raise UndecodableReply("the ticker names another symbol")
    return ticker


def decode_tickers(body: bytes) -> Rows[Ticker]:
    """The statistics of several symbols, in the venue's order."""
    tickers = [_ticker(each) for each in decode(body, tuple[TickerReply, ...])]
    return Rows(tickers, of=Ticker, index="symbol")


def _ticker(ticker: TickerReply) -> Ticker:
    return Ticker(
        symbol=ticker.symbol,
        open_ms=ticker.open_time,
        close_ms=ticker.close_time,
        open=amount(ticker.open_price),
        high=amount(ticker.high_price),
        low=amount(ticker.low_price),
        last=amount(ticker.last_price),
        change=amount(ticker.price_change, signed=True),
        change_percent=amount(ticker.price_change_percent, signed=True),
        average=amount(ticker.weighted_avg_price),
        volume=amount(ticker.volume),
        quote_volume=amount(ticker.quote_volume),
        trades=ticker.count,
        first_id=ticker.first_id,
        last_id=ticker.last_id,
        previous_close=_maybe(ticker.prev_close_price),
        last_quantity=_maybe(ticker.last_qty),
        bid=_maybe(ticker.bid_price),
        bid_quantity=_maybe(ticker.bid_qty),
        ask=_maybe(ticker.ask_price),
        ask_quantity=_maybe(ticker.ask_qty),
    )


def _maybe(number: Decimal | None) -> Decimal | None:
    return None if number is None else amount(number)
