"""What may become a price or a quantity, and what is refused with the field's name."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.domain.decimals import exact, plain, positive
from quantlab.errors import InvalidField


class LyingText(str):
    """A subclass could say one thing now and another later."""


class LyingDecimal(Decimal):
    pass


@pytest.mark.parametrize("value", [Decimal("0.01"), 1, "0.01", "60000", "-5", "0", Decimal("9E-5")])
def test_exact_values_are_taken_as_they_are(value: Any) -> None:
    """R3: 9e-05 as a Decimal is taken: it is exact."""
    assert exact(value, "price") == Decimal(str(value))


@pytest.mark.parametrize(
    "value",
    [
        0.01, 1.0, float("nan"), float("inf"), True, None, b"1", [1], 1j, LyingText("1"), LyingDecimal(1),
        "", " 1", "1 ", "1\n", "+1", "1_000", "1e3", "0x1", "1.", ".5", "NaN", "Infinity", "-Infinity",
        "\u0661", "\uff11", "1\u200b", "1\0", "1,5", Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
        Decimal("-Infinity"), 10**400, "9" * 400, Decimal("1E+30"), Decimal("1E-21"), "0." + "1" * 21,
    ],
)  # fmt: skip
def test_what_is_not_exact_plain_or_finite_is_refused_by_field_name(value: Any) -> None:
    """R1, R2, R3, R4, R5: Floats, subclasses that lie, other digits, exponents, 400 digits."""
    with pytest.raises(InvalidField) as refused:
        exact(value, "price")

    assert refused.value.field == "price"
    assert refused.value.remedy


@pytest.mark.parametrize("value", [0, -1, "-0.01", Decimal("-0")])
def test_an_amount_must_be_above_zero(value: Any) -> None:
    with pytest.raises(InvalidField, match="quantity: .* not above zero"):
        positive(value, "quantity")


@given(number=st.decimals(min_value=-(10**12), max_value=10**12, places=8, allow_nan=False))
def test_wire_text_says_the_same_number_without_exponent(number: Decimal) -> None:
    """R3: Whatever the number, what is sent is plain and equal to it."""
    text = plain(number)

    assert Decimal(text) == number
    assert "E" not in text
    assert exact(text, "x") == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("9E-5", "0.00009"),
        ("60000.000", "60000"),
        ("-0.0", "0"),
        ("0", "0"),
        ("1E+3", "1000"),
        ("-1.50", "-1.5"),
    ],
)
def test_plain_text_has_no_trailing_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_random_text_is_either_refused_or_read_exactly() -> None:
    answers: Counter[str] = Counter()

    @given(text=st.text(alphabet="0123456789.-+eE _", max_size=8))
    def check(text: str) -> None:
        try:
            number = exact(text, "price")
        except InvalidField:
            answers["refused"] += 1
        else:
            answers["taken"] += 1
            assert number == Decimal(text)

    check()
    assert answers["refused"] > 0
    assert answers["taken"] > 0
