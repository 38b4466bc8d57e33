"""The subscriptions as a table: where each stands, what it lost, how long its events wait."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quantlab.bus.mailbox import Mailbox
from quantlab.bus.subscription import Subscription
from quantlab.frames import frame

if TYPE_CHECKING:
    import pandas as pd

LAGS = ("lag_p50_ms", "lag_p99_ms")
COLUMNS = (
    "subscription", "cell", "pattern", "lane", "state", "depth", *LAGS,
    *Mailbox.COUNTERS, "overflow", "capacity",
)  # fmt: skip


def frame_of(subscriptions: Sequence[Subscription]) -> pd.DataFrame:
    """One row for each, oldest first. A lag that was not measured is NaN, never 0."""
    return frame([_row(each) for each in subscriptions], columns=COLUMNS, durations=LAGS)


def _row(each: Subscription) -> dict[str, Any]:
    lags = sorted(each.lags or ())
    return {
        "subscription": each.name,
        "cell": each.owner,
        "pattern": each.pattern,
        "lane": each.lane,
        "state": each.state,
        "depth": each.depth,
        "lag_p50_ms": _quantile(lags, 0.50),
        "lag_p99_ms": _quantile(lags, 0.99),
        "overflow": each.overflow.value,
        "capacity": each.capacity,
        **{name: getattr(each, name) for name in Mailbox.COUNTERS},
    }


def _quantile(lags: Sequence[float], share: float) -> float | None:
    """The smallest lag that at least `share` of all do not exceed, in milliseconds."""
    if not lags:
        return None
    return round(lags[max(0, math.ceil(share * len(lags)) - 1)] * 1e3, 3)
