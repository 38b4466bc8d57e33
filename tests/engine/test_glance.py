"""What an engine says of itself to whoever looks from another thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from quantlab.clock import ManualClock
from quantlab.config import Settings
from quantlab.control.commands import Resume, SubmitOrder
from quantlab.domain.orders import Side
from quantlab.domain.venue import HealthState
from quantlab.engine import Engine
from quantlab.engine.glance import ARMED, NO_TOKEN_ASKED, NOT_ARMED
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order


async def test_it_says_what_runs_and_who_may_act(engine: Engine) -> None:
    """Level, health, trading and armed, as `%ql status` has them."""
    await engine.health.until_ok()
    seen = engine.glances.take()

    assert (seen.engine, seen.level, seen.actions) == ("running", "L0 paper", ARMED)
    assert seen.health is not None
    assert seen.health.state is HealthState.OK
    assert seen.trading == "ACTIVE"
    assert (seen.halted, seen.cancelled) == (False, None)

    engine.disarm()
    assert engine.glances.take().actions == NOT_ARMED


async def test_before_anything_is_known_nothing_is_invented(
    start: Callable[..., Engine], settings: Settings
) -> None:
    """No health, no trading, not armed."""
    seen = start(settings).glances.take()

    assert (seen.engine, seen.health, seen.actions) == ("starting", None, NOT_ARMED)
    assert seen.trading.startswith("HALTED: ")


async def test_an_arming_that_has_expired_is_not_shown_as_armed(engine: Engine) -> None:
    """Also while the main thread says nothing new: a cell blocks it."""
    assert isinstance(engine.clock, ManualClock)
    left_ms = engine.desk.status().left_ms
    assert left_ms is not None

    engine.clock.advance(left_ms - 1)
    assert engine.glances.take().actions == ARMED
    engine.clock.advance(1)
    assert engine.glances.take().actions == NOT_ARMED


async def test_a_halt_shows_before_the_main_thread_knows_of_it(engine: Engine) -> None:
    """The latch is asked itself; what it cancelled is counted, and starts anew with the next HALT."""
    for price in ("59000", "59001"):
        await engine.execute(SubmitOrder(limit_order(Side.BUY, "BTCUSDT", "0.001", price)))
    engine.halt("enough")
    seen = engine.glances.take()  # without a turn of the loop in between
    assert seen.halted
    assert seen.trading == "HALTED: enough"

    while (engine.glances.take().cancelled or 0) < 2:
        await asyncio.sleep(0.01)
    assert engine.glances.take().cancelled == 2

    await engine.execute(Resume("done"))
    seen = engine.glances.take()
    assert (seen.halted, seen.halt_reason, seen.cancelled) == (False, "", None)
    engine.halt("again")
    while engine.glances.take().cancelled is None:
        await asyncio.sleep(0.01)
    assert engine.glances.take().cancelled == 0


async def test_a_token_that_is_lifted_is_said(start: Callable[..., Engine], settings: Settings) -> None:
    """GLASS_COCKPIT=1 is no way of being armed."""
    home = str(settings.home)
    engine = start(Settings.from_environment({"QUANTLAB_HOME": home, "GLASS_COCKPIT": "1"}))
    await engine.ready()

    assert engine.glances.take().actions == NO_TOKEN_ASKED


async def test_a_dead_venue_shows_while_the_main_thread_is_busy(engine: Engine) -> None:
    """Its process is looked at from whatever thread asks."""
    venue = engine._venue
    assert venue is not None
    assert venue._process is not None
    venue._process.kill()
    deadline = time.monotonic() + 30
    while "process has ended" not in engine.glances.take().trading and time.monotonic() < deadline:
        time.sleep(0.01)  # the loop does not turn

    assert "process has ended" in engine.glances.take().trading


@pytest.mark.parametrize("real_clock", [True])
async def test_a_blocked_loop_is_measured_while_it_is_blocked(
    start: Callable[..., Engine], settings: Settings, token: Secret, real_clock: bool
) -> None:
    """K3: From the wire, not afterwards; and measured values are anew at each glance."""
    engine = start(settings, deterministic=not real_clock)
    await engine.ready()
    before = engine.glances.take()
    time.sleep(1.0)
    during = engine.glances.take()

    assert during.busy_ms is not None
    assert during.busy_ms > 500
    assert during.health is not None
    assert before.health is not None
    assert during.health.as_of_ms > before.health.as_of_ms, "no sample is due, and yet it is of now"
