"""Topics, patterns, and which subscriptions a topic's name reaches.

Pure bookkeeping: no loop, no handler, no queue. A pattern is parts joined by dots; `*` stands
for one part and `>`, at the end, for one or more.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from quantlab.errors import BusError

E = TypeVar("E")
Target = TypeVar("Target")
Lane = Literal["market", "order", "halt"]

BRACES = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
PART = re.compile(r"[A-Za-z0-9_-]+")
NAME = re.compile(rf"{PART.pattern}(?:\.{PART.pattern})*")


class Topic(Generic[E]):
    """A name on the bus and the type that travels under it.

    Args:
        template: Parts joined by dots; a part in braces is filled from the event's attribute
            of that name: "market.trade.{symbol}".
        type: The class of every event.
        lane: "market" shares the bus's permits; "order" and "halt" never wait for one.
    """

    __slots__ = ("_places", "fields", "key", "lane", "pattern", "template", "type")

    def __init__(self, template: str, type: type[E], *, lane: Lane = "market") -> None:
        self.template = template
        self.type = type
        self.lane: Lane = lane
        parts = template.split(".")
        if not all(BRACES.fullmatch(part) or PART.fullmatch(part) for part in parts):
            raise BusError(
                f'topic {template!r}: every part is a word or one name in braces: "order.{{symbol}}"'
            )
        self.pattern = tuple("*" if BRACES.fullmatch(part) else part for part in parts)
        self._places = tuple(place for place, part in enumerate(self.pattern) if part == "*")
        self.fields = tuple(found[1] for found in BRACES.finditer(template))
        if issubclass(type, msgspec.Struct):  # of other classes only an event can tell
            for field in self.fields:
                if not hasattr(type, field):
                    raise BusError(f"topic {template!r}: {type.__name__} has no {field}")
        self.key: Callable[[E], Any] = operator.attrgetter(*self.fields) if self.fields else _no_key

    def name(self, event: E) -> str:
        """The template with its braces filled: "market.trade.BTCUSDT"."""
        return ".".join(self.parts(self.key(event)))

    def parts(self, key: Any) -> tuple[str, ...]:
        """The name in parts, for one value of `key`; a dot inside a value stays inside its part."""
        parts = list(self.pattern)
        for place, value in zip(self._places, key if len(self._places) > 1 else (key,), strict=False):
            parts[place] = str(value)
        return tuple(parts)

    def __repr__(self) -> str:
        return f"Topic({self.template!r}, {self.type.__name__})"


def require_topic(given: object) -> None:
    """Raise `BusError` for what is no topic: a name, for example."""
    if not isinstance(given, Topic):
        raise BusError(f'{given!r:.60} is no topic: give one, like Topic("note.{{name}}", Note)')


def _no_key(_event: object) -> None:
    return None


def compile_pattern(pattern: str) -> tuple[str, ...]:
    """The parts of `pattern`, or `BusError` saying what is wrong with it."""
    parts = tuple(pattern.split("."))
    if NAME.fullmatch(pattern):  # most are, and this is fast
        return parts
    if ">" in parts[:-1]:
        raise BusError(f"pattern {pattern!r}: > stands for the rest and comes last")
    if not all(part in ("*", ">") or PART.fullmatch(part) for part in parts):
        raise BusError(f'pattern {pattern!r}: give parts joined by dots, such as "market.*.BTCUSDT"')
    return parts


def is_name(pattern: tuple[str, ...]) -> bool:
    """Whether it stands for one name and no other."""
    return "*" not in pattern and pattern[-1] != ">"


def can_meet(pattern: tuple[str, ...], template: tuple[str, ...]) -> bool:
    """Whether some name fits both; in a template `*` is a part filled from the event."""
    if pattern[-1] == ">":
        pattern = pattern[:-1]
        if len(template) <= len(pattern):
            return False
    elif len(pattern) != len(template):
        return False
    return all(a == b or "*" in (a, b) for a, b in zip(pattern, template, strict=False))


def nearest(pattern: str, templates: Iterable[str]) -> str:
    """The template most like `pattern`, for an error message; "" where none is."""
    close = difflib.get_close_matches(pattern, list(templates), n=1, cutoff=0.0)
    return close[0] if close else ""


class Trie(Generic[Target]):
    """Patterns as a tree of parts: finding a name's targets does not depend on how many there are.

    Changed on one thread only; `find` may be called from any, and sees a change or does not.
    """

    __slots__ = ("any", "branches", "rest", "targets")

    def __init__(self) -> None:
        self.branches: dict[str, Trie[Target]] | None = None  # most nodes are leaves
        self.any: Trie[Target] | None = None  # whatever the part is: `*`
        self.rest: tuple[Target, ...] = ()  # whatever comes: `>`
        self.targets: tuple[Target, ...] = ()

    def add(self, pattern: tuple[str, ...], target: Target) -> None:
        """Put `target` at the end of `pattern`."""
        node = self
        for part in pattern:
            if part == ">":
                node.rest += (target,)
                return
            if part == "*":
                child = node.any = node.any or Trie()
            else:
                if node.branches is None:
                    node.branches = {}
                child = node.branches.get(part) or node.branches.setdefault(part, Trie())
            node = child
        node.targets += (target,)

    def remove(self, pattern: tuple[str, ...], target: Target) -> None:
        """Take `target` away, and every branch that becomes empty by that."""
        if not pattern:
            self.targets = tuple(each for each in self.targets if each is not target)
        elif pattern[0] == ">":
            self.rest = tuple(each for each in self.rest if each is not target)
        elif pattern[0] == "*" and self.any is not None:
            self.any.remove(pattern[1:], target)
            if self.any.is_empty:
                self.any = None
        elif self.branches is not None and (child := self.branches.get(pattern[0])) is not None:
            child.remove(pattern[1:], target)
            if child.is_empty:
                del self.branches[pattern[0]]

    @property
    def is_empty(self) -> bool:
        """Nothing is here, nor below."""
        return not (self.targets or self.rest or self.branches or self.any)

    def find(self, name: tuple[str, ...]) -> list[Target]:
        """The targets of every pattern that fits `name`."""
        found: list[Target] = []
        self.collect(name, 0, found)
        return found

    def collect(self, name: tuple[str, ...], place: int, found: list[Target]) -> None:
        """Add to `found` those below this node, which stands for the parts before `place`."""
        node = self
        while place < len(name):
            if node.rest:
                found += node.rest
            child = None if node.branches is None else node.branches.get(name[place])
            place += 1
            if node.any is not None:
                if child is not None:  # two ways
                    child.collect(name, place, found)
                child = node.any
            if child is None:
                return
            node = child
        found += node.targets


class Patterns(Generic[Target]):
    """Who listens to what: as a `Trie`, and one look for the most, who name no wildcard.

    Changed on one thread only; `find` may be called from any.
    """

    __slots__ = ("_exact", "_trie")

    def __init__(self) -> None:
        self._exact: dict[tuple[str, ...], tuple[Target, ...]] = {}
        self._trie: Trie[Target] = Trie()

    def add(self, pattern: tuple[str, ...], target: Target) -> None:
        """Let `target` listen to `pattern`."""
        if is_name(pattern):
            self._exact[pattern] = (*self._exact.get(pattern, ()), target)
        else:
            self._trie.add(pattern, target)

    def remove(self, pattern: tuple[str, ...], target: Target) -> None:
        """Let it listen to `pattern` no more."""
        if not is_name(pattern):
            self._trie.remove(pattern, target)
        elif left := tuple(each for each in self._exact.get(pattern, ()) if each is not target):
            self._exact[pattern] = left
        else:
            self._exact.pop(pattern, None)

    @property
    def is_empty(self) -> bool:
        """Nobody listens."""
        return self._trie.is_empty and not self._exact

    def find(self, name: tuple[str, ...]) -> list[Target]:
        """The targets of every pattern that fits `name`."""
        return [*self._exact.get(name, ()), *self._trie.find(name)]
