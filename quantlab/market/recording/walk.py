"""Follows the numbers of a recording's records from block to block, and marks what lies between."""

from __future__ import annotations

import msgspec

from quantlab.market.recording.blocks import Head, Kind
from quantlab.market.recording.marks import Block, Marks
from quantlab.market.recording.schema import End


class Walk:
    """Of one reading; it is told of each segment and each block, in order."""

    def __init__(self, name: str, marks: Marks) -> None:
        self._name, self._marks = name, marks
        self._segment = 0
        self._due = 1  # the number of the next record
        self._end = End(reason="", more=True)

    def enter(self, segment: int) -> None:
        """Another segment begins; where the first one is gone, so are its records."""
        self._end = End(reason="", more=True)
        self._first = self._segment == 0 and segment > 1
        self._segment = segment

    def meet(self, block: Block) -> None:
        """A whole block."""
        self._follow(block.head)
        if block.head.kind == Kind.END:
            self._end = msgspec.json.decode(block.payload, type=End)

    def missing(self, kind: str, head: Head | None, text: str) -> None:
        """A block, or bytes, that cannot be read."""
        if head is not None and head.kind == Kind.RECORDS:
            self._follow(head)
        self._add(kind, None if head is None else head.records, text)

    def finish(self) -> None:
        """Nothing follows: was that its end?"""
        if self._end.more:
            self._add("open", None, "it was not closed: its kernel was killed, or it is still being written")

    def _follow(self, head: Head) -> None:
        gap = head.first - self._due
        dropped = min(gap, head.dropped)
        if gap > dropped and self._first:
            self._add(
                "removed", gap - dropped, f"its first {gap - dropped} records are gone, as its bounds say"
            )
        elif gap > dropped:
            self._add(
                "missing", gap - dropped, f"{gap - dropped} records before number {head.first} are missing"
            )
        if dropped > 0:
            self._add("dropped", dropped, f"{dropped} records before number {head.first} were dropped")
        self._first = False
        self._due = head.first + head.records

    def _add(self, kind: str, records: int | None, text: str) -> None:
        self._marks.add(kind, self._segment, records, text, name=self._name)
