"""Trading endpoints for single orders.

Source: Binance spot REST API, "Trading endpoints"; WebSocket API, "Trading requests".
"""

from __future__ import annotations

from typing import Any

import answers as a
from rows import ORDER_COST, Case, Row
from shapes import NULL, exactly

BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
AMEND_COST = 4  # unless the order ends by it: CHANGELOG, 2026-04-02
LIMIT = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
MAKER = BTC | {"side": "SELL", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "70000"}
MARKET = BTC | {"side": "BUY", "type": "MARKET", "quantity": "0.01"}
BY_QUOTE = BTC | {"side": "SELL", "type": "MARKET", "quoteOrderQty": "600"}
STOP = BTC | {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "55000"}
PROFIT = STOP | {"type": "TAKE_PROFIT", "stopPrice": "65000"}
STOP_LIMIT = LIMIT | {"type": "STOP_LOSS_LIMIT", "price": "66000", "stopPrice": "65000"}
PROFIT_LIMIT = LIMIT | {"type": "TAKE_PROFIT_LIMIT", "price": "54000", "stopPrice": "55000"}
TRAILING = BTC | {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "trailingDelta": 100}
RESP = {"newOrderRespType": "RESULT"}
CROSS = LIMIT | {"price": "70000"}  # meets the account's own offer

ORDER_PARAMS = {
    "timeInForce": "tif", "quantity": "decimal", "quoteOrderQty": "decimal", "price": "decimal",
    "newClientOrderId": "id", "strategyId": "int", "strategyType": "int", "stopPrice": "decimal",
    "trailingDelta": "int", "newOrderRespType": "enum", "selfTradePreventionMode": "enum",
}  # fmt: skip
ORDER_MANDATORY = {"symbol": "symbol", "side": "side", "type": "type"}


def trade(
    params: dict[str, Any], answer: Any, *given: str, weight: int = ORDER_COST, status: int = 200
) -> Case:
    return Case(params, answer, weight, given, status)


def new_order(path: str, ws: str, *cases: Case, optional: dict[str, str] | None = None) -> Row:
    title = "New order" if path == "order" else "Test new order"
    return Row(
        title,
        "POST",
        f"/api/v3/{path}",
        ws,
        1,
        "TRADE",
        ORDER_MANDATORY,
        ORDER_PARAMS | (optional or {}),
        cases,
    )


ORDER = new_order(
    "order",
    "order.place",
    trade(LIMIT, a.RESTING),
    trade(LIMIT | {"newOrderRespType": "ACK", "newClientOrderId": "mine"}, a.ACK),
    trade(LIMIT | {"newOrderRespType": "RESULT"}, a.RESULT),
    trade(LIMIT | {"strategyId": 7, "strategyType": 1_000_000}, a.RESTING | a.STRATEGY),
    trade(LIMIT | {"selfTradePreventionMode": "NONE"}, a.RESTING),
    trade(LIMIT | {"price": "61000"}, a.FILLED, "offer"),
    trade(
        CROSS | {"selfTradePreventionMode": "EXPIRE_MAKER"},
        a.RESTING | a.prevented(a.MAKER_PREVENTED),
        "own offer",
    ),
    trade(
        CROSS | {"selfTradePreventionMode": "EXPIRE_TAKER"},
        a.RESTING | a.PREVENTED | a.prevented(a.TAKER_PREVENTED),
        "own offer",
    ),
    trade(
        CROSS | {"selfTradePreventionMode": "EXPIRE_BOTH"},
        a.RESTING | a.PREVENTED | a.prevented(a.TAKER_PREVENTED, a.MAKER_PREVENTED),
        "own offer",
    ),
    trade(
        CROSS | {"selfTradePreventionMode": "DECREMENT", "newOrderRespType": "ACK"},
        a.ACK,
        "own offer",
    ),
    trade(LIMIT | {"timeInForce": "IOC"}, a.RESTING | a.EXPIRED),
    trade(LIMIT | {"timeInForce": "FOK"}, a.RESTING | a.EXPIRED),
    trade(MARKET, a.FILLED, "offer"),
    trade(MARKET, a.RESTING | a.EXPIRED, "price"),
    trade(MARKET | RESP, a.RESULT, "offer"),
    trade(BY_QUOTE, a.FILLED, "bid"),
    trade(MAKER, a.ACK),
    trade(MAKER | RESP, a.RESULT),
    trade(STOP, a.ACK, "price"),
    trade(STOP | RESP, a.RESULT | a.STOP, "price"),
    trade(STOP | {"newOrderRespType": "FULL"}, a.RESTING | a.STOP, "price"),
    trade(PROFIT | RESP, a.RESULT | a.STOP, "price"),
    trade(STOP_LIMIT | RESP, a.RESULT | a.STOP, "price"),
    trade(PROFIT_LIMIT | RESP, a.RESULT | a.STOP, "price"),
    trade(TRAILING | RESP, a.RESULT | a.STOP | a.TRAILING, "price"),
    trade(TRAILING | {"stopPrice": "55000"} | RESP, a.RESULT | a.STOP | a.TRAILING, "price"),
)

