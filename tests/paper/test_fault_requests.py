"""Faults of requests, met by plain clients: what the client sees, and what the venue has done."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
import websockets
from venueclient import Client, open_socket

from quantlab.paper.venue import PaperVenue

ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.01", "price": "59000", "newClientOrderId": "q-1",
}  # fmt: skip
POST_ORDER = "POST /api/v3/order"


def at_the_venue(venue: PaperVenue) -> list[str]:
    """The client ids of the first account's open orders, as the exchange itself knows."""
    return [order.client_order_id for order in venue.exchange.open_orders("account-1")]


async def place(client: Client) -> httpx.Response:
    return await client.signed("POST", "/api/v3/order", **ORDER)


async def struck(venue: PaperVenue, when: str) -> None:
    """Return when the one fault has met an order, and the venue has acted where it does so first."""
    (fault,) = venue.session.faults.plan
    async with asyncio.timeout(30):
        while not fault.struck or (when == "after" and not at_the_venue(venue)):
            await asyncio.sleep(0.01)


async def listed(client: Client) -> list[dict[str, Any]]:
    url, secret = client.venue.control
    reply = await client.http.get(f"{url}/faults", headers={"Authorization": f"Bearer {secret}"})
    assert reply.status_code == 200
    found: list[dict[str, Any]] = reply.json()
    return found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (-1000, 500, "An unknown error occurred while processing the request."),
        (-1001, 500, "Internal error; unable to process your request. Please try again."),
        (-1006, 500, "An unexpected response was received from the message bus. Execution status unknown."),
        (-1007, 504, "Timeout waiting for response from backend server. Send status unknown; "
                     "execution status unknown."),
        (-1008, 503, "Server is currently overloaded with other requests. "
                     "Please try again in a few minutes."),
    ],
)  # fmt: skip
async def test_an_error_says_nothing_of_whether_the_order_lives(
    alice: Client, venue: PaperVenue, code: int, status: int, said: str, when: str
) -> None:
    """Before acting there is no order, after acting there is one; the client reads the same."""
    await alice.control("faults", name="error", code=code, when=when, endpoint=POST_ORDER, count=1)
    reply = await place(alice)

    assert (reply.status_code, reply.json()) == (status, {"code": code, "msg": said})
    assert at_the_venue(venue) == (["q-1"] if when == "after" else [])
    assert (await place(alice)).status_code == (400 if when == "after" else 200)  # -2010, or a first order


