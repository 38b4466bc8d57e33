"""What a client may ask for: weights, raw requests, bans, and the count of unfilled orders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantlab.paper.server.limits import Address, Limits, Overspent, Window
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

ORDER = "/api/v3/order"
PING = "/api/v3/ping"
GOOD = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
        "price": "59000"}  # fmt: skip
START_MS = 1_767_225_600_000
TOO_MUCH = (
    "Too much request weight used; current limit is {} request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
BANNED = (
    "Way too much request weight used; IP banned until {}. "
    "Please use WebSocket Streams for live updates to avoid bans."
)


def strict(**terms: Any) -> PaperVenue:
    """A venue on a manual clock, on these terms."""
    return PaperVenue(market="none", clock="manual", terms=Terms(**terms))


@contextlib.asynccontextmanager
async def caller(venue: PaperVenue, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls from a loopback address of its own."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=venue.rest, transport=transport) as client:
        yield client


async def test_going_on_after_429_is_a_ban_and_the_next_ban_is_longer() -> None:
    """429 while the window lasts; from the third on 418, for 2 minutes, then 4, at most 5."""
    async with (
        strict(weight_1m=2, strikes=3, ban_longest_s=300) as venue,
        caller(venue) as client,
    ):
        lengths = []
        for _ in range(3):
            replies = [await client.get(PING) for _ in range(6)]
            assert [reply.status_code for reply in replies] == [200, 200, 429, 429, 418, 418]
            until = venue.session.clock.now_ms() + 1_000 * int(replies[-1].headers["Retry-After"])
            assert replies[2].json() == {"code": -1003, "msg": TOO_MUCH.format(2)}
            assert int(replies[2].headers["Retry-After"]) <= 60
            assert replies[-1].json() == {"code": -1003, "msg": BANNED.format(until)}
            assert replies[-1].headers["Content-Type"].startswith("application/json")
            lengths.append(int(replies[-1].headers["Retry-After"]))
            await venue.advance(1_000 * lengths[-1] - 1)
            assert (await client.get(PING)).status_code == 418
            await venue.advance(1)
            assert (await client.get(PING)).status_code == 200
            await venue.advance(60_000)
    assert lengths == [120, 240, 300]


async def test_who_backs_off_is_never_banned() -> None:
    """One 429 in each minute, however often, stays 429."""
    async with strict(weight_1m=1, strikes=2) as venue, caller(venue) as client:
        for _ in range(10):
            assert [(await client.get(PING)).status_code for _ in range(2)] == [200, 429]
            await venue.advance(60_000)


async def test_limits_are_of_the_address_and_not_of_the_key(client_of) -> None:
    """Another address has its own weight and is not banned with the first; the key changes nothing."""
    async with (
        strict(weight_1m=1, strikes=1) as venue,
        caller(venue) as first,
        caller(venue, "127.0.0.2") as second,
        client_of(venue) as alice,
    ):
        assert [(await first.get(PING)).status_code for _ in range(3)] == [200, 418, 418]
        assert (await second.get(PING)).headers["X-MBX-USED-WEIGHT-1M"] == "1"
        assert (await alice.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")).status_code == 418


async def test_raw_requests_are_counted_whatever_they_weigh(client_of) -> None:
    """Orders that cost nothing are requests: the fourth of three is 429 for the five minutes."""
    async with strict(raw_requests_5m=3) as venue, client_of(venue) as alice:
        for _ in range(3):
            await alice.order(**GOOD)
        refused = await alice.signed("POST", ORDER, **GOOD)
        assert (refused.status_code, refused.json()["code"]) == (429, -1003)
        assert refused.json()["msg"] == "Too many requests queued."
        assert refused.headers["Retry-After"] == "300"
        await venue.advance(300_000)
        await alice.order(**GOOD)


async def test_a_ban_ends_the_websocket_api_and_leaves_market_streams(connect) -> None:
    """The request that begins it is answered 418 with retryAfter; then the API sockets close, old and new."""
    async with (
        strict(weight_1m=6, strikes=1) as venue,
        connect(f"{venue.ws}/ws") as stream,
        connect(venue.ws_api) as idle,
        connect(venue.ws_api) as api,
    ):
        assert [(await api.ask("ping"))["status"] for _ in range(2)] == [200, 200]
        reply = await api.ask("ping")
        until = START_MS + 120_000
        assert reply["status"] == 418
        assert reply["error"] == {
            "code": -1003,
            "msg": BANNED.format(until),
            "data": {"serverTime": START_MS, "retryAfter": until},
        }
        for socket in (api, idle):
            with pytest.raises(websockets.ConnectionClosed):
                await socket.receive()
            assert socket.connection.close_code == 1008
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(venue.ws_api):
                pass
        assert refused.value.response.status_code == 418
        assert (await stream.ask("LIST_SUBSCRIPTIONS"))["result"] == []


async def test_connecting_to_the_websocket_api_costs_two_and_to_streams_nothing(connect) -> None:
    """Seen in the weight that the next reply tells."""
    async with (
        strict() as venue,
        caller(venue) as client,
        connect(f"{venue.ws}/ws"),
        connect(venue.ws_api),
    ):
        assert (await client.get(PING)).headers["X-MBX-USED-WEIGHT-1M"] == "3"


async def test_a_refused_order_costs_its_documented_weight_a_taken_one_nothing(client_of, connect) -> None:
    """By REST and by the WebSocket API alike."""
    async with strict() as venue, client_of(venue) as alice:
        reply = await alice.signed("POST", ORDER, **GOOD)
        assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "0"
        reply = await alice.signed("POST", ORDER, **GOOD | {"price": "0.001"})
        assert (reply.status_code, reply.headers["X-MBX-USED-WEIGHT-1M"]) == (400, "1")
        reply = await alice.http.post(ORDER)
        assert (reply.status_code, reply.headers["X-MBX-USED-WEIGHT-1M"]) == (401, "2")


async def test_the_length_of_windows_is_a_rule(client_of) -> None:
    """At a tenth, a minute is over after 6 seconds and ten seconds after one; the names stay."""
    async with (
        strict(window_scale=0.1, weight_1m=1, orders_10s=1) as venue,
        client_of(venue) as alice,
    ):
        assert (await alice.http.get(PING)).status_code == 200
        late = await alice.http.get(PING)
        assert (late.status_code, late.headers["Retry-After"]) == (429, "6")
        await alice.order(**GOOD)
        assert (await alice.refused("POST", ORDER, **GOOD))[:2] == (429, -1015)
        await venue.advance(6_000)
        assert (await alice.http.get(PING)).status_code == 200
        await alice.order(**GOOD)


async def test_the_day_limits_orders_too(client_of) -> None:
    """-1015 names the window that is full, and waits for 00:00 UTC."""
    async with strict(orders_1d=1) as venue, client_of(venue) as alice:
        await alice.order(**GOOD)
        await venue.advance(10_000)
        reply = await alice.signed("POST", ORDER, **GOOD)
        assert reply.status_code == 429
        assert reply.json() == {
            "code": -1015,
            "msg": "Too many new orders; current limit is 1 orders per 1 DAY.",
        }
        assert reply.headers["Retry-After"] == str(86_400 - 10)


def test_unfilled_orders_count_as_the_faq_tells_them() -> None:
    """The document's tables: takers, makers, cancels, and a day's reset, step by step.

    Source: FAQ "Spot Unfilled Order Count Rules".
    """
    limits, day_ms = Limits(), 86_400_000

    def count(now_ms: int) -> tuple[int, ...]:
        return tuple(window.at(now_ms) for window in limits.orders("a"))

    def seen(*steps: str, at: int = START_MS) -> list[int]:
        counts = []
        for step in steps:
            if step == "new":
                limits.ordered("a", 1, at)
            elif step != "cancel":
                limits.filled("a", at, maker=step == "maker")
            counts.append(count(at)[0])
        return counts

    assert seen("new", "new", "taker", "new", "new", "taker") == [1, 2, 1, 2, 3, 2]
    limits = Limits()
    makers = seen("new", "new", "new", "new", "new", "maker", "new", "new", "maker", "new")
    assert makers == [1, 2, 3, 4, 5, 0, 1, 2, 0, 1]
    limits = Limits()
    assert seen("new", "cancel", "new", "new", "taker", "new", "new", "cancel", "new") == [
        1, 1, 2, 3, 2, 3, 4, 4, 5,
    ]  # fmt: skip
    limits = Limits(Terms(maker_credit=1))
    seen(*["new"] * 5)
    assert count(START_MS + day_ms) == (0, 0)
    seen(*["new"] * 10, at=START_MS + day_ms)
    seen(*["maker"] * 10, at=START_MS + day_ms)
    assert seen("new", "new", "maker", "maker", "maker", "new", at=START_MS + day_ms) == [1, 2, 1, 0, 0, 1]


def test_a_list_counts_for_all_its_orders() -> None:
    """Three more do not fit where two are left; `too_many` tells without counting."""
    limits = Limits(Terms(orders_10s=5))
    limits.ordered("a", 3, START_MS)
    assert limits.too_many("a", 2, START_MS) is None
    refused = limits.too_many("a", 3, START_MS)
    assert refused is not None
    assert (refused.code, refused.status, refused.retry_at_ms) == (-1015, 429, START_MS + 10_000)
    with pytest.raises(Overspent):
        limits.may_order("a", START_MS, 3)
    limits.may_order("a", START_MS, 2)
    limits.may_order("b", START_MS, 5)


def refusal(address: Address, weight: int, now_ms: int) -> Overspent | None:
    """What the address is refused with, None where it may."""
    try:
        address.spend(weight, now_ms)
    except Overspent as refused:
        return refused
    return None


def test_no_window_ever_lets_more_through_than_its_limit() -> None:
    """Whatever is asked for and when: what passes in each aligned minute is at most the limit, and a
    refusal is true: it would have gone over."""
    full = refusals = 0

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
    @given(
        steps=st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 40)), min_size=1, max_size=60),
        limit=st.integers(1, 60),
    )
    def asked(steps: list[tuple[int, int]], limit: int) -> None:
        nonlocal full, refusals
        address = Limits(Terms(weight_1m=limit, strikes=10**9)).address("x")
        now_ms, passed = START_MS, dict[int, int]()
        for wait_ms, weight in steps:
            now_ms += wait_ms
            minute = now_ms // 60_000
            refused = refusal(address, weight, now_ms)
            if refused is None:
                passed[minute] = passed.get(minute, 0) + weight
            else:
                refusals += 1
                assert passed.get(minute, 0) + weight > limit
                assert refused.retry_at_ms == (minute + 1) * 60_000
        assert all(used <= limit for used in passed.values())
        full += limit in passed.values()

    asked()
    assert full > 0
    assert refusals > 10


def test_a_clock_that_lags_a_little_does_not_empty_a_window() -> None:
    """A time before the window's begin counts in the window that is open."""
    window = Window("REQUEST_WEIGHT", "MINUTE", 1, 10, 60_000)
    window.add(7, START_MS)
    assert window.at(START_MS - 1) == 7


async def test_many_callers_at_once_get_exactly_what_the_limit_allows() -> None:
    """Thirty at once against a limit of ten: ten are served."""
    async with strict(weight_1m=10, strikes=1_000) as venue, caller(venue) as client:
        replies = await asyncio.gather(*(client.get(PING) for _ in range(30)))
        assert sorted(reply.status_code for reply in replies) == [200] * 10 + [429] * 20
