from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from quantlab.clock import Clock, ManualClock, SystemClock
from quantlab.domain.venue import HealthState, Level, VenueHealth
from quantlab.health.monitor import Monitor
from quantlab.health.probes import Pinger, Prober, Sources

OK, DEGRADED, STOPPED = HealthState.OK, HealthState.DEGRADED, HealthState.STOPPED


class Streams:
    def __init__(self) -> None:
        self.connected = True
        self.last_message_ns: int | None = None
        self.reconnects = 0


class Venue:
    """What the engine would wire up; a test changes it by hand."""

    def __init__(self) -> None:
        self.streams: Streams | None = Streams()
        self.live = True
        self.books = (1, 1)
        self.clock: tuple[float | None, float | None] = (0.5, 1.0)
        self.pings = 0

    async def ping(self) -> None:
        self.pings += 1
        await asyncio.sleep(0)

    def sources(self, **changes: Callable[[], object]) -> Sources:
        settings: dict[str, object] = {
            "streams": lambda: self.streams,
            "books": lambda: self.books,
            "clock": lambda: self.clock,
            "user_live": lambda: self.live,
            "kernel_lag": lambda: 1.0,
            "wire_lag": lambda: 1.0,
        }
        return Sources(**{**settings, **changes})  # type: ignore[arg-type]


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def told() -> list[VenueHealth]:
    return []


