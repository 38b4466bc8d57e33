"""What the account was worth over time: its highest, the day's start, and a history that stays small.

Amounts are in the account's currency and exact; floats begin in the frame and the picture. The day
begins at 00:00 UTC, as the venue's does. What something held is worth is not guessed: while an asset
has no price the equity is not known, and neither peak nor day's start moves.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from quantlab.frames import frame
from quantlab.trading.amounts import ZERO, add, ratio, ratio_up, subtract, times

if TYPE_CHECKING:
    import pandas as pd

DAY_MS = 86_400_000
EVERY_MS = 1_000
POINTS = 4_096
COLUMNS = (
    "time_ms", "equity", "priced", "peak", "drawdown", "realised", "unrealised", "gross", "unpriced",
)  # fmt: skip


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The account at one moment (UTC). `equity` is None while the assets `unpriced` have no price.

    `priced` is what the others are worth. `realised` and `unrealised` are of our own fills in symbols
    that are quoted in the account's currency; `gross` the worst case over all symbols.
    """

    time_ms: int
    equity: Decimal | None
    priced: Decimal
    peak: Decimal | None
    realised: Decimal
    unrealised: Decimal | None
    gross: Decimal | None
    unpriced: tuple[str, ...] = ()

    @property
    def drawdown(self) -> float | None:
        """How far below its highest, as a fraction."""
        if self.equity is None or not self.peak:
            return None
        return float(ratio(max(subtract(self.peak, self.equity), ZERO), self.peak))


class EquityState(msgspec.Struct, frozen=True, kw_only=True):
    """What must outlive a restart. `day` counts days since 1970-01-01 (UTC)."""

    peak: Decimal | None = None
    day: int = -1
    day_start: Decimal | None = None


class EquityHistory:
    """The equity over time, at most `points` of it: when there are more, every second old one goes.

    Attributes:
        peak: The highest so far, over restarts; None before the first that was known.
        day_start: What the day began with, or was first known as; None before.
    """

    def __init__(self, *, points: int = POINTS, every_ms: int = EVERY_MS) -> None:
        self.peak: Decimal | None = None
        self.day_start: Decimal | None = None
        self._day = -1
        self._points: list[Point] = []
        self._most, self._every_ms = points, every_ms

    @property
    def state(self) -> EquityState:
        """To be kept for the next session."""
        return EquityState(peak=self.peak, day=self._day, day_start=self.day_start)

    def restore(self, state: EquityState) -> None:
        """Go on from where an earlier session was."""
        self.peak, self._day, self.day_start = state.peak, state.day, state.day_start

    def flow(self, *, before: Decimal, after: Decimal) -> None:
        """Something came in or went out, and the account is worth `after` for it, where it was `before`.

        That is no loss and no profit: how far the account is below its highest (a fraction) stays what it
        was, and so does what the day has won or lost (an amount).
        """
        if self.day_start is not None:
            self.day_start = add(self.day_start, subtract(after, before))
        if self.peak is not None:
            sound = before > 0 and after > 0
            self.peak = ratio_up(times(self.peak, after), before) if sound else after

    def note(
        self,
        now_ms: int,
        *,
        equity: Decimal | None,
        priced: Decimal,
        unpriced: tuple[str, ...] = (),
        realised: Decimal = ZERO,
        unrealised: Decimal | None = ZERO,
        gross: Decimal | None = None,
    ) -> None:
        """The account at `now_ms`; what comes sooner than the history's step moves the peak alone."""
        if equity is not None:
            self.peak = equity if self.peak is None else max(self.peak, equity)
            if now_ms // DAY_MS > self._day or self.day_start is None:
                self._day, self.day_start = max(self._day, now_ms // DAY_MS), equity
        if self._points and now_ms - self._points[-1].time_ms < self._every_ms:
            return
        self._points.append(
            Point(
                time_ms=now_ms, equity=equity, priced=priced, peak=self.peak, realised=realised,
                unrealised=unrealised, gross=gross, unpriced=unpriced,
            )
        )  # fmt: skip
        if len(self._points) > self._most:
            self._points = self._points[::2]
            self._every_ms *= 2

    def __len__(self) -> int:
        return len(self._points)

    def frame(self) -> pd.DataFrame:
        """One row per point, oldest first; amounts exact, `drawdown` a fraction."""
        return frame(self._points, columns=COLUMNS)

    def plot(self, ax: Any = None) -> Any:
        """Equity and its highest over time, and the drawdown below; returns the axes of the equity.

        Args:
            ax: Matplotlib axes to draw on, then without the drawdown; None makes a figure of its own.
        """
        from matplotlib import pyplot as plt

        known = [each for each in self._points if each.equity is not None and each.peak is not None]
        below = None
        if ax is None:
            _, (ax, below) = plt.subplots(
                2, 1, sharex=True, height_ratios=(3, 1), figsize=(8, 4), layout="constrained"
            )
        table = frame(known, columns=COLUMNS)
        ax.plot(table["time"], table["equity"].astype(float), label="equity")
        ax.plot(table["time"], table["peak"].astype(float), label="highest", linestyle=":")
        ax.set_ylabel("equity")
        ax.legend(loc="best")
        if below is not None and known:
            fallen = table["drawdown"].astype(float) * 100
            below.fill_between(table["time"], -fallen, 0, step="post", alpha=0.4)
            below.set_ylabel("drawdown, %")
        return ax
