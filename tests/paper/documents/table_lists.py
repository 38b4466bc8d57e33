"""Trading endpoints for order lists.

Source: Binance spot REST API, "Order lists"; WebSocket API, "Order lists".
"""

from __future__ import annotations

from typing import Any

import answers as a
from rows import Row
from shapes import exactly
from table_orders import trade

BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
RESULT = {"newOrderRespType": "RESULT"}
FULL = {"newOrderRespType": "FULL"}
ACK = {"newOrderRespType": "ACK"}
NAMED = {"listClientOrderId": "list"}
LISTED = {"listClientOrderId": "id", "newOrderRespType": "enum", "selfTradePreventionMode": "enum"}
PENDING = {"status": exactly("PENDING_NEW"), "workingTime": exactly(-1)}


def leg(prefix: str, *, stop: bool) -> dict[str, str]:
    """The optional parameters of one leg, all named after it."""
    kinds = {"ClientOrderId": "id", "Price": "decimal", "TimeInForce": "tif", "StrategyId": "int",
             "StrategyType": "int"}  # fmt: skip
    if stop:
        kinds |= {"StopPrice": "decimal", "TrailingDelta": "int"}
    return {prefix + name: kind for name, kind in kinds.items()}


def placed(
    title: str, path: str, ws: str, mandatory: dict[str, str], optional: dict[str, str], *cases: Any
) -> Row:
    return Row(
        title, "POST", f"/api/v3/{path}", ws, 1, "TRADE", {"symbol": "symbol"} | mandatory, optional, cases
    )


REPORT, STOPPED = a.RESULT | a.IN_LIST, a.RESULT | a.IN_LIST | a.STOP
TRAILED = STOPPED | a.TRAILING
FIRST = a.RESTING | a.IN_LIST

# --- one cancels the other; of a pair, the documents list the stop loss first, whatever its side

OLD = BTC | {"side": "SELL", "quantity": "0.01", "price": "70000", "stopPrice": "55000"}
OLD_OCO = placed(
    "New OCO - Deprecated", "order/oco", "orderList.place",
    {"side": "side", "quantity": "decimal", "price": "decimal", "stopPrice": "decimal"},
    LISTED
    | {"limitClientOrderId": "id", "limitStrategyId": "int", "limitStrategyType": "int"}
    | {"trailingDelta": "int", "stopClientOrderId": "id", "stopStrategyId": "int", "stopStrategyType": "int"}
    | {"stopLimitPrice": "decimal", "stopLimitTimeInForce": "tif"},
    trade(OLD | RESULT, a.order_list(STOPPED, REPORT), "price"),
    trade(OLD, a.order_list(STOPPED | {"fills": ()}, FIRST), "price"),
    trade(OLD | ACK, a.order_list(a.ACK | a.IN_LIST, a.ACK | a.IN_LIST), "price"),
    trade(OLD | RESULT | NAMED | {"stopLimitPrice": "54000", "stopLimitTimeInForce": "GTC"}
          | {"limitClientOrderId": "up", "stopClientOrderId": "down", "selfTradePreventionMode": "NONE"},
          a.order_list(STOPPED, REPORT), "price"),
    trade(OLD | RESULT | {"trailingDelta": 100}, a.order_list(TRAILED, REPORT), "price"),
    trade(OLD | RESULT | {"limitStrategyId": 1, "limitStrategyType": 1_000_001, "stopStrategyId": 2}
          | {"stopStrategyType": 1_000_002},
          a.order_list(STOPPED | a.STRATEGY, REPORT | a.STRATEGY), "price"),
)  # fmt: skip

