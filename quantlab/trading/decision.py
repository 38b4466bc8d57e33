"""What a decision is taken on and what it says: `Exposure` in, `Decision` out.

Pure values, and the readers that every rail uses: a reader either gives a finite number or
raises `Unknown`, so that no rail can compute with a hole. No rule lives here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from quantlab.domain.decimals import plain
from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Verdict
from quantlab.domain.position import Balance
from quantlab.frames import frame
from quantlab.trading.amounts import EXACT, ONE, ZERO, ratio_up
from quantlab.trading.causes import TradingState

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AccountView", "Answer", "BookView", "Decision", "Exposure", "OwnOrders", "Pace", "TradingState",
    "Unknown",
]  # fmt: skip

UNTOLD, DENIED, PASSES, NEAR = 0, 1, 2, 4
"""What all rails together say: nothing; one denies; all allow, with a bit from NEAR on for each rail of which
the limit may be half used."""
Later: TypeAlias = tuple[Any, ...]
"""A function and its arguments."""
NEW = object.__new__
Answer: TypeAlias = tuple[Any, ...]
"""What a rail says: an amount, a fraction, or words; see `rails.ask`."""
WITHIN, ABOVE = "within the limit", "above the limit"
COLUMNS = ("rail", "verdict", "used", "limit", "headroom", "unit", "reason")


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


class Described(Protocol):
    """An order, a list of orders, or a replacement."""

    def describe(self) -> str: ...


class Named(Protocol):
    """A rail: what is needed of it here is its name."""

    @property
    def __name__(self) -> str: ...


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
            ),
            pace=Pace(budget_left=budget_left),
        )  # fmt: skip


class Decision:
    """Every rail's answer to one order, in the order of `RAILS`.

    The verdicts are put into words when somebody reads them, and not before: most decisions allow, and
    nobody looks. Equal where orders, limits' version and verdicts are.

    Attributes:
        largest: Of an explanation of one order: the largest amount with which it would pass.
    """

    __slots__ = (
        "_answers",
        "_later",
        "_rails",
        "_request",
        "_said",
        "_told",
        "allowed",
        "largest",
        "limits_version",
    )

    def __init__(
        self, *, order: str, limits_version: int, verdicts: tuple[Verdict, ...], allowed: bool | None = None
    ) -> None:
        self.largest: Described | None = None
        self._request: Described | str = order
        self._rails: Sequence[Named] = ()
        self._answers: Sequence[Answer] | None = ()
        self._later: Later = ()
        self._said: tuple[Verdict, ...] | None = verdicts
        self._told = UNTOLD
        self.limits_version = limits_version
        passed = bool(verdicts) and all(each.allowed for each in verdicts)
        self.allowed = passed if allowed is None else allowed and passed

    @classmethod
    def of(
        cls,
        request: Described,
        limits_version: int,
        rails: Sequence[Named],
        answers: Sequence[Answer],
        *,
        allowed: bool,
    ) -> Decision:
        """From the rails and their answers, as `rails.decide` has them."""
        self = cls.__new__(cls)
        self.largest = None
        self._request, self._rails, self._answers, self._said = request, rails, answers, None
        self.limits_version, self.allowed, self._told = limits_version, allowed, UNTOLD
        return self

    @classmethod
    def told(
        cls, request: Described, limits_version: int, rails: Sequence[Named], later: Later, told: int
    ) -> Decision:
        """Of an order on which all rails together have decided; `later` gives their answers one by one."""
        self = NEW(cls)
        self.limits_version, self._rails, self._request, self._later = limits_version, rails, request, later
        self._answers = self._said = self.largest = None
        self.allowed, self._told = told >= PASSES, told
        return self

    @property
    def order(self) -> str:
        """The order in words."""
        return self._request if isinstance(self._request, str) else described(self._request)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each rail."""
        if self._said is None:
            self._said = tuple(verdict_of(name, answer) for name, answer in self._answered())
        return self._said

    def verdict(self, rail: str) -> Verdict:
        """That of one rail, by its name."""
        if self._said is None:
            return verdict_of(rail, dict(self._answered())[rail])
        return next(each for each in self._said if each.rail == rail)

    @property
    def at_ease(self) -> bool:
        """It is known, without asking any, that no limit is half used."""
        return self._told == PASSES

    def amounts(self, also: Collection[str] = ()) -> Iterator[tuple[str, Decimal | int, Decimal | int]]:
        """Name, used and limit of each rail that has an amount; of a fraction its parts as they are.

        Where it is known which limits may be half used, of those rails alone, and of those named in `also`.
        """
        if self._said is None:
            answered = self._of_few(also) if self._told > PASSES else self._answered()
            yield from ((name, *answer[1:3]) for name, answer in answered if type(answer[1]) is not str)
        else:
            for each in self._said:
                if each.used is not None and each.limit is not None:
                    yield each.rail, each.used, each.limit

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

    def _of_few(self, also: Collection[str]) -> Iterator[tuple[str, Answer]]:
        """The rails that may be half used, and those of `also`."""
        rails, near = (
            [rail for rail in self._rails if rail.__name__ in also] if also else [],
            self._told // NEAR,
        )
        while near:
            rail = self._rails[near.bit_length() - 1]
            near ^= 1 << near.bit_length() - 1
            if rail.__name__ not in also:
                rails.append(rail)
        ask, *asked = self._later
        answers, _ = ask(*asked[:-1], tuple(rails))
        return zip((rail.__name__ for rail in rails), answers, strict=True)

    def _answered(self) -> Iterator[tuple[str, Answer]]:
        """Each rail's name and its answer, which is asked for now where it was not before."""
        if self._answers is None:
            ask, *asked = self._later
            self._answers, _ = ask(*asked)
        return zip((rail.__name__ for rail in self._rails), self._answers, strict=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        mine = (self.order, self.limits_version, self.verdicts)
        return mine == (other.order, other.limits_version, other.verdicts)

    def __hash__(self) -> int:
        return hash((self.order, self.limits_version))

    def __repr__(self) -> str:
        told = "allowed" if self.allowed else "; ".join(each.describe() for each in self.breaches)
        return f"<Decision {self.order}: {told}>"


class Unknown(Exception):
    """An input that a rail needs is missing or is no number; it becomes the verdict UNKNOWN_..."""


def verdict_of(rail: str, answer: Answer) -> Verdict:
    """A rail's answer in words; see `rails.ask` for what an answer is."""
    allowed, second = bool(answer[0]), answer[1]
    if isinstance(second, str):
        values = (plain(each) if isinstance(each, Decimal) else each for each in answer[2:])
        return Verdict(rail=rail, allowed=allowed, reason=second.format(*values))
    used, limit, unit = second, answer[2], answer[3]
    reason, more = WITHIN if used <= limit else ABOVE, answer[4:]
    if isinstance(unit, Decimal):  # a fraction of it
        used, limit, unit, more = ratio_up(used, unit), answer[4], "", answer[5:]
    if more:  # why it passes all the same
        reason = f"{reason}; {more[0]}"
    return Verdict(
        rail=rail, allowed=allowed, reason=reason, used=Decimal(used), limit=Decimal(limit), unit=unit
    )


def described(request: Described) -> str:
    """The order in words; a malformed one is denied, and shown as it is."""
    try:
        return request.describe()
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return repr(request)[:200]
