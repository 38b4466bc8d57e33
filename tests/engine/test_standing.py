"""From the first reconciliation on the books are compared with the venue's, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from quantlab.config import Settings
from quantlab.control.commands import CancelOrder, SubmitOrder
from quantlab.engine import Engine
from quantlab.engine.rhythm import BUSY_SHARE, Rhythm
from quantlab.errors import OrderDenied
from quantlab.notebook.portfolio_face import PortfolioFace
from quantlab.paper.faults.reading import from_text
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.topics import ReconcileChange
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.states import OrderState

QUICK = Rhythm(every_s=0.2, again_s=0.2)
LOW = limit_order("BUY", "BTCUSDT", "0.01", "58000")


class Place(NamedTuple):
    """A venue of our own, an armed engine that compares often, and what it told of its comparisons."""

    venue: PaperVenue
    engine: Engine
    settings: Settings
    told: list[ReconcileChange]


async def until(condition: Callable[[], object], what: str, timeout_s: float = 45) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"never came true: {what}")


def settings_of(venue: PaperVenue, home: Path, folder: Path) -> Settings:
    profile = folder / "venue.toml"
    profile.write_text(
        f'rest = "{venue.rest}"\nws = "{venue.ws}"\nws_api = "{venue.ws_api}"\nsymbols = ["BTCUSDT"]\n'
    )
    key, secret = venue.accounts[0]
    return Settings.from_environment(
        {
            "QUANTLAB_HOME": str(home), "QUANTLAB_VENUE": str(profile),
            "QUANTLAB_API_KEY": key, "QUANTLAB_API_SECRET": secret,
        }
    )  # fmt: skip


@pytest.fixture
async def place(
    start: Callable[..., Engine], home: Path, token: Secret, tmp_path: Path
) -> AsyncIterator[Place]:
    async with PaperVenue() as venue:
        settings = settings_of(venue, home, tmp_path)
        engine = start(settings, deterministic=False)
        engine.rhythm = QUICK
        await engine.ready()
        engine.arm(token)
        told: list[ReconcileChange] = []
        engine.bus.subscribe("risk.reconcile", told.append)
        yield Place(venue, engine, settings, told)
        await engine.aclose()


async def test_a_quiet_account_is_asked_cheaply_and_nothing_is_told(place: Place) -> None:
    """Looks go on and find nothing; whole reconciliations are few."""
    engine = place.engine
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    await engine.execute(SubmitOrder(LOW))
    standing = engine._standing
    looks, whole = standing.looks, standing.reconciliations
    await until(lambda: standing.looks >= looks + 4, "four looks more")
    assert standing.reconciliations <= whole + 1
    assert (place.told, engine.mismatch, engine.trading_state()) == ([], "", "ACTIVE")
    assert len(engine.portfolio.fills) == 1


async def test_a_lost_fill_is_found_told_and_gone_again(place: Place) -> None:
    """V11: the report of a fill never comes; it is booked once, with its own price, from the venue's list."""
    engine, venue = place.engine, place.venue
    heard = []
    engine.bus.subscribe("execution.>", heard.append)
    lost = venue.session.faults.add(from_text("drop:stream=user,account=account-1"))
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    await until(lambda: lost.struck, "reports are lost")
    venue.session.faults.remove(lost.number)
    await until(lambda: engine.portfolio.fills, "the fill is known")
    await until(lambda: len(place.told) == 2, "told, and told again when it is gone")

    found, gone = place.told
    assert (found.clean, gone.clean, gone.differences) == (False, True, ())
    kinds = {each.kind for each in found.differences}
    assert "UNHEARD_FILL" in kinds
    assert all(each.repaired for each in found.differences)
    fills = [each for each in heard if each.trade_id >= 0]
    assert [each.source for each in fills] == ["reconcile"]
    assert len(engine.portfolio.fills) == 1
    assert engine.trading_state() == "ACTIVE"
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    assert len(engine.portfolio.fills) == 2


