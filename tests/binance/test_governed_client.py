"""The client keeps within the venue's limits by itself, and says so before anything is sent."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from moved_clock import MovedClock

from quantlab.binance.client import BinanceClient
from quantlab.binance.limits import RateLimit
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.errors import NotSent, RateLimited, VenueUnavailable
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret

WEIGHT = RateLimit(kind="REQUEST_WEIGHT", window="1D", limit=100)
ORDERS = RateLimit(kind="ORDERS", window="1D", limit=10)


async def test_after_a_429_nothing_is_sent_until_the_venue_allows_it(
    stub: Any, connect: Callable[..., BinanceClient], play: SimpleNamespace
) -> None:
    """Retry-After 1: a second read waits for that second, and then it is answered."""
    stub.answer = play.in_turn(play.reply({}, 429, {"Retry-After": "1"}), play.reply({}))
    client = connect(stub.base)
    with pytest.raises(RateLimited, match="HTTP 429.*; wait 1 s$"):
        await client.ping()
    with pytest.raises(RateLimited, match="not sent: the venue answered HTTP 429.*; wait 1 s$") as held:
        await client.ping()
    assert held.value.retry_after_s == 1
    assert len(stub.requests) == 1
    began = time.monotonic()
    stub.answer = play.reply({"symbol": "BTCUSDT", "price": "1"})
    await client.ticker_price("BTCUSDT")

    assert time.monotonic() - began > 0.5
    assert len(stub.requests) == 2


async def test_a_ban_closes_everything_but_tells_when_it_ends(
    stub: Any, connect: Callable[..., BinanceClient], play: SimpleNamespace, order: Any, permit: Any
) -> None:
    """418 for two minutes: reads, orders, cancels and an urgent client, none of them is sent."""
    stub.answer = play.reply({}, 418, {"Retry-After": "120"})
    client = connect(stub.base)
    urgent = connect(stub.base, governor=client.governor, urgent=True)
    with pytest.raises(RateLimited):
        await client.ping()
    request = order()
    for call in (
        client.account(), client.submit_order(request, permit(request)), urgent.cancel_all("BTCUSDT"),
        client.cancel_order("BTCUSDT", client_order_id="q-1"),
    ):  # fmt: skip
        with pytest.raises(RateLimited) as held:
            await call
        assert 118 <= (held.value.retry_after_s or 0) <= 120
    assert len(stub.requests) == 1


async def test_when_a_429_lifts_the_cancels_go_first(
    stub: Any, connect: Callable[..., BinanceClient], play: SimpleNamespace
) -> None:
    """N10: reads and cancels wait for the same second; whatever came first, the cancels leave first."""
    stub.answer = play.in_turn(play.reply({}, 429, {"Retry-After": "1"}), play.reply([]))
    client = connect(stub.base)
    with pytest.raises(RateLimited):
        await client.ping()
    began = time.monotonic()
    reads = [asyncio.ensure_future(client.open_orders("BTCUSDT")) for _ in range(4)]
    await asyncio.sleep(0.05)
    cancels = [asyncio.ensure_future(client.cancel_all("BTCUSDT")) for _ in range(4)]
    await asyncio.gather(*reads, *cancels)

    assert time.monotonic() - began > 0.9
    assert [each.verb for each in stub.requests] == ["GET"] + ["DELETE"] * 4 + ["GET"] * 4


async def test_reads_leave_room_for_orders_cancels_and_a_halt(
    stub: Any, connect: Callable[..., BinanceClient], play: SimpleNamespace
) -> None:
    """At four fifths of the weight reads stop; what is kept back is there for the others."""
    client = connect(stub.base, timeout_s=5.0)
    client.governor.learn([WEIGHT])
    stub.answer = play.reply({"symbol": "BTCUSDT", "price": "1"})
    for _ in range(40):
        await client.ticker_price("BTCUSDT")
    with pytest.raises(RateLimited, match="80 of 100 REQUEST_WEIGHT in 1D are used"):
        await client.ticker_price("BTCUSDT")
    stub.answer = play.reply([])
    await connect(stub.base, governor=client.governor, urgent=True).cancel_all("BTCUSDT")


async def test_orders_are_counted_until_the_venue_says_how_many_there_are(
    stub: Any, connect: Callable[..., BinanceClient], play: SimpleNamespace, order: Any, permit: Any
) -> None:
    """Nine of ten, then none; and eight more once the venue's own count is lower."""
    client = connect(stub.base)
    client.governor.learn([ORDERS])
    stub.answer = play.taken

    async def send() -> None:
        request = order()
        await client.submit_order(request, permit(request))

    for _ in range(9):
        await send()
    with pytest.raises(RateLimited, match="9 of 10 ORDERS in 1D are used"):
        await send()
    client.governor.budget.told(
        "ORDERS", "1D", 1, sent_ms=SystemClock().now_ms(), now_ms=SystemClock().now_ms()
    )
    for _ in range(8):
        await send()
    with pytest.raises(RateLimited):
        await send()
    assert len(stub.requests) == 17


