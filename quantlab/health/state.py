"""The venue's health as a state machine: one sample in, one state with its reasons out.

Pure: time is an argument. What is not in `TRANSITIONS` cannot happen, and no way leads straight
from DOWN to OK. A value that was not measured is None and a reason says why; nothing is
invented, and nothing unmeasured is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from quantlab.domain.venue import HealthState, Reason, VenueHealth
from quantlab.health.signals import Sample, Thresholds, Weight, judge, unmeasured

DEFAULTS = Thresholds()
UNKNOWN, CONNECTING, SYNCING = HealthState.UNKNOWN, HealthState.CONNECTING, HealthState.SYNCING
OK, DEGRADED, DOWN, STOPPED = HealthState.OK, HealthState.DEGRADED, HealthState.DOWN, HealthState.STOPPED


class Signal(StrEnum):
    """What one sample, with those before it, says about the venue."""

    IDLE = "idle"  # no attempt to connect yet
    OPENING = "opening"  # the transport or the subscriptions are not up
    LOST = "lost"  # the transport is down for too long, or the data is critically old
    UNREADY = "unready"  # up, but a book, the user stream or the clock is missing
    STALLED = "stalled"  # not ready for too long
    BAD = "bad"  # one critical value, or too many warnings
    FAIR = "fair"  # a warning, not enough to degrade
    GOOD = "good"
    SETTLED = "settled"  # good for long enough in a row
    STOP = "stop"  # we stopped it


S = Signal
TRANSITIONS: Mapping[HealthState, Mapping[Signal, HealthState]] = {
    UNKNOWN: {
        S.IDLE: UNKNOWN, S.OPENING: CONNECTING, S.LOST: DOWN, S.UNREADY: CONNECTING, S.STALLED: CONNECTING,
        S.BAD: CONNECTING, S.FAIR: CONNECTING, S.GOOD: CONNECTING, S.SETTLED: CONNECTING, S.STOP: STOPPED,
    },
    CONNECTING: {
        S.IDLE: CONNECTING, S.OPENING: CONNECTING, S.LOST: DOWN, S.UNREADY: SYNCING, S.STALLED: SYNCING,
        S.BAD: SYNCING, S.FAIR: SYNCING, S.GOOD: SYNCING, S.SETTLED: SYNCING, S.STOP: STOPPED,
    },
    SYNCING: {
        S.IDLE: CONNECTING, S.OPENING: CONNECTING, S.LOST: DOWN, S.UNREADY: SYNCING, S.STALLED: DEGRADED,
        S.BAD: SYNCING, S.FAIR: OK, S.GOOD: OK, S.SETTLED: OK, S.STOP: STOPPED,
    },
    OK: {
        S.IDLE: DEGRADED, S.OPENING: DEGRADED, S.LOST: DOWN, S.UNREADY: DEGRADED, S.STALLED: DEGRADED,
        S.BAD: DEGRADED, S.FAIR: OK, S.GOOD: OK, S.SETTLED: OK, S.STOP: STOPPED,
    },
    DEGRADED: {
        S.IDLE: DEGRADED, S.OPENING: DEGRADED, S.LOST: DOWN, S.UNREADY: DEGRADED, S.STALLED: DEGRADED,
        S.BAD: DEGRADED, S.FAIR: DEGRADED, S.GOOD: DEGRADED, S.SETTLED: OK, S.STOP: STOPPED,
    },
    DOWN: {
        S.IDLE: DOWN, S.OPENING: DOWN, S.LOST: DOWN, S.UNREADY: CONNECTING, S.STALLED: CONNECTING,
        S.BAD: CONNECTING, S.FAIR: CONNECTING, S.GOOD: CONNECTING, S.SETTLED: CONNECTING, S.STOP: STOPPED,
    },
    STOPPED: dict.fromkeys(Signal, STOPPED),
}  # fmt: skip


ON_THE_WAY = Reason(code="ON_THE_WAY", text="All values are good in this sample; the next one confirms it.")


class Now(msgspec.Struct, frozen=True):
    """One moment: venue time (UTC ms) for showing, monotonic milliseconds for measuring."""

    wall_ms: int
    steady_ms: float


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """All that `step` remembers. Times named `_steady` are monotonic milliseconds."""

    venue: str
    level: str
    state: HealthState = UNKNOWN
    sequence: int = 0
    since_ms: int = 0
    since_steady: float = 0.0
    down_steady: float | None = None  # since when the transport is down
    warnings: tuple[bool, ...] = ()  # of the last samples, oldest first
    good: int = 0  # samples in a row
    gaps: int = 0
    reconnects: int = 0


def step(
    memory: Memory, sample: Sample, now: Now, thresholds: Thresholds = DEFAULTS
) -> tuple[Memory, VenueHealth]:
    """Fold one sample in; the health that comes out explains itself."""
    down_steady = _down_since(memory, sample, now)
    findings = judge(sample, thresholds, strict=memory.state is DEGRADED, down_ms=_elapsed(down_steady, now))
    findings += thresholds.events(sample, gaps=memory.gaps, reconnects=memory.reconnects)
    worst = max((finding.weight for finding in findings), default=Weight.FINE)
    watched = memory.state in (OK, DEGRADED)  # before that, warnings count for nothing
    warnings = (*memory.warnings, worst >= Weight.WARN)[-thresholds.window :] if watched else ()
    good = memory.good + 1 if worst is Weight.FINE else 0
    signal = _signal(memory, sample, now, worst, thresholds, warnings=sum(warnings), good=good)
    state = TRANSITIONS[memory.state][signal]
    moved = state is not memory.state
    reasons = [Reason(code=each.code, text=each.text) for each in findings]
    if not reasons and state is not OK:
        reasons.append(_settling(0 if moved else good, thresholds) if state is DEGRADED else ON_THE_WAY)
    after = Memory(
        venue=memory.venue,
        level=memory.level,
        state=state,
        sequence=memory.sequence + 1,
        since_ms=now.wall_ms if moved or not memory.sequence else memory.since_ms,
        since_steady=now.steady_ms if moved or not memory.sequence else memory.since_steady,
        down_steady=down_steady,
        warnings=() if moved else warnings,
        good=0 if moved else good,
        gaps=sample.gaps,
        reconnects=sample.reconnects,
    )
    return after, _health(after, sample, (*reasons, *unmeasured(sample)), now)


def as_seen(health: VenueHealth, now_ms: int, period_ms: int = 1_000) -> VenueHealth:
    """What a reader may believe at `now_ms` (venue time): UNKNOWN once three periods have passed.

    So a monitor that died is never shown as its last OK.
    """
    age_ms = now_ms - health.as_of_ms
    if health.state is STOPPED or age_ms <= 3 * period_ms:
        return health
    stale = Reason(code="STALE", text=f"The last health sample is {age_ms / 1_000:.1f} s old.")
    return msgspec.structs.replace(health, state=UNKNOWN, reasons=(stale, *health.reasons))


def _signal(
    memory: Memory,
    sample: Sample,
    now: Now,
    worst: Weight,
    thresholds: Thresholds,
    *,
    warnings: int,
    good: int,
) -> Signal:
    """The one signal of this sample: the worst thing that can be said comes first."""
    if sample.stopped:
        return Signal.STOP
    if sample.connected is None:
        return Signal.IDLE
    if worst is Weight.LOST:
        return Signal.LOST
    if not (sample.connected and sample.subscribed):
        return Signal.OPENING
    signal = _when_up(memory, sample, worst, thresholds, warnings=warnings, good=good)
    overdue = memory.state is SYNCING and now.steady_ms - memory.since_steady > thresholds.sync_timeout_ms
    return Signal.STALLED if overdue and signal in (Signal.UNREADY, Signal.BAD) else signal


def _when_up(
    memory: Memory, sample: Sample, worst: Weight, thresholds: Thresholds, *, warnings: int, good: int
) -> Signal:
    if not sample.ready and not (memory.state in (OK, DEGRADED) and worst is Weight.WARN):
        return Signal.UNREADY  # once it was OK, one book that syncs again is a warning
    if worst is Weight.CRITICAL:
        return Signal.BAD
    if worst is Weight.WARN:
        return Signal.BAD if warnings >= thresholds.warnings else Signal.FAIR
    return Signal.SETTLED if good >= thresholds.settle_samples else Signal.GOOD


def _down_since(memory: Memory, sample: Sample, now: Now) -> float | None:
    """Since when the transport is down, monotonic ms; None while it is up or was never tried."""
    if sample.connected is not False:
        return None
    return now.steady_ms if memory.down_steady is None else memory.down_steady


def _elapsed(since: float | None, now: Now) -> float:
    return 0.0 if since is None else now.steady_ms - since


def _settling(good: int, thresholds: Thresholds) -> Reason:
    return Reason(
        code="SETTLING",
        text=f"All values are good again: {good} of {thresholds.settle_samples} samples in a row.",
    )


def _health(memory: Memory, sample: Sample, reasons: tuple[Reason, ...], now: Now) -> VenueHealth:
    return VenueHealth(
        sequence=memory.sequence,
        venue=memory.venue,
        level=memory.level,
        state=memory.state,
        reasons=reasons,
        as_of_ms=now.wall_ms,
        since_ms=memory.since_ms,
        rtt_ms=sample.rtt_ms,
        message_age_ms=sample.message_age_ms,
        user_stream=sample.user_stream,
        books_synced=sample.books_synced,
        books_total=sample.books_total,
        clock_offset_ms=sample.clock_offset_ms,
        clock_uncertainty_ms=sample.clock_uncertainty_ms,
        kernel_lag_ms=sample.kernel_lag_ms,
        wire_lag_ms=sample.wire_lag_ms,
        reconnects=sample.reconnects,
        gaps=sample.gaps,
    )
