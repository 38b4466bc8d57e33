"""Labels: what a prediction is about, and when it is known.

Pure. A sample made at event time t is joined with the price as of t + horizon: of the prices that
stood then, the last one; of several in that very millisecond, the first. It is known at the first
event at or after that time, never sooner, and only then is the label learned. Where the market was
not heard for longer than `gap` before t + horizon, nobody knows that price: the label is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from quantlab.errors import InvalidField
from quantlab.learning.feature import require_finite
from quantlab.learning.lengths import Length, milliseconds, written
from quantlab.learning.moment import Kind, kind_of

BPS = 10_000.0
GAP = "60s"

Target = bool | int | float | str
Judge = Callable[[float], Target]
"""From a simple return in basis points to what is to be learned."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A delayed label.

    Attributes:
        kind: "forward_return", "next_tick" or "custom".
        name: For people, and to know it again.
        horizon_ms: How far ahead; None: until the price is another one.
        of: The price that it is about: "trade", "mid" or "close".
        gap_ms: A price is not believed to stand for longer than this unheard.
        classes: What there is to tell apart; () where the label is a number.
        threshold_bps: As given to `forward_return`; None where there is none.
        judge: Makes the label of the return.
        stance: What a prediction says to hold: 1 long, -1 short, 0 nothing.
    """

    kind: str
    name: str
    horizon_ms: int | None
    of: str
    gap_ms: int
    classes: tuple[Target, ...]
    threshold_bps: float | None
    judge: Judge
    stance: Callable[[Any], int]

    @property
    def hears(self) -> Kind:
        """The kind of event that moves its price, and makes samples."""
        return kind_of(self.of)

    def spec(self) -> dict[str, Any]:
        """Equal for two labels that mean the same, as far as data can say it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "horizon_ms": self.horizon_ms,
            "of": self.of,
            "gap_ms": self.gap_ms,
            "classes": list(self.classes),
            "threshold_bps": self.threshold_bps,
        }


def return_bps(before: float, after: float) -> float:
    """Simple return in basis points."""
    return BPS * (after / before - 1.0)


def forward_return(
    horizon: Length,
    *,
    threshold_bps: float | None = None,
    classes: int = 2,
    of: str = "trade",
    gap: Length = GAP,
) -> Label:
    """The return over the next `horizon`.

    Without a threshold the label is the return itself, in basis points (a regression). With one and
    two classes it is True where the return is above it: a prediction of True says long, False says
    nothing to hold. With three it is 1 above it, -1 below minus it, else 0.

    Raises:
        InvalidField: Names the argument.
    """
    horizon_ms = milliseconds(horizon, "horizon")
    found: tuple[Judge, Callable[[Any], int], tuple[Target, ...]]
    found = (_number, _sign, ()) if threshold_bps is None else _judged(_threshold(threshold_bps), classes)
    judge, stance, targets = found
    return Label(
        kind="forward_return",
        name=f"return {written(horizon_ms)}",
        horizon_ms=horizon_ms,
        of=_price(of),
        gap_ms=milliseconds(gap, "gap"),
        classes=targets,
        threshold_bps=threshold_bps,
        judge=judge,
        stance=stance,
    )


def next_tick(*, of: str = "trade", gap: Length = GAP) -> Label:
    """The direction of the next other price: True where it is higher. True says long, False short."""
    return Label(
        kind="next_tick",
        name="next tick",
        horizon_ms=None,
        of=_price(of),
        gap_ms=milliseconds(gap, "gap"),
        classes=(False, True),
        threshold_bps=None,
        judge=lambda bps: bps > 0,
        stance=lambda up: 1 if up else -1,
    )


def custom(
    name: str,
    judge: Judge,
    *,
    horizon: Length,
    classes: tuple[Target, ...] = (),
    stance: Callable[[Any], int] = lambda _: 0,
    of: str = "trade",
    gap: Length = GAP,
) -> Label:
    """Anything that can be said of the return over `horizon`, in basis points.

    Args:
        classes: What `judge` may answer; () where it answers numbers.
        stance: What a prediction says to hold (1, -1 or 0), for the score with costs.

    Raises:
        InvalidField: Names the argument; and whenever `judge` says what is no finite number, or none of
            the `classes`, which costs its event.
    """
    if not callable(judge):
        raise InvalidField("judge", f"{judge!r:.40} cannot be called", "give a function of a return in bps")

    def checked(bps: float) -> Target:
        target = judge(bps)
        if not classes:
            require_finite(target, name)
        elif target not in classes:
            raise InvalidField(
                name, f"{target!r:.40} is not among the classes", f"say one of {classes!r:.60}"
            )
        return target

    return Label(
        kind="custom",
        name=name,
        horizon_ms=milliseconds(horizon, "horizon"),
        of=_price(of),
        gap_ms=milliseconds(gap, "gap"),
        classes=classes,
        threshold_bps=None,
        judge=checked,
        stance=stance,
    )


def _number(bps: float) -> float:
    return bps


def _sign(bps: float) -> int:
    return (bps > 0) - (bps < 0)


def _judged(threshold: float, classes: int) -> tuple[Judge, Callable[[Any], int], tuple[Target, ...]]:
    match classes:
        case 2:
            return lambda bps: bps > threshold, int, (False, True)
        case 3:
            return lambda bps: (bps > threshold) - (bps < -threshold), int, (-1, 0, 1)
        case _:
            raise InvalidField("classes", f"{classes!r:.40} is not 2 or 3", "give 2 (up or not) or 3")


def _price(of: str) -> str:
    kind_of(of)
    return of


def _threshold(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < BPS:
        raise InvalidField("threshold_bps", f"{given!r:.40} is no threshold", "give basis points, 0 or more")
    return float(given)
