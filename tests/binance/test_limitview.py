"""The table of limits: what the venue said, what we count, what is kept back, and until when it is closed."""

from __future__ import annotations

import pandas as pd

from quantlab.binance.budget import Budget, Cost, Priority
from quantlab.binance.limits import LimitUsage, RateLimit
from quantlab.binance.limitview import LimitRow, view_of

NOON_MS = 1_790_000_040_000  # a full minute
WEIGHT = RateLimit(kind="REQUEST_WEIGHT", window="1M", limit=6_000)


def test_what_is_used_in_flight_and_kept_back_stands_beside_the_limit() -> None:
    """The venue says 1,000, 250 more are on their way: each priority has its own rest."""
    budget = Budget()
    budget.learn([WEIGHT])
    budget.told(WEIGHT.kind, "1M", 1_000, sent_ms=NOON_MS, now_ms=NOON_MS + 20)
    budget.admit(Cost(weight=250), Priority.READ, NOON_MS + 30)

    (row,) = view_of(LimitUsage(), budget, NOON_MS + 40).rows

    assert row == LimitRow(
        kind=WEIGHT.kind, window="1M", used=1_000, limit=6_000, headroom=4_750, in_flight=250,
        for_reads=3_550, for_orders=4_150, for_cancels=4_570, for_halt=4_750,
        resets_ms=NOON_MS + 60_000, as_of_ms=NOON_MS + 20,
    )  # fmt: skip
    assert budget.admit(Cost(weight=row.for_reads or 0), Priority.READ, NOON_MS + 50) is None
    assert budget.admit(Cost(weight=1), Priority.READ, NOON_MS + 50) is not None


def test_looking_changes_nothing_and_a_window_that_has_ended_is_empty() -> None:
    """What is in flight stays; who looks is not the governor, which rolls its windows itself."""
    budget = Budget()
    budget.learn([WEIGHT])
    budget.told(WEIGHT.kind, "1M", 5_900, sent_ms=NOON_MS, now_ms=NOON_MS)
    (window,) = budget.windows
    (later,) = view_of(LimitUsage(), budget, NOON_MS + 60_000).rows

    assert (later.used, later.headroom, later.as_of_ms) == (0, 6_000, NOON_MS)
    assert (window.began_ms, window.told) == (NOON_MS, 5_900)


def test_a_ban_is_shown_until_it_ends() -> None:
    budget = Budget()
    budget.learn([WEIGHT])
    budget.close(NOON_MS + 120_000, "the venue answered HTTP 418")
    closed = view_of(LimitUsage(), budget, NOON_MS)
    over = view_of(LimitUsage(), budget, NOON_MS + 120_000)

    assert (closed.closed, closed.rows[0].closed_until_ms) == (
        "the venue answered HTTP 418",
        NOON_MS + 120_000,
    )
    assert "closed: the venue answered HTTP 418" in repr(closed)
    assert (over.closed, over.rows[0].closed_until_ms) == ("", None)


def test_what_the_venue_counts_without_having_told_a_limit_is_shown_too() -> None:
    """Before exchangeInfo there are headers alone; the frame has whole numbers, times, and gaps."""
    usage = LimitUsage().with_counts([("REQUEST_WEIGHT", "1M", 7)], NOON_MS)
    view = view_of(usage, Budget(), NOON_MS)
    table = view.frame()

    assert [(row.used, row.limit, row.for_reads) for row in view.rows] == [(7, None, None)]
    assert list(table.columns) == [name.removesuffix("_ms") for name in LimitRow.__struct_fields__]
    assert table["as_of"][0] == pd.Timestamp(NOON_MS, unit="ms", tz="UTC")
    assert (table["limit"].isna()[0], str(table["headroom"].dtype), table["used"][0]) == (True, "Int64", 7)
    assert repr(view_of(LimitUsage(), Budget(), NOON_MS)) == "the venue has told no limit yet"
