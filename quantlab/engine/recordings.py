"""The recordings of this user: read back as events or tables, exported, listed, deleted.

Belongs to the main thread. What is read may also be a file that others have made, see `sources`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from quantlab.binance.codec_stream import decode_market
from quantlab.bus import Topic
from quantlab.clock import NS_PER_MS
from quantlab.errors import InvalidField, RecordingError
from quantlab.frames import Rows
from quantlab.market.moments import moment_ms
from quantlab.market.recording.marks import Mark
from quantlab.market.recording.reader import Frame, Recording, Until
from quantlab.market.recording.sources import Source, open_source
from quantlab.market.recording.status import RECORDING
from quantlab.market.recording.tables import frame_of, to_parquet
from quantlab.market.recording.wanted import Topics
from quantlab.market.recording.writer import Writer

if TYPE_CHECKING:
    import pandas as pd

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

Which = str | Path | Source | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One recording on disk; `problem` says why it cannot be read, "" for one that can."""

    name: str
    started_ms: int | None
    bytes: int
    segments: int
    symbols: str
    topics: str
    raw: bool
    problem: str


class Recordings:
    """What was recorded, and what is being recorded.

    Args:
        folder: Where the recordings of this user are.
        topics: The topics whose types are known here.
        now_ms: UTC milliseconds.
    """

    def __init__(
        self, folder: Path, *, topics: Callable[[], Iterable[Topic[Any]]], now_ms: Callable[[], int]
    ) -> None:
        self.folder = folder
        self._topics, self._now_ms = topics, now_ms
        self._writer: Writer | None = None

    def open(
        self, recording: Which = None, *, symbol: str | None = None, interval: str | None = None
    ) -> Source:
        """A recording to read: by name, by path, or the one that is being or was last recorded (None).

        A path may also be that of a recorded stream file, or of a file of Binance's public archive
        (`symbol` and `interval` where its name does not say them).

        Raises:
            RecordingError: There is none, or it cannot be read.
        """
        writer = self._writer
        if isinstance(recording, str | Path):
            path = Path(recording).expanduser()
            if path.name == str(recording) and (self.folder / path).is_dir():
                path = self.folder / path
        elif recording is not None:
            if not hasattr(recording, "records"):
                raise InvalidField(
                    "recording", f"{recording!r:.60} is none", "give its name, its path, or what open() gave"
                )
            return recording
        elif writer is None:
            raise RecordingError("nothing was recorded yet", "name one: ql.recorder.recordings() lists them")
        else:
            path = writer.segments.folder
        if writer is not None and path == writer.segments.folder:
            return self._newest(writer)
        return open_source(path, decode=_decode, topics=self._topics(), symbol=symbol, interval=interval)

    def events(
        self,
        recording: Which = None,
        *,
        topics: Topics = None,
        start: object = None,
        end: object = None,
        symbol: str | None = None,
        interval: str | None = None,
    ) -> Iterator[Any]:
        """The typed events of a recording, one after the other, in the order in which they came.

        Args:
            recording: See `open`.
            topics: Topics or patterns; None for all, which includes a `DepthSnapshot` at the beginning of
                each book and a `Note` where the stream was lost.
            start, end: Moments as everywhere (UTC ms, ISO text, ...), by when an event came.
            symbol, interval: See `open`.

        Raises:
            InvalidField: The recording has no such topic.
            RecordingError: There is no such recording, or its types are others now.
        """
        source = self.open(recording, symbol=symbol, interval=interval)
        return (record.event for record in source.records(topics, **self._span(start, end)))

    def raw(self, recording: Which = None) -> Iterator[Frame]:
        """The raw frames of a recording, in the order in which they came.

        Raises:
            RecordingError: None were recorded.
        """
        return self._ours(recording).frames()

    def frame(
        self,
        topic: Topic[Any] | str,
        recording: Which = None,
        *,
        start: object = None,
        end: object = None,
        symbol: str | None = None,
        interval: str | None = None,
    ) -> pd.DataFrame:
        """The events of one topic or pattern as a table: when each came as UTC index, amounts exact.

        Raises:
            InvalidField: The recording has no such topic, or the pattern meets more than one type.
            RecordingError: See `events`.
        """
        given: object = topic
        if not isinstance(given, str | Topic):
            raise InvalidField("topic", f"{given!r:.60} is no topic and no pattern", "ask for one of them")
        source = self.open(recording, symbol=symbol, interval=interval)
        text = topic if isinstance(topic, str) else topic.template
        return frame_of(source.records(topic, **self._span(start, end)), text)

    def export(
        self, recording: Which = None, folder: str | Path | None = None, *, topics: Topics = None
    ) -> list[Path]:
        """Write a recording as Parquet, a file for each topic, and return their paths.

        Args:
            recording: See `open`.
            folder: Where to; by default NAME-parquet in the working folder.
            topics: Topics or patterns; None for all.

        Raises:
            RecordingError: pyarrow is not installed, or the folder cannot be written.
        """
        source = self.open(recording)
        target = Path.cwd() / f"{source.name.split('.')[0]}-parquet" if folder is None else Path(folder)
        return to_parquet(source.records(topics), target.expanduser())

    def check(self, recording: Which = None) -> Rows[Mark]:
        """Read a recording whole, and say what of it is missing: no row where nothing is."""
        return Rows(self._ours(recording).check(), of=Mark)

    def recordings(self) -> Rows[Listed]:
        """The recordings of this user, oldest first; `.frame()` is a table."""
        folders = [path for path in self.folder.iterdir() if path.is_dir()] if self.folder.is_dir() else []
        listed = sorted(
            (_listed(path) for path in folders), key=lambda each: (each.started_ms or 0, each.name)
        )
        return Rows(listed, of=Listed, index="name")

    def delete(self, name: str) -> None:
        """Remove a recording from the disk, for ever.

        Raises:
            RecordingError: There is none of that name, or it is being recorded.
        """
        folder = self.folder / checked_name(name)
        writer = self._writer
        if writer is not None and writer.state == RECORDING and folder == writer.segments.folder:
            raise RecordingError(f"{name} is being recorded", "stop it first")
        if not any(folder.glob("*.qlrec")):
            raise RecordingError(f"there is no recording {name}", "ql.recorder.recordings() lists them")
        shutil.rmtree(folder)

    def _ours(self, recording: Which) -> Recording:
        source = self.open(recording)
        if not isinstance(source, Recording):
            raise RecordingError(f"{source.name} was not recorded here", "name a recording")
        return source

    def _newest(self, writer: Writer) -> Recording:
        """The recording of this engine, up to all that was tapped before now."""
        if writer.state != RECORDING:
            return Recording(writer.segments.folder, self._topics())
        writer.flush()
        segments = writer.segments
        return Recording(segments.folder, self._topics(), until=Until(*segments.reached))

    def _span(self, start: object, end: object) -> dict[str, Any]:
        asked = {"from_ns": ("start", start), "until_ns": ("end", end)}
        found = {
            name: moment_ms(value, field, self._now_ms()) * NS_PER_MS
            for name, (field, value) in asked.items()
            if value is not None
        }
        if len(found) > 1 and found["until_ns"] < found["from_ns"]:
            raise InvalidField("end", "it is before start", "give the earlier moment first")
        return found


def checked_name(name: str) -> str:
    """`name`, or `InvalidField` where it is no name of a file."""
    given: object = name
    if not isinstance(given, str) or NAME.fullmatch(given) is None:
        raise InvalidField(
            "name",
            f"{name!r:.60} is no name of a recording",
            "give letters, digits, dots, - and _, at most 80",
        )
    return name


def _listed(path: Path) -> Listed:
    try:
        recording = Recording(path)
        size, count = recording.bytes, recording.segments
    except (RecordingError, OSError) as error:
        problem = getattr(error, "problem", None) or str(error)
        return Listed(
            name=path.name,
            started_ms=None,
            bytes=0,
            segments=0,
            symbols="",
            topics="",
            raw=False,
            problem=problem,
        )
    header = recording.header
    return Listed(
        name=path.name, started_ms=header.started_ms, bytes=size, segments=count,
        symbols=", ".join(header.symbols), topics=", ".join(header.patterns), raw=header.raw, problem="",
    )  # fmt: skip


def _decode(document: bytes, received_ms: int, symbol: str) -> object:
    return decode_market(document, received_ms, symbol=symbol)
