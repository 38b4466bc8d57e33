"""How long each phase of one exchange may take: the wait for a connection, making one, the answer, all of it.

One timer for all phases: it is moved as the exchange goes on, and only where that brings it forward.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Self

from quantlab.clock import is_duration
from quantlab.errors import InvalidField

CONNECT_S = 5.0


class Timeouts(NamedTuple):
    """Bounds in seconds. `whole_s` holds for everything together, however slowly the bytes come.

    `queue_s`: until a connection is free. `connect_s`: for one that has to be made, TLS included.
    `answer_s`: from the write to the last byte of the answer.
    """

    whole_s: float = 10.0
    queue_s: float = 10.0
    connect_s: float = CONNECT_S
    answer_s: float = 10.0

    @classmethod
    def within(cls, whole_s: float) -> Self:
        """Every phase may take all there is, but for making a connection."""
        whole_s = cls(whole_s=whole_s).checked().whole_s
        return cls(whole_s, whole_s, min(CONNECT_S, whole_s), whole_s)

    def checked(self) -> Self:
        """These, where each is a time that can pass; else `InvalidField`."""
        for name, bound in zip(self._fields, self, strict=True):
            if not is_duration(bound) or not 0 < bound <= 3_600:  # also what is not a number
                raise InvalidField(name, f"{bound!r} is no bound", "give seconds: more than 0, at most 3600")
        return self


class Phases:
    """One exchange on its way through its phases."""

    __slots__ = ("_bound_s", "_timeouts", "_timer", "_until_s", "_what")

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._timer: asyncio.Timeout | None = None
        self._until_s = 0.0
        self._what, self._bound_s = "", 0.0

    def begin(self) -> asyncio.Timeout:
        """The timer, to be entered: the first phase is the wait for a connection."""
        now_s = asyncio.get_running_loop().time()
        self._until_s = now_s + self._timeouts.whole_s
        self._what, self._bound_s = "free connection", min(self._timeouts.queue_s, self._timeouts.whole_s)
        self._timer = asyncio.timeout_at(now_s + self._bound_s)
        return self._timer

    def connecting(self) -> None:
        self._enter("connection", self._timeouts.connect_s)

    def writing(self) -> None:
        self._enter("answer", self._timeouts.answer_s)

    @property
    def missed(self) -> str:
        """What did not come in time, and in what time."""
        return f"no {self._what} within {self._bound_s:g} s"

    def _enter(self, what: str, bound_s: float) -> None:
        timer = self._timer
        if timer is None:
            return
        until_s = asyncio.get_running_loop().time() + bound_s
        self._what, self._bound_s = what, bound_s
        if until_s >= self._until_s:  # the whole ends first, as it always has
            until_s, self._bound_s = self._until_s, self._timeouts.whole_s
        if until_s != timer.when():
            timer.reschedule(until_s)
