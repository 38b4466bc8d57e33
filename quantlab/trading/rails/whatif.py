"""What another limit set would have done: the decisions kept, taken again under other limits. Pure, exact.

Each decision is judged on the state that it met then. What would have become of the account had earlier
orders been denied is another question, and is not answered here. Some limits say over what time things
were counted (`WINDOWS`); a count that was not made then cannot be made later, so these stay each
decision's own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from quantlab.domain.decimals import exact
from quantlab.domain.limits import NO_NUMBERS, Limits
from quantlab.errors import InvalidField
from quantlab.trading.decision import Decision
from quantlab.trading.rails.decided import Decided

WINDOWS = ("identical_window_ms", "repeat_window_ms", "stops_before_cooldown", "cooldown_ms")
SETTABLE = {each.name: each for each in msgspec.structs.fields(Limits) if each.name != "version"}


class Again(NamedTuple):
    """One decision, and what it is under other limits.

    `as_counted` names the limits of `WINDOWS` in which the other set differs: they stayed as they were.
    """

    decided: Decided
    before: Decision
    after: Decision
    as_counted: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Denied what was allowed, or allowed what was denied."""
        return self.before.allowed is not self.after.allowed

    @property
    def differing(self) -> tuple[str, ...]:
        """The rails that answer otherwise, whether or not another one denied as well."""
        pairs = zip(self.before.verdicts, self.after.verdicts, strict=True)
        return tuple(new.rail for old, new in pairs if old.allowed is not new.allowed)


class OtherLimits:
    """The limits that a decision is taken again under.

    Args:
        limits: The whole other set. None: each decision's own.
        changes: Limits by name that differ from that.

    Attributes:
        changes: These, each as `Limits` has it.

    Raises:
        InvalidField: There is no limit of a name, it is of `WINDOWS`, or its value is none for it.
    """

    def __init__(self, limits: Limits | None = None, changes: Mapping[str, object] | None = None) -> None:
        self._limits = limits
        self.changes = {name: limit_of(name, value) for name, value in (changes or {}).items()}
        msgspec.structs.replace(limits or Limits(), **self.changes)  # refused before the first decision
        self._made: dict[int, tuple[Limits, Limits, tuple[str, ...]]] = {}

    def instead_of(self, own: Limits) -> tuple[Limits, tuple[str, ...]]:
        """What takes the place of a decision's own limits, and which of `WINDOWS` it could not change."""
        known = self._made.get(id(own))
        if known is None:  # `own` is kept with the answer, so that its id stays its own
            known = self._made[id(own)] = (own, *self._other(own))
        return known[1:]

    def _other(self, own: Limits) -> tuple[Limits, tuple[str, ...]]:
        other = own if self._limits is None else self._limits
        as_counted = tuple(name for name in WINDOWS if getattr(own, name) != getattr(other, name))
        return (msgspec.structs.replace(other, **self.changes) if self.changes else other), as_counted


def taken_again(decisions: Iterable[Decided], others: OtherLimits) -> Iterator[Again]:
    """Each of `decisions` with what it was and what it is under the others."""
    for each in decisions:
        limits, as_counted = others.instead_of(each.limits)
        before = each.decision
        after = before if limits is each.limits else each.under(limits)
        yield Again(each, before, after, as_counted)


def limit_of(name: str, value: object) -> Any:
    """`value` as the limit `name` has it: exact numbers from Decimal, int or plain text, as everywhere.

    Raises:
        InvalidField: By that name.
    """
    field = SETTABLE.get(name)
    if field is None:
        close = difflib.get_close_matches(name, SETTABLE, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"there are {', '.join(SETTABLE)}"
        raise InvalidField(name, "there is no limit of that name", remedy)
    if name in WINDOWS:
        raise InvalidField(
            name, "what was counted then was counted with its own",
            "change the number that the count is held against",
        )  # fmt: skip
    if name in NO_NUMBERS:
        try:
            return msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            raise InvalidField(name, str(error), "see the README, Rails") from None
    if value is None:
        return None  # `Limits` says where one cannot be switched off
    number = exact(value, name)
    if type(field.default) is not int:
        return number
    if number != int(number):
        raise InvalidField(name, f"{value!s:.40} is no whole number", "give a whole number")
    return int(number)


def require_limits(value: object) -> tuple[Limits | None, dict[str, object]]:
    """What somebody gives as `limits`: a whole set, or a mapping of those that differ, or nothing.

    Raises:
        InvalidField: It is neither.
    """
    if value is None or isinstance(value, Limits):
        return value, {}
    if isinstance(value, Mapping):
        return None, {str(name): each for name, each in value.items()}
    raise InvalidField(
        "limits", f"a {type(value).__name__} is no set of limits",
        'give Limits, or those that differ by name: {"max_position": "50000"}',
    )  # fmt: skip
