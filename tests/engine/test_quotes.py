"""The reference price that the rails judge by, and its age."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest

from quantlab.domain.market import BookTicker, Trade
from quantlab.engine.quotes import Quotes


def ticker(bid: str, ask: str) -> BookTicker:
    return BookTicker(
        symbol="BTCUSDT", update_id=1, bid=Decimal(bid), bid_quantity=Decimal(1), ask=Decimal(ask),
        ask_quantity=Decimal(1), received_ms=0,
    )  # fmt: skip


def trade(price: str, event_ms: int) -> Trade:
    return Trade(
        symbol="BTCUSDT", trade_id=1, price=Decimal(price), quantity=Decimal(1), buyer_is_maker=False,
        trade_ms=event_ms, event_ms=event_ms,
    )  # fmt: skip


def test_the_price_is_the_middle_of_the_best_and_as_old_as_the_newest_event() -> None:
    quotes = Quotes()
    quotes.on_event(trade("90", 1_000))
    first = quotes.get("BTCUSDT")
    quotes.on_event(ticker("100", "101"))
    quotes.on_event(trade("90", 900))
    second = quotes.get("BTCUSDT")

    assert first is not None
    assert (first.price, first.event_ms) == (Decimal(90), 1_000)
    assert second is not None
    assert (second.price, second.event_ms) == (Decimal("100.5"), 1_000)


@pytest.mark.parametrize(("bid", "ask"), [("0", "101"), ("100", "0"), ("102", "101"), ("101", "101")])
def test_best_prices_that_cannot_be_take_the_price_away_until_sound_ones_come(bid: str, ask: str) -> None:
    """A frozen price under a fresh age would pass every rail."""
    quotes = Quotes()
    quotes.on_event(trade("90", 1_000))
    quotes.on_event(ticker("100", "101"))
    quotes.on_event(ticker(bid, ask))
    quotes.on_event(trade("90", 2_000))
    assert quotes.get("BTCUSDT") is None

    quotes.on_event(ticker("100", "101"))
    assert quotes.get("BTCUSDT") is not None


def test_the_calling_cells_precision_changes_no_price() -> None:
    quotes = Quotes()
    with decimal.localcontext(prec=2):
        quotes.on_event(ticker("60150.01", "60150.02"))
    quotes.on_event(trade("90", 1))

    found = quotes.get("BTCUSDT")
    assert found is not None
    assert found.price == Decimal("60150.015")
