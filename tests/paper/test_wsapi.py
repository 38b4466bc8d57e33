"""The WebSocket API: requests, replies, and the account's events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
SUBSCRIBE = "userDataStream.subscribe.signature"


def signed(client: Any, **params: Any) -> dict[str, Any]:
    """Parameters with key, time and signature over the sorted literal texts."""
    params = {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms()} | params
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts))
    return params | {"signature": client.signature(payload)}


async def test_requests_are_answered_under_their_id(venue: PaperVenue, connect) -> None:
    """ping and time answer 200 with the id as it was sent, and tell the limits unless asked not to."""
    async with connect(venue.ws_api) as socket:
        for given in (1, "text", None, -(2**63), 0.5, [1, {"a": "b"}], True):
            await socket.send({"id": given, "method": "ping"})
            reply = await socket.receive()
            assert (reply["id"], reply["status"], reply["result"]) == (given, 200, {})
            assert reply["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
        quiet = await socket.ask("time", {"returnRateLimits": False})
        assert quiet == {"id": 1, "status": 200, "result": {"serverTime": START_MS}}
        assert (await socket.ask("v3/depth", {"symbol": "BTCUSDT", "limit": 5}))["result"]["bids"] == []


async def test_limits_can_be_left_out_for_the_whole_connection(venue: PaperVenue, connect) -> None:
    """?returnRateLimits=false hides them, a request's own word shows them."""
    async with connect(f"{venue.ws_api}?returnRateLimits=false") as socket:
        assert "rateLimits" not in await socket.ask("ping")
        assert "rateLimits" in await socket.ask("ping", {"returnRateLimits": True})


@pytest.mark.parametrize(
    ("method", "change", "status", "code"),
    [
        (SUBSCRIBE, {"apiKey": "short"}, 401, -2014),
        (SUBSCRIBE, {"apiKey": "K" * 64}, 401, -2015),
        (SUBSCRIBE, {"signature": "00"}, 400, -1022),
        (SUBSCRIBE, {"timestamp": START_MS - 5_001}, 400, -1021),
        (SUBSCRIBE, {"colour": "red"}, 400, -1104),
        ("no.such.method", {}, 400, -1020),
        ("depth", {"symbol": "NOPE"}, 400, -1121),
    ],
)
async def test_refusals_have_the_codes_of_rest(
    alice, venue: PaperVenue, connect, method: str, change: dict[str, Any], status: int, code: int
) -> None:
    """The same codes and status numbers as by REST, in `error`."""
    params = change if "symbol" in change else signed(alice, **change) | change
    if method == "no.such.method":
        params = {}
    async with connect(venue.ws_api) as socket:
        reply = await socket.ask(method, params)

    assert (reply["status"], reply["error"]["code"]) == (status, code)
    assert "result" not in reply


async def test_broken_json_is_refused_and_the_socket_lives(venue: PaperVenue, connect) -> None:
    """-1135 with a null id."""
    async with connect(venue.ws_api) as socket:
        await socket.send("{")
        reply = await socket.receive()
        assert (reply["id"], reply["status"], reply["error"]["code"]) == (None, 400, -1135)
        assert (await socket.ask("ping"))["status"] == 200


NESTED = "[" * 20_000 + "]" * 20_000


@pytest.mark.parametrize(
    "text",
    [
        f'{{"id": {NESTED}, "method": "ping"}}',
        f'{{"id": 1, "method": "ping", "params": {{"a": {NESTED}}}}}',
        '{"id": 1, "method": "ticker.price", "params": {"symbol": "\\ud800"}}',
    ],
)
async def test_json_that_cannot_be_read_does_not_cost_the_connection(
    venue: PaperVenue, connect, text: str
) -> None:
    """Brackets without end, half a character: refused, and the socket lives."""
    async with connect(venue.ws_api) as socket:
        await socket.send(text)
        assert (await socket.receive())["error"]["code"] in (-1135, -1100)
        assert (await socket.ask("ping"))["status"] == 200


