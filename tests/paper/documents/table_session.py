"""Methods that only the WebSocket API has: sessions and subscriptions.

Source: Binance spot WebSocket API, "Authentication requests" and "User Data Stream requests".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import kinds
from answers import SESSION
from shapes import ID, NULL, exactly

WEIGHT = 2  # each of them
NOBODY = SESSION | {"apiKey": NULL, "authorizedSince": NULL, "userDataStream": exactly(False)}
LOGGED_ON = SESSION | {"userDataStream": exactly(False)}
LISTENING = SESSION | {"userDataStream": exactly(True)}
SUBSCRIBED = {"subscriptionId": ID}
NOT_ALLOWED = (401, -2015, "Invalid API-key, IP, or permissions for action.")
ACTIVE = (400, -2035, "User Data Stream subscription already active.")
INACTIVE = (400, -2036, "User Data Stream subscription not active.")


class Said(NamedTuple):
    """One request on a connection, signed where `by` names a key, and its result's shape or its error."""

    method: str
    answer: Any
    by: str = ""
    params: dict[str, Any] = {}  # noqa: RUF012  # never changed


SESSIONS: dict[str, tuple[Said, ...]] = {
    "a session that is never logged on": (
        Said("session.status", NOBODY),
        Said("session.subscriptions", ()),
        Said("session.logout", NOBODY),
        *(
            Said(method, (400, *kinds.unread(0, 1)), params={"colour": "red"})
            for method in (
                "session.status",
                "session.subscriptions",
                "session.logout",
                "userDataStream.subscribe",
                "userDataStream.unsubscribe",
            )
        ),
        *(
            Said(method, (400, *kinds.missing("apiKey")))
            for method in ("session.logon", "userDataStream.subscribe.signature")
        ),
        Said("userDataStream.subscribe", NOT_ALLOWED),
        Said("userDataStream.unsubscribe", {}),
        Said("userDataStream.unsubscribe", INACTIVE, params={"subscriptionId": 0}),
    ),
    "a session that logs on and off": (
        Said("session.logon", LOGGED_ON, by="ed25519"),
        Said("session.status", LOGGED_ON),
        Said("userDataStream.subscribe", SUBSCRIBED),
        Said("userDataStream.subscribe", ACTIVE),
        Said("session.status", LISTENING),
        Said("session.subscriptions", (SUBSCRIBED,)),
        Said("session.logout", NOBODY),
        Said("session.subscriptions", ()),
        Said("userDataStream.subscribe", NOT_ALLOWED),
    ),
    "a session with a key of the wrong kind": (
        Said("session.logon", NOT_ALLOWED, by="hmac"),
        Said("session.status", NOBODY),
    ),
    "subscriptions by signature, of two accounts": (
        Said("userDataStream.subscribe.signature", SUBSCRIBED, by="hmac"),
        Said("userDataStream.subscribe.signature", ACTIVE, by="hmac"),
        Said("userDataStream.subscribe.signature", SUBSCRIBED, by="bob"),
        Said("session.subscriptions", (SUBSCRIBED, SUBSCRIBED)),
        Said("session.logout", NOBODY | {"userDataStream": exactly(True)}),
        Said("userDataStream.unsubscribe", {}, params={"subscriptionId": 0}),
        Said("userDataStream.unsubscribe", INACTIVE, params={"subscriptionId": 0}),
        Said("session.subscriptions", (SUBSCRIBED,)),
        Said("userDataStream.unsubscribe", {}),
        Said("session.subscriptions", ()),
    ),
}
