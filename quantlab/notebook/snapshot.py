"""What browsers are told of the engine: one plain object, the same for widget and status bar.

Pure: a `Glance` in, JSON-ready values out. Everything here is shown to whoever looks at the
notebook, and may be saved with it: no secret, no address, no id of a process.
"""

from __future__ import annotations

from typing import Any

from quantlab.domain.text import printable
from quantlab.domain.venue import HealthState, VenueHealth
from quantlab.engine.glance import NO_TOKEN_ASKED, Glance
from quantlab.health.signals import NO_SAMPLE

VERSION = 1
BUSY_MS = 500.0  # below that a kernel is at work, not blocked
MEASURED = ("rtt_ms", "message_age_ms", "kernel_lag_ms")
MOST_REASONS = 6
LONGEST = 200  # characters of one text: a venue's words may be long

Snapshot = dict[str, Any]


def snapshot(glance: Glance, sequence: int) -> Snapshot:
    """One full snapshot, version 1; a value that was not measured is None, and `missing` says why.

    Durations are in milliseconds, `as_of_ms` is UTC ms, `sequence` grows with each.
    """
    busy_ms = glance.busy_ms or 0.0
    return {
        "v": VERSION,
        "seq": sequence,
        "engine": glance.engine,
        "problem": short(glance.problem),
        "venue": short(glance.venue),
        "level": glance.level,
        **_health(glance.health),
        "busy_ms": round(busy_ms) if busy_ms >= BUSY_MS else 0,
        "trading": short(glance.trading),
        "halted": glance.halted,
        "halt_reason": short(glance.halt_reason),
        "cancelled": glance.cancelled,
        "armed": glance.actions,
        "glass_cockpit": glance.actions == NO_TOKEN_ASKED,
        "as_of_ms": glance.as_of_ms,
    }


def short(text: str) -> str:
    """One printable line of at most 200 characters."""
    text = printable(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _health(health: VenueHealth | None) -> dict[str, Any]:
    """State, reasons, and what was measured."""
    if health is None:
        return {
            "state": HealthState.UNKNOWN.value,
            "reasons": ["nothing was measured yet"],
            **dict.fromkeys(MEASURED),
            "missing": dict.fromkeys(MEASURED, "no sample"),
        }
    said = [short(each.text) for each in health.reasons if each.code != NO_SAMPLE]
    return {
        "state": health.state.value,
        "reasons": said[:MOST_REASONS],
        **{name: _rounded(getattr(health, name)) for name in MEASURED},
        "missing": _missing([each.text for each in health.reasons if each.code == NO_SAMPLE]),
    }


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)


def _missing(texts: list[str]) -> dict[str, str]:
    """The monitor says "rtt_ms: why."; only for what is shown."""
    pairs = (text.rstrip(".").partition(": ") for text in texts)
    return {field: short(why) for field, _, why in pairs if field in MEASURED}
