"""User data events: which come after which call, with which fields, typed by hand.

Source: Binance spot "User Data Streams", and "Conditional Fields in Execution Report".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import table_lists as lists
import table_orders as orders
from shapes import BOOL, DECIMAL, ID, INT, NULL, TEXT, TIME, Leaf, Rows, exactly
from table_orders import BTC, LIMIT, MARKET

AMOUNT = Leaf("amount", lambda value: value == "0" or DECIMAL.holds(value))
POSITION = {
    "e": exactly("outboundAccountPosition"), "E": TIME, "u": TIME,
    "B": Rows({"a": TEXT, "f": DECIMAL, "l": DECIMAL}),
}  # fmt: skip
BALANCE_UPDATE = {
    "e": exactly("balanceUpdate"), "E": TIME, "a": exactly("USDT"), "d": exactly("-12.50000000"), "T": TIME,
}  # fmt: skip
TERMINATED = {"e": exactly("eventStreamTerminated"), "E": TIME}
REPORT = {
    "e": exactly("executionReport"), "E": TIME, "s": exactly("BTCUSDT"), "c": TEXT, "S": TEXT, "o": TEXT,
    "f": TEXT, "q": DECIMAL, "p": DECIMAL, "P": DECIMAL, "F": exactly("0.00000000"), "g": exactly(-1),
    "C": exactly(""), "r": exactly("NONE"), "i": ID, "l": DECIMAL, "z": DECIMAL, "L": DECIMAL,
    "n": exactly("0"), "N": NULL, "T": TIME, "t": exactly(-1), "I": ID, "w": BOOL, "m": BOOL, "M": BOOL,
    "O": TIME, "Z": DECIMAL, "Y": DECIMAL, "Q": DECIMAL, "V": TEXT,
}  # fmt: skip

# what comes under a condition only
WORKING = {"W": TIME}
TRADED = {"t": ID, "n": AMOUNT, "N": TEXT}
CANCELLED = {"C": TEXT}
EXPIRED = {"eR": TEXT}
TRAILING = {"d": ID, "D": INT}
STRATEGY = {"j": ID, "J": ID}
LISTED = {"g": ID}
REJECTED = {"r": exactly("WOULD_MATCH_IMMEDIATELY")}
PREVENTED = {
    "v": ID, "A": DECIMAL, "B": DECIMAL, "u": INT, "U": ID, "Cs": exactly("BTCUSDT"), "pl": DECIMAL,
    "pL": DECIMAL, "pY": DECIMAL,
}  # fmt: skip


def report(execution: str, status: str, *more: dict[str, Any], working: bool = True) -> dict[str, Any]:
    """An executionReport; `working` orders are or were on the book and tell since when."""
    found = REPORT | {"x": exactly(execution), "X": exactly(status)}
    for each in (WORKING if working else {}, *more):
        found |= each
    return found


def list_status(kind: str, status: str, contingency: str = "OCO", legs: int = 2) -> dict[str, Any]:
    return {
        "e": exactly("listStatus"), "E": TIME, "s": exactly("BTCUSDT"), "g": ID, "c": exactly(contingency),
        "l": exactly(kind), "L": exactly(status), "r": exactly("NONE"), "C": TEXT, "T": TIME,
        "O": ({"s": exactly("BTCUSDT"), "i": ID, "c": TEXT},) * legs,
    }  # fmt: skip


class Told(NamedTuple):
    """One call, and the events that the account gets of it, in order. `hears` are of what bob then does."""

    story: str
    ws: str
    params: dict[str, Any]
    events: tuple[Any, ...]
    given: tuple[str, ...] = ()
    then: str = ""
    hears: tuple[Any, ...] = ()


NEW = report("NEW", "NEW")
FILL = report("TRADE", "FILLED", TRADED)
GONE = report("CANCELED", "CANCELED", CANCELLED)
STARTED = list_status("EXEC_STARTED", "EXECUTING")
DONE = list_status("ALL_DONE", "ALL_DONE")
WAITING = report("NEW", "NEW", LISTED, working=False)
LEG = report("NEW", "NEW", LISTED)

STORIES = (
    Told("a limit order rests", "order.place", LIMIT, (NEW, POSITION)),
    Told("an order with a strategy", "order.place", LIMIT | {"strategyId": 7, "strategyType": 1_000_000},
         (report("NEW", "NEW", STRATEGY), POSITION)),
    Told("a market order fills", "order.place", MARKET, (NEW, FILL, POSITION), ("offer",)),
    Told("a limit order fills in part and rests", "order.place",
         LIMIT | {"quantity": "1.5", "price": "60000"},
         (NEW, report("TRADE", "PARTIALLY_FILLED", TRADED), POSITION), ("offer",)),
    Told("an IOC order finds nothing", "order.place", LIMIT | {"timeInForce": "IOC"},
         (NEW, report("EXPIRED", "EXPIRED", EXPIRED), POSITION)),
    Told("an FOK order finds too little", "order.place",
         LIMIT | {"timeInForce": "FOK", "quantity": "2", "price": "60000"},
         (NEW, report("EXPIRED", "EXPIRED", EXPIRED), POSITION), ("offer",)),
    Told("a stop order waits", "order.place", orders.STOP,
         (report("NEW", "NEW", working=False), POSITION), ("price",)),
    Told("a trailing stop waits", "order.place", orders.TRAILING,
         (report("NEW", "NEW", TRAILING, working=False), POSITION), ("price",)),
    Told("a cancel", "order.cancel", BTC | {"orderId": "$open"}, (GONE, POSITION), ("open",)),
    Told("all are cancelled", "openOrders.cancelAll", BTC, (GONE, POSITION), ("open",)),
    Told("an order is replaced by another", "order.cancelReplace",
         orders.REPLACE | {"cancelOrderId": "$open"}, (GONE, POSITION, NEW, POSITION), ("open",)),
    Told("an order is amended", "order.amend.keepPriority", BTC | {"orderId": "$open", "newQty": "0.005"},
         (report("REPLACED", "NEW", CANCELLED), POSITION), ("open",)),
    Told("an own order goes, not to be met", "order.place",
         LIMIT | {"price": "70000", "selfTradePreventionMode": "EXPIRE_MAKER"},
         (NEW, report("TRADE_PREVENTION", "EXPIRED_IN_MATCH", PREVENTED), POSITION), ("own offer",)),
    Told("an order goes, not to meet its own", "order.place",
         LIMIT | {"price": "70000", "selfTradePreventionMode": "EXPIRE_TAKER"},
         (NEW, report("TRADE_PREVENTION", "EXPIRED_IN_MATCH", PREVENTED), POSITION), ("own offer",)),
    Told("an OCO begins", "orderList.place.oco", lists.PLAIN,
         (STARTED, WAITING, LEG, POSITION), ("price",)),
    Told("a stop order triggers", "order.place", orders.STOP,
         (report("NEW", "NEW", working=False), POSITION), ("price", "bid low"), "fall",
         (report("NEW", "NEW"), FILL, POSITION)),
    Told("a resting order is filled", "order.place", LIMIT, (NEW, POSITION), (), "sell low",
         (FILL, POSITION)),
    Told("two own orders shrink, not to meet", "order.place",
         LIMIT | {"price": "70000", "quantity": "0.004", "selfTradePreventionMode": "DECREMENT"},
         (NEW, report("TRADE_PREVENTION", "NEW", PREVENTED),
          report("TRADE_PREVENTION", "EXPIRED_IN_MATCH", PREVENTED), POSITION), ("own offer",)),
    Told("both own orders go", "order.place",
         LIMIT | {"price": "70000", "selfTradePreventionMode": "EXPIRE_BOTH"},
         (NEW, report("TRADE_PREVENTION", "EXPIRED_IN_MATCH", PREVENTED),
          report("TRADE_PREVENTION", "EXPIRED_IN_MATCH", PREVENTED), POSITION), ("own offer",)),
    Told("the limit leg of an OCO is filled", "orderList.place.oco", lists.PLAIN,
         (STARTED, WAITING, LEG, POSITION), ("price",), "buy high",
         (report("EXPIRED", "EXPIRED", LISTED, EXPIRED, working=False),
          report("TRADE", "FILLED", TRADED, LISTED), POSITION, DONE)),
    Told("the working order of an OTO is filled", "orderList.place.oto",
         BTC | lists.WORKING | lists.THEN_LIMIT,
         (list_status("EXEC_STARTED", "EXECUTING", "OTO"),
          report("NEW", "PENDING_NEW", LISTED, working=False), LEG, POSITION), (), "sell low",
         (report("TRADE", "FILLED", TRADED, LISTED), POSITION, LEG, POSITION)),
    Told("an order of a list is amended and renamed", "order.amend.keepPriority",
         BTC | {"orderId": "$oto_pending", "newQty": "0.005"},
         (report("REPLACED", "PENDING_NEW", CANCELLED, LISTED, working=False),
          list_status("UPDATED", "EXECUTING", "OTO"), POSITION), ("oto",)),
    Told("an order that was to follow a cancel is rejected", "order.cancelReplace",
         orders.REPLACE | orders.TAKES | {"cancelOrderId": "$open"},
         (GONE, POSITION, report("REJECTED", "REJECTED", REJECTED, working=False)), ("offer", "open")),
    Told("an OCO is cancelled", "orderList.cancel", BTC | {"orderListId": "$oco"},
         (report("CANCELED", "CANCELED", CANCELLED, LISTED, working=False),
          report("CANCELED", "CANCELED", CANCELLED, LISTED), POSITION, DONE), ("price", "oco")),
    Told("an OTO begins", "orderList.place.oto", BTC | lists.WORKING | lists.THEN_MARKET,
         (list_status("EXEC_STARTED", "EXECUTING", "OTO"),
          report("NEW", "PENDING_NEW", LISTED, working=False), LEG, POSITION)),
)  # fmt: skip
