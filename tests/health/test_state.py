from __future__ import annotations

import itertools
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.domain.venue import HealthState, VenueHealth
from quantlab.health.signals import Bound, Sample, Thresholds, Weight, judge
from quantlab.health.state import TRANSITIONS, Memory, Now, Signal, as_seen, step

UNKNOWN, CONNECTING, SYNCING = HealthState.UNKNOWN, HealthState.CONNECTING, HealthState.SYNCING
OK, DEGRADED, DOWN, STOPPED = HealthState.OK, HealthState.DEGRADED, HealthState.DOWN, HealthState.STOPPED

FIT = Sample(
    connected=True,
    message_age_ms=10.0,
    user_stream=True,
    books_synced=2,
    books_total=2,
    clock_offset_ms=1.0,
    clock_uncertainty_ms=1.0,
    rtt_ms=2.0,
    rtt_typical_ms=2.0,
    kernel_lag_ms=1.0,
    wire_lag_ms=1.0,
)
CUT = msgspec.structs.replace(FIT, connected=False)
SLOW = msgspec.structs.replace(FIT, wire_lag_ms=500.0)
AWFUL = msgspec.structs.replace(FIT, wire_lag_ms=5_000.0)
OLD = msgspec.structs.replace(FIT, message_age_ms=31_000.0)
BLIND = msgspec.structs.replace(FIT, user_stream=False)
RESYNCING = msgspec.structs.replace(FIT, books_synced=1)
UNTRIED = Sample(connected=None)
ENDED = msgspec.structs.replace(FIT, stopped=True)


def fresh() -> Memory:
    return Memory(venue="paper", level="L0 paper")


def run(samples: Iterable[Sample], memory: Memory | None = None, every_ms: int = 1_000) -> list[VenueHealth]:
    """The healths that follow from samples which come `every_ms`."""
    return list(_walk(samples, memory or fresh(), every_ms))


def _walk(samples: Iterable[Sample], memory: Memory, every_ms: int) -> Iterable[VenueHealth]:
    start = memory.since_ms if memory.sequence else 0
    for index, sample in enumerate(samples):
        now = Now(start + index * every_ms, float(start + index * every_ms))
        memory, health = step(memory, sample, now)
        yield health


def states(samples: Iterable[Sample], **settings: object) -> list[HealthState]:
    return [health.state for health in run(samples, **settings)]  # type: ignore[arg-type]


def codes(health: VenueHealth) -> set[str]:
    return {reason.code for reason in health.reasons}


TO_OK = [FIT] * 3  # connecting, syncing, OK
OK_IN = msgspec.structs.replace(fresh(), state=OK, sequence=1)


# The table ----------------------------------------------------------------------------------

AT: dict[Signal, tuple[Sample, dict[str, object]]] = {
    Signal.IDLE: (UNTRIED, {}),
    Signal.OPENING: (CUT, {}),
    Signal.LOST: (CUT, {"down_steady": -10_000.0}),
    Signal.UNREADY: (BLIND, {}),
    Signal.STALLED: (BLIND, {"since_steady": -31_000.0}),
    Signal.BAD: (AWFUL, {}),
    Signal.FAIR: (SLOW, {}),
    Signal.GOOD: (FIT, {}),
    Signal.SETTLED: (FIT, {"good": 9}),
    Signal.STOP: (ENDED, {}),
}


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("state", HealthState)
def test_every_cell_of_the_table_is_what_step_does(state: HealthState, signal: Signal) -> None:
    """A sample that means `signal` moves `state` as the table says."""
    if signal is Signal.STALLED and state is not SYNCING:
        signal = Signal.UNREADY  # only syncing can take too long
    sample, past = AT[signal]
    memory = msgspec.structs.replace(fresh(), state=state, sequence=1, **past)
    after, health = step(memory, sample, Now(0, 0.0))

    assert after.state is health.state is TRANSITIONS[state][signal]


