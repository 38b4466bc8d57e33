"""What cannot be read as HTTP is answered in JSON, as any other error is.

Source: Binance spot REST API, "SIGNED Endpoint Examples": what is not ASCII is percent-encoded first.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import InvalidURLError

from quantlab.paper.exchange import Refused
from quantlab.paper.server.faults import INTERNAL

JSON = "application/json"
ILLEGAL = Refused(-1100, "Illegal characters found in a parameter.")
UNSIGNED = Refused(-1022, "Signature for this request is not valid.")


class _Handler(web.RequestHandler):
    """aiohttp's, which speaks plain text when its parser gives up."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        answer = super().handle_error(request, status, exc, message)
        refused = ILLEGAL
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            refused = INTERNAL
        elif isinstance(exc, InvalidURLError) and "signature=" in str(exc):  # it quotes the address
            refused = UNSIGNED
        body = msgspec.json.encode({"code": refused.code, "msg": refused.message})
        readable = web.Response(status=answer.status, body=body, content_type=JSON)
        readable.force_close()
        return readable


class Listener(web.Server):
    """Makes a handler for each connection.

    Attributes:
        accepted: How many there were so far.
    """

    accepted = 0

    def __call__(self) -> web.RequestHandler:
        self.accepted += 1
        return _Handler(self, loop=self._loop, **self._kwargs)
