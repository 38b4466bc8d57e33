"""A permit is good once, for one order, for one second."""

from __future__ import annotations

import threading
from decimal import Decimal

import msgspec
import pytest

from quantlab.domain.order_lists import (
    CancelRestriction,
    ListKind,
    OrderListRequest,
    ReplaceMode,
    ReplaceRequest,
)
from quantlab.domain.orders import EXTRAS, OrderRequest, OrderType, SelfTradeMode, Side, TimeInForce
from quantlab.domain.permit import PERMIT_LIFE_NS, Permit
from quantlab.domain.verdict import Verdict
from quantlab.errors import PermitRefused

ORDER = OrderRequest(
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal("0.01"),
    price=Decimal(60_000),
    time_in_force=TimeInForce.GTC,
    client_order_id="a-1",
)


def permit_for(request: OrderRequest) -> Permit:
    return Permit(digest=request.digest(), limits_version=1, state_sequence=7, expires_ns=PERMIT_LIFE_NS)


def test_a_permit_is_spent_by_its_first_use() -> None:
    permit = permit_for(ORDER)
    permit.redeem(ORDER, now_ns=1)

    with pytest.raises(PermitRefused, match="used before"):
        permit.redeem(ORDER, now_ns=2)


def test_of_many_threads_exactly_one_redeems() -> None:
    permit, redeemed, barrier = permit_for(ORDER), [], threading.Barrier(8)

    def attempt() -> None:
        barrier.wait()
        try:
            permit.redeem(ORDER, now_ns=1)
        except PermitRefused:
            return
        redeemed.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(redeemed) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", "ETHUSDT"), ("side", Side.SELL), ("quantity", Decimal("0.02")), ("price", Decimal(1)),
        ("type", OrderType.MARKET), ("time_in_force", TimeInForce.IOC), ("client_order_id", "a-2"),
        ("quote_quantity", Decimal(5)),
    ],
)  # fmt: skip
def test_any_changed_field_is_another_order(field: str, value: object) -> None:
    changed = msgspec.structs.replace(ORDER, **{field: value})

    with pytest.raises(PermitRefused, match="another order"):
        permit_for(ORDER).redeem(changed, now_ns=1)


def test_equal_amounts_written_differently_are_the_same_order() -> None:
    same = msgspec.structs.replace(ORDER, quantity=Decimal("0.0100"), price=Decimal("6E+4"))

    permit_for(ORDER).redeem(same, now_ns=1)


def test_an_expired_permit_is_refused() -> None:
    with pytest.raises(PermitRefused, match="expired"):
        permit_for(ORDER).redeem(ORDER, now_ns=PERMIT_LIFE_NS + 1)


def test_a_verdict_explains_itself_with_its_headroom() -> None:
    verdict = Verdict(
        rail="max_order_notional", allowed=False, reason="over the limit",
        used=Decimal(300_000), limit=Decimal(100_000), unit="USDT",
    )  # fmt: skip

    assert verdict.headroom == Decimal(-200_000)
    assert verdict.describe() == "max_order_notional: over the limit (300000 of 100000 USDT)"


def test_a_plain_order_says_what_it_always_said() -> None:
    """Journals and permits hold the digest of this text: it may never change."""
    assert ORDER.canonical() == (
        b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&quote_quantity=&price=60000"
        b"&time_in_force=GTC&client_order_id=a-1"
    )


EXTRA_VALUES: dict[str, tuple[object, object]] = {
    "stop_price": (Decimal(59_000), Decimal(59_001)),
    "trailing_delta": (100, 101),
    "iceberg_quantity": (Decimal("0.001"), Decimal("0.002")),
    "self_trade": (SelfTradeMode.EXPIRE_MAKER, SelfTradeMode.NONE),
    "strategy_id": (1, 2),
    "strategy_type": (1_000_000, 1_000_001),
}


@pytest.mark.parametrize("field", EXTRAS)
def test_whatever_else_an_order_may_say_is_part_of_what_is_permitted(field: str) -> None:
    one, other = (msgspec.structs.replace(ORDER, **{field: value}) for value in EXTRA_VALUES[field])

    assert len({ORDER.digest(), one.digest(), other.digest()}) == 3
    assert field in one.describe()
    for request in (ORDER, other):
        with pytest.raises(PermitRefused, match="another order"):
            permit_for(one).redeem(request, now_ns=1)


def _lists() -> list[OrderListRequest | ReplaceRequest | OrderRequest]:
    other = msgspec.structs.replace(ORDER, client_order_id="a-2")
    third = msgspec.structs.replace(ORDER, client_order_id="a-3")
    pair = OrderListRequest(kind=ListKind.OCO, orders=(ORDER, other), list_client_order_id="l")
    swap = ReplaceRequest(order=ORDER, cancel_client_order_id="old")
    changed = msgspec.structs.replace
    return [
        ORDER, other, pair, swap,
        changed(pair, orders=(other, ORDER)),
        changed(pair, kind=ListKind.OTO),
        changed(pair, list_client_order_id="m"),
        changed(pair, kind=ListKind.OTOCO, orders=(ORDER, other, third)),
        changed(swap, order=other),
        changed(swap, cancel_client_order_id="older"),
        changed(swap, cancel_order_id=7),
        changed(swap, mode=ReplaceMode.ALLOW_FAILURE),
        changed(swap, restriction=CancelRestriction.ONLY_NEW),
        changed(swap, cancel_only_over_limit=True),
    ]  # fmt: skip


def test_a_permit_for_one_request_is_for_no_other_of_any_kind() -> None:
    """An order, each of its neighbours, lists and replacements of it: no two have the same digest."""
    requests = _lists()

    assert len({request.digest() for request in requests}) == len(requests)
    for request in requests:
        permit = Permit(digest=request.digest(), limits_version=1, state_sequence=1, expires_ns=2)
        for other in requests:
            if other is not request:
                with pytest.raises(PermitRefused, match="another order"):
                    permit.redeem(other, now_ns=1)
        permit.redeem(request, now_ns=1)
