"""Faults of the venue itself: its clock, a symbol's status and filters, a balance from outside."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest
from venueclient import Client, open_socket

from quantlab.clock import ManualClock
from quantlab.paper.server.venueclock import VenueClock
from quantlab.paper.venue import PaperVenue

HOUR_MS = 3_600_000


async def remove(client: Client, fault: dict[str, Any]) -> None:
    url, secret = client.venue.control
    reply = await client.http.delete(
        f"{url}/faults/{fault['id']}", headers={"Authorization": f"Bearer {secret}"}
    )
    assert reply.status_code == 200


async def offset(client: Client) -> float:
    """How far the venue's clock is ahead of this machine's, in milliseconds."""
    told = await client.get("/api/v3/time")
    return float(told["serverTime"]) - time.time() * 1_000


# -- symbols


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"])
async def test_a_symbol_that_does_not_trade_takes_cancels_only(
    alice: Client, venue: PaperVenue, status: str
) -> None:
    """V2: exchangeInfo says so, new orders are refused, a cancel passes; then it trades again."""
    await alice.limit("BUY", "0.01", "59000", newClientOrderId="resting")
    await alice.control("faults", name="status", symbol="BTCUSDT", status=status, duration_ms=1_000)
    shown = (await alice.get("/api/v3/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["status"]
    order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "59000"}
    refused = await alice.refused("POST", "/api/v3/order", symbol="BTCUSDT", **order)
    cancelled = await alice.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="resting")
    other = await alice.signed("POST", "/api/v3/order", symbol="ETHUSDT", **order | {"price": "2900"})
    await alice.control("advance", ms=1_000)

    assert shown == status
    assert (refused[0], refused[1]) in {(400, -1013), (400, -2010)}
    assert (cancelled.status_code, other.status_code) == (200, 200)
    assert (await alice.limit("BUY", "0.01", "59000"))["status"] == "NEW"


async def test_filters_change_while_the_venue_runs(alice: Client) -> None:
    """V1: the next order meets the new tick, exchangeInfo shows it, and the old one comes back."""
    before = (await alice.get("/api/v3/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["filters"]
    fault = await alice.control(
        "faults", name="filters", symbol="BTCUSDT", tick_size="0.50", min_notional="1000", min_quantity="0.02"
    )
    during = (await alice.get("/api/v3/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["filters"]
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    refusals = [
        (await alice.refused("POST", "/api/v3/order", **order, quantity=quantity, price=price))[1:]
        for quantity, price in (("0.02", "59000.25"), ("0.01", "59000.50"), ("0.02", "49000.50"))
    ]
    await remove(alice, fault)
    after = (await alice.get("/api/v3/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["filters"]

    assert refusals == [
        (-1013, "Filter failure: PRICE_FILTER"), (-1013, "Filter failure: LOT_SIZE"),
        (-1013, "Filter failure: NOTIONAL"),
    ]  # fmt: skip
    assert Decimal(next(one["tickSize"] for one in during if one["filterType"] == "PRICE_FILTER")) == Decimal(
        "0.5"
    )
    assert before == after != during
    assert (await alice.limit("BUY", "0.01", "59000.25"))["status"] == "NEW"


async def test_a_tick_that_the_book_cannot_hold_is_refused(alice: Client, venue: PaperVenue) -> None:
    """Finer than the symbol was listed with: 400, and the filters are as they were."""
    reply = await alice.http.post(
        f"{venue.control.url}/faults", json={"name": "filters", "symbol": "BTCUSDT", "tick_size": "0.001"},
        headers={"Authorization": f"Bearer {venue.control.secret}"},
    )  # fmt: skip

    assert reply.status_code == 400
    assert (await alice.limit("BUY", "0.01", "59000.01"))["status"] == "NEW"


# -- balances


async def test_a_transfer_changes_the_balance_and_tells_the_account(alice: Client, venue: PaperVenue) -> None:
    """V18: balanceUpdate with the difference, then the balance as it stands; what is locked stays."""
    given: dict[str, Any] = {"apiKey": alice.key, "timestamp": venue.session.clock.now_ms()}
    payload = "&".join(f"{name}={given[name]}" for name in sorted(given))
    async with open_socket(venue.ws_api) as user:
        await user.ask("userDataStream.subscribe.signature", given | {"signature": alice.signature(payload)})
        await alice.control("faults", name="transfer", account="account-1", asset="USDT", amount="-250000.5")
        told = [(await user.receive())["event"] for _ in range(2)]
    account = (await alice.signed("GET", "/api/v3/account")).json()

    assert told[0] == {
        "e": "balanceUpdate", "E": venue.session.time_ms, "a": "USDT", "d": "-250000.50000000",
        "T": venue.session.time_ms,
    }  # fmt: skip
    assert {one["a"]: one["f"] for one in told[1]["B"]}["USDT"] == "749999.50000000"
    assert next(one for one in account["balances"] if one["asset"] == "USDT")["free"] == "749999.50000000"


# -- the clock


@pytest.mark.parametrize("jump_ms", [4_000, -4_000, HOUR_MS, -HOUR_MS])
async def test_the_clock_jumps_and_everything_follows(client_of: type[Client], jump_ms: int) -> None:
    """N29: server time, -1021, event times and candles go by it; the market and the orders go on."""
    async with PaperVenue() as venue, client_of(venue) as client:
        fault = await client.control("faults", name="clock", offset_ms=jump_ms)
        measured = await offset(client)
        own_ms = round(time.time() * 1_000)
        refused = await client.refused("GET", "/api/v3/account", timestamp=own_ms, recvWindow=1_000)
        async with open_socket(f"{venue.ws}/ws/btcusdt@trade") as socket:
            trades = [await socket.receive(30) for _ in range(3)]
        order = await client.limit("BUY", "0.001", "55000")
        klines = await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=3)
        await remove(client, fault)
        again = await offset(client)

    assert abs(measured - jump_ms) < 2_000
    assert refused[:2] == (400, -1021)
    assert ("ahead" in refused[2]) == (jump_ms < 0)
    assert all(abs(trade["E"] - own_ms - jump_ms) < 60_000 for trade in trades)
    assert abs(order["transactTime"] - own_ms - jump_ms) < 60_000
    assert len(klines) == 3
    assert abs(again) < 2_000


async def test_a_manual_clock_jumps_back_and_time_goes_on_from_there(
    lively: PaperVenue, reader: Client
) -> None:
    """After -1 h the market trades as before; the trades' times go on from the new time."""
    await reader.control("advance", ms=5_000)
    at_ms = lively.session.time_ms
    await reader.control("faults", name="clock", offset_ms=-HOUR_MS)
    assert (await reader.get("/api/v3/time"))["serverTime"] == at_ms - HOUR_MS
    known = (await reader.get("/api/v3/trades", symbol="BTCUSDT", limit=1))[0]["id"]
    assert await reader.control("advance", ms=10_000) == {"time": at_ms - HOUR_MS + 10_000}
    trades = [one for one in await reader.get("/api/v3/trades", symbol="BTCUSDT") if one["id"] > known]

    assert len(trades) > 5
    assert all(at_ms - HOUR_MS <= one["time"] <= at_ms - HOUR_MS + 10_000 for one in trades)


