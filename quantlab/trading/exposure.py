"""What one decision is taken on: market, account, pace, and what is under way, at one moment. Pure values.

None is not known, and denies. Each view checks itself when it is made, and says whether all that it holds
can be reckoned with (`sound`): one that is not counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.position import Balance
from quantlab.trading.amounts import EXACT, ONE, ZERO
from quantlab.trading.causes import TradingState


def _exact(number: object) -> bool:
    return type(number) is Decimal and number.is_finite()


def _counts(*numbers: object) -> bool:
    for each in numbers:  # noqa: SIM110  # twice as fast as a generator: every decision asks
        if type(each) is not int or each < 0:
            return False
    return True


def _mark(view: msgspec.Struct, sound: bool) -> None:  # noqa: FBT001
    """A view says whether all that it holds can be reckoned with; one that is not counts as missing."""
    msgspec.structs.force_setattr(view, "sound", sound)


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
    sound: bool = False

    def __post_init__(self) -> None:
        _mark(self, self._is_sound())

    def _is_sound(self) -> bool:
        for each in (self.bid, self.ask, self.low, self.high, self.average):
            if each is not None and not (_exact(each) and each > ZERO):
                return False
        return True


class OwnOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Our orders in the order's symbol that work or are in flight. Filled by the portfolio.

    `best_bid` is the highest price of our own buys, `best_ask` the lowest of our sells (None: there is
    none). `algo` counts the orders that wait for a trigger. `amends`: how often the order that is to be
    amended was amended before.
    """

    open: int = 0
    algo: int = 0
    iceberg: int = 0
    lists: int = 0
    amends: int = 0
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    sound: bool = False

    def __post_init__(self) -> None:
        _mark(self, self._is_sound())

    def _is_sound(self) -> bool:
        for each in (self.best_bid, self.best_ask):
            if each is not None and not _exact(each):
                return False
        return _counts(self.open, self.algo, self.iceberg, self.lists, self.amends)


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The account beyond the order's symbol. Filled by the portfolio; None is not known, and denies.

    `free_base` and `free_quote` are as the venue last said; `promised_base` and `promised_quote` what
    orders will lock that those balances do not show yet. `held_base` is free and locked together.
    `gross_elsewhere` (sum of worst cases) and `net_elsewhere` (signed) are what all other symbols are
    worth, `open_notional` what all open and flying orders are worth, the order's symbol included; these
    and the equities are in the account's `currency`, of which one unit of the quote asset is `rate`.
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
    currency: str = ""
    sound: bool = False

    def __post_init__(self) -> None:
        _mark(self, self._is_sound())

    def _is_sound(self) -> bool:
        for each in (self.net_elsewhere, self.equity, self.day_start_equity):
            if each is not None and not _exact(each):
                return False
        for each in (
            self.free_base, self.free_quote, self.promised_base, self.promised_quote, self.held_base,
            self.open_notional, self.gross_elsewhere, self.peak_equity, self.rate,
        ):  # fmt: skip
            if each is not None and not (_exact(each) and each >= ZERO):
                return False
        return _counts(0 if self.open is None else self.open, self.algo, self.iceberg, self.lists)


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
    sound: bool = False

    def __post_init__(self) -> None:
        _mark(self, self._is_sound())

    def _is_sound(self) -> bool:
        left = 0 if self.budget_left is None else self.budget_left
        return type(self.rerun_of) is str and _counts(
            self.amends, self.cancels, self.identical, self.repeats, self.cooldown_ms, self.answers,
            self.errors, left,
        )  # fmt: skip


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What one decision is taken on: market, position and what is under way, at one moment.

    `position`, `buying` and `selling` are in the base asset; `buying` and `selling` count every
    order that is working or in flight with all it may still trade. `buying_quote` and
    `selling_quote` (quote asset) are the same for orders by quote quantity. The price's age is
    judged by the venue's event time. `health` is a `HealthState`, `health_age_ms` how old that answer is.
    `reduce_only`: whoever asks promises that the order only brings the position nearer to zero.
    `now_ms` (UTC) ends overrides. None means not known, and denies; so does a view that is missing, or
    that holds what is no number (it checks itself when it is made: `sound`).
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

    @classmethod
    def alone(
        cls,
        *,
        instrument: Instrument,
        reference_price: Decimal,
        price_age_ms: int,
        balances: Iterable[Balance],
        budget_left: int = 1,
    ) -> Exposure:
        """For a script that trades by itself: nothing of its own works, and it keeps to one order at a time.

        What such a script cannot know it takes upon itself: that the venue is fit, that the market has no
        spread to speak of and did not jump, and that its account holds nothing else that counts.
        """
        by_asset = {each.asset: each for each in balances}
        base, quote = by_asset.get(instrument.base), by_asset.get(instrument.quote)
        tick = instrument.tick_size
        return cls(
            instrument=instrument,
            reference_price=reference_price,
            price_age_ms=price_age_ms,
            health="OK",
            health_age_ms=0,
            book=BookView(
                bid=EXACT.subtract(reference_price, tick), ask=EXACT.add(reference_price, tick),
                low=reference_price, high=reference_price,
            ),
            own=OwnOrders(),
            account=AccountView(
                free_base=base.free if base else ZERO,
                free_quote=quote.free if quote else ZERO,
                held_base=EXACT.add(base.free, base.locked) if base else ZERO,
                open=0, open_notional=ZERO, gross_elsewhere=ZERO, net_elsewhere=ZERO,
                currency=instrument.quote,
            ),
            pace=Pace(budget_left=budget_left),
        )  # fmt: skip
