"""Ids of our orders say whose they are, and the venue takes each of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.binance.encode_orders import CLIENT_ID
from quantlab.errors import InvalidField
from quantlab.trading.ids import NAME, new_id, require_name, strategy_of

names = st.from_regex(NAME, fullmatch=True)


@given(
    name=names | st.just(""), number=st.integers(1, 10**12 - 1), session=st.sampled_from(["0a1b2c3d", "det1"])
)
def test_an_id_tells_its_strategy_and_fits_the_venue(name: str, number: int, session: str) -> None:
    """Whatever the name and the number; an id without a strategy tells none."""
    made = new_id(session, number, name)
    assert strategy_of(made) == name
    assert CLIENT_ID.fullmatch(made)


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "é", "a" * 13, 7, None])
def test_a_name_that_could_not_stand_in_an_id_is_refused(name: object) -> None:
    """By the field, with the remedy."""
    with pytest.raises(InvalidField, match="strategy"):
        require_name(name)


@pytest.mark.parametrize("foreign", ["web_1234", "x-y", "a-1-2", "other-5", ""])
def test_an_id_of_somebody_else_tells_no_strategy(foreign: str) -> None:
    """No id that we would not have made so."""
    assert strategy_of(foreign) == ""