async def test_what_was_never_sent_costs_nothing(connect: Callable[..., BinanceClient]) -> None:
    """A venue that is not there uses up no limit."""
    client = connect("http://127.0.0.1:9", timeout_s=2.0)
    client.governor.learn([WEIGHT])
    for _ in range(120):
        with pytest.raises((VenueUnavailable, NotSent)):
            await client.ping()
    (window,) = client.governor.budget.windows
    assert window.spent == 0


async def test_orders_across_a_real_window_are_never_refused_by_the_venue(
    order: Any, permit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty in ten seconds are allowed: we stop at our share, and go on when the window has turned."""
    clock = MovedClock()
    monkeypatch.setattr("quantlab.paper.venue.SystemClock", lambda: clock)
    async with (
        PaperVenue(market="none", terms=Terms(orders_10s=20)) as venue,
        BinanceClient(venue.rest, clock=SystemClock(), credentials=_key(venue)) as client,
    ):
        clock.move(10_000, left_ms=2_000)
        await client.sync_clock()
        await client.exchange_info()
        numbers, taken, refused = itertools.count(), Counter[int](), 0
        while len(taken) < 2 or taken[_now(client) // 10_000] < 18:
            request = order(f"q-{next(numbers)}", price=Decimal(1_000 + next(numbers)))
            try:
                await client.submit_order(request, permit(request))
                taken[_now(client) // 10_000] += 1
            except RateLimited as held:
                refused += held.status > 0
                await asyncio.sleep(0.05)
    assert refused == 0, "the venue had to say no"
    assert max(taken.values()) == 18, "nine tenths of twenty"


async def test_a_storm_across_a_real_minute_is_never_refused_by_the_venue(full: bool) -> None:
    """Reads without a pause until the minute has turned: the venue answers every one of them."""
    if not full:
        pytest.skip("takes a real minute: run with --full")
    answered: Counter[bool] = Counter()
    async with (
        PaperVenue(market="none") as venue,
        BinanceClient(venue.rest, clock=SystemClock(), timeout_s=70.0) as client,
    ):
        await client.sync_clock()
        await client.exchange_info()
        turns_s = time.monotonic() + 60 - _now(client) % 60_000 / 1_000

        async def read() -> None:
            while time.monotonic() < turns_s + 1:
                await client.order_book("BTCUSDT", 5000)
                answered[time.monotonic() > turns_s] += 1

        await asyncio.gather(*(read() for _ in range(8)))
    assert 10 < answered[False] <= 19, "4,800 of 6,000 may be used: nineteen books at 250"
    assert answered[True] > 3


def _now(client: BinanceClient) -> int:
    return client.venue_clock.now_ms()


def _key(venue: PaperVenue) -> Credentials:
    key, secret = venue.accounts[0]
    return Credentials(key, Secret(secret))
