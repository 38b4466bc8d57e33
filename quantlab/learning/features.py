"""Features: named numbers about the market as of now, made one event at a time.

Pure. Each says its unit and when it is warm; before that its value is None, never a guess, and no
sample is made. They compose:

    features = Features(log_return("10s"), volatility("60s"), smoothed(imbalance(), "5s"), time_of_day())
"""

from __future__ import annotations

import math
from collections.abc import Callable

from quantlab.learning.feature import Feature, Features
from quantlab.learning.kinds import BPS, LogReturn, Look, Smoothed, TradeFlow, TradeRate, Volatility
from quantlab.learning.lengths import Length, milliseconds
from quantlab.learning.moment import Kind, Moment, kind_of

DAY_MS = 86_400_000
QUOTED = "the first quote"


def log_return(window: Length, *, of: str = "trade") -> Feature:
    """Log return over `window`, in basis points; `of` the "trade" price, "mid" or a candle's "close"."""
    return LogReturn(milliseconds(window, "window"), of)


def volatility(window: Length, *, of: str = "trade") -> Feature:
    """Realised volatility over `window`, in basis points, not annualised."""
    return Volatility(milliseconds(window, "window"), of)


def trade_flow(window: Length) -> Feature:
    """Aggressors' buying less selling as a share of the volume of `window`: -1 to 1."""
    return TradeFlow(milliseconds(window, "window"))


def trade_rate(window: Length) -> Feature:
    """Trades a second over `window`."""
    return TradeRate(milliseconds(window, "window"))


def imbalance() -> Feature:
    """Best bid's less best ask's quantity, as a share of both: -1 to 1. Needs `market.book_ticker`."""

    def look(moment: Moment) -> float | None:
        both = moment.bid_quantity + moment.ask_quantity
        return (moment.bid_quantity - moment.ask_quantity) / both if moment.mid and both else None

    return Look("imbalance", look, unit="share of quantity", hears=Kind.QUOTE, warm_up=QUOTED)


def spread() -> Feature:
    """Best ask less best bid, in basis points of the mid. Needs `market.book_ticker`."""

    def look(moment: Moment) -> float | None:
        return BPS * (moment.ask - moment.bid) / moment.mid if moment.mid else None

    return Look("spread", look, unit="bps", hears=Kind.QUOTE, warm_up=QUOTED)


def time_of_day() -> Features:
    """The UTC time of day as a point on a circle: `day_sin` and `day_cos`, so that midnight is no jump."""

    def hand(name: str, turn: Callable[[float], float]) -> Feature:
        def look(moment: Moment) -> float | None:
            return turn(2 * math.pi * (moment.now_ms % DAY_MS) / DAY_MS) if moment.now_ms else None

        return Look(name, look, unit="1", hears=None, warm_up="the first event")

    return Features(hand("day_sin", math.sin), hand("day_cos", math.cos))


def smoothed(feature: Feature, half_life: Length) -> Feature:
    """The exponentially weighted mean of another feature's values at its events, by event time."""
    return Smoothed(feature, milliseconds(half_life, "half_life"))


def custom(
    name: str, look: Callable[[Moment], float | None], *, unit: str = "1", of: str | None = None
) -> Feature:
    """Anything that can be read off the `Moment`; None where it cannot be said yet.

    `of` names the price whose events it belongs to, for `smoothed`. It must not remember anything:
    subclass `Feature` for that.
    """
    hears = None if of is None else kind_of(of)
    return Look(name, look, unit=unit, hears=hears, warm_up="what it reads")
