"""An account's two ways to ask, and its ears: REST, the WebSocket API, and the user data stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

Account = Any  # the client of the conftest above
Ask = Callable[..., Awaitable[tuple[int, Any]]]

LAST = "60000"


def signed(client: Account, **params: Any) -> dict[str, Any]:
    """Parameters of the WebSocket API with key, time and signature over their literal texts."""
    params = {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms()} | params
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts))
    return params | {"signature": client.signature(payload)}


class Ears:
    """What an account is told, in order; each asking gives what came since the last."""

    def __init__(self, client: Account, socket: Any) -> None:
        self._client = client
        self._socket = socket

    async def heard(self, *kinds: str) -> list[dict[str, Any]]:
        """Every event so far, or those of some kinds."""
        await self._socket.send({"id": "mark", "method": "ping"})
        events = []
        while (message := await self._socket.receive()).get("id") != "mark":
            events.append(message["event"])
        return [event for event in events if not kinds or event["e"] in kinds]

    async def reports(self, *fields: str) -> list[tuple[Any, ...]]:
        """Those fields of every executionReport so far."""
        return [tuple(event.get(field) for field in fields) for event in await self.heard("executionReport")]


@pytest.fixture(params=["rest", "ws"])
async def ask(request: pytest.FixtureRequest, alice: Account, connect: Any) -> AsyncIterator[Ask]:
    """Ask as the first account, by either API: `status, body = await ask("order.place", ...)`.

    A refusal's body is its error.
    """
    from quantlab.paper.server.private import ENDPOINTS

    paths = {row.ws: row.rest for row in ENDPOINTS}
    if request.param == "rest":

        async def by_rest(method: str, **params: Any) -> tuple[int, Any]:
            reply = await alice.signed(*paths[method].split(), **params)
            return reply.status_code, reply.json()

        yield by_rest
        return
    async with connect(alice.venue.ws_api) as socket:

        async def by_socket(method: str, **params: Any) -> tuple[int, Any]:
            reply = await socket.ask(method, signed(alice, **params))
            return reply["status"], reply.get("result", reply.get("error"))

        yield by_socket


@pytest.fixture
async def ears(alice: Account, connect: Any) -> AsyncIterator[Ears]:
    """The first account's user data stream."""
    async with connect(alice.venue.ws_api) as socket:
        await socket.ask("userDataStream.subscribe.signature", signed(alice))
        yield Ears(alice, socket)


@pytest.fixture
def trade_at(bob: Account) -> Callable[[str], Awaitable[None]]:
    """Make the second account trade with itself at a price: the market's last price moves there."""

    async def trade(price: str) -> None:
        own = {"quantity": "0.001", "price": price, "selfTradePreventionMode": "NONE"}
        await bob.order(side="SELL", type="LIMIT", timeInForce="GTC", **own)
        await bob.order(side="BUY", type="LIMIT", timeInForce="IOC", **own)

    return trade


@pytest.fixture
async def last(trade_at: Callable[[str], Awaitable[None]]) -> str:
    """A last price, and an empty book."""
    await trade_at(LAST)
    return LAST
