"""Which subscriptions get an event: the declared topics, a trie of patterns, resolved routes.

Pure bookkeeping: no loop and no handler. A name is resolved once, into a `Route`; a new or closed
subscription forgets the routes that it can meet, and one that names no wildcard forgets one.
"""

from __future__ import annotations

import operator
from typing import Any

from quantlab.bus.receivers import ByName, Parts, Route, needs_newest
from quantlab.bus.routes import (
    Lane,
    Patterns,
    Topic,
    Trie,
    can_meet,
    compile_pattern,
    is_name,
    nearest,
    require_topic,
)
from quantlab.bus.subscription import Subscription
from quantlab.errors import BusError

ROUTES_KEPT = 65_536  # resolved names of one topic
LANES: tuple[Lane, ...] = ("market", "order", "halt")  # least protected first

NUMBER = operator.attrgetter("number")


def _made_anew(topic: Topic[Any], other: Topic[Any]) -> bool:
    """A class that its cell or module has defined again, for the same names."""
    ours, theirs = ((each.type.__module__, each.type.__qualname__) for each in (topic, other))
    return (topic.template, topic.lane, ours) == (other.template, other.lane, theirs)


class Router:
    """`routes[topic][topic.key(event)]` is the event's route, where it was resolved before."""

    __slots__ = ("_named", "_patterns", "_templates", "routes")

    def __init__(self) -> None:
        self.routes: dict[Topic[Any], dict[Any, Route]] = {}
        self._named: dict[Parts, Route] = {}  # two topics may share a name: see `Route.twin`
        self._patterns: Patterns[Subscription] = Patterns()
        self._templates: Trie[Topic[Any]] = Trie()  # of `routes`, for names without a wildcard

    def declare(self, topic: Topic[Any]) -> None:
        """Allow `topic`, or raise `BusError` where it shares names with one of another type."""
        require_topic(topic)
        for other in tuple(self.routes):
            same = (topic.type, topic.lane) == (other.type, other.lane)
            if can_meet(topic.pattern, other.pattern) and not same:
                if not _made_anew(topic, other):
                    raise BusError(f"{topic!r} and {other!r} share names; give one another template")
                self._forget_all(self.routes[other])
                del self.routes[other]
                self._templates.remove(other.pattern, other)
        if topic not in self.routes:
            self.routes[topic] = {}
            self._templates.add(topic.pattern, topic)

    def check(self, topic: Topic[Any], event: object) -> None:
        """Raise `BusError` unless `event` may travel on `topic`."""
        require_topic(topic)
        if topic not in self.routes:
            raise BusError(f"topic {topic.template!r} is not declared{self._hint(topic.template)}")
        if not isinstance(event, topic.type):
            raise BusError(
                f"topic {topic.template!r} carries {topic.type.__name__}, not {type(event).__name__}"
            )
        try:
            hash(topic.key(event))
        except (AttributeError, TypeError) as error:
            fields = ", ".join(topic.fields)
            raise BusError(f"topic {topic.template!r}: its event has no name by {fields}: {error}") from None

    def aim(self, topic: Topic[Any] | str) -> tuple[Parts, Lane]:
        """The compiled pattern, and the least protected lane of the topics it can meet."""
        if not isinstance(topic, str):
            require_topic(topic)
            if topic not in self.routes:
                raise BusError(f"topic {topic.template!r} is not declared{self._hint(topic.template)}")
            return topic.pattern, topic.lane
        parts = compile_pattern(topic)
        met = self._met(parts)
        if not met:
            raise BusError(f"pattern {topic!r} can meet no declared topic{self._hint(topic)}")
        if len(met) == 1:
            return parts, met[0].lane
        return parts, min((each.lane for each in met), key=LANES.index)

    def _met(self, parts: Parts) -> list[Topic[Any]]:
        """The declared topics that share a name with this pattern."""
        if is_name(parts):
            return self._templates.find(parts)
        return [each for each in self.routes if can_meet(parts, each.pattern)]

    def by_name(self, topic: Topic[Any] | str) -> ByName:
        """The key by which an event's name is told from the event alone."""
        parts, _ = self.aim(topic)
        met = self._met(parts)
        twice = [one for one in met if any(one is not each and one.type is each.type for each in met)]
        if twice:
            raise BusError(
                f"{twice[0].template!r} and {twice[1].template!r} carry the same type, so that an event does "
                "not say its name: give a key, or a narrower pattern"
            )
        return ByName(parts, self.routes)

    def conflates(self, topic: Topic[Any], key: Any) -> bool:
        """As `Route.conflates`, also where the name is not resolved; from any thread."""
        route = self.routes[topic].get(key)
        if route is not None:
            return route.conflates
        return all(needs_newest(each, topic) for each in self._patterns.find(topic.parts(key)))

    def _hint(self, name: str) -> str:
        known = nearest(name, (each.template for each in self.routes))
        return f"; the nearest is {known!r}" if known else ""

    def resolve(self, topic: Topic[Any], key: Any) -> Route:
        """The route for one value of the topic's key; receivers are the oldest subscription first."""
        parts = topic.parts(key)
        routes = self.routes[topic]
        if len(routes) >= ROUTES_KEPT:
            self._forget_all(routes)
        receivers = tuple(sorted(self._patterns.find(parts), key=NUMBER))
        routes[key] = route = Route(topic, key, parts, receivers)
        route.twin = self._named.get(parts)
        self._named[parts] = route
        return route

    def add(self, subscription: Subscription) -> None:
        """Route to `subscription` from now on."""
        self._patterns.add(subscription.parts, subscription)
        self.forget(subscription.parts)

    def remove(self, subscription: Subscription) -> None:
        """Route to it no more."""
        self._patterns.remove(subscription.parts, subscription)
        self.forget(subscription.parts)

    def forget(self, parts: Parts) -> None:
        """Resolve anew, at the next publish, whatever a subscription with this pattern can meet."""
        if is_name(parts):
            self._forget_name(parts)
            return
        for topic, routes in self.routes.items():
            if routes and can_meet(parts, topic.pattern):
                self._forget_all(routes)

    def _forget_all(self, routes: dict[Any, Route]) -> None:
        for route in tuple(routes.values()):
            self._forget_name(route.parts)

    def _forget_name(self, parts: Parts) -> None:
        route = self._named.pop(parts, None)
        while route is not None:
            del self.routes[route.topic][route.key]
            route.end()
            route = route.twin
