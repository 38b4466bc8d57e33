"""The HTTP server: one port for REST, streams, WebSocket API and control.

aiohttp without its router and its middlewares: a path prefix decides. (Chosen by measurement against
uvicorn, see tests/benchmarks/bench_server.py.) It binds the loopback address only.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.http import HttpVersion11

from quantlab.errors import EngineError, PortTaken, QuantlabError
from quantlab.paper.exchange import Refused
from quantlab.paper.server import rest, streams, timeunit, wsapi
from quantlab.paper.server.control import Control
from quantlab.paper.server.faults import INTERNAL, LOGGER, report
from quantlab.paper.server.session import Session
from quantlab.paper.server.sockets import close_all, keep_alive

HOST = "127.0.0.1"
STEP_EVERY_S = 0.02
JSON = "application/json"
UNREADABLE = Refused(-1100, "Illegal characters found in a parameter.")


class Server:
    """Serves one session. `port` is known after `start`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.control = Control(session)
        self.port = 0
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None, logger=LOGGER),
            handle_signals=False,
            shutdown_timeout=0.5,
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

    def when_broken(self, call: Callable[[], None]) -> None:
        """Call when a task of the server has ended, which none does by itself; `stop` then says why."""
        for task in self._tasks:
            task.add_done_callback(lambda _: call())

    async def stop(self) -> None:
        """Close every socket and stop listening; `EngineError` where a task of the server had failed."""
        for task in self._tasks:
            task.cancel()
        try:
            ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            await close_all(self.session.hub)
            await self._runner.cleanup()
        for failure in ended:
            if isinstance(failure, QuantlabError):
                raise failure
            if isinstance(failure, Exception):
                raise EngineError(f"the venue has failed: {type(failure).__name__}: {failure}") from failure

    async def _keep_stepping(self) -> None:
        """The real clock: let the market catch up every few milliseconds."""
        while True:
            done = self.session.catch_up()
            await asyncio.sleep(STEP_EVERY_S if done else 0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path == "/ws" or path.startswith(("/ws/", "/stream")):
            return await streams.serve(request, self.session.hub)
        if path == "/ws-api/v3":
            return await wsapi.serve(request, self.session)
        try:
            reply = await self._reply(request)
        except web.RequestPayloadError:  # a body that is not what its Content-Encoding says
            reply = rest.Reply(400, rest.error_body(UNREADABLE), {})
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is: the client hears of it in JSON
            report(f"{request.method} {path}", error)
            reply = rest.Reply(500, rest.error_body(INTERNAL), {})
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers, content_type=JSON)

    async def _reply(self, request: web.BaseRequest) -> rest.Reply:
        await _invite(request)
        method, path, body = request.method, request.path, await request.read()
        if path.startswith("/api/"):
            query, key = request.rel_url.raw_query_string, request.headers.get("X-MBX-APIKEY")
            async with self.session.hub.turn:
                unit = request.headers.get(timeunit.HEADER)
                call = rest.Call(method, path, query, body.decode(errors="replace"), key, unit)
                return rest.answer(self.session, call)
        if path.startswith("/control/"):
            status, value = await self.control.answer(method, path, body, request.headers)
            return rest.Reply(status, msgspec.json.encode(value), {})
        return rest.Reply(404, rest.error_body(rest.NOT_SUPPORTED), {})


async def _invite(request: web.BaseRequest) -> None:
    """Ask for the body of a client that waits to be asked: aiohttp leaves that to its router."""
    if request.version == HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the reply itself has not begun
