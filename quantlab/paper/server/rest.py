"""The REST API: the way of every request through it, which the WebSocket API shares.

A request is weighed, its sender and time are checked, its handler runs, and whatever it changed is
pushed to the streams before the reply goes out. Refusals become the documented codes. No socket here.

Source: Binance spot REST API, "General Information on Endpoints", "LIMITS", "Request Security".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.server import private, public, timeunit
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.faults import INTERNAL
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.params import Params, form
from quantlab.paper.server.security import in_time, rest_payload
from quantlab.paper.server.session import OrderRequestSeen, Session


class Call(NamedTuple):
    """One HTTP request; `query` and `body` are the raw text, as it was signed.

    `time_unit` is the header of that name: None, or what the reply's times shall be told in.
    """

    method: str
    path: str
    query: str = ""
    body: str = ""
    api_key: str | None = None
    time_unit: str | None = None


class Reply(NamedTuple):
    """Status, JSON body, and the headers that tell of limits."""

    status: int
    body: bytes
    headers: dict[str, str]


ENDPOINTS = {row.rest: row for row in (*public.ENDPOINTS, *private.ENDPOINTS) if row.rest}
UNAUTHORISED = frozenset({-2014, -2015})
NOT_SUPPORTED = Refused(-1020, "This operation is not supported.")


def answer(session: Session, call: Call) -> Reply:
    """Answer one REST request."""
    session.catch_up()
    endpoint = ENDPOINTS.get(f"{call.method} {call.path}")
    if endpoint is None:
        return Reply(404, error_body(NOT_SUPPORTED), {})

    try:
        micro = timeunit.is_micro(call.time_unit)
        params = Params(form(call.query, call.body))
    except Refused as refused:
        return _reply(session, refused, None)

    def signed(_: Params) -> tuple[str | None, str]:
        return call.api_key, rest_payload(call.query, call.body)

    outcome, account = run(session, endpoint, params, signed, seen_as=(call.method, call.path))
    if micro and not isinstance(outcome, Refused):
        outcome = timeunit.reply(outcome)
    return _reply(session, outcome, account if endpoint.counts_orders else None)


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
