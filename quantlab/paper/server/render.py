"""The venue's JSON shapes: the exchange's values as REST replies and stream events.

Exactly the documented fields and types: ids and times are numbers, amounts are text with eight
decimals. Nothing here decides anything.

Source: Binance spot REST API, WebSocket Streams and User Data Streams, the examples of each section.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import AccountTrade, OrderSnapshot
from quantlab.domain.position import Balance
from quantlab.paper.exchange import BalanceChange, Execution, ExecutionType, Placed, TradePrint
from quantlab.paper.market.candles import Candle, closing

Json = dict[str, Any]
ORDER_TYPES = ("LIMIT", "MARKET")
NONE = "0.00000000"
EXPIRY = {
    "IOC": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "FOK": "UNFILLED_FOK_ORDER_EXPIRED",
    "MARKET": "INSUFFICIENT_LIQUIDITY",
}


def amount(number: Decimal | None) -> str:
    """Eight decimals, as the venue writes every amount."""
    return NONE if number is None else f"{number:.8f}"


def levels(side: Iterable[tuple[Decimal, Decimal]]) -> list[list[str]]:
    return [[amount(price), amount(quantity)] for price, quantity in side]


def symbol_info(instrument: Instrument, stp: str, permissions: list[list[str]]) -> Json:
    """One symbol of exchangeInfo, with the filters that the exchange really applies."""
    lot = {
        "minQty": amount(instrument.min_quantity),
        "maxQty": amount(instrument.max_quantity),
        "stepSize": amount(instrument.step_size),
    }
    filters: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(instrument.min_price),
            "maxPrice": amount(instrument.max_price),
            "tickSize": amount(instrument.tick_size),
        },
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(instrument.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ]
    unsupported = (
        "icebergAllowed", "ocoAllowed", "otoAllowed", "opoAllowed", "allowTrailingStop",
        "cancelReplaceAllowed", "amendAllowed", "pegInstructionsAllowed", "isMarginTradingAllowed",
    )  # fmt: skip
    return {
        "symbol": instrument.symbol,
        "status": instrument.status,
        "baseAsset": instrument.base,
        "baseAssetPrecision": instrument.base_precision,
        "quoteAsset": instrument.quote,
        "quotePrecision": instrument.quote_precision,
        "quoteAssetPrecision": instrument.quote_precision,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        **dict.fromkeys(unsupported, False),
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "filters": filters,
        "permissions": [],
        "permissionSets": permissions,
        "defaultSelfTradePreventionMode": stp,
        "allowedSelfTradePreventionModes": [stp],
    }


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


def kline_row(candle: Candle, interval: str) -> list[Any]:
    return [
        candle.open_ms, amount(candle.open), amount(candle.high), amount(candle.low), amount(candle.close),
        amount(candle.volume), closing(interval, candle.open_ms), amount(candle.quote_volume),
        candle.trades, amount(candle.taker_volume), amount(candle.taker_quote), "0",
    ]  # fmt: skip


def placed(result: Placed, kind: str, stp: str) -> Json:
    """The answer to a new order: ACK, RESULT or FULL."""
    order = result.order
    reply: Json = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": order.created_ms,
    }
    if kind != "ACK":
        reply |= _state(order) | {"workingTime": order.created_ms, "selfTradePreventionMode": stp}
        reply |= expiry_reason(order, "expiryReason")
    if kind == "FULL":
        reply["fills"] = [
            {
                "price": amount(trade.price),
                "qty": amount(trade.quantity),
                "commission": amount(trade.commission),
                "commissionAsset": trade.commission_asset,
                "tradeId": trade.trade_id,
            }
            for trade in result.trades
        ]
    return reply


def cancelled(order: OrderSnapshot, cancel_id: str, stp: str) -> Json:
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
        **_state(order),
        "selfTradePreventionMode": stp,
    }


def queried(order: OrderSnapshot, stp: str) -> Json:
    """One order as "Query order" and "Current open orders" show it."""
    state = _state(order)
    quote_quantity = state.pop("origQuoteOrderQty")
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **state,
        "stopPrice": NONE,
        "icebergQty": NONE,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": True,
        "workingTime": order.created_ms,
        "origQuoteOrderQty": quote_quantity,
        "selfTradePreventionMode": stp,
        **expiry_reason(order, "expiryReason"),
    }


def account_trade(trade: AccountTrade) -> Json:
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.quote_quantity),
        "commission": amount(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side == "BUY",
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def balance(one: Balance) -> Json:
    return {"asset": one.asset, "free": amount(one.free), "locked": amount(one.locked)}


def expiry_reason(order: OrderSnapshot, field: str) -> Json:
    """The conditional field that says why an order expired; nothing for all other orders."""
    if order.status != "EXPIRED":
        return {}
    return {field: EXPIRY.get(order.type) or EXPIRY.get(order.time_in_force, "EXCHANGE_CANCELED")}


def _state(order: OrderSnapshot) -> Json:
    return {
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.executed_quantity),
        "origQuoteOrderQty": amount(order.quote_quantity),
        "cummulativeQuoteQty": amount(order.executed_quote),
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def trade_event(trade: TradePrint) -> Json:
    return {
        "e": "trade", "E": trade.time_ms, "s": trade.symbol, "t": trade.trade_id, "p": amount(trade.price),
        "q": amount(trade.quantity), "T": trade.time_ms, "m": trade.buyer_is_maker, "M": True,
    }  # fmt: skip


def kline_event(symbol: str, interval: str, candle: Candle, event_ms: int, *, closed: bool) -> Json:
    return {
        "e": "kline", "E": event_ms, "s": symbol,
        "k": {
            "t": candle.open_ms, "T": closing(interval, candle.open_ms), "s": symbol, "i": interval,
            "f": candle.first_id, "L": candle.last_id, "o": amount(candle.open), "c": amount(candle.close),
            "h": amount(candle.high), "l": amount(candle.low), "v": amount(candle.volume),
            "n": candle.trades, "x": closed, "q": amount(candle.quote_volume),
            "V": amount(candle.taker_volume), "Q": amount(candle.taker_quote), "B": "0",
        },
    }  # fmt: skip


def execution_report(one: Execution, stp: str) -> Json:
    """`executionReport`: after a cancel, `c` is the cancel's id and `C` the order's own."""
    order = one.order
    cancel = one.execution_type is ExecutionType.CANCELED
    working = order.status in ("NEW", "PARTIALLY_FILLED")
    return {
        "e": "executionReport", "E": one.time_ms, "s": order.symbol,
        "c": one.cancel_client_order_id if cancel else order.client_order_id,
        "S": order.side, "o": order.type, "f": order.time_in_force, "q": amount(order.quantity),
        "p": amount(order.price), "P": NONE, "F": NONE, "g": -1,
        "C": order.client_order_id if cancel else "",
        "x": one.execution_type.value, "X": order.status, "r": "NONE", "i": order.order_id,
        "l": amount(one.last_quantity), "z": amount(order.executed_quantity), "L": amount(one.last_price),
        "n": amount(one.commission) if one.commission_asset else "0", "N": one.commission_asset,
        "T": one.time_ms, "t": one.trade_id, "I": one.execution_id, "w": working, "m": one.is_maker,
        "M": False, "O": order.created_ms, "Z": amount(order.executed_quote),
        "Y": amount(one.last_price * one.last_quantity), "Q": amount(order.quote_quantity),
        "W": order.created_ms, "V": stp, **expiry_reason(order, "eR"), **_prevented(one),
    }  # fmt: skip


def _prevented(one: Execution) -> Json:
    if one.execution_type is not ExecutionType.TRADE_PREVENTION:
        return {}
    rest = amount(one.order.quantity - one.order.executed_quantity)
    return {"A": rest, "B": rest}


def account_position(change: BalanceChange) -> Json:
    return {
        "e": "outboundAccountPosition", "E": change.time_ms, "u": change.time_ms,
        "B": [{"a": one.asset, "f": amount(one.free), "l": amount(one.locked)} for one in change.balances],
    }  # fmt: skip
