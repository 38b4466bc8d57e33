"""What a decision is taken on and what it says: `Exposure` in, `Decision` out.

Pure values, and the readers that every rail uses: a reader either gives a finite number or
raises `Unknown`, so that no rail can compute with a hole. No rule lives here.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits, Verdict
from quantlab.domain.orders import OrderRequest, Side
from quantlab.frames import frame
from quantlab.trading.amounts import ZERO, add, times

if TYPE_CHECKING:
    import pandas as pd

ONE = Decimal(1)
COLUMNS = ("rail", "verdict", "used", "limit", "headroom", "unit", "reason")


class TradingState(StrEnum):
    """ACTIVE lets orders pass; HALTED none (cancels always pass)."""

    ACTIVE = "ACTIVE"
    HALTED = "HALTED"


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What one decision is taken on: market, position and what is under way, at one moment.

    `position`, `buying` and `selling` are in the base asset; `buying` and `selling` count every
    order that is working or in flight with all it may still trade. `buying_quote` and
    `selling_quote` (quote asset) are the same for orders by quote quantity. The price's age is
    judged by the venue's event time. None means not known, and denies.
    """

    instrument: Instrument | None
    reference_price: Decimal | None
    price_age_ms: int | None
    position: Decimal | None = ZERO
    buying: Decimal | None = ZERO
    selling: Decimal | None = ZERO
    buying_quote: Decimal | None = ZERO
    selling_quote: Decimal | None = ZERO
    orders_last_second: int | None = 0
    trading_state: str = TradingState.ACTIVE


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Every rail's answer to one order, in the order of `RAILS`."""

    order: str
    limits_version: int
    verdicts: tuple[Verdict, ...]

    @property
    def allowed(self) -> bool:
        """True where every rail allowed (and there was one)."""
        return bool(self.verdicts) and not self.breaches

    @property
    def breaches(self) -> tuple[Verdict, ...]:
        """The answers that deny."""
        return tuple(verdict for verdict in self.verdicts if not verdict.allowed)

    def frame(self) -> pd.DataFrame:
        """One row per rail: verdict, used, limit, headroom, unit, reason."""
        rows = [
            {name: getattr(each, name, None) for name in COLUMNS}
            | {"verdict": "allow" if each.allowed else "deny"}
            for each in self.verdicts
        ]
        return frame(rows, columns=COLUMNS, index="rail")


class Unknown(Exception):
    """An input that a rail needs is missing or is no number; it becomes the verdict UNKNOWN_..."""


def instrument_of(request: OrderRequest, exposure: Exposure) -> Instrument:
    """The order's own instrument; UNKNOWN_SYMBOL without."""
    if exposure.instrument is None or exposure.instrument.symbol != request.symbol:
        raise Unknown("SYMBOL")
    return exposure.instrument


def finite(number: Decimal | None, name: str) -> Decimal:
    """`number`, which is a finite Decimal; UNKNOWN_<name> otherwise."""
    if type(number) is not Decimal or not number.is_finite():
        raise Unknown(name)
    return number


def positive(number: Decimal | None, name: str) -> Decimal:
    """`number`, which is finite and above zero; UNKNOWN_<name> otherwise."""
    if finite(number, name) <= 0:
        raise Unknown(name)
    return finite(number, name)


def reference_of(exposure: Exposure) -> Decimal:
    """The market's price (quote asset); UNKNOWN_PRICE without."""
    return positive(exposure.reference_price, "PRICE")


def dearest_of(request: OrderRequest, exposure: Exposure, limits: Limits) -> Decimal:
    """The highest price that the order may trade at, for all we can say, in the quote asset.

    A market buy pays what the book asks, however thin it is: it counts at the collar's upper end,
    reference x (1 + `limits.price_collar`), which is what a limit buy may bid at most. A market
    sell counts at the reference, and so does a limit sell below it.
    """
    if request.price is None:
        reference = reference_of(exposure)
        if request.side is not Side.BUY:
            return reference
        return times(reference, add(ONE, finite(limits.price_collar, "LIMIT")))
    price = positive(request.price, "PRICE")
    return price if request.side is Side.BUY else max(price, reference_of(exposure))


def value_of(request: OrderRequest, price: Decimal) -> Decimal:
    """What the order is worth at `price`, in the quote asset."""
    if request.quantity is None:
        return positive(request.quote_quantity, "AMOUNT")
    return times(positive(request.quantity, "QUANTITY"), price)
