"""How large an order of a flatten is: never more than a filter or a limit of ours lets out at once."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from railkit import BTC, LIMITS, RULES, breaches, seen

from quantlab.domain.limits import SymbolLimits
from quantlab.domain.orders import Side
from quantlab.errors import InvalidField
from quantlab.trading.flatten import next_order

D = Decimal
PRICE = D(60_000)
OF_SIZE = {
    "quantity_grid", "min_quantity", "max_quantity", "min_notional", "venue_notional", "max_asset",
    "max_order_quantity", "max_order_notional",
}  # fmt: skip
sizes = st.sampled_from([D(0), D("0.01"), D("0.25"), D("1.5"), D(40)])
SEEN: Counter[str] = Counter()


@settings(max_examples=300)
@given(
    held=st.one_of(st.integers(-80_000, 80_000), st.integers(-21, 21))
    .filter(bool)
    .map(lambda n: D(n) / 1_000),
    rules=st.fixed_dictionaries(
        {
            "market_max_quantity": sizes, "max_base": sizes,
            "market_min_quantity": st.sampled_from([D(0), D("0.02")]),
            "market_step_size": st.sampled_from([D(0), D("0.001"), D("0.02")]),
            "max_quote": st.sampled_from([D(0), D(3_000), D(90_000)]),
            "max_notional_at_market": st.booleans(),
        }
    ),
    max_notional=st.sampled_from([D(0), D(20_000)]),
    own=st.sampled_from([None, D(1_000), D(70_000)]),
    most=st.sampled_from([None, D("0.5")]),
)  # fmt: skip
def test_an_order_of_a_flatten_is_never_too_large_to_leave(
    held: Decimal, rules: dict[str, Any], max_notional: Decimal, own: Decimal | None, most: Decimal | None
) -> None:
    """Market filters, MAX_ASSET, our limits and those of the symbol; what cannot leave says so."""
    venue = msgspec.structs.replace(RULES, **rules)
    instrument = msgspec.structs.replace(BTC, rules=venue, max_notional=max_notional)
    limits = msgspec.structs.replace(
        LIMITS, max_order_quantity=most, symbols={"BTCUSDT": SymbolLimits(max_order_notional=own)}
    )
    try:
        order = next_order(held, None, instrument, limits, PRICE)
    except InvalidField:
        SEEN["barred"] += 1
        return
    if order is None:
        assert abs(held) < D("0.021")
        SEEN["dust"] += 1
        return
    assert order.quantity is not None
    assert order.side is (Side.SELL if held > 0 else Side.BUY)
    assert 0 < order.quantity <= abs(held)
    SEEN["in parts" if order.quantity < abs(held) else "whole"] += 1
    exposure = seen(instrument=instrument, position=held)
    assert not OF_SIZE & set(breaches(order, exposure, limits))


def test_whole_parts_and_dust_occurred_above() -> None:
    assert min(SEEN[each] for each in ("whole", "in parts", "dust", "barred")) > 5, SEEN
