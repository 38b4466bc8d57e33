"""The WebSocket API: requests and replies on one socket, and the account's events beside them.

The requests are those of the REST table, by their WebSocket names, plus session and user-data
subscriptions. The signature covers the parameters as literal JSON text, sorted by name.

Source: Binance spot "WebSocket API" and "User Data Streams".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from quantlab.paper.exchange import Refused
from quantlab.paper.server import private, public, rest, timeunit
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.faults import INTERNAL, report
from quantlab.paper.server.hub import Outlet
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.params import Params
from quantlab.paper.server.session import Session
from quantlab.paper.server.sockets import converse

CONNECTING_WEIGHT = 2
SESSION_WEIGHT = 2
MOST_ACTIVE = 1_000
MOST_EVER = 65_535
METHODS = {row.ws: row for row in (*public.ENDPOINTS, *private.ENDPOINTS) if row.ws}


class _Request(msgspec.Struct):
    method: str
    id: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | str | None = None
    params: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


async def serve(request: web.BaseRequest, session: Session) -> web.StreamResponse:
    """One connection to the WebSocket API, from its handshake to its end."""
    session.limits.weight.add(CONNECTING_WEIGHT, session.time_ms)
    options = parse_qs(request.rel_url.raw_query_string)
    shown = options.get("returnRateLimits", ["true"])[0] != "false"
    try:
        micro = timeunit.is_micro(options.get("timeUnit", [None])[0])
    except Refused as refused:
        return web.Response(status=400, body=rest.error_body(refused), content_type="application/json")

    def joined(outlet: Outlet) -> Callable[[str], None]:
        outlet.micro = micro
        return Connection(session, outlet, show_limits=shown).hear

    return await converse(request, session.hub, combined=False, joined=joined)


class Connection:
    """What one socket has asked for: its user-data subscriptions."""

    def __init__(self, session: Session, outlet: Outlet, *, show_limits: bool) -> None:
        self._session = session
        self._outlet = outlet
        self._show_limits = show_limits
        self._connected_ms = session.clock.now_ms()
        self._subscriptions: dict[int, str] = {}
        self._next_subscription = 0
        self._own: dict[str, Endpoint] = {
            "userDataStream.subscribe.signature": Endpoint(
                self._subscribe, SESSION_WEIGHT, Security.USER_DATA
            ),
            "userDataStream.unsubscribe": Endpoint(self._unsubscribe, SESSION_WEIGHT),
            "session.status": Endpoint(self._status, SESSION_WEIGHT),
            "session.subscriptions": Endpoint(self._list, SESSION_WEIGHT),
        }

    def hear(self, text: str) -> None:
        """Answer one request. A new subscription's events come after its answer."""
        try:
            request = msgspec.json.decode(text, type=_Request)
            texts = {name: _text(raw) for name, raw in request.params.items()}
        except (msgspec.DecodeError, RecursionError):
            self._send(None, Refused(-1135, "Invalid JSON Request"), None, show_limits=self._show_limits)
            return
        shown = texts.get("returnRateLimits", "true" if self._show_limits else "false") == "true"
        try:
            outcome, account = self._outcome(request.method.removeprefix("v3/"), texts)
        except Exception as error:  # noqa: BLE001  # whatever it is: the client hears of it under its id
            report(f"WS {request.method}", error)
            outcome, account = INTERNAL, None
        self._send(request.id, outcome, account, show_limits=shown)

    def _outcome(self, method: str, texts: dict[str, str]) -> tuple[Any, str | None]:
        """The result or the `Refused`, and the account whose order limits belong to the reply."""
        self._session.catch_up()
        endpoint = self._own.get(method) or METHODS.get(method)
        if endpoint is None:
            return rest.NOT_SUPPORTED, None
        params = Params(texts)
        params.ignore("returnRateLimits")  # it is about the reply, but it is signed
        outcome, account = rest.run(
            self._session, endpoint, params, lambda params: _signed(params, texts), ("WS", method)
        )
        return outcome, account if endpoint.counts_orders else None

    def _send(self, request_id: Any, outcome: Any, account: str | None, *, show_limits: bool) -> None:
        reply: dict[str, Any] = {"id": request_id, "status": 200}
        if isinstance(outcome, Refused):
            reply["status"] = rest.status_of(outcome)
            reply["error"] = {"code": outcome.code, "msg": outcome.message}
            if isinstance(outcome, Overspent):
                now_ms = self._session.clock.now_ms()
                reply["error"]["data"] = {"serverTime": now_ms, "retryAfter": outcome.retry_at_ms}
        else:
            reply["result"] = timeunit.reply(outcome) if self._outlet.micro else outcome
        if show_limits:
            limits, now_ms = self._session.limits, self._session.time_ms
            windows = (*(limits.orders(account) if account else ()), limits.weight)
            reply["rateLimits"] = [window.rule() | {"count": window.at(now_ms)} for window in windows]
        self._outlet.send(msgspec.json.encode(reply))

    def _subscribe(self, session: Session, account: str, params: Params) -> Any:
        params.all_read()
        if account in self._subscriptions.values():
            raise Refused(-2035, "User Data Stream subscription already active.")
        if len(self._subscriptions) >= MOST_ACTIVE or self._next_subscription >= MOST_EVER:
            raise Refused(-2042, "Maximum subscription ID reached for this connection.")
        number = self._next_subscription
        self._next_subscription += 1
        self._subscriptions[number] = account
        session.hub.listen(account, self._outlet, number)
        return {"subscriptionId": number}

    def _unsubscribe(self, session: Session, params: Params) -> Any:
        number = params.integer("subscriptionId")
        chosen = list(self._subscriptions) if number is None else [number]
        for each in chosen:
            if each not in self._subscriptions:
                raise Refused(-2036, "User Data Stream subscription not active.")
            session.hub.unlisten(self._subscriptions.pop(each), self._outlet, each)
        return {}

    def _status(self, session: Session, params: Params) -> Any:  # noqa: ARG002  # the shape of every handler
        return {
            "apiKey": None,
            "authorizedSince": None,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._show_limits,
            "serverTime": session.clock.now_ms(),
            "userDataStream": bool(self._subscriptions),
        }

    def _list(self, session: Session, params: Params) -> Any:  # noqa: ARG002  # the shape of every handler
        return [{"subscriptionId": number} for number in self._subscriptions]


def _signed(params: Params, texts: dict[str, str]) -> tuple[str, str]:
    """The API key, and what is signed: `k=v` sorted by name, not percent-encoded."""
    payload = "&".join(f"{name}={text}" for name, text in sorted(texts.items()) if name != "signature")
    return params.need("apiKey"), payload


def _text(raw: msgspec.Raw) -> str:
    """A parameter as it is signed: text without its quotes, anything else as its literal JSON."""
    literal = bytes(raw).decode()
    return msgspec.json.decode(raw, type=str) if literal.startswith('"') else literal
