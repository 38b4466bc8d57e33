"""The faults that are asked for, and the decision at each chance: does it strike?

Nothing here draws from a shared source of randomness: whether the n-th chance of a fault strikes is a
function of its name, its seed and n alone: the same in every run, and whatever other faults there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import msgspec

from quantlab.errors import InvalidField
from quantlab.paper.faults.kinds import (
    Close,
    Fault,
    FrameFault,
    RequestFault,
    Shutdown,
    SocketFault,
    UserStreamEnd,
)

MOST = 1_000
MOMENTARY = (Close, Shutdown, UserStreamEnd)  # without a duration: over as soon as it has begun
Kind = TypeVar("Kind", bound=Fault)


def chance(seed: int, number: int, what: str) -> float:
    """A number from 0 to below 1 that depends on nothing but these three."""
    digest = hashlib.blake2b(f"{seed}:{number}:{what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is in a scope; "" is the scope of everything."""
    return not pattern or fnmatchcase(text, pattern)


class Active:
    """One fault on the list, and what became of it.

    Attributes:
        begins_ms, ends_ms: Of the venue's time; `ends_ms` None for no end.
        chances: How many it has had, `struck`: at how many it struck.
        begun, over: Whether its beginning and its end have been dealt with.
        refused: Why it could not begin.
    """

    __slots__ = ("begins_ms", "begun", "chances", "ends_ms", "fault", "number", "over", "refused", "struck")

    def __init__(self, number: int, fault: Fault, now_ms: int) -> None:
        self.number = number
        self.fault = fault
        self.begins_ms = now_ms + fault.after_ms
        self.ends_ms = None if fault.duration_ms is None else self.begins_ms + fault.duration_ms
        self.chances = self.struck = 0
        self.begun = self.over = False
        self.refused: InvalidField | None = None

    def in_force(self, now_ms: int) -> bool:
        """Whether it may strike now."""
        if self.over or now_ms < self.begins_ms or (self.ends_ms is not None and now_ms >= self.ends_ms):
            return False
        return self.fault.count is None or self.struck < self.fault.count

    def strikes(self) -> bool:
        """Take one chance."""
        number, fault = self.chances, self.fault
        self.chances += 1
        if number < fault.skip or chance(fault.seed, number, fault.name) >= fault.probability:
            return False
        self.struck += 1
        return True

    def jitter(self, most: int) -> float:
        """Jitter of the chance just taken: 0 to below `most`."""
        return most * chance(self.fault.seed, self.chances - 1, f"jitter of {self.fault.name}")

    def shown(self) -> dict[str, Any]:
        """As the control endpoint lists it."""
        state = "over" if self.over else "active" if self.begun else "waiting"
        seen: dict[str, Any] = {
            "id": self.number,
            "state": state,
            "chances": self.chances,
            "struck": self.struck,
        }
        if self.refused is not None:
            seen |= {"state": "refused", "error": str(self.refused)}
        fields: dict[str, Any] = msgspec.to_builtins(self.fault)
        return seen | fields


class Plan:
    """All faults of one venue, in the order in which they were added.

    Args:
        on_strike: Told of every strike, with a word about where.

    Attributes:
        requests, frames, sockets: Those that strike there and are not over; empty in a sound venue.
    """

    def __init__(self, on_strike: Callable[[Active, str], None] = lambda _active, _where: None) -> None:
        self._on_strike = on_strike
        self._all: dict[int, Active] = {}
        self._last = 0
        self.requests: list[Active] = []
        self.frames: list[Active] = []
        self.sockets: list[Active] = []

    def __iter__(self) -> Iterator[Active]:
        return iter(self._all.values())

    def add(self, fault: Fault, now_ms: int) -> Active:
        """Put one on the list; `InvalidField` where the list is full."""
        if len(self._all) >= MOST:
            raise InvalidField("name", f"there are {MOST} faults already", "remove some of them first")
        self._last += 1
        active = self._all[self._last] = Active(self._last, fault, now_ms)
        self._sort()
        return active

    def remove(self, number: int) -> Active | None:
        """Take one off the list, None where it is not there; the caller puts back what it changed."""
        active = self._all.pop(number, None)
        self._sort()
        return active

    def due(self, now_ms: int) -> tuple[list[Active], list[Active]]:
        """Those that have begun and those that have ended since the last call, each told once."""
        begun = [each for each in self if not each.begun and now_ms >= each.begins_ms]
        for each in begun:
            each.begun = True
        ended = [each for each in self if each.begun and not each.over and _ends(each, now_ms)]
        return begun, ended

    def coming(self) -> Iterator[int]:
        """When faults begin or end that have not yet."""
        for each in self:
            if not each.begun:
                yield each.begins_ms
            elif not each.over and each.ends_ms is not None:
                yield each.ends_ms

    def end(self, active: Active) -> None:
        """It strikes no more."""
        active.over = True
        self._sort()

    def shift(self, by_ms: int) -> None:
        """The venue's clock was set: what is to come keeps its distance."""
        for each in self:
            each.begins_ms += by_ms
            if each.ends_ms is not None:
                each.ends_ms += by_ms

    def take(self, active: Active, where: str) -> bool:
        """Give one fault its chance, and report a strike."""
        if not active.strikes():
            return False
        self._on_strike(active, where)
        return True

    def _sort(self) -> None:
        alive = [each for each in self if not each.over]
        self.requests = [each for each in alive if isinstance(each.fault, RequestFault)]
        self.frames = [each for each in alive if isinstance(each.fault, FrameFault)]
        self.sockets = [each for each in alive if isinstance(each.fault, SocketFault)]


def _ends(active: Active, now_ms: int) -> bool:
    if active.ends_ms is None:
        return isinstance(active.fault, MOMENTARY)
    return now_ms >= active.ends_ms
