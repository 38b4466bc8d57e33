"""Every rail lets pass what it should, denies what it should, and denies what it cannot know."""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from railkit import (
    ACCOUNT,
    BOOK,
    BTC,
    FRESH,
    LIMITS,
    breaches,
    but,
    by_quote,
    limits,
    order,
    ruled,
    seen,
    stop,
)

import quantlab
from quantlab.binance.client.endpoints import ENDPOINTS, Effect
from quantlab.domain.limits import SymbolLimits
from quantlab.domain.orders import EXTRAS, OrderRequest, OrderType, SelfTradeMode, Side, TimeInForce
from quantlab.domain.permit import PERMIT_LIFE_NS
from quantlab.domain.rules import NO_RULES
from quantlab.domain.verdict import Verdict
from quantlab.errors import InvalidField, PermitRefused
from quantlab.trading.exposure import BookView, OwnOrders
from quantlab.trading.rails import RAILS, Decision, Exposure, Rails, decide, deciding

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
STOP, TAKE = OrderType.STOP_LOSS, OrderType.TAKE_PROFIT
EXPOSING = {name for name, each in ENDPOINTS.items() if each.effect is Effect.EXPOSE}

ICEBERG = order("10", iceberg_quantity=D(1), price="6000", client_order_id="i")
CHEAP = seen(
    reference_price=D(6_000), bid=D(5_999), ask=D(6_001), low=D(6_000), high=D(6_000), average=D(6_000)
)
AT_THE_LIMIT: dict[str, tuple[OrderRequest, Exposure]] = {
    "trading_state": (order(side=SELL), seen(trading_state="REDUCING: x", position=D(2), selling=D(1))),
    "venue_health": (order(), seen(health="OK", health_age_ms=5_000)),
    "allowed_symbol": (order(), FRESH),
    "order_shape": (by_quote("1000"), FRESH),
    "symbol_status": (order(), ruled(order_types=("LIMIT",))),
    "price_grid": (order(price="60000.01"), FRESH),
    "quantity_grid": (order("0.002", None), FRESH),
    "min_quantity": (order("0.002", None), FRESH),
    "max_quantity": (
        order("50", None, SELL),
        msgspec.structs.replace(
            CHEAP,
            reference_price=D(1_000),
            book=BookView(bid=D(999), ask=D(1_001), low=D(1_000), high=D(1_000)),
        ),
    ),
    "min_notional": (
        order("0.001", "5000"),
        seen(
            reference_price=D(5_000),
            bid=D(4_999),
            ask=D(5_001),
            low=D(5_000),
            high=D(5_000),
            average=D(5_000),
        ),
    ),
    "venue_notional": (order("1"), seen(instrument=msgspec.structs.replace(BTC, max_notional=D(60_000)))),
    "percent_price": (order(), seen(average=D(12_000))),
    "venue_position": (order("1"), seen(held_base=D(998), buying=D(1))),
    "max_asset": (order("1"), ruled(max_base=D(1), max_quote=D(60_000))),
    "venue_orders": (order(), seen(own=OwnOrders(open=199))),
    "venue_algo_orders": (stop(STOP, BUY), seen(own=OwnOrders(algo=4))),
    "iceberg": (ICEBERG, msgspec.structs.replace(CHEAP, own=OwnOrders(iceberg=2))),
    "trailing_delta": (stop(STOP, BUY, trailing_delta=10), FRESH),
    "price_age": (order(), seen(price_age_ms=2_000)),
    "spread": (order(), seen(bid=D(59_700), ask=D(60_300))),
    "price_collar": (order(price="63000"), FRESH),
    "window_collar": (order(price="61600"), seen(low=D(56_000))),
    "order_rate": (order(), seen(orders_last_second=9)),
    "venue_budget": (order(), seen(budget_left=3)),
    "venue_errors": (order(), seen(answers=10, errors=5)),
    "repeated_execution": (order(), seen(repeats=99)),
    "duplicate_order": (order(), seen(identical=2)),
    "cell_rerun": (order(), FRESH),
    "cooldown": (order(side=SELL), seen(cooldown_ms=1, position=D(1))),
    "reduce_only": (order(), seen(reduce_only=True, position=D(-2), buying=D(1))),
    "self_match": (order(price="60000"), seen(own=OwnOrders(best_ask=D("60000.01")))),
    "balance": (order(), seen(free_quote=D(60_010), promised_quote=D(10))),
    "max_order_quantity": (order("1"), FRESH),
    "max_order_notional": (by_quote("100000"), FRESH),
    "max_position": (order("1"), seen(position=D(2), buying=D(1), buying_quote=D(10_000))),
    "max_gross_exposure": (order("1"), seen(gross_elsewhere=D(340_000))),
    "max_net_exposure": (order("1"), seen(net_elsewhere=D(240_000))),
    "max_open_orders": (order(), seen(open=49)),
    "max_open_notional": (order("1"), seen(open_notional=D(140_000))),
    "equity_floor": (order(), seen(equity=D(10_000), peak_equity=D(10_000), day_start_equity=D(10_000))),
    "daily_loss": (order(), seen(equity=D(95_000))),
    "drawdown": (order(), seen(equity=D(80_000), day_start_equity=D(80_000))),
}
BEYOND_IT: dict[str, tuple[OrderRequest, Exposure]] = {
    "trading_state": (order(side=SELL), seen(trading_state="REDUCING: x", position=D("1.999"), selling=D(1))),
    "venue_health": (order(), seen(health="OK", health_age_ms=5_001)),
    "allowed_symbol": (order(), seen(instrument=BTC)),
    "order_shape": (order(time_in_force=None), FRESH),
    "symbol_status": (order(), ruled(order_types=("MARKET",))),
    "price_grid": (order(price="60000.001"), FRESH),
    "quantity_grid": (order("0.003", None), FRESH),
    "min_quantity": (order("0.001", None), ruled(market_step_size=D(0))),
    "max_quantity": (order("50.002", None, SELL), AT_THE_LIMIT["max_quantity"][1]),
    "min_notional": (order("0.001", "4999"), AT_THE_LIMIT["min_notional"][1]),
    "venue_notional": (order("1", "60000.01"), AT_THE_LIMIT["venue_notional"][1]),
    "percent_price": (order(), seen(average=D("11999.99"))),
    "venue_position": (order("1"), seen(held_base=D("998.001"), buying=D(1))),
    "max_asset": (order("1"), ruled(max_base=D(1), max_quote=D("59999.99"))),
    "venue_orders": (order(), seen(own=OwnOrders(open=200))),
    "venue_algo_orders": (stop(STOP, BUY), seen(own=OwnOrders(algo=5))),
    "iceberg": (ICEBERG, msgspec.structs.replace(CHEAP, own=OwnOrders(iceberg=3))),
    "trailing_delta": (stop(STOP, BUY, trailing_delta=9), FRESH),
    "price_age": (order(), seen(price_age_ms=2_001)),
    "spread": (order(), seen(bid=D(59_700), ask=D("60300.01"))),
    "price_collar": (order(price="63000.01"), FRESH),
    "window_collar": (order(price="61600.01"), seen(low=D(56_000))),
    "order_rate": (order(), seen(orders_last_second=10)),
    "venue_budget": (order(), seen(budget_left=2)),
    "venue_errors": (order(), seen(answers=10, errors=6)),
    "repeated_execution": (order(), seen(repeats=100)),
    "duplicate_order": (order(), seen(identical=3)),
    "cell_rerun": (order(), seen(rerun_of="b-7")),
    "cooldown": (order(side=SELL), seen(cooldown_ms=1, position=D("0.999"))),
    "reduce_only": (order(), seen(reduce_only=True, position=D(-2), buying=D("1.001"))),
    "self_match": (order(price="60000.01"), seen(own=OwnOrders(best_ask=D("60000.01")))),
    "balance": (order(), seen(free_quote=D(60_010), promised_quote=D("10.01"))),
    "max_order_quantity": (order("1"), FRESH),
    "max_order_notional": (by_quote("100000.01"), FRESH),
    "max_position": (order("1"), seen(position=D(2), buying=D(1), buying_quote=D("10000.01"))),
    "max_gross_exposure": (order("1"), seen(gross_elsewhere=D("340000.01"))),
    "max_net_exposure": (order("1"), seen(net_elsewhere=D("240000.01"))),
    "max_open_orders": (order(), seen(open=50)),
    "max_open_notional": (order("1"), seen(open_notional=D("140000.01"))),
    "equity_floor": (order(), seen(equity=D("9999.99"), peak_equity=D(10_000), day_start_equity=D(10_000))),
    "daily_loss": (order(), seen(equity=D("94999.99"))),
    "drawdown": (order(), seen(equity=D("79999.99"), day_start_equity=D(80_000))),
}  # fmt: skip
WITH = {
    "max_order_quantity": (limits(max_order_quantity=D(1)), limits(max_order_quantity=D("0.999"))),
    "allowed_symbol": (limits(allowed_symbols=("BTCUSDT",)), limits(denied_symbols=("BTCUSDT",))),
}
"""The rails that tell by the limits, not by the order: those with which it passes, and does not."""


