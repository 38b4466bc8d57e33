"""Handlers for lists of orders: OCO (the old request too), OTO, OTOCO, their cancel and queries.

A list is read here, order by order, under the names that its request gives them; what may be tied
together, prices, funds and what happens to a list later are the exchange's.

Source: Binance spot REST API, "Order lists".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quantlab.domain.orders import Side
from quantlab.paper.events import Refused
from quantlab.paper.lists import WORKING as WORKING_KINDS
from quantlab.paper.lists import require_places
from quantlab.paper.orders import Contingency, NewList, NewOrder, OrderKind, Prevention
from quantlab.paper.server import render_orders as render
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.order_params import (
    Names,
    neither,
    new_order,
    order_kind,
    order_side,
    prefixed,
    prevention,
)
from quantlab.paper.server.orders import response_type
from quantlab.paper.server.params import Params
from quantlab.paper.server.session import Session

WORKING = prefixed("working")
OLD_LIMIT = Names(
    type="", stop_price="", trailing_delta="", time_in_force="", client_order_id="limitClientOrderId",
    strategy_id="limitStrategyId", strategy_type="limitStrategyType", iceberg="limitIcebergQty",
    peg_price="", peg_offset="", peg_level="",
)  # fmt: skip
OLD_STOP = Names(
    type="", price="stopLimitPrice", time_in_force="stopLimitTimeInForce",
    client_order_id="stopClientOrderId", strategy_id="stopStrategyId", strategy_type="stopStrategyType",
    iceberg="stopIcebergQty", peg_price="", peg_offset="", peg_level="",
)  # fmt: skip

Read = Callable[[Params, Names, OrderKind], NewOrder]


def place_oco(session: Session, account: str, params: Params) -> Any:
    """Two orders; what starts working first ends the other."""
    return _place(session, account, params, Contingency.OCO, _oco)


def place_oto(session: Session, account: str, params: Params) -> Any:
    """A working order, and one that is placed once the first is filled."""
    return _place(session, account, params, Contingency.OTO, _oto)


def place_otoco(session: Session, account: str, params: Params) -> Any:
    """A working order, and an OCO that is placed once the first is filled."""
    return _place(session, account, params, Contingency.OTOCO, _otoco)


def place_old_oco(session: Session, account: str, params: Params) -> Any:
    """The deprecated request: a limit order, and a stop order on the other side of the price."""
    return _place(session, account, params, Contingency.OCO, _old_oco)


def refuse_opo(session: Session, account: str, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    """OPO and OPOCO: no symbol of this venue has them."""
    params.symbol(session.exchange.instruments)
    raise Refused(-2010, "OPO orders are not supported for this symbol.")


def cancel(session: Session, account: str, params: Params) -> Any:
    """Cancel a list and every order in it."""
    symbol = params.symbol(session.exchange.instruments)
    list_id, client_id = params.integer("orderListId"), params.matching("listClientOrderId", "id")
    cancel_id = params.matching("newClientOrderId", "id") or session.cancel_id()
    params.all_read()
    if list_id is None and client_id is None:
        neither("orderListId", "listClientOrderId")
    ended = session.exchange.cancel_list(
        account,
        symbol,
        order_list_id=list_id,
        list_client_order_id=client_id,
        cancel_client_order_id=cancel_id,
        now_ms=session.time_ms,
    )
    return render.cancelled(ended, cancel_id)


def query(session: Session, account: str, params: Params) -> Any:
    """One list, by its own id; where its client id is sent too, that one alone counts."""
    list_id, client_id = params.integer("orderListId"), params.matching("origClientOrderId", "id")
    if list_id is None and client_id is None:
        neither("orderListId", "origClientOrderId")
    found = session.exchange.order_list(
        account, order_list_id=list_id if client_id is None else None, list_client_order_id=client_id
    )
    return render.order_list(found)


def open_lists(session: Session, account: str, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    return [render.order_list(one) for one in session.exchange.open_order_lists(account)]


def _place(
    session: Session,
    account: str,
    params: Params,
    contingency: Contingency,
    orders_of: Callable[[Params, Read], tuple[NewOrder, ...]],
) -> Any:
    symbol = params.symbol(session.exchange.instruments)
    listed = session.exchange.instruments[symbol]
    mode: Prevention | None = prevention(params, session.exchange.rules(symbol).allowed_preventions)

    def read(params: Params, names: Names, kind: OrderKind) -> NewOrder:
        return new_order(params, listed, names, kind=kind, mode=mode)

    wanted = NewList(
        symbol=symbol,
        contingency=contingency,
        orders=orders_of(params, read),
        list_client_order_id=params.matching("listClientOrderId", "id") or "",
    )
    response = response_type(params, render.FULL)
    params.all_read()
    count, now_ms = len(wanted.orders), session.time_ms
    session.limits.may_order(account, now_ms, count)
    placed = session.exchange.place_list(account, wanted, now_ms)
    session.limits.ordered(account, count, now_ms)
    return render.placed_list(placed, response)


def _oco(params: Params, read: Read) -> tuple[NewOrder, ...]:
    shared = {"side": "side", "quantity": "quantity"}
    params.need("quantity")
    return _pair(params, read, prefixed("above", **shared), prefixed("below", **shared))


def _oto(params: Params, read: Read) -> tuple[NewOrder, ...]:
    pending = prefixed("pending")
    working = _working(params, read)
    params.need(pending.quantity)
    return working, read(params, pending, order_kind(params, pending.type))


def _otoco(params: Params, read: Read) -> tuple[NewOrder, ...]:
    shared = {"side": "pendingSide", "quantity": "pendingQuantity"}
    working = _working(params, read)
    params.need("pendingQuantity")
    params.text("pendingBelowType")  # optional by the document: empty is not missing
    return working, *_pair(
        params, read, prefixed("pendingAbove", **shared), prefixed("pendingBelow", **shared)
    )


def _old_oco(params: Params, read: Read) -> tuple[NewOrder, ...]:
    for name in (OLD_LIMIT.quantity, OLD_LIMIT.price, OLD_STOP.stop_price):
        params.need(name)
    limited = params.sent(OLD_STOP.price) or params.sent(OLD_STOP.time_in_force)
    limit = read(params, OLD_LIMIT, OrderKind.LIMIT_MAKER)
    stop = read(params, OLD_STOP, OrderKind.STOP_LOSS_LIMIT if limited else OrderKind.STOP_LOSS)
    return (stop, limit) if limit.side is Side.BUY else (limit, stop)


def _working(params: Params, read: Read) -> NewOrder:
    kind = order_kind(params, WORKING.type)
    if kind not in WORKING_KINDS:
        raise Refused(-1116, "Invalid orderType.")
    for name in (WORKING.price, WORKING.quantity):
        params.need(name)
    return read(params, WORKING, kind)


def _pair(params: Params, read: Read, above: Names, below: Names) -> tuple[NewOrder, NewOrder]:
    """The two orders of an OCO, each in a place that its type may have on this side."""
    kinds = order_kind(params, above.type), order_kind(params, below.type)
    require_places(order_side(params, above.side), *kinds)
    for names, kind in zip((above, below), kinds, strict=True):
        force = params.raw(names.time_in_force)
        if kind is OrderKind.STOP_LOSS_LIMIT and params.sent(names.iceberg) and force != "GTC":
            raise Refused(
                -1160,
                f"Parameter '{names.iceberg}' is not supported if "
                "aboveTimeInForce/belowTimeInForce is not GTC.",
            )
    return read(params, above, kinds[0]), read(params, below, kinds[1])


def _row(handler: Callable[..., Any], rest: str, ws: str) -> Endpoint:
    return Endpoint(
        handler, 1, Security.TRADE, f"POST /api/v3/{rest}", ws, "listClientOrderId",
        counts_orders=True,
    )  # fmt: skip


ENDPOINTS = (
    _row(place_old_oco, "order/oco", "orderList.place"),
    _row(place_oco, "orderList/oco", "orderList.place.oco"),
    _row(place_oto, "orderList/oto", "orderList.place.oto"),
    _row(place_otoco, "orderList/otoco", "orderList.place.otoco"),
    _row(refuse_opo, "orderList/opo", "orderList.place.opo"),
    _row(refuse_opo, "orderList/opoco", "orderList.place.opoco"),
    Endpoint(
        cancel, 1, Security.TRADE, "DELETE /api/v3/orderList", "orderList.cancel", "listClientOrderId"
    ),
    Endpoint(query, 4, Security.USER_DATA, "GET /api/v3/orderList", "orderList.status"),
    Endpoint(open_lists, 6, Security.USER_DATA, "GET /api/v3/openOrderList", "openOrderLists.status"),
)  # fmt: skip
