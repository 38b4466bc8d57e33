"""One clock: real, or standing still until it is advanced."""

from __future__ import annotations

import time

import pytest

from quantlab.clock import ManualClock, SystemClock, is_duration


def test_a_manual_clock_moves_both_times_together_and_only_when_told() -> None:
    clock = ManualClock(start_ms=1_000)
    clock.advance(250)

    assert (clock.now_ms(), clock.monotonic_ns()) == (1_250, 250_000_000)
    assert (clock.now_ms(), clock.monotonic_ns()) == (1_250, 250_000_000)


def test_a_manual_clock_never_goes_back() -> None:
    clock = ManualClock(start_ms=1_000)

    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    assert clock.now_ms() == 1_000


def test_manual_sessions_repeat_in_every_run_and_system_sessions_never() -> None:
    assert [ManualClock().session_id() for _ in range(2)] == ["det1", "det1"]
    assert SystemClock().session_id() != SystemClock().session_id()


def test_the_system_clock_is_the_machines() -> None:
    assert abs(SystemClock().now_ms() - time.time() * 1000) < 5_000


@pytest.mark.parametrize("value", [0, 1, 0.5, float("inf")])
def test_a_real_number_that_is_not_negative_is_a_duration(value: float) -> None:
    assert is_duration(value)


@pytest.mark.parametrize("value", [-1, float("nan"), True, "1", None, 1j, b"1", [1]])
def test_anything_else_is_none(value: object) -> None:
    assert not is_duration(value)
