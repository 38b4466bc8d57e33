"""What is measured of a venue, and what each value is worth: fine, a warning, critical, lost.

Pure. A value that is None is not judged: `unmeasured` says in words why there is none.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from quantlab.domain.venue import Reason

NO_SAMPLE = "NO_SAMPLE"  # the code of the reason why a value is None
SETTLE_FACTOR = 0.7  # while degraded, a value is good only below this part of its warning line


class Weight(IntEnum):
    """How bad one finding is."""

    FINE = 0
    WARN = 1
    CRITICAL = 2
    LOST = 3


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it should be: a code for programs, a sentence for people."""

    code: str
    text: str
    weight: Weight


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Everything measured at one moment. Milliseconds; None was not measured.

    `connected` is None before the first attempt; `user_stream` is None where no credentials ask
    for one. `rtt_typical_ms` is the median of the last pings, None before there are three: one
    slow ping is shown, not judged. `missing` says why a field is None, by field name.
    """

    connected: bool | None
    subscribed: bool = True
    message_age_ms: float | None = None
    user_stream: bool | None = None
    books_synced: int = 0
    books_total: int = 0
    clock_offset_ms: float | None = None
    clock_uncertainty_ms: float | None = None
    rtt_ms: float | None = None
    rtt_typical_ms: float | None = None
    kernel_lag_ms: float | None = None
    wire_lag_ms: float | None = None
    reconnects: int = 0
    gaps: int = 0
    mismatch: str = ""
    model_store: str = ""
    stopped: bool = False
    missing: dict[str, str] = {}
    failures: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Every book synced, the user stream live if one is asked for, and the clock measured."""
        books = self.books_synced >= self.books_total
        return books and self.user_stream is not False and self.clock_offset_ms is not None


class Bound(msgspec.Struct, frozen=True):
    """Above which value, in milliseconds, one field warns, and is as bad as `worst`."""

    warn: float
    limit: float | None = None
    worst: Weight = Weight.CRITICAL


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of the values, and the counts of samples and milliseconds that move the state.

    `warnings` of the last `window` samples degrade; `settle_samples` good ones in a row end that.
    """

    message_age: Bound = Bound(5_000, 30_000, Weight.LOST)
    rtt: Bound = Bound(250, 2_000)
    clock_offset: Bound = Bound(250, 1_000)
    wire_lag: Bound = Bound(100, 1_000)
    kernel_lag: Bound = Bound(5_000)
    down_after_ms: float = 3_000
    sync_timeout_ms: float = 30_000
    warnings: int = 3
    window: int = 5
    settle_samples: int = 10

    def events(self, sample: Sample, *, gaps: int, reconnects: int) -> list[Finding]:
        """Findings about what has happened since the last sample, which had these counts."""
        found = []
        if sample.gaps > gaps:
            found.append(Finding("GAP", f"{sample.gaps - gaps} gap(s) in a book's updates.", Weight.WARN))
        if sample.reconnects > reconnects:
            found.append(Finding("RECONNECTED", "The market stream was connected anew.", Weight.WARN))
        return found


def judge(sample: Sample, thresholds: Thresholds, *, strict: bool, down_ms: float) -> list[Finding]:
    """All that is wrong with one sample. `strict` asks for values well below their warning lines."""
    if sample.stopped:
        return [Finding("STOPPED", "The monitor was stopped.", Weight.FINE)]
    return [
        *_transport(sample, thresholds, down_ms),
        *_readiness(sample),
        *_values(sample, thresholds, SETTLE_FACTOR if strict else 1.0),
        *_beside(sample),
        *(Finding("PROBE_FAILED", text, Weight.WARN) for text in sample.failures),
    ]


def unmeasured(sample: Sample) -> tuple[Reason, ...]:
    """One reason for every value that is None."""
    return tuple(
        Reason(code=NO_SAMPLE, text=f"{field}: {sample.missing.get(field, 'not measured yet')}.")
        for field in (
            "rtt_ms", "message_age_ms", "user_stream", "clock_offset_ms", "clock_uncertainty_ms",
            "kernel_lag_ms", "wire_lag_ms",
        )
        if getattr(sample, field) is None
    )  # fmt: skip


def _transport(sample: Sample, thresholds: Thresholds, down_ms: float) -> list[Finding]:
    if sample.connected is None:
        return [Finding("NOT_STARTED", "No connection has been tried yet.", Weight.FINE)]
    if not sample.connected:
        weight = Weight.LOST if down_ms > thresholds.down_after_ms else Weight.CRITICAL
        return [Finding("NOT_CONNECTED", f"The market stream is down for {down_ms / 1_000:.1f} s.", weight)]
    if not sample.subscribed:
        return [Finding("NOT_SUBSCRIBED", "The venue has not confirmed the subscriptions.", Weight.CRITICAL)]
    return []


def _readiness(sample: Sample) -> list[Finding]:
    found = []
    if sample.books_synced < sample.books_total:
        text = f"{sample.books_synced} of {sample.books_total} books are synced."
        found.append(Finding("BOOKS_NOT_SYNCED", text, Weight.WARN))
    if sample.user_stream is False:
        text = "The user stream is down: fills and cancels are not seen."
        found.append(Finding("USER_STREAM_DOWN", text, Weight.CRITICAL))
    if sample.mismatch:
        found.append(Finding("RECONCILE_MISMATCH", f"{_sentence(sample.mismatch)}.", Weight.CRITICAL))
    if sample.clock_offset_ms is None:
        found.append(Finding("NO_CLOCK", "The venue's clock has not been measured.", Weight.CRITICAL))
    return found


def _beside(sample: Sample) -> list[Finding]:
    """What a reader should know and what says nothing of the venue: no order is denied for it."""
    if not sample.model_store:
        return []
    return [Finding("MODEL_STORE", f"{_sentence(sample.model_store)}.", Weight.FINE)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _values(sample: Sample, limits: Thresholds, factor: float) -> list[Finding]:
    offset = None if sample.clock_offset_ms is None else abs(sample.clock_offset_ms)
    checks = (
        ("MESSAGE_AGE", "The newest message is {:.0f} ms old.", sample.message_age_ms, limits.message_age),
        ("RTT", "A ping takes {:.0f} ms.", _judged_rtt(sample, limits.rtt), limits.rtt),
        ("CLOCK_OFFSET", "The venue's clock is off by {:.0f} ms.", offset, limits.clock_offset),
        ("WIRE_LAG", "The wire loop lags by {:.0f} ms.", sample.wire_lag_ms, limits.wire_lag),
        ("KERNEL_LAG", "The kernel's loop lags by {:.0f} ms.", sample.kernel_lag_ms, limits.kernel_lag),
    )
    return [
        Finding(code, text.format(value), weight)
        for code, text, value, bound in checks
        if value is not None and (weight := _weigh(value, bound, factor))
    ]


def _weigh(value: float, bound: Bound, factor: float) -> Weight:
    if bound.limit is not None and value > bound.limit:
        return bound.worst
    return Weight.WARN if value > bound.warn * factor else Weight.FINE


def _judged_rtt(sample: Sample, bound: Bound) -> float | None:
    """The typical round trip, or the last one where it alone is critical."""
    last = sample.rtt_ms
    return last if last is not None and _weigh(last, bound, 1.0) is bound.worst else sample.rtt_typical_ms
