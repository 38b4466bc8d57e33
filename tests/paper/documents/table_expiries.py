"""Why orders expire: each reason, and a story that leads to it.

Source: Binance spot "User Data Streams", "Order Expiry Reason"; "Enums", "Expiry Reasons".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import table_lists as lists
from table_orders import BTC, LIMIT, MARKET, PROFIT_LIMIT, STOP

MINE = {"newClientOrderId": "mine"}
OTO = BTC | lists.WORKING | lists.THEN_LIMIT


class Expired(NamedTuple):
    """After `ws` with `params`, and what bob then does, the order "mine" has expired for `reason`."""

    reason: str
    ws: str
    params: dict[str, Any]
    given: tuple[str, ...] = ()
    then: tuple[str, ...] = ()


EXPIRIES = (
    Expired("UNFILLED_IOC_QUANTITY_EXPIRED", "order.place", LIMIT | MINE | {"timeInForce": "IOC"}),
    Expired("UNFILLED_FOK_ORDER_EXPIRED", "order.place", LIMIT | MINE | {"timeInForce": "FOK"}),
    Expired("INSUFFICIENT_LIQUIDITY", "order.place", MARKET | MINE, ("price",)),
    Expired("INSUFFICIENT_LIQUIDITY", "order.place", MARKET | MINE | {"quantity": "1.5"}, ("offer",)),
    Expired("INSUFFICIENT_LIQUIDITY", "order.place", STOP | MINE, ("price",), ("fall",)),
    Expired("UNFILLED_IOC_QUANTITY_EXPIRED", "order.place",
            PROFIT_LIMIT | MINE | {"timeInForce": "IOC"}, ("price",), ("fall",)),
    Expired("OCO_TRIGGER", "orderList.place.oco", lists.PLAIN | {"belowClientOrderId": "mine"}, ("price",),
            ("buy high",)),
    Expired("OCO_TRIGGER", "orderList.place.oco", lists.PLAIN | {"aboveClientOrderId": "mine"},
            ("price", "bid low"), ("fall",)),
    Expired("OTO_PHASE_ONE_EXPIRED", "orderList.place.oto",
            OTO | {"workingTimeInForce": "IOC", "pendingClientOrderId": "mine"}),
    Expired("REJECTED", "orderList.place.oto",
            OTO | {"pendingQuantity": "99", "pendingClientOrderId": "mine"}, (), ("sell low",)),
)  # fmt: skip

NOT_HERE = {
    "EXCHANGE_CANCELED": "this venue cancels nobody's orders of its own accord",
    "EXECUTION_RULE_PRICE_RANGE_EXCEEDED": "no symbol here has a price range rule",
}
EVERY_REASON = {
    "REJECTED", "EXCHANGE_CANCELED", "OCO_TRIGGER", "OTO_PHASE_ONE_EXPIRED",
    "UNFILLED_IOC_QUANTITY_EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED", "INSUFFICIENT_LIQUIDITY",
    "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
}  # fmt: skip
