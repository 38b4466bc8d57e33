"""How the public market looks on the wire: REST replies and stream events.

Exactly the documented fields and types: ids and times are numbers, amounts are text with eight
decimals. Nothing here decides anything.

Source: Binance spot REST API and WebSocket Streams, the examples of each section.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from quantlab.paper.exchange import Levels, TradePrint
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.intervals import closing
from quantlab.paper.server.prints import Aggregate
from quantlab.paper.server.timeunit import KlineRow

Json = dict[str, Any]
NONE = "0.00000000"


def amount(number: Decimal | None) -> str:
    """Eight decimals, as the venue writes every amount."""
    return NONE if number is None else f"{number:.8f}"


def levels(side: Iterable[tuple[Decimal, Decimal]]) -> list[list[str]]:
    return [[amount(price), amount(quantity)] for price, quantity in side]


def book(update_id: int, bids: Levels, asks: Levels) -> Json:
    """The order book, as `depth` answers it and as partial book streams send it."""
    return {"lastUpdateId": update_id, "bids": levels(bids), "asks": levels(asks)}


def public_trade(trade: TradePrint) -> Json:
    return {
        "id": trade.trade_id,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.price * trade.quantity),
        "time": trade.time_ms,
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def aggregate_row(one: Aggregate) -> Json:
    return {
        "a": one.number,
        "p": amount(one.trade.price),
        "q": amount(one.quantity),
        "f": one.first_id,
        "l": one.last_id,
        "T": one.trade.time_ms,
        "m": one.trade.buyer_is_maker,
        "M": True,
    }


def kline_row(candle: Candle, interval: str, offset_ms: int = 0) -> list[Any]:
    return KlineRow((
        candle.open_ms, amount(candle.open), amount(candle.high), amount(candle.low), amount(candle.close),
        amount(candle.volume), closing(interval, candle.open_ms, offset_ms), amount(candle.quote_volume),
        candle.trades, amount(candle.taker_volume), amount(candle.taker_quote), "0",
    ))  # fmt: skip


def trade_event(trade: TradePrint) -> Json:
    return {
        "e": "trade", "E": trade.time_ms, "s": trade.symbol, "t": trade.trade_id, "p": amount(trade.price),
        "q": amount(trade.quantity), "T": trade.time_ms, "m": trade.buyer_is_maker, "M": True,
    }  # fmt: skip


def aggregate_event(one: Aggregate) -> Json:
    trade = one.trade
    return {"e": "aggTrade", "E": trade.time_ms, "s": trade.symbol, **aggregate_row(one)}


def average_event(symbol: str, minutes: int, average: Decimal | None, traded_ms: int, event_ms: int) -> Json:
    return {
        "e": "avgPrice",
        "E": event_ms,
        "s": symbol,
        "i": f"{minutes}m",
        "w": amount(average),
        "T": traded_ms,
    }


def kline_event(
    symbol: str, interval: str, candle: Candle, event_ms: int, offset_ms: int = 0, *, closed: bool
) -> Json:
    return {
        "e": "kline", "E": event_ms, "s": symbol,
        "k": {
            "t": candle.open_ms, "T": closing(interval, candle.open_ms, offset_ms), "s": symbol,
            "i": interval, "f": candle.first_id, "L": candle.last_id, "o": amount(candle.open),
            "c": amount(candle.close), "h": amount(candle.high), "l": amount(candle.low),
            "v": amount(candle.volume), "n": candle.trades, "x": closed, "q": amount(candle.quote_volume),
            "V": amount(candle.taker_volume), "Q": amount(candle.taker_quote), "B": "0",
        },
    }  # fmt: skip
