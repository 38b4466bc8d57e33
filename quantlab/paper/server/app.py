"""The HTTP server: one port for REST, streams, WebSocket API and control.

aiohttp without its router and its middlewares: a path prefix decides. (Chosen by measurement against
uvicorn, see tests/benchmarks/bench_server.py.) It binds the loopback address only.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.http import HttpVersion11

from quantlab.errors import EngineError, PortTaken, QuantlabError
from quantlab.paper.market import Outside
from quantlab.paper.server import requestfaults, rest, streams, timeunit, wsapi
from quantlab.paper.server.control import Control
from quantlab.paper.server.faults import INTERNAL, LOGGER, report
from quantlab.paper.server.limits import CONNECTING_WEIGHT, Overspent
from quantlab.paper.server.session import Session
from quantlab.paper.server.sockets import announce_end, close_all
from quantlab.paper.server.unreadable import ILLEGAL, Listener

HOST = "127.0.0.1"
WS_API = "/ws-api/v3"
STEP_EVERY_S = 0.02
FORM = ("", "application/x-www-form-urlencoded")  # media types whose body holds parameters


class Server:
    """Serves one session. `port` is known after `start`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.control = Control(session)
        session.faults.endpoints = requestfaults.ENDPOINTS | wsapi.METHODS.keys()
        self.port = 0
        self._listener = Listener(self._handle, access_log=None, logger=LOGGER)
        self._runner = web.ServerRunner(self._listener, handle_signals=False, shutdown_timeout=0.5)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen, on a free port where `port` is 0, or raise `PortTaken`."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port, ssl_context=tls).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise PortTaken(
                f"port {port} of {HOST} cannot be used ({error.strerror})",
                "choose another port, or 0 for a free one",
            ) from None
        self.port = self._runner.addresses[0][1]
        if not self.session.clock.fixed:
            self._tasks.append(asyncio.create_task(self._keep_stepping(), name="venue-market"))
        if isinstance(self.session.market, Outside):
            await self._bring_in(self.session.market)

    @property
    def connections(self) -> int:
        """Connections accepted so far, of every kind."""
        return self._listener.accepted

    def when_broken(self, call: Callable[[], None]) -> None:
        """Call when a task of the server has ended, which none does by itself; `stop` then says why."""
        for task in self._tasks:
            task.add_done_callback(lambda _: call())

    async def stop(self) -> None:
        """Announce the end to every socket, close them and stop listening.

        Raises:
            EngineError: A task of the server had failed.
        """
        self.session.faults.stop()
        announce_end(self.session.hub.outlets, self.session.clock.now_ms())
        if not any(task.done() for task in self._tasks):
            await asyncio.sleep(self.session.terms.shutdown_notice_s)
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

    async def _bring_in(self, market: Outside) -> None:
        """Let a market from elsewhere flow, and wait until there is one to trade on."""
        self._tasks.append(asyncio.create_task(market.run(), name="venue-source"))
        try:
            await market.ready()
            self.session.catch_up()
        except BaseException:
            await self.stop()
            raise

    async def _keep_stepping(self) -> None:
        """The real clock: let the market catch up every few milliseconds."""
        while True:
            done = self.session.catch_up()
            await asyncio.sleep(STEP_EVERY_S if done else 0)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path == "/ws" or path.startswith(("/ws/", "/stream")) or path == WS_API:
            return await self._socket(request)
        try:
            reply = await self._reply(request)
        except web.RequestPayloadError:  # a body that is not what its Content-Encoding says
            reply = rest.Reply(400, rest.error_body(ILLEGAL), {})
        except web.HTTPRequestEntityTooLarge as error:
            reply = rest.Reply(error.status, rest.error_body(ILLEGAL), {})
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is: the client hears of it in JSON
            report(f"{request.method} {path}", error)
            reply = rest.Reply(500, rest.error_body(INTERNAL), {})
        return _response(reply)

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        """A WebSocket, where the sender's address may have one more."""
        session, api = self.session, request.path == WS_API
        if session.faults.plan.requests and (spoilt := await requestfaults.handshake(request, session)):
            return _response(spoilt)
        address = session.limits.address(request.remote or "")
        try:
            address.connect(session.clock.now_ms(), CONNECTING_WEIGHT if api else 0)
        except Overspent as refused:
            return _response(rest.refusal(refused))
        return await (wsapi.serve(request, session) if api else streams.serve(request, session.hub))

    async def _reply(self, request: web.BaseRequest) -> rest.Reply:
        await _invite(request)
        method, path, body = request.method, request.path, await request.read()
        if path.startswith("/api/"):
            call = rest.Call(
                method,
                path,
                request.rel_url.raw_query_string,
                body.decode(errors="replace"),
                request.headers.get("X-MBX-APIKEY"),
                request.headers.get(timeunit.HEADER),
                form=request.headers.get("Content-Type", "").partition(";")[0].strip().lower() in FORM,
                address=request.remote or "",
            )
            if self.session.faults.plan.requests:
                return await requestfaults.answer(request, self.session, call)
            return await rest.answer(self.session, call)
        if path.startswith("/control/"):
            status, value = await self.control.answer(method, path, body, request.headers)
            return rest.Reply(status, msgspec.json.encode(value), {})
        return rest.Reply(404, rest.error_body(rest.NOT_SUPPORTED), {})


async def _invite(request: web.BaseRequest) -> None:
    """Ask for the body of a client that waits to be asked: aiohttp leaves that to its router."""
    if request.version == HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the reply itself has not begun


def _response(reply: rest.Reply) -> web.Response:
    return web.Response(
        status=reply.status, body=reply.body, headers=reply.headers, content_type=reply.content_type
    )
