"""How well our orders were priced: against the market when they were decided, and after their fills. Pure.

Slippage compares an order's average price with the market's at the decision; a markout compares a
fill's price with the market's some time after it. Above zero is in our favour for a markout, and a cost
for slippage. Nothing is made up: what had no price is None.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.orders import Side
from quantlab.domain.position import Fill
from quantlab.frames import frame
from quantlab.trading.amounts import ZERO, add, ratio, subtract, times

if TYPE_CHECKING:
    import pandas as pd

BASIS_POINTS = Decimal(10_000)
HORIZONS_MS = (1_000, 10_000, 60_000)
KEPT = 10_000  # orders and fills, the oldest goes
SLIPPAGE = (
    "client_order_id",
    "symbol",
    "side",
    "expected",
    "average_price",
    "quantity",
    "cost",
    "slippage_bps",
)


class Filled(msgspec.Struct, kw_only=True):
    """What was filled of one order so far."""

    symbol: str
    side: str
    expected: Decimal
    quantity: Decimal = ZERO
    quote: Decimal = ZERO


class Slippage:
    """What orders cost more than the market's price when they were decided."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._expected: dict[str, Decimal] = {}
        self._orders: dict[str, Filled] = {}

    def expect(self, client_order_id: str, price: Decimal) -> None:
        """The market's price as the order was decided."""
        self._expected[client_order_id] = price
        if len(self._expected) > self._kept:
            del self._expected[next(iter(self._expected))]

    def book(self, fill: Fill) -> None:
        """One fill of an order whose price at the decision is known; others say nothing."""
        order = self._orders.get(fill.client_order_id)
        if order is None:
            expected = self._expected.pop(fill.client_order_id, None)
            if expected is None:
                return
            order = Filled(symbol=fill.symbol, side=fill.side, expected=expected)
            self._orders[fill.client_order_id] = order
            if len(self._orders) > self._kept:
                del self._orders[next(iter(self._orders))]
        order.quantity = add(order.quantity, fill.quantity)
        order.quote = add(order.quote, fill.quote_quantity)

    def __len__(self) -> int:
        return len(self._orders)

    def frame(self) -> pd.DataFrame:
        """One row per order with fills: `cost` (quote asset) and `slippage_bps` are above zero where it
        paid more, or got less, than the market's price at its decision.
        """
        return frame(
            [_slipped(name, order) for name, order in self._orders.items()],
            columns=SLIPPAGE,
            index="client_order_id",
        )


def _slipped(client_order_id: str, order: Filled) -> dict[str, object]:
    worth = times(order.quantity, order.expected)
    cost = subtract(order.quote, worth)
    if order.side != Side.BUY:
        cost = cost.copy_negate() if cost else cost
    return {
        "client_order_id": client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "expected": order.expected,
        "average_price": ratio(order.quote, order.quantity),
        "quantity": order.quantity,
        "cost": cost,
        "slippage_bps": float(ratio(times(cost, BASIS_POINTS), worth)) if worth else None,
    }


class Marked(msgspec.Struct, kw_only=True):
    """One fill, and the market's price after each of the horizons."""

    fill: Fill
    later: list[Decimal | None]


class Markouts:
    """Where the market went after each fill.

    Args:
        price: The market's price of a symbol now, None where there is none.
        horizons_ms: After how long it is looked at.
        kept: How many fills are kept; the oldest goes.
    """

    def __init__(
        self,
        price: Callable[[str], Decimal | None],
        horizons_ms: tuple[int, ...] = HORIZONS_MS,
        kept: int = KEPT,
    ) -> None:
        self._price, self.horizons_ms = price, horizons_ms
        self._fills: deque[Marked] = deque(maxlen=kept)
        self._due: dict[str, list[tuple[int, int, int, Marked]]] = {}
        self._number = 0

    def watch(self, fill: Fill) -> None:
        """Look at the market after this fill."""
        marked = Marked(fill=fill, later=[None] * len(self.horizons_ms))
        self._fills.append(marked)
        due = self._due.setdefault(fill.symbol, [])
        for place, horizon_ms in enumerate(self.horizons_ms):
            self._number += 1
            heapq.heappush(due, (fill.time_ms + horizon_ms, self._number, place, marked))

    def passed(self, symbol: str, price: Decimal, time_ms: int) -> None:
        """The market's price at `time_ms` is `price`; until then it was what it had been before."""
        due = self._due.get(symbol)
        if not due or due[0][0] > time_ms:
            return
        before = self._price(symbol)
        while due and due[0][0] <= time_ms:
            due_ms, _, place, marked = heapq.heappop(due)
            marked.later[place] = price if due_ms == time_ms else before

    def __len__(self) -> int:
        return len(self._fills)

    def frame(self) -> pd.DataFrame:
        """One row per fill: what each unit gained after each horizon, in basis points; None: not yet."""
        names = [f"markout_{horizon_ms / 1_000:g}s_bps" for horizon_ms in self.horizons_ms]
        rows = [
            {
                "time_ms": each.fill.time_ms, "symbol": each.fill.symbol, "side": each.fill.side,
                "price": each.fill.price, "quantity": each.fill.quantity,
                "client_order_id": each.fill.client_order_id, "is_maker": each.fill.is_maker,
                **{name: _gain(each.fill, price) for name, price in zip(names, each.later, strict=True)},
            }
            for each in self._fills
        ]  # fmt: skip
        columns = ("time_ms", "symbol", "side", "price", "quantity", "client_order_id", "is_maker", *names)
        return frame(rows, columns=columns)


def _gain(fill: Fill, later: Decimal | None) -> float | None:
    if later is None or not fill.price:
        return None
    gain = subtract(later, fill.price) if fill.side == Side.BUY else subtract(fill.price, later)
    return float(ratio(times(gain, BASIS_POINTS), fill.price))
