"""Sessions and subscriptions of the WebSocket API, and what can go wrong before any endpoint is reached."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from doors import WEIGHT as WEIGHT_HEADER
from doors import WsApi, payload
from shapes import mismatches
from signer import Signer
from table_account import ACCOUNT
from table_session import SESSIONS, WEIGHT, Said

from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

ROWS = {row.ws: row for row in ACCOUNT}
TOO_MUCH = (
    "Too much request weight used; current limit is 50 request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
BANNED = (
    "Way too much request weight used; IP banned until {}. "
    "Please use WebSocket Streams for live updates to avoid bans."
)


def signed_time(client: Any) -> dict[str, Any]:
    return {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms()}


def signed(client: Any) -> dict[str, Any]:
    params = signed_time(client)
    return params | {"signature": client.signature(payload(params))}


async def ask(socket: Any, said: Said, signers: dict[str, Any]) -> Any:
    """The reply itself: events that come in between are passed over."""
    params = said.params | (signed(signers[said.by]) if said.by else {})
    await socket.send({"id": "asked", "method": said.method, "params": params})
    while (reply := await socket.receive()).get("id") != "asked":
        assert reply["event"]["e"] == "eventStreamTerminated"
    return reply


def weight_of(reply: Any) -> int:
    return next(one["count"] for one in reply["rateLimits"] if one["rateLimitType"] == "REQUEST_WEIGHT")


@pytest.mark.parametrize("story", SESSIONS, ids=lambda story: story.replace(" ", "_"))
async def test_a_session_answers_as_documented(alice: Any, bob: Any, connect: Any, story: str) -> None:
    """Each request of the story has its fields or its error, and costs 2."""
    signers = {"hmac": alice, "bob": bob, "ed25519": Signer(alice)}
    async with connect(alice.venue.ws_api) as socket:
        used = weight_of(await socket.ask("ping"))
        for said in SESSIONS[story]:
            reply = await ask(socket, said, signers)
            if isinstance(said.answer, tuple) and said.answer and isinstance(said.answer[0], int):
                error = reply["error"]
                assert (reply["status"], error["code"], error["msg"]) == said.answer, said
            else:
                assert mismatches(reply.get("result"), said.answer) == [], said
            assert weight_of(reply) - used == WEIGHT, said
            used = weight_of(reply)


async def test_a_session_vouches_for_signed_requests(alice: Any, connect: Any) -> None:
    """After session.logon a signed request needs its timestamp only, and without it is -1102."""
    async with connect(alice.venue.ws_api) as socket:
        await ask(socket, Said("session.logon", None, by="ed25519"), {"ed25519": Signer(alice)})
        door, row = WsApi(alice, socket), ROWS["account.status"]
        reply = await door.call(row, {}, apiKey=None, signature=None)
        late = await door.call(row, {}, apiKey=None, signature=None, timestamp=None)

    assert mismatches(reply.body, row.cases[0].answer) == []
    assert late.error[1] == -1102


@pytest.mark.parametrize(
    ("key", "code", "text"),
    [
        (None, -2014, "API-key format invalid."),
        ("short", -2014, "API-key format invalid."),
        ("K" * 64, -2015, "Invalid API-key, IP, or permissions for action."),
    ],
)
async def test_a_key_that_is_none_is_refused(alice: Any, key: str | None, code: int, text: str) -> None:
    """HTTP 401, by the header X-MBX-APIKEY."""
    headers = {} if key is None else {"X-MBX-APIKEY": key}
    reply = await alice.http.get("/api/v3/account?timestamp=1&signature=00", headers=headers)
    assert (reply.status_code, reply.json()) == (401, {"code": code, "msg": text})


async def test_a_parameter_that_is_sent_twice_is_refused(alice: Any) -> None:
    """-1101; by REST alone: a JSON object has each name once."""
    reply = await alice.http.get("/api/v3/depth?symbol=BTCUSDT&symbol=ETHUSDT")
    expected = {"code": -1101, "msg": "Duplicate values for a parameter detected."}
    assert (reply.status_code, reply.json()) == (400, expected)


async def test_a_time_unit_that_is_none_is_refused(alice: Any) -> None:
    """-1194 by the header X-MBX-TIME-UNIT."""
    reply = await alice.http.get("/api/v3/time", headers={"X-MBX-TIME-UNIT": "SECOND"})
    text = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
    assert (reply.status_code, reply.json()) == (400, {"code": -1194, "msg": text})


@pytest.mark.parametrize("text", ["{", "[]", '{"id": 1}', '{"id": 1, "method": "ping", "params": []}'])
async def test_what_is_no_request_is_refused(venue: PaperVenue, connect: Any, text: str) -> None:
    """-1135, under the id null."""
    async with connect(venue.ws_api) as socket:
        await socket.send(text)
        reply = await socket.receive()
    assert (reply["id"], reply["status"]) == (None, 400)
    assert reply["error"] == {"code": -1135, "msg": "Invalid JSON Request"}


async def test_too_much_weight_is_told_and_then_banned(client_of: Any) -> None:
    """429 and -1003 with Retry-After; whoever goes on is banned: 418, with the time of its end."""
    terms = Terms(weight_1m=50, strikes=3)
    async with PaperVenue(market="none", clock="manual", terms=terms) as venue, client_of(venue) as client:
        replies: list[httpx.Response] = [
            await client.http.get("/api/v3/trades?symbol=BTCUSDT") for _ in range(6)
        ]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 429, 418, 418]
    assert replies[2].json() == {"code": -1003, "msg": TOO_MUCH}
    assert int(replies[2].headers["Retry-After"]) in range(1, 61)
    ban = replies[4].json()
    until = int("".join(each for each in ban["msg"] if each.isdigit()))
    assert ban == {"code": -1003, "msg": BANNED.format(until)}
    assert replies[4].headers["Retry-After"] == "120"
    assert int(replies[1].headers[WEIGHT_HEADER]) == 50


async def test_too_many_orders_are_told(client_of: Any) -> None:
    """429 and -1015 with the window's name, its count in the headers of each order taken."""
    terms = Terms(orders_10s=2)
    order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
    async with PaperVenue(market="none", clock="manual", terms=terms) as venue, client_of(venue) as client:
        replies = [await client.signed("POST", "/api/v3/order", symbol="BTCUSDT", **order) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    text = "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert replies[2].json() == {"code": -1015, "msg": text}
    assert 0 < int(replies[2].headers["Retry-After"]) <= 10
    assert [reply.headers["X-MBX-ORDER-COUNT-10S"] for reply in replies[:2]] == ["1", "2"]
    assert [reply.headers["X-MBX-ORDER-COUNT-1D"] for reply in replies[:2]] == ["1", "2"]


async def test_numbers_may_be_numbers(alice: Any, connect: Any) -> None:
    """Quantity and price as JSON numbers; signed is their literal text."""
    async with connect(alice.venue.ws_api) as socket:
        params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        params |= {"quantity": 0.01, "price": 50000.25, **signed_time(alice)}
        signature = alice.signature(payload(params))
        reply = await socket.ask("order.place", params | {"signature": signature})

    assert reply["status"] == 200, reply
    assert (reply["result"]["origQty"], reply["result"]["price"]) == ("0.01000000", "50000.25000000")
