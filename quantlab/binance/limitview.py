"""The venue's limits as a table: what it says of them, and what our own governor makes of that.

Pure, and only looks: asked from another thread than the governor's it may be one request old, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from quantlab.binance.budget import Budget, Priority, Window
from quantlab.binance.limits import LimitUsage
from quantlab.frames import frame

if TYPE_CHECKING:
    import pandas as pd


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One limit in the window that runs now.

    `used` is the venue's number or our own count, whichever is more, without what is `in_flight`;
    `headroom` what is left of `limit` by both. `for_reads`, `for_orders`, `for_cancels` and `for_halt` are
    what each of them may still use: the rest is kept back for the more urgent. `resets_ms` is when the
    window ends, `as_of_ms` when the venue last spoke of it (None: never yet), `closed_until_ms` until when
    nothing is sent at all (None: open); UTC milliseconds, the venue's time. Where the venue has not told a
    limit, only what it counts is known.
    """

    kind: str
    window: str
    used: int
    limit: int | None = None
    headroom: int | None = None
    in_flight: int = 0
    for_reads: int | None = None
    for_orders: int | None = None
    for_cancels: int | None = None
    for_halt: int | None = None
    resets_ms: int | None = None
    as_of_ms: int | None = None
    closed_until_ms: int | None = None


class LimitView(msgspec.Struct, frozen=True, kw_only=True):
    """Every limit as it stands at one moment. `closed` says why nothing is sent, and is empty otherwise."""

    rows: tuple[LimitRow, ...] = ()
    closed: str = ""

    def frame(self) -> pd.DataFrame:
        """One line per limit; the columns are the fields of `LimitRow`, times without `_ms` (UTC)."""
        names = LimitRow.__struct_fields__
        counts = [name for name in names if name == "limit" or name[:4] in ("head", "for_")]
        return frame(self.rows, columns=names, whole=counts)

    def __repr__(self) -> str:
        lines = [_line(row) for row in self.rows] or ["the venue has told no limit yet"]
        return "\n".join([*lines, *([f"closed: {self.closed}"] if self.closed else [])])


def view_of(usage: LimitUsage, budget: Budget, now_ms: int) -> LimitView:
    """What the venue said last (`usage`) and what the governor counts (`budget`) at `now_ms`."""
    closed_ms = budget.closed_until_ms if budget.closed_until_ms > now_ms else None
    rows = [_row(budget, window, now_ms, closed_ms) for window in budget.windows]
    known = {(row.kind, row.window) for row in rows}
    rows += [
        LimitRow(
            kind=said.kind, window=said.window, used=said.used, limit=said.limit, headroom=said.headroom,
            as_of_ms=said.as_of_ms, closed_until_ms=closed_ms,
        )
        for said in usage.rows
        if (said.kind, said.window) not in known
    ]  # fmt: skip
    return LimitView(rows=tuple(rows), closed=budget.why_closed if closed_ms is not None else "")


def _row(budget: Budget, window: Window, now_ms: int, closed_ms: int | None) -> LimitRow:
    """As it would be after `Window.roll`, which is the governor's to do."""
    began_ms = now_ms - now_ms % window.length_ms
    current = began_ms <= window.began_ms
    used = max(window.used, window.told) if current else 0
    spent = used + window.in_flight
    reads, orders, cancels, halt = (max(0, budget.allowed(window, each) - spent) for each in _ASCENDING)
    return LimitRow(
        kind=window.kind, window=window.name, used=used, limit=window.limit,
        headroom=window.limit - spent, in_flight=window.in_flight,
        for_reads=reads, for_orders=orders, for_cancels=cancels, for_halt=halt,
        resets_ms=began_ms + window.length_ms, as_of_ms=window.told_ms, closed_until_ms=closed_ms,
    )  # fmt: skip


_ASCENDING: Sequence[Priority] = (Priority.READ, Priority.ORDER, Priority.CANCEL, Priority.HALT)


def _line(row: LimitRow) -> str:
    most = "no limit told" if row.limit is None else f"{row.used} of {row.limit} used"
    flying = f", {row.in_flight} in flight" if row.in_flight else ""
    left = "" if row.for_reads is None else f"; left for reads {row.for_reads}, orders {row.for_orders}"
    return f"{row.kind} {row.window}: {most}{flying}{left}"
