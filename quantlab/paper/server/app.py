"""The HTTP server: one port for REST, streams, WebSocket API and control.

aiohttp without its router and its middlewares: a path prefix decides. (Chosen by measurement against
uvicorn, see tests/benchmarks/bench_server.py.) It binds the loopback address only.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno

import msgspec
from aiohttp import web

from quantlab.errors import PortTaken
from quantlab.paper.server import rest, streams, wsapi
from quantlab.paper.server.control import Control
from quantlab.paper.server.session import Session
from quantlab.paper.server.sockets import close_all, keep_alive

HOST = "127.0.0.1"
STEP_EVERY_S = 0.02
JSON = "application/json"


class Server:
    """Serves one session. `port` is known after `start`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.control = Control(session)
        self.port = 0
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), handle_signals=False, shutdown_timeout=0.5
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, port: int) -> None:
        """Listen, on a free port where `port` is 0, or raise `PortTaken`."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise PortTaken(
                f"port {port} of {HOST} cannot be used ({error.strerror})",
                "choose another port, or 0 for a free one",
            ) from None
        self.port = self._runner.addresses[0][1]
        self._tasks = [asyncio.create_task(keep_alive(self.session.hub), name="venue-pings")]
        if not self.session.clock.fixed:
            self._tasks.append(asyncio.create_task(self._keep_stepping(), name="venue-market"))

    async def stop(self) -> None:
        """Close every socket and stop listening."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await close_all(self.session.hub)
        await self._runner.cleanup()

    async def _keep_stepping(self) -> None:
        """The real clock: let the market catch up every few milliseconds."""
        while True:
            done = self.session.catch_up()
            await asyncio.sleep(STEP_EVERY_S if done else 0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/api/"):
            return await self._rest(request)
        if path == "/ws" or path.startswith(("/ws/", "/stream")):
            return await streams.serve(request, self.session.hub)
        if path == "/ws-api/v3":
            return await wsapi.serve(request, self.session)
        if path.startswith("/control/"):
            status, value = await self.control.answer(
                request.method, path, await request.read(), request.headers
            )
            return web.Response(status=status, body=msgspec.json.encode(value), content_type=JSON)
        return web.Response(status=404, body=rest.error_body(rest.NOT_SUPPORTED), content_type=JSON)

    async def _rest(self, request: web.BaseRequest) -> web.StreamResponse:
        body = (await request.read()).decode(errors="replace")
        query, key = request.rel_url.raw_query_string, request.headers.get("X-MBX-APIKEY")
        reply = rest.answer(self.session, rest.Call(request.method, request.path, query, body, key))
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers, content_type=JSON)
