"""The WebSocket API's sessions: one logon instead of a signature in every request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from keyclient import Caller, sign

from quantlab.paper import keyfile
from quantlab.paper.server.keys import KeyType
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
NOT_ALLOWED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
         "price": "59000"}  # fmt: skip


def signed(client: Caller, **params: Any) -> dict[str, Any]:
    """Parameters with key, time and signature over the sorted literal texts."""
    params = {"apiKey": client.api_key, "timestamp": now(client)} | params
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts))
    return params | {"signature": sign(client.key, payload)}


def now(client: Caller) -> int:
    return client.venue.session.clock.now_ms()


@pytest.fixture
def ed25519(venue: PaperVenue) -> Caller:
    """A client of the first account with an Ed25519 key."""
    return Caller(venue, keyfile.make(KeyType.ED25519))


async def test_a_session_vouches_for_what_comes_without_key_and_signature(
    ed25519: Caller, venue: PaperVenue, connect
) -> None:
    """After logon a timestamp is enough to read and to trade; before and after the session it is not."""
    async with connect(venue.ws_api) as socket:
        before = await socket.ask("account.status", {"timestamp": START_MS})
        assert before["error"]["code"] == -1102
        assert "'apiKey'" in before["error"]["msg"]

        await venue.advance(7)
        logon = await socket.ask("session.logon", signed(ed25519))
        facts = {
            "apiKey": ed25519.api_key,
            "authorizedSince": START_MS + 7,
            "connectedSince": START_MS,
            "returnRateLimits": True,
            "serverTime": START_MS + 7,
            "userDataStream": False,
        }
        assert (logon["status"], logon["result"]) == (200, facts)
        assert (await socket.ask("session.status"))["result"] == facts

        stamp = {"timestamp": START_MS + 7}
        assert (await socket.ask("account.status", stamp))["result"]["uid"] == 1
        placed = await socket.ask("order.place", ORDER | stamp)
        assert placed["result"]["status"] == "NEW"
        assert [limit["rateLimitType"] for limit in placed["rateLimits"]][:2] == ["ORDERS", "ORDERS"]

        nothing = {"apiKey": None, "authorizedSince": None}
        assert (await socket.ask("session.logout"))["result"] == facts | nothing
        assert (await socket.ask("session.logout"))["result"] == facts | nothing
        assert (await socket.ask("account.status", stamp))["error"]["code"] == -1102


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -1102),
        ({"timestamp": START_MS - 5_001}, -1021),
        ({"timestamp": START_MS + 1_000}, -1021),
        ({"timestamp": START_MS, "recvWindow": 60_001}, -1131),
        ({"timestamp": START_MS, "signature": "AAAA"}, -1022),
        ({"timestamp": START_MS, "colour": "red"}, -1104),
    ],
)
async def test_a_session_excuses_nobody_from_the_time(
    ed25519: Caller, venue: PaperVenue, connect, params: dict[str, Any], code: int
) -> None:
    """timestamp stays mandatory, windows hold, and a signature that is sent must be right."""
    async with connect(venue.ws_api) as socket:
        assert (await socket.ask("session.logon", signed(ed25519)))["status"] == 200
        assert (await socket.ask("account.status", params))["error"]["code"] == code


async def test_what_is_sent_while_time_is_moved_by_hand_waits_for_it(venue: PaperVenue, alice) -> None:
    """The kernel's clock moves first: an order of that moment comes from the time to come."""
    early = asyncio.create_task(alice.signed("POST", "/api/v3/order", **ORDER, timestamp=START_MS + 1_500))
    await asyncio.sleep(0.05)
    assert not early.done()
    await venue.advance(1_000)
    assert (await early).status_code == 200