def make(venue: Venue, told: list[VenueHealth], **changes: object) -> Monitor:
    settings: dict[str, object] = {
        "venue": "paper",
        "level": Level.PAPER,
        "clock": SystemClock(),
        "sources": venue.sources(),
        "ping": venue.ping,
        "emit": told.append,
        "period_s": 0.05,
        "fast_s": 0.005,
        "ping_every_s": 0.02,
    }
    return Monitor(**{**settings, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def running(monitor: Monitor) -> AsyncIterator[Monitor]:
    task = asyncio.create_task(monitor.run())
    try:
        yield monitor
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.002)


def says(told: list[VenueHealth], text: str) -> bool:
    """True if the last health gives a reason with `text` in it."""
    return bool(told) and any(text in reason.text for reason in told[-1].reasons)


def state(monitor: Monitor) -> HealthState | None:
    return monitor.latest.state if monitor.latest else None


async def test_a_fit_venue_is_ok_long_before_the_first_period_is_over(
    venue: Venue, told: list[VenueHealth]
) -> None:
    async with running(make(venue, told, period_s=600.0)) as monitor:
        await until(lambda: state(monitor) is OK)

    assert [each.state.value for each in told] == ["CONNECTING", "SYNCING", "OK", "STOPPED"]


async def test_it_tells_every_period_and_each_number_once(venue: Venue, told: list[VenueHealth]) -> None:
    async with running(make(venue, told)) as monitor:
        await until(lambda: len(told) >= 8)
        assert state(monitor) is OK

    numbers = [each.sequence for each in told]
    assert numbers == sorted(set(numbers))
    assert told[-1].state is STOPPED


async def test_a_ping_that_hangs_becomes_a_reason_and_stops_nothing(
    venue: Venue, told: list[VenueHealth]
) -> None:
    async with running(make(venue, told, ping=asyncio.Event().wait, ping_timeout_s=0.02)) as monitor:
        await until(lambda: says(told, "not answered in"))
        count = len(told)
        await until(lambda: len(told) > count + 2)

    assert monitor.latest is not None
    assert all(each.rtt_ms is None for each in told)


async def test_a_ping_that_ignores_its_cancellation_stops_nothing_either(
    venue: Venue, told: list[VenueHealth]
) -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async with running(make(venue, told, ping=stubborn, ping_timeout_s=0.02)) as monitor:
        await until(lambda: says(told, "no ping was answered for"))
        count = len(told)
        await until(lambda: len(told) > count + 2)
        assert monitor.latest is not None
        assert monitor.latest.rtt_ms is None
    release.set()
    await asyncio.sleep(0)


async def test_a_ping_that_raises_is_a_reason_until_the_next_one_is_answered(
    venue: Venue, told: list[VenueHealth]
) -> None:
    broken = True

    async def ping() -> None:
        if broken:
            raise ConnectionRefusedError("nobody there")

    async with running(make(venue, told, ping=ping)):
        await until(lambda: says(told, "ConnectionRefusedError"))
        assert told[-1].rtt_ms is None
        broken = False
        await until(lambda: told[-1].rtt_ms is not None)
        assert "PROBE_FAILED" not in {reason.code for reason in told[-1].reasons}


@pytest.mark.parametrize(
    "name", ["streams", "books", "clock", "user_live", "subscribed", "gaps", "kernel_lag", "wire_lag"]
)
async def test_a_probe_that_raises_becomes_a_reason_and_never_looks_healthy(
    venue: Venue, told: list[VenueHealth], name: str
) -> None:
    def breaks() -> object:
        raise RuntimeError("broken probe")

    async with running(make(venue, told, sources=venue.sources(**{name: breaks}))):
        await until(lambda: len(told) > 5)

    before_the_end = told[-2]
    assert any("broken probe" in each.text for each in before_the_end.reasons)
    if name in ("streams", "books", "clock", "user_live", "subscribed"):
        assert OK not in {each.state for each in told}


async def test_a_listener_that_raises_does_not_end_the_monitor(venue: Venue, told: list[VenueHealth]) -> None:
    def emit(health: VenueHealth) -> None:
        told.append(health)
        raise RuntimeError("a bad listener")

    async with running(make(venue, told, emit=emit)) as monitor:
        await until(lambda: len(told) > 5)

    assert len(monitor.errors) == len(told)


async def test_the_history_holds_every_transition(venue: Venue, told: list[VenueHealth]) -> None:
    async with running(make(venue, told)) as monitor:
        await until(lambda: state(monitor) is OK)
        venue.live = False
        await until(lambda: state(monitor) is DEGRADED)

    path = [(each.before, each.after) for each in monitor.history()]
    assert path == [
        ("UNKNOWN", "CONNECTING"),
        ("CONNECTING", "SYNCING"),
        ("SYNCING", "OK"),
        ("OK", "DEGRADED"),
        ("DEGRADED", "STOPPED"),
    ]
    table = monitor.frame()
    assert list(table.columns) == ["time", "before", "after", "reasons"]
    assert "user stream is down" in table["reasons"][3]


async def test_the_first_ping_is_asked_at_once(venue: Venue, told: list[VenueHealth]) -> None:
    async with running(make(venue, told, ping_every_s=600.0)):
        await until(lambda: told and told[-1].rtt_ms is not None)

    assert venue.pings == 1


async def test_no_task_is_left_behind(venue: Venue, told: list[VenueHealth]) -> None:
    before = asyncio.all_tasks()
    async with running(make(venue, told)):
        await until(lambda: told)

    assert asyncio.all_tasks() == before


# Probes -------------------------------------------------------------------------------------


def prober(venue: Venue, clock: Clock, **changes: Callable[[], object]) -> Prober:
    return Prober(venue.sources(**changes), Pinger(venue.ping, clock), clock)


async def test_with_a_fixed_clock_no_duration_is_measured_and_the_venue_is_ok_all_the_same(
    venue: Venue, told: list[VenueHealth]
) -> None:
    clock = ManualClock()
    assert venue.streams is not None
    venue.streams.last_message_ns = 0
    venue.clock = (0.0, None)
    async with running(make(venue, told, clock=clock)) as monitor:
        await until(lambda: venue.pings > 2 and state(monitor) is OK)
        clock.advance(600_000)  # by hand: no ping is ten minutes late for that
        monitor.look()
        health = told[-1]

    assert (health.state, health.as_of_ms) == (OK, clock.now_ms())
    assert not [reason.text for reason in health.reasons if "ping" in reason.text]
    for field in ("rtt_ms", "message_age_ms", "kernel_lag_ms", "wire_lag_ms", "clock_uncertainty_ms"):
        assert getattr(health, field) is None
        assert f"{field}: clock is fixed." in {reason.text for reason in health.reasons}


def test_the_age_of_the_newest_message_is_by_the_monotonic_clock(venue: Venue) -> None:
    class Running(ManualClock):
        fixed = False

    clock = Running()
    clock.advance(5_000)
    assert venue.streams is not None
    assert prober(venue, clock).sample().message_age_ms is None
    venue.streams.last_message_ns = 1_000_000_000

    assert prober(venue, clock).sample().message_age_ms == 4_000.0


def test_without_credentials_there_is_no_user_stream_and_a_reason(venue: Venue) -> None:
    sources = Sources(streams=lambda: None, books=lambda: (0, 0), clock=lambda: (None, None))
    sample = Prober(sources, Pinger(venue.ping, SystemClock()), SystemClock()).sample()

    assert sample.connected is None
    assert sample.user_stream is None
    assert "no API key" in sample.missing["user_stream"]


async def test_the_typical_round_trip_is_the_median_of_three(venue: Venue) -> None:
    class Running(ManualClock):
        fixed = False

    clock = Running()
    took = iter([10, 500, 20])

    async def ping() -> None:
        clock.advance(next(took))

    pinger = Pinger(ping, clock)
    seen = []
    for _ in range(3):
        await pinger.once()
        seen.append((pinger.rtt_ms, pinger.typical_ms))

    assert seen == [(10.0, None), (500.0, None), (20.0, 20.0)]
