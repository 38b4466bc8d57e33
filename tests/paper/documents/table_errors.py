"""Errors: code, HTTP status, whole text, and a call that provokes it, by either door.

Source: Binance spot "Errors"; REST API, "Timing security", "Regarding cancelRestrictions".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import kinds
import table_lists as lists
import table_orders as orders
from table_lists import MAKER_ABOVE, PLAIN, SELL, STOP_BELOW, THEN_MARKET, WORKING
from table_orders import BTC, LIMIT, MAKER, MARKET, STOP, TRAILING

BAD_COMBINATION = "Combination of optional parameters invalid."
NOT_SUPPORTED = "This operation is not supported."


class Provoked(NamedTuple):
    """`params` go to the endpoint whose WebSocket name is `ws`; `security` replaces what signs it."""

    code: int
    text: str
    ws: str
    params: dict[str, Any]
    given: tuple[str, ...] = ()
    status: int = 400
    security: dict[str, Any] = {}  # noqa: RUF012  # never changed


def of(code: int, text: str, ws: str, params: dict[str, Any], *given: str) -> Provoked:
    return Provoked(code, text, ws, params, given)


def placed(code: int, text: str, params: dict[str, Any], *given: str) -> Provoked:
    return Provoked(code, text, "order.place", params, given)


def named(refusal: kinds.Refusal, ws: str, params: dict[str, Any], *given: str) -> Provoked:
    return Provoked(*refusal, ws, params, given)


def secured(code: int, text: str, status: int = 400, **security: Any) -> Provoked:
    return Provoked(code, text, "account.status", {}, (), status, security)


SECURITY = (
    secured(-1021, "Timestamp for this request is outside of the recvWindow.", timestamp="$too_late"),
    secured(
        -1021, "Timestamp for this request was 1000ms ahead of the server's time.", timestamp="$too_soon"
    ),
    secured(-1022, "Signature for this request is not valid.", signature="0" * 64),
    Provoked(-1131, "recvWindow must be less than 60000.", "account.status", {"recvWindow": 60_001}),
    Provoked(*kinds.illegal("recvWindow", kinds.DECIMAL), "account.status", {"recvWindow": "1e3"}),
    Provoked(
        -1111, "Parameter 'recvWindow' has too much precision.", "account.status", {"recvWindow": 1.2345}
    ),
)

PARAMETERS = (
    named(kinds.both_missing("origClientOrderId", "orderId"), "order.status", BTC),
    named(kinds.both_missing("origClientOrderId", "orderId"), "order.cancel", BTC),
    named(kinds.both_missing("origClientOrderId", "orderId"), "order.amend.keepPriority",
          BTC | {"newQty": "1"}),
    named(kinds.both_missing("cancelOrigClientOrderId", "cancelOrderId"), "order.cancelReplace",
          orders.REPLACE),
    named(kinds.both_missing("orderListId", "listClientOrderId"), "orderList.cancel", BTC),
    named(kinds.both_missing("orderListId", "origClientOrderId"), "orderList.status", {}),
    named(kinds.both_missing("symbol", "symbols"), "ticker", {}),
    named(kinds.both_missing("symbol", "symbols"), "ticker.tradingDay", {}),
    named(kinds.both_missing("quantity", "quoteOrderQty"), "order.place", MARKET | {"quantity": None}),
    named(kinds.missing("timeInForce"), "order.place", LIMIT | {"timeInForce": None}),
    named(kinds.missing("price"), "order.place", LIMIT | {"price": None}),
    named(kinds.missing("quantity"), "order.place", LIMIT | {"quantity": None}),
    named(kinds.missing("price"), "order.place", MAKER | {"price": None}),
    named(kinds.missing("timeInForce"), "order.place", orders.STOP_LIMIT | {"timeInForce": None}),
    named(kinds.both_missing("stopPrice", "trailingDelta"), "order.place", STOP | {"stopPrice": None}),
    named(kinds.not_required("price"), "order.place", MARKET | {"price": "60000"}),
    named(kinds.not_required("timeInForce"), "order.place", MARKET | {"timeInForce": "GTC"}),
    named(kinds.not_required("quoteOrderQty"), "order.place", LIMIT | {"quoteOrderQty": "100"}),
    named(kinds.not_required("quoteOrderQty"), "order.place", MARKET | {"quoteOrderQty": "100"}),
    named(kinds.not_required("stopPrice"), "order.place", LIMIT | {"stopPrice": "55000"}),
    named(kinds.not_required("trailingDelta"), "order.place", LIMIT | {"trailingDelta": 100}),
    named(kinds.not_required("price"), "order.place", STOP | {"price": "55000"}),
    named(kinds.not_required("timeInForce"), "order.place", MAKER | {"timeInForce": "GTC"}),
    of(-1108, "Parameter 'orderId' overflowed.", "order.status", BTC | {"orderId": 10**20 - 1}),
    placed(-1111, kinds.too_precise("quantity"), LIMIT | {"quantity": "0.123456789"}),
    placed(-1111, kinds.too_precise("price"), LIMIT | {"price": "50000.123456789"}),
    placed(-1115, "Invalid timeInForce.", LIMIT | {"timeInForce": "DAY"}),
    placed(-1116, "Invalid orderType.", LIMIT | {"type": "ICEBERG"}),
    placed(-1117, "Invalid side.", LIMIT | {"side": "buy"}),
    of(-1120, "Invalid interval.", "klines", BTC | {"interval": "1Y"}),
    of(-1121, "Invalid symbol.", "depth", {"symbol": "NOPE"}),
    placed(-1121, "Invalid symbol.", LIMIT | {"symbol": "NOPE"}),
    of(-1121, "Invalid symbol.", "ticker.price", {"symbols": ["BTCUSDT", "NOPE"]}),
    of(-1122, "Invalid symbolStatus.", "depth", BTC | {"symbolStatus": "trading"}),
    of(-1127, "More than 24 hours between startTime and endTime.", "myTrades",
       BTC | {"startTime": 1, "endTime": 86_400_002}),
    of(-1127, "More than 24 hours between startTime and endTime.", "allOrders",
       BTC | {"startTime": 1, "endTime": 86_400_002}),
    of(-1127, "More than 24 hours between startTime and endTime.", "allOrderLists",
       {"startTime": 1, "endTime": 86_400_002}),
    of(-1128, BAD_COMBINATION, "exchangeInfo", BTC | {"permissions": "SPOT"}),
    of(-1128, BAD_COMBINATION, "exchangeInfo", BTC | {"symbolStatus": "TRADING"}),
    of(-1128, BAD_COMBINATION, "executionRules", BTC | {"symbolStatus": "TRADING"}),
    of(-1128, BAD_COMBINATION, "ticker.24hr", BTC | {"symbols": ["BTCUSDT"]}),
    of(-1128, BAD_COMBINATION, "ticker.price", BTC | {"symbols": ["BTCUSDT"]}),
    of(-1128, BAD_COMBINATION, "trades.aggregate", BTC | {"fromId": 1, "startTime": 1}),
    of(-1128, BAD_COMBINATION, "myTrades", BTC | {"fromId": 1, "startTime": 1}),
    of(-1128, BAD_COMBINATION, "myTrades", BTC | {"orderId": 1, "startTime": 1}),
    of(-1128, BAD_COMBINATION, "myPreventedMatches", BTC),
    of(-1128, BAD_COMBINATION, "myPreventedMatches", BTC | {"preventedMatchId": 1, "orderId": 1}),
    of(-1130, "Data sent for parameter 'limit' is not valid.", "depth", BTC | {"limit": 0}),
    placed(-1013, "This symbol does not allow the specified self-trade prevention mode.",
           LIMIT | {"selfTradePreventionMode": "TRANSFER"}),
    placed(-1134, "strategyType was less than 1000000.", LIMIT | {"strategyType": 999_999}),
    of(-1139, "Invalid ticker type.", "ticker.24hr", BTC | {"type": "full"}),
    of(-1145, "Invalid cancelRestrictions", "order.cancel", BTC | {"orderId": 1, "cancelRestrictions": "NO"}),
    of(-1151, "Symbol is present multiple times in the list.", "ticker.price",
       {"symbols": ["BTCUSDT", "BTCUSDT"]}),
    *(
        of(-1220, "The symbol's status does not match the requested symbolStatus.", ws,
           BTC | {"symbolStatus": "HALT"})
        for ws in ("depth", "ticker.24hr", "ticker.tradingDay", "ticker", "ticker.price", "ticker.book")
    ),
    of(-2043, "This symbol doesn't have a reference price.", "referencePrice", BTC),
)  # fmt: skip

# --- order lists

BUY = BTC | {"side": "BUY", "quantity": "0.01"}
STOP_ABOVE = {"aboveType": "STOP_LOSS", "aboveStopPrice": "65000"}
PRICES = "The relationship of the prices for the orders is not correct."


def oco(code: int, text: str, params: dict[str, Any]) -> Provoked:
    return of(code, text, "orderList.place.oco", params, "price")


LISTS = (
    oco(-1158, "Order type not supported in OCO.", SELL | MAKER_ABOVE | {"belowType": "MARKET"}),
    oco(-1165, "A limit order in a buy OCO must be below.", BUY | MAKER_ABOVE | STOP_BELOW),
    oco(-1166, "A limit order in a sell OCO must be above.",
        SELL | STOP_ABOVE | {"belowType": "LIMIT_MAKER", "belowPrice": "50000"}),
    oco(-1168, "At least one OCO order must be contingent.",
        SELL | MAKER_ABOVE | {"belowType": "LIMIT_MAKER", "belowPrice": "50000"}),
    oco(-1196, "A stop loss order in a buy OCO must be above.",
        BUY | {"aboveType": "TAKE_PROFIT", "aboveStopPrice": "65000"} | STOP_BELOW),
    oco(-1197, "A stop loss order in a sell OCO must be below.",
        SELL | STOP_ABOVE | {"belowType": "TAKE_PROFIT", "belowStopPrice": "55000"}),
    oco(-1198, "A take profit order in a buy OCO must be below.",
        BUY | {"aboveType": "TAKE_PROFIT", "aboveStopPrice": "65000"}
        | {"belowType": "TAKE_PROFIT", "belowStopPrice": "55000"}),
    oco(-1199, "A take profit order in a sell OCO must be above.",
        SELL | {"aboveType": "TAKE_PROFIT", "aboveStopPrice": "65000"}
        | {"belowType": "TAKE_PROFIT", "belowStopPrice": "55000"}),
    oco(-2010, PRICES, PLAIN | {"abovePrice": "55000", "belowStopPrice": "65000"}),
    of(-2010, PRICES, "orderList.place", lists.OLD | {"price": "55000"}, "price"),
    oco(*kinds.missing("abovePrice"), PLAIN | {"abovePrice": None}),
    oco(*kinds.both_missing("belowStopPrice", "belowTrailingDelta"), PLAIN | {"belowStopPrice": None}),
    oco(*kinds.missing("belowTimeInForce"), lists.LIMITS | {"belowTimeInForce": None}),
    of(-1102, kinds.missing("stopLimitTimeInForce")[1], "orderList.place",
       lists.OLD | {"stopLimitPrice": "54000"}, "price"),
    of(*kinds.missing("workingTimeInForce"), "orderList.place.oto",
       BTC | WORKING | THEN_MARKET | {"workingTimeInForce": None}),
    of(-1116, "Invalid orderType.", "orderList.place.oto",
       BTC | WORKING | THEN_MARKET | {"workingType": "MARKET"}),
    of(*kinds.missing("pendingPrice"), "orderList.place.oto",
       BTC | WORKING | lists.THEN_LIMIT | {"pendingPrice": None}),
    of(-2011, "Unknown order sent.", "orderList.cancel", BTC | {"orderListId": 999}),
    of(-2013, "Order does not exist.", "orderList.status", {"orderListId": 999}),
)  # fmt: skip

# --- what the matching engine says

WRONG_ID = "Client order ID is not correct for this order ID."
NO_FUNDS = "Account has insufficient balance for requested action."
AMENDED = "order.amend.keepPriority"
ENGINE = (
    placed(-2010, NO_FUNDS, LIMIT | {"quantity": "100"}),
    placed(-2010, "Duplicate order sent.", LIMIT | {"newClientOrderId": "$open_id"}, "open"),
    placed(-2010, "Order would immediately match and take.", MAKER | {"side": "BUY"}, "offer"),
    placed(-2010, "Order would trigger immediately.", STOP | {"stopPrice": "60000"}, "price"),
    placed(-2010, "Order would trigger immediately.", STOP | {"side": "BUY"}, "price"),
    placed(-2010, "Order would trigger immediately.", orders.PROFIT | {"side": "BUY"}, "price"),
    placed(-2010, "Order would trigger immediately.", orders.PROFIT | {"stopPrice": "59000"}, "price"),
    of(-2010, "Duplicate order sent.", "orderList.place.oco", PLAIN | {"listClientOrderId": "$oco_id"},
       "price", "oco"),
    of(-2011, "Unknown order sent.", "order.cancel", BTC | {"orderId": 999}),
    of(-2011, "Unknown order sent.", "order.cancel", BTC | {"origClientOrderId": "never"}),
    of(-2011, "Unknown order sent.", "openOrders.cancelAll", BTC),
    of(-2011, "Order was not canceled due to cancel restrictions.", "order.cancel",
       BTC | {"orderId": "$open", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, "open"),
    of(-2013, "Order does not exist.", "order.status", BTC | {"orderId": 999}),
    of(-2013, "Order does not exist.", "order.status", BTC | {"origClientOrderId": "never"}),
    of(-2039, WRONG_ID, "order.status", BTC | {"orderId": "$open", "origClientOrderId": "other"}, "open"),
    of(-2039, WRONG_ID, "order.cancel", BTC | {"orderId": "$open", "origClientOrderId": "other"}, "open"),
    of(-2038, "Order amend (quantity increase) is not supported.", AMENDED,
       BTC | {"orderId": "$open", "newQty": "0.02"}, "open"),
    of(-2038, "The requested action would change no state; rejecting", AMENDED,
       BTC | {"orderId": "$open", "newQty": "0.01"}, "open"),
    of(-2038, "Unknown order sent.", AMENDED, BTC | {"orderId": 999, "newQty": "0.01"}),
)  # fmt: skip

# --- what this venue does not do, said in the documents' words

ICEBERG = {"icebergQty": "0.001"}
NO_ICEBERG = "Iceberg orders are not supported for this symbol."
NO_PEG = "Pegged orders are not supported for this symbol."
NO_OPO = "OPO orders are not supported for this symbol."
THEN_ALL = {"pendingType": "MARKET", "pendingSide": "SELL"}
REFUSED = (
    placed(-2010, NO_ICEBERG, LIMIT | ICEBERG),
    of(-2010, NO_ICEBERG, "order.test", LIMIT | ICEBERG),
    of(-2010, NO_ICEBERG, "orderList.place.oco", PLAIN | {"aboveIcebergQty": "0.001"}, "price"),
    of(-2010, NO_ICEBERG, "orderList.place", lists.OLD | {"limitIcebergQty": "0.001"}, "price"),
    of(-2010, NO_ICEBERG, "orderList.place.oto",
       BTC | WORKING | THEN_MARKET | {"workingIcebergQty": "0.001"}),
    of(-2010, NO_ICEBERG, "orderList.place.otoco",
       BTC | WORKING | lists.THEN_OCO | {"pendingAboveIcebergQty": "0.001"}),
    placed(-2010, NO_PEG, LIMIT | {"pegPriceType": "PRIMARY_PEG"}),
    placed(-2010, NO_PEG, LIMIT | {"price": None, "pegPriceType": "PRIMARY_PEG"}),
    of(-2010, NO_PEG, "orderList.place.oco", PLAIN | {"abovePegPriceType": "PRIMARY_PEG"}, "price"),
    of(-2010, NO_PEG, "orderList.place.oto",
       BTC | WORKING | THEN_MARKET | {"workingPegPriceType": "MARKET_PEG"}),
    of(-2010, NO_OPO, "orderList.place.opo", BTC | WORKING | THEN_ALL),
    of(-2010, NO_OPO, "orderList.place.opoco", BTC | WORKING | {
        name: value for name, value in lists.THEN_OCO.items() if name != "pendingQuantity"}),
    of(-1020, NOT_SUPPORTED, "sor.order.place", LIMIT),
    of(-1020, NOT_SUPPORTED, "sor.order.test", LIMIT),
)  # fmt: skip
TRAILING_RANGE = (
    placed(-1013, "Filter failure: TRAILING_DELTA", TRAILING | {"trailingDelta": 1}, "price"),
    placed(-1013, "Filter failure: TRAILING_DELTA", TRAILING | {"trailingDelta": 10_000}, "price"),
)

ERRORS = (*SECURITY, *PARAMETERS, *LISTS, *ENGINE, *REFUSED, *TRAILING_RANGE)
