"""A venue that misbehaves on demand: raw HTTP over a socket, so that each byte is ours to lose."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.domain.permit import PERMIT_LIFE_NS, Permit
from quantlab.secret import Secret

sys.path.append(str(Path(__file__).parents[1]))  # tests are no packages: virtual_loop.py is one up

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"  # the document's own example
API_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


class Received(NamedTuple):
    """One request as its bytes arrived."""

    verb: str
    path: str
    query: str
    headers: dict[str, str]

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


Answer = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


class StubVenue:
    """Plays `answer` for each request and keeps what came: `requests`, `connections`."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.answer: Answer = reply({})
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> StubVenue:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *fields = head.rstrip("\r\n").split("\r\n")
                verb, target, _ = line.split(" ")
                path, _, query = target.partition("?")
                headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
                await reader.readexactly(int(headers.get("content-length", 0)))
                received = Received(verb, path, query, headers)
                self.requests.append(received)
                await self.answer(received, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            writer.transport.abort()
            self._serving.discard(task)


def http(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """An HTTP response, to send whole or in part."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with JSON (or with bytes, as they are)."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return raw(http(status, body, headers))


def raw(data: bytes, *, then: str = "keep") -> Answer:
    """Write `data`, then keep the connection, close it, reset it, or hang."""

    async def answer(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then == "close":
            writer.close()
        elif then == "reset":
            writer.transport.abort()
        elif then == "hang":
            await asyncio.sleep(3600)

    return answer


def after(seconds: float, answer: Answer) -> Answer:
    """The same, later."""

    async def later(received: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await answer(received, writer)

    return later


async def taken(received: Received, writer: asyncio.StreamWriter) -> None:
    """Answer a new order as the venue does when it rests, and anything else with {}."""
    params = received.params
    ack = {
        "symbol": params.get("symbol"),
        "orderId": 28,
        "clientOrderId": params.get("newClientOrderId"),
        "transactTime": 1507725176595,
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
    }
    await reply(ack if received.verb == "POST" else {})(received, writer)


def in_turn(*answers: Answer) -> Answer:
    """Each answer once, in order; the last one for ever."""
    left = list(answers)

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(received, writer)

    return answer


@pytest.fixture
async def stub() -> AsyncIterator[StubVenue]:
    """A scripted venue on a free loopback port."""
    async with StubVenue() as venue:
        yield venue


@pytest.fixture
def credentials() -> Credentials:
    """The key and secret of the document's examples."""
    return Credentials(API_KEY, Secret(API_SECRET))


@pytest.fixture
async def connect(credentials: Credentials) -> AsyncIterator[Callable[..., BinanceClient]]:
    """Makes clients with the document's key; closes them all afterwards."""
    async with contextlib.AsyncExitStack() as stack:

        def make(rest: str, **settings: Any) -> BinanceClient:
            client = BinanceClient(rest, **{"clock": SystemClock(), "credentials": credentials} | settings)
            stack.push_async_exit(client)
            return client

        yield make


@pytest.fixture
def order() -> Callable[..., OrderRequest]:
    """Makes orders: buy 0.01 BTCUSDT at 60000, unless told otherwise."""

    def make(client_order_id: str = "q-1", **changes: Any) -> OrderRequest:
        fields: dict[str, Any] = {
            "symbol": "BTCUSDT",
            "side": Side.BUY,
            "type": OrderType.LIMIT,
            "quantity": Decimal("0.01"),
            "price": Decimal(60_000),
            "time_in_force": TimeInForce.GTC,
            "client_order_id": client_order_id,
        }
        return OrderRequest(**(fields | changes))

    return make


@pytest.fixture
def permit() -> Callable[..., Permit]:
    """Makes permits: what the rails would mint for a request now."""

    def mint(request: OrderRequest, *, life_ns: int = PERMIT_LIFE_NS, halts: int | None = None) -> Permit:
        expires_ns = SystemClock().monotonic_ns() + life_ns
        return Permit(
            digest=request.digest(), limits_version=1, state_sequence=1, expires_ns=expires_ns, halts=halts
        )

    return mint


@pytest.fixture
def play() -> SimpleNamespace:
    """The answers that a stub can be told to give."""
    return SimpleNamespace(http=http, reply=reply, raw=raw, in_turn=in_turn, after=after, taken=taken)
