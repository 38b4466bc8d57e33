"""The control endpoint: time, tape, faults and log of this venue, for the process that started it.

Loopback only, with a secret of its own, and never for a browser: a request with an Origin is refused.
Nothing in here exists at Binance.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from quantlab.errors import InvalidField
from quantlab.paper.faults.reading import from_json
from quantlab.paper.market.pace import checked
from quantlab.paper.server import keycontrol
from quantlab.paper.server.session import Session

LONGEST_ADVANCE_MS = 86_400_000
FAULTS = "/control/faults"
ID = re.compile(r"[0-9]{1,9}", re.ASCII)
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
        self._actions: dict[tuple[str, str], Callable[[bytes], Awaitable[Answer]]] = {
            ("POST", "/control/advance"): self._advance,
            ("POST", "/control/play"): self._play,
            ("POST", "/control/stop"): self._stop,
            ("GET", "/control/log"): self._log,
            ("POST", "/control/flush"): self._flush,
            ("GET", FAULTS): self._faults,
            ("POST", FAULTS): self._add_fault,
            ("DELETE", FAULTS): self._clear_faults,
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
        if method == "DELETE" and path.startswith(FAULTS + "/"):
            return await self._remove_fault(path.removeprefix(FAULTS + "/"))
        action = self._actions.get((method, path))
        if action is None:
            known = [*(" ".join(key) for key in self._actions), f"DELETE {FAULTS}/ID"]
            return 404, {"error": f"no {method} {path}", "known": known}
        try:
            return await action(body)
        except InvalidField as error:
            return 400, {"error": str(error), "field": error.field, "remedy": error.remedy}
        except (msgspec.DecodeError, RecursionError) as error:
            return 400, {"error": str(error)}

    async def _advance(self, body: bytes) -> Answer:
        """Move a manual clock; the answer comes after every resulting frame."""
        milliseconds = _read(body).ms
        if not self._session.clock.fixed:
            return 409, {"error": "this venue runs on the real clock; start it with --clock manual"}
        if milliseconds is None or not 0 <= milliseconds <= LONGEST_ADVANCE_MS:
            return 400, {"error": f"ms: give milliseconds from 0 to {LONGEST_ADVANCE_MS}"}
        return 200, {"time": await self._session.advance(milliseconds)}

    async def _play(self, body: bytes) -> Answer:
        """Let the market run, at another speed where one is given."""
        session, wanted = self._session, _read(body).speed
        async with session.hub.turn:
            session.catch_up()
            speed = session.speed if wanted is None else checked(wanted)
            session.market.play(session.time_ms, speed)
            session.speed = speed
            return 200, {"time": session.time_ms, "speed": speed}

    async def _stop(self, body: bytes) -> Answer:
        """Let the market stand still; orders and the clock go on."""
        session, _ = self._session, _read(body)
        async with session.hub.turn:
            session.catch_up()
            session.market.stop(session.time_ms)
            return 200, {"time": session.time_ms}

    async def _log(self, body: bytes) -> Answer:
        """The order-changing requests that the venue has seen."""
        _read(body)
        return 200, list(self._session.requests)

    async def _flush(self, body: bytes) -> Answer:
        """Wait until the log is written."""
        truth, _ = self._session.truth, _read(body)
        if truth is None:
            return 409, {"error": "this venue keeps no log; start it with --log FILE"}
        return 200, {"file": str(truth.path), "lines": await truth.flush()}

    async def _faults(self, body: bytes) -> Answer:
        """Every fault that was added and not removed, and what became of it."""
        _read(body)
        return 200, [active.shown() for active in self._session.faults.plan]

    async def _add_fault(self, body: bytes) -> Answer:
        fault, session = from_json(body), self._session
        async with session.hub.turn:
            session.catch_up()
            return 200, session.faults.add(fault).shown()

    async def _remove_fault(self, number: str) -> Answer:
        async with self._session.hub.turn:
            active = self._session.faults.remove(int(number)) if ID.fullmatch(number) else None
        if active is None:
            return 404, {"error": f"there is no fault {number!r}; GET {FAULTS} lists them"}
        return 200, active.shown()

    async def _clear_faults(self, body: bytes) -> Answer:
        """End and forget all; what they changed is put back."""
        _read(body)
        async with self._session.hub.turn:
            return 200, [active.shown() for active in self._session.faults.clear()]


def _read(body: bytes) -> _Body:
    return msgspec.json.decode(body or b"{}", type=_Body)
