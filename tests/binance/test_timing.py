"""The venue's clock: never ahead of the venue, and honest about what it does not know."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantlab.binance.timing import VenueClock
from quantlab.clock import NS_PER_MS, ManualClock


class Simulated:
    """A clock on a true time line in nanoseconds, and a venue that is `ahead_ns` of it."""

    fixed = False

    def __init__(self, ahead_ns: int, start_ns: int) -> None:
        self.true_ns = start_ns
        self.ahead_ns = ahead_ns

    def now_ms(self) -> int:
        return self.true_ns // NS_PER_MS

    def monotonic_ns(self) -> int:
        return self.true_ns

    def session_id(self) -> str:
        return "sim"

    def venue_ns(self) -> int:
        return self.true_ns + self.ahead_ns


legs = st.tuples(st.integers(0, 400_000_000), st.integers(0, 400_000_000))  # ns there, ns back


@given(
    ahead_ns=st.integers(-5_000_000_000, 5_000_000_000),
    start_ns=st.integers(10**18, 10**18 + 10**9),
    trips=st.lists(legs, min_size=1, max_size=6),
    later_ns=st.integers(0, 10**10),
)
def test_venue_time_is_never_ahead_and_behind_by_two_uncertainties_at_most(
    ahead_ns: int, start_ns: int, trips: list[tuple[int, int]], later_ns: int
) -> None:
    """Whatever the offset and however lopsided the round trips: the truth is inside what we state."""
    local = Simulated(ahead_ns, start_ns)
    clock = VenueClock(local)
    samples = []
    for there, back in trips:
        sent_ns = clock.monotonic_ns()
        local.true_ns += there
        server_ms = local.venue_ns() // NS_PER_MS
        local.true_ns += back
        samples.append(clock.sample(sent_ns, server_ms))
    clock.adopt(samples)
    local.true_ns += later_ns

    assert clock.offset_ms is not None
    assert clock.uncertainty_ms is not None
    assert abs(clock.offset_ms - ahead_ns / NS_PER_MS) <= clock.uncertainty_ms
    behind_ms = local.venue_ns() / NS_PER_MS - clock.now_ms()
    assert 0 <= behind_ms <= 2 * clock.uncertainty_ms + 2  # 2: whole milliseconds, twice rounded down


def test_the_sample_with_the_shortest_round_trip_decides() -> None:
    """A slow sample that errs by 300 ms does not spoil a fast one."""
    local = Simulated(0, 10**18)
    clock = VenueClock(local)
    samples = []
    for there, back in ((600_000_000, 0), (1_000_000, 1_000_000), (0, 600_000_000)):
        sent_ns = clock.monotonic_ns()
        local.true_ns += there
        server_ms = local.venue_ns() // NS_PER_MS
        local.true_ns += back
        samples.append(clock.sample(sent_ns, server_ms))

    clock.adopt(samples)

    assert clock.uncertainty_ms == 2  # half of 2 ms, and one step of resolution
    assert abs(clock.offset_ms or 0) <= 2


def test_under_a_fixed_clock_the_offset_is_exact_and_the_uncertainty_unmeasured() -> None:
    """Nothing takes time there, so nothing is measured and nothing is subtracted."""
    local = ManualClock(1_000_000)
    clock = VenueClock(local)

    clock.adopt([clock.sample(clock.monotonic_ns(), 1_250_000) for _ in range(3)])
    local.advance(40)

    assert (clock.now_ms(), clock.offset_ms, clock.uncertainty_ms) == (1_250_040, 250_000, None)
    assert clock.fixed


def test_before_the_first_sample_nothing_is_claimed() -> None:
    """Time is local time, offset and uncertainty are None."""
    clock = VenueClock(ManualClock(7))

    assert (clock.now_ms(), clock.synced, clock.offset_ms, clock.uncertainty_ms) == (7, False, None, None)
