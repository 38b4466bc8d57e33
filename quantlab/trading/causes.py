"""May orders leave, and what for? ACTIVE, REDUCING or HALTED, by the causes that stand.

Pure. A cause belongs to whoever set it, and only that owner clears it: a stream that is back clears
its own cause and nobody else's. The strongest cause decides. What an operator or the loss of equity
has set is cleared by an act of control alone (`lift`), never by a part of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from quantlab.errors import NotAllowed

MANUAL, EQUITY, REPEATS, JOURNAL = "manual", "equity", "repeats", "journal"
BY_CONTROL = frozenset({MANUAL, EQUITY, REPEATS, JOURNAL})
"""Owners whose causes stand, also over a restart, until somebody with the scope `resume` lifts them."""


class TradingState(StrEnum):
    """ACTIVE lets orders pass; REDUCING only those that bring a position nearer to zero; HALTED none.

    Cancels always pass.
    """

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


STRENGTH = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why trading is not ACTIVE: whose cause, how strong, and in words."""

    owner: str
    state: TradingState
    reason: str


class Causes:
    """The causes that stand, at most one for each owner. Main thread only."""

    def __init__(self) -> None:
        self._causes: dict[str, Cause] = {}
        self._text: str = TradingState.ACTIVE.value

    def set(self, owner: str, state: TradingState, reason: str) -> bool:
        """`owner` says why trading must be `state`; its newest word counts. True where that is news.

        Raises:
            ValueError: ACTIVE is no cause: clear it.
        """
        if state is TradingState.ACTIVE:
            raise ValueError(f"{owner}: ACTIVE is no cause; clear the one there is")
        cause = Cause(owner=owner, state=TradingState(state), reason=reason)
        if self._causes.get(owner) == cause:
            return False
        self._causes[owner] = cause
        self._renew()
        return True

    def clear(self, owner: str) -> bool:
        """`owner`'s cause is gone. True where there was one.

        Raises:
            NotAllowed: A cause that only an act of control lifts.
        """
        if owner in BY_CONTROL and owner in self._causes:
            raise NotAllowed(f"{owner}: {self._causes[owner].reason}; only %ql resume REASON lifts that")
        return self._drop(owner)

    def lift(self, owner: str) -> bool:
        """As `clear`, for the desk, which has checked who asks; lifts causes of `BY_CONTROL` too."""
        return self._drop(owner)

    def lift_all(self) -> tuple[Cause, ...]:
        """Lift every cause of `BY_CONTROL`; what the engine's parts have set stays."""
        lifted = tuple(each for each in self._causes.values() if each.owner in BY_CONTROL)
        for each in lifted:
            self._drop(each.owner)
        return lifted

    @property
    def state(self) -> TradingState:
        """That of the strongest cause; ACTIVE without one."""
        states = (each.state for each in self._causes.values())
        return max(states, key=STRENGTH.__getitem__, default=TradingState.ACTIVE)

    def reasons(self) -> tuple[Cause, ...]:
        """The causes that stand, the strongest first, else in the order in which they came."""
        return tuple(sorted(self._causes.values(), key=lambda each: -STRENGTH[each.state]))

    def describe(self) -> str:
        """What `Exposure.trading_state` takes: "ACTIVE", or "HALTED: reason; reason"."""
        return self._text

    def lasting(self) -> tuple[Cause, ...]:
        """What must survive a restart: the causes that only control lifts."""
        return tuple(each for each in self._causes.values() if each.owner in BY_CONTROL)

    def restore(self, causes: Iterable[Cause]) -> None:
        """Take over what an earlier session left."""
        for each in causes:
            self.set(each.owner, each.state, each.reason)

    def _drop(self, owner: str) -> bool:
        if self._causes.pop(owner, None) is None:
            return False
        self._renew()
        return True

    def _renew(self) -> None:
        words = "; ".join(each.reason for each in self.reasons())
        self._text = f"{self.state.value}: {words}" if words else self.state.value
