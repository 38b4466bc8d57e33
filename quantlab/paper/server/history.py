"""Handlers that read an account's past: orders, lists, trades, prevented matches, amendments.

A window of time is at most a day long; which parameters go together is the document's, and everything
else is -1128.

Source: Binance spot REST API, "Account Endpoints".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from quantlab.paper.events import Refused
from quantlab.paper.server import render_account
from quantlab.paper.server import render_orders as render
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.params import Params
from quantlab.paper.server.session import Session

DAY_MS = 86_400_000
DEFAULT_LIMIT, MOST = 500, 1_000


class Times(NamedTuple):
    """A window of time, both ends in it; None where it is open."""

    start_ms: int | None
    end_ms: int | None

    def __bool__(self) -> bool:
        return self.start_ms is not None or self.end_ms is not None


def all_orders(session: Session, account: str, params: Params) -> Any:
    """Orders of one symbol, open and closed, oldest first. Where a time is sent, the id is ignored."""
    symbol = params.symbol(session.exchange.instruments)
    order_id, times, limit = params.integer("orderId"), _times(params), _limit(params)
    found = session.exchange.all_orders(
        account,
        symbol,
        from_id=None if times else order_id,
        start_ms=times.start_ms,
        end_ms=times.end_ms,
        limit=limit,
    )
    return [render.queried(order) for order in found]


def all_lists(session: Session, account: str, params: Params) -> Any:
    """Lists of every symbol; by their ids or by time, not by both."""
    from_id, times, limit = params.integer("fromId"), _times(params), _limit(params)
    if from_id is not None and times:
        raise _combination()
    found = session.exchange.order_lists(
        account, from_id=from_id, start_ms=times.start_ms, end_ms=times.end_ms, limit=limit
    )
    return [render.order_list(one) for one in found]


def my_trades(session: Session, account: str, params: Params) -> Any:
    """The account's trades in one symbol, oldest first: by trade id, by order, or by time."""
    symbol = params.symbol(session.exchange.instruments)
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    times, limit = _times(params), _limit(params)
    if times and (order_id is not None or from_id is not None):
        raise _combination()
    found = session.exchange.trades(
        account,
        symbol,
        from_id=from_id,
        order_id=order_id,
        start_ms=times.start_ms,
        end_ms=times.end_ms,
        limit=limit,
    )
    return [render_account.account_trade(trade) for trade in found]


def my_trades_weight(params: Params) -> int:
    return 5 if params.sent("orderId") else 20


def my_prevented_matches(session: Session, account: str, params: Params) -> Any:
    """What self-trade prevention kept from trading: one match by its id, or those of an order."""
    symbol = params.symbol(session.exchange.instruments)
    match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    from_id, limit = params.integer("fromPreventedMatchId"), _limit(params)
    if (match_id is None) == (order_id is None) or (from_id is not None and order_id is None):
        raise _combination()
    found = session.exchange.prevented_matches(
        account, symbol, prevented_match_id=match_id, order_id=order_id, from_id=from_id, limit=limit
    )
    return [render_account.prevented_match(one) for one in found]


def my_prevented_matches_weight(params: Params) -> int:
    return 20 if params.sent("orderId") else 2


def my_allocations(session: Session, account: str, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    """What smart order routing allocated: nothing, for this venue has none."""
    params.symbol(session.exchange.instruments)
    order_id, from_id = params.integer("orderId"), params.integer("fromAllocationId")
    times = _times(params)
    _limit(params)
    if times and (order_id is not None or from_id is not None):
        raise _combination()
    return []


def amendments(session: Session, account: str, params: Params) -> Any:
    """Every amendment of one order, oldest first."""
    symbol = params.symbol(session.exchange.instruments)
    params.need("orderId")
    order_id, from_id = params.integer("orderId") or 0, params.integer("fromExecutionId")
    limit = _limit(params)
    found = session.exchange.amendments(account, symbol, order_id, from_execution_id=from_id, limit=limit)
    return [render_account.amendment(one) for one in found]


def _limit(params: Params) -> int:
    return params.limit(DEFAULT_LIMIT, MOST)


def _times(params: Params) -> Times:
    """`startTime` and `endTime`; -1127 where there is more than a day between them."""
    start_ms, end_ms = params.time_ms("startTime"), params.time_ms("endTime")
    if start_ms is not None and end_ms is not None and end_ms - start_ms > DAY_MS:
        raise Refused(-1127, "More than 24 hours between startTime and endTime.")
    return Times(start_ms, end_ms)


def _combination() -> Refused:
    return Refused(-1128, "Combination of optional parameters invalid.")


ENDPOINTS = (
    Endpoint(all_orders, 20, Security.USER_DATA, "GET /api/v3/allOrders", "allOrders"),
    Endpoint(all_lists, 20, Security.USER_DATA, "GET /api/v3/allOrderList", "allOrderLists"),
    Endpoint(my_trades, my_trades_weight, Security.USER_DATA, "GET /api/v3/myTrades", "myTrades"),
    Endpoint(
        my_prevented_matches,
        my_prevented_matches_weight,
        Security.USER_DATA,
        "GET /api/v3/myPreventedMatches",
        "myPreventedMatches",
        unknown_symbol=2,
    ),
    Endpoint(my_allocations, 20, Security.USER_DATA, "GET /api/v3/myAllocations", "myAllocations"),
    Endpoint(amendments, 4, Security.USER_DATA, "GET /api/v3/order/amendments", "order.amendments"),
)
