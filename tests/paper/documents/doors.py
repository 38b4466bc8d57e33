"""The two doors to the venue, REST and WebSocket API, behind one call.

A door sends parameters as its document says (JSON numbers and lists on the WebSocket API, text by REST),
signs them where the row is signed, and tells what the call cost by the venue's own count.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from rows import Row

WEIGHT = "X-MBX-USED-WEIGHT-1M"
ORDER_COUNTS = ("X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1D")


class Reply(NamedTuple):
    """`body` is the result, or the error object; `limits` is `rateLimits` where the door has one.

    `orders` are the counts of unfilled orders in 10 seconds and in a day, where the reply tells them.
    """

    status: int
    body: Any
    weight: int
    orders: tuple[int, ...] = ()
    limits: list[dict[str, Any]] | None = None

    @property
    def error(self) -> tuple[int, int, str]:
        """HTTP status, code and text of a refusal."""
        assert isinstance(self.body, dict), self.body
        assert "code" in self.body, self.body
        return self.status, self.body["code"], self.body["msg"]


class Rest:
    """Plain HTTP: everything in the query, or, where a body is allowed and wanted, in its form."""

    name = "rest"

    def __init__(self, client: Any, *, form: bool = False, **headers: str) -> None:
        self.client = client
        self.form = form
        self.headers = headers
        self.secured = ("timestamp", "signature")

    async def call(self, row: Row, params: dict[str, Any], **security: Any) -> Reply:
        """Send one request; `security` replaces (or, as None, leaves out) timestamp and signature."""
        ping = await self.client.http.get("/api/v3/ping")
        before = int(ping.headers[WEIGHT])
        texts = {name: _text(value) for name, value in params.items()}
        headers = dict(self.headers)
        if row.signed:
            headers["X-MBX-APIKEY"] = self.client.key
            given = {"timestamp": str(self.client.venue.session.clock.now_ms())} | security
            texts |= {name: value for name, value in given.items() if value is not None}
        signature = texts.pop("signature", None)
        query = urlencode(texts, quote_via=quote)
        if row.signed and "signature" not in security:
            signature = self.client.signature(query)
        if signature is not None:
            query += f"&{urlencode({'signature': signature})}"
        address, body = f"{row.path}?{query}", ""
        if self.form and row.method != "GET":
            address, body = row.path, query
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        reply = await self.client.http.request(row.method, address, headers=headers, content=body)
        assert reply.headers["Content-Type"].startswith("application/json"), reply.headers
        used = int(reply.headers.get(WEIGHT, before))  # an internal error may not tell
        orders = tuple(int(reply.headers[name]) for name in ORDER_COUNTS if name in reply.headers)
        return Reply(reply.status_code, reply.json(), used - before, orders)


class WsApi:
    """JSON over a WebSocket, signed request by request."""

    name = "ws"

    def __init__(self, client: Any, socket: Any) -> None:
        self.client = client
        self.socket = socket
        self.secured = ("apiKey", "timestamp", "signature")

    async def call(self, row: Row, params: dict[str, Any], **security: Any) -> Reply:
        """As `Rest.call`; `apiKey` is one of the security parameters here."""
        before = _used((await self.socket.ask("ping"))["rateLimits"])
        sent = dict(params)
        if row.signed:
            now_ms = self.client.venue.session.clock.now_ms()
            given = {"apiKey": self.client.key, "timestamp": now_ms} | security
            sent |= {name: value for name, value in given.items() if value is not None}
            if "signature" not in security:
                sent["signature"] = self.client.signature(payload(sent))
        reply = await self.socket.ask(row.ws, sent)
        assert ("result" in reply) is (reply["status"] == 200), reply
        body = reply.get("result") if reply["status"] == 200 else reply["error"]
        limits = reply.get("rateLimits")  # an internal error may not tell
        if limits is None:
            return Reply(reply["status"], body, 0)
        orders = tuple(one["count"] for one in limits if one["rateLimitType"] == "ORDERS")
        return Reply(reply["status"], body, _used(limits) - before, orders, limits)


Door = Rest | WsApi


def payload(params: dict[str, Any]) -> str:
    """What is signed on the WebSocket API: sorted by name, text as it is, the rest as literal JSON."""
    return "&".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in sorted(params.items())
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _used(limits: list[dict[str, Any]]) -> int:
    return next(one["count"] for one in limits if one["rateLimitType"] == "REQUEST_WEIGHT")