TEST_ORDER = new_order(
    "order/test",
    "order.test",
    trade(LIMIT, {}, weight=1),
    *(
        trade(case, {}, "price", weight=1)
        for case in (MAKER, MARKET, BY_QUOTE, STOP, PROFIT, STOP_LIMIT, PROFIT_LIMIT, TRAILING)
    ),
    trade(LIMIT | {"computeCommissionRates": False, "newClientOrderId": "mine"}, {}, weight=1),
    trade(LIMIT | {"computeCommissionRates": True}, a.COMMISSION_OF_ORDER, weight=20),
    trade(LIMIT | RESP | {"selfTradePreventionMode": "NONE"}, {}, weight=1),
    trade(LIMIT | {"strategyId": 7, "strategyType": 1_000_000}, {}, weight=1),
    optional={"computeCommissionRates": "boolean"},
)

CANCELED_OCO = a.order_list(a.CANCELED | a.IN_LIST | a.STOP, a.CANCELED | a.IN_LIST, done=True)
WHICH = {"orderId": "int", "origClientOrderId": "id"}
CANCEL = Row(
    "Cancel order", "DELETE", "/api/v3/order", "order.cancel", 1, "TRADE", {"symbol": "symbol"},
    WHICH | {"newClientOrderId": "id", "cancelRestrictions": "restriction"},
    (
        trade(BTC | {"orderId": "$open"}, a.CANCELED, "open"),
        trade(BTC | {"origClientOrderId": "$open_id", "newClientOrderId": "gone"}, a.CANCELED, "open"),
        trade(BTC | {"orderId": "$open", "origClientOrderId": "$open_id"}, a.CANCELED, "open"),
        trade(BTC | {"orderId": "$open", "cancelRestrictions": "ONLY_NEW"}, a.CANCELED, "open"),
        trade(BTC | {"orderId": "$stop"}, a.CANCELED | a.STOP | a.STRATEGY, "price", "stop"),
        trade(BTC | {"orderId": "$trailing"}, a.CANCELED | a.STOP | a.TRAILING, "price", "trailing"),
        trade(BTC | {"orderId": "$oco_leg"}, CANCELED_OCO, "price", "oco"),
    ),
)  # fmt: skip
CANCEL_ALL = Row(
    "Cancel All Open Orders on a Symbol", "DELETE", "/api/v3/openOrders", "openOrders.cancelAll", 1, "TRADE",
    {"symbol": "symbol"}, {},
    (
        trade(BTC, (a.CANCELED,), "open"),
        trade(
            BTC,
            (a.CANCELED, CANCELED_OCO),
            "open", "price", "oco",
        ),
    ),
)  # fmt: skip

# --- cancel and replace

REPLACE = LIMIT | {"cancelReplaceMode": "STOP_ON_FAILURE"}
GO_ON = LIMIT | {"cancelReplaceMode": "ALLOW_FAILURE"}
UNKNOWN_ORDER = {"code": exactly(-2011), "msg": exactly("Unknown order sent.")}
RESTRICTED = {"code": exactly(-2011), "msg": exactly("Order was not canceled due to cancel restrictions.")}
WOULD_MATCH = {"code": exactly(-2010), "msg": exactly("Order would immediately match and take.")}
TAKES = {"type": "LIMIT_MAKER", "timeInForce": None, "price": "61000"}


def replaced(cancel: object, new: object) -> dict[str, object]:
    """The `data` of a cancelReplace: each half with its result."""

    def result(half: object) -> str:
        return "NOT_ATTEMPTED" if half is NULL else "FAILURE" if "code" in half else "SUCCESS"

    return {
        "cancelResult": exactly(result(cancel)), "newOrderResult": exactly(result(new)),
        "cancelResponse": cancel, "newOrderResponse": new,
    }  # fmt: skip


