"""The REST API: a call's parameters, its way (see `passage`), and the reply with its headers.

Refusals become the documented codes, which the WebSocket API shares. No socket here.

Source: Binance spot REST API, "General Information on Endpoints", "LIMITS", "HTTP Return Codes".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.server import private, public, timeunit
from quantlab.paper.server.endpoint import PartlyDone
from quantlab.paper.server.faults import INTERNAL
from quantlab.paper.server.keys import ApiKey
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.params import Params, form
from quantlab.paper.server.passage import Request, run
from quantlab.paper.server.security import rest_payload
from quantlab.paper.server.session import Session


class Call(NamedTuple):
    """One HTTP request; `query` and `body` are the raw text, as it was signed.

    `time_unit` is the header of that name: None, or what the reply's times shall be told in.
    `form` tells whether the body holds parameters; else it is only signed. `address` is the sender's.
    """

    method: str
    path: str
    query: str = ""
    body: str = ""
    api_key: str | None = None
    time_unit: str | None = None
    form: bool = True
    address: str = ""


class _Error(msgspec.Struct):
    code: int | None = None


class Reply(NamedTuple):
    """Status, JSON body, and the headers that tell of limits. Only a fault's body is not JSON."""

    status: int
    body: bytes
    headers: dict[str, str]
    content_type: str = "application/json"


ENDPOINTS = {row.rest: row for row in (*public.ENDPOINTS, *private.ENDPOINTS) if row.rest}
UNAUTHORISED = frozenset({-2014, -2015})
NOT_SUPPORTED = Refused(-1020, "This operation is not supported.")


async def answer(session: Session, call: Call) -> Reply:
    """Answer one REST request."""
    if session.truth is None:
        return await _answer(session, call)
    who, what = session.owner(call.api_key), f"{call.method} {call.path}"
    number = session.truth.request(session.time_ms, what, who, readable(call))
    reply = await _answer(session, call)
    code = None if reply.status == 200 else msgspec.json.decode(reply.body, type=_Error).code
    session.truth.reply(session.time_ms, number, reply.status, code)
    return reply


def readable(call: Call) -> dict[str, str]:
    """The parameters as far as they can be read, wherever they stand."""
    try:
        return form(call.query, call.body)
    except Refused:
        return {}


async def _answer(session: Session, call: Call) -> Reply:
    endpoint = ENDPOINTS.get(f"{call.method} {call.path}")
    if endpoint is None:
        return Reply(404, error_body(NOT_SUPPORTED), {})
    try:
        micro = timeunit.is_micro(call.time_unit)
        # a GET's parameters stand in its query alone
        params = Params(form(call.query, call.body if call.form and call.method != "GET" else ""))
    except Refused as refused:
        return _reply(session, call.address, refused, None)

    def claim(_: Params) -> tuple[ApiKey, str | None]:
        return session.keyring.find(call.api_key), rest_payload(call.query, call.body)

    request = Request(params, claim, call.address, encoded=True, seen_as=(call.method, call.path))
    outcome, account = await run(session, endpoint, request)
    if micro:
        outcome = in_microseconds(outcome)
    return _reply(session, call.address, outcome, account if endpoint.counts_orders else None)


def status_of(refused: Refused) -> int:
    """429 over a limit, 418 under a ban, 401 for a bad key, 500 for a fault of ours, 400 for the rest."""
    if isinstance(refused, PartlyDone):
        return refused.status
    if isinstance(refused, Overspent):
        return refused.status
    if refused is INTERNAL:
        return 500
    return 401 if refused.code in UNAUTHORISED else 400


def in_microseconds(outcome: Any) -> Any:
    """A result, or what a refusal carries, with its times in microseconds."""
    if isinstance(outcome, PartlyDone):
        outcome.data = timeunit.reply(outcome.data)
    return outcome if isinstance(outcome, Refused) else timeunit.reply(outcome)


def error(refused: Refused) -> dict[str, Any]:
    """Code and text, and the parts of what was partly done."""
    told: dict[str, Any] = {"code": refused.code, "msg": refused.message}
    return told | {"data": refused.data} if isinstance(refused, PartlyDone) else told


def error_body(refused: Refused) -> bytes:
    return msgspec.json.encode(error(refused))


def refusal(refused: Refused) -> Reply:
    """The HTTP reply to a refused request."""
    headers: dict[str, str] = {}
    if isinstance(refused, Overspent | PartlyDone) and refused.retry_after_ms is not None:
        headers["Retry-After"] = str(-(-refused.retry_after_ms // 1_000))
    return Reply(status_of(refused), error_body(refused), headers)


def _reply(session: Session, address: str, outcome: Any, account: str | None) -> Reply:
    weight = session.limits.address(address).weight
    used = str(weight.at(session.time_ms))
    headers = {f"X-MBX-USED-WEIGHT-{weight.suffix}": used, "X-MBX-USED-WEIGHT": used}
    for window in session.limits.orders(account) if account else ():
        headers[f"X-MBX-ORDER-COUNT-{window.suffix}"] = str(window.at(session.time_ms))
    if isinstance(outcome, Refused):
        reply = refusal(outcome)
        return reply._replace(headers=headers | reply.headers)
    return Reply(200, msgspec.json.encode(outcome), headers)
