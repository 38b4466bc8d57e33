"""Orders and exposures for tests of the rails: one instrument with every filter, and an account at ease."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.domain.rules import VenueRules
from quantlab.trading.exposure import AccountView, BookView, Exposure, OwnOrders, Pace
from quantlab.trading.rails import decide

D = Decimal
RULES = VenueRules(
    market_min_quantity=D("0.002"), market_max_quantity=D(50), market_step_size=D("0.002"),
    bid_multiplier_up=D(5), bid_multiplier_down=D("0.2"), ask_multiplier_up=D(5),
    ask_multiplier_down=D("0.2"), max_position=D(1_000), max_base=D(90), max_quote=D(3_000_000),
    iceberg_parts=10, max_orders=200, max_algo_orders=5, max_iceberg_orders=3, max_order_lists=20,
    max_amends=10, exchange_max_orders=1_000, exchange_max_algo_orders=200, exchange_max_iceberg_orders=50,
    exchange_max_order_lists=100, min_trailing_above=10, max_trailing_above=2_000, min_trailing_below=20,
    max_trailing_below=1_000,
)  # fmt: skip
BTC = Instrument(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=D("0.01"), step_size=D("0.001"),
    min_price=D(1), max_price=D(1_000_000), min_quantity=D("0.001"), max_quantity=D(100),
    min_notional=D(5), max_notional=D(2_000_000), rules=RULES,
)  # fmt: skip
LIMITS = Limits(
    max_order_notional=D(100_000), max_position=D(250_000), price_collar=D("0.05"), max_price_age_ms=2_000,
    max_orders_per_second=10, max_order_quantity=D(80), max_gross_exposure=D(400_000),
    max_net_exposure=D(300_000), max_open_orders=50, max_open_notional=D(200_000), window_collar=D("0.1"),
    max_spread=D("0.01"), max_identical_orders=3, max_repeats=100, min_equity=D(10_000),
    max_daily_loss=D(5_000), max_drawdown=D("0.2"), min_budget_left=2,
)  # fmt: skip
BOOK = BookView(bid=D(59_999), ask=D(60_001), low=D(60_000), high=D(60_000), average=D(60_000))
ACCOUNT = AccountView(
    free_base=D(100), free_quote=D(10_000_000), held_base=D(100), open=5, open_notional=D(10_000),
    gross_elsewhere=D(0), net_elsewhere=D(0), equity=D(100_000), peak_equity=D(100_000),
    day_start_equity=D(100_000), currency="USDT",
)  # fmt: skip
PACE = Pace(budget_left=100)
FRESH = Exposure(
    instrument=BTC, reference_price=D(60_000), price_age_ms=100, health="OK", health_age_ms=10,
    now_ms=1_000_000, book=BOOK, own=OwnOrders(open=2), account=ACCOUNT, pace=PACE,
)  # fmt: skip
GROUPS = {
    **dict.fromkeys(BookView.__struct_fields__, "book"),
    **dict.fromkeys(AccountView.__struct_fields__, "account"),
    **dict.fromkeys(Pace.__struct_fields__, "pace"),
}


def order(
    quantity: str = "1", price: str | None = "60000", side: Side = Side.BUY, **more: Any
) -> OrderRequest:
    """A GTC limit order, or one at the market where there is no price."""
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": side,
        "type": OrderType.MARKET if price is None else OrderType.LIMIT,
        "quantity": D(quantity),
        "price": None if price is None else D(price),
        "time_in_force": None if price is None else TimeInForce.GTC,
        "client_order_id": "a-1",
    }
    return OrderRequest(**fields | more)


def by_quote(amount: str, side: Side = Side.BUY) -> OrderRequest:
    """A market order by quote quantity."""
    return msgspec.structs.replace(order(price=None, side=side), quantity=None, quote_quantity=D(amount))


def stop(kind: OrderType, side: Side, **more: Any) -> OrderRequest:
    """An order that waits: at a stop of 61000 unless said; at the market, or with the price given."""
    fields: dict[str, Any] = {"type": kind, "time_in_force": TimeInForce.GTC if "price" in more else None}
    if "trailing_delta" not in more:
        fields["stop_price"] = D(61_000)
    return but(order("1", None, side), **fields | more)


S = TypeVar("S", bound=msgspec.Struct)


def but(one: S, **changes: Any) -> S:
    """The same with other fields."""
    return msgspec.structs.replace(one, **changes)


def seen(**more: Any) -> Exposure:
    """`FRESH` with changes; those of a view by the view's own field, those of own orders as `own`."""
    views: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, value in more.items():
        if name in GROUPS and name not in Exposure.__struct_fields__:
            views.setdefault(GROUPS[name], {})[name] = value
        else:
            plain[name] = value
    for group, changes in views.items():
        plain[group] = msgspec.structs.replace(getattr(FRESH, group), **changes)
    return msgspec.structs.replace(FRESH, **plain)


def ruled(**more: Any) -> Exposure:
    """`FRESH` in a symbol whose filters differ."""
    rules = msgspec.structs.replace(RULES, **more)
    return seen(instrument=msgspec.structs.replace(BTC, rules=rules))


def limits(**more: Any) -> Limits:
    return msgspec.structs.replace(LIMITS, **more)


def breaches(request: OrderRequest, exposure: Exposure = FRESH, limits: Limits = LIMITS) -> list[str]:
    return [each.rail for each in decide(request, exposure, limits).breaches]
