"""Where events can be read from: a recording of ours, a recorded stream file, a file of the public archive.

All three give the same `Record`s, so that whoever learns, replays or draws need not know which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from quantlab.bus import Topic
from quantlab.bus.routes import can_meet
from quantlab.errors import RecordingError
from quantlab.market.recording import archives, streamfile
from quantlab.market.recording.archivefile import SUFFIXES as ARCHIVES
from quantlab.market.recording.reader import Record, Recording
from quantlab.market.recording.schema import STANDARD, compiled, pattern_text
from quantlab.market.recording.segments import SUFFIX
from quantlab.market.recording.wanted import Topics

Decode = Callable[[bytes, int, str], Any]


class Source(Protocol):
    """What gives records."""

    @property
    def name(self) -> str: ...

    def records(
        self, topics: Topics = None, *, from_ns: int = 0, until_ns: int | None = None
    ) -> Iterator[Record]: ...


class Foreign:
    """Records of a file that others have made.

    Args:
        path: The file.
        read: Gives when each event came (UTC ns), and the event.
    """

    def __init__(self, path: Path, read: Callable[[], Iterator[tuple[int, Any]]]) -> None:
        self.path, self._read = path, read

    @property
    def name(self) -> str:
        return self.path.name

    def records(
        self, topics: Topics = None, *, from_ns: int = 0, until_ns: int | None = None
    ) -> Iterator[Record]:
        """As `Recording.records`; messages of kinds that have no topic are no events."""
        asked = () if topics is None else [topics] if isinstance(topics, str | Topic) else topics
        patterns = [compiled(pattern_text(each), STANDARD) for each in asked]
        return self._records(patterns, everything=topics is None, from_ns=from_ns, until_ns=until_ns)

    def _records(
        self, patterns: list[tuple[str, ...]], *, everything: bool, from_ns: int, until_ns: int | None
    ) -> Iterator[Record]:
        of_type = {topic.type: topic for topic in STANDARD}
        number = 0
        for at_ns, event in self._read():
            topic = of_type.get(type(event))
            number += 1
            if topic is None or at_ns < from_ns or (until_ns is not None and at_ns >= until_ns):
                continue
            name = topic.parts(topic.key(event))
            if everything or any(can_meet(pattern, name) for pattern in patterns):
                yield Record(number, at_ns, topic.template, event)


def open_source(
    path: Path,
    *,
    decode: Decode,
    topics: Iterable[Topic[Any]] = (),
    symbol: str | None = None,
    interval: str | None = None,
) -> Source:
    """The source at `path`: a recording's folder or one of its segments, a .csv or .zip, a stream file.

    Args:
        path: Where.
        decode: Of one message of a recorded stream file: JSON, receive time (UTC ms), symbol.
        topics: See `Recording`.
        symbol, interval: Of an archive whose name does not say.

    Raises:
        RecordingError: There is nothing at `path`, or it cannot be read.
        TapeError, InvalidField: See `archives.events` and `streamfile.messages`.
    """
    if path.is_dir():
        return Recording(path, topics)
    if path.suffix == SUFFIX:
        return Recording(path.parent, topics)
    if not path.exists():
        raise RecordingError(f"there is no recording at {path}", "ql.recorder.recordings() lists them")
    if path.suffix in ARCHIVES:
        archives.events(path, symbol, interval)  # what its name lacks is said now
        return Foreign(path, lambda: archives.events(path, symbol, interval))
    return Foreign(path, lambda: streamfile.messages(path, decode))
