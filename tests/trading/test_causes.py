"""Why trading is not ACTIVE: every cause has an owner, and only that owner clears it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.errors import NotAllowed
from quantlab.trading.causes import BY_CONTROL, EQUITY, MANUAL, Causes, TradingState

HALTED, REDUCING, ACTIVE = TradingState.HALTED, TradingState.REDUCING, TradingState.ACTIVE


def test_the_strongest_cause_decides_and_all_of_them_are_told() -> None:
    """Also where the weaker one came later; each says why."""
    causes = Causes()
    assert (causes.state, causes.describe(), causes.reasons()) == (ACTIVE, "ACTIVE", ())

    assert causes.set("mismatch", REDUCING, "a balance differs")
    assert causes.describe() == "REDUCING: a balance differs"
    assert causes.set("user stream", HALTED, "the stream is down")
    assert causes.state is HALTED
    assert causes.describe() == "HALTED: the stream is down; a balance differs"

    assert causes.clear("user stream")
    assert causes.describe() == "REDUCING: a balance differs"
    assert not causes.clear("user stream")


def test_an_owner_clears_its_own_cause_and_no_other() -> None:
    """The original's watchdog cleared whatever an operator had tripped."""
    causes = Causes()
    causes.set(MANUAL, HALTED, "look at this first")
    causes.set("health", HALTED, "the venue is down")

    causes.clear("health")
    causes.clear("watchdog")

    assert causes.describe() == "HALTED: look at this first"


@pytest.mark.parametrize("owner", sorted(BY_CONTROL))
def test_what_control_has_set_is_lifted_by_control_alone(owner: str) -> None:
    """`clear` refuses, `lift` does it, and it outlives a restart until then."""
    causes, later = Causes(), Causes()
    causes.set(owner, HALTED, "the floor was reached")
    with pytest.raises(NotAllowed, match="%ql resume"):
        causes.clear(owner)
    later.restore(causes.lasting())
    assert later.describe() == causes.describe() == "HALTED: the floor was reached"
    assert later.lift(owner)
    assert later.state is ACTIVE
    assert not later.clear(owner)


def test_lifting_all_leaves_what_the_parts_of_the_engine_have_set() -> None:
    """RESUME is no proof that a stream is back."""
    causes = Causes()
    for owner, state in (("user stream", HALTED), (EQUITY, REDUCING), (MANUAL, HALTED)):
        causes.set(owner, state, owner)
    assert {each.owner for each in causes.lift_all()} == {EQUITY, MANUAL}
    assert causes.describe() == "HALTED: user stream"
    assert causes.lasting() == ()


def test_active_is_no_cause_and_the_same_word_is_no_news() -> None:
    """So that a caller may say it each turn, and tell others only of changes."""
    causes = Causes()
    with pytest.raises(ValueError, match="ACTIVE is no cause"):
        causes.set("health", ACTIVE, "all is well")
    assert causes.set("health", REDUCING, "slow")
    assert not causes.set("health", REDUCING, "slow")
    assert causes.set("health", HALTED, "slow")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, REDUCING, HALTED]))))
def test_the_state_is_that_of_a_model_after_any_story(story: list[tuple[str, TradingState | None]]) -> None:
    """A dict of what each owner last said, and the strongest of it."""
    causes, model = Causes(), dict[str, TradingState]()
    for owner, state in story:
        if state is None:
            assert causes.clear(owner) is (model.pop(owner, None) is not None)
        else:
            causes.set(owner, state, owner)
            model[owner] = state
    expected = HALTED if HALTED in model.values() else REDUCING if model else ACTIVE
    assert causes.state is expected
    assert {each.owner for each in causes.reasons()} == set(model)
