"""Reads a recording back: events, raw frames, and marks for what is missing.

A recording is a folder of segments. Whole blocks are believed by their checksums, numbers of records show
what lies between them, and what was cut, damaged, dropped or removed becomes a `Mark`. What cannot be read
at all raises `RecordingError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from quantlab.bus import Topic
from quantlab.errors import RecordingError
from quantlab.market.recording.blocks import Head, Kind
from quantlab.market.recording.marks import Block, Mark, Marks, blocks
from quantlab.market.recording.schema import FRAME, STANDARD, Header
from quantlab.market.recording.segments import SUFFIX
from quantlab.market.recording.walk import Walk
from quantlab.market.recording.wanted import Topics, Wanted, choose

REMEDY = "give the name of a recording (ql.recorder.recordings() lists them) or the path of its folder"

_rows = msgspec.msgpack.Decoder(list[tuple[int, int, msgspec.Raw]]).decode


class Record(NamedTuple):
    """One event as it was recorded: its number, when it came (UTC ns), its topic's template, itself."""

    number: int
    at_ns: int
    topic: str
    event: Any


class Frame(NamedTuple):
    """One raw frame of a market stream: its number, when it came (UTC ns), its text."""

    number: int
    at_ns: int
    data: bytes


class Until(NamedTuple):
    """How far a recording that is being written can be read: so many bytes of this segment."""

    segment: int
    end: int