@pytest.mark.parametrize("status", [408, 502, 599])
async def test_an_error_can_have_any_status_and_a_page_instead_of_json(alice: Client, status: int) -> None:
    """What stands before a venue answers in HTML."""
    await alice.control("faults", name="error", status=status, body="html", count=1)
    reply = await place(alice)

    assert reply.status_code == status
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.text.startswith("<html>")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_reply_closes_the_connection_without_a_byte(
    alice: Client, venue: PaperVenue, when: str
) -> None:
    """The order lives where the venue had acted."""
    await alice.control("faults", name="lost_reply", when=when, endpoint=POST_ORDER, count=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await place(alice)

    assert at_the_venue(venue) == (["q-1"] if when == "after" else [])
    assert (await alice.get("/api/v3/ping")) == {}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_no_reply_leaves_the_client_waiting(alice: Client, venue: PaperVenue, when: str) -> None:
    """The connection stays open, other requests are answered meanwhile."""
    await alice.control("faults", name="no_reply", when=when, endpoint=POST_ORDER, count=1)
    waiting = asyncio.ensure_future(place(alice))
    await struck(venue, when)
    for _ in range(20):
        assert (await alice.get("/api/v3/ping")) == {}
    await asyncio.sleep(0.1)

    assert not waiting.done()
    assert at_the_venue(venue) == (["q-1"] if when == "after" else [])
    waiting.cancel()


async def test_the_venue_ends_while_somebody_still_waits_for_a_reply() -> None:
    """An answer that never comes does not hold the venue."""
    async with PaperVenue(market="none", faults=["no_reply"]) as venue, Client(venue) as client:
        waiting = asyncio.ensure_future(client.http.get("/api/v3/ping"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    with pytest.raises(httpx.TransportError):
        await waiting


@pytest.mark.parametrize(("name", "status"), [("rate_limit", 429), ("ban", 418)])
async def test_a_limit_says_when_to_come_back_and_the_venue_does_not_act(
    alice: Client, venue: PaperVenue, name: str, status: int
) -> None:
    """Retry-After in seconds; a ban says until when, by the venue's clock."""
    await alice.control("faults", name=name, retry_after_s=7, count=1)
    reply = await place(alice)

    assert (reply.status_code, reply.json()["code"], reply.headers["Retry-After"]) == (status, -1003, "7")
    assert (f"banned until {venue.session.time_ms + 7_000}." in reply.json()["msg"]) == (name == "ban")
    assert at_the_venue(venue) == []


async def test_a_firewall_answers_in_html(alice: Client, venue: PaperVenue) -> None:
    """403, and no order."""
    await alice.control("faults", name="waf", count=1)
    reply = await place(alice)

    assert (reply.status_code, "403 Forbidden" in reply.text) == (403, True)
    assert at_the_venue(venue) == []


@pytest.mark.parametrize("shape", ["half", "html", "empty"])
async def test_a_garbled_reply_is_200_and_no_answer(alice: Client, venue: PaperVenue, shape: str) -> None:
    """The venue acted; what comes back cannot be read."""
    await alice.control("faults", name="garbled_reply", shape=shape, endpoint=POST_ORDER, count=1)
    reply = await place(alice)

    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    assert (len(reply.content) == 0) == (shape == "empty")
    assert at_the_venue(venue) == ["q-1"]


async def test_a_cut_reply_announces_more_than_it_sends(alice: Client, venue: PaperVenue) -> None:
    """The connection ends in the middle of the body."""
    await alice.control("faults", name="garbled_reply", shape="cut", endpoint=POST_ORDER, count=1)
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete|without sending complete"):
        await place(alice)

    assert at_the_venue(venue) == ["q-1"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_latency_is_waited_out_before_or_after_acting(
    alice: Client, venue: PaperVenue, when: str
) -> None:
    """The answer is the venue's own, later; halfway the order is there, or it is not."""
    await alice.control("faults", name="latency", ms=1_000, when=when, endpoint=POST_ORDER)
    began = time.monotonic()
    waiting = asyncio.ensure_future(place(alice))
    await struck(venue, when)
    halfway = at_the_venue(venue)
    assert not waiting.done()
    reply = await waiting

    assert time.monotonic() - began >= 1.0
    assert reply.status_code == 200
    assert halfway == (["q-1"] if when == "after" else [])


async def test_requests_overtake_each_other_under_jitter(alice: Client) -> None:
    """Ten at once, 0 to 200 ms each: they do not come back in the order in which they went."""
    await alice.control("faults", name="latency", ms=0, jitter_ms=200, seed=3, endpoint="GET /api/v3/ping")
    order: list[int] = []

    async def ask(number: int) -> None:
        await alice.get("/api/v3/ping")
        order.append(number)

    await asyncio.gather(*(ask(number) for number in range(10)))
    assert sorted(order) == list(range(10))
    assert order != list(range(10))


async def test_a_refused_key_and_a_disabled_account(alice: Client, bob: Client, venue: PaperVenue) -> None:
    """V19: -2015 for everything that is signed, or -2010 for orders alone; the other account goes on."""
    await alice.control("faults", name="key_refused", account="account-1", count=2)
    assert await alice.refused("GET", "/api/v3/account") == (
        401, -2015, "Invalid API-key, IP, or permissions for action.",
    )  # fmt: skip
    assert (await alice.get("/api/v3/ping")) == {}
    assert (await bob.signed("GET", "/api/v3/account")).status_code == 200
    assert (await place(alice)).json()["code"] == -2015
    assert (await place(alice)).status_code == 200

    await alice.control("faults", name="account_disabled", account="account-1", duration_ms=1_000)
    assert await alice.refused("POST", "/api/v3/order", **ORDER | {"newClientOrderId": "q-2"}) == (
        400, -2010, "This account may not place or cancel orders.",
    )  # fmt: skip
    assert (await bob.signed("POST", "/api/v3/order", **ORDER)).status_code == 200
    assert [(await each.signed("GET", "/api/v3/account")).json()["canTrade"] for each in (alice, bob)] == [
        False, True,
    ]  # fmt: skip
    await alice.control("advance", ms=1_000)
    assert (
        await alice.signed("POST", "/api/v3/order", **ORDER | {"newClientOrderId": "q-2"})
    ).status_code == 200
    assert at_the_venue(venue) == ["q-1", "q-2"]


async def test_the_same_seed_strikes_at_the_same_requests(client_of: type[Client]) -> None:
    """Two venues, 60 requests, one chance in three: the same answers; another seed gives others."""
    runs = []
    for seed in (11, 11, 12):
        async with PaperVenue(market="none", clock="manual") as venue, client_of(venue) as client:
            await client.control(
                "faults", name="error", probability=0.33, seed=seed, endpoint="GET /api/v3/ping"
            )
            runs.append([(await client.http.get("/api/v3/ping")).status_code for _ in range(60)])

    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count(500) < 40


async def test_a_fault_can_skip_count_begin_and_end(alice: Client) -> None:
    """skip 1, count 1, from 500 ms on, for 500 ms of the venue's time; the listing tells."""
    await alice.control(
        "faults", name="error", endpoint="GET /api/v3/ping", skip=1, count=1, after_ms=500, duration_ms=500
    )
    seen = [(await alice.http.get("/api/v3/ping")).status_code]
    states = [[one["state"] for one in await listed(alice)]]
    for _ in range(2):
        await alice.control("advance", ms=500)
        states.append([one["state"] for one in await listed(alice)])
        seen += [(await alice.http.get("/api/v3/ping")).status_code for _ in range(3)]

    assert seen == [200, 200, 500, 200, 200, 200, 200]
    assert states == [["waiting"], ["active"], ["over"]]
    assert [(one["chances"], one["struck"]) for one in await listed(alice)] == [(2, 1)]


# -- the control endpoint


async def test_faults_are_listed_added_and_removed(alice: Client, venue: PaperVenue) -> None:
    """POST answers the fault with its id, GET lists it, DELETE ends it; a sound venue has none."""
    assert await listed(alice) == []
    first = await alice.control("faults", name="ban", retry_after_s=5)
    second = await alice.control("faults", name="drop", stream="*@trade")
    assert [one["id"] for one in await listed(alice)] == [first["id"], second["id"]]
    assert (await alice.http.get("/api/v3/ping")).status_code == 418

    url, headers = f"{venue.control.url}/faults", {"Authorization": f"Bearer {venue.control.secret}"}
    assert (await alice.http.delete(f"{url}/{first['id']}", headers=headers)).json()["struck"] == 1
    assert (await alice.http.delete(f"{url}/{first['id']}", headers=headers)).status_code == 404
    for wrong in ("x", "", "1" * 5_000, "-1", "%C2%B2"):
        assert (await alice.http.delete(f"{url}/{wrong}", headers=headers)).status_code == 404
    assert (await alice.http.get("/api/v3/ping")).status_code == 200
    assert [one["name"] for one in (await alice.http.delete(url, headers=headers)).json()] == ["drop"]
    assert await listed(alice) == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_faults_need_the_secret_and_no_browser(alice: Client, venue: PaperVenue, method: str) -> None:
    """Without the secret 401, with an Origin 403, and nothing happens."""
    url, secret = f"{venue.control.url}/faults", venue.control.secret
    body = {"name": "ban"} if method == "POST" else None
    statuses = [
        (await alice.http.request(method, url, json=body, headers=headers)).status_code
        for headers in ({}, {"Authorization": "Bearer wrong"},
                        {"Authorization": f"Bearer {secret}", "Origin": "http://localhost"})
    ]  # fmt: skip

    assert statuses == [401, 401, 403]
    assert await listed(alice) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "lost"}, "name"),
        ({"name": "lost_reply", "endpoint": "POST /api/v3/orders"}, "endpoint"),
        ({"name": "lost_reply", "symbol": "BTCUSD"}, "symbol"),
        ({"name": "drop", "account": "alice"}, "account"),
        ({"name": "close", "account": "alice"}, "account"),
        ({"name": "drop", "probability": 2}, "probability"),
        ({"name": "status", "symbol": "BTC*"}, "symbol"),
        ({"name": "status", "symbol": "BTCUSDT", "status": "OPEN"}, "status"),
        ({"name": "filters", "symbol": "BTCUSDT"}, "tick_size"),
        ({"name": "transfer", "account": "account-1", "asset": "XRP", "amount": "1"}, "asset"),
        ({"name": "transfer", "account": "account-1", "asset": "BTC", "amount": "-11"}, "amount"),
        ({"name": "transfer", "account": "account-1", "asset": "BTC", "amount": "NaN"}, "amount"),
        ({"name": "transfer", "account": "account-1", "asset": "BTC", "amount": "1e999999"}, "amount"),
        ({"name": "transfer", "account": "account-1", "asset": "BTC", "amount": "0.000000001"}, "amount"),
        ({"name": "filters", "symbol": "BTCUSDT", "tick_size": "1e-999999"}, "tick_size"),
        ({"name": "filters", "symbol": "BTCUSDT", "step_size": "0"}, "step_size"),
        ({"name": "filters", "symbol": "BTCUSDT", "max_price": "-1"}, "max_price"),
        ({"name": "account_disabled", "account": "account-9"}, "account"),
    ],
)
async def test_a_fault_that_fits_nothing_is_refused_with_the_remedy(
    alice: Client, venue: PaperVenue, body: dict[str, Any], field: str
) -> None:
    """400 with the field and what to give instead; nothing is on the list, nothing has changed."""
    before = venue.exchange.totals()
    reply = await alice.http.post(
        f"{venue.control.url}/faults", json=body, headers={"Authorization": f"Bearer {venue.control.secret}"}
    )

    assert reply.status_code == 400
    assert reply.json()["field"] == field
    assert reply.json()["remedy"]
    assert await listed(alice) == []
    assert venue.exchange.totals() == before


