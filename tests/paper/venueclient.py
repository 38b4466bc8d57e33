"""A small client of the venue, by HTTP and by WebSocket: it shares no code with quantlab's."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import websockets

from quantlab.paper.venue import PaperVenue

TLS = ssl.create_default_context()  # one for all clients: making it costs 30 ms


class Client:
    """One account of a venue, by plain HTTP. Replies come as (status, JSON, headers)."""

    def __init__(self, venue: PaperVenue, account: int = 0) -> None:
        self.venue = venue
        self.key, self.secret = venue.accounts[account]
        self.http = httpx.AsyncClient(base_url=venue.rest, trust_env=False, verify=TLS, timeout=60)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.http.aclose()

    def signature(self, payload: str) -> str:
        return hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    async def get(self, path: str, **params: Any) -> Any:
        """A public GET that must succeed."""
        reply = await self.http.get(path, params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def signed(self, method: str, path: str, **params: Any) -> httpx.Response:
        params.setdefault("timestamp", self.venue.session.clock.now_ms())
        query = urlencode(params, quote_via=quote)
        url = f"{path}?{query}&signature={self.signature(query)}"
        return await self.http.request(method, url, headers={"X-MBX-APIKEY": self.key})

    async def order(self, **params: Any) -> Any:
        """POST /api/v3/order that must be accepted; symbol BTCUSDT unless said."""
        reply = await self.signed("POST", "/api/v3/order", **({"symbol": "BTCUSDT"} | params))
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def limit(self, side: str, quantity: str, price: str, force: str = "GTC", **more: Any) -> Any:
        return await self.order(
            side=side, type="LIMIT", timeInForce=force, quantity=quantity, price=price, **more
        )

    async def refused(self, method: str, path: str, **params: Any) -> tuple[int, int, str]:
        """A signed request that must be refused: HTTP status, code, message."""
        reply = await self.signed(method, path, **params)
        assert reply.status_code >= 400, reply.text
        assert reply.headers["Content-Type"].startswith("application/json")
        return reply.status_code, reply.json()["code"], reply.json()["msg"]

    async def control(self, action: str, **body: Any) -> Any:
        url, secret = self.venue.control
        reply = await self.http.post(
            f"{url}/{action}", json=body, headers={"Authorization": f"Bearer {secret}"}
        )
        assert reply.status_code == 200, reply.text
        return reply.json()


class Socket:
    """A WebSocket that speaks JSON."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection
        self._ids = itertools.count(1)

    async def send(self, message: Any) -> None:
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def receive(self, timeout_s: float = 30.0) -> Any:
        return json.loads(await asyncio.wait_for(self.connection.recv(), timeout_s))

    async def ask(self, method: str, params: Any = None) -> Any:
        """Send a control message or an API request, and give the very next message."""
        message = {"method": method, "id": next(self._ids)}
        await self.send(message if params is None else message | {"params": params})
        return await self.receive()

    async def so_far(self) -> list[Any]:
        """Every message sent until now: all that comes before the answer to a question."""
        mark = f"mark-{next(self._ids)}"
        await self.send({"method": "LIST_SUBSCRIPTIONS", "id": mark})
        found: list[Any] = []
        while not isinstance(message := await self.receive(), dict) or message.get("id") != mark:
            found.append(message)
        return found


Open = Callable[[str], AbstractAsyncContextManager[Socket]]


@contextlib.asynccontextmanager
async def open_socket(url: str) -> AsyncIterator[Socket]:
    async with websockets.connect(url, proxy=None, compression=None, max_size=None) as connection:
        yield Socket(connection)
