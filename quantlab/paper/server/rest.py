"""The REST API: one table of endpoints, and the way of every request through it.

A request is weighed, its sender and time are checked, its handler runs, and whatever it changed is
pushed to the streams before the reply goes out. Refusals become the documented codes. No socket here.

Source: Binance spot REST API, "General Information on Endpoints", "LIMITS", "Request Security".
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.server import private, public
from quantlab.paper.server.faults import INTERNAL
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.params import Params, form
from quantlab.paper.server.security import in_time, rest_payload
from quantlab.paper.server.session import OrderRequestSeen, Session

Weight = int | Callable[[Params], int]


class Security(Enum):
    """Who may call. Source: Binance spot REST API, "Request Security"."""

    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


class Endpoint(NamedTuple):
    """One endpoint, by REST and by the WebSocket API.

    `weight` is the documented one. TRADE costs it only when refused. `client_id` is the parameter
    that names the order, for the log of requests.
    """

    handler: Callable[..., Any]
    weight: Weight
    security: Security = Security.NONE
    client_id: str = ""


class Call(NamedTuple):
    """One HTTP request; `query` and `body` are the raw text, as it was signed."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    api_key: str | None = None


class Reply(NamedTuple):
    """Status, JSON body, and the headers that tell of limits."""

    status: int
    body: bytes
    headers: dict[str, str]


PING = Endpoint(public.ping, 1)
TIME = Endpoint(public.time, 1)
EXCHANGE_INFO = Endpoint(public.exchange_info, 20)
DEPTH = Endpoint(public.depth, public.depth_weight)
TRADES = Endpoint(public.trades, 25)
KLINES = Endpoint(public.klines, 2)
TICKER_PRICE = Endpoint(public.ticker_price, public.ticker_weight)
BOOK_TICKER = Endpoint(public.book_ticker, public.ticker_weight)
ACCOUNT = Endpoint(private.account, 20, Security.USER_DATA)
QUERY_ORDER = Endpoint(private.query_order, 4, Security.USER_DATA)
OPEN_ORDERS = Endpoint(private.open_orders, private.open_orders_weight, Security.USER_DATA)
MY_TRADES = Endpoint(private.my_trades, private.my_trades_weight, Security.USER_DATA)
NEW_ORDER = Endpoint(private.new_order, 1, Security.TRADE, "newClientOrderId")
CANCEL_ORDER = Endpoint(private.cancel_order, 1, Security.TRADE, "origClientOrderId")
CANCEL_ALL = Endpoint(private.cancel_all, 1, Security.TRADE)

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/api/v3/ping"): PING,
    ("GET", "/api/v3/time"): TIME,
    ("GET", "/api/v3/exchangeInfo"): EXCHANGE_INFO,
    ("GET", "/api/v3/depth"): DEPTH,
    ("GET", "/api/v3/trades"): TRADES,
    ("GET", "/api/v3/klines"): KLINES,
    ("GET", "/api/v3/ticker/price"): TICKER_PRICE,
    ("GET", "/api/v3/ticker/bookTicker"): BOOK_TICKER,
    ("GET", "/api/v3/account"): ACCOUNT,
    ("GET", "/api/v3/order"): QUERY_ORDER,
    ("GET", "/api/v3/openOrders"): OPEN_ORDERS,
    ("GET", "/api/v3/myTrades"): MY_TRADES,
    ("POST", "/api/v3/order"): NEW_ORDER,
    ("DELETE", "/api/v3/order"): CANCEL_ORDER,
    ("DELETE", "/api/v3/openOrders"): CANCEL_ALL,
}
UNAUTHORISED = frozenset({-2014, -2015})
NOT_SUPPORTED = Refused(-1020, "This operation is not supported.")


def answer(session: Session, call: Call) -> Reply:
    """Answer one REST request."""
    session.catch_up()
    endpoint = ENDPOINTS.get((call.method, call.path))
    if endpoint is None:
        return Reply(404, error_body(NOT_SUPPORTED), {})

    try:
        params = Params(form(call.query, call.body))
    except Refused as refused:
        return _reply(session, refused, None)

    def signed(_: Params) -> tuple[str | None, str]:
        return call.api_key, rest_payload(call.query, call.body)

    outcome, account = run(session, endpoint, params, signed, seen_as=(call.method, call.path))
    return _reply(session, outcome, account if endpoint is NEW_ORDER else None)


def run(
    session: Session,
    endpoint: Endpoint,
    params: Params,
    signed: Callable[[Params], tuple[str | None, str]],
    seen_as: tuple[str, str],
) -> tuple[Any, str | None]:
    """Weigh, check and perform one request; the result or the `Refused`, and the account.

    Args:
        signed: The API key, and the text that the signature covers.
        seen_as: Method and path for the log of order-changing requests.
    """
    owner: str | None = None  # of the key; the account, once the signature has shown that it is theirs
    account: str | None = None
    changes = endpoint.security is Security.TRADE
    outcome: Any
    try:
        weight = endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(params)
        session.limits.spend(0 if changes else weight, session.time_ms)
        if endpoint.security is Security.NONE:
            outcome = _complete(endpoint.handler(session, params), params)
        else:
            key, payload = signed(params)
            owner = session.keyring.account(key)
            session.keyring.verify(key or "", payload, params.need("signature"))
            account = owner
            in_time(params, session.clock.now_ms)
            outcome = endpoint.handler(session, account, params)
            if not changes:
                params.all_read()
    except Refused as refused:
        outcome = refused
        if changes:
            session.limits.weight.add(1, session.time_ms)
    if changes and owner is not None:
        code = outcome.code if isinstance(outcome, Refused) else None
        name = params.raw(endpoint.client_id)
        seen = OrderRequestSeen(*seen_as, name, code is None, code, session.time_ms)
        session.requests.append(seen)
        session.publish()
    return outcome, account


def _complete(result: Any, params: Params) -> Any:
    params.all_read()
    return result


def status_of(refused: Refused) -> int:
    """429 over a limit, 401 for a bad key, 500 for a fault of ours, 400 for the rest."""
    if isinstance(refused, Overspent):
        return 429
    if refused is INTERNAL:
        return 500
    return 401 if refused.code in UNAUTHORISED else 400


def error_body(refused: Refused) -> bytes:
    return msgspec.json.encode({"code": refused.code, "msg": refused.message})


def _reply(session: Session, outcome: Any, account: str | None) -> Reply:
    weight = session.limits.weight
    headers = {f"X-MBX-USED-WEIGHT-{weight.suffix}": str(weight.at(session.time_ms))}
    headers["X-MBX-USED-WEIGHT"] = headers[f"X-MBX-USED-WEIGHT-{weight.suffix}"]
    if isinstance(outcome, Refused):
        if isinstance(outcome, Overspent):
            headers["Retry-After"] = str(-(-outcome.retry_after_ms // 1_000))
        return Reply(status_of(outcome), error_body(outcome), headers)
    for window in session.limits.orders(account) if account else ():
        headers[f"X-MBX-ORDER-COUNT-{window.suffix}"] = str(window.at(session.time_ms))
    return Reply(200, msgspec.json.encode(outcome), headers)
