"""`ql.orders`: what a person gives becomes one exact request, or is refused by the name of the field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from quantlab.domain.orders import OrderRequest, OrderType, SelfTradeMode, Side, TimeInForce
from quantlab.errors import InvalidField
from quantlab.notebook.building import replacement, request
from quantlab.notebook.ordering import OrdersFace
from quantlab.trading.order import Order

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


@pytest.mark.parametrize(("field", "value"), [("side", "BUY"), ("type", "LIMIT"), ("price", 60_000.0)])
def test_a_request_of_odd_fields_is_refused_at_once_by_the_field(field: str, value: object) -> None:
    """It has no words, so no handle could name it; the engine is not even looked up."""

    def nobody() -> Any:
        raise LookupError("no engine")

    with pytest.raises(InvalidField, match=field):
        OrdersFace(nobody, nobody, "orders").submit(msgspec.structs.replace(LIMIT, **{field: value}))


def test_a_self_trade_mode_goes_with_any_kind_of_order() -> None:
    plain = request(Side.BUY, "BTCUSDT", "0.01", price=60_000, self_trade="EXPIRE_TAKER")
    stop = request(Side.SELL, "BTCUSDT", "0.01", stop=59_000, self_trade=SelfTradeMode.EXPIRE_BOTH)

    assert (plain.self_trade, stop.self_trade) == (SelfTradeMode.EXPIRE_TAKER, SelfTradeMode.EXPIRE_BOTH)
    for wrong in ("expire_taker", "", 1, True):
        with pytest.raises(InvalidField, match="self_trade"):
            request(Side.BUY, "BTCUSDT", "0.01", price=60_000, self_trade=wrong)


def old(type_: OrderType, **more: Any) -> Order:
    """An open order of ours to sell 2 BTC."""
    return Order(
        symbol="BTCUSDT", client_order_id="s-1", side="SELL", type=type_.value, quantity=Decimal(2),
        time_ms=0, **more,
    )  # fmt: skip


@pytest.mark.parametrize("type_", [each for each in OrderType if each.waits])
def test_an_order_that_waits_is_replaced_by_one_of_its_own_type(type_: OrderType) -> None:
    """What is not said stays; the trigger of an order from elsewhere is not known and has to be said."""
    price = Decimal(58_900) if type_.value.endswith("LIMIT") else None
    waiting = old(type_, price=price, stop_price=Decimal(59_000))
    moved = replacement(waiting, stop=58_950).order
    smaller = replacement(waiting, quantity="0.5").order
    trailing = replacement(old(type_, price=price, trailing_delta=100), trailing=150).order

    assert (moved.type, moved.quantity, moved.price, moved.stop_price) == (type_, 2, price, 58_950)
    assert (smaller.type, smaller.quantity, smaller.stop_price) == (type_, Decimal("0.5"), 59_000)
    assert (trailing.type, trailing.trailing_delta, trailing.stop_price) == (type_, 150, None)
    assert replacement(waiting, stop=58_950).cancel_client_order_id == "s-1"
    with pytest.raises(InvalidField, match="stop: what triggers the old order is not known"):
        replacement(old(type_, price=price), quantity=1)
    if price is None:
        with pytest.raises(InvalidField, match="price: once triggered it trades at the market"):
            replacement(waiting, price=58_000)


def test_an_order_that_waits_for_nothing_is_given_no_trigger() -> None:
    for type_ in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        with pytest.raises(InvalidField, match="stop: .* waits for nothing"):
            replacement(old(type_, price=Decimal(60_000)), stop=59_000)
    with pytest.raises(InvalidField, match="it is a MARKET order"):
        replacement(old(OrderType.MARKET), quantity=1)