@pytest.mark.parametrize("type_", [KeyType.HMAC, KeyType.RSA])
async def test_only_ed25519_keys_can_log_on(venue: PaperVenue, connect, type_: KeyType) -> None:
    """Others are -2015; signed request by request they serve on the same socket."""
    client = Caller(venue, keyfile.make(type_))
    async with connect(venue.ws_api) as socket:
        reply = await socket.ask("session.logon", signed(client))
        assert (reply["status"], reply["error"]) == (401, NOT_ALLOWED)
        assert (await socket.ask("session.status"))["result"]["apiKey"] is None
        assert (await socket.ask("account.status", signed(client)))["result"]["uid"] == 1


@pytest.mark.parametrize("missing", ["apiKey", "signature", "timestamp"])
async def test_a_logon_must_be_signed_itself(
    ed25519: Caller, venue: PaperVenue, connect, missing: str
) -> None:
    """Also a second one: a session does not vouch for another logon."""
    async with connect(venue.ws_api) as socket:
        for _ in range(2):
            params = signed(ed25519)
            params.pop(missing)
            assert (await socket.ask("session.logon", params))["error"]["code"] in (-1102, -1022)
            assert (await socket.ask("session.logon", signed(ed25519)))["status"] == 200


async def test_another_key_can_sign_one_request_and_another_logon_changes_the_session(
    ed25519: Caller, venue: PaperVenue, connect
) -> None:
    """An explicit key and signature go before the session; the latest logon counts."""
    other = Caller(venue, keyfile.make(KeyType.ED25519), account=1)
    async with connect(venue.ws_api) as socket:
        await socket.ask("session.logon", signed(ed25519))
        assert (await socket.ask("account.status", signed(other)))["result"]["uid"] == 2
        assert (await socket.ask("account.status", {"timestamp": START_MS}))["result"]["uid"] == 1
        forged = signed(other) | {"signature": signed(ed25519)["signature"]}
        assert (await socket.ask("account.status", forged))["error"]["code"] == -1022
        await socket.ask("session.logon", signed(other))
        assert (await socket.ask("account.status", {"timestamp": START_MS}))["result"]["uid"] == 2


async def test_a_session_may_do_what_its_key_may(venue: PaperVenue, connect) -> None:
    """A key to read cannot trade by its session; a trading key signs that one request."""
    reading = Caller(venue, keyfile.make(KeyType.ED25519), permissions=["USER_DATA"])
    trading = Caller(venue, keyfile.make(KeyType.ED25519), permissions=["TRADE"])
    async with connect(venue.ws_api) as socket:
        await socket.ask("session.logon", signed(reading))
        order = ORDER | {"timestamp": START_MS}
        refused = await socket.ask("order.place", order)
        assert (refused["id"], refused["status"], refused["error"]) == (2, 401, NOT_ALLOWED)
        assert (await socket.ask("order.place", signed(trading, **ORDER)))["status"] == 200
        assert (await socket.ask("userDataStream.subscribe"))["error"] == NOT_ALLOWED
        assert (await socket.ask("account.status", {"timestamp": START_MS}))["status"] == 200


