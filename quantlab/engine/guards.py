"""What stops trading until somebody says otherwise, and outlives a restart: causes, locks, cooldowns.

Main thread only. Lost equity sets a cause as soon as it is known; control alone lifts it.
"""

from __future__ import annotations

from quantlab.clock import Clock
from quantlab.trading.causes import Cause, Causes
from quantlab.trading.kept import Kept
from quantlab.trading.lately import Lately
from quantlab.trading.pace import Lasting, Tempo
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Rails
from quantlab.trading.rails.equity import equity_cause

CAUSES, TEMPO = "causes", "tempo"


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
        self._rails, self._portfolio, self._kept = rails, portfolio, kept
        self.causes = Causes()
        self.causes.restore(kept.get(CAUSES, tuple[Cause, ...], ()))
        left = kept.get(TEMPO, Lasting, Lasting())
        self.tempo = Tempo(keep=lambda lasting: kept.put(TEMPO, lasting))
        lately.restore(self.tempo, rails.limits, clock.monotonic_ns(), clock.now_ms())
        self.tempo.restore(left)  # last: what a RESUME of an earlier session has lifted is not in it
        kept.put(TEMPO, self.tempo.lasting())

    def on_equity(self) -> None:
        """The account is worth something else than before."""
        equity = self._portfolio.equity
        cause = equity_cause(
            self._rails.limits,
            equity=self._portfolio.equity_now,
            peak=equity.peak,
            day_start=equity.day_start,
        )
        if cause is not None and self.causes.set(cause.owner, cause.state, cause.reason):
            self._kept.put(CAUSES, self.causes.lasting())

    def lift(self) -> None:
        """Whoever may resume says that trading may go on: every cause of control, every lock."""
        if self.causes.lift_all():
            self._kept.put(CAUSES, self.causes.lasting())
        self.tempo.rearm()
