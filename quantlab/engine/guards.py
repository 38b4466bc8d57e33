"""What stops trading until somebody says otherwise, and outlives a restart: causes, locks, cooldowns.

Main thread only. Lost equity sets a cause as soon as it is known; control alone lifts it.
"""

from __future__ import annotations

import msgspec

from quantlab.clock import Clock
from quantlab.control.overriding import in_force
from quantlab.trading.causes import JOURNAL, Cause, Causes, TradingState
from quantlab.trading.kept import Kept
from quantlab.trading.lately import Lately
from quantlab.trading.pace import Lasting, Tempo
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import LIMITED, Rails
from quantlab.trading.rails.equity import daily_loss, drawdown, equity_cause, equity_floor

CAUSES, TEMPO = "causes", "tempo"
BROKEN_BY = {each.__name__: LIMITED[each.__name__] for each in (equity_floor, daily_loss, drawdown)}
"""The limit of each rail that judges the whole account."""


class Guards:
    """Causes and tempo of one engine.

    Args:
        rails: The limits in force, as they are from the start.
        portfolio: Knows the equity.
        kept: What outlives a restart; taken over here.
        lately: What earlier sessions did; taken over here.
        clock: Ours.
    """

    def __init__(self, rails: Rails, portfolio: Portfolio, kept: Kept, lately: Lately, clock: Clock) -> None:
        self._rails, self._portfolio, self._kept, self._clock = rails, portfolio, kept, clock
        self.causes = Causes()
        self.causes.restore(kept.get(CAUSES, tuple[Cause, ...], ()))
        left = kept.get(TEMPO, Lasting, Lasting())
        self._replayed = False
        self.tempo = Tempo(keep=self._keep_tempo)
        lately.restore(self.tempo, rails.limits, clock.monotonic_ns(), clock.now_ms())
        self.tempo.restore(left)  # last: what a RESUME of an earlier session has lifted is not in it
        self._replayed = True
        self._keep_tempo(self.tempo.lasting())

    def _keep_tempo(self, lasting: Lasting) -> None:
        """What is locked or rests now; while the past is played back that is not it yet."""
        if self._replayed and lasting != self._kept.get(TEMPO, Lasting, Lasting()):
            self._kept.put(TEMPO, lasting)

    def on_equity(self) -> None:
        """The account is worth something else than before. What is overridden now sets no cause."""
        equity, limits = self._portfolio.equity, self._rails.limits
        overridden = {each.rail for each in in_force(limits, self._clock.now_ms()) if each.symbol == "*"}
        off = {BROKEN_BY[rail]: None for rail in overridden & BROKEN_BY.keys()}
        cause = equity_cause(
            msgspec.structs.replace(limits, **off) if off else limits,
            equity=self._portfolio.equity_now,
            peak=equity.peak,
            day_start=equity.day_start,
        )
        if cause is not None and self.causes.set(cause.owner, cause.state, cause.reason):
            self._kept.put(CAUSES, self.causes.lasting())

    def on_stranger(self, problem: str) -> None:
        """Our journal does not know an order of our making: no order until somebody has looked.

        A HALT would cancel it, and it may be another quantlab's.
        """
        if self.causes.set(JOURNAL, TradingState.HALTED, problem):
            self._kept.put(CAUSES, self.causes.lasting())

    def lift(self) -> None:
        """Whoever may resume says that trading may go on: every cause of control, every lock."""
        if self.causes.lift_all():
            self._kept.put(CAUSES, self.causes.lasting())
        self.tempo.rearm()
