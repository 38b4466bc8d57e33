"""The way of every request through the venue, by REST and by the WebSocket API alike.

A request is weighed, its sender and time are checked, its handler runs, and whatever it changed is
pushed to the streams before the reply goes out.

Source: Binance spot REST API, "LIMITS", "Request Security" and "Timing security".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from quantlab.paper.exchange import Refused
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.keys import ApiKey, not_allowed
from quantlab.paper.server.limits import Overspent
from quantlab.paper.server.params import Params, is_microseconds
from quantlab.paper.server.security import TimeWindow, check_signature
from quantlab.paper.server.session import OrderRequestSeen, Session
from quantlab.paper.server.sockets import expel

BANNED = 418  # HTTP status
ABREAST_S = 0.25  # how long a request waits for a manual clock that is behind it
LOOK_S = 0.002
LONGEST = 20  # digits of a timestamp


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


async def run(session: Session, endpoint: Endpoint, request: Request) -> tuple[Any, str | None]:
    """Weigh, check and perform one request; the result or the `Refused`, and the account."""
    passage = _Passage(session, endpoint, request)
    if session.clock.fixed and endpoint.security is not Security.NONE:
        await _abreast(session, request.params)
    async with session.hub.turn:
        admitted = passage.attempt(passage.enter)
        if not (admitted and passage.has_a_way_to_go):
            return passage.leave(admitted)
    await asyncio.sleep(session.terms.engine_delay_s)
    async with session.hub.turn:
        return passage.leave(admitted)


async def _abreast(session: Session, params: Params) -> None:
    """Wait, shortly, while a request comes from a time that the venue's manual clock has yet to reach.

    Whoever moves time by hand moves the kernel's clock and the venue's one after the other, and what is
    sent between the two is not to blame. `TimeWindow` judges it afterwards, as ever.
    """
    sent = params.raw("timestamp") or ""
    if not (sent.isascii() and sent.isdecimal() and len(sent) <= LONGEST):
        return
    sent_ms = int(sent) // 1_000 if is_microseconds(int(sent)) else int(sent)
    deadline = asyncio.get_running_loop().time() + ABREAST_S
    while sent_ms >= session.clock.now_ms() + session.terms.ahead_ms:
        if asyncio.get_running_loop().time() >= deadline:
            return
        await asyncio.sleep(LOOK_S)


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

    def _weight_of(self, endpoint: Endpoint) -> int:
        params = self._request.params
        if (
            endpoint.unknown_symbol is not None
            and params.raw("symbol") not in self._session.exchange.instruments
        ):
            return endpoint.unknown_symbol
        return endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(params)

    def _weigh(self) -> None:
        endpoint, now_ms = self._endpoint, self._session.time_ms
        try:
            weight = self._weight_of(endpoint)
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
        if self._window is None:
            self._outcome = endpoint.handler(session, params)
        else:
            if self.has_a_way_to_go:
                session.catch_up()
                self._window.check(session.clock.now_ms())  # again, before the matching engine
            self._outcome = endpoint.handler(session, self._account, params)
        if not self._changes:
            params.all_read()
