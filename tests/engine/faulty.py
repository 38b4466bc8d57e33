"""A real HTTP server between engine and venue that can answer wrongly or late."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import NamedTuple, Self

import httpx
from aiohttp import web


class Fault(NamedTuple):
    """For requests of `method` whose path and query contain `part`: a status, or a delay, then the truth.

    `edit`: these bytes of the truth are others. `held`: they wait for as long as it is not set.
    """

    method: str
    part: str
    status: int = 0
    delay_s: float = 0.0
    edit: tuple[bytes, bytes] = (b"", b"")
    held: asyncio.Event | None = None


class Faulty:
    """Forwards everything to `upstream`, except what a fault says otherwise. `seen`: method, path, query."""

    def __init__(self, upstream: str) -> None:
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.waiting = 0  # requests that a fault holds back
        self.connections: set[int] = set()
        self._client = httpx.AsyncClient(base_url=upstream, trust_env=False, timeout=60)
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._forward)
        self._runner = web.AppRunner(application)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.rest = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._client.aclose()

    async def _forward(self, request: web.Request) -> web.Response:
        where = f"{request.method} {request.path_qs}"
        self.seen.append(where)
        self.connections.add(id(request.transport))
        fault = next(
            (each for each in self.faults if each.method == request.method and each.part in request.path_qs),
            None,
        )
        if fault is not None and fault.status:
            return web.json_response({"code": -1000, "msg": "a fault"}, status=fault.status)
        if fault is not None:
            self.waiting += 1
            await asyncio.sleep(fault.delay_s)
            if fault.held is not None:
                await fault.held.wait()
            self.waiting -= 1
        headers = {name: request.headers[name] for name in ("X-MBX-APIKEY",) if name in request.headers}
        answer = await self._client.request(request.method, request.path_qs, headers=headers)
        content = answer.content
        if fault is not None and fault.edit[0]:
            content = content.replace(*fault.edit)
        return web.Response(body=content, status=answer.status_code, content_type="application/json")
