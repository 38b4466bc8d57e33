"""The venue as a place: how far it is from real money, and whether it is fit to trade on."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


class Level(IntEnum):
    """Distance from real money, decided by endpoint alone (design D9).

    PAPER is the embedded or a loopback venue, TESTNET a listed test host, PRODUCTION all else:
    there only public market data is read, and keys and orders are refused.
    """

    PAPER = 0
    TESTNET = 1
    PRODUCTION = 2

    @property
    def label(self) -> str:
        return f"L{self.value} {self.name.lower()}"


class HealthState(StrEnum):
    """UNKNOWN until measured; CONNECTING, SYNCING on the way; OK, DEGRADED, DOWN; STOPPED."""

    UNKNOWN = "UNKNOWN"
    CONNECTING = "CONNECTING"
    SYNCING = "SYNCING"
    OK = "OK"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    STOPPED = "STOPPED"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a state is not OK, in a code for programs and a sentence for people."""

    code: str
    text: str


class VenueHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One measured answer to "is the venue fit to trade on?".

    A value that was not measured is None and `reasons` says why; nothing is invented.
    Round trip, ages and lags are in milliseconds; `as_of_ms` is our clock in venue time
    (UTC ms): a reader decides staleness from it. `sequence` only grows.
    """

    sequence: int
    venue: str
    level: str
    state: HealthState
    reasons: tuple[Reason, ...]
    as_of_ms: int
    since_ms: int
    rtt_ms: float | None
    message_age_ms: float | None
    user_stream: bool | None
    books_synced: int
    books_total: int
    clock_offset_ms: float | None
    clock_uncertainty_ms: float | None
    kernel_lag_ms: float | None
    wire_lag_ms: float | None
    reconnects: int
    gaps: int
