"""The engine end to end on its embedded venue: from start to a filled order, HALT and back."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.commands import CancelAll, Halt, Resume, SubmitOrder
from quantlab.control.tokenstore import TokenStore
from quantlab.domain.venue import HealthState
from quantlab.engine import Engine
from quantlab.engine.faces import DURATIONS
from quantlab.errors import (
    ConfigError,
    EngineStopped,
    Halted,
    NotArmed,
    OffGrid,
    OrderDenied,
    TokenRefused,
    UnknownSymbol,
)
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.topics import FILL, TRADE
from quantlab.trading.journal import load_key, read, verify
from quantlab.trading.rails import Exposure, Rails, fused
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.states import OrderState

LOW = "59000"  # a price that the standing market does not trade at


async def test_a_market_order_is_filled_and_the_ledger_equals_the_venues(engine: Engine) -> None:
    before = {each.asset: each for each in (await engine.binance.account()).balances}
    order = await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.02")))
    after = {each.asset: each for each in (await engine.binance.account()).balances}
    fills = list(engine.portfolio.fills)

    assert order.state is OrderState.FILLED
    assert sum(fill.quantity for fill in fills) == Decimal("0.02")
    spent = sum((fill.quote_quantity for fill in fills), Decimal(0))
    fees = sum((fill.commission for fill in fills), Decimal(0))
    assert {fill.commission_asset for fill in fills} == {"BTC"}
    assert before["USDT"].free - after["USDT"].free == spent
    assert after["BTC"].free - before["BTC"].free == Decimal("0.02") - fees
    assert {name: engine.portfolio.balances[name].free for name in ("BTC", "USDT")} == {
        name: after[name].free for name in ("BTC", "USDT")
    }


async def test_a_resting_order_is_taken_and_not_filled_until_a_report_says_so(engine: Engine) -> None:
    order = await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", LOW)))

    assert order.state is OrderState.TAKEN
    assert order.filled == 0
    assert [each.client_order_id for each in await engine.binance.open_orders()] == [order.client_order_id]
    await engine.execute(CancelAll("BTCUSDT"))
    assert engine.orders.get(order.client_order_id).state is OrderState.CANCELED


async def test_a_denied_order_explains_itself_and_never_reaches_the_venue(engine: Engine) -> None:
    request = limit_order("BUY", "BTCUSDT", "5", "60000")
    with pytest.raises(OrderDenied) as denied:
        await engine.execute(SubmitOrder(request))

    assert "max_order_notional" in [verdict.rail for verdict in denied.value.breaches]
    assert len(denied.value.verdicts) > len(denied.value.breaches)
    assert engine.explain(request).breaches == denied.value.breaches
    assert await engine.binance.open_orders() == []
    assert "intent" not in [line.kind for line in read(engine.journal.path)]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (limit_order("BUY", "BTCUSDT", "0.01", "60000.001"), OffGrid),
        (limit_order("BUY", "BTCUSDT", "0.0100001", "60000"), OffGrid),
        (market_order("BUY", "NOPEUSDT", "1"), UnknownSymbol),
    ],
)
async def test_a_bad_order_is_refused_by_field_before_anything_happens(
    engine: Engine, request_: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await engine.execute(SubmitOrder(request_))

    assert len(engine.orders) == 0


async def test_an_unarmed_kernel_can_look_and_halt_but_not_act(
    start: Callable[..., Engine], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "MADE", [None] * 4)
    engine = start(settings)
    await engine.ready()
    assert None not in fused.MADE, "the first order would wait until its rails are made"
    with pytest.raises(NotArmed, match="%ql arm"):
        await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))

    assert (await engine.market.book("BTCUSDT", 3)).state == "synced"
    await engine.execute(Halt("drill"))
    assert engine.latch.is_set


async def test_a_wrong_token_and_no_token_are_refused(
    start: Callable[..., Engine], settings: Settings
) -> None:
    engine = start(settings)
    await engine.ready()

    with pytest.raises(TokenRefused):
        engine.arm(Secret("qlt_" + "a" * 49))
    with pytest.raises(ConfigError, match="QUANTLAB_TOKEN_FILE"):
        engine.arm_from_file()
    assert engine.session is None


async def test_lockouts_count_by_the_real_clock_in_deterministic_mode_too(
    start: Callable[..., Engine], settings: Settings, token: Secret, tmp_path: Path
) -> None:
    """The throttle is shared by all kernels of the home: a fixed clock must neither freeze nor mute it."""
    engine = start(settings)
    await engine.ready()
    wrong = Secret(TokenStore(tmp_path / "elsewhere", SystemClock()).new("not ours"))
    for _ in range(5):
        with pytest.raises(TokenRefused):
            engine.arm(wrong)
    with pytest.raises(TokenRefused, match="wait 1 s"):
        engine.arm(token)
    await asyncio.sleep(1.1)
    engine.arm(token)


async def test_halt_cancels_what_is_open_denies_what_is_new_and_resume_needs_a_reason(engine: Engine) -> None:
    order = await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", LOW)))
    engine.halt("drill")
    with pytest.raises(Halted, match="drill"):
        await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    async with asyncio.timeout(30):
        while engine.orders.get(order.client_order_id).state is not OrderState.CANCELED:
            await asyncio.sleep(0.02)

    assert await engine.binance.open_orders() == []
    await engine.execute(Resume("drill over"))
    assert (
        await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    ).state is OrderState.FILLED


async def test_the_halt_file_halts_and_resume_removes_it(engine: Engine, settings: Settings) -> None:
    (settings.home / "halt").write_text("from the command line")
    async with asyncio.timeout(30):
        while not engine.latch.is_set:
            await asyncio.sleep(0.02)

    assert engine.latch.reason == "from the command line"
    await engine.execute(Resume("seen"))
    await asyncio.sleep(0.15)
    assert not engine.latch.is_set
    assert not (settings.home / "halt").exists()


async def test_one_journal_line_stands_before_each_order_and_the_chain_verifies(
    engine: Engine, settings: Settings
) -> None:
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    path = engine.journal.path
    await engine.aclose()
    kinds = [line.kind for line in read(path)]

    assert kinds.index("control.armed") < kinds.index("control.accepted") < kinds.index("intent")
    assert kinds.index("intent") < kinds.index("outcome")
    assert verify(path, load_key(settings.home)).ok


async def test_after_time_was_moved_the_health_is_as_old_as_the_prices(engine: Engine) -> None:
    """Moved by hand, minutes pass in a moment: what was measured before them says nothing of now."""
    for _ in range(2):
        await engine.market.advance(20)
        seen = engine.parts_of(market_order("BUY", "BTCUSDT", "0.001"))[0].exposure
        assert (seen.health, seen.health_age_ms, seen.now_ms) == ("OK", 0, engine.clock.now_ms())


async def test_events_reach_the_bus_and_the_market_moves_only_on_request(engine: Engine) -> None:
    trades: list[object] = []
    engine.bus.subscribe(TRADE, trades.append)
    await asyncio.sleep(0.1)
    assert trades == []
    await engine.market.advance(3)
    assert len(trades) > 5
    fills: list[object] = []
    engine.bus.subscribe(FILL, fills.append)
    await engine.execute(SubmitOrder(market_order("SELL", "BTCUSDT", "0.01")))
    await engine.bus.settle()

    assert fills == list(engine.portfolio.fills)


async def test_a_market_can_be_advanced_as_often_as_one_likes(engine: Engine) -> None:
    """Each advance asks on the stream's socket whether all has come; our own venue does not count that."""
    for _ in range(12):
        await engine.market.advance(0.1)

    assert engine.linked().streams.reconnects == 0