def test_a_wrong_option_ends_the_process_with_one_line(start: Any) -> None:
    """Exit code 2, the field and the remedy on standard error; so for a scope that fits nothing."""
    for option, said in (
        ("lost", "name: there is no fault 'lost'; give one of latency"),
        ("drop:count=0", "count: expected"),
        ("error:endpoint=GET /nope", "endpoint: 'GET /nope' fits nothing of this venue"),
    ):
        process = start("--market", "none", "--fault", option)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, len(err.splitlines())) == (2, "", 1)
        assert said in err


def test_options_are_faults_from_the_start(start: Any) -> None:
    """--fault may come more than once."""
    options = (
        "--fault",
        "error:code=-1008,endpoint=GET /api/v3/ping",
        "--fault",
        "ban:endpoint=GET /api/v3/time",
    )
    process = start("--market", "none", *options)
    rest = json.loads(process.stdout.readline())["rest"]

    assert httpx.get(f"{rest}/api/v3/ping", trust_env=False).json()["code"] == -1008
    assert httpx.get(f"{rest}/api/v3/time", trust_env=False).status_code == 418
    assert httpx.get(f"{rest}/api/v3/exchangeInfo", trust_env=False).status_code == 200


# -- the WebSocket API, and handshakes


def signed(client: Client, **params: Any) -> dict[str, Any]:
    """Parameters as the WebSocket API wants them."""
    given = {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms(), **params}
    payload = "&".join(f"{name}={given[name]}" for name in sorted(given))
    return given | {"signature": client.signature(payload)}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_websocket_api_has_the_same_errors(alice: Client, venue: PaperVenue, when: str) -> None:
    """Status and error under the request's id."""
    await alice.control("faults", name="error", code=-1006, when=when, endpoint="order.place", count=1)
    async with open_socket(venue.ws_api) as socket:
        reply = await socket.ask("order.place", signed(alice, **ORDER))

    assert (reply["id"], reply["status"], reply["error"]["code"]) == (1, 500, -1006)
    assert at_the_venue(venue) == (["q-1"] if when == "after" else [])