class Recording:
    """One recording on disk; each reading begins at its beginning.

    Args:
        folder: Of its segments.
        topics: Topics beyond the standard ones whose types are known here.
        until: Where to stop, for one that is being written.

    Attributes:
        header: What its first readable segment says of it.
        marks: What the last reading found to be missing, as far as it has come.

    Raises:
        RecordingError: There is none, it is of another format, or nothing of it can be read.
    """

    def __init__(
        self, folder: Path, topics: Iterable[Topic[Any]] = (), *, until: Until | None = None
    ) -> None:
        self.folder = folder
        self.marks: Sequence[Mark] = ()
        self._until = until
        self._known = {each.template: each for each in (*STANDARD, *topics)}
        found = _segments_of(folder)
        self._segments = {
            number: path for number, path in found.items() if until is None or number <= until.segment
        }
        self.header = self._first_header()

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def topics(self) -> tuple[str, ...]:
        """The templates of the topics that it may hold."""
        return tuple(shape.topic for shape in self.header.topics)

    @property
    def bytes(self) -> int:
        """Of all its segments."""
        return sum(path.stat().st_size for path in self._segments.values())

    @property
    def segments(self) -> int:
        return len(self._segments)

    def records(
        self, topics: Topics = None, *, from_ns: int = 0, until_ns: int | None = None
    ) -> Iterator[Record]:
        """The events in the order in which they came, with what the recording says of each.

        Args:
            topics: Topics or patterns; None for all.
            from_ns, until_ns: Those that came from this moment on, and before that one (UTC ns).

        Raises:
            InvalidField: The recording has no such topic.
            RecordingError: A topic's type is not known here, or has other fields now.
        """
        marks = self.marks = Marks()
        wanted = choose(self.header, topics, self._known, marks)
        return self._records(wanted, from_ns, until_ns, marks)

    def events(
        self, topics: Topics = None, *, from_ns: int = 0, until_ns: int | None = None
    ) -> Iterator[Any]:
        """As `records`, the events alone."""
        return (record.event for record in self.records(topics, from_ns=from_ns, until_ns=until_ns))

    def frames(self) -> Iterator[Frame]:
        """The raw frames in the order in which they came.

        Raises:
            RecordingError: None were recorded.
        """
        if not self.header.raw:
            raise RecordingError(f"{self.name} has no raw frames", "record with raw=True")
        marks = self.marks = Marks()
        return (
            Frame(number, at_ns, msgspec.msgpack.decode(raw, type=bytes))
            for block in self._blocks(0, None, marks)
            for number, (topic, at_ns, raw) in enumerate(_rows(block.payload), start=block.head.first)
            if topic == FRAME
        )

    def check(self) -> Sequence[Mark]:
        """Read all of it, and say what is missing: the marks, none for a recording that is whole."""
        marks = self.marks = Marks()
        for _ in self._blocks(0, None, marks):
            pass
        return marks

    # -- how

    def _records(
        self, wanted: dict[int, Wanted], from_ns: int, until_ns: int | None, marks: Marks
    ) -> Iterator[Record]:
        unknown: dict[str, int] = {}
        for block in self._blocks(from_ns, until_ns, marks):
            for number, (topic, at_ns, raw) in enumerate(_rows(block.payload), start=block.head.first):
                asked = wanted.get(topic)
                if asked is None or at_ns < from_ns or (until_ns is not None and at_ns >= until_ns):
                    continue
                if asked.topic is None:
                    unknown[asked.shape.topic] = unknown.get(asked.shape.topic, 0) + 1
                    continue
                event = self._event(asked, raw)
                if asked.fits(event):
                    yield Record(number, at_ns, asked.shape.topic, event)
        for name, count in unknown.items():
            text = f"{count} records of {name}, a topic that is not known here, are left out"
            marks.add("unknown", 0, count, text, name=self.name)

    def _event(self, asked: Wanted, raw: msgspec.Raw) -> Any:
        try:
            return asked.decode(raw)
        except msgspec.DecodeError as error:
            raise RecordingError(
                f"{self.name}: a record of {asked.shape.topic} is no {asked.shape.type} any more: {error}",
                f"read it with quantlab {self.header.quantlab}",
            ) from None

    def _first_header(self) -> Header:
        problem: RecordingError | None = None
        for number in self._segments:
            try:
                header = self._header(number)
            except FileNotFoundError:  # to make room for others, just now
                continue
            except RecordingError as error:
                problem = problem or error
            else:
                return header
        raise problem or RecordingError(f"{self.folder} holds no segment", REMEDY)

    def _header(self, number: int) -> Header:
        path = self._segments[number]
        for block in blocks(path, lambda *_: None, end=self._end(number)):
            if block.head.kind == Kind.HEADER:
                try:
                    return msgspec.json.decode(block.payload, type=Header)
                except msgspec.DecodeError as error:
                    raise RecordingError(
                        f"the header of {path} is not as it should be: {error}", REMEDY
                    ) from None
            break
        raise RecordingError(f"{path} was cut or damaged in its header", "nothing of it can be read")

    def _end(self, number: int) -> int | None:
        return self._until.end if self._until is not None and number == self._until.segment else None

    def _blocks(self, from_ns: int, until_ns: int | None, marks: Marks) -> Iterator[Block]:
        """The record blocks of a span of time, over all segments, and marks for what lies between."""

        def inside(head: Head) -> bool:
            if head.kind != Kind.RECORDS:
                return True
            if not head.records:
                return False
            return head.until_ns >= from_ns and (until_ns is None or head.from_ns < until_ns)

        walk = Walk(self.name, marks)
        for number, path in self._segments.items():
            walk.enter(number)
            try:
                for block in blocks(path, walk.missing, end=self._end(number), wanted=inside):
                    walk.meet(block)
                    if block.head.kind == Kind.RECORDS and inside(block.head):
                        yield block
            except RecordingError as error:
                marks.add("damaged", number, None, error.problem, name=self.name)
            except FileNotFoundError:
                marks.add("removed", number, None, f"{path.name} was removed meanwhile", name=self.name)
        walk.finish()


def _segments_of(folder: Path) -> dict[int, Path]:
    """The segment files by number; `RecordingError` where there is none."""
    if not folder.is_dir():
        raise RecordingError(f"there is no recording at {folder}", REMEDY)
    found = {int(path.stem): path for path in sorted(folder.glob(f"*{SUFFIX}")) if path.stem.isdecimal()}
    if not found:
        raise RecordingError(f"{folder} holds no recording", REMEDY)
    return found
