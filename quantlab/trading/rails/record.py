"""Every decision that was taken, kept with what it was taken on: to look at, and to take again.

Pure. Rails are functions of the request, the state and the limits, and all three are frozen values. So
nothing is copied or worked out when an order is decided: references go into a ring, and whoever looks
has the decision taken again, to the last word as it was. The ring holds the last `KEPT` decisions, about
4 KB each (20 MB when it is full); what it had to let go is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AnyRequest
from quantlab.trading.decision import Decision
from quantlab.trading.rails.judging import judge
from quantlab.trading.together import Part

KEPT = 5_000
Kept: TypeAlias = tuple[int, AnyRequest, Sequence[Part], Limits, int, bool]


class Decided(NamedTuple):
    """One decision: its number (the first ever is 1), what it was taken on, and what came of it."""

    number: int
    request: AnyRequest
    parts: Sequence[Part]
    limits: Limits
    state_sequence: int
    allowed: bool

    @property
    def time_ms(self) -> int | None:
        """When (UTC); None where whoever asked had no clock."""
        return self.parts[0].exposure.now_ms

    @property
    def decision(self) -> Decision:
        """Every rail's answer, as it was."""
        return self.under(self.limits)

    def under(self, limits: Limits) -> Decision:
        """Every rail's answer had these limits been in force."""
        return judge(self.request, self.parts, limits)


class Decisions:
    """The last `most` decisions, oldest first.

    Attributes:
        taken: How many there were, those that were let go included.
    """

    __slots__ = ("_kept", "taken")

    def __init__(self, most: int = KEPT) -> None:
        self._kept: deque[Kept] = deque(maxlen=most)
        self.taken = 0

    def note(
        self,
        request: AnyRequest,
        parts: Sequence[Part],
        limits: Limits,
        state_sequence: int,
        allowed: bool,  # noqa: FBT001
    ) -> None:
        """Keep what was just decided. On the way of every order: a tuple and no more."""
        self.taken = number = self.taken + 1
        self._kept.append((number, request, parts, limits, state_sequence, allowed))

    @property
    def forgotten(self) -> int:
        """How many were let go, because there are more than are kept."""
        return self.taken - len(self._kept)

    @property
    def last(self) -> Decided | None:
        """The newest; None before the first."""
        return Decided(*self._kept[-1]) if self._kept else None

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Decided]:
        """Those of now; one that is taken meanwhile is not among them."""
        return iter([Decided(*each) for each in self._kept])

    def __getitem__(self, number: int) -> Decided:
        """By its number, as in the frame.

        Raises:
            KeyError: There was none of that number, or it was let go.
        """
        place = number - self.forgotten - 1
        if not 0 <= place < len(self._kept):
            raise KeyError(number)
        return Decided(*self._kept[place])
