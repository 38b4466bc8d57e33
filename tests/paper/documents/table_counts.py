"""What each call adds to the unfilled order count, and what takes off it.

Source: Binance spot REST API, "Unfilled Order Count" of each section; FAQ "Spot Unfilled Order Count
Rules"; the table of `orderRateLimitExceededMode` in "Cancel an Existing Order and Send a New Order".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import table_lists as lists
import table_orders as orders
from table_orders import BTC, LIMIT, MARKET


class Counted(NamedTuple):
    """After `given`, this call changes the count by `adds`."""

    what: str
    ws: str
    params: dict[str, Any]
    adds: int
    given: tuple[str, ...] = ()


OTO = BTC | lists.WORKING | lists.THEN_MARKET
OTOCO = BTC | lists.WORKING | lists.THEN_OCO
COUNTS = (
    Counted("an order", "order.place", LIMIT, 1),
    Counted("a test order", "order.test", LIMIT, 0),
    Counted("a refused order", "order.place", LIMIT | {"price": "0.001"}, 0),
    Counted("an order that fills at once", "order.place", MARKET, 0, ("offer",)),
    Counted("an order that fills in part at once", "order.place",
            LIMIT | {"price": "60000", "quantity": "2"}, 0, ("offer",)),
    Counted("an order that expires unfilled", "order.place", LIMIT | {"timeInForce": "IOC"}, 1),
    Counted("a cancel", "order.cancel", BTC | {"orderId": "$open"}, 0, ("open",)),
    Counted("an amendment", "order.amend.keepPriority", BTC | {"orderId": "$open", "newQty": "0.005"}, 0,
            ("open",)),
    Counted("a replacement", "order.cancelReplace", orders.REPLACE | {"cancelOrderId": "$open"}, 1,
            ("open",)),
    Counted("a replacement that was not attempted", "order.cancelReplace",
            orders.REPLACE | {"cancelOrderId": 999}, 1),
    Counted("an OCO", "orderList.place.oco", lists.PLAIN, 2, ("price",)),
    Counted("an OTO", "orderList.place.oto", OTO, 2),
    Counted("an OTOCO", "orderList.place.otoco", OTOCO, 3, ("price",)),
)  # fmt: skip


class Exceeded(NamedTuple):
    """One row of the cancelReplace table where the account has exceeded its unfilled order count."""

    stop_on_failure: bool
    cancel_only: bool
    cancel_exists: bool
    status: int
    results: tuple[str, str] | None  # cancelResult, newOrderResult; None: -1015 and nothing was done


EXCEEDED = (
    Exceeded(True, False, True, 429, None),
    Exceeded(True, True, False, 429, ("FAILURE", "NOT_ATTEMPTED")),
    Exceeded(True, True, True, 429, ("SUCCESS", "FAILURE")),
    Exceeded(False, False, True, 429, None),
    Exceeded(False, True, False, 400, ("FAILURE", "FAILURE")),
    Exceeded(False, True, True, 409, ("SUCCESS", "FAILURE")),
)
