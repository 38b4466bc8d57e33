"""Handlers of the signed endpoints: an account's orders, trades and balances.

Each is a plain function of the session, the account and one request, whose signature and time were
checked before. The exchange decides; a refusal is its `Refused`, passed on as it is.

Source: Binance spot REST API, "Trading endpoints" and "Account Endpoints".
"""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from quantlab.domain.orders import OrderType, Side, TimeInForce
from quantlab.paper.exchange import NewOrder, Refused
from quantlab.paper.orders import OrderKind, OrderState
from quantlab.paper.server import render_orders as render
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.params import Params
from quantlab.paper.server.render import NONE, amount
from quantlab.paper.server.session import STP, Session

UNSUPPORTED_TYPES = {
    "LIMIT_MAKER": "Limit maker orders are not supported for this symbol.",
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
DAY_MS = 86_400_000


class _Ids(TypedDict):
    """How a request names an order."""

    order_id: int | None
    client_order_id: str | None


def new_order(session: Session, account: str, params: Params) -> Any:
    """Place an order: LIMIT, or MARKET by quantity or by quoteOrderQty."""
    symbol = params.symbol(session.exchange.instruments)
    order = _order(symbol, params)
    kind = params.choice("newOrderRespType", ("ACK", "RESULT", "FULL"), -1130, _invalid("newOrderRespType"))
    stp = params.choice("selfTradePreventionMode", (STP,), -1130, _invalid("selfTradePreventionMode"))
    params.all_read()
    session.limits.may_order(account, session.time_ms)
    placed = session.exchange.place(account, order, session.time_ms)
    session.limits.ordered(account, 1, session.time_ms)
    return render.placed(placed, kind or "FULL", stp or STP)


def query_order(session: Session, account: str, params: Params) -> Any:
    symbol = params.symbol(session.exchange.instruments)
    order = session.exchange.order(account, symbol, **_which(params))
    return render.queried(order, STP)


def cancel_order(session: Session, account: str, params: Params) -> Any:
    """Cancel one order; the reply's clientOrderId is the cancel's own id."""
    symbol = params.symbol(session.exchange.instruments)
    ids = _which(params)
    cancel_id = params.matching("newClientOrderId", "id") or session.cancel_id()
    restriction = params.choice(
        "cancelRestrictions", ("ONLY_NEW", "ONLY_PARTIALLY_FILLED"), -1145, "Invalid cancelRestrictions"
    )
    params.all_read()
    if restriction is not None:
        _heed(restriction, session, account, symbol, **ids)
    order = session.exchange.cancel(
        account, symbol, **ids, cancel_client_order_id=cancel_id, now_ms=session.time_ms
    )
    state = order if isinstance(order, OrderState) else order.orders[0]
    return render.cancelled(state, cancel_id, STP)


def cancel_all(session: Session, account: str, params: Params) -> Any:
    """Cancel every open order of a symbol; none open is -2011, as at the venue."""
    symbol = params.symbol(session.exchange.instruments)
    params.all_read()
    orders = session.exchange.open_orders(account, symbol)
    if not orders:
        raise Refused(-2011, "Unknown order sent.")
    cancel_id, now_ms = session.cancel_id(), session.time_ms
    cancelled = [
        session.exchange.cancel(
            account, symbol, order_id=order.order_id, cancel_client_order_id=cancel_id, now_ms=now_ms
        )
        for order in orders
    ]
    return [render.cancelled(order, cancel_id, STP) for order in cancelled if isinstance(order, OrderState)]


def open_orders(session: Session, account: str, params: Params) -> Any:
    symbol = params.symbol(session.exchange.instruments) if params.sent("symbol") else None
    return [render.queried(order, STP) for order in session.exchange.open_orders(account, symbol)]


def open_orders_weight(params: Params) -> int:
    return 6 if params.sent("symbol") else 80


def my_trades(session: Session, account: str, params: Params) -> Any:
    """The account's trades in one symbol, oldest first; by id, by order or by time."""
    symbol = params.symbol(session.exchange.instruments)
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    if (from_id is not None or order_id is not None) and (start_ms is not None or end_ms is not None):
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if start_ms is not None and end_ms is not None and end_ms - start_ms > DAY_MS:
        raise Refused(-1127, "More than 24 hours between startTime and endTime.")
    limit = params.limit(500, 1_000)
    if start_ms is None and end_ms is None:
        found = session.exchange.trades(account, symbol, from_id=from_id, order_id=order_id, limit=limit)
        return [render.account_trade(trade) for trade in found]
    every = session.exchange.trades(account, symbol, from_id=0, limit=2**31)
    inside = [
        trade
        for trade in every
        if (start_ms is None or trade.time_ms >= start_ms) and (end_ms is None or trade.time_ms <= end_ms)
    ]
    chosen = inside[:limit] if start_ms is not None else inside[-limit:]
    return [render.account_trade(trade) for trade in chosen]


def my_trades_weight(params: Params) -> int:
    return 5 if params.sent("orderId") else 20


def account(session: Session, account: str, params: Params) -> Any:
    """Balances and rights of the account."""
    omit = params.boolean("omitZeroBalances", default=False)
    held = session.exchange.balances(account).values()
    rate = session.commission
    return {
        "makerCommission": int(rate * 10_000),
        "takerCommission": int(rate * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": amount(rate),
            "taker": amount(rate),
            "buyer": NONE,
            "seller": NONE,
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": session.users.balance_ms.get(account, session.opened_ms),
        "accountType": "SPOT",
        "balances": [render.balance(one) for one in held if not omit or one.free or one.locked],
        "permissions": ["SPOT"],
        "uid": session.uids[account],
    }


def _order(symbol: str, params: Params) -> NewOrder:
    """The order that the parameters describe; what it must have, the exchange checks."""
    params.need("side")
    side = params.choice("side", tuple(Side), -1117, "Invalid side.")
    kind = params.need("type")
    if kind in UNSUPPORTED_TYPES:
        raise Refused(-2010, UNSUPPORTED_TYPES[kind])
    if kind not in tuple(OrderType):
        raise Refused(-1116, "Invalid orderType.")
    force = params.choice("timeInForce", tuple(TimeInForce), -1115, "Invalid timeInForce.")
    if params.sent("icebergQty"):
        raise Refused(-2010, "Iceberg orders are not supported for this symbol.")
    if params.sent("pegPriceType"):
        raise Refused(-2010, "Pegged orders are not supported for this symbol.")
    params.forbid("stopPrice", "trailingDelta")
    quantity, quote_quantity = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if kind == OrderKind.MARKET and quantity is None and quote_quantity is None:
        raise Refused(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    return NewOrder(
        symbol=symbol,
        side=Side(side or ""),
        type=OrderKind(kind),
        time_in_force=None if force is None else TimeInForce(force),
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=params.decimal("price"),
        client_order_id=params.matching("newClientOrderId", "id") or "",
    )


def _heed(restriction: str, session: Session, account: str, symbol: str, **ids: Unpack[_Ids]) -> None:
    """-2011 where the order is open, but not as `restriction` wants it."""
    try:
        order = session.exchange.order(account, symbol, **ids)
    except Refused:
        return  # no such order: the cancel says so in its own words
    if order.status in ("NEW", "PARTIALLY_FILLED") and order.status != restriction.removeprefix("ONLY_"):
        raise Refused(-2011, "Order was not canceled due to cancel restrictions.")


def _which(params: Params) -> _Ids:
    """`orderId` or `origClientOrderId`; at least one must be sent."""
    order_id, client_order_id = params.integer("orderId"), params.matching("origClientOrderId", "id")
    if order_id is None and client_order_id is None:
        raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return {"order_id": order_id, "client_order_id": client_order_id}


def _invalid(name: str) -> str:
    return f"Data sent for parameter '{name}' is not valid."


ENDPOINTS = (
    Endpoint(account, 20, Security.USER_DATA, "GET /api/v3/account", "account.status"),
    Endpoint(query_order, 4, Security.USER_DATA, "GET /api/v3/order", "order.status"),
    Endpoint(
        open_orders, open_orders_weight, Security.USER_DATA, "GET /api/v3/openOrders", "openOrders.status"
    ),
    Endpoint(my_trades, my_trades_weight, Security.USER_DATA, "GET /api/v3/myTrades", "myTrades"),
    Endpoint(
        new_order,
        1,
        Security.TRADE,
        "POST /api/v3/order",
        "order.place",
        "newClientOrderId",
        counts_orders=True,
    ),
    Endpoint(cancel_order, 1, Security.TRADE, "DELETE /api/v3/order", "order.cancel", "origClientOrderId"),
    Endpoint(cancel_all, 1, Security.TRADE, "DELETE /api/v3/openOrders", "openOrders.cancelAll"),
)