def test_the_table_is_complete_and_has_no_way_straight_from_down_to_ok() -> None:
    assert set(TRANSITIONS) == set(HealthState)
    for row in TRANSITIONS.values():
        assert set(row) == set(Signal)
    for state in (UNKNOWN, CONNECTING, DOWN):
        assert OK not in TRANSITIONS[state].values()
    assert set(TRANSITIONS[STOPPED].values()) == {STOPPED}


def test_every_signal_means_what_it_says() -> None:
    """The samples of the walk above differ in where they lead, so none hides behind another."""
    rows = {signal: tuple(TRANSITIONS[state][signal] for state in HealthState) for signal in Signal}

    assert rows[Signal.GOOD] != rows[Signal.SETTLED] != rows[Signal.BAD]
    assert len(set(rows.values())) >= 7


# The stories --------------------------------------------------------------------------------


def test_a_fit_venue_is_ok_after_three_samples() -> None:
    assert states([UNTRIED, *TO_OK]) == [UNKNOWN, CONNECTING, SYNCING, OK]


def test_it_is_not_ok_before_the_book_the_user_stream_and_the_clock_are_there() -> None:
    for lacking in (
        RESYNCING,
        BLIND,
        msgspec.structs.replace(FIT, clock_offset_ms=None),
        msgspec.structs.replace(FIT, subscribed=False),
    ):
        assert OK not in states([lacking] * 20)
        assert states([lacking] * 20 + [FIT] * 3)[-1] is OK


def test_without_credentials_no_user_stream_is_asked_for() -> None:
    assert states([msgspec.structs.replace(FIT, user_stream=None)] * 3)[-1] is OK


def test_syncing_for_more_than_thirty_seconds_is_degraded() -> None:
    path = states([BLIND] * 40)

    assert DEGRADED in path
    assert path.index(DEGRADED) == 32  # 30 s after it began to sync, in the second sample


def test_three_warnings_in_five_samples_degrade_and_two_do_not() -> None:
    assert states([*TO_OK, SLOW, FIT, SLOW, FIT, FIT, SLOW, FIT])[-1] is OK
    assert states([*TO_OK, SLOW, FIT, SLOW, FIT, SLOW])[-1] is DEGRADED


@pytest.mark.parametrize("sample", [AWFUL, BLIND, CUT], ids=["wire lag", "user stream", "transport"])
def test_one_critical_sample_degrades(sample: Sample) -> None:
    assert states([*TO_OK, sample])[-1] is DEGRADED


def test_one_book_that_syncs_again_is_a_warning() -> None:
    assert states([*TO_OK, RESYNCING, RESYNCING])[-1] is OK
    assert states([*TO_OK, RESYNCING, RESYNCING, RESYNCING])[-1] is DEGRADED


def test_degraded_needs_ten_good_samples_in_a_row() -> None:
    assert states([*TO_OK, AWFUL, *[FIT] * 9])[-1] is DEGRADED
    assert states([*TO_OK, AWFUL, *[FIT] * 10])[-1] is OK
    assert states([*TO_OK, AWFUL, *[FIT] * 9, SLOW, *[FIT] * 9])[-1] is DEGRADED


def test_degraded_asks_for_more_than_just_below_the_warning_line() -> None:
    """90 ms of wire lag is no warning, but not good enough to be trusted again."""
    nearly = msgspec.structs.replace(FIT, wire_lag_ms=90.0)

    assert states([*TO_OK, *[nearly] * 20])[-1] is OK
    assert states([*TO_OK, AWFUL, *[nearly] * 20])[-1] is DEGRADED


def test_a_dead_transport_is_down_after_three_seconds_and_not_before() -> None:
    assert states([*TO_OK, CUT, CUT, CUT, CUT])[-1] is DEGRADED  # 3 s are not more than 3 s
    assert states([*TO_OK, CUT, CUT, CUT, CUT, CUT])[-1] is DOWN


def test_a_transport_that_comes_back_in_between_starts_the_three_seconds_anew() -> None:
    assert DOWN not in states([*TO_OK, CUT, CUT, CUT, FIT, CUT, CUT, CUT])


