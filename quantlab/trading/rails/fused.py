"""Every rail in one function: do all of them let a plain order pass? A third of the cost of asking each.

A plain order is a limit order, or one at the market by quantity, that neither waits nor hides: nearly all
are. The function is made of the rails' own source (`writing`), so that no rule is written twice. What it
cannot tell it leaves to the rails one by one, and they alone explain.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, getcontext, setcontext

import msgspec

from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.trading.amounts import EXACT, times
from quantlab.trading.decision import UNTOLD
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails.catalogue import LIMITED
from quantlab.trading.rails.writing import Fused, fuse

SOFT = Decimal("0.49")  # of a limit, below the first step of `alerts`
LIMIT, MARKET, BUY, SELL = OrderType.LIMIT, OrderType.MARKET, Side.BUY, Side.SELL
FORMS = ((LIMIT, BUY), (MARKET, BUY), (LIMIT, SELL), (MARKET, SELL))  # as `MADE` has them


def passes(request: OrderRequest, exposure: Exposure, limits: Limits) -> int:
    """UNTOLD, DENIED, PASSES or NEAR; an override is not looked for. See `decision`."""
    kind, side = request.type, request.side
    if (kind is not LIMIT and kind is not MARKET) or (side is not BUY and side is not SELL):
        return UNTOLD
    kept = KEPT.get(id(limits)) or keep(limits)
    outer = getcontext()
    try:  # an Interrupt may strike after any call: what is set is put back
        function = MADE[(kind is MARKET) + 2 * (side is SELL)] or make(kind, side)
        setcontext(EXACT)  # in it an operator is exact, and costs half of a function that is exact anywhere
        limits, soft = (kept.own and kept.own.get(request.symbol)) or kept.general
        return function(request, exposure, limits, soft)
    except Exception:  # noqa: BLE001  # whatever it is, the rail that it comes from will say it
        return UNTOLD
    finally:
        setcontext(outer)


def make(kind: OrderType, side: Side) -> Fused:
    """The function of one form of order; making it takes as long as thousands of decisions."""
    function = MADE[(kind is MARKET) + 2 * (side is SELL)] = fuse(kind, side)
    return function


def prepare() -> Iterator[None]:
    """Make all that are not made yet, one a step, so that no first order waits for it.

    Not on a thread: Python 3.11 cannot parse on two at a time ("AST constructor recursion depth mismatch").
    """
    for place, form in enumerate(FORMS):
        if MADE[place] is None:
            make(*form)
            yield


class Kept:
    """What follows from a set of limits alone: of each symbol its own limits, and those softened."""

    __slots__ = ("general", "limits", "own")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.general = limits, softened(limits)
        own = {symbol: limits.of(symbol) for symbol in limits.symbols}
        self.own = {symbol: (each, softened(each)) for symbol, each in own.items()}


def softened(limits: Limits) -> Limits:
    """The limits of `LIMITED` at not quite a half: what stays below is far from its limit."""
    values = {name: getattr(limits, name) for name in LIMITED.values()}
    halves = {
        name: value * 49 // 100 if isinstance(value, int) else times(value, SOFT)
        for name, value in values.items()
        if value is not None
    }
    return msgspec.structs.replace(limits, **halves)


def keep(limits: Limits) -> Kept:
    """Of the last sets of limits; a sweep goes through many."""
    if len(KEPT) >= MOST:
        KEPT.clear()
    kept = KEPT[id(limits)] = Kept(limits)
    return kept


MOST = 100
KEPT: dict[int, Kept] = {}  # by the set's identity, which it keeps alive
MADE: list[Fused | None] = [None] * 4  # by form: an enum's hash would take as long as ten comparisons
