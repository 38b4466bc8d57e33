"""Which topics of a recording are read, and as what types.

A topic is known again by its template. A recorded type that lacks what ours needs is refused by name; fields
that ours has not are left out, with a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from quantlab.bus import Topic
from quantlab.bus.routes import can_meet
from quantlab.errors import InvalidField, RecordingError
from quantlab.market.recording.marks import Marks
from quantlab.market.recording.schema import Header, Pattern, TopicShape, compiled, pattern_text

Topics = Topic[Any] | str | Sequence[Topic[Any] | str] | None
Known = Mapping[str, Topic[Any]]  # by template


def choose(header: Header, topics: Topics, known: Known, marks: Marks) -> dict[int, Wanted]:
    """By number, the topics of a recording that are asked for; all for None.

    Raises:
        InvalidField: The recording has no such topic.
        RecordingError: A topic's type is not known here, or has other fields now.
    """
    if topics is None:
        return {shape.number: _wanted(header, shape, (), known, marks) for shape in header.topics}
    asked = [topics] if isinstance(topics, str | Topic) else list(topics)
    held = [Topic(shape.topic, object) for shape in header.topics]
    try:
        patterns = [compiled(pattern_text(each), held) for each in asked]
    except InvalidField as error:
        raise InvalidField("topics", f"{error.problem} of {header.recording}", error.remedy) from None
    wanted = {}
    for shape, topic in zip(header.topics, held, strict=True):
        fitting = tuple(each for each in patterns if can_meet(each, topic.pattern))
        if fitting and shape.topic not in known:
            raise RecordingError(
                f"{header.recording}: the topic {shape.topic} is not known here",
                f"declare it first, as carrying {shape.type}: ql.bus.declare(...)",
            )
        if fitting:
            wanted[shape.number] = _wanted(header, shape, fitting, known, marks)
    return wanted


def _wanted(
    header: Header, shape: TopicShape, patterns: Sequence[Pattern], known: Known, marks: Marks
) -> Wanted:
    topic = known.get(shape.topic)
    if topic is None:
        return Wanted(shape, None, patterns)
    ours = msgspec.structs.fields(topic.type)
    recorded = {each.name for each in shape.fields}
    made_by = f"quantlab {header.quantlab}"
    if lacking := [each.name for each in ours if each.required and each.name not in recorded]:
        raise RecordingError(
            f"{header.recording}: {made_by} recorded {shape.topic} without {', '.join(lacking)}, which a "
            f"{topic.type.__name__} must have here",
            f"read it with {made_by}",
        )
    if beyond := recorded - {each.name for each in ours}:
        text = f"{', '.join(sorted(beyond))} of {shape.topic} is not known here and is left out"
        marks.add("unknown", 0, None, text, name=header.recording)
    return Wanted(shape, topic, patterns)


class Wanted:
    """One topic that is asked for: how to decode its records, and which of them fit."""

    def __init__(self, shape: TopicShape, topic: Topic[Any] | None, patterns: Sequence[Pattern]) -> None:
        self.shape, self.topic = shape, topic
        self.decode = msgspec.msgpack.Decoder(object if topic is None else topic.type).decode
        self._patterns = patterns
        self._known: dict[Any, bool] = {}

    def fits(self, event: Any) -> bool:
        """Whether the name of the event's topic fits one of the patterns; without any, it does."""
        if not self._patterns or self.topic is None:
            return True
        key = self.topic.key(event)
        fits = self._known.get(key)
        if fits is None:
            name = self.topic.parts(key)
            fits = self._known[key] = any(can_meet(pattern, name) for pattern in self._patterns)
        return fits
