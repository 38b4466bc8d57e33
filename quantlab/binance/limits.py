"""What the venue says we have spent: request weight and order counts, per window.

Pure: headers in, a frozen snapshot out. It only repeats the venue's own numbers and never
counts by itself; a limit is None until `exchange_info` has told it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from quantlab.frames import frame

if TYPE_CHECKING:
    import pandas as pd

HEADER = re.compile(r"x-mbx-(used-weight|order-count)-(\d{1,4})([smhd])", re.ASCII | re.IGNORECASE)
KINDS = {"used-weight": "REQUEST_WEIGHT", "order-count": "ORDERS"}
COLUMNS = ("kind", "window", "used", "limit", "as_of_ms")


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of the venue: at most `limit` of `kind` in each `window` ("1M" is one minute).

    Windows are fixed and aligned to the wall clock: S second, M minute, H hour, D day.

    Source: Binance spot REST API, "Exchange information", `rateLimits`.
    """

    kind: str
    window: str
    limit: int


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used of one limit, as the venue last said at `as_of_ms` (venue time, UTC ms)."""

    kind: str
    window: str
    used: int
    limit: int | None
    as_of_ms: int

    @property
    def headroom(self) -> int | None:
        return None if self.limit is None else self.limit - self.used


class LimitUsage(msgspec.Struct, frozen=True, kw_only=True):
    """All the limits that the venue has spoken of. Each change makes a new snapshot."""

    rows: tuple[Usage, ...] = ()
    limits: tuple[RateLimit, ...] = ()

    def used(self, kind: str, window: str) -> int | None:
        """How much of one limit is used, or None where the venue has not said."""
        return next((row.used for row in self.rows if (row.kind, row.window) == (kind, window)), None)

    def share(self, kind: str, window: str) -> float:
        """How much of one limit is used, from 0 to 1; 0 where the venue has not said."""
        row = next((row for row in self.rows if (row.kind, row.window) == (kind, window)), None)
        return row.used / row.limit if row is not None and row.limit else 0.0

    def with_counts(self, counts: Iterable[tuple[str, str, int]], as_of_ms: int) -> LimitUsage:
        """This snapshot after one reply's counts: kind, window and what is used of it."""
        rows = {(row.kind, row.window): row for row in self.rows}
        for kind, window, used in counts:
            rows[kind, window] = Usage(
                kind=kind, window=window, used=used, limit=self._limit(kind, window), as_of_ms=as_of_ms
            )
        return LimitUsage(rows=tuple(rows.values()), limits=self.limits)

    def frame(self) -> pd.DataFrame:
        """One line per limit: kind, window, used, limit, as_of (UTC)."""
        return frame(self.rows, columns=COLUMNS, whole=("limit",))

    def _limit(self, kind: str, window: str) -> int | None:
        return next((each.limit for each in self.limits if (each.kind, each.window) == (kind, window)), None)


def counts_in(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Kind, window and what is used of it, out of one reply's headers; others are ignored.

    Source: Binance spot REST API, "IP Limits" and "Unfilled Order Count".
    """
    counts = []
    for name, text in headers:
        found = HEADER.fullmatch(name)
        if found is not None and text.isdecimal():
            counts.append((KINDS[found[1].lower()], found[2] + found[3].upper(), int(text)))
    return counts