def test_the_tables_of_this_file_name_every_rail() -> None:
    """A rail without a pass and a deny test is not a rail."""
    names = [rail.__name__ for rail in RAILS]
    assert list(AT_THE_LIMIT) == names
    assert list(BEYOND_IT) == names


@pytest.mark.parametrize("rail", AT_THE_LIMIT)
def test_an_order_exactly_at_the_limit_passes_every_rail(rail: str) -> None:
    """What stands at a limit is allowed, by the rail in question and by all others."""
    assert breaches(*AT_THE_LIMIT[rail], WITH.get(rail, (LIMITS, LIMITS))[0]) == []


@pytest.mark.parametrize("rail", BEYOND_IT)
def test_an_order_one_step_beyond_the_limit_is_denied_by_that_rail_alone(rail: str) -> None:
    """One step more, and exactly the rail in question denies."""
    assert breaches(*BEYOND_IT[rail], WITH.get(rail, (LIMITS, LIMITS))[1]) == [rail]


LEAST_TWO = seen(instrument=msgspec.structs.replace(BTC, min_quantity=D("0.002")))
BOUNDS: list[tuple[str, OrderRequest, OrderRequest, Exposure]] = [
    (*each, LEAST_TWO) for each in (
        ("price_grid", order(price="1"), order(price="0.99")),
        ("price_grid", order(price="1000000"), order(price="1000000.01")),
        (
            "price_grid",
            stop(STOP, SELL, stop_price=D(1)),
            stop(STOP, SELL, stop_price=D("0.99")),
        ),
        (
            "price_grid",
            stop(STOP, SELL),
            stop(STOP, SELL, stop_price=D("1.001")),
        ),
        ("min_quantity", order("0.002"), order("0.001")),
        ("min_quantity", order("1", iceberg_quantity=D("0.002")), order("1", iceberg_quantity=D("0.001"))),
        ("max_quantity", order("100"), order("100.001")),
        ("quantity_grid", order("0.002"), order("0.0025")),
        ("quantity_grid", order("1", iceberg_quantity=D("0.1")), order("1", iceberg_quantity=D("0.1001"))),
        ("quantity_grid", by_quote("5.00000001"), by_quote("5.000000001")),
        ("min_notional", by_quote("5"), by_quote("4.99")),
        ("iceberg", order("10", iceberg_quantity=D(1)), order("10.001", iceberg_quantity=D(1))),
        ("max_asset", order("50", "60000"), order("50.001", "60000")),
        ("max_asset", order("90", "1"), order("90.001", "1")),
        (
            "trailing_delta",
            stop(STOP, BUY, trailing_delta=2_000),
            stop(STOP, BUY, trailing_delta=2_001),
        ),
        (
            "trailing_delta",
            stop(STOP, SELL, trailing_delta=20),
            stop(STOP, SELL, trailing_delta=19),
        ),
        (
            "trailing_delta",
            stop(TAKE, SELL, trailing_delta=2_000),
            stop(TAKE, BUY, trailing_delta=2_000),
        ),
        ("percent_price", order(price="300000"), order(price="300000.01")),
        ("percent_price", order(price="12000", side=SELL), order(price="11999.99", side=SELL)),
        ("venue_notional", by_quote("2000000"), by_quote("2000000.01")),
    )
]  # fmt: skip
"""Rail, the last order that passes, the first that does not, and where."""


