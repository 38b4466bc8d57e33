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
    "its id for another order": {"client_order_id": "det7-1"},
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


async def test_an_acknowledgement_with_the_id_of_another_order_of_ours_is_a_contradiction(
    bench: Make, limit: Callable[..., OrderRequest]
) -> None:
    """The venue was reset behind its address: its ids begin anew, and what we believe is of another world."""
    b = await bench()
    first = await b.gateway.submit(limit())
    await b.deliver()
    b.venue.reset()
    second = await b.gateway.submit(limit())
    assert len(b.contradictions) == 1
    assert first.client_order_id in b.contradictions[0]
    await b.deliver()

    assert len(b.contradictions) == 2
    assert [each.state for each in (first, second)] == [OrderState.TAKEN, OrderState.TAKEN]
    assert all(b.portfolio.reserved(each.client_order_id).base for each in (first, second))
    assert b.orders.by_venue_id("BTCUSDT", first.order_id) is first


async def test_another_order_under_the_id_of_one_that_lives_here_is_adopted(
    bench: Make, limit: Callable[..., OrderRequest], report: Make
) -> None:
    """Ours has the venue's number already: who else carries its name is somebody else's order."""
    b = await bench()
    order = await b.gateway.submit(limit(quantity="0.1"))
    await b.deliver()
    b.gateway.apply(report("NEW", order_id=99, client_order_id=order.client_order_id))

    assert b.contradictions == []
    assert (order.state, b.portfolio.reserved(order.client_order_id).base) == (
        OrderState.TAKEN, Decimal("0.1"),
    )  # fmt: skip
    other = b.orders.get("#99")
    assert (other.external, b.portfolio.reserved("#99").base) == (True, Decimal(1))


def test_equal_numbers_of_two_symbols_are_two_orders(
    limit: Callable[..., OrderRequest], report: Callable[..., ExecutionReport]
) -> None:
    """The venue counts orders by symbol, and a program may use one id in each."""
    orders = Orders()
    orders.add(limit(client_order_id="a-1"), time_ms=0)
    orders.apply(report("NEW", order_id=1))
    orders.remember(["a-1"])
    for name in ("a-1", "web"):
        for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT"):
            again = report("NEW", order_id=2 if name == "a-1" else 5, client_order_id=name, symbol=symbol)
            assert orders.contradiction(again) == ""
            assert orders.apply(again).changed

    assert [each.client_order_id for each in orders] == [
        "a-1", "#2", "#2-ETHUSDT", "#2-BNBUSDT", "web", "#5", "#5-BNBUSDT",
    ]  # fmt: skip


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