SELL = BTC | {"side": "SELL", "quantity": "0.01"}
MAKER_ABOVE = {"aboveType": "LIMIT_MAKER", "abovePrice": "70000"}
STOP_BELOW = {"belowType": "STOP_LOSS", "belowStopPrice": "55000"}
PLAIN = SELL | MAKER_ABOVE | STOP_BELOW
LIMITS = SELL | {
    "aboveType": "TAKE_PROFIT_LIMIT", "abovePrice": "70000", "aboveStopPrice": "69000",
    "aboveTimeInForce": "GTC", "belowType": "STOP_LOSS_LIMIT", "belowPrice": "54000",
    "belowStopPrice": "55000", "belowTimeInForce": "IOC",
}  # fmt: skip
OCO = placed(
    "New Order list - OCO", "orderList/oco", "orderList.place.oco",
    {"side": "side", "quantity": "decimal", "aboveType": "type", "belowType": "type"},
    LISTED | leg("above", stop=True) | leg("below", stop=True),
    trade(PLAIN | RESULT, a.order_list(STOPPED, REPORT), "price"),
    trade(PLAIN | FULL, a.order_list(FIRST | a.STOP, FIRST), "price"),
    trade(PLAIN | ACK, a.order_list(a.ACK | a.IN_LIST, a.ACK | a.IN_LIST), "price"),
    trade(PLAIN | RESULT | NAMED | {"aboveClientOrderId": "up", "belowClientOrderId": "down"}
          | {"selfTradePreventionMode": "NONE"}, a.order_list(STOPPED, REPORT), "price"),
    trade(LIMITS | RESULT, a.order_list(STOPPED, STOPPED), "price"),
    trade(SELL | {"aboveType": "TAKE_PROFIT", "aboveStopPrice": "69000"} | STOP_BELOW | RESULT,
          a.order_list(STOPPED, STOPPED), "price"),
    trade(SELL | {"aboveType": "TAKE_PROFIT", "aboveTrailingDelta": 100, "belowType": "STOP_LOSS"}
          | {"belowTrailingDelta": 100} | RESULT, a.order_list(TRAILED, TRAILED), "price"),
    trade(PLAIN | RESULT | {"aboveStrategyId": 1, "aboveStrategyType": 1_000_001, "belowStrategyId": 2}
          | {"belowStrategyType": 1_000_002},
          a.order_list(STOPPED | a.STRATEGY, REPORT | a.STRATEGY), "price"),
    trade(BTC | {"side": "BUY", "quantity": "0.01", "aboveType": "STOP_LOSS", "aboveStopPrice": "65000"}
          | {"belowType": "LIMIT_MAKER", "belowPrice": "50000"} | RESULT,
          a.order_list(STOPPED, REPORT), "price"),
)  # fmt: skip

# --- one triggers the other

WORKING = {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "50000", "workingQuantity": "0.01",
    "workingTimeInForce": "GTC",
}  # fmt: skip
BY_WORKING = {
    "workingType": "type", "workingSide": "side", "workingPrice": "decimal", "workingQuantity": "decimal",
}  # fmt: skip
WORKING_OPTIONS = {name: kind for name, kind in leg("working", stop=False).items() if name != "workingPrice"}
THEN_MARKET = {"pendingType": "MARKET", "pendingSide": "SELL", "pendingQuantity": "0.01"}
THEN_LIMIT = THEN_MARKET | {"pendingType": "LIMIT", "pendingPrice": "70000", "pendingTimeInForce": "GTC"}
OTO = placed(
    "New Order list - OTO", "orderList/oto", "orderList.place.oto",
    BY_WORKING | {"pendingType": "type", "pendingSide": "side", "pendingQuantity": "decimal"},
    LISTED | WORKING_OPTIONS | leg("pending", stop=True),
    trade(BTC | WORKING | THEN_MARKET | RESULT, a.order_list(REPORT, REPORT | PENDING, contingency="OTO")),
    trade(BTC | WORKING | THEN_LIMIT | FULL,
          a.order_list(FIRST, FIRST | PENDING, contingency="OTO")),
    trade(BTC | WORKING | THEN_LIMIT | ACK,
          a.order_list(a.ACK | a.IN_LIST, a.ACK | a.IN_LIST, contingency="OTO")),
    trade(BTC | WORKING | THEN_LIMIT | NAMED | RESULT | {"workingClientOrderId": "first"}
          | {"pendingClientOrderId": "then", "selfTradePreventionMode": "NONE", "workingStrategyId": 1}
          | {"workingStrategyType": 1_000_000, "pendingStrategyId": 2, "pendingStrategyType": 1_000_000},
          a.order_list(REPORT | a.STRATEGY, REPORT | a.STRATEGY | PENDING, contingency="OTO")),
    trade(BTC | WORKING | THEN_LIMIT | RESULT
          | {"pendingType": "STOP_LOSS_LIMIT", "pendingStopPrice": "55000", "pendingPrice": "54000"},
          a.order_list(REPORT, STOPPED | PENDING, contingency="OTO")),
    trade(BTC | WORKING | THEN_MARKET | RESULT | {"pendingType": "STOP_LOSS", "pendingTrailingDelta": 100},
          a.order_list(REPORT, TRAILED | PENDING, contingency="OTO")),
)  # fmt: skip