def but_own(exposure: Exposure, **more: int) -> Exposure:
    return msgspec.structs.replace(exposure, own=OwnOrders(**more))


SOLD = order(side=SELL)
LIMIT_STOP = stop(OrderType.STOP_LOSS_LIMIT, BUY, price=D(61_000))
ICE = order("1", iceberg_quantity=D("0.5"))
BID, ASK = BOOK.bid, BOOK.ask


def averaged(minutes: int) -> Exposure:
    """An average too low for the order, at a venue whose filters look at so many minutes."""
    return seen(average=D("11999.99"), instrument=ruled(average_minutes=minutes).instrument)


def resting(price: Any, default: str = "EXPIRE_MAKER", *, side: str = "bid", **more: Any) -> Exposure:
    """An order of our own rests at a price, at a venue with this default against self-trades."""
    rules = msgspec.structs.replace(BTC.rules, default_self_trade=default)
    instrument = msgspec.structs.replace(BTC, rules=rules)
    return seen(own=OwnOrders(open=1, **{f"best_{side}": D(price)}), instrument=instrument, **more)


GRID, OTHER = order(client_order_id="s-grid-7"), order(client_order_id="s-other-7")
ON_GRID, OFF_GRID = limits(strategies={"grid": ("BTCUSDT",)}), limits(strategies={"grid": ("ETHUSDT",)})
OWN_BID = seen(own=OwnOrders(best_bid=D(60_000)))
MORE: list[tuple[str, OrderRequest, Exposure, Any, bool]] = [
    ("trading_state", SOLD, seen(trading_state="HALTED: x", position=D(2)), LIMITS, False),
    ("venue_health", order(), seen(health=None), LIMITS, False),
    ("venue_health", order(), seen(health_age_ms=None), LIMITS, False),
    ("venue_health", order(), seen(health_age_ms=-5_001), LIMITS, False),
    ("venue_health", order(), seen(health_age_ms=-5_000), LIMITS, True),
    ("venue_health", order(), seen(health="DEGRADED"), LIMITS, True),
    ("venue_health", order(), seen(health="DEGRADED"), limits(trade_when_degraded=False), False),
    ("venue_health", order(), seen(health="DOWN"), LIMITS, False),
    ("venue_health", SOLD, seen(health="DOWN", position=D(1)), LIMITS, True),
    ("allowed_symbol", order(), FRESH, limits(allowed_symbols=("ETHUSDT",)), False),
    ("allowed_symbol", order(), FRESH, limits(denied_symbols=("ETHUSDT",)), True),
    ("allowed_symbol", GRID, FRESH, OFF_GRID, False),
    ("allowed_symbol", GRID, FRESH, ON_GRID, True),
    ("allowed_symbol", OTHER, FRESH, OFF_GRID, True),
    ("allowed_symbol", order(client_order_id="grid-7"), FRESH, OFF_GRID, True),
    ("allowed_symbol", order(strategy_id=7), FRESH, limits(strategies={"7": ("ETHUSDT",)}), True),
    ("order_shape", order(quote_quantity=D(5)), FRESH, LIMITS, False),
    ("order_shape", but(order("1", None), quantity=None), FRESH, LIMITS, False),
    ("order_shape", but(order(), quantity=None, quote_quantity=D(5)), FRESH, LIMITS, False),
    ("order_shape", order(price=None, time_in_force=TimeInForce.GTC), FRESH, LIMITS, False),
    ("order_shape", order(type=OrderType.MARKET), FRESH, LIMITS, False),
    ("order_shape", order(time_in_force="GTC"), FRESH, LIMITS, False),
    ("order_shape", order(client_order_id="x" * 36), FRESH, LIMITS, True),
    ("order_shape", order(client_order_id="x" * 37), FRESH, LIMITS, False),
    ("order_shape", order(client_order_id=5), FRESH, LIMITS, False),
    ("order_shape", order(stop_price=D(1)), FRESH, LIMITS, False),
    ("order_shape", stop(STOP, BUY, stop_price=None), FRESH, LIMITS, False),
    ("order_shape", stop(STOP, BUY), FRESH, LIMITS, True),
    ("order_shape", LIMIT_STOP, FRESH, LIMITS, True),
    ("order_shape", stop(STOP, BUY, trailing_delta=10_000), FRESH, LIMITS, False),
    ("order_shape", stop(STOP, BUY, trailing_delta=0), FRESH, LIMITS, False),
    ("order_shape", order(self_trade="NONE"), FRESH, LIMITS, False),
    ("order_shape", order(strategy_id=True), FRESH, LIMITS, False),
    ("order_shape", order(strategy_type=-1), FRESH, LIMITS, False),
    ("order_shape", order(strategy_id=1, strategy_type=0), FRESH, LIMITS, True),
    ("order_shape", ICE, FRESH, LIMITS, True),
    ("order_shape", order("1", iceberg_quantity=D("1.001")), FRESH, LIMITS, False),
    ("order_shape", order("1", iceberg_quantity=D(1)), FRESH, LIMITS, True),
    ("order_shape", order("1", None, iceberg_quantity=D("0.5")), FRESH, LIMITS, False),
    ("order_shape", but(ICE, time_in_force=TimeInForce.IOC), FRESH, LIMITS, False),
    ("order_shape", but(order(), quantity=1), FRESH, LIMITS, False),
    ("order_shape", order(stop_price=D("NaN")), FRESH, LIMITS, False),
    ("symbol_status", order(), seen(instrument=msgspec.structs.replace(BTC, status="BREAK")), LIMITS, False),
    ("symbol_status", order(), FRESH, LIMITS, True),
    ("price_grid", order("1", None), FRESH, LIMITS, True),
    ("price_grid", LIMIT_STOP, FRESH, LIMITS, True),
    ("price_grid", but(LIMIT_STOP, price=D("61000.001")), FRESH, LIMITS, False),
    ("price_grid", but(LIMIT_STOP, stop_price=D("61000.001")), FRESH, LIMITS, False),
    ("quantity_grid", order("0.003"), FRESH, LIMITS, True),
    ("quantity_grid", order("0.002", None), ruled(market_step_size=D(0)), LIMITS, True),
    ("min_quantity", by_quote("100"), FRESH, LIMITS, True),
    ("max_quantity", by_quote("100"), FRESH, LIMITS, True),
    ("max_quantity", order("90"), FRESH, LIMITS, True),
    ("max_quantity", order("60", None), ruled(market_max_quantity=D(0)), LIMITS, True),
    ("max_quantity", order("101", None), ruled(market_max_quantity=D(200)), LIMITS, False),
    ("max_quantity", order("60", None),
     seen(instrument=msgspec.structs.replace(BTC, max_quantity=D(0))), LIMITS, False),
    ("max_quantity", order("60"),
     seen(instrument=msgspec.structs.replace(BTC, max_quantity=D(0))), LIMITS, True),
    ("min_notional", order("0.00001", None), ruled(min_notional_at_market=False), LIMITS, True),
    ("venue_notional", order("50", None), ruled(max_notional_at_market=False), LIMITS, True),
    ("percent_price", order("1", None), seen(average=D(1)), LIMITS, True),
    ("percent_price", order(), ruled(bid_multiplier_up=D(0), bid_multiplier_down=D(0)), LIMITS, True),
    ("percent_price", order(), ruled(bid_multiplier_up=D(0)), LIMITS, True),
    ("percent_price", order(price="11999"), ruled(bid_multiplier_up=D(0)), LIMITS, False),
    ("percent_price", order(price="12000"), ruled(bid_multiplier_up=D(0)), LIMITS, True),
    ("percent_price", order(), seen(average=None), LIMITS, True),
    # a filter of no minutes looks at the last price, for which the reference stands
    ("percent_price", order(), averaged(0), LIMITS, True),
    ("percent_price", order(), averaged(1), LIMITS, False),
    ("max_asset", order(), ruled(assets_known=False), LIMITS, False),
    ("max_asset", SOLD, seen(position=D(9), instrument=ruled(assets_known=False).instrument), LIMITS, True),
    ("venue_position", SOLD, seen(held_base=D(5_000)), LIMITS, True),
    ("venue_position", order(), seen(held_base=None), LIMITS, False),
    ("venue_position", order(), seen(instrument=msgspec.structs.replace(BTC, rules=NO_RULES)), LIMITS, True),
    ("max_asset", order("2"), ruled(max_base=D(2), max_quote=D(0)), LIMITS, True),
    ("max_asset", order("2"), ruled(max_base=D(1), max_quote=D(0)), LIMITS, False),
    ("max_asset", order("2"), ruled(max_base=D(0), max_quote=D(119_999)), LIMITS, False),
    ("venue_orders", order(), ruled(max_orders=0, exchange_max_orders=6), LIMITS, True),
    ("venue_orders", order(), ruled(max_orders=0, exchange_max_orders=5), LIMITS, False),
    ("venue_orders", order(), ruled(exchange_max_orders=5), LIMITS, False),
    ("venue_orders", order(), ruled(max_orders=0, exchange_max_orders=0), LIMITS, True),
    ("venue_orders", order(), ruled(max_orders=3, exchange_max_orders=0), LIMITS, True),
    ("venue_orders", order(), ruled(max_orders=2, exchange_max_orders=0), LIMITS, False),
    ("venue_orders", order(), seen(open=None), LIMITS, False),
    ("venue_algo_orders", order(), seen(own=OwnOrders(algo=9)), LIMITS, True),
    ("venue_algo_orders", stop(STOP, BUY),
     ruled(max_algo_orders=0, exchange_max_algo_orders=0), LIMITS, True),
    ("venue_algo_orders", stop(STOP, BUY),
     ruled(max_algo_orders=0, exchange_max_algo_orders=1), LIMITS, True),
    ("venue_algo_orders", stop(STOP, BUY),
     ruled(max_algo_orders=1, exchange_max_algo_orders=0), LIMITS, True),
    ("iceberg", ICE,
     ruled(iceberg_parts=0, max_iceberg_orders=0, exchange_max_iceberg_orders=0), LIMITS, True),
    ("iceberg", ICE, ruled(max_iceberg_orders=0), LIMITS, True),
    ("iceberg", ICE, ruled(exchange_max_iceberg_orders=0), LIMITS, True),
    ("iceberg", but(by_quote("9"), iceberg_quantity=D(1)), FRESH, LIMITS, False),
    ("trailing_delta", order(), FRESH, LIMITS, True),
    ("trailing_delta", stop(STOP, BUY, trailing_delta=50), ruled(max_trailing_above=0), LIMITS, False),
    ("price_age", order(), seen(reference_price=D("NaN")), LIMITS, False),
    ("spread", order(), seen(bid=None), LIMITS, False),
    ("spread", order(), seen(ask=None), LIMITS, False),
    ("spread", order(), seen(bid=D(60_000), ask=D(60_000)), LIMITS, False),
    ("price_collar", order("1", None), FRESH, LIMITS, True),
    ("price_collar", but(LIMIT_STOP, stop_price=D(70_000), price=D(70_000)), FRESH, LIMITS, True),
    ("price_collar", order(price="57000", side=SELL), FRESH, LIMITS, True),
    ("price_collar", order(price="56999.99", side=SELL), FRESH, LIMITS, False),
    ("window_collar", SOLD, seen(high=D(66_000)), LIMITS, True),
    ("window_collar", SOLD, seen(high=D(67_000)), LIMITS, False),
    ("window_collar", order("1", None), seen(low=D(54_000)), LIMITS, False),
    ("window_collar", order(price="50000"), FRESH, LIMITS, True),
    ("window_collar", but(LIMIT_STOP, price=D(90_000)), FRESH, LIMITS, True),
    ("window_collar", order(), seen(low=None), LIMITS, False),
    ("venue_budget", order(), seen(budget_left=None), LIMITS, False),
    ("venue_errors", order(), seen(answers=9, errors=9), LIMITS, True),
    ("venue_errors", order(), seen(answers=10, errors=0), limits(max_error_rate=D(0)), True),
    ("venue_errors", order(), seen(answers=10, errors=1), limits(max_error_rate=D(0)), False),
    ("venue_errors", SOLD, seen(answers=10, errors=9, position=D(1)), LIMITS, True),
    ("venue_errors", SOLD, seen(answers=10, errors=9), LIMITS, False),
    ("cooldown", order(), seen(cooldown_ms=0), LIMITS, True),
    ("reduce_only", by_quote("5", SELL), seen(reduce_only=True, position=D(9)), LIMITS, False),
    ("reduce_only", SOLD, seen(reduce_only=True, position=D(9), selling_quote=D(1)), LIMITS, False),
    ("reduce_only", SOLD, seen(reduce_only=True, position=D(2), selling=D(1)), LIMITS, True),
    ("reduce_only", order(), seen(reduce_only=True, position=D(1)), LIMITS, False),
    ("self_match", SOLD, OWN_BID, LIMITS, False),
    ("self_match", order(price="60000.01", side=SELL), OWN_BID, LIMITS, True),
    ("self_match", order("1", None, SELL), OWN_BID, LIMITS, False),
    ("self_match", order(side=SELL, self_trade=SelfTradeMode.EXPIRE_TAKER), OWN_BID, LIMITS, True),
    ("self_match", order(side=SELL, self_trade=SelfTradeMode.NONE), OWN_BID, LIMITS, False),
    ("self_match", order(side=SELL, type=OrderType.LIMIT_MAKER), OWN_BID, LIMITS, True),
    ("self_match", stop(STOP, SELL), OWN_BID, LIMITS, True),
    # somebody else bids better, and the venue's own default prevents what could come after that
    ("self_match", order("1", None, SELL), resting(59_900), LIMITS, True),
    ("self_match", order(price="59900", side=SELL), resting(59_900), LIMITS, True),
    ("self_match", order("1", None, SELL), resting(BID), LIMITS, False),  # the best bid may be ours alone
    ("self_match", order("1", None, SELL), resting(59_900, "NONE"), LIMITS, False),
    ("self_match", order("1", None, SELL), resting(59_900, ""), LIMITS, False),
    ("self_match", order("1", None, SELL), resting(59_900, bid=None), LIMITS, False),
    ("self_match", order("1", None, SELL, self_trade=SelfTradeMode.NONE), resting(59_900), LIMITS, False),
    ("self_match", order("1", None), resting(60_100, side="ask"), LIMITS, True),
    ("self_match", order("1", None), resting(ASK, side="ask"), LIMITS, False),
    ("balance", SOLD, seen(free_base=D("1.5"), promised_base=D("0.5")), LIMITS, True),
    ("balance", SOLD, seen(free_base=D("1.5"), promised_base=D("0.51")), LIMITS, False),
    ("balance", order(), seen(free_quote=None), LIMITS, False),
    ("max_position", SOLD, seen(position=D(9)), LIMITS, True),
    ("max_gross_exposure", SOLD, seen(position=D(9), gross_elsewhere=D(10**7)), LIMITS, True),
    ("max_gross_exposure", order(), seen(gross_elsewhere=D(10**7)), LIMITS, False),
    ("max_gross_exposure", SOLD, seen(position=D(5), gross_elsewhere=D(100_000)), LIMITS, True),
    ("max_gross_exposure", order("0.1", side=SELL),
     seen(position=D(-1), buying=D(6), gross_elsewhere=D(100_000)), LIMITS, True),
    ("max_gross_exposure", order("0.1", side=SELL),
     seen(position=D(1), buying=D(4), gross_elsewhere=D(100_000)), LIMITS, True),
    ("max_gross_exposure", order("2", side=SELL),
     seen(position=D(1), buying=D("4.001"), gross_elsewhere=D(100_000)), LIMITS, False),
    ("max_gross_exposure", order("2"),
     seen(position=D(-1), selling=D("4.001"), gross_elsewhere=D(100_000)), LIMITS, False),
    ("max_gross_exposure", order("2"),
     seen(position=D(-1), selling=D(4), gross_elsewhere=D(100_000)), LIMITS, True),
    ("max_gross_exposure", order(), seen(gross_elsewhere=D(340_000), rate=D("1.01")), LIMITS, False),
    ("max_gross_exposure", order(), seen(gross_elsewhere=D(340_000), rate=D("0.99")), LIMITS, True),
    ("max_gross_exposure", order(), seen(gross_elsewhere=None), LIMITS, False),
    ("max_gross_exposure", order("0.1"), seen(position=D(1), selling=D(6), gross_elsewhere=D(100_000)),
     LIMITS, True),
    ("max_gross_exposure", order("0.1"), seen(position=D(1), selling=D("6.001"), gross_elsewhere=D(100_000)),
     LIMITS, False),
    ("max_gross_exposure", order("0.1"), seen(position=D(-9), selling=D(0), gross_elsewhere=D(400_000)),
     LIMITS, True),
    ("venue_algo_orders", stop(STOP, BUY), but_own(ruled(exchange_max_algo_orders=0), algo=5), LIMITS, False),
    ("venue_algo_orders", stop(STOP, BUY),
     msgspec.structs.replace(ruled(max_algo_orders=0), account=but(ACCOUNT, algo=200)), LIMITS, False),
    ("iceberg", ICE, but_own(ruled(exchange_max_iceberg_orders=0), iceberg=3), LIMITS, False),
    ("max_net_exposure", SOLD, seen(net_elsewhere=D(-240_000)), LIMITS, True),
    ("max_net_exposure", SOLD, seen(net_elsewhere=D(-240_001)), LIMITS, False),
    ("max_net_exposure", SOLD, seen(net_elsewhere=D(10**7)), LIMITS, True),
    ("max_net_exposure", SOLD, seen(net_elsewhere=D(-(10**7)), position=D(9)), LIMITS, True),
    ("max_net_exposure", order(), seen(net_elsewhere=D(10**7)), LIMITS, False),
    ("max_net_exposure", order(), seen(net_elsewhere=D(240_000), rate=D("1.01")), LIMITS, False),
    ("max_net_exposure", order(), seen(net_elsewhere=D(240_000), rate=D("0.99")), LIMITS, True),
    ("max_net_exposure", order(), seen(net_elsewhere=None), LIMITS, False),
    ("max_open_orders", order(), FRESH, limits(symbols={"BTCUSDT": SymbolLimits(max_open_orders=3)}), True),
    ("max_open_orders", order(), FRESH, limits(symbols={"BTCUSDT": SymbolLimits(max_open_orders=2)}), False),
    ("max_open_orders", order(),
     FRESH, limits(max_open_orders=5, symbols={"BTCUSDT": SymbolLimits()}), False),
    ("max_open_orders", order(),
     FRESH, limits(max_open_orders=5, symbols={"X": SymbolLimits(max_open_orders=9)}), False),
    ("max_open_orders", order(), seen(open=None), LIMITS, False),
    ("max_open_notional", order(), seen(open_notional=D(140_000), rate=D("1.01")), LIMITS, False),
    ("max_open_notional", order(), seen(open_notional=D(140_000), rate=D("0.99")), LIMITS, True),
    ("max_open_notional", order(), seen(open_notional=None), LIMITS, False),
    ("max_order_quantity", order("1000"), FRESH, limits(max_order_quantity=None), True),
    ("equity_floor", order(), seen(equity=None), LIMITS, False),
    ("equity_floor", order(), seen(equity=None), limits(min_equity=None), True),
    ("equity_floor", SOLD, seen(equity=D(1), position=D(1)), LIMITS, True),
    ("equity_floor", SOLD, seen(equity=D(1)), LIMITS, False),
    ("daily_loss", order(), seen(day_start_equity=None), LIMITS, False),
    ("daily_loss", order(), seen(day_start_equity=None), limits(max_daily_loss=None), True),
    ("daily_loss", SOLD, seen(equity=D(1), position=D(1)), LIMITS, True),
    ("drawdown", order(), seen(peak_equity=None), LIMITS, False),
    ("drawdown", order(), seen(peak_equity=D(0), equity=D(0)), LIMITS, False),
    ("drawdown", order(), seen(peak_equity=None), limits(max_drawdown=None), True),
    ("drawdown", SOLD, seen(equity=D(1), position=D(1)), LIMITS, True),
]  # fmt: skip
"""Rail, order, exposure, limits, and whether that rail lets it pass."""