async def test_two_deterministic_sessions_are_equal(start: Callable[..., Engine], settings: Settings) -> None:
    sessions = []
    for _ in range(2):
        engine = start(settings)
        await engine.ready()
        trades: list[object] = []
        engine.bus.subscribe(TRADE, trades.append)
        await engine.market.advance(2)
        sessions.append((trades, await engine.market.book("BTCUSDT"), engine.clock.now_ms()))
        await engine.aclose()

    assert sessions[0][0]
    assert sessions[0] == sessions[1]


async def test_a_killed_venue_is_shown_as_down_and_takes_no_order(
    start: Callable[..., Engine], settings: Settings, token: Secret
) -> None:
    engine = start(settings, deterministic=False)
    await engine.ready()
    await engine.health.until_ok()
    engine.arm(token)
    assert engine._venue is not None
    assert engine._venue.pid is not None
    os.kill(engine._venue.pid, signal.SIGKILL)
    await engine.health.until(HealthState.DOWN, timeout_s=60)

    with pytest.raises(OrderDenied, match="process has ended; %reload_ext quantlab") as denied:
        await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    assert "trading_state" in [verdict.rail for verdict in denied.value.breaches]
    assert "process has ended" in dict(engine.status())["trading"]
    assert any("process has ended" in reason.text for reason in engine.health.snapshot.reasons)
    reasons = [reason.code for reason in engine.health.snapshot.reasons]
    assert "NOT_CONNECTED" in reasons


