"""Handlers of the ticker endpoints: prices and statistics of one, several or all symbols.

Source: Binance spot REST API, the ticker sections of "Market Data endpoints".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.market.intervals import WINDOWS, offset_of
from quantlab.paper.server import render, tickers
from quantlab.paper.server.endpoint import Endpoint
from quantlab.paper.server.params import Params
from quantlab.paper.server.session import Session

MOST_SYMBOLS = 100  # of a window's or a day's statistics; the others take any number
OTHER_STATUS = Refused(-1220, "The symbol's status does not match the requested symbolStatus.")
NO_SYMBOL = Refused(-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!")

Row = Callable[[str], render.Json]


def ticker_price(session: Session, params: Params) -> Any:
    """The last price of each; zero where nothing has traded yet."""
    last = session.exchange.last_price
    return _each(session, params, lambda symbol: {"symbol": symbol, "price": render.amount(last(symbol))})


def book_ticker(session: Session, params: Params) -> Any:
    def row(symbol: str) -> render.Json:
        bid, bid_quantity, ask, ask_quantity = map(render.amount, session.exchange.best(symbol))
        return {
            "symbol": symbol,
            "bidPrice": bid,
            "bidQty": bid_quantity,
            "askPrice": ask,
            "askQty": ask_quantity,
        }

    return _each(session, params, row)


def ticker_day(session: Session, params: Params) -> Any:
    """The last 24 hours of each."""
    small = _is_mini(params)

    def row(symbol: str) -> render.Json:
        stats = tickers.last_day(symbol, session.publisher.prints[symbol], session.time_ms)
        return tickers.mini(stats) if small else tickers.full_day(stats, session.exchange.best(symbol))

    return _each(session, params, row)


def ticker_rolling(session: Session, params: Params) -> Any:
    """The last `windowSize` of each, begun on a minute."""
    small, window = _is_mini(params), params.text("windowSize") or "1d"
    if window not in WINDOWS:
        raise Refused(-1130, "Data sent for parameter 'windowSize' is not valid.")

    def row(symbol: str) -> render.Json:
        prints = session.publisher.prints[symbol]
        stats = tickers.rolling(symbol, prints, WINDOWS[window], session.time_ms)
        return tickers.mini(stats) if small else tickers.full(stats)

    return _chosen(session, params, row)


def ticker_trading_day(session: Session, params: Params) -> Any:
    """The running day of each, in a timezone."""
    small, offset = _is_mini(params), timezone(params)

    def row(symbol: str) -> render.Json:
        prints = session.publisher.prints[symbol]
        stats = tickers.trading_day(symbol, prints, session.time_ms, offset)
        return tickers.mini(stats) if small else tickers.full(stats)

    return _chosen(session, params, row)


def timezone(params: Params) -> int:
    """`timeZone` in milliseconds; -1130 beyond -12:00 and +14:00, and where it is none."""
    offset = offset_of(params.text("timeZone") or "0")
    if offset is None:
        raise Refused(-1130, "Data sent for parameter 'timeZone' is not valid.")
    return offset


def _is_mini(params: Params) -> bool:
    return params.choice("type", ("FULL", "MINI"), -1139, "Invalid ticker type.") == "MINI"


def _chosen(session: Session, params: Params, row: Row) -> Any:
    """As `_each`, where the symbols must be named."""
    if not (params.sent("symbol") or params.sent("symbols")):
        raise NO_SYMBOL
    return _each(session, params, row, MOST_SYMBOLS)


def _each(session: Session, params: Params, row: Row, most: int | None = None) -> Any:
    """One row for `symbol`, which must have the status asked for; a list of those that have, for more."""
    instruments = session.exchange.instruments
    names, status = params.symbols(instruments, most), params.status()
    chosen = instruments if names is None else names
    rows = [row(name) for name in chosen if status in (None, instruments[name].status)]
    if not params.sent("symbol"):
        return rows
    if not rows:
        raise OTHER_STATUS
    return rows[0]


# --- weights


def count(params: Params) -> int | None:
    """How many symbols are asked for; None where neither parameter says."""
    many = params.raw("symbols")
    if not many:
        return 1 if params.sent("symbol") else None
    try:
        return len(msgspec.json.decode(many, type=list[Any]))
    except msgspec.DecodeError:
        return 1


def price_weight(params: Params) -> int:
    """2 for one symbol, 4 for several or all."""
    return 2 if params.sent("symbol") else 4


def day_weight(params: Params) -> int:
    """2, 40 or 80, by how many symbols are asked for."""
    symbols = count(params)
    return 80 if symbols is None or symbols > 100 else 2 if symbols <= 20 else 40


def window_weight(params: Params) -> int:
    """4 for each symbol, at most 200."""
    return min(4 * (count(params) or 1), 200)


ENDPOINTS = (
    Endpoint(ticker_day, day_weight, rest="GET /api/v3/ticker/24hr", ws="ticker.24hr"),
    Endpoint(ticker_trading_day, window_weight, rest="GET /api/v3/ticker/tradingDay", ws="ticker.tradingDay"),
    Endpoint(ticker_price, price_weight, rest="GET /api/v3/ticker/price", ws="ticker.price"),
    Endpoint(book_ticker, price_weight, rest="GET /api/v3/ticker/bookTicker", ws="ticker.book"),
    Endpoint(ticker_rolling, window_weight, rest="GET /api/v3/ticker", ws="ticker"),
)
