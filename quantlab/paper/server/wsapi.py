"""The WebSocket API: requests and replies on one socket, and the account's events beside them.

The requests are those of the REST table, by their WebSocket names, plus session and user-data
subscriptions. The signature covers the parameters as literal JSON text, sorted by name; after
`session.logon` with an Ed25519 key the session vouches for what comes without one.

Source: Binance spot "WebSocket API" and "User Data Streams".
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from quantlab.paper.exchange import Refused
from quantlab.paper.faults.requests import Answer
from quantlab.paper.server import private, public, requestfaults, rest, timeunit
from quantlab.paper.server.faults import INTERNAL, report
from quantlab.paper.server.hub import Outlet
from quantlab.paper.server.keys import ApiKey, not_allowed
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.params import Params
from quantlab.paper.server.passage import Request, run
from quantlab.paper.server.security import socket_payload
from quantlab.paper.server.session import Session
from quantlab.paper.server.sockets import Hear, converse
from quantlab.paper.server.wslogin import ApiSession

NULL = msgspec.Raw(b"null")
KEY_IGNORED = frozenset({"trades.historical"})  # it once needed one. Source: CHANGELOG, 2023-07-11
METHODS = {row.ws: row for row in (*public.ENDPOINTS, *private.ENDPOINTS) if row.ws}


class _Request(msgspec.Struct):
    method: str
    id: msgspec.Raw = NULL
    params: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


async def serve(request: web.BaseRequest, session: Session) -> web.StreamResponse:
    """One connection to the WebSocket API, from its handshake to its end."""
    options = parse_qs(request.rel_url.raw_query_string)
    shown = options.get("returnRateLimits", ["true"])[0] != "false"
    try:
        micro = timeunit.is_micro(options.get("timeUnit", [None])[0])
    except Refused as refused:
        return web.Response(status=400, body=rest.error_body(refused), content_type="application/json")

    def joined(outlet: Outlet) -> Hear:
        outlet.micro = micro
        return Connection(session, outlet, show_limits=shown).hear

    return await converse(request, session.hub, api=True, joined=joined)


class Connection:
    """One socket's requests and replies."""

    def __init__(self, session: Session, outlet: Outlet, *, show_limits: bool) -> None:
        self._session = session
        self._outlet = outlet
        self._show_limits = show_limits
        self._login = ApiSession(session, outlet, show_limits=show_limits)

    async def hear(self, text: str) -> None:
        """Answer one request. A new subscription's events come after its answer, an old one's end too."""
        try:
            request = msgspec.json.decode(text, type=_Request)
            literals = {name: _literal(raw) for name, raw in request.params.items()}
        except (msgspec.DecodeError, RecursionError):
            invalid = Refused(-1135, "Invalid JSON Request")
            self._outlet.send(self._reply(NULL, invalid, None, show_limits=self._show_limits))
            return
        if self._login.revoked():
            self._outlet.send(self._reply(NULL, not_allowed(), None, show_limits=False))
            self._login.tell_ends()
            return
        method = request.method.removeprefix("v3/")
        if self._session.faults.plan.requests and self._misbehaves(method, request.id, literals):
            return
        self._outlet.send(await self._answer(method, request.id, literals))
        self._login.tell_ends()

    async def _answer(self, method: str, request_id: msgspec.Raw, literals: dict[str, str]) -> bytes:
        shown = literals.get("returnRateLimits", "true" if self._show_limits else "false") == "true"
        session, number = self._session, 0
        if session.truth is not None:
            number = session.truth.request(session.time_ms, method, self._sender(literals), literals)
        try:
            outcome, account = await self._outcome(method, literals)
        except Exception as error:  # noqa: BLE001  # whatever it is: the client hears of it under its id
            report(f"WS {method}", error)
            outcome, account = INTERNAL, None
        if session.truth is not None:
            refused = outcome if isinstance(outcome, Refused) else None
            status, code = (200, None) if refused is None else (rest.status_of(refused), refused.code)
            session.truth.reply(session.time_ms, number, status, code)
        return self._reply(request_id, outcome, account, show_limits=shown)

    def _sender(self, literals: dict[str, str]) -> str:
        """The account whose key or session the request carries; "" where none of ours."""
        if self._login.key is not None and "apiKey" not in literals:
            return self._login.key.account
        return self._session.owner(literals.get("apiKey"))

    def _misbehaves(self, method: str, request_id: msgspec.Raw, literals: dict[str, str]) -> bool:
        """Whether a fault strikes; then the request is answered, or not, in a task of its own."""
        session, account = self._session, self._sender(literals)
        endpoint = self._login.methods.get(method) or METHODS.get(method)
        made = requestfaults.decide(session, method, endpoint, literals.get("symbol", ""), account)
        if made == requestfaults.SOUND:
            return False

        async def act() -> bytes:
            reply = await self._answer(method, request_id, literals)
            if made.reject_ms is not None:
                session.faults.reject_later(account, reply, made.reject_ms)
            return reply

        def refuse(answer: Answer) -> bytes:
            error = requestfaults.ws_error(answer, session.clock.now_ms())
            return msgspec.json.encode({"id": request_id, **error})

        async def carry_out() -> None:
            await requestfaults.answer_ws(self._outlet, made, act, refuse)
            self._login.tell_ends()

        session.faults.run(carry_out())
        return True

    async def _outcome(self, method: str, literals: dict[str, str]) -> tuple[Any, str | None]:
        """The result or the `Refused`, and the account whose order limits belong to the reply."""
        endpoint = self._login.methods.get(method) or METHODS.get(method)
        if endpoint is None:
            return rest.NOT_SUPPORTED, None
        params = Params({name: "" if text == "null" else text for name, text in literals.items()})
        params.ignore("returnRateLimits")  # it is about the reply, but it is signed
        if method in KEY_IGNORED:
            params.ignore("apiKey")

        def claim(params: Params) -> tuple[ApiKey, str | None]:
            if self._login.key is None or params.sent("apiKey"):
                return self._session.keyring.find(params.need("apiKey")), socket_payload(literals)
            return self._login.key, socket_payload(literals) if params.sent("signature") else None

        request = Request(params, claim, self._outlet.api_of, encoded=False, seen_as=("WS", method))
        outcome, account = await run(self._session, endpoint, request)
        return outcome, account if endpoint.counts_orders else None

    def _reply(
        self, request_id: msgspec.Raw, outcome: Any, account: str | None, *, show_limits: bool
    ) -> bytes:
        reply: dict[str, Any] = {"id": request_id, "status": 200}
        if self._outlet.micro:
            outcome = rest.in_microseconds(outcome)
        if isinstance(outcome, Refused):
            reply["status"] = rest.status_of(outcome)
            reply["error"] = rest.error(outcome)
            if isinstance(outcome, Overspent):
                now_ms = self._session.clock.now_ms()
                reply["error"]["data"] = {"serverTime": now_ms, "retryAfter": outcome.retry_at_ms}
        else:
            reply["result"] = outcome
        if show_limits:
            limits, now_ms = self._session.limits, self._session.time_ms
            weight = limits.address(self._outlet.api_of).weight
            windows = (*(limits.orders(account) if account else ()), weight)
            reply["rateLimits"] = [window.rule() | {"count": window.at(now_ms)} for window in windows]
        return msgspec.json.encode(reply)


def _literal(raw: msgspec.Raw) -> str:
    """A parameter as it is signed: text without its quotes, anything else as its literal JSON."""
    literal = bytes(raw).decode()
    return msgspec.json.decode(raw, type=str) if literal.startswith('"') else literal
