"""What bounds this account beside the listing: asked for, kept young, and denied where it is not known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from faulty import Fault, Faulty
from test_truth import settings_for

from quantlab.config import Settings
from quantlab.control.commands import SubmitOrder
from quantlab.domain.market import BookTicker, Trade
from quantlab.engine import Engine
from quantlab.engine.ownrules import OwnRulesPace
from quantlab.engine.quotes import AVERAGE_MS, Quotes
from quantlab.errors import OrderDenied
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order, market_order

D = Decimal
QUICK = OwnRulesPace(filters_s=0.2, average_s=0.1, again_s=0.1)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(45):
        while not condition():
            await asyncio.sleep(0.01)


def buy(quantity: str, symbol: str = "BTCUSDT") -> SubmitOrder:
    return SubmitOrder(market_order("BUY", symbol, quantity))


async def test_what_the_account_may_move_is_read_before_the_first_order_and_again(
    start: Callable[..., Engine], home: Path, token: Secret, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step more than MAX_ASSET is denied here, before the venue would; a change of it is heard."""
    monkeypatch.setattr("quantlab.engine.link.OWN_RULES", QUICK)
    async with PaperVenue(most={"BTC": D("0.5")}) as venue:
        engine = start(settings_for(venue, home, tmp_path), deterministic=False)
        await engine.ready()
        engine.arm(token)
        with pytest.raises(OrderDenied, match=r"max_asset: .*0\.50001 of 0\.5 BTC"):
            await engine.execute(buy("0.50001"))
        await engine.execute(buy("0.5"))
        link = engine.linked()
        await engine.wire.call(
            link.rules.refresh
        )  # the listing knows nothing of it, and takes it from nobody
        assert engine.portfolio.instruments["BTCUSDT"].rules.max_base == D("0.5")
        assert not [each for each in engine.alarms if "changed the rules" in each]

        venue.exchange.set_most("account-1", "BTC", D("0.1"))
        venue.exchange.set_most("account-1", "USDT", D(3_000))
        await until(lambda: engine.portfolio.instruments["BTCUSDT"].rules.max_base == D("0.1"))
        with pytest.raises(OrderDenied, match="max_asset"):
            await engine.execute(buy("0.2"))
        with pytest.raises(OrderDenied, match="max_asset: .* of 3000 USDT"):
            await engine.execute(buy("0.09"))
        await engine.execute(buy("0.01"))


async def test_where_it_cannot_be_read_no_order_passes_until_it_was(
    start: Callable[..., Engine], home: Path, token: Secret, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a symbol that is watched later; cancels never ask."""
    monkeypatch.setattr("quantlab.engine.link.OWN_RULES", QUICK)
    async with PaperVenue() as venue, Faulty(venue.rest) as faulty:
        faulty.faults = [Fault("GET", "/api/v3/myFilters", status=503)]
        settings_for(venue, home, tmp_path)
        profile = tmp_path / "venue.toml"
        profile.write_text(profile.read_text().replace(venue.rest, faulty.rest))
        settings = Settings.from_environment(
            {
                "QUANTLAB_HOME": str(home), "QUANTLAB_VENUE": str(profile),
                "QUANTLAB_API_KEY": venue.accounts[0][0], "QUANTLAB_API_SECRET": venue.accounts[0][1],
            }
        )  # fmt: skip
        engine = start(settings, deterministic=False)
        await engine.ready()
        engine.arm(token)
        for symbol in ("BTCUSDT", "DOGEUSDT"):
            with pytest.raises(OrderDenied, match="UNKNOWN_MAX_ASSET"):
                await engine.execute(buy("100" if symbol == "DOGEUSDT" else "0.01", symbol))
        faulty.faults = []
        known = engine.portfolio.instruments
        await until(lambda: all(known[each].rules.assets_known for each in ("BTCUSDT", "DOGEUSDT")))
        await engine.execute(buy("0.01"))


async def test_the_average_of_the_filters_is_the_venues_own(
    start: Callable[..., Engine], home: Path, token: Secret, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rails judge by is what `avgPrice` says; before it was asked the reference stands in."""
    monkeypatch.setattr("quantlab.engine.link.OWN_RULES", QUICK)
    async with PaperVenue() as venue:
        engine = start(settings_for(venue, home, tmp_path), deterministic=False)
        await engine.ready()
        engine.arm(token)

        def average() -> Decimal | None:
            quote = engine.quotes.get("BTCUSDT")
            return quote.book.average if quote else None

        await until(lambda: average() is not None)
        said = await engine.binance.avg_price("BTCUSDT")
        known = average()
        assert known is not None
        assert abs(known - said.price) < said.price / 1_000
        far = limit_order("BUY", "BTCUSDT", "0.001", str((known * 6).quantize(D(1))))
        verdicts = {each.rail: each for each in engine.explain(far).verdicts}
        up = engine.portfolio.instruments["BTCUSDT"].rules.bid_multiplier_up
        assert (verdicts["percent_price"].allowed, verdicts["percent_price"].limit) == (False, known * up)


def test_an_average_that_grew_old_is_none() -> None:
    quotes, more = Quotes(), {"symbol": "BTCUSDT", "update_id": 1, "bid_quantity": D(1), "ask_quantity": D(1)}
    ticker: Any = {**more, "bid": D(99), "ask": D(101), "received_ms": 0}

    def at(event_ms: int) -> Decimal | None:
        quotes.on_event(
            Trade(
                symbol="BTCUSDT", trade_id=1, price=D(100), quantity=D(1), buyer_is_maker=True,
                event_ms=event_ms, trade_ms=event_ms,
            )
        )  # fmt: skip
        quotes.on_event(BookTicker(**ticker))
        quote = quotes.get("BTCUSDT")
        assert quote is not None
        return quote.book.average

    assert at(1_000) is None
    quotes.on_averages({"BTCUSDT": D(98), "ETHUSDT": D(0)}, 1_000)
    assert (at(2_000), at(1_000 + AVERAGE_MS), at(1_001 + AVERAGE_MS)) == (D(98), D(98), None)
