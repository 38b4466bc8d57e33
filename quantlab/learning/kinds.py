"""The kinds of features that remember: windows over prices and trades, and means of other features.

Pure. A notebook makes them by the functions of `features`, which have the units in words. Sums over
windows are whole numbers, so that they never drift and a restart changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from quantlab.errors import InvalidField
from quantlab.learning.feature import Feature
from quantlab.learning.lengths import written
from quantlab.learning.moment import Kind, Moment, kind_of
from quantlab.learning.windows import SumWindow, ValueWindow

BPS = 10_000.0
SQUARES = 1e18  # squared log returns are kept as whole multiples of 1e-18
QUANTITIES = 1e8  # quantities as whole multiples of 1e-8, the venue's finest step


class LogReturn(Feature):
    """ln(price now / price as of `window` ago), in basis points."""

    kind = "log_return"
    unit = "bps"

    def __init__(self, window_ms: int, of: str) -> None:
        self.window_ms, self.of = window_ms, of
        self.name = f"return_{written(window_ms)}" + ("" if of == "trade" else f"_{of}")
        self.hears = kind_of(of)
        self.warm_up = f"a {of} price at least {written(window_ms)} old"
        self._window = ValueWindow(window_ms)

    def update(self, moment: Moment) -> None:
        self._window.add(moment.now_ms, getattr(moment, self.of))

    def value(self, moment: Moment) -> float | None:
        before = self._window.as_of_start(moment.now_ms)
        return None if before is None else BPS * math.log(getattr(moment, self.of) / before)

    def fresh(self) -> LogReturn:
        return LogReturn(self.window_ms, self.of)

    def parameters(self) -> dict[str, Any]:
        return {"window_ms": self.window_ms, "of": self.of}

    def state(self) -> Any:
        return self._window.state()

    def restore(self, state: Any) -> None:
        self._window.restore(state)


class Volatility(Feature):
    """Realised volatility: the root of the sum of squared log returns in the window, in basis points."""

    kind = "volatility"
    unit = "bps"

    def __init__(self, window_ms: int, of: str) -> None:
        self.window_ms, self.of = window_ms, of
        self.name = f"volatility_{written(window_ms)}" + ("" if of == "trade" else f"_{of}")
        self.hears = kind_of(of)
        self.warm_up = f"{written(window_ms)} of {of} prices"
        self._last = 0.0
        self._window = SumWindow(window_ms, 1)

    def update(self, moment: Moment) -> None:
        price = getattr(moment, self.of)
        step = math.log(price / self._last) if self._last else 0.0
        self._last = price
        self._window.add(moment.now_ms, round(step * step * SQUARES))

    def value(self, moment: Moment) -> float | None:
        if not self._window.warm(moment.now_ms):
            return None
        return BPS * math.sqrt(self._window.sums(moment.now_ms)[0] / SQUARES)

    def fresh(self) -> Volatility:
        return Volatility(self.window_ms, self.of)

    def parameters(self) -> dict[str, Any]:
        return {"window_ms": self.window_ms, "of": self.of}

    def state(self) -> Any:
        return [self._last, self._window.state()]

    def restore(self, state: Any) -> None:
        self._last = state[0]
        self._window.restore(state[1])


class TradeFlow(Feature):
    """Who was the aggressor: bought minus sold, of all that was traded in the window: -1 to 1.

    0 where nothing was traded.
    """

    kind = "trade_flow"
    unit = "share of volume"
    hears = Kind.TRADE

    def __init__(self, window_ms: int) -> None:
        self.window_ms = window_ms
        self.name = f"flow_{written(window_ms)}"
        self.warm_up = f"{written(window_ms)} of trades"
        self._window = SumWindow(window_ms, 2)

    def update(self, moment: Moment) -> None:
        quantity = round(moment.quantity * QUANTITIES)
        self._window.add(moment.now_ms, quantity if moment.sign > 0 else -quantity, quantity)

    def value(self, moment: Moment) -> float | None:
        if not self._window.warm(moment.now_ms):
            return None
        signed, total = self._window.sums(moment.now_ms)
        return signed / total if total else 0.0

    def fresh(self) -> TradeFlow:
        return TradeFlow(self.window_ms)

    def parameters(self) -> dict[str, Any]:
        return {"window_ms": self.window_ms}

    def state(self) -> Any:
        return self._window.state()

    def restore(self, state: Any) -> None:
        self._window.restore(state)


class TradeRate(TradeFlow):
    """How busy the market is: trades a second in the window."""

    kind = "trade_rate"
    unit = "trades/s"

    def __init__(self, window_ms: int) -> None:
        super().__init__(window_ms)
        self.name = f"rate_{written(window_ms)}"
        self._window = SumWindow(window_ms, 1)

    def update(self, moment: Moment) -> None:
        self._window.add(moment.now_ms, 1)

    def value(self, moment: Moment) -> float | None:
        if not self._window.warm(moment.now_ms):
            return None
        return self._window.sums(moment.now_ms)[0] * 1_000 / self.window_ms

    def fresh(self) -> TradeRate:
        return TradeRate(self.window_ms)


class Look(Feature):
    """A number that is read off the moment and remembers nothing; see `custom`."""

    kind = "look"

    def __init__(
        self,
        name: str,
        look: Callable[[Moment], float | None],
        *,
        unit: str,
        hears: Kind | None,
        warm_up: str,
    ) -> None:
        self.name, self.unit, self.hears, self.warm_up = name, unit, hears, warm_up
        self._look = look

    def value(self, moment: Moment) -> float | None:
        return self._look(moment)

    def fresh(self) -> Look:
        return self


class Smoothed(Feature):
    """An exponentially weighted mean of another feature, by event time.

    Each value that the other one had at an event weighs half as much when `half_life` has passed.
    """

    kind = "smoothed"

    def __init__(self, inner: Feature, half_life_ms: int) -> None:
        if inner.hears is None:
            raise InvalidField(
                "feature", f"{inner.name} follows the clock alone", "smooth one that hears events"
            )
        self._inner, self.half_life_ms = inner, half_life_ms
        self.name = f"{inner.name}_mean_{written(half_life_ms)}"
        self.unit, self.hears = inner.unit, inner.hears
        self.warm_up = f"{inner.warm_up}, and {written(half_life_ms)} more"
        self._sum, self._weight, self._first_ms, self._last_ms = 0.0, 0.0, 0, 0

    def update(self, moment: Moment) -> None:
        self._inner.update(moment)
        seen = self._inner.value(moment)
        if seen is None:
            return
        now_ms = moment.now_ms
        self._first_ms = self._first_ms or now_ms
        kept = 0.5 ** ((now_ms - self._last_ms) / self.half_life_ms) if self._weight else 0.0
        self._sum, self._weight = self._sum * kept + seen, self._weight * kept + 1.0
        self._last_ms = now_ms

    def value(self, moment: Moment) -> float | None:
        if not self._weight or moment.now_ms - self._first_ms < self.half_life_ms:
            return None
        return self._sum / self._weight

    def fresh(self) -> Smoothed:
        return Smoothed(self._inner.fresh(), self.half_life_ms)

    def parameters(self) -> dict[str, Any]:
        return {"half_life_ms": self.half_life_ms, "of": self._inner.spec()}

    def state(self) -> Any:
        return [self._sum, self._weight, self._first_ms, self._last_ms, self._inner.state()]

    def restore(self, state: Any) -> None:
        self._sum, self._weight, self._first_ms, self._last_ms, inner = state
        self._inner.restore(inner)
