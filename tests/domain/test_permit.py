"""A permit is good once, for one order, for one second."""

from __future__ import annotations

import threading
from decimal import Decimal

import msgspec
import pytest

from quantlab.domain.limits import PERMIT_LIFE_NS, Permit, Verdict
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
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