async def test_while_it_starts_it_says_so_and_speaks_of_no_key(
    start: Callable[..., Engine], settings: Settings
) -> None:
    engine = start(settings)

    assert "the engine is starting" in engine.trading_state()
    await engine.ready()
    assert engine.trading_state() == "ACTIVE"


async def test_k19_a_cell_that_replaces_asyncio_sleep_or_nests_the_loop_stops_trading(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K19: tasks that wake too early, or inside each other, are no ground for an order; it says so."""
    sleep = asyncio.sleep
    order = SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58000"))
    for target, name, value, word in (
        (asyncio, "sleep", functools.partial(sleep), "asyncio.sleep was replaced"),
        (engine.wire.home, "_nest_patched", True, "nest_asyncio"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, value, raising=False)
            assert word in engine.trading_state()
            with pytest.raises(OrderDenied, match=word):
                await engine.execute(order)
        assert (await engine.execute(order)).state is OrderState.TAKEN  # type: ignore[attr-defined]


async def test_an_order_that_is_awaited_while_the_engine_starts_waits_for_it(
    start: Callable[..., Engine], settings: Settings, token: Secret
) -> None:
    engine = start(settings)
    engine.arm(token)
    with pytest.raises(EngineStopped, match="starting"):
        engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01"))).send()
    order = await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))

    assert order.state is OrderState.FILLED


async def test_the_first_order_in_a_listed_symbol_starts_its_streams(
    start: Callable[..., Engine], settings: Settings, token: Secret
) -> None:
    engine = start(settings, deterministic=False)
    await engine.ready()
    engine.arm(token)
    assert engine.watched == ("BTCUSDT",)
    order = await engine.execute(SubmitOrder(market_order("BUY", "DOGEUSDT", "100")))

    assert order.state is OrderState.FILLED
    assert "DOGEUSDT" in dict(engine.status())["streams"]


async def test_a_profile_with_a_symbol_that_is_not_listed_names_it(
    start: Callable[..., Engine], home: Path, tmp_path: Path
) -> None:
    async with PaperVenue() as venue:
        profile = tmp_path / "typo.toml"
        profile.write_text(
            f'rest = "{venue.rest}"\nws = "{venue.ws}"\nws_api = "{venue.ws_api}"\nsymbols = ["BTCUSD"]\n'
        )
        engine = start(
            Settings.from_environment({"QUANTLAB_HOME": str(home), "QUANTLAB_VENUE": str(profile)}),
            deterministic=False,
        )
        with pytest.raises(UnknownSymbol, match="BTCUSD' is not listed"):
            await engine.ready()
        assert "%reload_ext quantlab" in engine.problem


async def test_durations_in_the_health_frame_are_numbers(engine: Engine) -> None:
    table = engine.health.frame()

    assert isinstance(table.index, pd.DatetimeIndex)
    assert {str(table[name].dtype) for name in DURATIONS} == {"float64"}


async def test_a_closed_engine_says_so_and_closing_again_changes_nothing(engine: Engine) -> None:
    await engine.aclose()
    await engine.aclose()

    with pytest.raises(EngineStopped):
        await engine.ready()
    with pytest.raises(EngineStopped):
        await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))


async def test_a_halt_spends_little_of_what_the_venue_allows(
    start: Callable[..., Engine], settings: Settings
) -> None:
    """It looks again and again; at the venue's price for looking at everything, ten HALTs would block it."""
    engine = start(settings, deterministic=False)
    await engine.ready()

    async def spent() -> int:
        await engine.binance.ping()
        return engine.client_limits.used("REQUEST_WEIGHT", "1M") or 0

    if time.time() % 60 > 50:  # the venue counts by the minute
        await asyncio.sleep(10.5)
    before = await spent()
    engine.halt("enough")
    await asyncio.sleep(2.5)  # five looks
    after = await spent()

    assert 80 <= after - before <= 160, "one look at everything, and small ones"


async def test_the_first_look_of_a_halt_and_the_last_are_at_symbols_that_nobody_watches_here(
    start: Callable[..., Engine], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program of this account has an order there, and sends one more while the HALT goes on."""
    monkeypatch.setattr("quantlab.engine.halting.LOOKS_S", (1.0, 1.0))
    engine = start(settings, deterministic=False)
    await engine.ready()
    halting, key, secret = engine.halting, engine.settings.api_key, engine.settings.api_secret
    assert key
    assert secret is not None
    assert "DOGEUSDT" not in engine.watched
    doge = engine.portfolio.instruments["DOGEUSDT"]  # what it may move of it, this engine has not asked
    doge = msgspec.structs.replace(doge, rules=msgspec.structs.replace(doge.rules, assets_known=True))
    seen = Exposure.alone(
        instrument=doge, reference_price=Decimal("0.1"), price_age_ms=0,
        balances=engine.portfolio.balances.values(),
    )  # fmt: skip
    async with BinanceClient(
        engine.settings.rest, clock=SystemClock(), credentials=Credentials(key, secret)
    ) as elsewhere:

        async def rest(name: str) -> None:
            request = limit_order("BUY", "DOGEUSDT", "1000", "0.1")
            request = msgspec.structs.replace(request, client_order_id=name)
            _, permit = Rails().decide(request, seen, now_ns=time.monotonic_ns(), state_sequence=0)
            assert permit is not None
            await elsewhere.submit_order(request, permit)

        await rest("before")
        engine.halt("drill")
        while halting.cancelled is None:
            await asyncio.sleep(0.01)
        first = halting.cancelled
        await rest("late")
        async with asyncio.timeout(60):
            while halting.cancelled == first:
                await asyncio.sleep(0.01)

        assert (first, halting.cancelled) == (1, 2)
        assert await elsewhere.open_orders() == []


async def test_the_limits_of_the_venue_are_a_table_of_what_is_used_and_what_is_kept_back(
    engine: Engine,
) -> None:
    """The venue's own number after each answer; more of it is left for orders than for reads."""
    before = engine.binance.limits.frame().set_index(["kind", "window"]).loc[("REQUEST_WEIGHT", "1M")]
    await engine.binance.order_book("BTCUSDT", limit=5_000)
    after = engine.binance.limits.frame().set_index(["kind", "window"]).loc[("REQUEST_WEIGHT", "1M")]

    assert 250 <= after["used"] - before["used"] < 270  # the health asks a little meanwhile
    assert after["headroom"] + after["used"] + after["in_flight"] == after["limit"] == 6_000
    assert after["for_reads"] < after["for_orders"] < after["for_cancels"] < after["for_halt"]
    assert after["as_of"].tzinfo is not None
    assert "REQUEST_WEIGHT 1M" in repr(engine.binance.limits)
    assert "limits" in dir(engine.binance)
