"""The engine's ledger held against the venue's own log, after random sessions in which much goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from truth import Truth

from quantlab.config import Settings
from quantlab.control.commands import CancelOrder, SubmitOrder
from quantlab.domain.limits import Limits
from quantlab.domain.venue import HealthState
from quantlab.engine import Engine
from quantlab.errors import QuantlabError
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.states import OrderState

LIVE = (OrderState.TAKEN, OrderState.PARTIALLY_FILLED)
TRADING = ("POST /api/v3/order", "order.place")
FAULTS = (
    *(
        f"{fault},endpoint={endpoint}"
        for fault in (
            "error:code=-1007,probability=0.15",
            "error:code=-1006,when=before,probability=0.1",
            "lost_reply:probability=0.1",
            "garbled_reply:probability=0.25,shape=cut",
        )
        for endpoint in ("POST /api/v3/order", "order.place")
    ),
    "latency:ms=0,jitter_ms=60,endpoint=order.*",
    "latency:ms=0,jitter_ms=60,endpoint=* /api/v3/order",
    "duplicate:probability=0.2,stream=user,event=executionReport",
    "reorder:probability=0.1,stream=user,event=executionReport",
    "late:ms=0,jitter_ms=80,stream=user",
)


async def until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"never came true: {what}")


def settings_for(venue: PaperVenue, home: Path, folder: Path) -> Settings:
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


FIT = (HealthState.OK, HealthState.DEGRADED)


async def trade(engine: Engine, dice: random.Random, orders: int) -> None:
    """Buy and sell at the market, near it and far from it, cancel; take no error for an answer."""
    for _ in range(orders):
        await until(lambda: engine.trading_state() == "ACTIVE", "the engine trades")
        await until(lambda: engine.health.snapshot.state in FIT, "the venue is fit to trade on", 30)
        await asyncio.sleep(0.12)  # the rail order_rate allows ten in a second
        side, quantity = dice.choice(("BUY", "SELL")), f"0.00{dice.randint(1, 9)}"
        book = await engine.market.book("BTCUSDT", 1)
        if not (book.bids and book.asks):
            continue
        bid, ask = book.bids[0][0], book.asks[0][0]
        request = market_order(side, "BTCUSDT", quantity)
        if dice.random() < 0.4:
            far = Decimal(dice.choice((0, 5, 2_000)))
            request = limit_order(side, "BTCUSDT", quantity, bid - far if side == "BUY" else ask + far)
        with contextlib.suppress(QuantlabError):
            await engine.execute(SubmitOrder(request))
        if dice.random() < 0.3 and (
            resting := [each for each in engine.orders if each.state is OrderState.TAKEN]
        ):
            with contextlib.suppress(QuantlabError):
                await engine.execute(CancelOrder("BTCUSDT", dice.choice(resting).client_order_id))


def met(venue: PaperVenue) -> bool:
    """Whether every kind of fault has struck that changes what we hear."""
    struck = {each.fault.name for each in venue.session.faults.plan if each.struck}
    return struck >= {"error", "lost_reply", "garbled_reply", "duplicate", "reorder"}


def facts(fills: Iterable[Any]) -> list[tuple[object, ...]]:
    """What our fills and the log's must agree on."""
    return sorted(
        (each.trade_id, each.order_id, each.side, each.price, each.quantity, each.commission)
        for each in fills
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(6))
async def test_the_engines_ledger_is_the_venues_after_everything_went_wrong(
    start: Callable[..., Engine], home: Path, token: Secret, tmp_path: Path, full: bool, seed: int
) -> None:
    """Every fill once, every order once, the same open orders and balances, to the last digit."""
    if seed and not full:
        pytest.skip("one session; with --full as many as there are seeds")
    log = tmp_path / "venue.jsonl"
    faults = [f"{fault},seed={seed}" for fault in FAULTS]
    async with PaperVenue(log=log, faults=faults, terms=Terms(orders_10s=10_000), seed=seed) as venue:
        engine = start(settings_for(venue, home, tmp_path), deterministic=False)
        await engine.ready()
        engine.arm(token)
        engine.rails.limits = Limits(max_error_rate=Decimal(1))  # that many faults would stop the trading
        dice, rounds = random.Random(seed), 0
        await trade(engine, dice, 40)
        while not met(venue) and (rounds := rounds + 1) < 8:  # what chance has left out
            await trade(engine, dice, 10)
        assert met(venue), "some faults never struck: the test shows nothing of them"
        venue.session.faults.clear()
        await until(
            lambda: not any(each.state is OrderState.UNKNOWN for each in engine.orders), "all is known"
        )
        venue.session.market.stop(venue.session.time_ms)
        await venue.session.truth.flush()
        truth = Truth.read(log)
        await until(
            lambda: len(list(engine.portfolio.fills)) >= len(list(truth.of("account-1"))), "every fill came"
        )

        fills = facts(engine.portfolio.fills)
        position = engine.portfolio.positions["BTCUSDT"].quantity
        resting = {each.client_order_id for each in engine.orders if each.state in LIVE}
        balances = {each.asset: each.free + each.locked for each in engine.portfolio.balances.values()}
        await engine.aclose()

    assert fills == facts(truth.of("account-1"))
    assert position == truth.traded("account-1", "BTCUSDT")
    assert resting == truth.open_ids("account-1")
    assert {asset: balances[asset] for asset in ("BTC", "USDT")} == {
        asset: truth.owned("account-1")[asset] for asset in ("BTC", "USDT")
    }
    sent = Counter(each.params["newClientOrderId"] for each in truth.requests if each.endpoint in TRADING)
    assert max(sent.values()) == 1  # nothing is sent twice
    assert truth.disagreements == []
    assert len(fills) > 10