async def test_a_ban_on_the_websocket_api_says_until_when(alice: Client, venue: PaperVenue) -> None:
    """Source: Binance spot WebSocket API, "IP limits"."""
    await alice.control("faults", name="ban", retry_after_s=9, endpoint="ping", count=1)
    async with open_socket(venue.ws_api) as socket:
        reply = await socket.ask("ping")
        assert (await socket.ask("ping"))["status"] == 200

    now_ms = venue.session.time_ms
    assert (reply["status"], reply["error"]["code"]) == (418, -1003)
    assert reply["error"]["data"] == {"serverTime": now_ms, "retryAfter": now_ms + 9_000}


@pytest.mark.parametrize("fault", [{"name": "lost_reply"}, {"name": "garbled_reply", "shape": "cut"}])
async def test_a_websocket_api_answer_is_lost_with_its_connection(
    alice: Client, venue: PaperVenue, fault: dict[str, str]
) -> None:
    """The venue acted, and the socket is gone (1006); half a frame is no message."""
    await alice.control("faults", endpoint="order.place", count=1, **fault)
    async with open_socket(venue.ws_api) as socket:
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await socket.ask("order.place", signed(alice, **ORDER))
    assert closed.value.rcvd is None
    assert at_the_venue(venue) == ["q-1"]


