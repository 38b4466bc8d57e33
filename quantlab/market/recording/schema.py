"""What a recording is of: its header, its topics by number, and which events were chosen.

Pure. A topic is known again by its template and by the name and fields of its type, so that a recording of
an older or newer quantlab is read where that is possible, and refused by name where it is not.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from quantlab.bus import Topic
from quantlab.bus.routes import can_meet, compile_pattern, nearest
from quantlab.domain.market import DepthSnapshot
from quantlab.errors import BusError, InvalidField
from quantlab.topics import CATALOGUE, DEPTH

Pattern = tuple[str, ...]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that whoever reads the recording has to know: the stream was lost, and came back."""

    text: str
    time_ms: int


NOTE: Topic[Note] = Topic("recording.note", Note)
SNAPSHOT: Topic[DepthSnapshot] = Topic("market.depth_snapshot.{symbol}", DepthSnapshot)
FRAME = 0  # the number of raw frames, which have no topic
OURS: tuple[Topic[Any], ...] = (NOTE, SNAPSHOT)  # in every recording, with the numbers 1 and 2
STANDARD: tuple[Topic[Any], ...] = (*OURS, *CATALOGUE)
"""The topics that can be read back without naming them."""


class FieldShape(msgspec.Struct, frozen=True):
    """One field of a type."""

    name: str
    type: str
    required: bool


class TopicShape(msgspec.Struct, frozen=True):
    """One topic of a recording: the number that its records bear, and what they hold."""

    number: int
    topic: str
    type: str
    fields: tuple[FieldShape, ...]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What each segment says of itself first. Times in UTC milliseconds.

    `first` is the number of the segment's first record; `symbols` are those that were watched then;
    `patterns` what was asked for; `raw` whether the streams' frames are in it as they came.
    """

    format: int
    quantlab: str
    recording: str
    segment: int
    first: int
    started_ms: int
    opened_ms: int
    venue: str
    symbols: tuple[str, ...]
    patterns: tuple[str, ...]
    raw: bool
    topics: tuple[TopicShape, ...]


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last block of a segment: why it ends, and whether the recording goes on in the next one."""

    reason: str
    more: bool


def shape_of(number: int, topic: Topic[Any]) -> TopicShape:
    """How `topic` is described in a header.

    Raises:
        InvalidField: Its type is no msgspec.Struct.
    """
    if not issubclass(topic.type, msgspec.Struct):
        raise InvalidField(
            "topics",
            f"{topic.template} carries {topic.type.__name__}, which is no msgspec.Struct",
            "record other topics, or let it carry one",
        )
    hints = typing.get_type_hints(topic.type)
    fields = tuple(
        FieldShape(each.name, _named(hints[each.name]), each.required)
        for each in msgspec.structs.fields(topic.type)
    )
    return TopicShape(number, topic.template, topic.type.__name__, fields)


def _named(hint: Any) -> str:
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        return hint.__name__
    return str(hint).replace("typing.", "")


class Selection:
    """Which events are recorded, and the number of the topic of each.

    Args:
        patterns: Topics, or patterns such as "market.trade.*"; each must meet a known topic.
        known: The topics that there are.
        raw: Frames are recorded as well.

    Attributes:
        topics: Those that are met, by number.
        patterns: As text.

    Raises:
        InvalidField: Names the pattern and the nearest topic, or a topic that cannot be recorded.
    """

    def __init__(
        self, patterns: Sequence[Topic[Any] | str], known: Iterable[Topic[Any]], *, raw: bool = False
    ) -> None:
        asked: object = raw
        if not isinstance(asked, bool):
            raise InvalidField("raw", f"{asked!r:.40} is neither True nor False", "give one of them")
        self.raw = raw
        known = tuple(dict.fromkeys(each for each in known if each not in OURS))
        self.patterns = tuple(pattern_text(each) for each in patterns)
        self._compiled = tuple(compiled(each, known) for each in self.patterns)
        met = [each for each in known if any(can_meet(pattern, each.pattern) for pattern in self._compiled)]
        self.topics: dict[int, Topic[Any]] = dict(enumerate((*OURS, *met), start=FRAME + 1))
        self.shapes = tuple(shape_of(number, topic) for number, topic in self.topics.items())
        self._by_type: dict[type, list[tuple[int, Topic[Any]]]] = {}
        for number, topic in self.topics.items():
            self._by_type.setdefault(topic.type, []).append((number, topic))
        self._chosen: dict[tuple[int, Any], bool] = {}

    @property
    def types(self) -> frozenset[type]:
        """The classes of what may be chosen; bytes are frames."""
        return frozenset(self._by_type) | ({bytes} if self.raw else set())

    def number(self, event: object) -> int | None:
        """The number of the topic of `event`; None where it was not chosen."""
        for number, topic in self._by_type.get(type(event), ()):
            key = number, topic.key(event)
            chosen = self._chosen.get(key)
            if chosen is None:
                chosen = self._chosen[key] = self._choose(topic, key[1])
            if chosen:
                return number
        return None

    def wants_book(self, symbol: str) -> bool:
        """Whether there are diffs in the recording that need the whole book of `symbol` to stand on."""
        return self.raw or self._fits(DEPTH.parts(symbol))

    def _choose(self, topic: Topic[Any], key: Any) -> bool:
        if topic is SNAPSHOT:
            return self.wants_book(key)
        return topic is NOTE or self._fits(topic.parts(key))

    def _fits(self, name: Pattern) -> bool:
        return any(can_meet(pattern, name) for pattern in self._compiled)


def pattern_text(topic: Topic[Any] | str) -> str:
    """A topic or a pattern as the text of a pattern; `InvalidField` for what is neither."""
    given: object = topic
    if isinstance(given, str):
        return given
    if not isinstance(given, Topic):
        raise InvalidField(
            "topics", f"{given!r:.60} is no topic and no pattern", 'give "market.trade.*", each one by itself'
        )
    return ".".join(given.pattern)


def compiled(pattern: str, known: Iterable[Topic[Any]]) -> Pattern:
    """The parts of `pattern`, or `InvalidField` where no known topic can meet it."""
    try:
        parts = compile_pattern(pattern)
    except BusError as error:
        raise InvalidField("topics", str(error), 'give "market.trade.*", for example') from None
    known = tuple(known)
    if not any(can_meet(parts, each.pattern) for each in known):
        near = nearest(pattern, (each.template for each in known))
        raise InvalidField("topics", f"{pattern!r} meets no topic", f"the nearest is {near!r}")
    return parts