async def test_a_slow_drift_adds_up(reader: Client, lively: PaperVenue) -> None:
    """N29: 1000 ppm gain a millisecond a second: 60 ms in a minute; the end of the fault puts it right."""
    at_ms = lively.session.clock.now_ms()
    await reader.control("faults", name="clock", drift_ppm=1_000, duration_ms=61_000)
    await reader.control("advance", ms=30_000)
    assert (await reader.get("/api/v3/time"))["serverTime"] == at_ms + 30_030
    await reader.control("advance", ms=30_000)
    assert (await reader.get("/api/v3/time"))["serverTime"] == at_ms + 60_060
    await reader.control("advance", ms=30_000)
    assert (await reader.get("/api/v3/time"))["serverTime"] == at_ms + 90_000


def test_a_clock_that_drifts_backwards_never_goes_back() -> None:
    """-900,000 ppm is the slowest there is: time stands nearly still, and durations are true."""
    base = ManualClock(0)
    clock = VenueClock(base)
    clock.set(0, -900_000)
    told = []
    for _ in range(1_000):
        clock.advance(1)
        told.append(clock.now_ms())

    assert told == sorted(told)
    assert told[-1] == 100
    assert clock.monotonic_ns() == 1_000_000_000


async def test_faults_begin_to_the_millisecond_of_a_manual_clock(alice: Client, venue: PaperVenue) -> None:
    """One long advance passes a halt that begins and ends on the way, and stops for both."""
    await alice.control("faults", name="status", symbol="BTCUSDT", after_ms=1_234, duration_ms=77)
    seen = []
    set_status = venue.exchange.set_status
    venue.exchange.set_status = lambda symbol, status: (  # type: ignore[method-assign]
        seen.append((venue.session.time_ms, status)), set_status(symbol, status)
    )  # fmt: skip
    began_ms = venue.session.time_ms
    await alice.control("advance", ms=10_000)

    assert seen == [(began_ms + 1_234, "HALT"), (began_ms + 1_311, "TRADING")]


