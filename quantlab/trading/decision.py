"""What the rails decided on one order, and why: put into words when somebody reads it, and not before.

Pure values. What a decision is taken on is `exposure`'s; no rule lives here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from quantlab.domain.decimals import plain
from quantlab.domain.verdict import Verdict
from quantlab.frames import frame
from quantlab.trading.amounts import ratio_up

if TYPE_CHECKING:
    import pandas as pd

UNTOLD, DENIED, PASSES, NEAR = 0, 1, 2, 4
"""What all rails together say: nothing; one denies; all allow. From NEAR on there is a bit for each step of
`STEPS` to which a rail's limit is used, the first rail's lowest."""
STEPS = (50, 80, 95)  # percent of a limit
Later: TypeAlias = tuple[Any, ...]
"""A function and its arguments."""
NEW = object.__new__
Answer: TypeAlias = tuple[Any, ...]
"""What a rail says: an amount, a fraction, or words; see `rails.ask`."""
WITHIN, ABOVE = "within the limit", "above the limit"
ENOUGH, BELOW = "not below the minimum", "below the minimum"
MINIMUM = object()
"""Stands in an answer behind used and limit where the limit is the least that there must be."""
COLUMNS = ("rail", "verdict", "used", "limit", "headroom", "unit", "reason")


class Described(Protocol):
    """An order, a list of orders, or a replacement."""

    def describe(self) -> str: ...


class Named(Protocol):
    """A rail: what is needed of it here is its name."""

    @property
    def __name__(self) -> str: ...


class Decision:
    """Every rail's answer to one order, in the order of `RAILS`.

    The verdicts are put into words when somebody reads them, and not before: most decisions allow, and
    nobody looks. Equal where orders, limits' version and verdicts are.

    Attributes:
        largest: Of an explanation of one order: the largest amount with which it would pass.
        told: What all rails together said; UNTOLD where they were asked one by one.
    """

    __slots__ = (
        "_answers",
        "_later",
        "_rails",
        "_request",
        "_said",
        "allowed",
        "largest",
        "limits_version",
        "told",
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
        self.told = UNTOLD
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
        self.limits_version, self.allowed, self.told = limits_version, allowed, UNTOLD
        return self

    @classmethod
    def together(
        cls, request: Described, limits_version: int, rails: Sequence[Named], later: Later, told: int
    ) -> Decision:
        """Of an order on which all rails together have decided; `later` gives their answers one by one."""
        self = NEW(cls)
        self.limits_version, self._rails, self._request, self._later = limits_version, rails, request, later
        self._answers = self._said = self.largest = None
        self.allowed, self.told = told >= PASSES, told
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

    def amounts(self, also: Collection[str] = ()) -> Iterator[tuple[str, Decimal | int, Decimal | int]]:
        """Name, used and limit of each rail that has an amount; of a fraction its parts as they are.

        Of a minimum the limit and what there is: so the first of the two is what share of the second it is.
        Where it is known which limits may be half used, of those rails alone, and of those named in `also`.
        """
        if self._said is None:
            answered = self._of_few(also) if self.told >= PASSES else self._answered()
            yield from ((name, *_share(answer)) for name, answer in answered if type(answer[1]) is not str)
        else:
            for each in self._said:
                if (share := each.share) is not None:
                    yield (each.rail, *share)

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
        rails = [rail for rail in self._rails if rail.__name__ in also] if also else []
        near = self.told // NEAR
        while near:
            place = (near.bit_length() - 1) // len(STEPS)
            near &= (1 << place * len(STEPS)) - 1
            if self._rails[place].__name__ not in also:
                rails.append(self._rails[place])
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
    used, limit, unit, more = second, answer[2], answer[3], answer[4:]
    at_least = unit is MINIMUM
    if at_least:
        reason, unit, more = ENOUGH if limit <= used else BELOW, answer[4], answer[5:]
    else:
        reason = WITHIN if used <= limit else ABOVE
    if isinstance(unit, Decimal):  # a fraction of it
        used, limit, unit, more = ratio_up(used, unit), answer[4], "", answer[5:]
    if more:  # why it passes all the same
        reason = f"{reason}; {more[0]}"
    return Verdict(
        rail=rail, allowed=allowed, reason=reason, used=Decimal(used), limit=Decimal(limit), unit=unit,
        at_least=at_least,
    )  # fmt: skip


def _share(answer: Answer) -> Answer:
    """What is used, and of what."""
    _, used, limit, unit, *_ = answer
    return (limit, used) if unit is MINIMUM else (used, limit)


def described(request: Described) -> str:
    """The order in words; a malformed one is denied, and shown as it is."""
    try:
        return request.describe()
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return repr(request)[:200]
