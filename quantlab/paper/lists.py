"""Which orders may be tied together, and in which order a list has them.

Pure checks on what was asked; prices against the market are `admission`'s.

Source: Binance spot REST API, "Order lists"; "Errors", -1158 to -1199.
"""

from __future__ import annotations

from quantlab.domain.orders import Side
from quantlab.paper.events import Refused
from quantlab.paper.orders import Contingency, NewList, NewOrder, OrderKind

LOSSES = (OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT)
PROFITS = (OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT)
WORKING = (OrderKind.LIMIT, OrderKind.LIMIT_MAKER)
WRONG_PLACES = {
    Side.BUY: (
        ("above", (OrderKind.LIMIT_MAKER,), -1165, "A limit order in a buy OCO must be below."),
        ("below", LOSSES, -1196, "A stop loss order in a buy OCO must be above."),
        ("above", PROFITS, -1198, "A take profit order in a buy OCO must be below."),
    ),
    Side.SELL: (
        ("below", (OrderKind.LIMIT_MAKER,), -1166, "A limit order in a sell OCO must be above."),
        ("above", LOSSES, -1197, "A stop loss order in a sell OCO must be below."),
        ("below", PROFITS, -1199, "A take profit order in a sell OCO must be above."),
    ),
}
LEGS = {Contingency.OCO: 2, Contingency.OTO: 2, Contingency.OTOCO: 3}


def parts(asked: NewList) -> tuple[NewOrder | None, tuple[NewOrder, ...]]:
    """The working order, if any, and the others, a pair's stop loss first; or `Refused`."""
    orders = asked.orders
    if len(orders) != LEGS[asked.contingency] or any(each.symbol != asked.symbol for each in orders):
        raise Refused(-1014, "Unsupported order combination.")
    if asked.contingency is Contingency.OCO:
        return None, _pair(*orders)
    working = orders[0]
    if working.type not in WORKING:
        raise Refused(-1116, "Invalid orderType.")
    if asked.contingency is Contingency.OTOCO:
        return working, _pair(*orders[1:])
    if orders[1].quote_quantity is not None:
        raise Refused(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    return working, orders[1:]


def require_places(side: Side, above: OrderKind, below: OrderKind) -> None:
    """`Refused` where a pair's types may not stand so on its side, whatever their prices."""
    for kind in (above, below):
        if kind not in (OrderKind.LIMIT_MAKER, *LOSSES, *PROFITS):
            raise Refused(-1158, "Order type not supported in OCO.")
    if above is OrderKind.LIMIT_MAKER and below is OrderKind.LIMIT_MAKER:
        raise Refused(-1168, "At least one OCO order must be contingent.")
    for place, kinds, code, message in WRONG_PLACES[side]:
        if (above if place == "above" else below) in kinds:
            raise Refused(code, message)


def _pair(above: NewOrder, below: NewOrder) -> tuple[NewOrder, NewOrder]:
    require_places(above.side, above.type, below.type)
    if above.side is not below.side or above.quantity != below.quantity:
        raise Refused(-1014, "Unsupported order combination.")
    return (above, below) if above.side is Side.BUY else (below, above)