def test_a_half_open_connection_is_down_by_the_age_of_its_data() -> None:
    """The transport says connected, but nothing has come for 30 s."""
    assert states([*TO_OK, OLD])[-1] is DOWN


def test_the_way_back_from_down_leads_through_connecting_and_syncing() -> None:
    assert states([*TO_OK, OLD, FIT, FIT, FIT])[3:] == [DOWN, CONNECTING, SYNCING, OK]


def test_a_connection_that_never_comes_up_is_down() -> None:
    assert states([CUT] * 6)[-1] is DOWN


def test_what_was_stopped_stays_stopped() -> None:
    assert set(states([ENDED, FIT, FIT, CUT, FIT])) == {STOPPED}


@pytest.mark.parametrize("field", ["gaps", "reconnects"])
def test_a_gap_or_a_reconnect_warns_once(field: str) -> None:
    counted = msgspec.structs.replace(FIT, **{field: 1})
    healths = run([*TO_OK, counted, counted])

    assert [bool(codes(health) & {"GAP", "RECONNECTED"}) for health in healths[2:]] == [False, True, False]
    assert states([*TO_OK, *[msgspec.structs.replace(FIT, **{field: n}) for n in (1, 2, 3)]])[-1] is DEGRADED


def test_one_slow_ping_is_shown_and_not_judged_but_one_awful_ping_is() -> None:
    slow = msgspec.structs.replace(FIT, rtt_ms=900.0)
    usually_slow = msgspec.structs.replace(slow, rtt_typical_ms=900.0)
    awful = msgspec.structs.replace(FIT, rtt_ms=2_001.0)

    assert states([*TO_OK, *[slow] * 9])[-1] is OK
    assert run([*TO_OK, slow])[-1].rtt_ms == 900.0
    assert states([*TO_OK, *[usually_slow] * 3])[-1] is DEGRADED
    assert states([*TO_OK, awful])[-1] is DEGRADED


# What a health says of itself ---------------------------------------------------------------


def test_every_state_but_ok_gives_its_reasons_in_sentences() -> None:
    for health in run([UNTRIED, *TO_OK, SLOW, AWFUL, *[FIT] * 3, *[CUT] * 6, FIT, BLIND, ENDED]):
        if health.state is not OK:
            assert codes(health) - {"NO_SAMPLE"}, health.state
        for reason in health.reasons:
            assert reason.code.isupper()
            assert reason.text.endswith(".")


def test_settling_counts_its_samples() -> None:
    (reason,) = run([*TO_OK, AWFUL, FIT, FIT])[-1].reasons

    assert reason.code == "SETTLING"
    assert "2 of 10" in reason.text


MAYBE = ("rtt_ms", "message_age_ms", "user_stream", "clock_offset_ms", "clock_uncertainty_ms", "kernel_lag_ms", "wire_lag_ms")  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("field", MAYBE)
def test_an_unmeasured_value_is_none_with_the_reason_and_nothing_is_invented(field: str) -> None:
    sample = msgspec.structs.replace(FIT, **{field: None}, missing={field: "clock is fixed"})
    health = run([sample])[-1]

    assert getattr(health, field) is None
    assert [each.text for each in health.reasons if each.code == "NO_SAMPLE"] == [f"{field}: clock is fixed."]


def test_a_venue_of_which_nothing_is_known_says_so_for_every_value() -> None:
    health = run([UNTRIED])[-1]

    assert health.state is UNKNOWN
    assert all(getattr(health, field) is None for field in MAYBE)
    assert sum(reason.code == "NO_SAMPLE" for reason in health.reasons) == len(MAYBE)


def test_the_values_of_a_health_are_the_samples_own() -> None:
    health = run([FIT])[-1]

    for field in (*MAYBE, "books_synced", "books_total", "reconnects", "gaps"):
        assert getattr(health, field) == getattr(FIT, field)


