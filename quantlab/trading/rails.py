"""Pre-trade rails: the limits that every order passes before it leaves the kernel.

Pure: no clock, no socket, no bus. A rail reads one request, one `Exposure` and the `Limits`; the
gateway turns a breach into `OrderDenied`. A rail that lacks an input, or fails, denies with a
reason UNKNOWN_...: never an order on a guess. Amounts are in the quote asset. This is the only
module that makes a `Permit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from quantlab.domain.decimals import plain
from quantlab.domain.limits import PERMIT_LIFE_NS, Limits, Permit, Verdict
from quantlab.domain.order_lists import AmendRequest, AnyRequest
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.frames import frame
from quantlab.trading.amounts import ZERO, add, ratio_up, subtract, times
from quantlab.trading.decision import (
    Decision,
    Exposure,
    TradingState,
    Unknown,
    dearest_of,
    finite,
    instrument_of,
    positive,
    reference_of,
    value_of,
)
from quantlab.trading.together import Part, merged
from quantlab.trading.verdicts import at_most, within_grid, yes_no

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LIMITED", "RAILS", "Decision", "Exposure", "Rail", "Rails", "TradingState", "decide"]

PRICED = (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
KNOWN_EXTRAS = frozenset({"self_trade"})

Rail: TypeAlias = Callable[[OrderRequest, Exposure, Limits], Verdict]


def trading_state(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny while trading is not ACTIVE."""
    active = exposure.trading_state == TradingState.ACTIVE
    return yes_no("trading_state", active, f"trading is {exposure.trading_state}")


