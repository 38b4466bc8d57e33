"""The venue says what cannot be true of an order of ours: nothing moves, and somebody is told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from quantlab.domain.orders import ExecutionReport, OrderRequest
from quantlab.trading.orders import Orders
from quantlab.trading.states import OrderState

Make = Callable[..., Any]

LIES: dict[str, dict[str, Any]] = {
    "another symbol": {"symbol": "ETHUSDT"},
    "the other side": {"side": "SELL"},
    "a side that is none": {"side": "sell?"},
    "more in one fill than in all": {"last": "1000"},
    "more than was ordered": {"cumulative": "1000", "last": "1000"},
    "a negative fill": {"last": "-0.1"},
    "a negative price": {"price": "-1"},
    "another id of the venue's": {"order_id": 99},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_report_that_cannot_be_true_moves_nothing_and_is_an_alarm(
    bench: Make, limit: Callable[..., OrderRequest], report: Make, lie: str
) -> None:
    b = await bench()
    order = await b.gateway.submit(limit(quantity="0.1"))
    await b.deliver()
    before = (order.state, b.portfolio.sequence, b.portfolio.reserved(order.client_order_id).base)
    fields = {
        "client_order_id": order.client_order_id,
        "order_id": order.order_id,
        "quantity": Decimal("0.1"),
    }
    b.gateway.apply(report("PARTIALLY_FILLED", **{"cumulative": "0.05", "last": "0.05"} | fields | LIES[lie]))

    assert (order.state, b.portfolio.sequence, b.portfolio.reserved(order.client_order_id).base) == before
    assert len(b.portfolio.fills) == 0
    assert len(b.contradictions) == len(b.gateway.alarms) == 1
    assert order.client_order_id in b.contradictions[0]
    b.gateway.apply(report("PARTIALLY_FILLED", "0.05", "0.05", **fields))
    assert order.filled == Decimal("0.05")  # the truth is still heard


def test_an_id_that_somebody_used_again_after_the_end_is_another_order(
    limit: Callable[..., OrderRequest], report: Callable[..., ExecutionReport]
) -> None:
    """The venue allows it once an order is over; the new order must not be taken for the old one."""
    orders = Orders()
    ours = orders.add(limit(client_order_id="a-1"), time_ms=0)
    orders.apply(report("FILLED", "0.1", order_id=1))
    again = report("NEW", order_id=2)
    assert orders.contradiction(again) == ""
    other = orders.apply(again).order

    assert (ours.state, ours.order_id) == (OrderState.FILLED, 1)
    assert (other.state, other.order_id, other.client_order_id, other.external) == (
        OrderState.TAKEN, 2, "#2", True,
    )  # fmt: skip
    assert orders.apply(report("CANCELED", order_id=2, execution_id=5)).order is other
