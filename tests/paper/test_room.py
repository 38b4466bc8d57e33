"""What an account may have open, how far a price may be, and rules that change while the market runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from exchangekit import BUY, SELL, Desk, order

from quantlab.domain.orders import Side
from quantlab.errors import InvalidField
from quantlab.paper.exchange import Refused
from quantlab.paper.rules import ExchangeRules


def ruled(limits: ExchangeRules | None = None, **changes: Any) -> Desk:
    desk = Desk(limits=limits)
    desk.exchange.set_rules("BTCUSDT", msgspec.structs.replace(desk.exchange.rules("BTCUSDT"), **changes))
    return desk


def fill_up(desk: Desk, kind: str, times: int) -> None:
    for _ in range(times):
        more = {"price": 100} if kind == "LIMIT" else {"stop_price": 100}
        desk.place("ada", BUY, kind, 1, **more)


@pytest.mark.parametrize(
    ("limits", "changes", "kind", "name"),
    [
        (None, {"max_orders": 2}, "LIMIT", "MAX_NUM_ORDERS"),
        (None, {"max_algo_orders": 2}, "STOP_LOSS", "MAX_NUM_ALGO_ORDERS"),
        (ExchangeRules(max_orders=2), {}, "LIMIT", "EXCHANGE_MAX_NUM_ORDERS"),
        (ExchangeRules(max_algo_orders=2), {}, "STOP_LOSS", "EXCHANGE_MAX_NUM_ALGO_ORDERS"),
    ],
)
def test_open_orders_are_counted(limits: ExchangeRules | None, changes: dict, kind: str, name: str) -> None:
    """The bound is reached but not passed; another account has its own; a cancel makes room."""
    desk = ruled(limits, **changes)
    fill_up(desk, kind, 2)
    with pytest.raises(Refused, match=f"-1013 Filter failure: {name}$"):
        fill_up(desk, kind, 1)
    desk.place("bob", BUY, "LIMIT", 1, price=50)
    desk.cancel("ada", desk.exchange.open_orders("ada")[0].order_id)
    fill_up(desk, kind, 1)


def test_a_list_counts_all_its_orders_and_once_as_a_list() -> None:
    """Three orders of an OTOCO do not fit where two do; the third list does not fit at all."""
    pair = order(SELL, "LIMIT_MAKER", 1, price=110), order(SELL, "STOP_LOSS", 1, stop_price=90)
    desk = ruled(max_orders=2)
    with pytest.raises(Refused, match="MAX_NUM_ORDERS"):
        desk.list("ada", "OTOCO", order(BUY, "LIMIT", 1, price=95), *pair)
    desk.list("ada", "OCO", *pair)
    for limits, changes, name in (
        (None, {"max_order_lists": 2}, "MAX_NUM_ORDER_LISTS"),
        (ExchangeRules(max_order_lists=2), {}, "EXCHANGE_MAX_NUM_ORDER_LISTS"),
    ):
        desk = ruled(limits, **changes)
        desk.list("ada", "OCO", *pair)
        desk.list("ada", "OCO", *pair)
        with pytest.raises(Refused, match=f"Filter failure: {name}$"):
            desk.list("ada", "OCO", *pair)


def test_a_position_has_a_bound() -> None:
    """What is free, what is locked, what open buys could bring: together at most the bound."""
    desk = ruled(max_position=Decimal(13))
    desk.limit("ada", SELL, 4, 200)
    desk.limit("ada", BUY, 2, 100)
    with pytest.raises(Refused, match="Filter failure: MAX_POSITION"):
        desk.limit("ada", BUY, "1.00001", 100)
    desk.limit("ada", BUY, 1, 100)
    desk.limit("ada", SELL, 1, 200)


def test_an_order_moves_no_more_of_an_asset_than_the_account_may() -> None:
    """MAX_ASSET: of the base asset the quantity, of the quote asset the worth; each order for itself."""
    desk = ruled()
    desk.trade(100, 1)
    desk.exchange.set_most("ada", "BTC", Decimal(2))
    desk.limit("ada", BUY, 2, 100)
    desk.limit("ada", BUY, 2, 100)
    for side, price in ((BUY, 100), (SELL, 200)):
        with pytest.raises(Refused, match="Filter failure: MAX_ASSET"):
            desk.limit("ada", side, "2.00001", price)
    desk.limit("bob", BUY, 3, 90)

    desk.exchange.set_most("ada", "BTC", None)
    desk.exchange.set_most("ada", "USDT", Decimal(300))
    desk.limit("ada", BUY, 3, 100)
    for act in (
        lambda: desk.limit("ada", BUY, "3.00001", 100),
        lambda: desk.place("ada", SELL, "MARKET", "3.00001"),  # worth what the average says
    ):
        with pytest.raises(Refused, match="Filter failure: MAX_ASSET"):
            act()
    with pytest.raises(InvalidField, match="most"):
        desk.exchange.set_most("ada", "BTC", Decimal(0))


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [
        (BUY, "120", True), (BUY, "120.01", False), (BUY, "80", True), (BUY, "79.99", False),
        (SELL, "130", True), (SELL, "130.01", False), (SELL, "70", True), (SELL, "69.99", False),
    ],
)  # fmt: skip
def test_a_price_stays_near_the_average(side: Side, price: str, passes: bool) -> None:
    """PERCENT_PRICE_BY_SIDE around the average of the last five minutes: 100 here, by volume."""
    desk = ruled(
        bid_multiplier_up=Decimal("1.2"), bid_multiplier_down=Decimal("0.8"),
        ask_multiplier_up=Decimal("1.3"), ask_multiplier_down=Decimal("0.7"),
    )  # fmt: skip
    desk.trade(110, 1)
    desk.trade(95, 2)
    assert desk.exchange.average_price("BTCUSDT", desk.now_ms) == 100
    if passes:
        desk.limit("ada", side, 1, price)
    else:
        with pytest.raises(Refused, match="Filter failure: PERCENT_PRICE_BY_SIDE"):
            desk.limit("ada", side, 1, price)


@pytest.mark.parametrize(
    ("price", "passes"), [("130", True), ("130.01", False), ("70", True), ("69.99", False)]
)
@pytest.mark.parametrize("side", Side)
def test_percent_price_is_one_bound_for_both_sides(side: Side, price: str, passes: bool) -> None:
    """The older filter, beside the one by side."""
    desk = ruled(multiplier_up=Decimal("1.3"), multiplier_down=Decimal("0.7"))
    desk.trade(100, 1)
    if passes:
        desk.limit("ada", side, 1, price)
    else:
        with pytest.raises(Refused, match="Filter failure: PERCENT_PRICE$"):
            desk.limit("ada", side, 1, price)


@pytest.mark.parametrize("applies", [True, False])
def test_min_notional_can_leave_market_orders_out(applies: bool) -> None:
    """A limit order of 49.99 is always too small, a market order of 20 only where the filter applies."""
    desk = ruled(least_notional=Decimal(50), apply_to_market=applies)
    desk.limit("bob", SELL, 9, 100)
    with pytest.raises(Refused, match="Filter failure: MIN_NOTIONAL$"):
        desk.limit("ada", BUY, "0.4999", 100)
    desk.limit("ada", BUY, "0.5", 100)
    if applies:
        with pytest.raises(Refused, match="Filter failure: MIN_NOTIONAL$"):
            desk.place("ada", BUY, "MARKET", "0.2")
    else:
        desk.place("ada", BUY, "MARKET", "0.2")


def test_the_average_forgets_what_is_older_than_its_minutes() -> None:
    """After five minutes without a trade only the last price is left."""
    desk = Desk()
    desk.trade(100, 1)
    desk.now_ms += 200_000
    desk.trade(200, 1)
    assert desk.exchange.average_price("BTCUSDT", desk.now_ms) == 150
    assert desk.exchange.average_price("BTCUSDT", desk.now_ms + 200_000) == 200
    assert desk.exchange.average_price("BTCUSDT", desk.now_ms + 900_000) == 200


@pytest.mark.parametrize(
    ("quantity", "passes"), [("2", True), ("0.5", False), ("5.5", False), ("2.2", False)]
)
@pytest.mark.parametrize("kind", ["MARKET", "STOP_LOSS"])
def test_market_orders_have_a_lot_size_of_their_own(kind: str, quantity: str, passes: bool) -> None:
    """Also those that wait; a limit order does not care."""
    desk = ruled(
        market_min_quantity=Decimal(1), market_max_quantity=Decimal(5), market_step_size=Decimal("0.5")
    )
    desk.limit("bob", SELL, 9, 100)
    more = {} if kind == "MARKET" else {"stop_price": 150}
    if passes:
        desk.place("ada", BUY, kind, quantity, **more)
    else:
        with pytest.raises(Refused, match="Filter failure: MARKET_LOT_SIZE"):
            desk.place("ada", BUY, kind, quantity, **more)
    desk.limit("ada", BUY, quantity, 90)


@pytest.mark.parametrize("status", ["HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY"])
def test_a_symbol_that_does_not_trade_takes_cancels_only(status: str) -> None:
    """And trades again when it is let."""
    desk = Desk()
    mine = desk.limit("ada", BUY, 1, 100)
    desk.exchange.set_status("BTCUSDT", status)
    with pytest.raises(Refused, match="-2010 Market is closed"):
        desk.limit("ada", BUY, 1, 100)
    assert desk.exchange.instruments["BTCUSDT"].status == status
    desk.cancel("ada", mine.order.order_id)
    desk.exchange.set_status("BTCUSDT", "TRADING")
    desk.limit("ada", BUY, 1, 100)


def test_filters_can_change_while_orders_are_open() -> None:
    """The next order meets the new tick; the open one stays; a finer tick than the book's is refused."""
    desk = Desk()
    mine = desk.limit("ada", BUY, 1, "100.01")
    rules = desk.exchange.rules("BTCUSDT")
    coarse = msgspec.structs.replace(rules.instrument, tick_size=Decimal("0.05"))
    desk.exchange.set_rules("BTCUSDT", msgspec.structs.replace(rules, instrument=coarse))
    with pytest.raises(Refused, match="PRICE_FILTER"):
        desk.limit("ada", BUY, 1, "100.01")
    desk.limit("ada", BUY, 1, "100.05")
    assert desk.status(mine) == "NEW"
    for change in ({"tick_size": Decimal("0.001")}, {"step_size": Decimal("0.000015")}):
        fine = msgspec.structs.replace(rules.instrument, **change)
        with pytest.raises(InvalidField, match="no multiple"):
            desk.exchange.set_rules("BTCUSDT", msgspec.structs.replace(rules, instrument=fine))


def test_an_account_can_be_barred_and_told_of_transfers() -> None:
    """It places nothing, keeps what it has open, and hears of what comes in."""
    desk = Desk()
    mine = desk.limit("ada", BUY, 1, 100)
    desk.exchange.drain_events()
    desk.exchange.set_may_trade("ada", may_trade=False)
    with pytest.raises(Refused, match="-2010 This account may not place or cancel orders"):
        desk.limit("ada", BUY, 1, 100)
    desk.exchange.transfer("ada", "USDT", Decimal("0.5"), 7)

    assert [type(each).__name__ for each in desk.exchange.drain_events()] == ["BalanceDelta", "BalanceChange"]
    assert desk.status(mine) == "NEW"
    assert desk.funds("ada", "USDT") == (Decimal("999900.5"), 100)
