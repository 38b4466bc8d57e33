"""What lists and amendments reserve: of a pair the larger rest, of an amended order what is left."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.domain.order_lists import AmendRequest, ListKind, OrderListRequest, orders_of
from quantlab.domain.orders import ExecutionReport, OrderRequest, Side
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio

D = Decimal


def named(order: OrderRequest, client_order_id: str) -> OrderRequest:
    return msgspec.structs.replace(order, client_order_id=client_order_id)


def selling(portfolio: Portfolio, order: OrderRequest) -> Decimal:
    seen = portfolio.exposure_for(order, reference_price=None, price_age_ms=None, orders_last_second=0)
    assert seen.selling is not None
    return seen.selling


def test_a_pair_counts_once_until_both_are_over(
    limit: Callable[..., OrderRequest], report: Callable[..., ExecutionReport]
) -> None:
    """Also while the one has begun to trade and the end of the other was not told yet."""
    portfolio, order = Portfolio(), limit(Side.SELL, "1")
    above, below = named(order, "s-1"), named(order, "s-2")
    portfolio.reserve(above, pair="s-list")
    portfolio.reserve(below, pair="s-list")
    assert selling(portfolio, order) == 1

    def told(name: str, order_id: int, *args: Any) -> None:
        portfolio.apply(report(*args, client_order_id=name, order_id=order_id, side="SELL"))

    told("s-1", 1, "PARTIALLY_FILLED", "0.4", "0.4")
    assert selling(portfolio, order) == 1  # the other's end is not known yet
    told("s-2", 2, "EXPIRED")
    assert selling(portfolio, order) == D("0.6")
    told("s-1", 1, "FILLED", "1", "0.6")
    assert selling(portfolio, order) == 0


@given(steps=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 10), st.booleans()), max_size=8))
def test_a_pair_is_always_counted_as_its_larger_rest(steps: list[tuple[str, int, bool]]) -> None:
    """Whatever was reported of the two, in whatever order: the sum is that of the parts, never negative."""
    portfolio = Portfolio()
    order = OrderRequest(symbol="BTCUSDT", side=Side.SELL, type="LIMIT", quantity=D(10), price=D(1))  # type: ignore[arg-type]
    for name in "ab":
        portfolio.reserve(named(order, name), pair="p")
    for number, (name, cumulative, over) in enumerate(steps):
        portfolio.apply(
            ExecutionReport(
                symbol="BTCUSDT", order_id=ord(name), client_order_id=name, side="SELL", type="LIMIT",
                time_in_force="GTC", quantity=D(10), price=D(1), execution_type="TRADE",
                status="CANCELED" if over else "PARTIALLY_FILLED", reject_reason="NONE",
                last_quantity=D(1), last_price=D(1), cumulative_quantity=D(cumulative),
                cumulative_quote=D(cumulative), commission=D(0), commission_asset=None, trade_id=number,
                execution_id=number, is_maker=False, event_ms=0, transact_ms=0,
            )
        )  # fmt: skip
        rests = [reserved.base for each in "ab" if (reserved := portfolio.reserved(each))]
        assert selling(portfolio, order) == max(rests) >= 0


def test_an_amended_order_reserves_what_is_left_of_it(
    limit: Callable[..., OrderRequest], report: Callable[..., ExecutionReport]
) -> None:
    """By the venue's report alone, once, and a late report of the larger order changes nothing."""
    portfolio, orders = Portfolio(), Orders()
    request = named(limit(Side.SELL, "1"), "a-1")
    portfolio.reserve(request)
    orders.add(request, time_ms=0)

    def told(quantity: str, kind: str, execution_id: int) -> bool:
        each = report(
            client_order_id="a-1", side="SELL", quantity=D(quantity), execution_type=kind,
            execution_id=execution_id,
        )  # fmt: skip
        moved = portfolio.apply(each)
        return orders.apply(each).changed or moved.changed

    assert told("1", "NEW", 1)
    assert told("0.3", "REPLACED", 3)
    assert (selling(portfolio, request), orders.get("a-1").quantity) == (D("0.3"), D("0.3"))  # type: ignore[union-attr]
    assert not told("0.3", "REPLACED", 3)
    assert not told("0.7", "REPLACED", 2)
    assert not told("0.1", "NEW", 4)  # no amendment says so
    assert selling(portfolio, request) == D("0.3")


@pytest.mark.parametrize("quantity", ["0", "0.4", "1", "2"])
def test_a_report_that_leaves_less_than_was_traded_or_more_than_there_was_amends_nothing(
    quantity: str, limit: Callable[..., OrderRequest], report: Callable[..., ExecutionReport]
) -> None:
    """What was reserved stays so."""
    portfolio, request = Portfolio(), named(limit(Side.SELL, "1"), "a-1")
    portfolio.reserve(request)
    portfolio.apply(
        report("PARTIALLY_FILLED", "0.5", client_order_id="a-1", side="SELL", quantity=D(quantity),
               execution_type="REPLACED")
    )  # fmt: skip
    assert selling(portfolio, request) == 1


def test_requests_of_every_kind_have_digests_of_their_own(limit: Callable[..., OrderRequest]) -> None:
    """An amendment's permit lets out no other amendment and no order."""
    order = named(limit(), "a-1")
    cut = AmendRequest(symbol="BTCUSDT", client_order_id="a-1", new_quantity=D("0.05"))
    less = msgspec.structs.replace(cut, new_quantity=D("0.04"))
    by_number = msgspec.structs.replace(cut, order_id=5)
    pair = OrderListRequest(
        kind=ListKind.OCO, orders=(order, named(order, "a-2")), list_client_order_id="a-3"
    )
    assert len({each.digest() for each in (order, cut, less, by_number, pair)}) == 5
    assert [len(orders_of(each)) for each in (order, cut, pair)] == [1, 0, 2]
    assert cut.describe() == "amend a-1 of BTCUSDT to 0.05"