def test_since_is_when_the_state_began() -> None:
    healths = run([*TO_OK, FIT, FIT, AWFUL])

    assert [health.since_ms for health in healths] == [0, 1_000, 2_000, 2_000, 2_000, 5_000]


def test_a_reader_believes_a_health_for_three_periods() -> None:
    health = run([*TO_OK])[-1]
    seen = as_seen(health, health.as_of_ms + 3_001)

    assert as_seen(health, health.as_of_ms + 3_000) is health
    assert (seen.state, seen.reasons[0].code) == (UNKNOWN, "STALE")
    stopped = run([ENDED])[-1]
    assert as_seen(stopped, 10**9) is stopped


# Properties ---------------------------------------------------------------------------------

ANY = st.sampled_from([FIT, FIT, FIT, CUT, SLOW, AWFUL, OLD, BLIND, RESYNCING, UNTRIED])


def test_whatever_happens_the_sequence_grows_and_down_is_never_followed_by_ok() -> None:
    met = dict.fromkeys((OK, DOWN, DEGRADED), 0)

    @given(st.lists(ANY, max_size=40), st.integers(0, 10_000))
    def holds(samples: list[Sample], every_ms: int) -> None:
        healths = run([FIT] * 3 + samples, every_ms=every_ms)
        for before, after in itertools.pairwise(healths):
            assert after.sequence == before.sequence + 1
            assert after.since_ms >= before.since_ms
            assert not (before.state in (DOWN, CONNECTING, UNKNOWN) and after.state is OK)
            assert after.state is OK or codes(after)
        for health in healths:
            if health.state in met:
                met[health.state] += 1

    holds()
    assert min(met.values()) > 5


BADNESS = {OK: 0, DEGRADED: 1, DOWN: 2}
VALUES = {
    "message_age_ms": 40_000.0,
    "rtt_typical_ms": 3_000.0,
    "rtt_ms": 3_000.0,
    "clock_offset_ms": 2_000.0,
    "wire_lag_ms": 2_000.0,
    "kernel_lag_ms": 9_000.0,
}


def test_a_larger_value_is_never_healthier() -> None:
    met = {"same": 0, "worse": 0}

    @given(
        field=st.sampled_from(sorted(VALUES)),
        parts=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
        warned=st.lists(st.booleans(), max_size=5).map(tuple),
    )
    def holds(field: str, parts: list[float], warned: tuple[bool, ...]) -> None:
        low, high = (msgspec.structs.replace(FIT, **{field: VALUES[field] * part}) for part in parts)
        memory = msgspec.structs.replace(OK_IN, warnings=warned)
        better, worse = (step(memory, each, Now(0, 0.0))[1] for each in (low, high))

        assert BADNESS[worse.state] >= BADNESS[better.state]
        assert codes(worse) >= codes(better)
        met["worse" if worse.state is not better.state else "same"] += 1

    holds()
    assert min(met.values()) > 2


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clock_that_is_behind_is_as_bad_as_one_that_is_ahead(sign: int) -> None:
    sample = msgspec.structs.replace(FIT, clock_offset_ms=sign * 1_001.0)
    (finding,) = judge(sample, Thresholds(), strict=False, down_ms=0)

    assert (finding.code, finding.weight) == ("CLOCK_OFFSET", Weight.CRITICAL)


def test_the_bounds_are_settings() -> None:
    strict = Thresholds(wire_lag=Bound(0.5, 0.8))
    (finding,) = judge(FIT, strict, strict=False, down_ms=0)

    assert finding.weight is Weight.CRITICAL


def test_a_store_of_models_that_is_down_is_told_and_is_no_fault_of_the_venue() -> None:
    """A reason for people; the state, which denies orders, is of the venue alone."""
    untold = run([FIT] * 15)[-1]
    told = run([msgspec.structs.replace(FIT, model_store="redis is not there")] * 15)[-1]

    assert untold.state is told.state is OK
    assert [(each.code, each.text) for each in told.reasons] == [("MODEL_STORE", "Redis is not there.")]
    assert untold.reasons == ()
