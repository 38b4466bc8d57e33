"""Every rail, in the order in which they are asked and shown. To add one: a function, a line, two tests.

Three of them let pass what is large enough, all others what is small enough; `largest` relies on that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from quantlab.trading.decision import Answer
from quantlab.trading.rails import equity, filters, grids, prices, shape, sizes, states, throttles
from quantlab.trading.rails.ask import Ask

Rail: TypeAlias = Callable[[Ask], Answer]

RAILS: tuple[Rail, ...] = (
    states.trading_state,
    states.venue_health,
    states.allowed_symbol,
    shape.order_shape,
    shape.symbol_status,
    grids.price_grid,
    grids.quantity_grid,
    grids.min_quantity,
    grids.max_quantity,
    filters.min_notional,
    filters.venue_notional,
    filters.percent_price,
    filters.venue_position,
    filters.max_asset,
    filters.venue_orders,
    filters.venue_algo_orders,
    filters.iceberg,
    filters.trailing_delta,
    prices.price_age,
    prices.spread,
    prices.price_collar,
    prices.window_collar,
    throttles.order_rate,
    throttles.venue_budget,
    throttles.venue_errors,
    throttles.repeated_execution,
    throttles.duplicate_order,
    throttles.cell_rerun,
    throttles.cooldown,
    states.reduce_only,
    sizes.self_match,
    sizes.balance,
    sizes.max_order_quantity,
    sizes.max_order_notional,
    sizes.max_position,
    sizes.max_gross_exposure,
    sizes.max_net_exposure,
    sizes.max_open_orders,
    sizes.max_open_notional,
    equity.equity_floor,
    equity.daily_loss,
    equity.drawdown,
)
LIST_RAILS: tuple[Rail, ...] = (filters.venue_lists,)
"""Asked besides of each order of a list."""
AMEND_RAILS: tuple[Rail, ...] = (
    shape.symbol_status, grids.quantity_grid, grids.min_quantity, filters.min_notional, filters.venue_amends,
    throttles.amend_rate,
)  # fmt: skip
"""What an order that is made smaller passes: it takes nothing, so that no limit of ours may keep it large."""
CANCEL_RAILS: tuple[Rail, ...] = (throttles.cancel_rate,)
"""When a single cancel waits its turn (`trading.cancelling`): none is ever denied."""

AT_LEAST: frozenset[Rail] = frozenset({shape.order_shape, grids.min_quantity, filters.min_notional})
"""These pass from some quantity on (an iceberg must be larger than what it shows); the others up to one."""
BY_IDENTITY: frozenset[Rail] = frozenset({throttles.duplicate_order, throttles.cell_rerun})
"""These know this very order; another quantity is another order."""

OVERRIDABLE: frozenset[Rail] = frozenset(
    (
        states.allowed_symbol, prices.spread, prices.price_collar, prices.window_collar,
        throttles.order_rate, throttles.repeated_execution, throttles.duplicate_order, throttles.cooldown,
        sizes.max_order_quantity, sizes.max_order_notional, sizes.max_position, sizes.max_gross_exposure,
        sizes.max_net_exposure, sizes.max_open_orders, sizes.max_open_notional,
        equity.equity_floor, equity.daily_loss, equity.drawdown,
    )
)  # fmt: skip
"""Our own limits. What the venue asks, what is not known and the trading state have no override."""

LIMITED = {
    "max_order_notional": "max_order_notional",
    "max_order_quantity": "max_order_quantity",
    "max_position": "max_position",
    "max_gross_exposure": "max_gross_exposure",
    "max_net_exposure": "max_net_exposure",
    "max_open_orders": "max_open_orders",
    "max_open_notional": "max_open_notional",
    "price_collar": "price_collar",
    "window_collar": "window_collar",
    "spread": "max_spread",
    "price_age": "max_price_age_ms",
    "order_rate": "max_orders_per_second",
    "repeated_execution": "max_repeats",
    "duplicate_order": "max_identical_orders",
    "venue_errors": "max_error_rate",
    "equity_floor": "min_equity",
    "daily_loss": "max_daily_loss",
    "drawdown": "max_drawdown",
}
"""The limit that a rail holds an order against, by the rail."""
