"""Which subscriptions get an event: the declared topics, a trie of patterns, resolved routes.

Pure bookkeeping: no loop and no handler. A name is resolved once; a new or closed subscription
forgets the resolved routes of the topics that it can meet.
"""

from __future__ import annotations

from typing import Any

from quantlab.bus.routes import Lane, Topic, Trie, can_meet, compile_pattern, nearest
from quantlab.bus.subscription import Subscription
from quantlab.errors import BusError

ROUTES_KEPT = 65_536  # resolved names of one topic
LANES: tuple[Lane, ...] = ("market", "order", "halt")  # least protected first

Receivers = tuple[Subscription, ...]


class Router:
    """`routes[topic][topic.key(event)]` are the receivers, where they were resolved before."""

    __slots__ = ("_trie", "routes")

    def __init__(self) -> None:
        self.routes: dict[Topic[Any], dict[Any, Receivers]] = {}
        self._trie: Trie[Subscription] = Trie()

    def declare(self, topic: Topic[Any]) -> None:
        """Allow `topic`, or raise `BusError` where it shares names with one of another type."""
        for other in self.routes:
            same = (topic.type, topic.lane) == (other.type, other.lane)
            if can_meet(topic.pattern, other.pattern) and not same:
                raise BusError(f"{topic!r} and {other!r} share names; give one another template")
        self.routes.setdefault(topic, {})

    def check(self, topic: Topic[Any], event: object) -> None:
        """Raise `BusError` unless `event` may travel on `topic`."""
        if topic not in self.routes:
            raise BusError(f"topic {topic.template!r} is not declared{self._hint(topic.template)}")
        if not isinstance(event, topic.type):
            raise BusError(
                f"topic {topic.template!r} carries {topic.type.__name__}, not {type(event).__name__}"
            )

    def aim(self, topic: Topic[Any] | str) -> tuple[tuple[str, ...], Lane]:
        """The compiled pattern, and the least protected lane of the topics it can meet."""
        if not isinstance(topic, str):
            if topic not in self.routes:
                raise BusError(f"topic {topic.template!r} is not declared{self._hint(topic.template)}")
            return topic.pattern, topic.lane
        parts = compile_pattern(topic)
        met = [each for each in self.routes if can_meet(parts, each.pattern)]
        if not met:
            raise BusError(f"pattern {topic!r} can meet no declared topic{self._hint(topic)}")
        return parts, min((each.lane for each in met), key=LANES.index)

    def _hint(self, name: str) -> str:
        known = nearest(name, (each.template for each in self.routes))
        return f"; the nearest is {known!r}" if known else ""

    def resolve(self, topic: Topic[Any], key: Any) -> Receivers:
        """The receivers for one value of the topic's key, oldest subscription first."""
        found = {each.number: each for each in self._trie.find(topic.parts(key))}
        routes = self.routes[topic]
        if len(routes) >= ROUTES_KEPT:
            routes.clear()
        routes[key] = receivers = tuple(found[number] for number in sorted(found))
        return receivers

    def add(self, subscription: Subscription) -> None:
        """Route to `subscription` from now on."""
        self._trie.add(subscription.parts, subscription)
        self._forget(subscription.parts)

    def remove(self, subscription: Subscription) -> None:
        """Route to it no more."""
        self._trie.remove(subscription.parts, subscription)
        self._forget(subscription.parts)

    def _forget(self, parts: tuple[str, ...]) -> None:
        for topic, routes in self.routes.items():
            if can_meet(parts, topic.pattern):
                routes.clear()
