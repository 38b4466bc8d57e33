"""Sessions of the WebSocket API: who has logged on, and whose events a socket listens to.

Source: Binance spot WebSocket API, "Session Authentication", "Authentication requests" and "User Data
Stream subscription".
"""

from __future__ import annotations

from typing import Any

import msgspec

from quantlab.paper.exchange import Refused
from quantlab.paper.server import timeunit
from quantlab.paper.server.endpoint import Endpoint, Security
from quantlab.paper.server.hub import Outlet, encode
from quantlab.paper.server.keys import ApiKey, KeyType, not_allowed
from quantlab.paper.server.params import Params
from quantlab.paper.server.session import Session

SESSION_WEIGHT = 2
MOST_ACTIVE = 1_000
MOST_EVER = 65_535


class ApiSession:
    """One socket's session and its user-data subscriptions.

    Attributes:
        key: Of `session.logon`; None where nobody is logged on.
        methods: What can be asked about it, by the method's name.
    """

    def __init__(self, session: Session, outlet: Outlet, *, show_limits: bool) -> None:
        self._session = session
        self._outlet = outlet
        self._show_limits = show_limits
        self._connected_ms = session.clock.now_ms()
        self.key: ApiKey | None = None
        self._authorized_ms: int | None = None
        self._by_session: set[int] = set()  # subscriptions that end with the session
        self._next_subscription = 0
        self._ended: list[int] = []  # subscriptions whose end is told after the reply
        self.methods = {
            row.ws: row
            for row in (
                Endpoint(self._logon, SESSION_WEIGHT, Security.SIGNED, ws="session.logon"),
                Endpoint(self._status, SESSION_WEIGHT, ws="session.status"),
                Endpoint(self._logout, SESSION_WEIGHT, ws="session.logout"),
                Endpoint(self._list, SESSION_WEIGHT, ws="session.subscriptions"),
                Endpoint(self._subscribe, SESSION_WEIGHT, ws="userDataStream.subscribe"),
                Endpoint(
                    self._subscribe_signed,
                    SESSION_WEIGHT,
                    Security.USER_STREAM,
                    ws="userDataStream.subscribe.signature",
                ),
                Endpoint(self._unsubscribe, SESSION_WEIGHT, ws="userDataStream.unsubscribe"),
            )
        }

    def revoked(self) -> bool:
        """Whether its key is gone, or may do other things by now; then the session is over.

        Source: WebSocket API, "Authenticate after connection".
        """
        if self.key is None or self._session.keyring.get(self.key.api_key) is self.key:
            return False
        self._forget_session()
        return True

    def tell_ends(self) -> None:
        """Send the end of every subscription that has just ended.

        Source: Binance spot "User Data Streams", "Event Stream Terminated".
        """
        for number in self._ended:
            event: dict[str, object] = {"e": "eventStreamTerminated", "E": self._session.clock.now_ms()}
            if self._outlet.micro:
                event = timeunit.event(event)
            self._outlet.put(encode(msgspec.json.encode({"subscriptionId": number, "event": event})))
        self._ended.clear()
        self._outlet.flush()

    @property
    def _subscriptions(self) -> dict[int, str]:
        return self._session.hub.subscriptions(self._outlet)

    def _logon(self, session: Session, account: str, params: Params) -> Any:  # noqa: ARG002  # every handler's
        """Let the session vouch for what follows; Ed25519 keys only, others are -2015."""
        key = session.keyring.find(params.need("apiKey"))
        if key.type is not KeyType.ED25519:
            raise not_allowed()
        self.key, self._authorized_ms = key, session.clock.now_ms()
        return self._facts()

    def _logout(self, session: Session, params: Params) -> Any:  # noqa: ARG002  # the shape of every handler
        self._forget_session()
        return self._facts()

    def _status(self, session: Session, params: Params) -> Any:  # noqa: ARG002  # the shape of every handler
        return self._facts()

    def _list(self, session: Session, params: Params) -> Any:  # noqa: ARG002  # the shape of every handler
        return [{"subscriptionId": number} for number in self._subscriptions]

    def _subscribe(self, session: Session, params: Params) -> Any:  # noqa: ARG002  # the shape of every handler
        """The session's account; without `session.logon` there is none: -2015."""
        params.all_read()
        if self.key is None or Security.USER_STREAM.value not in self.key.permissions:
            raise not_allowed()
        number = self._open(self.key.account)
        self._by_session.add(number)
        return {"subscriptionId": number}

    def _subscribe_signed(self, session: Session, account: str, params: Params) -> Any:  # noqa: ARG002
        params.all_read()
        return {"subscriptionId": self._open(account)}

    def _unsubscribe(self, session: Session, params: Params) -> Any:  # noqa: ARG002  # the shape of every handler
        number = params.integer("subscriptionId")
        params.all_read()
        if number is not None and number not in self._subscriptions:
            raise Refused(-2036, "User Data Stream subscription not active.")
        for each in list(self._subscriptions) if number is None else [number]:
            self._close(each)
        return {}

    def _open(self, account: str) -> int:
        """A new subscription to the account's events."""
        if account in self._subscriptions.values():
            raise Refused(-2035, "User Data Stream subscription already active.")
        if len(self._subscriptions) >= MOST_ACTIVE or self._next_subscription >= MOST_EVER:
            raise Refused(-2042, "Maximum subscription ID reached for this connection.")
        number = self._next_subscription
        self._next_subscription += 1
        self._session.hub.listen(account, self._outlet, number)
        return number

    def _close(self, number: int) -> None:
        self._session.hub.unlisten(self._subscriptions[number], self._outlet, number)
        self._ended.append(number)

    def _forget_session(self) -> None:
        """Forget the key, and the subscriptions that the session vouched for."""
        self.key = self._authorized_ms = None
        for number in sorted(self._by_session & self._subscriptions.keys()):
            self._close(number)
        self._by_session.clear()

    def _facts(self) -> dict[str, object]:
        return {
            "apiKey": None if self.key is None else self.key.api_key,
            "authorizedSince": self._authorized_ms,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._show_limits,
            "serverTime": self._session.clock.now_ms(),
            "userDataStream": bool(self._subscriptions),
        }
