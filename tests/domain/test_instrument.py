"""Rounding is explicit and by step, not by the step's exponent."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.domain.instrument import on_grid, require_grid, round_price, round_quantity
from quantlab.domain.orders import Side
from quantlab.errors import OffGrid

STEPS = st.sampled_from([Decimal(text) for text in ("0.25", "10", "0.05", "0.00001", "1", "0.01", "2.5")])
AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=6, allow_nan=False)


def test_a_rounded_quantity_is_on_grid_never_larger_and_less_than_a_step_away() -> None:
    seen: Counter[bool] = Counter()

    @given(quantity=AMOUNTS, step=STEPS)
    def check(quantity: Decimal, step: Decimal) -> None:
        rounded = round_quantity(quantity, step)
        seen[rounded == quantity] += 1

        assert rounded % step == 0
        assert Decimal(0) <= quantity - rounded < step

    check()
    assert seen[True] > 0
    assert seen[False] > 0


@pytest.mark.parametrize("side", Side)
def test_a_rounded_price_is_on_grid_and_never_worse_for_the_sender(side: Side) -> None:
    seen: Counter[bool] = Counter()

    @given(price=AMOUNTS, tick=STEPS)
    def check(price: Decimal, tick: Decimal) -> None:
        rounded = round_price(price, tick, side)
        better = price - rounded if side is Side.BUY else rounded - price
        seen[rounded == price] += 1

        assert rounded % tick == 0
        assert Decimal(0) <= better < tick

    check()
    assert seen[True] > 0
    assert seen[False] > 0


@pytest.mark.parametrize(
    ("amount", "step", "rounded"),
    [("1.7", "1", "1"), ("1.13", "0.25", "1.00"), ("27", "10", "20"), ("123.37", "0.05", "123.35")],
)
def test_the_cases_that_rounding_by_exponent_gets_wrong(amount: str, step: str, rounded: str) -> None:
    assert round_quantity(Decimal(amount), Decimal(step)) == Decimal(rounded)


def test_an_off_grid_price_is_refused_with_both_neighbours_named() -> None:
    with pytest.raises(OffGrid, match=r"price: 60000.003 .* use 60000 or 60000.01"):
        require_grid(Decimal("60000.003"), Decimal("0.01"), "price", "round_price")


def test_where_the_lower_neighbour_is_nothing_only_the_upper_one_is_named() -> None:
    """Zero is on every grid, and no venue takes it."""
    with pytest.raises(OffGrid) as refused:
        require_grid(Decimal("0.000001"), Decimal("0.00001"), "quantity", "round_quantity")

    assert refused.value.remedy == "use 0.00001, the smallest there is"


def test_a_step_of_zero_allows_everything_and_cannot_be_rounded_to() -> None:
    assert on_grid(Decimal("1.2345"), Decimal(0))
    with pytest.raises(OffGrid, match="step"):
        round_quantity(Decimal(1), Decimal(0))
