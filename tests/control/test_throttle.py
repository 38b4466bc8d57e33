from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantlab.control.throttle import FREE_TRIES, LONGEST_MS, Throttle

MINUTE_MS = 60_000


def test_s4_ten_thousand_tries_get_at_most_twenty_evaluated_in_any_minute() -> None:
    """Somebody tries every 60 ms for ten minutes; what has to wait is not evaluated."""
    throttle = Throttle()
    evaluated: list[int] = []
    for now in range(0, 10_000 * 60, 60):
        if not throttle.wait_ms(now):
            evaluated.append(now)
            throttle = throttle.failed(now)

    busiest = max(sum(start <= each < start + MINUTE_MS for each in evaluated) for start in evaluated)
    assert FREE_TRIES < busiest <= 20


def test_the_first_four_failures_cost_nothing_and_the_next_ones_double() -> None:
    throttle, now, waits = Throttle(), 0, []
    for _ in range(15):
        throttle = throttle.failed(now)
        waits.append(throttle.wait_ms(now) // 1_000)
        now += throttle.wait_ms(now)

    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_failures_far_apart_cost_nothing() -> None:
    throttle = Throttle()
    for now in range(0, 20 * MINUTE_MS, MINUTE_MS):
        throttle = throttle.failed(now)
        assert throttle.wait_ms(now) == 0


def test_a_quiet_hour_ends_a_series() -> None:
    throttle = Throttle()
    for _ in range(9):
        throttle = throttle.failed(0)
    assert throttle.strikes > 3

    assert throttle.failed(2 * 3_600_000).wait_ms(2 * 3_600_000) == 0


def test_a_clock_that_was_set_back_locks_nobody_out_for_ever() -> None:
    throttle = Throttle(failures_ms=(10**12,), strikes=3, until_ms=10**12)

    assert throttle.wait_ms(0) == LONGEST_MS


def test_one_more_failure_never_shortens_the_wait() -> None:
    met = {"waits": 0, "free": 0}

    @given(st.lists(st.integers(0, 30_000), max_size=12))
    def holds(pauses: list[int]) -> None:
        throttle, now = Throttle(), 0
        for pause in pauses:
            now += pause
            before = throttle.wait_ms(now)
            throttle = throttle.failed(now)
            met["waits" if throttle.wait_ms(now) else "free"] += 1
            assert throttle.wait_ms(now) >= before

    holds()
    assert min(met.values()) > 3
