"""quantlab's matching core as a contender of the peers' matching benchmark.

    python ../shared/bench/bench_matching.py --adapter tests/benchmarks/matching_adapter.py \
        --only floor_dict,quantlab,py_bisect,lightmatchingengine

The peers (`pip install lightmatchingengine sortedcontainers`) are needed by that benchmark only. Its
workload speaks of whole ticks and lots, as our core does: no conversion is hidden here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quantlab.domain.orders import Side
from quantlab.paper.matching import Order, OrderBook

SIDES = (Side.SELL, Side.BUY)  # the workload's 0 and 1


def contender() -> Callable[[list[Any]], int]:
    """A fresh book; applies a list of operations and gives the number of trades."""
    book = OrderBook()
    match, rest, remove = book.match, book.rest, book.remove
    resting: dict[int, Order] = {}

    def apply(operations: list[Any]) -> int:
        trades = 0
        for operation in operations:
            kind = operation[0]
            if kind == "L":
                _, order_id, side, price, quantity = operation
                order = Order(order_id, None, SIDES[side], price, quantity)
                trades += len(match(order).fills)
                if order.remaining:
                    rest(order)
                    resting[order_id] = order
            elif kind == "C":
                gone = resting.pop(operation[1], None)
                if gone is not None and gone.remaining:
                    remove(gone)
            else:
                trades += len(match(Order(operation[1], None, SIDES[operation[2]], None, operation[3])).fills)
        return trades

    return apply


def register(contenders: dict[str, Any]) -> None:
    """Called once by the benchmark, with its contenders by name."""
    contenders["quantlab"] = contender
