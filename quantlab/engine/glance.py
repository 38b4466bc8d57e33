"""The engine at one moment, for a reader on any thread: what a widget shows while a cell blocks.

The main thread says anew, each second and at each change, what only it knows; the wire adds what
it measures itself. Nothing of it is decided on: the rails read the parts, never a glance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from quantlab.clock import NS_PER_MS
from quantlab.domain.venue import VenueHealth
from quantlab.trading.causes import TradingState

if TYPE_CHECKING:
    from quantlab.engine.root import Engine

NOT_ARMED, ARMED, NO_TOKEN_ASKED = "not armed", "armed", "no token asked"
STARTING = f"{TradingState.HALTED}: the engine is starting"


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said now. Durations in milliseconds, `as_of_ms` in UTC ms; None was not measured.

    `busy_ms` is how long the kernel's loop has not answered: a cell blocks it. `cancelled` counts
    the orders that the HALT in force has cancelled so far, None before the venue was asked.
    """

    engine: str
    problem: str
    venue: str
    level: str
    health: VenueHealth | None
    trading: str
    halted: bool
    halt_reason: str
    cancelled: int | None
    actions: str
    busy_ms: float | None
    as_of_ms: int


class MainWord(msgspec.Struct, frozen=True, kw_only=True):
    """What the main thread said of itself at `at_ns` (monotonic); right for `left_ms`, None for ever."""

    trading: str
    actions: str
    left_ms: int | None
    at_ns: int


class Glances:
    """Takes glances at one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._main = MainWord(trading=STARTING, actions=NOT_ARMED, left_ms=None, at_ns=0)

    def renew(self) -> None:
        """Say anew what only the main thread knows (main thread)."""
        engine = self._engine
        desk = engine.desk.status()
        actions = NO_TOKEN_ASKED if desk.glass_cockpit else ARMED if desk.armed else NOT_ARMED
        left_ms = min(desk.left_ms or 0, desk.hard_left_ms or 0) if actions == ARMED else None
        self._main = MainWord(
            trading=str(engine.trading_state()),
            actions=actions,
            left_ms=left_ms,
            at_ns=engine.clock.monotonic_ns(),
        )

    def take(self) -> Glance:
        """The engine now. From any thread; measured values are only anew on the wire's."""
        engine, main = self._engine, self._main
        latch, monitor = engine.latch, engine.monitor
        elapsed_ms = (engine.clock.monotonic_ns() - main.at_ns) / NS_PER_MS
        expired = main.left_ms is not None and elapsed_ms >= main.left_ms
        health = None if monitor is None else monitor.glance()
        return Glance(
            engine=engine.state,
            problem=engine.problem,
            venue=engine.venue_name,
            level=engine.level.label,
            health=health,
            trading=self._trading(main.trading),
            halted=latch.is_set,
            halt_reason=latch.reason,
            cancelled=engine.halting.cancelled if latch.is_set else None,
            actions=NOT_ARMED if expired else main.actions,
            busy_ms=None if engine.clock.fixed else engine.wire.home_lag_ms,
            as_of_ms=engine.clock.now_ms() if health is None else health.as_of_ms,
        )

    def _trading(self, said: str) -> str:
        """The main thread's word, and what has come since it spoke."""
        if reason := self._engine.latch.reason or self._engine.venue_problem():
            return f"{TradingState.HALTED}: {reason}"
        return said
