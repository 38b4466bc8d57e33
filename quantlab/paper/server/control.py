"""The control endpoint: time, tape and log of this venue, for the process that started it.

Loopback only, with a secret of its own, and never for a browser: a request with an Origin is refused.
Nothing in here exists at Binance.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from quantlab.clock import ManualClock
from quantlab.errors import InvalidField
from quantlab.paper.market.pace import checked
from quantlab.paper.server import keycontrol
from quantlab.paper.server.session import Session

LONGEST_ADVANCE_MS = 86_400_000
Answer = tuple[int, Any]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    ms: int | None = None
    speed: float | None = None


class Control:
    """Answers /control/ requests.

    Attributes:
        secret: What `Authorization: Bearer` must carry.
    """

    def __init__(self, session: Session) -> None:
        self.secret = secrets.token_urlsafe(32)
        self._session = session
        self._keys = keycontrol.KeyControl(session.keyring, session.accounts)
        self._actions: dict[tuple[str, str], Callable[[_Body], Awaitable[Answer]]] = {
            ("POST", "/control/advance"): self._advance,
            ("POST", "/control/play"): self._play,
            ("POST", "/control/stop"): self._stop,
            ("GET", "/control/log"): self._log,
        }

    async def answer(self, method: str, path: str, body: bytes, headers: Any) -> Answer:
        """Status and JSON value for one request."""
        if "Origin" in headers:
            return 403, {"error": "the control endpoint does not talk to browsers"}
        given = headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.secret.encode()):
            return 401, {"error": "give the venue's control secret as Authorization: Bearer"}
        if path == keycontrol.PATH:
            return self._keys.answer(method, body)
        action = self._actions.get((method, path))
        if action is None:
            return 404, {"error": f"no {method} {path}", "known": [" ".join(key) for key in self._actions]}
        try:
            return await action(msgspec.json.decode(body or b"{}", type=_Body))
        except (msgspec.DecodeError, RecursionError, InvalidField) as error:
            return 400, {"error": str(error)}

    async def _advance(self, body: _Body) -> Answer:
        """Move a manual clock; the answer comes after every resulting frame."""
        if not isinstance(self._session.clock, ManualClock):
            return 409, {"error": "this venue runs on the real clock; start it with --clock manual"}
        if body.ms is None or not 0 <= body.ms <= LONGEST_ADVANCE_MS:
            return 400, {"error": f"ms: give milliseconds from 0 to {LONGEST_ADVANCE_MS}"}
        return 200, {"time": await self._session.advance(body.ms)}

    async def _play(self, body: _Body) -> Answer:
        """Let the market run, at another speed where one is given."""
        session = self._session
        async with session.hub.turn:
            session.catch_up()
            speed = session.speed if body.speed is None else checked(body.speed)
            session.market.play(session.time_ms, speed)
            session.speed = speed
            return 200, {"time": session.time_ms, "speed": speed}

    async def _stop(self, body: _Body) -> Answer:  # noqa: ARG002  # the shape of every action
        """Let the market stand still; orders and the clock go on."""
        session = self._session
        async with session.hub.turn:
            session.catch_up()
            session.market.stop(session.time_ms)
            return 200, {"time": session.time_ms}

    async def _log(self, body: _Body) -> Answer:  # noqa: ARG002  # the shape of every action
        """The order-changing requests that the venue has seen."""
        return 200, list(self._session.requests)
