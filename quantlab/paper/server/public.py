"""Handlers of the public endpoints: what anybody may read of the market.

Each is a plain function of the session and one request; it reads and never changes anything.

Source: Binance spot REST API, "General endpoints" and "Market Data endpoints".
"""

from __future__ import annotations

from typing import Any

from quantlab.paper.exchange import Refused
from quantlab.paper.market.intervals import INTERVALS
from quantlab.paper.server import render
from quantlab.paper.server.endpoint import Endpoint
from quantlab.paper.server.params import Params
from quantlab.paper.server.session import STP, Session

SPOT = [["SPOT"]]


def ping(session: Session, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    return {}


def time(session: Session, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    return {"serverTime": session.clock.now_ms()}


def exchange_info(session: Session, params: Params) -> Any:
    """Limits, and every symbol with the filters that orders really meet."""
    names = params.symbols(session.exchange.instruments)
    permissions = params.text("permissions")
    status = params.choice("symbolStatus", ("TRADING", "HALT", "BREAK"), -1122, "Invalid symbolStatus.")
    if names is not None and (permissions is not None or status is not None):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    shown = SPOT if params.boolean("showPermissionSets", default=True) else []
    chosen = [
        instrument
        for symbol, instrument in session.exchange.instruments.items()
        if (names is None or symbol in names)
        and (permissions is None or "SPOT" in permissions)
        and (status is None or instrument.status == status)
    ]
    return {
        "timezone": "UTC",
        "serverTime": session.clock.now_ms(),
        "rateLimits": session.limits.rules(),
        "exchangeFilters": [],
        "symbols": [render.symbol_info(instrument, STP, shown) for instrument in chosen],
    }


def depth(session: Session, params: Params) -> Any:
    symbol = params.symbol(session.exchange.instruments)
    update_id, bids, asks = session.exchange.depth(symbol, params.limit(100, 5_000))
    return {"lastUpdateId": update_id, "bids": render.levels(bids), "asks": render.levels(asks)}


def depth_weight(params: Params) -> int:
    """5, 25, 50 or 250, by how many levels are asked for."""
    limit = params.limit(100, 5_000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def trades(session: Session, params: Params) -> Any:
    symbol = params.symbol(session.exchange.instruments)
    recent = session.exchange.recent_trades(symbol, params.limit(500, 1_000))
    return [render.public_trade(trade) for trade in recent]


def klines(session: Session, params: Params) -> Any:
    """Candles in UTC: the most recent, or from `startTime` on."""
    symbol = params.symbol(session.exchange.instruments)
    params.need("interval")
    interval = params.choice("interval", tuple(INTERVALS), -1120, "Invalid interval.") or ""
    if params.text("timeZone") not in (None, "0"):
        raise Refused(-1130, "Data sent for parameter 'timeZone' is not valid.")
    rows = session.publisher.prints[symbol].candles.rows(
        interval,
        session.time_ms,
        limit=params.limit(500, 1_000),
        start_ms=params.integer("startTime"),
        end_ms=params.integer("endTime"),
    )
    return [render.kline_row(candle, interval) for candle in rows]


def ticker_price(session: Session, params: Params) -> Any:
    return _each(session, params, _price)


def book_ticker(session: Session, params: Params) -> Any:
    return _each(session, params, _best)


def ticker_weight(params: Params) -> int:
    """2 for one symbol, 4 for several or all."""
    return 2 if params.sent("symbol") else 4


def _each(session: Session, params: Params, row: Any) -> Any:
    """One row for `symbol`; a list for `symbols` or for all."""
    names = params.symbols(session.exchange.instruments)
    rows = [row(session, symbol) for symbol in (session.exchange.instruments if names is None else names)]
    return rows[0] if params.sent("symbol") else rows


def _price(session: Session, symbol: str) -> render.Json:
    return {"symbol": symbol, "price": render.amount(session.exchange.last_price(symbol))}


def _best(session: Session, symbol: str) -> render.Json:
    bid, bid_quantity, ask, ask_quantity = map(render.amount, session.exchange.best(symbol))
    return {
        "symbol": symbol,
        "bidPrice": bid,
        "bidQty": bid_quantity,
        "askPrice": ask,
        "askQty": ask_quantity,
    }


ENDPOINTS = (
    Endpoint(ping, 1, rest="GET /api/v3/ping", ws="ping"),
    Endpoint(time, 1, rest="GET /api/v3/time", ws="time"),
    Endpoint(exchange_info, 20, rest="GET /api/v3/exchangeInfo", ws="exchangeInfo"),
    Endpoint(depth, depth_weight, rest="GET /api/v3/depth", ws="depth"),
    Endpoint(trades, 25, rest="GET /api/v3/trades", ws="trades.recent"),
    Endpoint(klines, 2, rest="GET /api/v3/klines", ws="klines"),
    Endpoint(ticker_price, ticker_weight, rest="GET /api/v3/ticker/price", ws="ticker.price"),
    Endpoint(book_ticker, ticker_weight, rest="GET /api/v3/ticker/bookTicker", ws="ticker.book"),
)
