"""The waits before a connection: as drawn, doubling, bounded, and never more attempts than are allowed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.binance.backoff import Backoff

LOWEST, HIGHEST = (lambda low, high: low), (lambda low, high: high)


def test_the_upper_end_doubles_and_is_bounded_and_starts_anew() -> None:
    """Half a second, one, two, ... thirty; from the first again once a connection was proven."""
    backoff = Backoff(HIGHEST)
    waits = [backoff.wait_s(1006, 0.0) for _ in range(9)]
    backoff.proven()
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.wait_s(None, 0.0) == 0.5
    assert Backoff(LOWEST).wait_s(1006, 0.0) == 0.1


@pytest.mark.parametrize("code", [1001, 1012])
def test_a_venue_that_moves_is_followed_at_once_but_once(code: int) -> None:
    """N21: And its refusal to be there waits as any other."""
    backoff = Backoff(HIGHEST)
    assert backoff.wait_s(code, 0.0) == 0.1
    assert backoff.wait_s(code, 0.0) == 1.0


def test_what_we_ended_ourselves_is_made_anew_at_once() -> None:
    assert Backoff(HIGHEST).wait_s(1006, 0.0, ours=True) == 0.1


def test_a_policy_close_is_a_minute_whatever_came_before() -> None:
    assert Backoff(LOWEST).wait_s(1008, 0.0) == 60.0


@given(seed=st.integers(0, 10_000), attempts=st.integers(1, 8))
def test_no_window_sees_more_attempts_than_are_allowed(seed: int, attempts: int) -> None:
    """Whatever is drawn, also where every connection says that it goes away."""
    draw = random.Random(seed)
    backoff = Backoff(draw.uniform, first_s=0.05, longest_s=1.0, attempts=attempts, window_s=10.0)
    now_s, begun, held = 0.0, [], 0
    while len(begun) < 40:
        backoff.begun(now_s)
        begun.append(now_s)
        held += backoff.spent_s(now_s) > 0
        now_s += backoff.wait_s(draw.choice((None, 1006, 1012)), now_s)
    assert held  # the bound was met, or nothing was proven
    for at_s in begun:
        assert sum(at_s <= each < at_s + 10.0 - 1e-6 for each in begun) <= attempts
