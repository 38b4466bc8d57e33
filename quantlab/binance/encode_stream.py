"""Typed market events to the venue's messages: what a recording is played from.

Pure and exact: every digit that a number has, nothing that the event does not hold.

Source: Binance spot "WebSocket Streams"; USD-M "WebSocket Market Streams".
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate, Kline, Trade


def encode_market(event: Trade | BookTicker | DepthUpdate | DepthSnapshot | Kline) -> dict[str, object]:
    """The venue's message for `event`: what its document names and the event holds, exact."""
    match event:
        case Trade():
            return {"e": "trade", "E": event.event_ms, "s": event.symbol, "t": event.trade_id,
                    "p": text(event.price), "q": text(event.quantity), "T": event.trade_ms,
                    "m": event.buyer_is_maker}  # fmt: skip
        case BookTicker():
            timed = {} if event.event_ms is None else {"e": "bookTicker", "E": event.event_ms}
            return {**timed, "u": event.update_id, "s": event.symbol, "b": text(event.bid),
                    "B": text(event.bid_quantity), "a": text(event.ask),
                    "A": text(event.ask_quantity)}  # fmt: skip
        case DepthUpdate():
            chained = {} if event.previous_id is None else {"pu": event.previous_id}
            return {"e": "depthUpdate", "E": event.event_ms, "s": event.symbol, "U": event.first_id,
                    "u": event.final_id, **chained, "b": event.bids, "a": event.asks}  # fmt: skip
        case DepthSnapshot():
            return {"lastUpdateId": event.last_update_id, "bids": event.bids, "asks": event.asks}
        case Kline():
            candle = {"t": event.open_ms, "T": event.close_ms, "s": event.symbol, "i": event.interval,
                      "o": text(event.open), "c": text(event.close), "h": text(event.high),
                      "l": text(event.low), "v": text(event.volume), "n": event.trades, "x": event.closed,
                      "q": text(event.quote_volume)}  # fmt: skip
            return {"e": "kline", "E": event.event_ms, "s": event.symbol, "k": candle}


def text(number: Decimal) -> str:
    """Wire text with all the digits the number has: "0.01000000" stays so."""
    return format(number, "f")
