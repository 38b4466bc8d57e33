"""What a decision is taken on and what it says: `Exposure` in, `Decision` out.

Pure values, and the readers that every rail uses: a reader either gives a finite number or
raises `Unknown`, so that no rail can compute with a hole. No rule lives here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits, Verdict
from quantlab.domain.orders import OrderRequest, Side
from quantlab.frames import frame
from quantlab.trading.amounts import ZERO, add, times
from quantlab.trading.causes import TradingState as TradingState  # the engine reads both here

if TYPE_CHECKING:
    import pandas as pd

ONE = Decimal(1)
COLUMNS = ("rail", "verdict", "used", "limit", "headroom", "unit", "reason")


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """What the market showed of one symbol (quote asset); None is not known.

    `low` and `high` are the reference price's own over the last minute, `average` the venue's over the
    minutes that its PERCENT_PRICE filter names. Filled by the engine's quotes.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    average: Decimal | None = None


class OwnOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Our orders in the order's symbol that work or are in flight. Filled by the portfolio.

    `best_bid` is the highest price of our own buys, `best_ask` the lowest of our sells (None: there is
    none). `algo` counts the orders that wait for a trigger.
    """

    open: int = 0
    algo: int = 0
    iceberg: int = 0
    lists: int = 0
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The account beyond the order's symbol. Filled by the portfolio; None is not known, and denies.

    `free_base` and `free_quote` are as the venue last said; `promised_base` and `promised_quote` what
    orders will lock that those balances do not show yet. `held_base` is free and locked together.
    `gross_elsewhere` (sum of worst cases) and `net_elsewhere` (signed) are what all other symbols are
    worth, `open_notional` what all open and flying orders are worth, the order's symbol included; these
    and the equities are in the account's currency, of which one unit of the quote asset is `rate`.
    """

    free_base: Decimal | None = None
    free_quote: Decimal | None = None
    promised_base: Decimal = ZERO
    promised_quote: Decimal = ZERO
    held_base: Decimal | None = None
    open: int | None = None
    algo: int = 0
    iceberg: int = 0
    lists: int = 0
    open_notional: Decimal | None = None
    gross_elsewhere: Decimal | None = None
    net_elsewhere: Decimal | None = None
    equity: Decimal | None = None
    peak_equity: Decimal | None = None
    day_start_equity: Decimal | None = None
    rate: Decimal | None = ONE


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How much was done lately. Filled by `trading.pace.Tempo`, which the gateway keeps.

    `amends` and `cancels`: in the last second. `identical`: equal orders within the limit's window.
    `repeats`: orders of this symbol and side since the last re-arm, within the limit's window. `rerun_of`:
    the client id under which an earlier run of the same cell sent this very order; empty: none.
    `cooldown_ms`: how long the symbol still rests. `answers` and `errors`: the venue's, in the last
    minute. `budget_left`: orders that its limits let us send now, what is kept for cancels left out.
    """

    amends: int = 0
    cancels: int = 0
    identical: int = 0
    repeats: int = 0
    rerun_of: str = ""
    cooldown_ms: int = 0
    answers: int = 0
    errors: int = 0
    budget_left: int | None = None


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What one decision is taken on: market, position and what is under way, at one moment.

    `position`, `buying` and `selling` are in the base asset; `buying` and `selling` count every
    order that is working or in flight with all it may still trade. `buying_quote` and
    `selling_quote` (quote asset) are the same for orders by quote quantity. The price's age is
    judged by the venue's event time. `health` is a `HealthState`, `health_age_ms` how old that answer is.
    `reduce_only`: whoever asks promises that the order only brings the position nearer to zero.
    `now_ms` (UTC) ends overrides. None means not known, and denies; so does a view that is missing.
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
    health: str | None = None
    health_age_ms: int | None = None
    now_ms: int | None = None
    reduce_only: bool = False
    book: BookView | None = None
    own: OwnOrders | None = None
    account: AccountView | None = None
    pace: Pace | None = None


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
        if request.stop_price is not None:  # it trades once the market has come there, if not before
            reference = max(reference, positive(request.stop_price, "STOP_PRICE"))
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
