"""Where the events of one name go, and whether the newest of them is enough there.

Pure bookkeeping, as in `router`, which makes the routes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Any

from quantlab.bus.inline import Inline, InlineGroup, grouped
from quantlab.bus.mailbox import Overflow
from quantlab.bus.routes import Topic, can_meet
from quantlab.bus.subscription import Subscription

CONFLATE = Overflow.CONFLATE

Parts = tuple[str, ...]


class Route:
    """Where the events of one name go.

    Attributes:
        count: Events published so far; each receiver's `routed` is the sum over its routes.
        plain: Mailboxes that only have to be appended to, while neither empty nor full.
        others: Those that run the subscriber's code for each event: a conflation key.
        groups: Inline handlers, which run inside `publish`.
        conflates: Nobody here needs more than the newest event of this name.
        twin: The next route of the same name: of another topic, or of a key with the same text.
    """

    __slots__ = (
        "conflates",
        "count",
        "groups",
        "involved",
        "key",
        "others",
        "parts",
        "plain",
        "receivers",
        "topic",
        "twin",
    )

    def __init__(
        self, topic: Topic[Any], key: Any, parts: Parts, receivers: tuple[Subscription, ...]
    ) -> None:
        self.count = 0
        self.twin: Route | None = None
        self.topic = topic
        self.key = key
        self.parts = parts
        self.receivers = receivers
        plain: list[tuple[deque[Any], int, Subscription]] = []
        others: list[Subscription] = []
        inlines: list[Inline] = []
        conflates = True
        for each in receivers:
            if each.routes:
                each.routes.add(self)
            else:
                each.routes = {self}
            conflates = conflates and needs_newest(each, topic)
            if isinstance(each, Inline) and not each.quarantined:
                inlines.append(each)
            elif each.appends and each.overflow is not CONFLATE:
                plain.append((each.queue, each.capacity, each))
            else:
                others.append(each)
        self.plain = tuple(plain)
        self.others = tuple(others)
        if len(inlines) == len(receivers):
            inlines = receivers  # type: ignore[assignment]  # all of them: one tuple serves both
        self.groups: tuple[InlineGroup, ...] = grouped(inlines) if inlines else ()
        self.involved = bool(others or inlines)
        self.conflates = conflates

    def end(self) -> None:
        """It is used no more: the receivers keep what was counted here."""
        for each in self.receivers:
            each.leave(self)


def needs_newest(subscription: Subscription, topic: Topic[Any]) -> bool:
    """Its key is the name or a part of it: of equal names it keeps the newest anyway."""
    if subscription.overflow is not CONFLATE:
        return False
    fields = subscription.key_fields
    return isinstance(subscription.key, ByName) or (bool(fields) and set(fields or ()) <= set(topic.fields))


class ByName:
    """A key: the name under which an event travels, of the topics that one pattern can meet."""

    __slots__ = ("_found", "_parts", "_topics")

    def __init__(self, parts: Parts, topics: Iterable[Topic[Any]]) -> None:
        self._parts = parts
        self._topics = topics  # grows as topics are declared
        self._found: dict[type, Topic[Any]] = {}

    def __call__(self, event: object) -> Hashable:
        kind = type(event)
        topic = self._found.get(kind)
        if topic is None:
            met = (each for each in self._topics if can_meet(self._parts, each.pattern))
            self._found[kind] = topic = next(each for each in met if isinstance(event, each.type))
        return topic, topic.key(event)
