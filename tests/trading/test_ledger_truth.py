"""After any session our books are the venue's own ledger, to the last digit."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from papercore import Core, eventually, script
from scripted import WIDE

from quantlab.domain.orders import Side
from quantlab.errors import QuantlabError
from quantlab.paper.venue import PaperVenue
from quantlab.trading.requests import limit_order, market_order

PRICES = ("59990", "59995", "60000", "60005", "60010")


@pytest.mark.timeout(1_800)
async def test_the_books_are_the_venues_ledger_after_any_session(
    journal_at: Callable[..., Any], full: bool
) -> None:
    """Orders of two accounts that cross, rest, are cancelled and refused; fees in whatever asset pays them.

    Balances, open orders, fills and positions are what the exchange itself has; the profit of the fills less
    their fees is exactly what the account gained.
    """
    seen = Counter[str]()
    for seed in range(40 if full else 4):
        await session(seed, journal_at(f"{seed}.journal"), 300 if full else 60, seen)
    assert min(seen[name] for name in ("maker", "taker", "cancelled")) > 5, seen


async def session(seed: int, journal: Any, steps: int, seen: Counter[str]) -> None:
    """One session from its seed, held against the exchange at its end."""
    dice = random.Random(seed)
    async with PaperVenue(market="none", orders_10s=10_000) as venue:
        core = Core(venue, journal)
        core.gateway.rails.limits = WIDE
        await core.open()
        start = {each.asset: each.free + each.locked for each in core.portfolio.balances.values()}
        async with script(venue) as other:
            for _ in range(steps):
                side, size = dice.choice(list(Side)), f"0.0{dice.randint(1, 9)}"
                with contextlib.suppress(QuantlabError):
                    match dice.choice(("ours", "ours", "theirs", "theirs", "market", "cancel")):
                        case "ours":
                            await core.gateway.submit(limit_order(side, "BTCUSDT", size, dice.choice(PRICES)))
                        case "theirs":
                            await other(side, size, dice.choice(PRICES))
                        case "market":
                            await core.gateway.submit(market_order(side, "BTCUSDT", size))
                        case "cancel" if core.orders.open():
                            order = dice.choice(core.orders.open())
                            await core.gateway.cancel("BTCUSDT", order.client_order_id)
                            seen["cancelled"] += 1
        trades = venue.exchange.trades("account-1", "BTCUSDT", limit=1_000)
        await eventually(lambda: len(core.portfolio.fills) == len(trades))
        held = venue.exchange.balances("account-1")
        await eventually(
            lambda: all(
                (core.portfolio.balances[asset].free, core.portfolio.balances[asset].locked)
                == (each.free, each.locked)
                for asset, each in held.items()
            )
        )
        assert {each.client_order_id for each in core.orders.open()} == {
            each.client_order_id for each in venue.exchange.open_orders("account-1")
        }
        position, quote, fees = core.portfolio.positions["BTCUSDT"], Decimal(0), Counter[str]()
        for fill in core.portfolio.fills:
            signed = fill.quantity if fill.side == "BUY" else -fill.quantity
            quote -= signed * fill.price
            seen["maker" if fill.is_maker else "taker"] += 1
            fees[fill.commission_asset] += fill.commission
        now = {each.asset: each.free + each.locked for each in core.portfolio.balances.values()}
        assert now["BTC"] - start["BTC"] == position.quantity - fees["BTC"]
        assert now["USDT"] - start["USDT"] == quote - fees["USDT"]
        assert now["BNB"] - start["BNB"] == -fees["BNB"]
        assert dict(fees) == position.fees
        mark = Decimal(60_000)
        core.portfolio.mark("BTCUSDT", mark, 0)
        unrealised = core.portfolio.positions.unrealised("BTCUSDT")
        assert unrealised is not None
        assert position.realised + unrealised == position.quantity * mark + quote
        await core.close()