def consistent(verdict: Verdict) -> bool:
    """What is shown is what was decided: an amount is allowed up to its limit, or from it on."""
    if verdict.used is None or verdict.limit is None:
        return verdict.allowed or not verdict.reason.startswith("within")
    within = verdict.limit <= verdict.used if verdict.at_least else verdict.used <= verdict.limit
    return verdict.allowed is within


@pytest.mark.parametrize("case", [*AT_THE_LIMIT.values(), *BEYOND_IT.values()])
def test_every_verdict_shows_what_was_decided(case: tuple[OrderRequest, Exposure]) -> None:
    """Used, limit and answer agree, in every rail of every case."""
    assert all(consistent(each) for each in decide(*case, LIMITS).verdicts)


@pytest.mark.parametrize(("rail", "last", "beyond", "exposure"), BOUNDS)
def test_each_bound_of_the_instrument_is_the_last_that_passes(
    rail: str, last: OrderRequest, beyond: OrderRequest, exposure: Exposure
) -> None:
    """Least and most, of price, quantity and worth; what other rails say is not asked here."""
    assert rail not in breaches(last, exposure)
    assert rail in breaches(beyond, exposure)


@pytest.mark.parametrize(("rail", "request_", "exposure", "within", "allowed"), MORE)
def test_what_a_rail_says_of_less_common_orders(
    rail: str, request_: OrderRequest, exposure: Exposure, within: Any, allowed: bool
) -> None:
    """One case each, of that rail alone."""
    assert (rail not in breaches(request_, exposure, within)) is allowed