def failed(code: int, message: str, cancel: object, new: object) -> dict[str, object]:
    return {"code": exactly(code), "msg": exactly(message), "data": replaced(cancel, new)}


PARTLY = (-2021, "Order cancel-replace partially failed.")
WHOLLY = (-2022, "Order cancel-replace failed.")
CANCEL_REPLACE = Row(
    "Cancel an Existing Order and Send a New Order", "POST", "/api/v3/order/cancelReplace",
    "order.cancelReplace", 1, "TRADE", ORDER_MANDATORY | {"cancelReplaceMode": "enum"},
    ORDER_PARAMS
    | {"cancelNewClientOrderId": "id", "cancelOrigClientOrderId": "id", "cancelOrderId": "int"}
    | {"cancelRestrictions": "restriction", "orderRateLimitExceededMode": "enum"},
    (
        trade(REPLACE | {"cancelOrderId": "$open"}, replaced(a.CANCELED, a.RESTING), "open"),
        trade(
            REPLACE | {"cancelOrigClientOrderId": "$open_id", "cancelNewClientOrderId": "gone"}
            | {"newClientOrderId": "next", "newOrderRespType": "ACK", "cancelRestrictions": "ONLY_NEW"}
            | {"orderRateLimitExceededMode": "DO_NOTHING", "selfTradePreventionMode": "NONE"},
            replaced(a.CANCELED, a.ACK), "open",
        ),
        trade(
            REPLACE | {"cancelOrderId": "$open", "strategyId": 7, "strategyType": 1_000_000},
            replaced(a.CANCELED, a.RESTING | a.STRATEGY), "open",
        ),
        trade(MARKET | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "$open"},
              replaced(a.CANCELED, a.FILLED), "offer", "open"),
        trade(BY_QUOTE | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "$open"},
              replaced(a.CANCELED, a.FILLED), "bid", "open"),
        trade(STOP | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "$open"},
              replaced(a.CANCELED, a.ACK), "price", "open"),
        trade(TRAILING | RESP | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "$open"},
              replaced(a.CANCELED, a.RESULT | a.STOP | a.TRAILING), "price", "open"),
        trade(REPLACE | {"cancelOrderId": "$oco_leg"}, replaced(CANCELED_OCO, a.RESTING), "price", "oco"),
        trade(REPLACE | {"cancelOrderId": 999}, failed(*WHOLLY, UNKNOWN_ORDER, NULL), weight=1, status=400),
        trade(REPLACE | {"cancelOrderId": "$open", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"},
              failed(*WHOLLY, RESTRICTED, NULL), "open", weight=1, status=400),
        trade(GO_ON | {"cancelOrderId": 999}, failed(*PARTLY, UNKNOWN_ORDER, a.RESTING), weight=1,
              status=409),
        trade(REPLACE | TAKES | {"cancelOrderId": "$open"}, failed(*PARTLY, a.CANCELED, WOULD_MATCH),
              "offer", "open", weight=1, status=409),
        trade(GO_ON | TAKES | {"cancelOrderId": "$open"}, failed(*PARTLY, a.CANCELED, WOULD_MATCH),
              "offer", "open", weight=1, status=409),
        trade(GO_ON | TAKES | {"cancelOrderId": 999}, failed(*WHOLLY, UNKNOWN_ORDER, WOULD_MATCH),
              "offer", weight=1, status=400),
    ),
)  # fmt: skip

AMEND = Row(
    "Order Amend Keep Priority", "PUT", "/api/v3/order/amend/keepPriority", "order.amend.keepPriority", 4,
    "TRADE", {"symbol": "symbol", "newQty": "decimal"}, WHICH | {"newClientOrderId": "id"},
    (
        trade(BTC | {"orderId": "$open", "newQty": "0.005"}, a.AMENDED, "open", weight=AMEND_COST),
        trade(BTC | {"origClientOrderId": "$open_id", "newQty": "0.005", "newClientOrderId": "less"},
              a.AMENDED, "open", weight=AMEND_COST),
        trade(BTC | {"orderId": "$oto_pending", "newQty": "0.005"},
              a.AMENDED | {"amendedOrder": a.AMENDED_ORDER | a.IN_LIST, "listStatus": a.LIST_STATUS}, "oto",
              weight=AMEND_COST),
    ),
)  # fmt: skip

ORDERS = (ORDER, TEST_ORDER, CANCEL, CANCEL_ALL, CANCEL_REPLACE, AMEND)