THEN_OCO = {
    "pendingSide": "SELL", "pendingQuantity": "0.01", "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "70000", "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "55000",
}  # fmt: skip
THEN_LIMITS = THEN_OCO | {
    "pendingAboveType": "TAKE_PROFIT_LIMIT", "pendingAboveStopPrice": "69000",
    "pendingAboveTimeInForce": "GTC", "pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowPrice": "54000",
    "pendingBelowTimeInForce": "GTC",
}  # fmt: skip
OTOCO = placed(
    "New Order list - OTOCO", "orderList/otoco", "orderList.place.otoco",
    BY_WORKING | {"pendingSide": "side", "pendingQuantity": "decimal", "pendingAboveType": "type"},
    LISTED | WORKING_OPTIONS | {"pendingBelowType": "type"}
    | leg("pendingAbove", stop=True) | leg("pendingBelow", stop=True),
    trade(BTC | WORKING | THEN_OCO | RESULT,
          a.order_list(REPORT, STOPPED | PENDING, REPORT | PENDING, legs=3, contingency="OTO")),
    trade(BTC | WORKING | THEN_OCO | ACK,
          a.order_list(*(a.ACK | a.IN_LIST,) * 3, legs=3, contingency="OTO")),
    trade(BTC | WORKING | THEN_LIMITS | NAMED | RESULT | {"workingClientOrderId": "first"}
          | {"pendingAboveClientOrderId": "up", "pendingBelowClientOrderId": "down"}
          | {"selfTradePreventionMode": "NONE"},
          a.order_list(REPORT, STOPPED | PENDING, STOPPED | PENDING, legs=3, contingency="OTO")),
    trade(BTC | WORKING | THEN_OCO | RESULT | {"workingStrategyId": 1, "workingStrategyType": 1_000_000}
          | {"pendingAboveStrategyId": 2, "pendingAboveStrategyType": 1_000_000}
          | {"pendingBelowStrategyId": 3, "pendingBelowStrategyType": 1_000_000},
          a.order_list(REPORT | a.STRATEGY, STOPPED | a.STRATEGY | PENDING, REPORT | a.STRATEGY | PENDING,
                       legs=3, contingency="OTO")),
    trade(BTC | WORKING | RESULT | {"pendingSide": "SELL", "pendingQuantity": "0.01"}
          | {"pendingAboveType": "TAKE_PROFIT", "pendingAboveTrailingDelta": 100}
          | {"pendingBelowType": "STOP_LOSS", "pendingBelowTrailingDelta": 100},
          a.order_list(REPORT, TRAILED | PENDING, TRAILED | PENDING, legs=3, contingency="OTO")),
)  # fmt: skip

CANCELED = a.CANCELED | a.IN_LIST
DONE = a.order_list(CANCELED | a.STOP, CANCELED, done=True)
CANCEL_LIST = Row(
    "Cancel Order list", "DELETE", "/api/v3/orderList", "orderList.cancel", 1, "TRADE", {"symbol": "symbol"},
    {"orderListId": "int", "listClientOrderId": "id", "newClientOrderId": "id"},
    (
        trade(BTC | {"orderListId": "$oco"}, DONE, "price", "oco"),
        trade(BTC | {"listClientOrderId": "$oco_id", "newClientOrderId": "gone"}, DONE, "price", "oco"),
        trade(BTC | {"orderListId": "$oco", "listClientOrderId": "$oco_id"}, DONE, "price", "oco"),
    ),
)  # fmt: skip

LISTS = (OLD_OCO, OCO, OTO, OTOCO, CANCEL_LIST)