def test_every_rail_is_asked_even_after_a_breach() -> None:
    """A decision has one verdict per rail, in order, whatever the first of them says."""
    verdicts = decide(order("9", "90000"), seen(trading_state="HALTED", price_age_ms=None), LIMITS).verdicts
    assert [each.rail for each in verdicts] == [rail.__name__ for rail in RAILS]


@pytest.mark.parametrize("hole", [None, D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), 1.5, "1"])
@pytest.mark.parametrize("name", ["reference_price", "position", "buying", "buying_quote"])
def test_a_missing_or_impossible_input_denies_as_unknown(name: str, hole: object) -> None:
    """R1: Not knowing is never allowed: no hole in the state passes, and the reason names it."""
    decision = decide(order(), seen(**{name: hole}), LIMITS)
    assert not decision.allowed
    assert all(each.reason.startswith("UNKNOWN_") for each in decision.breaches)


@pytest.mark.parametrize("hole", [{"price_age_ms": None}, {"orders_last_second": None}, {"instrument": None}])
def test_a_missing_age_rate_or_instrument_denies_as_unknown(hole: dict[str, Any]) -> None:
    """The same for what is no amount."""
    assert any(each.reason.startswith("UNKNOWN_") for each in decide(order(), seen(**hole), LIMITS).breaches)


