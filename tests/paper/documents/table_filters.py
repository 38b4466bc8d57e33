"""Filters: a rule, a call that it lets pass, and one that it does not.

Source: Binance spot "Filters"; "Errors", "Filter failures".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from table_lists import PLAIN, THEN_MARKET, WORKING
from table_orders import BTC, LIMIT, MARKET, STOP, TRAILING


class Filtered(NamedTuple):
    """`rules` are set on the symbol, `everywhere` on the exchange; `good` passes, then `bad` fails."""

    name: str
    bad: dict[str, Any]
    good: dict[str, Any] | None = None
    rules: dict[str, Any] = {}  # noqa: RUF012  # never changed
    everywhere: dict[str, Any] = {}  # noqa: RUF012  # never changed
    given: tuple[str, ...] = ()
    ws: str = "order.place"
    code: int = -1013


def price(bad: str, good: str, **more: Any) -> Filtered:
    return Filtered("PRICE_FILTER", LIMIT | {"price": bad}, LIMIT | {"price": good}, **more)


def lot(bad: str, good: str, **more: Any) -> Filtered:
    return Filtered("LOT_SIZE", LIMIT | {"quantity": bad}, LIMIT | {"quantity": good}, **more)


SELL = LIMIT | {"side": "SELL"}
OTO = BTC | WORKING | THEN_MARKET
HALF = {"bid_multiplier_up": Decimal("1.5"), "bid_multiplier_down": Decimal("0.5")}
QUARTER = {"ask_multiplier_up": Decimal("1.25"), "ask_multiplier_down": Decimal("0.75")}

FILTERS = (
    price("50000.001", "50000.01"),
    price("1000000.01", "1000000"),
    Filtered("PRICE_FILTER", STOP | {"stopPrice": "55000.001"}, STOP, given=("price",)),
    lot("0.000115", "0.00011"),
    Filtered("PERCENT_PRICE_BY_SIDE", LIMIT | {"price": "90000.01"}, LIMIT | {"price": "90000"}, HALF,
             given=("price",)),
    Filtered("PERCENT_PRICE_BY_SIDE", LIMIT | {"price": "29999.99"}, LIMIT | {"price": "30000"}, HALF,
             given=("price",)),
    Filtered("PERCENT_PRICE_BY_SIDE", SELL | {"price": "75000.01"}, SELL | {"price": "75000"}, QUARTER,
             given=("price",)),
    Filtered("PERCENT_PRICE_BY_SIDE", SELL | {"price": "44999.99"}, SELL | {"price": "45000"}, QUARTER,
             given=("price",)),
    Filtered("NOTIONAL", LIMIT | {"price": "50000", "quantity": "0.00009"},
             LIMIT | {"price": "50000", "quantity": "0.0001"}),
    Filtered("NOTIONAL", SELL | {"price": "1000000", "quantity": "9.00001"},
             SELL | {"price": "1000000", "quantity": "9"}),
    Filtered("NOTIONAL", MARKET | {"quantity": "0.00008"}, MARKET | {"quantity": "0.00009"},
             given=("price", "offer")),
    Filtered("MARKET_LOT_SIZE", MARKET | {"quantity": "0.02"}, MARKET,
             {"market_max_quantity": Decimal("0.015")}, given=("offer",)),
    Filtered("MARKET_LOT_SIZE", MARKET | {"quantity": "0.005"}, MARKET,
             {"market_min_quantity": Decimal("0.01")}, given=("offer",)),
    Filtered("MARKET_LOT_SIZE", MARKET | {"quantity": "0.015"}, MARKET,
             {"market_step_size": Decimal("0.01")}, given=("offer",)),
    Filtered("MAX_POSITION", LIMIT | {"quantity": "1"}, LIMIT | {"quantity": "0.5"},
             {"max_position": Decimal("10.5")}),
    Filtered("MAX_NUM_ORDERS", LIMIT, LIMIT, {"max_orders": 1}),
    Filtered("MAX_NUM_ORDERS", OTO, None, {"max_orders": 1}, ws="orderList.place.oto"),
    Filtered("MAX_NUM_ALGO_ORDERS", STOP, STOP, {"max_algo_orders": 1}, given=("price",)),
    Filtered("MAX_NUM_ORDER_LISTS", PLAIN, PLAIN, {"max_order_lists": 1}, given=("price",),
             ws="orderList.place.oco"),
    Filtered("TRAILING_DELTA", TRAILING | {"trailingDelta": 9}, TRAILING | {"trailingDelta": 10},
             given=("price",)),
    Filtered("TRAILING_DELTA", TRAILING | {"trailingDelta": 2_001}, TRAILING | {"trailingDelta": 2_000},
             given=("price",)),
    Filtered("TRAILING_DELTA", TRAILING | {"side": "BUY", "trailingDelta": 51},
             TRAILING | {"side": "BUY", "trailingDelta": 50}, {"max_trailing_above_delta": 50},
             given=("price",)),
    Filtered("MAX_NUM_ORDER_AMENDS", BTC | {"orderId": "$open", "newQty": "0.004"},
             BTC | {"orderId": "$open", "newQty": "0.005"}, {"max_order_amends": 1}, given=("open",),
             ws="order.amend.keepPriority", code=-2038),
    Filtered("EXCHANGE_MAX_NUM_ORDERS", LIMIT, LIMIT, everywhere={"max_orders": 1}),
    Filtered("EXCHANGE_MAX_NUM_ALGO_ORDERS", STOP, STOP, everywhere={"max_algo_orders": 1},
             given=("price",)),
    Filtered("EXCHANGE_MAX_NUM_ORDER_LISTS", PLAIN, PLAIN, everywhere={"max_order_lists": 1},
             given=("price",), ws="orderList.place.oco"),
)  # fmt: skip

CLOSED = "Market is closed."
SHUT_OUT = "This account may not place or cancel orders."
UNSUPPORTED = {
    "MARKET": "Market orders are not supported for this symbol.",
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}
