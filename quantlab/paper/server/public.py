"""Handlers of the public endpoints: what anybody may read of the market. Tickers are next door.

Each is a plain function of the session and one request; it reads and never changes anything.

Source: Binance spot REST API, "General endpoints" and "Market Data endpoints".
"""

from __future__ import annotations

from typing import Any

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.market.intervals import INTERVALS
from quantlab.paper.server import public_tickers, render, render_info
from quantlab.paper.server.endpoint import Endpoint
from quantlab.paper.server.params import Params
from quantlab.paper.server.prints import Prints
from quantlab.paper.server.public_tickers import OTHER_STATUS, timezone
from quantlab.paper.server.session import Session

BAD_COMBINATION = Refused(-1128, "Combination of optional parameters invalid.")
NO_REFERENCE_PRICE = Refused(-2043, "This symbol doesn't have a reference price.")


def ping(session: Session, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    return {}


def time(session: Session, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    return {"serverTime": session.clock.now_ms()}


def exchange_info(session: Session, params: Params) -> Any:
    """Limits, and every symbol with the filters that orders really meet."""
    names = params.symbols(session.exchange.instruments)
    permissions, status = _permissions(params), params.status()
    if names is not None and (permissions is not None or status is not None):
        raise BAD_COMBINATION
    show_sets = params.boolean("showPermissionSets", default=True)
    chosen = [
        symbol
        for symbol, instrument in session.exchange.instruments.items()
        if (names is None or symbol in names)
        and (permissions is None or render_info.PERMISSION in permissions)
        and status in (None, instrument.status)
    ]
    return {
        "timezone": "UTC",
        "serverTime": session.clock.now_ms(),
        "rateLimits": session.limits.rules(),
        "exchangeFilters": render_info.exchange_filters(session.exchange.limits),
        "symbols": [
            render_info.symbol(session.exchange.rules(symbol), show_sets=show_sets) for symbol in chosen
        ],
    }


def _permissions(params: Params) -> list[str] | None:
    """One permission or a JSON list of them; -1130 where that is not what was sent."""
    value = params.text("permissions")
    if value is None:
        return None
    try:
        found = msgspec.json.decode(value, type=list[str]) if value.startswith("[") else [value]
    except msgspec.DecodeError:
        found = [value]
    if not set(found) <= render_info.PERMISSIONS:
        raise Refused(-1130, "Data sent for parameter 'permissions' is not valid.")
    return found


def execution_rules(session: Session, params: Params) -> Any:
    """This venue has no price ranges: every symbol, and no rule."""
    names, status = params.symbols(session.exchange.instruments), params.status()
    if names is not None and status is not None:
        raise BAD_COMBINATION
    instruments = session.exchange.instruments
    asked = instruments if names is None else names
    chosen = [name for name in asked if status in (None, instruments[name].status)]
    return {"symbolRules": [{"symbol": symbol, "rules": []} for symbol in chosen]}


def rules_weight(params: Params) -> int:
    """2 for each symbol asked for; at most 40, and 40 for all."""
    count = public_tickers.count(params)
    return 40 if count is None else min(2 * max(count, 1), 40)


def reference_price(session: Session, params: Params) -> Any:
    """No symbol of this venue has one: PRICE_RANGE rules and `@referencePrice` are silent with it."""
    params.symbol(session.exchange.instruments)
    params.all_read()
    raise NO_REFERENCE_PRICE


def reference_calculation(session: Session, params: Params) -> Any:
    """As there is no reference price, there is no calculation of it."""
    _symbol_of_status(session, params)
    params.all_read()
    raise NO_REFERENCE_PRICE


def depth(session: Session, params: Params) -> Any:
    symbol = _symbol_of_status(session, params)
    return render.book(*session.exchange.depth(symbol, params.limit(100, 5_000)))


def depth_weight(params: Params) -> int:
    """5, 25, 50 or 250, by how many levels are asked for."""
    limit = params.limit(100, 5_000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1_000 else 250


def trades(session: Session, params: Params) -> Any:
    prints = _prints(session, params)
    return [render.public_trade(trade) for trade in prints.trades.last(params.limit(500, 1_000))]


def historical_trades(session: Session, params: Params) -> Any:
    """From an id on, as far back as trades are kept; else the newest."""
    ring, start, limit = _prints(session, params).trades, params.integer("fromId"), params.limit(500, 1_000)
    found = ring.last(limit) if start is None else ring.since(start, limit)
    return [render.public_trade(trade) for trade in found]


def block_trades(session: Session, params: Params) -> Any:
    """Nobody trades off the book here."""
    params.symbol(session.exchange.instruments)
    params.need("fromId")
    params.integer("fromId")
    params.limit(500, 1_000)
    return []


def aggregate_trades(session: Session, params: Params) -> Any:
    """From an id on, or by time, as far back as they are kept; else the newest."""
    ring, number, limit = (
        _prints(session, params).aggregates,
        params.integer("fromId"),
        params.limit(500, 1_000),
    )
    start, end = params.time_ms("startTime"), params.time_ms("endTime")
    if number is None:
        found = ring.between(start, end, limit)
    elif start is None and end is None:
        found = ring.since(number, limit)
    else:
        raise BAD_COMBINATION
    return [render.aggregate_row(one) for one in found]


def klines(session: Session, params: Params) -> Any:
    """Candles of a timezone: the most recent, or from `startTime` on; both times are UTC."""
    prints = _prints(session, params)
    params.need("interval")
    interval = params.choice("interval", tuple(INTERVALS), -1120, "Invalid interval.") or ""
    offset = timezone(params)
    rows = prints.candles.rows(
        interval,
        session.time_ms,
        limit=params.limit(500, 1_000),
        start_ms=params.time_ms("startTime"),
        end_ms=params.time_ms("endTime"),
        offset_ms=offset,
    )
    return [render.kline_row(candle, interval, offset) for candle in rows]


def average_price(session: Session, params: Params) -> Any:
    """The one that the filters go by; zero before the first trade."""
    symbol = params.symbol(session.exchange.instruments)
    last = session.publisher.prints[symbol].last
    return {
        "mins": session.exchange.rules(symbol).average_minutes,
        "price": render.amount(session.exchange.average_price(symbol, session.time_ms)),
        "closeTime": last.time_ms if last else 0,
    }


def _prints(session: Session, params: Params) -> Prints:
    return session.publisher.prints[params.symbol(session.exchange.instruments)]


def _symbol_of_status(session: Session, params: Params) -> str:
    """`symbol`, which must have the `symbolStatus` where one is asked for (-1220)."""
    symbol, status = params.symbol(session.exchange.instruments), params.status()
    if status not in (None, session.exchange.instruments[symbol].status):
        raise OTHER_STATUS
    return symbol


ENDPOINTS = (
    Endpoint(ping, 1, rest="GET /api/v3/ping", ws="ping"),
    Endpoint(time, 1, rest="GET /api/v3/time", ws="time"),
    Endpoint(exchange_info, 20, rest="GET /api/v3/exchangeInfo", ws="exchangeInfo"),
    Endpoint(execution_rules, rules_weight, rest="GET /api/v3/executionRules", ws="executionRules"),
    Endpoint(depth, depth_weight, rest="GET /api/v3/depth", ws="depth"),
    Endpoint(trades, 25, rest="GET /api/v3/trades", ws="trades.recent"),
    Endpoint(historical_trades, 25, rest="GET /api/v3/historicalTrades", ws="trades.historical"),
    Endpoint(block_trades, 25, rest="GET /api/v3/historicalBlockTrades", ws="blockTrades.historical"),
    Endpoint(aggregate_trades, 4, rest="GET /api/v3/aggTrades", ws="trades.aggregate"),
    Endpoint(klines, 2, rest="GET /api/v3/klines", ws="klines"),
    Endpoint(klines, 2, rest="GET /api/v3/uiKlines", ws="uiKlines"),
    Endpoint(average_price, 2, rest="GET /api/v3/avgPrice", ws="avgPrice"),
    *public_tickers.ENDPOINTS,
    Endpoint(reference_price, 2, rest="GET /api/v3/referencePrice", ws="referencePrice"),
    Endpoint(
        reference_calculation,
        2,
        rest="GET /api/v3/referencePrice/calculation",
        ws="referencePrice.calculation",
    ),
)