@pytest.mark.parametrize(
    "amount",
    [
        D("NaN"),
        D("-1"),
        D(0),
        D("-0"),
        D("Infinity"),
        D("1E+400"),
        D("1E+308"),
        D("5E-324"),
        10**399,
        0.1,
        None,
        True,
        "1",
    ],
)
@pytest.mark.parametrize("field", ["quantity", "price"])
def test_an_impossible_amount_in_a_request_is_denied_and_crashes_nothing(field: str, amount: object) -> None:
    """R1, R2: A request built by hand gets no further than one built by us."""
    request = msgspec.structs.replace(order(), **{field: amount})
    assert not decide(request, FRESH, LIMITS).allowed


SLIPS = {
    "the price with a digit more": (order("0.1", "600000"), {"price_collar"}),
    "the price with a digit less": (order("0.1", "6000"), {"price_collar"}),
    "price and quantity swapped": (order("60000", "0.1"), {"price_collar"}),
    "the quantity with a digit more": (order("10"), {"max_order_notional"}),
    "ten times all that the account may hold": (order("50"), {"max_order_notional", "max_position"}),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_r6_a_slip_of_the_finger_is_denied_by_name(slip: str) -> None:
    """R6: the order that was meant passes."""
    assert breaches(order("1")) == breaches(order("0.1")) == []
    request, named = SLIPS[slip]
    assert named <= set(breaches(request))


def test_r6_at_the_market_without_a_price_nothing_passes() -> None:
    """R6: an order at the market has no price of its own, so there is none to be judged by."""
    assert breaches(order("0.1", None)) == []
    decision = decide(order("0.1", None), seen(reference_price=None), LIMITS)
    assert any(each.reason == "UNKNOWN_PRICE" for each in decision.breaches)


@pytest.mark.parametrize("limit", [D("NaN"), D("Infinity"), None])
def test_a_limit_that_is_no_number_cannot_be(limit: Any) -> None:
    """R1: NaN as a limit is no limit, and no limit is no order."""
    with pytest.raises(InvalidField, match="max_position"):
        msgspec.structs.replace(LIMITS, max_position=limit)


def test_an_exception_in_a_rail_denies_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rail that fails is a rail that denies; the others still answer."""

    def broken(ask: object) -> Any:
        raise KeyError("oops")

    monkeypatch.setattr(deciding, "RAILS", (broken, *RAILS))
    decision = decide(order(), FRESH, LIMITS)
    assert [(each.rail, each.reason) for each in decision.breaches] == [("broken", "UNKNOWN_KEYERROR")]


def test_a_decision_without_any_rail_allows_nothing() -> None:
    """An empty answer is no leave."""
    assert not Decision(order="", limits_version=1, verdicts=()).allowed


def test_a_limit_sell_below_the_market_is_valued_at_the_market() -> None:
    """A sell at a low limit trades at the market's price: its low limit must not make it look small."""
    wide = limits(price_collar=D(1))
    assert "max_order_notional" in breaches(order("2", "1", Side.SELL), limits=wide)


def test_a_market_buy_counts_at_the_worst_price_that_we_allow() -> None:
    """A thin book fills it far above the middle: what a limit buy may bid at most is what it counts."""
    used = {each.rail: each.used for each in decide(order("1", None), seen(position=D(2)), LIMITS).verdicts}
    assert used["max_order_notional"] == D(63_000)
    assert used["max_position"] == D(189_000)
    most = D(100_000) / D(63_000)
    assert str(most)[:5] == "1.587"
    assert breaches(order("1.586", None)) == []
    assert breaches(order("1.588", None)) == ["max_order_notional"]


def test_a_market_sell_and_an_order_by_quote_quantity_count_as_what_they_are() -> None:
    """A sell at the market gets no more than the reference; an amount in the quote asset is exact."""
    for request, worth in ((order("1", None, Side.SELL), D(60_000)), (by_quote("90000"), D(90_000))):
        used = {each.rail: each.used for each in decide(request, FRESH, LIMITS).verdicts}
        assert used["max_order_notional"] == worth


def test_a_price_from_the_future_is_as_bad_as_an_old_one() -> None:
    """An event 3 s ahead of the venue's clock says that a clock is wrong."""
    assert breaches(order(), seen(price_age_ms=-3_000)) == ["price_age"]


def test_an_order_towards_zero_is_allowed_in_a_position_above_the_cap() -> None:
    """The price moved and the position is too large: selling it must be possible, buying not."""
    large = seen(position=D(5))
    assert breaches(order("1", side=Side.SELL), large) == []
    assert breaches(order("1", side=Side.BUY), large) == ["max_position", "max_net_exposure"]


def test_working_orders_of_the_other_side_do_not_make_room() -> None:
    """Sells that may never trade are not netted against a buy."""
    assert breaches(order("1.2"), seen(position=D(3), selling=D(3))) == ["max_position"]


whole = st.integers(0, 60).map(D)


def test_max_position_equals_the_worst_case_by_brute_force() -> None:
    """Allowed exactly where no set of fills on the order's side leads beyond the cap."""
    answers = {True: 0, False: 0}
    capped = limits(max_position=D(500))

    @settings(max_examples=300)
    @given(st.integers(-50, 50), whole, whole, st.integers(1, 20), st.sampled_from(Side))
    def check(position: int, buying: Decimal, selling: Decimal, quantity: int, side: Side) -> None:
        exposure = seen(position=D(position), buying=buying, selling=selling, reference_price=D(10))
        worst = position + buying + quantity if side is Side.BUY else selling + quantity - position
        expected = max(Fraction(0), Fraction(worst)) * 10 <= 500

        verdicts = decide(order(str(quantity), "10", side), exposure, capped).verdicts

        assert next(each.allowed for each in verdicts if each.rail == "max_position") is expected
        answers[expected] += 1

    check()
    assert min(answers.values()) > 5


@settings(deadline=None)  # the first order of a form makes the function that decides on it
@given(factors=st.tuples(*[st.decimals("0.5", "1.5", places=3)] * 2).map(sorted))
def test_a_higher_limit_never_denies_more(factors: list[Decimal]) -> None:
    """Whatever a high limit denies, every lower limit denies too."""
    low, high = (limits(max_order_notional=60_000 * factor) for factor in factors)
    assert set(breaches(order(), limits=high)) <= set(breaches(order(), limits=low))


def test_explain_and_decide_are_the_same_answer() -> None:
    """What explains is what checks; only a permit makes the difference."""
    guard = Rails(LIMITS)
    for request, exposure in (*AT_THE_LIMIT.values(), *BEYOND_IT.values()):
        decision, permit = guard.decide(request, exposure, now_ns=0, state_sequence=1)
        assert guard.explain(request, exposure) == decision
        assert (permit is not None) is decision.allowed


def test_a_permit_is_for_this_order_once_and_for_a_second() -> None:
    """Bound to the order, to the limits' version, to the state, and to time."""
    guard = Rails(LIMITS)
    guard.limits = LIMITS
    permits = [guard.decide(order(), FRESH, now_ns=5, state_sequence=7)[1] for _ in range(3)]
    first, second, third = (permit for permit in permits if permit)
    assert (first.limits_version, first.state_sequence, first.halts) == (guard.limits.version, 7, None)
    _, known = guard.decide(order(), FRESH, now_ns=5, state_sequence=7, halts=3)
    assert known is not None
    assert known.halts == 3
    first.redeem(order(), 5)
    with pytest.raises(PermitRefused, match="used before"):
        first.redeem(order(), 5)
    with pytest.raises(PermitRefused, match="another order"):
        second.redeem(order("2"), 5)
    with pytest.raises(PermitRefused, match="expired"):
        third.redeem(order(), 5 + PERMIT_LIFE_NS + 1)


def test_new_limits_have_the_next_version() -> None:
    """Whatever version they claim, and although they are equal."""
    guard = Rails(LIMITS)
    guard.limits = msgspec.structs.replace(LIMITS, version=99)
    assert guard.limits.version == LIMITS.version + 1


def test_the_frames_show_verdicts_and_usage() -> None:
    """One row per rail, and one per limit with what the last order used."""
    guard = Rails(LIMITS)
    assert guard.frame().loc["max_order_notional", "used"] is None
    decision, _ = guard.decide(order("2"), FRESH, now_ns=0, state_sequence=0)
    shown = decision.frame()
    assert list(shown.index) == [rail.__name__ for rail in RAILS]
    assert list(shown.columns) == ["verdict", "used", "limit", "headroom", "unit", "reason"]
    assert shown.loc["max_order_notional", "headroom"] == D(-20_000)
    assert shown.loc["max_order_notional", "verdict"] == "deny"
    assert guard.frame().loc["max_order_notional", "used"] == D(120_000)


def calls(name: str, found: Callable[[ast.Call], str]) -> set[str]:
    root = Path(quantlab.__file__).parent
    return {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and found(node) == name
    }


def test_only_the_rails_make_permits() -> None:
    """No other module of the package constructs a `Permit`."""

    def called(node: ast.Call) -> str:
        return getattr(node.func, "id", getattr(node.func, "attr", ""))

    assert calls("Permit", called) == {"trading/rails/gate.py"}


@pytest.mark.parametrize("kind", OrderType)
def test_only_an_order_whose_fields_fit_its_type_has_a_shape(kind: OrderType) -> None:
    """One set of fields for each type; any other set is denied, and no permit is minted."""
    limit = {"price": D(60_000), "time_in_force": TimeInForce.GTC, "stop_price": None}
    stop = {"price": None, "time_in_force": None, "stop_price": D(59_000)}
    shapes: dict[str, dict[str, Any]] = {
        "LIMIT": limit, "MARKET": {**stop, "stop_price": None},
        "LIMIT_MAKER": {**limit, "time_in_force": None},
        "STOP_LOSS": stop, "TAKE_PROFIT": stop,
        "STOP_LOSS_LIMIT": {**limit, "stop_price": D(59_000)},
        "TAKE_PROFIT_LIMIT": {**limit, "stop_price": D(59_000)},
    }  # fmt: skip
    for name, changes in shapes.items():
        request = msgspec.structs.replace(order("0.5", side=SELL), type=kind, **changes)
        decision, permit = Rails(LIMITS).decide(request, FRESH, now_ns=0, state_sequence=1)
        (verdict,) = [each for each in decision.verdicts if each.rail == "order_shape"]
        fits = shapes[kind] == changes
        assert verdict.allowed is fits, name
        assert (permit is not None) is fits


@pytest.mark.parametrize("field", [each for each in EXTRAS if each != "self_trade"])
def test_a_field_that_does_not_fit_a_limit_order_is_denied(field: str) -> None:
    """A LIMIT order with a trigger, an iceberg or the like is no plain LIMIT order."""
    request = msgspec.structs.replace(order(), **{field: Decimal(5)})

    assert breaches(order()) == []
    assert "order_shape" in breaches(request)


@pytest.mark.parametrize(
    ("side", "quantity", "position", "selling", "allowed"),
    [
        (Side.SELL, "1", "1", "0", True),
        (Side.SELL, "1", "1.5", "0.5", True),
        (Side.SELL, "1", "1.5", "0.50001", False),  # what works already counts
        (Side.SELL, "1.00001", "1", "0", False),
        (Side.BUY, "1", "1", "0", False),
        (Side.BUY, "1", "-1", "0", True),
        (Side.SELL, "1", "0", "0", False),
        (Side.SELL, None, "1", "0", False),  # by worth: nobody knows how much that is
    ],
)
def test_a_reduce_only_order_never_trades_more_than_the_position(
    side: Side, quantity: str | None, position: str, selling: str, allowed: bool
) -> None:
    """The venue knows no such order: it is the rail's to see to, and only where it was asked for."""
    amount = None if quantity is None else D(quantity)
    request = msgspec.structs.replace(
        order(), type=OrderType.MARKET, side=side, quantity=amount, price=None, time_in_force=None,
        quote_quantity=D(100) if amount is None else None,
    )  # fmt: skip
    held = msgspec.structs.replace(FRESH, position=D(position), selling=D(selling))
    asked = msgspec.structs.replace(held, reduce_only=True)
    assert ("reduce_only" not in breaches(request, asked)) is allowed
    assert "reduce_only" not in breaches(request, held)