async def test_an_order_placed_and_cancelled_unheard_is_shown_as_the_venue_has_it(place: Place) -> None:
    """Cancelled by somebody else while the stream told nothing: found, and its reservation freed."""
    engine, venue = place.engine, place.venue
    await engine.execute(SubmitOrder(LOW))
    (order,) = engine.orders.open()
    lost = venue.session.faults.add(from_text("drop:stream=user,account=account-1"))
    await engine.execute(CancelOrder("BTCUSDT", order.client_order_id))
    await until(lambda: order.state is OrderState.CANCELED, "the cancel is known")
    venue.session.faults.remove(lost.number)
    await until(lambda: len(place.told) >= 2 and place.told[-1].clean, "clean again")
    assert {each.kind for each in place.told[0].differences} >= {"UNHEARD_CHANGE"}
    assert engine.portfolio.reserved(order.client_order_id).base == Decimal(0)


async def test_a_venue_that_was_put_up_anew_at_the_same_address_is_noticed(
    start: Callable[..., Engine], home: Path, token: Secret, tmp_path: Path
) -> None:
    """What we hold was bought in another world: halted before the first order, and people are told why."""
    async with PaperVenue() as venue:
        settings = settings_of(venue, home, tmp_path)
        engine = start(settings, deterministic=False)
        await engine.ready()
        engine.arm(token)
        await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
        await until(lambda: engine.portfolio.fills, "a fill")
        await engine.gateway.reconcile()  # the next session asks from here on
        await engine.aclose()
        port, keys = int(venue.rest.rpartition(":")[2]), venue.session.keyring
    anew = PaperVenue(port)
    anew.session.keyring = keys
    async with anew:
        engine = start(settings, deterministic=False)
        await engine.ready()
        engine.arm(token)
        assert engine.latch.is_set
        assert "put up anew" in engine.trading_state()
        assert "put up anew" in engine.mismatch
        with pytest.raises(OrderDenied, match="put up anew"):
            await engine.execute(SubmitOrder(market_order("SELL", "BTCUSDT", "0.01")))
        assert not anew.requests
        await engine.aclose()


async def test_the_account_is_valued_and_its_peak_outlives_a_restart(
    start: Callable[..., Engine], place: Place
) -> None:
    """All assets have a price, those too that nobody watches; the day's start is the first session's."""
    engine = place.engine
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    await until(lambda: len(engine.portfolio.equity) >= 2, "two points")
    frame = engine.portfolio.equity.frame()
    assert frame["unpriced"].tolist()[-1] == ()
    assert engine.portfolio.equity_now == pytest.approx(
        Decimal(1_000_000 + 600_000 + 300_000), rel=Decimal("0.2")
    )
    assert engine.portfolio.account("BTCUSDT").equity == engine.portfolio.equity_now
    assert len(engine.portfolio.markouts) == len(engine.portfolio.slippage.frame()) == 1
    await engine.aclose()
    state = engine.portfolio.equity.state
    again = start(place.settings, deterministic=False)
    await again.ready()
    assert again.portfolio.equity.state.day_start == state.day_start
    assert state.peak is not None
    assert again.portfolio.equity.state.peak >= state.peak
    await again.aclose()


async def test_the_books_are_compared_on_request(place: Place) -> None:
    """`ql.portfolio.reconcile()`: what differed comes back as a table, and nothing the next time."""
    engine, venue = place.engine, place.venue
    face = PortfolioFace(lambda: engine)
    assert list(await face.reconcile()) == []
    engine._standing._rhythm = Rhythm(every_s=60, again_s=60)
    lost = venue.session.faults.add(from_text("drop:stream=user,account=account-1"))
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
    found = await face.reconcile()
    venue.session.faults.remove(lost.number)
    assert "UNHEARD_FILL" in found.frame()["kind"].tolist()
    assert engine.trading_state().startswith("REDUCING")
    assert list(await face.reconcile()) == []
    assert engine.trading_state() == "ACTIVE"


def test_a_lost_report_is_found_within_ten_seconds_and_costs_little() -> None:
    """V11: the pauses as they are shipped; a look costs 26 of 6,000 a minute, a whole one 120."""
    usual = Rhythm()
    assert usual.every_s + usual.again_s <= 10
    looks = 60 / usual.every_s
    assert looks * 26 + looks / usual.whole * 120 < 0.06 * 6_000
    assert BUSY_SHARE < 0.8  # the share that reads may use at all
