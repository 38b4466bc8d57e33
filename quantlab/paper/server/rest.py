"""The REST API: the way of every request through it, which the WebSocket API shares.

A request is weighed, its sender and time are checked, its handler runs, and whatever it changed is
pushed to the streams before the reply goes out. Refusals become the documented codes. No socket here.

Source: Binance spot REST API, "General Information on Endpoints", "LIMITS", "Request Security".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.server import private, public, timeunit
from quantlab.paper.server.endpoint import Endpoint, PartlyDone, Security
from quantlab.paper.server.faults import INTERNAL
from quantlab.paper.server.keys import ApiKey, not_allowed
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.params import Params, form
from quantlab.paper.server.security import TimeWindow, check_signature, rest_payload
from quantlab.paper.server.session import OrderRequestSeen, Session
from quantlab.paper.server.sockets import expel


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


class Request(NamedTuple):
    """What `run` needs to know, however it came.

    Attributes:
        claim: The key, and the text that its signature covers; None where a session vouches for it.
        encoded: That text had to be percent-encoded first.
        seen_as: Method and path for the log of order-changing requests.
    """

    params: Params
    claim: Callable[[Params], tuple[ApiKey, str | None]]
    address: str
    encoded: bool
    seen_as: tuple[str, str]


ENDPOINTS = {row.rest: row for row in (*public.ENDPOINTS, *private.ENDPOINTS) if row.rest}
BANNED = 418  # HTTP status
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


async def run(session: Session, endpoint: Endpoint, request: Request) -> tuple[Any, str | None]:
    """Weigh, check and perform one request; the result or the `Refused`, and the account."""
    passage = _Passage(session, endpoint, request)
    async with session.hub.turn:
        admitted = passage.attempt(passage.enter)
        if not (admitted and passage.has_a_way_to_go):
            return passage.leave(admitted)
    await asyncio.sleep(session.terms.engine_delay_s)
    async with session.hub.turn:
        return passage.leave(admitted)


class _Passage:
    """One request on its way: in through the checks, out through its handler."""

    def __init__(self, session: Session, endpoint: Endpoint, request: Request) -> None:
        self._session = session
        self._endpoint = endpoint
        self._request = request
        self._address = session.limits.address(request.address)
        self._window: TimeWindow | None = None
        self._owner: str | None = None  # of the key; the account, once the signature has shown it is theirs
        self._account: str | None = None
        self._outcome: Any = None
        self._changes = endpoint.security is Security.TRADE and not endpoint.only_checks
        self._weight = 0  # still to be paid where the request is refused

    @property
    def has_a_way_to_go(self) -> bool:
        """Whether it travels to the matching engine, and that takes time."""
        return self._window is not None and self._session.terms.engine_delay_s > 0

    def attempt(self, step: Callable[[], None]) -> bool:
        """Do it; False, and the refusal is the outcome, where it is refused."""
        try:
            step()
        except Refused as refused:
            self._outcome = refused
            return False
        return True

    def enter(self) -> None:
        """Weigh the request; check who sent it and when."""
        session, endpoint, params = self._session, self._endpoint, self._request.params
        session.catch_up()
        self._weigh()
        if endpoint.security is Security.NONE:
            return
        key, payload = self._request.claim(params)
        self._owner = key.account
        if endpoint.security is not Security.SIGNED and endpoint.security.value not in key.permissions:
            raise not_allowed()
        if payload is None:
            params.ignore("apiKey", "signature")
        else:
            check_signature(key, payload, params.need("signature"), encoded=self._request.encoded)
        self._account = key.account
        self._window = TimeWindow(params, session.terms)
        self._window.check(session.clock.now_ms())

    def leave(self, admitted: bool) -> tuple[Any, str | None]:  # noqa: FBT001  # what `attempt` said
        """Perform the request if it was admitted; count, log and publish what came of it."""
        session = self._session
        if admitted:
            self.attempt(self._perform)
        refused = self._outcome if isinstance(self._outcome, Refused) else None
        if refused is not None and self._weight:
            self._address.weight.add(self._weight, session.time_ms)
        if self._changes and self._owner is not None:
            code = None if refused is None else refused.code
            name = self._request.params.raw(self._endpoint.client_id)
            seen = OrderRequestSeen(*self._request.seen_as, name, code is None, code, session.time_ms)
            session.requests.append(seen)
            session.publish()
        if isinstance(refused, Overspent) and refused.status == BANNED:
            asyncio.get_running_loop().call_soon(expel, session.hub, self._request.address)  # after the reply
        return self._outcome, self._account

    def _weigh(self) -> None:
        endpoint, now_ms = self._endpoint, self._session.time_ms
        try:
            weight = (
                endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(self._request.params)
            )
        except Refused:
            self._address.spend(1, now_ms)
            raise
        if self._changes and not endpoint.always_costs:
            self._address.spend(0, now_ms)
            self._weight = weight
        else:
            self._address.spend(weight, now_ms)

    def _perform(self) -> None:
        session, endpoint, params = self._session, self._endpoint, self._request.params
        session.catch_up()
        if self._window is None:
            self._outcome = endpoint.handler(session, params)
        else:
            self._window.check(session.clock.now_ms())  # again, before the matching engine
            self._outcome = endpoint.handler(session, self._account, params)
        if not self._changes:
            params.all_read()


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
