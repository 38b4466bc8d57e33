"""The budget of second attempts: never more than it says, and a pause that nobody can predict."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.binance.client import BinanceClient
from quantlab.binance.retries import FIRST_S, LONGEST_S, Retries, pause_s
from quantlab.errors import VenueUnavailable

asked = st.lists(st.floats(0, 3), min_size=5, max_size=120)  # seconds between one wish and the next


@given(waits=asked)
def test_no_stretch_of_time_has_more_attempts_than_the_budget_allows(waits: list[float]) -> None:
    """Between any two of them: the burst, and what has grown meanwhile."""
    budget, now_s, taken = Retries(burst=3, per_s=0.5), 100.0, []
    for wait in waits:
        now_s += wait
        if budget.take(now_s):
            taken.append(now_s)

    for first, began in enumerate(taken):
        for more, ended in enumerate(taken[first:], start=1):
            assert more <= 3 + (ended - began) * 0.5 + 1e-6
    assert len(taken) >= 3, "the budget is no wall"


def test_the_budget_is_met_in_a_burst_and_grows_again() -> None:
    budget = Retries(burst=2, per_s=1)
    assert [budget.take(at_s) for at_s in (10.0, 10.0, 10.0, 10.5, 11.0, 11.0)] == [
        True, True, False, False, True, False,
    ]  # fmt: skip
    assert budget.take(5.0) is False  # a clock that goes back gives nothing


def test_pauses_are_full_jitter_doubling_up_to_the_longest() -> None:
    """From nothing to the bound: who failed together does not come back together."""
    bounds = [pause_s(attempt, lambda low, high: (low, high)) for attempt in range(1, 8)]  # type: ignore[arg-type,return-value]
    assert bounds == [(0.0, min(LONGEST_S, FIRST_S * 2**each)) for each in range(7)]


async def test_a_venue_in_trouble_is_not_asked_three_times_as_often(
    stub: Any, connect: Any, play: SimpleNamespace
) -> None:
    """Sixty reads of a venue that answers 503: sixty requests, and no more than the budget on top."""
    client: BinanceClient = connect(stub.base)
    client._retries = Retries(burst=5, per_s=0)
    stub.answer = play.reply(b"", 503)
    for _ in range(60):
        with pytest.raises(VenueUnavailable) as failed:
            await client.ticker_price("BTCUSDT")
    assert len(stub.requests) == 65
    assert (failed.value.status, failed.value.method) == (503, "GET /api/v3/ticker/price")
