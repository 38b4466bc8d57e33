"""`ql.orders`: what a person gives becomes one exact request, or is refused by the name of the field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quantlab.domain.orders import OrderRequest, OrderType, SelfTradeMode, Side, TimeInForce
from quantlab.errors import InvalidField
from quantlab.notebook.building import request

LIMIT = OrderRequest(
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal("0.01"),
    price=Decimal(60000),
    time_in_force=TimeInForce.GTC,
)


def test_a_price_makes_a_limit_order_that_rests_unless_said_otherwise() -> None:
    """GTC is the default; text, int and Decimal mean the same amount."""
    assert request(Side.BUY, "BTCUSDT", "0.01", price=60000) == LIMIT
    assert request(Side.BUY, "BTCUSDT", Decimal("0.01"), price="60000", time_in_force="GTC") == LIMIT
    assert request(Side.BUY, "BTCUSDT", "0.01", price="1", time_in_force="IOC").time_in_force == "IOC"


def test_without_a_price_it_is_a_market_order_by_either_amount() -> None:
    """By quantity, or for an amount of the quote asset."""
    assert request(Side.SELL, "BTCUSDT", "2").type is OrderType.MARKET
    assert request(Side.BUY, "BTCUSDT", quote_quantity="100").quote_quantity == 100


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"quantity": 0.01, "price": "60000"}, "quantity"),
        ({"quantity": "0.01", "price": 60000.0}, "price"),
        ({"quantity": "nan", "price": "1"}, "quantity"),
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": "1", "time_in_force": "GTC"}, "time_in_force"),
        ({"quantity": "1", "price": "1", "time_in_force": "DAY"}, "time_in_force"),
        ({"quantity": "1", "price": "1", "quote_quantity": "1"}, "quote_quantity"),
        ({}, "quantity"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_the_field(terms: dict[str, Any], field: str) -> None:
    """Nothing is guessed, rounded or left out in silence."""
    with pytest.raises(InvalidField) as refused:
        request(Side.BUY, "BTCUSDT", **terms)

    assert refused.value.field == field


def test_a_self_trade_mode_goes_with_any_kind_of_order() -> None:
    plain = request(Side.BUY, "BTCUSDT", "0.01", price=60_000, self_trade="EXPIRE_TAKER")
    stop = request(Side.SELL, "BTCUSDT", "0.01", stop=59_000, self_trade=SelfTradeMode.EXPIRE_BOTH)

    assert (plain.self_trade, stop.self_trade) == (SelfTradeMode.EXPIRE_TAKER, SelfTradeMode.EXPIRE_BOTH)
    for wrong in ("expire_taker", "", 1, True):
        with pytest.raises(InvalidField, match="self_trade"):
            request(Side.BUY, "BTCUSDT", "0.01", price=60_000, self_trade=wrong)
