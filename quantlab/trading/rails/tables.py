"""Decisions as frames: what was decided, what it used of which limit, and what it would be under others.

Money stays exact (`Decimal`); shares, which are for pictures and for sorting, are floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest, orders_of
from quantlab.domain.verdict import Verdict
from quantlab.frames import frame
from quantlab.trading.decision import Decision, described
from quantlab.trading.rails.catalogue import AT_LEAST, LIMITED
from quantlab.trading.rails.decided import Decided
from quantlab.trading.rails.whatif import Again

if TYPE_CHECKING:
    import pandas as pd

DECISIONS = (
    "time_ms", "number", "symbol", "order", "client_order_id", "allowed", "rail", "used", "limit",
    "headroom", "unit", "share", "breaches", "permit", "limits_version", "state_sequence",
)  # fmt: skip
SIDES = ("allowed", "rail", "used", "limit", "headroom", "unit")
REPLAYED = (
    "time_ms", "number", "symbol", "order", "client_order_id", "changed",
    *(f"{name}_{when}" for name in SIDES for when in ("before", "after")), "differing", "as_counted",
)  # fmt: skip
USAGE = ("time_ms", "number", "symbol", "allowed", "limit_name", "used", "limit", "at_least", "unit", "share")
KINDS = {
    "number": "int64", "limits_version": "int64", "state_sequence": "int64", "share": "float64",
    **dict.fromkeys(("allowed", "changed", "allowed_before", "allowed_after", "at_least"), "bool"),
}  # fmt: skip
NO_USE = frozenset(rail.__name__ for rail in AT_LEAST)  # more of it is better: nothing is used up
SHORT = 12  # digits of a digest, as a permit shows itself


def decisions_frame(decisions: Iterable[Decided]) -> pd.DataFrame:
    """One row per decision, by its time (UTC).

    `rail` has decided: the first that denied, else the one of whose limit the order used most; `used`,
    `limit`, `headroom`, `unit` and `share` (1.0 is all of it) are that rail's. `breaches` names every
    rail that denied. `permit` begins the digest that the journal's intent bears; none where denied.
    """
    return typed((_decided(each) for each in decisions), DECISIONS)


def replay_frame(again: Iterable[Again]) -> pd.DataFrame:
    """One row per decision: what it was, and what it would be.

    `changed`: the verdict is the other one. `differing` names the rails that answer otherwise;
    `as_counted` the limits that could not be changed for it (see `whatif`).
    """
    return typed((_replayed(each) for each in again), REPLAYED)


def usage_frame(decisions: Iterable[Decided]) -> pd.DataFrame:
    """What each decided order used of each limit: a row per decision and limit, by the decision's time.

    `at_least`: the limit is the least that there must be, and `used` what there was.
    """
    rows = (
        {
            "time_ms": each.time_ms, "number": each.number, "symbol": each.request.symbol,
            "allowed": each.allowed, "limit_name": LIMITED[verdict.rail], "used": verdict.used,
            "limit": verdict.limit, "at_least": verdict.at_least, "unit": verdict.unit,
            "share": share_of(verdict),
        }
        for each in decisions
        for verdict in each.decision.verdicts
        if verdict.rail in LIMITED and verdict.used is not None and verdict.limit is not None
    )  # fmt: skip
    return typed(rows, USAGE)


def typed(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """A frame by time, each column of its own kind also where there is no row."""
    table = frame(rows, columns=columns, index="time")
    return table.astype({name: kind for name, kind in KINDS.items() if name in table})


def deciding(decision: Decision) -> Verdict | None:
    """The first verdict that denies; where none does, the one of whose limit the order uses most."""
    shares = []
    for verdict in decision.verdicts:
        if not verdict.allowed:
            return verdict
        share = share_of(verdict)
        if share is not None and verdict.rail not in NO_USE:
            shares.append((share, verdict))
    return max(shares, key=lambda pair: pair[0], default=(0.0, None))[1]


def share_of(verdict: Verdict) -> float | None:
    """How much of the limit is used, 1.0 being all of it; None where there is no amount.

    Of a minimum: what part of what there is the least takes up, so that it is as bad to be above 1.0.
    """
    if verdict.share is None:
        return None
    part, whole = verdict.share
    if whole <= 0:
        return float("inf") if part > 0 else 0.0
    return float(part) / float(whole)


def answer(decision: Decision) -> dict[str, Any]:
    """The deciding rail's answer, by column."""
    found = deciding(decision)
    cells: dict[str, Any] = dict.fromkeys(SIDES, None) | {"allowed": decision.allowed, "rail": "", "unit": ""}
    if found is not None:
        cells |= {
            "rail": found.rail, "used": found.used, "limit": found.limit, "headroom": found.headroom,
            "unit": found.unit,
        }  # fmt: skip
    return cells


def _named(each: Decided) -> dict[str, Any]:
    return {
        "time_ms": each.time_ms, "number": each.number, "symbol": each.request.symbol,
        "order": described(each.request), "client_order_id": _client_order_id(each.request),
    }  # fmt: skip


def _decided(each: Decided) -> dict[str, Any]:
    decision = each.decision
    found = deciding(decision)
    return _named(each) | answer(decision) | {
        "share": None if found is None else share_of(found),
        "breaches": ", ".join(breach.rail for breach in decision.breaches),
        "permit": each.request.digest()[:SHORT] if decision.allowed else "",
        "limits_version": each.limits.version, "state_sequence": each.state_sequence,
    }  # fmt: skip


def _replayed(again: Again) -> dict[str, Any]:
    before, after = answer(again.before), answer(again.after)
    return _named(again.decided) | {
        "changed": again.changed,
        **{f"{name}_before": value for name, value in before.items()},
        **{f"{name}_after": value for name, value in after.items()},
        "differing": ", ".join(again.differing), "as_counted": ", ".join(again.as_counted),
    }  # fmt: skip


def _client_order_id(request: AnyRequest) -> str:
    """Of a list its own, of an amendment that of the order it amends."""
    if isinstance(request, OrderListRequest):
        return request.list_client_order_id
    if isinstance(request, AmendRequest):
        return request.client_order_id
    return orders_of(request)[0].client_order_id