def order_shape(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny an order whose fields contradict its type, or whose amounts are not exact and positive."""
    kind, by_quote = request.type, request.quantity is None
    positive(request.quote_quantity if by_quote else request.quantity, "AMOUNT")
    priced = kind in PRICED
    if priced:
        positive(request.price, "PRICE")
    if request.stop_price is not None:
        positive(request.stop_price, "STOP_PRICE")
    triggers = {"stop_price", "trailing_delta"} & request.extras.keys()
    unknown = request.extras.keys() - KNOWN_EXTRAS - (triggers if kind.waits else set())
    if unknown:
        return yes_no(
            "order_shape", False, f"no {kind} order has {', '.join(sorted(unknown))}, or no rail knows it yet"
        )
    fits = (
        (request.price is not None) is priced
        and (request.time_in_force is not None) is (priced and kind is not OrderType.LIMIT_MAKER)
        and (kind is OrderType.MARKET or not by_quote)
        and (by_quote or request.quote_quantity is None)
        and bool(triggers) is kind.waits
    )
    return yes_no("order_shape", fits, "fields fit the type" if fits else f"no {kind} order has these")


def symbol_status(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny a symbol that is unknown or does not trade."""
    status = instrument_of(request, exposure).status
    return yes_no("symbol_status", status == "TRADING", f"{request.symbol} is {status}")


def price_grid(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny a limit price off the tick or out of the instrument's bounds."""
    instrument = instrument_of(request, exposure)
    if request.price is None:
        return yes_no("price_grid", True, "no limit price")
    low, high, tick = instrument.min_price, instrument.max_price, instrument.tick_size
    return within_grid(
        "price_grid", positive(request.price, "PRICE"), low, high, step=tick, unit=instrument.quote
    )


def quantity_grid(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny a quantity off the step or out of the instrument's bounds."""
    instrument = instrument_of(request, exposure)
    if request.quantity is None:
        return yes_no("quantity_grid", True, "ordered by quote quantity")
    low, high, step = instrument.min_quantity, instrument.max_quantity, instrument.step_size
    return within_grid(
        "quantity_grid", positive(request.quantity, "QUANTITY"), low, high, step=step, unit=instrument.base
    )


def venue_notional(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny an order worth less or more than the venue takes."""
    instrument = instrument_of(request, exposure)
    price = reference_of(exposure) if request.price is None else request.price
    value = value_of(request, price)
    low, high = instrument.min_notional, instrument.max_notional
    if value < low:
        reason = f"below the venue's least of {plain(low)} {instrument.quote}"
        return Verdict(rail="venue_notional", allowed=False, reason=reason)
    if high:
        return at_most("venue_notional", value, high, instrument.quote)
    return yes_no("venue_notional", True, "the venue sets no upper bound")


def price_age(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny on a reference price whose event is older than `limits.max_price_age_ms`.

    An event from as far in the future is no better: then one of the clocks is wrong.
    """
    reference_of(exposure)
    if exposure.price_age_ms is None:
        raise Unknown("PRICE_AGE")
    return at_most("price_age", Decimal(abs(exposure.price_age_ms)), Decimal(limits.max_price_age_ms), "ms")


def price_collar(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny a limit price further from the reference than `limits.price_collar` (a fraction)."""
    if request.price is None:
        return yes_no("price_collar", True, "no limit price")
    reference = reference_of(exposure)
    distance = subtract(positive(request.price, "PRICE"), reference).copy_abs()
    return at_most("price_collar", ratio_up(distance, reference), limits.price_collar, "")


def max_order_notional(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny one order worth more than `limits.max_order_notional`, at the worst price it may trade at.

    See `dearest_of`: a market buy counts at the collar's upper end, whatever the book looks like.
    """
    unit = instrument_of(request, exposure).quote
    value = value_of(request, dearest_of(request, exposure, limits))
    return at_most("max_order_notional", value, limits.max_order_notional, unit)


def max_position(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny an order after which the position could be worth more than `limits.max_position`.

    The worst case: this order and everything that works or is in flight on its side trades in
    full, and nothing on the other side. An order that can only bring the position nearer to
    zero uses nothing. All of it is valued at the worst price that the order may trade at.
    """
    unit = instrument_of(request, exposure).quote
    position = finite(exposure.position, "POSITION")
    if request.side is Side.BUY:
        base = add(position, finite(exposure.buying, "BUYING"))
        quote = finite(exposure.buying_quote, "BUYING")
    else:
        base = subtract(finite(exposure.selling, "SELLING"), position)
        quote = finite(exposure.selling_quote, "SELLING")
    # both prices: a limit far from the market must not make what we hold look small
    price = max(reference_of(exposure), dearest_of(request, exposure, limits))
    worst = add(add(times(base, price), quote), value_of(request, price))
    return at_most("max_position", max(worst, ZERO), limits.max_position, unit)


def reduce_only(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny an order asked for as reduce-only that could trade more than the position.

    A spot venue has no such order. With it, everything of its side that works or is in flight counts.
    """
    if not exposure.reduce_only:
        return yes_no("reduce_only", True, "not asked for")
    unit = instrument_of(request, exposure).base
    position = finite(exposure.position, "POSITION")
    if request.quantity is None:
        return yes_no("reduce_only", False, "give the quantity: what a worth buys or sells is not certain")
    sells = request.side is Side.SELL
    working = finite(exposure.selling if sells else exposure.buying, "UNDER_WAY")
    most = position if sells else subtract(ZERO, position)
    return at_most("reduce_only", add(working, request.quantity), max(most, ZERO), unit)


def order_rate(request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """Deny more than `limits.max_orders_per_second`, this order counted."""
    if exposure.orders_last_second is None:
        raise Unknown("ORDER_RATE")
    used = Decimal(exposure.orders_last_second + 1)
    return at_most("order_rate", used, Decimal(limits.max_orders_per_second), "orders/s")


RAILS: tuple[Rail, ...] = (
    trading_state, order_shape, symbol_status, price_grid, quantity_grid, venue_notional,
    price_age, price_collar, reduce_only, order_rate, max_order_notional, max_position,
)  # fmt: skip

AMEND_RAILS: tuple[Rail, ...] = (symbol_status, quantity_grid, venue_notional)
"""What an order that is made smaller passes: it takes nothing, so that no limit of ours may keep it large."""


def decide(
    request: OrderRequest, exposure: Exposure, limits: Limits, rails: Sequence[Rail] | None = None
) -> Decision:
    """Ask every rail, in the order of `RAILS`; one breach denies the order.

    Every rail is asked even after a breach, so that the answer explains itself whole. This is
    the check and the explanation: there is no second function.
    """
    verdicts = tuple(_ask(rail, request, exposure, limits) for rail in rails or RAILS)
    return Decision(order=_described(request), limits_version=limits.version, verdicts=verdicts)


LIMITED = {
    "max_order_notional": "max_order_notional",
    "max_position": "max_position",
    "price_collar": "price_collar",
    "price_age": "max_price_age_ms",
    "order_rate": "max_orders_per_second",
}
USAGE = ("limit", "rail", "value", "used", "headroom", "unit")


class Rails:
    """The limits in force, and the only place where a permit is made."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.last: Decision | None = None

    @property
    def limits(self) -> Limits:
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        """Put other limits in force; their version is one above the last, whatever they say."""
        self._limits = msgspec.structs.replace(limits, version=self._limits.version + 1)

    def explain(self, request: OrderRequest, exposure: Exposure) -> Decision:
        """What `decide` would answer; no permit, nothing reserved."""
        return decide(request, exposure, self._limits)

    def explain_together(self, request: AnyRequest, parts: Sequence[Part]) -> Decision:
        """What `decide_together` would answer; no permit, nothing reserved."""
        rails = AMEND_RAILS if isinstance(request, AmendRequest) else None
        decisions = [decide(order, exposure, self._limits, rails) for order, exposure in parts]
        return decisions[0] if isinstance(request, OrderRequest) else merged(_described(request), decisions)

    def decide(
        self,
        request: OrderRequest,
        exposure: Exposure,
        *,
        now_ns: int,
        state_sequence: int,
        halts: int | None = None,
    ) -> tuple[Decision, Permit | None]:
        """As `decide_together`, for one order."""
        return self.decide_together(
            request, (Part(request, exposure),), now_ns=now_ns, state_sequence=state_sequence, halts=halts
        )

    def decide_together(
        self,
        request: AnyRequest,
        parts: Sequence[Part],
        *,
        now_ns: int,
        state_sequence: int,
        halts: int | None = None,
    ) -> tuple[Decision, Permit | None]:
        """The decision, and the one-shot permit for all of it where every rail allowed every order.

        Args:
            request: Exactly as it will be sent.
            parts: Each of its orders with the state it is decided on, numbered `state_sequence`.
            now_ns: The monotonic clock; the permit lives one second from here.
            halts: The HALT latch's generation, read before the state; see `Permit`.
        """
        self.last = decision = self.explain_together(request, parts)
        if not decision.allowed:
            return decision, None
        permit = Permit(
            digest=request.digest(),
            limits_version=self._limits.version,
            state_sequence=state_sequence,
            expires_ns=now_ns + PERMIT_LIFE_NS,
            halts=halts,
        )
        return decision, permit

    def frame(self) -> pd.DataFrame:
        """Every limit in force, and what the last decided order used of it (None: nothing yet)."""
        last = {each.rail: each for each in self.last.verdicts} if self.last else {}
        rows = []
        for rail, name in LIMITED.items():
            verdict = last.get(rail)
            used, unit = (verdict.used, verdict.unit) if verdict else (None, "")
            value = getattr(self._limits, name)
            headroom = subtract(Decimal(value), used) if used is not None else None
            rows.append(dict(zip(USAGE, (name, rail, value, used, headroom, unit), strict=True)))
        return frame(rows, columns=USAGE, index="limit")


def _ask(rail: Rail, request: OrderRequest, exposure: Exposure, limits: Limits) -> Verdict:
    """The rail's answer; a rail that cannot answer denies."""
    name = rail.__name__
    try:
        return rail(request, exposure, limits)
    except Unknown as missing:
        return Verdict(rail=name, allowed=False, reason=f"UNKNOWN_{missing}")
    except Exception as error:  # noqa: BLE001  # fail closed: whatever goes wrong in a rail denies
        return Verdict(rail=name, allowed=False, reason=f"UNKNOWN_{type(error).__name__.upper()}")


def _described(request: AnyRequest) -> str:
    try:
        return request.describe()
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return repr(request)[:200]  # a malformed order is denied, and shown as it is
