"""Handlers for single orders: place, test, amend, and query.

Each is a plain function of the session, the account and one request, whose signature and time were
checked before. The exchange decides; a refusal is its `Refused`, passed on as it is.

Source: Binance spot REST API, "New order (TRADE)", "Test new order (TRADE)", "Order Amend Keep
Priority (TRADE)", "Query order (USER_DATA)", "Current open orders (USER_DATA)".
"""

from __future__ import annotations

from typing import Any, TypedDict

from quantlab.paper.events import Refused
from quantlab.paper.orders import NewOrder, OrderKind
from quantlab.paper.server import render_account
from quantlab.paper.server import render_orders as render
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.order_params import (
    SINGLE,
    exact,
    invalid,
    neither,
    new_order,
    order_kind,
    prevention,
)
from quantlab.paper.server.params import Params
from quantlab.paper.server.session import Session

FULL_BY_DEFAULT = frozenset({OrderKind.MARKET, OrderKind.LIMIT})


class Ids(TypedDict):
    """How a request names an order."""

    order_id: int | None
    client_order_id: str | None


def place(session: Session, account: str, params: Params) -> Any:
    """Place an order of any type; the answer is ACK, RESULT or FULL."""
    order = read_order(session, params)
    kind = response_type(params, render.FULL if order.type in FULL_BY_DEFAULT else render.ACK)
    params.all_read()
    session.limits.may_order(account, session.time_ms)
    placed = session.exchange.place(account, order, session.time_ms)
    session.limits.ordered(account, 1, session.time_ms)
    return render.placed(placed, kind)


def test(session: Session, account: str, params: Params) -> Any:
    """All of `place` but the placing. Nothing is counted."""
    order = read_order(session, params)
    response_type(params, render.ACK)
    with_rates = params.boolean("computeCommissionRates", default=False)
    params.all_read()
    session.exchange.check(account, order, session.time_ms)
    if not with_rates:
        return {}
    return render_account.commission_for_order(session.exchange.fees(account, order.symbol))


def test_weight(params: Params) -> int:
    return 20 if (params.raw("computeCommissionRates") or "").lower() == "true" else 1


def amend(session: Session, account: str, params: Params) -> Any:
    """Make an open order smaller; it keeps its place in the queue."""
    symbol = params.symbol(session.exchange.instruments)
    ids = which(params)
    client_id = params.matching("newClientOrderId", "id") or ""
    params.need("newQty")
    quantity = exact(params, "newQty", session.exchange.instruments[symbol].base_precision)
    params.all_read()
    if not quantity:
        raise Refused(-1130, invalid("newQty"))
    result = session.exchange.amend(
        account, symbol, **ids, new_client_order_id=client_id, quantity=quantity, now_ms=session.time_ms
    )
    return render.amended(result)


def query(session: Session, account: str, params: Params) -> Any:
    symbol = params.symbol(session.exchange.instruments)
    return render.queried(session.exchange.order(account, symbol, **which(params)))


def open_orders(session: Session, account: str, params: Params) -> Any:
    """Every open order, of one symbol or of all."""
    symbol = None if params.text("symbol") is None else params.symbol(session.exchange.instruments)
    return [render.queried(order) for order in session.exchange.open_orders(account, symbol)]


def open_orders_weight(params: Params) -> int:
    return 6 if params.sent("symbol") else 80


def refuse_sor(session: Session, account: str, params: Params) -> Any:  # noqa: ARG001  # the shape of every handler
    """Smart order routing: no symbol of this venue has it."""
    params.symbol(session.exchange.instruments)
    raise Refused(-1020, "This operation is not supported.")


def read_order(session: Session, params: Params) -> NewOrder:
    """The symbol and the one order of a request."""
    symbol = params.symbol(session.exchange.instruments)
    params.need(SINGLE.side)
    kind = order_kind(params, SINGLE.type)
    mode = prevention(params, session.exchange.rules(symbol).allowed_preventions)
    return new_order(params, session.exchange.instruments[symbol], SINGLE, kind=kind, mode=mode)


def response_type(params: Params, default: str) -> str:
    """`newOrderRespType`, or the default of the request."""
    name = "newOrderRespType"
    return params.choice(name, render.RESPONSES, -1130, invalid(name)) or default


def which(params: Params, order_id: str = "orderId", client_id: str = "origClientOrderId") -> Ids:
    """The order that a request names by either id or by both; one must be sent."""
    ids = Ids(order_id=params.integer(order_id), client_order_id=params.matching(client_id, "id"))
    if ids["order_id"] is None and ids["client_order_id"] is None:
        neither(client_id, order_id)
    return ids


ENDPOINTS = (
    Endpoint(
        place, 1, Security.TRADE, "POST /api/v3/order", "order.place", "newClientOrderId", counts_orders=True
    ),
    Endpoint(test, test_weight, Security.TRADE, "POST /api/v3/order/test", "order.test", only_checks=True),
    Endpoint(
        amend, 4, Security.TRADE, "PUT /api/v3/order/amend/keepPriority", "order.amend.keepPriority",
        "origClientOrderId", always_costs=True,
    ),
    Endpoint(query, 4, Security.USER_DATA, "GET /api/v3/order", "order.status"),
    Endpoint(
        open_orders, open_orders_weight, Security.USER_DATA, "GET /api/v3/openOrders", "openOrders.status"
    ),
    Endpoint(refuse_sor, 1, Security.TRADE, "POST /api/v3/sor/order", "sor.order.place"),
    Endpoint(
        refuse_sor, test_weight, Security.TRADE, "POST /api/v3/sor/order/test", "sor.order.test",
        only_checks=True,
    ),
)  # fmt: skip
