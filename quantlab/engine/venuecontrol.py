"""The embedded paper venue's control endpoint, as the wire loop asks it: time, and faults on purpose.

Only our own venue has one; any other is left alone, by name. The endpoint is on loopback and plain HTTP.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from quantlab.errors import EngineError, InvalidField
from quantlab.paper.spawn import Control

TIMEOUT_S = 30


class VenueControl:
    """Asks `control`; None for a venue that is not ours. One loop; the connection is made on first use."""

    def __init__(self, control: Control | None) -> None:
        self._control = control
        self._client: httpx.AsyncClient | None = None

    async def advance(self, milliseconds: int) -> int:
        """Let a venue on a manual clock run; its new time, UTC ms."""
        said = await self._ask("POST", "advance", {"ms": milliseconds})
        return int(said["time"])

    async def fault(self, name: str, fields: dict[str, object]) -> int:
        """Add a fault; its number. See `paper.faults`.

        Raises:
            InvalidField: There is no such fault, or it has no such field.
        """
        said = await self._ask("POST", "faults", {**fields, "name": name})
        return int(said["id"])

    async def mend(self) -> int:
        """End every fault that was added, and put back what it changed; how many there were."""
        return len(await self._ask("DELETE", "faults"))

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        """What the endpoint answers; one that refuses says which field."""
        if self._control is None:
            raise EngineError("only the embedded paper venue does this; any other is left alone")
        if self._client is None:  # no authorities: reading them stops the loop for 20 ms, for plain HTTP
            self._client = httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        try:
            reply = await self._client.request(
                method,
                f"{self._control.url}/{path}",
                json=body or {},
                headers={"Authorization": f"Bearer {self._control.secret}"},
                timeout=TIMEOUT_S,
            )
            said = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            raise EngineError(
                f"the venue did not answer: {type(error).__name__}; %ql status says whether it runs"
            ) from None
        if reply.status_code == httpx.codes.BAD_REQUEST and "field" in said:
            field, remedy = said["field"], said["remedy"]
            problem = said["error"].removeprefix(f"{field}: ").removesuffix(f"; {remedy}")
            raise InvalidField(field, problem, remedy)
        if reply.status_code != httpx.codes.OK:
            raise EngineError(f"the venue did not: {reply.text[:200]}")
        return said