async def test_the_wish_for_limits_is_part_of_what_is_signed(alice, venue: PaperVenue, connect) -> None:
    """returnRateLimits is signed like any parameter (ccxt always sends it), and heeded."""
    async with connect(venue.ws_api) as socket:
        reply = await socket.ask("account.status", signed(alice, returnRateLimits=False))
        assert reply["status"] == 200
        assert "rateLimits" not in reply
        left_out = signed(alice) | {"returnRateLimits": False}
        assert (await socket.ask("account.status", left_out))["error"]["code"] == -1022


async def test_too_much_weight_says_when_to_come_back(venue: PaperVenue, connect) -> None:
    """429 carries retryAfter as a time."""
    async with connect(venue.ws_api) as socket:
        venue.session.limits.address("127.0.0.1").weight.add(6_000, venue.session.time_ms)
        reply = await socket.ask("ping")
    assert (reply["status"], reply["error"]["code"]) == (429, -1003)
    assert reply["error"]["data"] == {"serverTime": START_MS, "retryAfter": START_MS + 60_000}


async def test_the_signature_covers_literal_numbers(alice, venue: PaperVenue, connect) -> None:
    """A number is signed as it stands in the JSON: 47552.250 is not 47552.25."""
    text = "47552.250"
    stamp = venue.session.clock.now_ms()
    payload = (
        f"apiKey={alice.key}&price={text}&quantity=0.01&side=BUY&symbol=BTCUSDT&timeInForce=GTC"
        f"&timestamp={stamp}&type=LIMIT"
    )
    async with connect(venue.ws_api) as socket:
        await socket.send(
            f'{{"id": 1, "method": "order.place", "params": {{"symbol": "BTCUSDT", "side": "BUY", '
            f'"type": "LIMIT", "timeInForce": "GTC", "price": {text}, "quantity": 0.01, '
            f'"apiKey": "{alice.key}", "timestamp": {stamp}, "signature": "{alice.signature(payload)}"}}}}'
        )
        reply = await socket.receive()
    assert reply["result"]["price"] == "47552.25000000"
    assert [limit["count"] for limit in reply["rateLimits"]][:2] == [1, 1]
    assert [(seen.method, seen.path, seen.accepted) for seen in venue.requests] == [
        ("WS", "order.place", True)
    ]


async def test_subscriptions_are_counted_listed_and_ended(alice, bob, venue: PaperVenue, connect) -> None:
    """Ids count up, an account subscribes once, status tells, unsubscribe ends one or all."""
    async with connect(venue.ws_api) as socket:
        assert (await socket.ask("session.status"))["result"]["userDataStream"] is False
        first = await socket.ask(SUBSCRIBE, signed(alice))
        assert (first["status"], first["result"]) == (200, {"subscriptionId": 0})
        assert (await socket.ask(SUBSCRIBE, signed(alice)))["error"]["code"] == -2035
        assert (await socket.ask(SUBSCRIBE, signed(bob)))["result"] == {"subscriptionId": 1}
        assert (await socket.ask("session.status"))["result"] == {
            "apiKey": None, "authorizedSince": None, "connectedSince": START_MS, "returnRateLimits": True,
            "serverTime": START_MS, "userDataStream": True,
        }  # fmt: skip
        assert (await socket.ask("userDataStream.unsubscribe", {"subscriptionId": 0}))["result"] == {}
        ended = {"e": "eventStreamTerminated", "E": START_MS}
        assert await socket.receive() == {"subscriptionId": 0, "event": ended}
        assert (await socket.ask("userDataStream.unsubscribe", {"subscriptionId": 0}))["error"][
            "code"
        ] == -2036
        assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]
        assert (await socket.ask("userDataStream.unsubscribe"))["result"] == {}
        assert (await socket.receive())["subscriptionId"] == 1
        await alice.limit("BUY", "0.01", "59000")
        await bob.limit("BUY", "0.01", "59000")
        assert (await socket.ask("session.subscriptions"))["result"] == []


