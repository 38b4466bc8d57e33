"""A recorded market as the venue: an order of ours is filled by the trades of that day."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from quantlab.config import Settings
from quantlab.control.commands import SubmitOrder
from quantlab.engine import Engine
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order
from quantlab.trading.states import OrderState


def traded_prices(tape: Path) -> set[Decimal]:
    """Every price at which a trade was recorded."""
    prices = set()
    with gzip.open(tape, "rt") as lines:
        for line in lines:
            message = json.loads(line.split(" ", 1)[1])
            if message.get("stream", "").endswith("@trade"):
                prices.add(Decimal(message["data"]["p"]))
    return prices


def settings_of(venue: PaperVenue, home: Path, folder: Path) -> Settings:
    profile = folder / "tape.toml"
    profile.write_text(f'rest = "{venue.rest}"\nws = "{venue.ws}"\nws_api = "{venue.ws_api}"\n')
    key, secret = venue.accounts[0]
    return Settings.from_environment(
        {
            "QUANTLAB_HOME": str(home),
            "QUANTLAB_VENUE": str(profile),
            "QUANTLAB_API_KEY": key,
            "QUANTLAB_API_SECRET": secret,
        }
    )


@pytest.mark.timeout(120)
async def test_a_limit_order_is_filled_by_the_tape_at_a_price_it_traded_at_and_the_ledger_adds_up(
    shared: Path, home: Path, token: Secret, tmp_path: Path, start: Callable[..., Engine]
) -> None:
    tape = shared / "data" / "spot_btcusdt_20240808.gz"
    prices = traded_prices(tape)
    async with PaperVenue(market="tape", tape=tape, speed=10, hold=True) as venue:
        engine = start(settings_of(venue, home, tmp_path), deterministic=False)
        await engine.ready()
        engine.arm(token)
        async with httpx.AsyncClient(trust_env=False) as control:
            reply = await control.post(
                f"{venue.control.url}/play",
                json={"speed": 10},
                headers={"Authorization": f"Bearer {venue.control.secret}"},
            )
            assert reply.status_code == 200
        await engine.health.until_ok(20)
        while engine.quotes.get("BTCUSDT") is None:
            await asyncio.sleep(0.02)
        before = {each.asset: each for each in (await engine.binance.account()).balances}
        best = (await engine.market.book("BTCUSDT", 1)).bids[0][0]
        price = max(each for each in prices if each < best - 40)  # rests, and the tape will trade there
        order = await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", price)))
        while engine.orders.get(order.client_order_id).state is not OrderState.FILLED:
            await asyncio.sleep(0.05)
        after = {each.asset: each for each in (await engine.binance.account()).balances}
        fills = list(engine.portfolio.fills)

    assert {fill.price for fill in fills} == {price}
    assert {fill.is_maker for fill in fills} == {True}
    assert sum(fill.quantity for fill in fills) == Decimal("0.01")
    fees = sum((fill.commission for fill in fills), Decimal(0))
    assert before["USDT"].free - after["USDT"].free == sum(fill.quote_quantity for fill in fills)
    assert after["BTC"].free - before["BTC"].free == Decimal("0.01") - fees
    position = engine.portfolio.positions["BTCUSDT"]
    assert position.quantity - position.fees["BTC"] == after["BTC"].free - before["BTC"].free