def test_a_clock_that_is_wrong_from_the_start(start: Any) -> None:
    """--fault clock:offset_ms=...: the venue opens an hour ahead."""
    process = start("--fault", f"clock:offset_ms={HOUR_MS}")
    rest = json.loads(process.stdout.readline())["rest"]
    told = httpx.get(f"{rest}/api/v3/time", trust_env=False).json()["serverTime"]

    assert abs(told - time.time() * 1_000 - HOUR_MS) < 5_000


# -- faults among each other


@pytest.mark.parametrize("first_out", [0, 1])
async def test_two_faults_of_one_symbol_end_in_any_order(
    alice: Client, venue: PaperVenue, first_out: int
) -> None:
    """What is left goes on, and at the end everything is as it was before the first."""

    def now() -> tuple[str, Decimal, Decimal]:
        listed = venue.exchange.instruments["BTCUSDT"]
        return listed.status, listed.tick_size, listed.min_notional

    before = now()
    symbol = {"symbol": "BTCUSDT"}
    pairs = [
        (
            await alice.control("faults", name="status", status=status, **symbol),
            await alice.control("faults", name="filters", **symbol, **bounds),
        )
        for status, bounds in (
            ("HALT", {"tick_size": "0.5", "min_notional": "7"}),
            ("BREAK", {"tick_size": "1"}),
        )
    ]
    assert now() == ("BREAK", Decimal(1), Decimal(7))
    for fault in pairs[first_out]:
        await remove(alice, fault)
    left = ("BREAK", Decimal(1), before[2]) if first_out == 0 else ("HALT", Decimal("0.5"), Decimal(7))
    assert now() == left
    for fault in pairs[1 - first_out]:
        await remove(alice, fault)
    assert now() == before


async def test_a_fault_that_cannot_begin_when_its_time_comes_stops_nothing(
    alice: Client, venue: PaperVenue
) -> None:
    """More than the account has by then: listed as refused with the reason, and the venue goes on."""
    await alice.control(
        "faults", name="transfer", account="account-1", asset="BTC", amount="-10", after_ms=100
    )
    await alice.control("faults", name="status", symbol="BTCUSDT", after_ms=100)
    await alice.limit("SELL", "1", "70000")
    await alice.control("advance", ms=200)
    headers = {"Authorization": f"Bearer {venue.control.secret}"}
    listed = (await alice.http.get(f"{venue.control.url}/faults", headers=headers)).json()

    assert [one["state"] for one in listed] == ["refused", "active"]
    assert "amount" in listed[0]["error"]
    assert venue.exchange.balances("account-1")["BTC"].free == 9
    assert (await alice.get("/api/v3/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["status"] == "HALT"


async def test_what_was_to_come_keeps_its_distance_when_the_clock_jumps(
    alice: Client, venue: PaperVenue
) -> None:
    """A rejection in 500 ms and a halt in 600 ms come then, not at once and not in an hour."""
    await alice.control("faults", name="late_reject", ms=500)
    await alice.limit("BUY", "0.01", "59000")
    await alice.control("faults", name="status", symbol="BTCUSDT", after_ms=600)
    await alice.control("faults", name="clock", offset_ms=HOUR_MS)
    seen = []
    for _ in range(3):
        await alice.control("advance", ms=250)
        seen.append(
            (len(venue.exchange.open_orders("account-1")), venue.exchange.instruments["BTCUSDT"].status)
        )

    assert seen == [(1, "TRADING"), (0, "TRADING"), (0, "HALT")]
