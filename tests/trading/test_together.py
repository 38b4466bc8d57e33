"""What each order of a request is decided on, and the one answer for all of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import BTC

from quantlab.domain.order_lists import (
    AmendRequest,
    CancelRestriction,
    ListKind,
    OrderListRequest,
    ReplaceMode,
    ReplaceRequest,
)
from quantlab.domain.orders import OrderRequest
from quantlab.domain.permit import PERMIT_LIFE_NS, Permit
from quantlab.domain.position import Balance
from quantlab.domain.verdict import Verdict
from quantlab.errors import InvalidField, PermitRefused
from quantlab.trading.decision import Decision
from quantlab.trading.dispatch import place
from quantlab.trading.exposure import Exposure
from quantlab.trading.requests import limit_order
from quantlab.trading.together import merged, part_of_replacement, parts_of_list, require_list

D = Decimal


def order(side: str, quantity: Any = 1, price: Any = 100) -> OrderRequest:
    return limit_order(side, "BTCUSDT", quantity, price)


def seen(**more: Any) -> Exposure:
    balances = (
        Balance(asset="BTC", free=D(5), locked=D(0)),
        Balance(asset="USDT", free=D(1_000), locked=D(0)),
    )
    made = Exposure.alone(instrument=BTC, reference_price=D(100), price_age_ms=0, balances=balances)
    return msgspec.structs.replace(made, **more)


def test_what_waits_for_an_order_is_decided_as_if_that_were_filled() -> None:
    """What it brings in is there, and each order counts as sent after the one before."""
    bracket = OrderListRequest(
        kind=ListKind.OTOCO, orders=(order("buy", 2), order("sell", 2), order("sell", 2))
    )
    parts = parts_of_list(bracket, [seen(position=D(1))] * 3)
    assert [each.exposure.position for each in parts] == [1, 3, 3]
    assert [each.exposure.account.free_base for each in parts] == [5, 7, 7]  # type: ignore[union-attr]
    assert [each.exposure.orders_last_second for each in parts] == [0, 1, 2]
    chain = OrderListRequest(kind=ListKind.OTO, orders=(order("sell", 2), order("buy", 2)))
    parts = parts_of_list(chain, [seen(position=D(1))] * 2)
    assert [each.exposure.position for each in parts] == [1, -1]
    assert [each.exposure.account.free_quote for each in parts] == [1_000, 1_200]  # type: ignore[union-attr]
    pair = OrderListRequest(kind=ListKind.OCO, orders=(order("sell"), order("sell")))
    assert [each.exposure.position for each in parts_of_list(pair, [seen(position=D(1))] * 2)] == [1, 1]


@pytest.mark.parametrize(
    ("mode", "restriction", "side", "buying", "free"),
    [
        (ReplaceMode.STOP_ON_FAILURE, CancelRestriction.ONLY_NEW, "buy", 2, 1_200),  # of 5 the old one's 3
        (ReplaceMode.STOP_ON_FAILURE, CancelRestriction.ONLY_NEW, "sell", 5, 1_200),
        (ReplaceMode.STOP_ON_FAILURE, CancelRestriction.ONLY_PARTIALLY_FILLED, "buy", 5, 1_200),
        (ReplaceMode.STOP_ON_FAILURE, None, "buy", 5, 1_200),
        (ReplaceMode.ALLOW_FAILURE, CancelRestriction.ONLY_NEW, "buy", 5, 900),
    ],
)
def test_a_replacement_counts_once_only_where_the_two_can_never_both_trade(
    mode: ReplaceMode, restriction: CancelRestriction | None, side: str, buying: int, free: int
) -> None:
    """After a certain cancel of an order that has not begun; what it locked is free after any certain one."""
    request = ReplaceRequest(
        order=order(side, 3), cancel_client_order_id="a", mode=mode, restriction=restriction
    )
    account = msgspec.structs.replace(seen().account, free_quote=D(900))  # type: ignore[type-var]
    exposure = seen(buying=D(5), account=account)
    part = part_of_replacement(request, exposure, side="BUY", rest=D(3), price=D(100))
    assert part.exposure.buying == buying
    assert part.exposure.account.free_quote == free  # type: ignore[union-attr]


def decision(*allowed: bool, headroom: int = 0) -> Decision:
    verdicts = tuple(
        Verdict(rail=f"r{number}", allowed=each, reason="why", used=D(10 - headroom), limit=D(10))
        for number, each in enumerate(allowed)
    )
    return Decision(order="one", limits_version=3, verdicts=verdicts)


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=3))
def test_all_is_allowed_where_every_rail_allowed_every_order(rows: list[list[bool]]) -> None:
    """Any denial denies the whole, by its own rail, with the number of the order."""
    whole = merged("all", [decision(*row) for row in rows])
    assert whole.allowed is all(all(row) for row in rows)
    denied = {f"r{column}" for column in range(3) if not all(row[column] for row in rows)}
    assert {each.rail for each in whole.breaches} == denied
    assert all("order " in each.reason for each in whole.breaches)


def test_of_answers_that_allow_the_one_with_the_least_left_is_shown() -> None:
    whole = merged("all", [decision(True, headroom=5), decision(True, headroom=2)])
    assert (whole.order, whole.limits_version, whole.verdicts[0].headroom) == ("all", 3, 2)


@pytest.mark.parametrize(
    ("kind", "orders", "field"),
    [
        (ListKind.OCO, (order("sell"),), "orders"),
        (ListKind.OTOCO, (order("buy"), order("sell")), "orders"),
        (ListKind.OCO, (order("sell"), order("buy")), "side"),
        (ListKind.OCO, (order("sell"), order("sell", 2)), "quantity"),
        (ListKind.OTO, (order("buy"), limit_order("sell", "ETHUSDT", 1, 1)), "symbol"),
    ],
)
def test_a_list_that_is_none_is_refused_by_field(kind: ListKind, orders: Any, field: str) -> None:
    """Before anything is reserved: a pair of two sides could not count once."""
    with pytest.raises(InvalidField) as refused:
        require_list(OrderListRequest(kind=kind, orders=orders))
    assert refused.value.field == field


async def test_an_amendment_spends_a_permit_of_its_own() -> None:
    """The client asks for none, so the dispatch does: not for another one, not twice, not late."""
    asked: list[Any] = []

    class Client:
        async def amend_keep_priority(self, symbol: str, quantity: Any, **names: Any) -> None:
            asked.append((symbol, quantity, names["client_order_id"]))

    cut = AmendRequest(symbol="BTCUSDT", client_order_id="a-1", new_quantity=D("0.5"))

    def permit(request: Any) -> Permit:
        return Permit(digest=request.digest(), limits_version=1, state_sequence=1, expires_ns=PERMIT_LIFE_NS)

    client: Any = Client()
    other = msgspec.structs.replace(cut, new_quantity=D("0.6"))
    with pytest.raises(PermitRefused, match="another"):
        await place(client, cut, permit(other), 0)
    with pytest.raises(PermitRefused, match="expired"):
        await place(client, cut, permit(cut), PERMIT_LIFE_NS + 1)
    leave = permit(cut)
    await place(client, cut, leave, 0)
    with pytest.raises(PermitRefused, match="used before"):
        await place(client, cut, leave, 0)
    assert asked == [("BTCUSDT", D("0.5"), "a-1")]
