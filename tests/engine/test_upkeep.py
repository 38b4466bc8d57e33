"""What a link does unasked: its clock follows the venue's, and its connections stand ready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.http1 import Connection
from quantlab.binance.signing import Credentials
from quantlab.binance.transport import Transport
from quantlab.clock import NS_PER_MS, SystemClock
from quantlab.engine.upkeep import READY, keep_clock, keep_warm
from quantlab.paper.faults.reading import from_text
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret


class Settable(SystemClock):
    """The machine's clock, which somebody sets; time itself goes on."""

    set_by_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.set_by_ms


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    async with PaperVenue(market="none") as venue:
        yield venue


@contextlib.asynccontextmanager
async def running(work: object) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def client_of(venue: PaperVenue, clock: SystemClock) -> BinanceClient:
    key, secret = venue.accounts[0]
    return BinanceClient(venue.rest, clock=clock, credentials=Credentials(key, Secret(secret)))


def idle(transport: Transport) -> list[Connection]:
    assert transport._http is not None
    return list(transport._http.pool._idle)


def error_ms(client: BinanceClient, venue: PaperVenue) -> float:
    """How far what we take for the venue's time is ahead of it; behind is below zero."""
    return client.venue_clock.now_ms() - venue.session.clock.now_ms()


@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000, 4_000, -4_000])
async def test_a_venue_whose_clock_jumps_is_followed(venue: PaperVenue, jump_ms: int) -> None:
    """N29: seconds or an hour, either way; never ahead afterwards, and behind by little more than is said."""
    async with client_of(venue, SystemClock()) as client:
        await client.sync_clock()
        async with running(keep_clock(client, every_s=0.1)):
            venue.session.faults.add(from_text(f"clock:offset_ms={jump_ms}"))
            await until(lambda: abs((client.venue_clock.offset_ms or 0) - jump_ms) < 100)
            assert (await client.account()).can_trade
        uncertainty = client.venue_clock.uncertainty_ms
        assert uncertainty is not None
        assert -2 * uncertainty - 20 <= error_ms(client, venue) <= 1


async def test_a_venue_whose_clock_drifts_is_followed(venue: PaperVenue) -> None:
    """N29: 20 ms a second, faster and slower: measured again and again, the error stays small."""
    async with client_of(venue, SystemClock()) as client:
        await client.sync_clock()
        offset_ms = client.venue_clock.offset_ms or 0
        for drift in (20_000, -40_000):
            fault = venue.session.faults.add(from_text(f"clock:drift_ppm={drift}"))
            async with running(keep_clock(client, every_s=0.1)):
                errors = []
                for _ in range(20):
                    await asyncio.sleep(0.05)
                    uncertainty_ms = client.venue_clock.uncertainty_ms or 0  # a slow answer tells less
                    errors.append(abs(error_ms(client, venue)) - 2 * uncertainty_ms)
            assert max(errors) < 30  # 40 after a second that nobody measured
            assert abs((client.venue_clock.offset_ms or 0) - offset_ms) > 5  # it did drift
            venue.session.faults.remove(fault.number)


async def test_a_machine_whose_clock_is_set_is_noticed_before_the_minute_is_over(venue: PaperVenue) -> None:
    """N29, K20: the wall clock against the monotonic one tells; a signed read then passes at once."""
    clock = Settable()
    async with client_of(venue, clock) as client:
        await client.sync_clock()
        assert abs(client.venue_clock.jumped_ms) < 50
        async with running(keep_clock(client, every_s=60, look_s=0.05)):
            clock.set_by_ms = -3_600_000
            assert client.venue_clock.jumped_ms == pytest.approx(-3_600_000, abs=50)
            await until(lambda: abs((client.venue_clock.offset_ms or 0) - 3_600_000) < 100)
        assert abs(client.venue_clock.jumped_ms) < 50
        assert client._resyncs == 0  # nobody had to refuse us first


def test_a_clock_that_was_never_measured_has_not_jumped() -> None:
    client = BinanceClient("http://127.0.0.1:1", clock=SystemClock())
    assert client.venue_clock.jumped_ms == 0
    assert client.venue_clock.monotonic_ns() // NS_PER_MS > 0


async def test_connections_stand_ready_and_are_made_anew_when_the_venue_ends_them(venue: PaperVenue) -> None:
    """One for the next request and one spare, of each client."""
    async with client_of(venue, SystemClock()) as first, client_of(venue, SystemClock()) as second:
        pools = [each._transport for each in (first, second)]
        async with running(keep_warm(first, second, every_s=0.05)):
            await until(lambda: all(each.handshakes == READY for each in pools))
            await asyncio.sleep(0.3)
            assert [each.handshakes for each in pools] == [READY, READY]
            await until(lambda: all(len(idle(each)) == READY for each in pools))  # no ping is under way
            for each in pools:
                for connection in idle(each):
                    connection.drop()
            await until(lambda: all(each.handshakes == 2 * READY for each in pools))
