"""Sweeps: one limit after another over all past decisions, or one size after another of one order. Pure.

A sweep is a generator: it says how far it is after each decision, and its value is the frame. So whoever
runs it decides how long it may keep the loop.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from quantlab.domain.limits import Limits
from quantlab.errors import InvalidField
from quantlab.frames import frame
from quantlab.trading.rails.catalogue import LIMITED
from quantlab.trading.rails.decided import Decided
from quantlab.trading.rails.judging import judge
from quantlab.trading.rails.tables import answer, share_of
from quantlab.trading.rails.whatif import OtherLimits
from quantlab.trading.together import Part

if TYPE_CHECKING:
    import pandas as pd

MOST = 1_000_000  # decisions taken again: about a minute of work, in slices
SWEPT = ("decisions", "allowed", "denied", "newly_denied", "newly_allowed", "denied_by")
SIZED = ("quantity", "allowed", "rail", "used", "limit", "headroom", "unit", "breaches")


class Step(NamedTuple):
    """How far a sweep is: `done` of `total` decisions."""

    done: int
    total: int


Sweep: TypeAlias = "Generator[Step, None, pd.DataFrame]"


def sweep_limits(
    decisions: Sequence[Decided], values: Mapping[str, Iterable[object]], limits: Limits | None = None
) -> Sweep:
    """All of `decisions` under every combination of `values`, each the values of one limit.

    The frame has a row per combination, indexed by the limits: how many decisions there are, how many
    would be `allowed` and `denied`, how many of them are `newly_denied` and `newly_allowed` against what
    they were, and `denied_by`: the rails that would decide, and how often.

    Args:
        decisions: Those to take again.
        values: By the limit's name; see `whatif.limit_of` for what is a value.
        limits: The set in which these differ. None: each decision's own.

    Raises:
        InvalidField: Of a limit or a value of it, or there is nothing to sweep, or far too much.
    """
    lists = {name: _several(name, given) for name, given in values.items()}
    if not lists:
        raise InvalidField("values", "there is no limit to sweep", "give one: max_position=[1000, 2000]")
    count = math.prod(map(len, lists.values()))
    if count * max(len(decisions), 1) > MOST:
        asked = f"they make {count:,} sets of limits for {len(decisions):,} decisions"
        raise InvalidField("values", asked, f"stay below {MOST:,} in all")
    for name, given in lists.items():
        for value in given:
            OtherLimits(limits, {name: value})
    return _limits_swept(decisions, lists, limits)


def _limits_swept(
    decisions: Sequence[Decided], lists: Mapping[str, Sequence[object]], limits: Limits | None
) -> Sweep:
    combinations = tuple(itertools.product(*lists.values()))
    total, done, rows = len(combinations) * len(decisions), itertools.count(1), []
    for values in combinations:
        other = OtherLimits(limits, dict(zip(lists, values, strict=True)))
        counts, denied_by = Counter[str](), Counter[str]()
        for each in decisions:
            decision = each.under(other.instead_of(each.limits)[0])
            if decision.allowed:
                counts["allowed"] += 1
                counts["newly_allowed"] += not each.allowed
            else:
                counts["newly_denied"] += each.allowed
                denied_by[answer(decision)["rail"]] += 1
            yield Step(next(done), total)
        words = ", ".join(f"{rail} {count}" for rail, count in denied_by.most_common())
        found = {"decisions": len(decisions), "denied": denied_by.total(), "denied_by": words}
        rows.append(dict.fromkeys(SWEPT, 0) | counts | other.changes | found)
    table = frame(rows, columns=(*lists, *SWEPT))
    return table.set_index(list(lists) if len(lists) > 1 else next(iter(lists)))


def sweep_sizes(asked: Sequence[Part], limits: Limits) -> Sweep:
    """One order in one size after another, each judged as it would be now.

    The frame has a row per size, indexed by the quantity: the answer, the rail that decides and what is
    used of its limit, and a column for each limit that the order uses something of: the share (float,
    1.0 is all of it).
    """
    rows, shares = list[dict[str, Any]](), list[dict[str, float]]()
    for number, part in enumerate(asked, 1):
        decision = judge(part.order, (part,), limits)
        breaches = ", ".join(each.rail for each in decision.breaches)
        rows.append({"quantity": part.order.quantity, **answer(decision), "breaches": breaches})
        shares.append({
            LIMITED[each.rail]: share
            for each in decision.verdicts
            if each.rail in LIMITED and (share := share_of(each)) is not None
        })  # fmt: skip
        yield Step(number, len(asked))
    names = [name for name in LIMITED.values() if any(each.get(name) for each in shares)]
    table = frame(rows, columns=SIZED, index="quantity").astype({"allowed": bool})
    for name in names:
        table[name] = [each.get(name, float("nan")) for each in shares]
    return table


def _several(name: str, given: object) -> tuple[object, ...]:
    """The values of one limit; text is one value and no list of letters."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidField(name, "it is one value", f"give several: {name}=[1000, 2000]")
    values = tuple(itertools.islice(given, MOST))
    if not values:
        raise InvalidField(name, "it has no value", f"give some: {name}=[1000, 2000]")
    return values