async def test_an_answer_that_never_comes_holds_up_no_other(alice: Client, venue: PaperVenue) -> None:
    """On the same socket the next request is answered."""
    await alice.control("faults", name="no_reply", endpoint="order.place")
    async with open_socket(venue.ws_api) as socket:
        await socket.send({"id": "lost", "method": "order.place", "params": signed(alice, **ORDER)})
        assert (await socket.ask("ping"))["id"] == 1

    assert at_the_venue(venue) == ["q-1"]


@pytest.mark.parametrize("shape", ["half", "html", "empty"])
async def test_a_garbled_websocket_answer_is_no_json(alice: Client, venue: PaperVenue, shape: str) -> None:
    """The socket stays open."""
    await alice.control("faults", name="garbled_reply", shape=shape, endpoint="ping", count=1)
    async with open_socket(venue.ws_api) as socket:
        with pytest.raises(json.JSONDecodeError):
            await socket.ask("ping")
        assert (await socket.ask("ping"))["status"] == 200


async def test_late_answers_overtake_each_other_on_one_socket(alice: Client, venue: PaperVenue) -> None:
    """The first request is slow, the second is not; both are answered."""
    await alice.control("faults", name="latency", ms=200, endpoint="time", count=1)
    async with open_socket(venue.ws_api) as socket:
        await socket.send({"id": "slow", "method": "time"})
        await socket.send({"id": "quick", "method": "time"})
        assert [(await socket.receive())["id"], (await socket.receive())["id"]] == ["quick", "slow"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [({"name": "rate_limit"}, 429), ({"name": "waf"}, 403), ({"name": "error", "status": 503}, 503)],
)
@pytest.mark.parametrize(
    ("endpoint", "path"),
    [("GET /ws", "/ws/btcusdt@trade"), ("GET /stream", "/stream"), ("GET /ws-api/v3", "/ws-api/v3")],
)
async def test_a_handshake_can_be_refused(
    alice: Client, venue: PaperVenue, endpoint: str, path: str, fault: dict[str, Any], status: int
) -> None:
    """The status instead of 101; the next attempt succeeds."""
    await alice.control("faults", endpoint=endpoint, count=1, **fault)
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(venue.ws + path, proxy=None)

    assert refused.value.response.status_code == status
    async with open_socket(venue.ws + path):
        pass


async def test_a_handshake_can_be_lost(alice: Client, venue: PaperVenue) -> None:
    """The connection closes before any answer."""
    await alice.control("faults", name="lost_reply", endpoint="GET /ws*", count=1)
    with pytest.raises(websockets.InvalidMessage):
        await websockets.connect(venue.ws + "/ws/btcusdt@trade", proxy=None)


# -- V4


@pytest.mark.parametrize("by", ["REST", "WebSocket API"])
async def test_an_acknowledged_order_is_rejected_later(alice: Client, venue: PaperVenue, by: str) -> None:
    """V4: NEW by the reply, REJECTED by the stream 50 ms later; the funds are free, the query agrees."""
    await alice.control("faults", name="late_reject", ms=50, count=1)
    async with open_socket(venue.ws_api) as user:
        await user.ask("userDataStream.subscribe.signature", signed(alice))
        if by == "REST":
            acknowledged = (await place(alice)).json()
        else:
            async with open_socket(venue.ws_api) as trading:
                acknowledged = (await trading.ask("order.place", signed(alice, **ORDER)))["result"]
        assert acknowledged["status"] == "NEW"
        assert [(await user.receive())["event"]["e"] for _ in range(2)] == [
            "executionReport", "outboundAccountPosition",
        ]  # fmt: skip
        await alice.control("advance", ms=49)
        assert at_the_venue(venue) == ["q-1"]
        await alice.control("advance", ms=1)
        report = (await user.receive())["event"]
        position = (await user.receive())["event"]

    assert (report["x"], report["X"], report["i"], report["z"]) == (
        "REJECTED", "REJECTED", acknowledged["orderId"], "0.00000000",
    )  # fmt: skip
    assert {one["a"]: (one["f"], one["l"]) for one in position["B"]}["USDT"] == (
        "1000000.00000000",
        "0.00000000",
    )
    assert at_the_venue(venue) == []
    query = await alice.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="q-1")
    assert query.json()["status"] == "REJECTED"


async def test_what_is_filled_by_then_stays_filled(alice: Client, bob: Client, venue: PaperVenue) -> None:
    """An order that trades before its rejection is not undone."""
    await alice.control("faults", name="late_reject", ms=50, account="account-1", count=1)
    await place(alice)
    await bob.limit("SELL", "0.01", "59000")
    await alice.control("advance", ms=100)

    query = await alice.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="q-1")
    assert query.json()["status"] == "FILLED"