async def test_orders_by_rest_are_reported_before_their_reply(alice, venue: PaperVenue, connect) -> None:
    """NEW with every documented field, then the balances, both already sent when REST answers."""
    async with connect(venue.ws_api) as socket:
        await socket.ask(SUBSCRIBE, signed(alice))
        await alice.limit("BUY", "0.01", "59000", newClientOrderId="mine")
        report, position = await socket.receive(1), await socket.receive(1)

    assert report == {"subscriptionId": 0, "event": {
        "e": "executionReport", "E": START_MS, "s": "BTCUSDT", "c": "mine", "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "0.01000000", "p": "59000.00000000", "P": "0.00000000", "F": "0.00000000", "g": -1,
        "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 1, "l": "0.00000000", "z": "0.00000000",
        "L": "0.00000000", "n": "0", "N": None, "T": START_MS, "t": -1, "I": 1, "w": True, "m": False,
        "M": False, "O": START_MS, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "W": START_MS,
        "V": "EXPIRE_MAKER",
    }}  # fmt: skip
    assert position == {"subscriptionId": 0, "event": {
        "e": "outboundAccountPosition", "E": START_MS, "u": START_MS, "B": [
            {"a": "BTC", "f": "10.00000000", "l": "0.00000000"},
            {"a": "USDT", "f": "999410.00000000", "l": "590.00000000"},
        ],
    }}  # fmt: skip


async def test_fills_and_cancels_are_reported_to_their_account_alone(
    alice, bob, venue: PaperVenue, connect
) -> None:
    """The maker hears its fill and its cancel (c the cancel's id, C its own); nobody else does."""
    async with connect(venue.ws_api) as hers, connect(venue.ws_api) as his:
        await hers.ask(SUBSCRIBE, signed(alice))
        await his.ask(SUBSCRIBE, signed(bob))
        await alice.limit("SELL", "0.5", "60000", newClientOrderId="rest")
        await bob.order(side="BUY", type="MARKET", quantity="0.2", newClientOrderId="take")
        await alice.signed(
            "DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="rest", newClientOrderId="off"
        )
        await hers.send({"id": "end", "method": "ping"})
        await his.send({"id": "end", "method": "ping"})
        told: list[list[dict[str, Any]]] = []
        for socket in (hers, his):
            told.append([])
            while (message := await socket.receive()).get("id") != "end":
                told[-1].append(message["event"])

    hears, heard = ([event for event in events if event["e"] == "executionReport"] for events in told)
    assert [(one["x"], one["X"], one["c"], one["C"], one["l"], one["t"], one["m"]) for one in hears] == [
        ("NEW", "NEW", "rest", "", "0.00000000", -1, False),
        ("TRADE", "PARTIALLY_FILLED", "rest", "", "0.20000000", 1, True),
        ("CANCELED", "CANCELED", "off", "rest", "0.00000000", -1, False),
    ]
    assert [(one["x"], one["X"], one["c"], one["t"], one["n"], one["N"]) for one in heard] == [
        ("NEW", "NEW", "take", -1, "0", None),
        ("TRADE", "FILLED", "take", 1, "0.00020000", "BTC"),
    ]
    ids = [one["I"] for one in hears + heard]
    assert len(set(ids)) == len(ids)
    assert heard[1]["Y"] == "12000.00000000"


async def test_a_closed_socket_is_forgotten(alice, venue: PaperVenue, connect) -> None:
    """After the socket is gone its subscription is gone, and orders go on as before."""
    async with connect(venue.ws_api) as socket:
        await socket.ask(SUBSCRIBE, signed(alice))
    async with connect(venue.ws_api) as socket:
        assert (await socket.ask("session.status"))["result"]["userDataStream"] is False
        await alice.limit("BUY", "0.01", "59000")
        assert (await socket.ask("ping"))["status"] == 200
    assert [listeners for listeners in venue.session.hub._users.values() if listeners] == []
