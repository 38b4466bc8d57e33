"""Every decision that was taken, kept with what it was taken on: to look at, and to take again.

Pure. Rails are functions of the request, the state and the limits, and all three are frozen values. So
nothing is copied or worked out when an order is decided: references go into a ring, and whoever looks
has the decision taken again, to the last word as it was. The ring holds the last `KEPT` decisions, about
4 KB each (20 MB when it is full); what it had to let go is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AnyRequest
from quantlab.trading.rails.decided import Decided
from quantlab.trading.rails.sweeps import Sweep, sweep_limits
from quantlab.trading.rails.tables import decisions_frame, replay_frame, usage_frame
from quantlab.trading.rails.whatif import OtherLimits, taken_again
from quantlab.trading.together import Part

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.pictures import Picture

KEPT = 5_000
Kept: TypeAlias = tuple[int, AnyRequest, Sequence[Part], Limits, int, bool]


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

    def frame(self) -> pd.DataFrame:
        """One row per decision, by its time (UTC); see `tables.decisions_frame`."""
        return decisions_frame(self)

    def usage(self) -> pd.DataFrame:
        """What each decided order used of each limit; see `tables.usage_frame`."""
        return usage_frame(self)

    def plot(self, *limits: str, symbol: str = "") -> Picture:
        """Usage against limits over time; of those that are named, else of the six that were used most.

        Args:
            limits: By name.
            symbol: Only of its orders; symbols may have limits of their own.

        Raises:
            InvalidField: Nothing was decided, or nothing was used of a limit that is named.
        """
        from quantlab.trading.rails.pictures import usage_over_time

        usage = self.usage()
        return usage_over_time(usage[usage["symbol"] == symbol] if symbol else usage, limits)

    def replay(
        self, limits: Limits | None = None, changes: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """Every decision taken again, as it was and as it would be; see `tables.replay_frame`.

        Args:
            limits: The other set. None: each decision's own, so that without changes nothing differs.
            changes: Limits by name that differ from that.

        Raises:
            InvalidField: There is no such limit, it cannot be changed afterwards, or its value is none.
        """
        return replay_frame(taken_again(self, OtherLimits(limits, changes)))

    def sweep(self, values: Mapping[str, Iterable[object]], limits: Limits | None = None) -> Sweep:
        """Every decision under one set of limits after another; see `sweeps.sweep_limits`."""
        return sweep_limits(tuple(self), values, limits)
