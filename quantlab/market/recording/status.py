"""How a recording is doing, as plain values."""

from __future__ import annotations

from pathlib import Path

import msgspec

IDLE, RECORDING, STOPPED, FAILED = "idle", "recording", "stopped", "failed"
FRAMES = "(frames)"


class RecorderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a recording is doing.

    Attributes:
        state: idle, recording, stopped or failed; `reason` says why it is not recording.
        name, path: Of the recording; "" and None where there has been none.
        patterns, raw: What was asked for.
        started_ms: UTC ms.
        records: How many were written, by topic; raw frames are "(frames)".
        waiting: Messages that are not written yet.
        dropped: Messages that came while too many waited: they are missing, and the recording says where.
            Of a failed recording also those that waited when it failed.
        refused: Events that could not be encoded, or were of another class than their topic had when the
            recording began: they are missing as well.
        segments, bytes: What is on the disk.
        removed_segments, removed_records: What was removed to stay within `Bounds.most_bytes`.
    """

    state: str = IDLE
    reason: str = "nothing was recorded yet"
    name: str = ""
    path: Path | None = None
    patterns: tuple[str, ...] = ()
    raw: bool = False
    started_ms: int | None = None
    records: dict[str, int] = {}
    waiting: int = 0
    dropped: int = 0
    refused: int = 0
    segments: int = 0
    bytes: int = 0
    removed_segments: int = 0
    removed_records: int = 0

    @property
    def written(self) -> int:
        """All records together."""
        return sum(self.records.values())
