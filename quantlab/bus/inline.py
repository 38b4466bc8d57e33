"""Trusted synchronous handlers that run inside `publish`, without a mailbox that fills.

Those that subscribed in equal contexts, one after the other, are called in one go: an inline
handler costs what a call costs. What a handler publishes is delivered after the event it handles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import length_hint
from typing import Any

from quantlab.bus.subscription import Subscription

OWN = (Exception, KeyboardInterrupt, SystemExit)  # not even exit() in a handler ends the kernel


class Inline(Subscription):
    """A handler that is called by `publish`; its mailbox stays empty.

    Nothing is counted for it at a publish: what was routed and neither failed, nor was dropped,
    nor is still to come in the publish that is under way was delivered.
    """

    __slots__ = ("alone",)

    appends = waits = False

    def _zero(self) -> None:
        self.alone = False  # called in one go with others that held the loop: timed by itself from then on

    @property
    def delivered(self) -> int:  # type: ignore[override]  # counted by what is left over
        """Events whose handler ended well."""
        return self.routed - self.failed - self.dropped - self.pending

    @property
    def running(self) -> int:
        """1 while a publish is in its handler, or on its way there."""
        for group in self.host.active_groups or ():
            if self in group.members:
                return int(group.is_ahead(self))
        return 0

    @running.setter
    def running(self, value: int) -> None:
        """Not counted either."""

    @property
    def idle(self) -> bool:
        """Always, between two publishes."""
        return not self.running

    def close(self, reason: str = "") -> None:
        """No more events, not even the one that an earlier handler is being called with."""
        for group in () if self.closed else self.host.active_groups or ():
            if self in group.members:
                self.dropped += group.skip(self)
        super().close(reason)


class InlineGroup(list[Callable[[Any], Any]]):
    """Handlers of one route, called one after the other in the context of the first."""

    __slots__ = ("_left", "members")

    def __init__(self, members: Sequence[Inline]) -> None:
        super().__init__([each.handler for each in members])  # type: ignore[misc]
        self.members = tuple(members)
        self._left: Iterator[Any] | None = None  # None: all of them

    def call(self, event: Any) -> None:
        """Call every handler with `event`; an error stays with whoever made it."""
        self._left = left = iter(self)
        for handler in left:
            try:
                handler(event)
            except OWN as error:  # costs nothing where nothing is raised
                failed = self.members[self._at(left)]
                failed.failed += 1
                failed.host.on_error(failed, event, error)
                failed.judge()
        self._left = _DONE

    def reset(self) -> None:
        """The publish has passed every group."""
        self._left = None

    def _at(self, left: Iterator[Any]) -> int:
        """Whose handler runs."""
        return len(self.members) - length_hint(left) - 1

    def is_ahead(self, member: Inline) -> bool:
        """It runs, or is still to be called."""
        place = self.members.index(member)
        if self._left is _DONE or self[place] is _nothing:
            return False
        return self._left is None or place >= self._at(self._left)

    def skip(self, member: Inline) -> int:
        """Do not call it any more; 1 where it was still to be called."""
        place = self.members.index(member)
        runs = self._left not in (None, _DONE) and place == self._at(self._left)
        if runs or not self.is_ahead(member):
            return 0
        self[place] = _nothing
        return 1


_DONE: Iterator[Any] = iter(())


def _nothing(_event: object) -> None:
    return


def grouped(inlines: Sequence[Inline]) -> tuple[InlineGroup, ...]:
    """Neighbours in equal contexts together, but nobody with one who is to be `alone`."""
    if all(_together(each, last) for last, each in pairwise(inlines)):  # most are
        return (InlineGroup(inlines),)
    groups = [inlines[:1]]
    for last, each in pairwise(inlines):
        if _together(each, last):
            groups[-1] = (*groups[-1], each)
        else:
            groups.append((each,))
    return tuple(InlineGroup(members) for members in groups)


def _together(one: Inline, other: Inline) -> bool:
    return not one.alone and not other.alone and _same(one, other)


def _same(one: Inline, other: Inline) -> bool:
    try:
        return bool(one.context == other.context)
    except Exception:  # noqa: BLE001  # a variable's value that cannot be compared
        return False
