"""The largest amount with which an order would pass: that amount does, one step more does not. Exact.

Every rail lets pass either what is small enough or what is large enough, and the grid's steps are counted
as whole numbers; so two searches by halves find the last step that all of the first kind allow, and the
first that all of the second kind do. What is answered was asked of the rails themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import msgspec

from quantlab.domain.decimals import EXACT, FINEST, LARGEST, plain, times
from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails.catalogue import AT_LEAST, BY_IDENTITY, RAILS, Rail
from quantlab.trading.rails.deciding import ask_all


class Largest(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `field` is quantity (base asset), or quote_quantity (quote asset).

    `amount` is None where none passes. `binding` names the rails that deny one `step` more; without an
    amount, those that deny the smallest one that is large enough.
    """

    field: str
    amount: Decimal | None
    step: Decimal
    unit: str
    binding: tuple[str, ...] = ()

    def describe(self) -> str:
        """One line: "at most 1.6 BTC (max_order_notional)"."""
        why = ", ".join(self.binding)
        if self.amount is None:
            return f"no amount passes ({why})"
        return f"at most {plain(self.amount)} {self.unit} ({why})"


def largest(request: OrderRequest, exposure: Exposure, limits: Limits) -> Largest:
    """The largest quantity (or quote quantity, where that was given) with which `request` passes.

    The same order again, or from the same cell, is another order with another amount: that this one was
    sent before bounds nothing else.
    """
    field = "quantity" if request.quote_quantity is None else "quote_quantity"
    instrument = exposure.instrument
    if instrument is None or instrument.symbol != request.symbol:
        return Largest(field=field, amount=None, step=Decimal(0), unit="", binding=("symbol_status",))
    by_quote = field == "quote_quantity"
    step = _last_digit(instrument) if by_quote else _step(instrument, at_market=request.price is None)
    unit = instrument.quote if by_quote else instrument.base

    def denying(steps: int, rails: tuple[Rail, ...]) -> tuple[str, ...]:
        changed = msgspec.structs.replace(request, **{field: times(Decimal(steps), step)})
        answers, _ = ask_all(changed, exposure, limits, rails)
        return tuple(rail.__name__ for rail, answer in zip(rails, answers, strict=True) if not answer[0])

    most_rails = tuple(rail for rail in RAILS if rail not in AT_LEAST and rail not in BY_IDENTITY)
    least_rails = tuple(AT_LEAST)
    top = int(EXACT.divide_int(EXACT.subtract(LARGEST, step), step))
    most = _last(lambda steps: not denying(steps, most_rails), top)
    least = _first(lambda steps: not denying(steps, least_rails), top)
    asked = times(Decimal(most), step)
    if most >= least and asked == getattr(request, field) and denying(most, RAILS):
        most -= 1  # this very order was sent before
    if most < least:
        why = denying(min(least, top), RAILS)
        return Largest(field=field, amount=None, step=step, unit=unit, binding=why)
    why = denying(most + 1, RAILS)
    return Largest(field=field, amount=times(Decimal(most), step), step=step, unit=unit, binding=why)


def _last(passes: Callable[[int], bool], top: int) -> int:
    """The last of 1..top that passes, where all before it do; 0 where none does."""
    low, high = 0, top + 1
    while high - low > 1:
        middle = (low + high) // 2
        if passes(middle):
            low = middle
        else:
            high = middle
    return low


def _first(passes: Callable[[int], bool], top: int) -> int:
    """The first of 1..top that passes, where all after it do; top + 1 where none does."""
    return _last(lambda steps: not passes(steps), top) + 1


def _last_digit(instrument: Instrument) -> Decimal:
    return Decimal((0, (1,), -instrument.quote_precision))


def _step(instrument: Instrument, *, at_market: bool) -> Decimal:
    """The least quantity of which every quantity on the grid is a multiple."""
    steps = [instrument.step_size, instrument.rules.market_step_size if at_market else Decimal(0)]
    if len({step for step in steps if step}) == 1:
        return max(steps)
    whole = [int(EXACT.scaleb(step, -FINEST)) for step in steps if step]
    if not whole:
        return Decimal((0, (1,), -instrument.base_precision))
    return EXACT.scaleb(Decimal(math.lcm(*whole)), FINEST)
