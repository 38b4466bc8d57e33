"""Account endpoints.

Source: Binance spot REST API, "Account Endpoints"; WebSocket API, "Account requests".
"""

from __future__ import annotations

from typing import Any

import answers as a
from rows import Case, Row
from shapes import Rows, exactly

BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
OF_ONE = {"symbol": "symbol"}
WHICH = {"orderId": "int", "origClientOrderId": "id"}
SPAN = {"startTime": "int", "endTime": "int"}
LIMIT = {"limit": "int"}
LISTED = a.order_list()
NO_SYMBOL = {"code": exactly(-1121), "msg": exactly("Invalid symbol.")}
MATCH = a.PREVENTED_MATCH | a.MAKER_PREVENTED


def account(
    title: str,
    path: str,
    ws: str,
    weight: int,
    mandatory: dict[str, str],
    optional: dict[str, str],
    *cases: Case,
) -> Row:
    return Row(title, "GET", f"/api/v3/{path}", ws, weight, "USER_DATA", mandatory, optional, cases)


def given(params: dict[str, Any], answer: Any, *names: str, weight: int | None = None) -> Case:
    return Case(params, answer, weight, names)


ACCOUNT = (
    account(
        "Account information", "account", "account.status", 20, {}, {"omitZeroBalances": "boolean"},
        Case({}, a.ACCOUNT),
        Case({"omitZeroBalances": True}, a.ACCOUNT),
        Case({"omitZeroBalances": False}, a.ACCOUNT),
    ),
    account(
        "Query order", "order", "order.status", 4, OF_ONE, WHICH,
        given(BTC | {"orderId": "$open"}, a.QUERIED, "open"),
        given(BTC | {"origClientOrderId": "$open_id"}, a.QUERIED, "open"),
        given(BTC | {"orderId": "$open", "origClientOrderId": "$open_id"}, a.QUERIED, "open"),
        given(BTC | {"orderId": "$expired"}, a.QUERIED | a.EXPIRED, "expired"),
        given(BTC | {"orderId": "$stop"}, a.QUERIED | a.STRATEGY, "price", "stop"),
        given(BTC | {"orderId": "$trailing"}, a.QUERIED | a.TRAILING, "price", "trailing"),
        given(BTC | {"orderId": "$oco_leg"}, a.QUERIED | a.IN_LIST, "price", "oco"),
        given(BTC | {"orderId": "$prevented"}, a.QUERIED | a.PREVENTED, "prevented"),
    ),
    account(
        "Current open orders", "openOrders", "openOrders.status", 6, {}, OF_ONE,
        given(BTC, (a.QUERIED,), "open"),
        given({}, (a.QUERIED,), "open", weight=80),
        given(BTC, (), weight=6),
        given(BTC, (a.QUERIED | a.IN_LIST, a.QUERIED | a.IN_LIST), "price", "oco"),
    ),
    account(
        "All orders", "allOrders", "allOrders", 20, OF_ONE, {"orderId": "int"} | SPAN | LIMIT,
        given(BTC, (a.QUERIED,), "open"),
        given(BTC | {"orderId": "$open", "limit": 1}, (a.QUERIED,), "open"),
        given(BTC | {"startTime": "$hour_ago"}, (a.QUERIED, a.QUERIED | a.EXPIRED), "open", "expired"),
        given(BTC | {"startTime": "$hour_ago", "endTime": "$now"}, (a.QUERIED,), "open"),
        given(BTC | {"startTime": "$hour_ago", "endTime": "$hour_ago"}, (), "open"),
    ),
    account(
        "Query Order list", "orderList", "orderList.status", 4, {},
        {"orderListId": "int", "origClientOrderId": "id"},
        given({"orderListId": "$oco"}, LISTED, "price", "oco"),
        given({"origClientOrderId": "$oco_id"}, LISTED, "price", "oco"),
    ),
    account(
        "Query all Order lists", "allOrderList", "allOrderLists", 20, {}, {"fromId": "int"} | SPAN | LIMIT,
        given({}, (LISTED,), "price", "oco"),
        given({"fromId": "$oco", "limit": 1}, (LISTED,), "price", "oco"),
        given({"startTime": "$hour_ago", "endTime": "$now"}, (LISTED,), "price", "oco"),
        given({"fromId": 999}, (), "price", "oco"),
    ),
    account(
        "Query Open Order lists", "openOrderList", "openOrderLists.status", 6, {}, {},
        given({}, (LISTED,), "price", "oco"),
        given({}, ()),
    ),
    account(
        "Account trade list", "myTrades", "myTrades", 20, OF_ONE,
        {"orderId": "int", "fromId": "int"} | SPAN | LIMIT,
        given(BTC, (a.MY_TRADE,), "filled"),
        given(BTC | {"orderId": "$filled"}, (a.MY_TRADE,), "filled", weight=5),
        given(BTC | {"orderId": "$filled", "fromId": 0}, (a.MY_TRADE,), "filled", weight=5),
        given(BTC | {"fromId": 0, "limit": 1}, (a.MY_TRADE,), "filled"),
        given(BTC | {"startTime": "$hour_ago"}, (a.MY_TRADE,), "filled"),
        given(BTC | {"endTime": "$hour_ago"}, (), "filled"),
        given(BTC | {"startTime": "$hour_ago", "endTime": "$now"}, (a.MY_TRADE,), "filled"),
    ),
    account(
        "Query Unfilled Order Count", "rateLimit/order", "account.rateLimits.orders", 40, {}, {},
        Case({}, (a.COUNTED_LIMIT, a.COUNTED_LIMIT)),
    ),
    account(
        "Query Prevented Matches", "myPreventedMatches", "myPreventedMatches", 20, OF_ONE,
        {"preventedMatchId": "int", "orderId": "int", "fromPreventedMatchId": "int"} | LIMIT,
        given(BTC | {"orderId": "$prevented"}, (MATCH,), "prevented"),
        given(BTC | {"preventedMatchId": "$match"}, (MATCH,), "prevented", weight=2),
        Case({"symbol": "NOPE", "orderId": 1}, NO_SYMBOL, weight=2, status=400),
        given(BTC | {"orderId": "$both"}, (MATCH | a.TAKER_PREVENTED,), "both prevented"),
        given(BTC | {"orderId": "$prevented", "fromPreventedMatchId": "$match"}, (MATCH,),
              "prevented"),
        given(BTC | {"orderId": "$prevented", "fromPreventedMatchId": "$match", "limit": 1},
              (MATCH,), "prevented"),
    ),
    account(
        "Query Allocations", "myAllocations", "myAllocations", 20, OF_ONE,
        SPAN | {"fromAllocationId": "int"} | LIMIT | {"orderId": "int"},
        *(
            Case(BTC | more, Rows(a.ALLOCATION, 0))
            for more in (
                {}, {"startTime": "$hour_ago"}, {"endTime": "$now"}, {"fromAllocationId": 0}, {"orderId": 1},
                {"startTime": "$hour_ago", "endTime": "$now", "limit": 1},
                {"orderId": 1, "fromAllocationId": 0},
            )
        ),
    ),
    account(
        "Query Commission Rates", "account/commission", "account.commission", 20, OF_ONE, {},
        Case(BTC, a.COMMISSION),
    ),
    account(
        "Query Order Amendments", "order/amendments", "order.amendments", 4, OF_ONE | {"orderId": "int"},
        {"fromExecutionId": "int"} | LIMIT,
        given(BTC | {"orderId": "$amended"}, (a.AMENDMENT,), "amended"),
        given(BTC | {"orderId": "$amended", "fromExecutionId": 0, "limit": 1}, (a.AMENDMENT,), "amended"),
        given(BTC | {"orderId": "$open"}, (), "open"),
    ),
    account("Query relevant filters", "myFilters", "myFilters", 40, OF_ONE, {}, Case(BTC, a.MY_FILTERS)),
)  # fmt: skip