async def test_a_key_revoked_in_mid_session_ends_it_at_the_next_request(
    ed25519: Caller, venue: PaperVenue, connect
) -> None:
    """The documented answer: id null, 401, -2015; its subscription ends, the socket goes on."""
    async with connect(venue.ws_api) as socket:
        await socket.ask("session.logon", signed(ed25519))
        assert (await socket.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        venue.session.keyring.revoke(ed25519.api_key)

        answer = await socket.ask("order.place", ORDER | {"timestamp": START_MS})
        assert answer == {"id": None, "status": 401, "error": NOT_ALLOWED}
        ended = {"e": "eventStreamTerminated", "E": START_MS}
        assert await socket.receive() == {"subscriptionId": 0, "event": ended}
        assert venue.exchange.open_orders("account-1") == []
        status = (await socket.ask("session.status"))["result"]
        assert (status["apiKey"], status["userDataStream"]) == (None, False)
        assert (await socket.ask("session.logon", signed(ed25519)))["error"] == NOT_ALLOWED


async def test_a_key_registered_with_fewer_rights_ends_the_session_too(
    ed25519: Caller, venue: PaperVenue, connect
) -> None:
    """What the key may do has changed: the client must log on again."""
    async with connect(venue.ws_api) as socket:
        await socket.ask("session.logon", signed(ed25519))
        venue.add_key(ed25519.key.secret, permissions=["USER_DATA"])
        assert (await socket.ask("ping"))["error"] == NOT_ALLOWED
        assert (await socket.ask("session.logon", signed(ed25519)))["status"] == 200
        assert (await socket.ask("ping"))["status"] == 200


async def test_a_logout_ends_only_the_sessions_own_subscription(
    ed25519: Caller, bob, venue: PaperVenue, connect
) -> None:
    """`userDataStream.subscribe` needs a session and ends with it; a signed subscription stays."""
    other = Caller(venue, keyfile.make(KeyType.RSA), account=1)
    async with connect(venue.ws_api) as socket:
        assert (await socket.ask("userDataStream.subscribe"))["error"] == NOT_ALLOWED
        unread = await socket.ask("userDataStream.subscribe", {"apiKey": ed25519.api_key})
        assert unread["error"]["code"] == -1104
        await socket.ask("session.logon", signed(ed25519))
        assert (await socket.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await socket.ask("userDataStream.subscribe"))["error"]["code"] == -2035
        by_signature = await socket.ask("userDataStream.subscribe.signature", signed(other))
        assert by_signature["result"] == {"subscriptionId": 1}
        listed = await socket.ask("session.subscriptions", {})
        assert listed["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]

        out = (await socket.ask("session.logout"))["result"]
        assert (out["apiKey"], out["userDataStream"]) == (None, True)
        assert (await socket.receive())["event"]["e"] == "eventStreamTerminated"
        assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]
        await bob.limit("BUY", "0.01", "59000")
        event = await socket.receive()
        assert (event["subscriptionId"], event["event"]["e"]) == (1, "executionReport")


async def test_a_logout_ends_what_every_logon_before_it_subscribed_to(
    ed25519: Caller, venue: PaperVenue, connect
) -> None:
    """Two accounts one after the other on one socket: both subscriptions end."""
    other = Caller(venue, keyfile.make(KeyType.ED25519), account=1)
    async with connect(venue.ws_api) as socket:
        for number, client in enumerate((ed25519, other)):
            await socket.ask("session.logon", signed(client))
            subscribed = await socket.ask("userDataStream.subscribe")
            assert subscribed["result"] == {"subscriptionId": number}
        assert (await socket.ask("session.logout"))["result"]["userDataStream"] is False
        assert [(await socket.receive())["subscriptionId"] for _ in range(2)] == [0, 1]


async def test_the_window_is_checked_again_before_the_matching_engine(client_of, connect) -> None:
    """A request that was in time and is late when it arrives is -1021, and nothing has happened."""
    async with (
        PaperVenue(market="none", clock="manual", terms=Terms(engine_delay_s=1.0)) as venue,
        client_of(venue) as alice,
        connect(venue.ws_api) as socket,
    ):
        client = Caller(venue, keyfile.make(KeyType.ED25519))
        by_rest = asyncio.create_task(alice.signed("POST", "/api/v3/order", **ORDER, recvWindow=100))
        await socket.send(
            {"id": 1, "method": "order.place", "params": signed(client, **ORDER, recvWindow=100)}
        )
        in_time = asyncio.create_task(alice.signed("POST", "/api/v3/order", **ORDER, recvWindow=101))
        async with asyncio.timeout(30):
            while venue.session.limits.address("127.0.0.1").requests.used < 3:  # all three are on their way
                await asyncio.sleep(0.01)
        await venue.advance(101)
        late = {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
        assert (await by_rest).json() == late
        assert (await socket.receive())["error"] == late
        assert (await in_time).status_code == 200
        assert len(venue.exchange.open_orders("account-1")) == 1
        assert sorted(seen.accepted for seen in venue.requests) == [False, False, True]
