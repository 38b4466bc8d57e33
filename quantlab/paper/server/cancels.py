"""Handlers that end orders: cancel one, cancel all, and cancel one to place another.

Cancelling one order of a list cancels the whole list; the answer is then the list's.

Source: Binance spot REST API, "Cancel order (TRADE)", "Cancel All Open Orders on a Symbol (TRADE)",
"Cancel an Existing Order and Send a New Order (TRADE)".
"""

from __future__ import annotations

from typing import Any

from quantlab.paper.events import Refused, Replaced
from quantlab.paper.orders import Placed
from quantlab.paper.server import render_orders as render
from quantlab.paper.server.endpoint import Endpoint, PartlyDone, Security
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.order_params import invalid
from quantlab.paper.server.orders import FULL_BY_DEFAULT, read_order, response_type, which
from quantlab.paper.server.params import Params
from quantlab.paper.server.render import Json
from quantlab.paper.server.session import Session

SUCCESS, FAILURE, NOT_ATTEMPTED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"


def cancel(session: Session, account: str, params: Params) -> Any:
    """Cancel one order; the reply's clientOrderId is the cancel's own id."""
    symbol = params.symbol(session.exchange.instruments)
    ids, restriction = which(params), cancel_restriction(params)
    cancel_id = params.matching("newClientOrderId", "id") or session.cancel_id()
    params.all_read()
    ended = session.exchange.cancel(
        account,
        symbol,
        **ids,
        cancel_client_order_id=cancel_id,
        restriction=restriction,
        now_ms=session.time_ms,
    )
    return render.cancelled(ended, cancel_id)


def cancel_all(session: Session, account: str, params: Params) -> Any:
    """Cancel every open order and list of a symbol; none open is -2011."""
    symbol = params.symbol(session.exchange.instruments)
    params.all_read()
    cancel_id = session.cancel_id()
    ended = session.exchange.cancel_all(account, symbol, session.time_ms, cancel_client_order_id=cancel_id)
    return [render.cancelled(one, cancel_id) for one in ended]


def replace(session: Session, account: str, params: Params) -> Any:
    """Cancel an order and place another; the two can fail apart.

    What the new order is by itself refused for (its parameters, the filters, the count of unfilled
    orders) is answered before anything is cancelled. After that the order count goes up, whatever
    comes of the two.

    Raises:
        PartlyDone: One of the two failed, or both.
    """
    order = read_order(session, params)
    params.need("cancelReplaceMode")
    stop = _mode(params, "cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE")) == "STOP_ON_FAILURE"
    cancel_anyway = (
        _mode(params, "orderRateLimitExceededMode", ("DO_NOTHING", "CANCEL_ONLY")) == "CANCEL_ONLY"
    )
    ids, restriction = which(params, "cancelOrderId", "cancelOrigClientOrderId"), cancel_restriction(params)
    cancel_id = params.matching("cancelNewClientOrderId", "id") or session.cancel_id()
    response = response_type(params, render.FULL if order.type in FULL_BY_DEFAULT else render.ACK)
    params.all_read()

    over = session.limits.too_many(account, 1, session.time_ms)
    if over is not None and not cancel_anyway:
        raise over
    result = session.exchange.replace(
        account,
        order.symbol,
        **ids,
        cancel_client_order_id=cancel_id,
        restriction=restriction,
        stop_on_failure=stop,
        order=order,
        over_limit=over,
        now_ms=session.time_ms,
    )
    if over is None:
        session.limits.ordered(account, 1, session.time_ms)
    return _replaced(result, cancel_id, response, over if stop else None)


def cancel_restriction(params: Params) -> str | None:
    return params.choice(
        "cancelRestrictions", ("ONLY_NEW", "ONLY_PARTIALLY_FILLED"), -1145, "Invalid cancelRestrictions"
    )


def _mode(params: Params, name: str, allowed: tuple[str, ...]) -> str | None:
    return params.choice(name, allowed, -1130, invalid(name))


def _replaced(result: Replaced, cancel_id: str, response: str, over: Overspent | None) -> Json:
    """Both outcomes; all but two successes are an error that carries them.

    Args:
        over: The refusal that makes the answer a 429.
    """
    cancelled, placed = result.cancelled, result.placed
    answer: Json = {
        "cancelResult": FAILURE if isinstance(cancelled, Refused) else SUCCESS,
        "newOrderResult": SUCCESS if isinstance(placed, Placed) else FAILURE if placed else NOT_ATTEMPTED,
        "cancelResponse": _told(cancelled)
        if isinstance(cancelled, Refused)
        else render.cancelled(cancelled, cancel_id),
        "newOrderResponse": render.placed(placed, response) if isinstance(placed, Placed) else _told(placed),
    }
    done = (answer["cancelResult"], answer["newOrderResult"]).count(SUCCESS)
    if done == 2:
        return answer
    status = 429 if over is not None else 409 if done else 400
    code, message = (
        (-2021, "Order cancel-replace partially failed.") if done else (-2022, "Order cancel-replace failed.")
    )
    retry_after_ms = None if over is None else over.retry_after_ms
    raise PartlyDone(code, message, status=status, data=answer, retry_after_ms=retry_after_ms)


def _told(refused: Refused | None) -> Json | None:
    return None if refused is None else {"code": refused.code, "msg": refused.message}


ENDPOINTS = (
    Endpoint(
        cancel, 1, Security.TRADE, "DELETE /api/v3/order", "order.cancel", "origClientOrderId"
    ),
    Endpoint(
        cancel_all, 1, Security.TRADE, "DELETE /api/v3/openOrders", "openOrders.cancelAll"
    ),
    Endpoint(
        replace, 1, Security.TRADE, "POST /api/v3/order/cancelReplace", "order.cancelReplace",
        "newClientOrderId", counts_orders=True,
    ),
)  # fmt: skip
