"""Every mistake that is planted in a rail is found by the cases of these tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mutants import mutants
from railkit import FRESH, LIMITS
from test_rails import AT_THE_LIMIT, BEYOND_IT, BOUNDS, MORE, WITH, consistent

from quantlab.trading.rails import RAILS, Rail
from quantlab.trading.rails.deciding import decide

LEAST = 3  # planted mistakes in each rail


def cases(rail: Rail) -> Iterator[tuple[Any, Any, Any, bool]]:
    """Request, exposure, limits, and whether the rail lets it pass."""
    name = rail.__name__
    for other in AT_THE_LIMIT:
        yield *AT_THE_LIMIT[other], WITH.get(other, (LIMITS, LIMITS))[0], True
    for other, (request, exposure) in BEYOND_IT.items():
        yield request, exposure, WITH.get(other, (LIMITS, LIMITS))[1], other != name
    for other, last, beyond, exposure in BOUNDS:
        if other == name:
            yield last, exposure, LIMITS, True
            yield beyond, exposure, LIMITS, False
    for other, request, exposure, within, allowed in MORE:
        if other == name:
            yield request, exposure, within, allowed


def survives(rail: Rail, mutant: Rail) -> bool:
    """No case has another answer."""
    return all(
        decision.allowed is allowed and consistent(decision.verdicts[0])
        for request, exposure, within, allowed in cases(rail)
        for decision in (decide(request, exposure, within, (mutant,)),)
    )


@pytest.mark.parametrize("rail", RAILS, ids=lambda rail: rail.__name__)
def test_every_planted_mistake_is_found(rail: Rail) -> None:
    """At least three in each rail; the rail itself passes all the cases."""
    assert survives(rail, rail)
    planted = list(mutants(rail))
    assert len(planted) >= LEAST
    alive = [words for words, mutant in planted if survives(rail, mutant)]
    print(f"{rail.__name__}: {len(planted) - len(alive)} of {len(planted)} found")
    assert [each for each in alive if each not in EQUIVALENT] == []


EQUIVALENT = {
    # at the boundary both ways give the same: the same number from either side
    "max_quantity: line 8: Lt to LtE", "min_quantity: line 6: Gt to GtE", "price_collar: line 11: Lt to LtE",
    "price_age: line 9: GtE to Gt", "price_age: line 9: 0 to 1",
    # at the limit itself the next line allows it too; only the words differ
    "max_gross_exposure: line 12: Gt to GtE", "max_net_exposure: line 9: Gt to GtE",
    "equity_floor: line 7: Gt to GtE", "daily_loss: line 7: Gt to GtE", "drawdown: line 11: Gt to GtE",
    "percent_price: line 12: Lt to LtE",
    # what is missed here denies as UNKNOWN_... a line later, or when the order is read
    "venue_health: line 8: to And", "order_shape: line 6: to And", "order_shape: line 7: False to True",
    "spread: line 4: to And", "drawdown: line 7: to And",
    # a reference is above zero, or it is none; the sign of a step changes no remainder
    "price_age: line 10: Gt to GtE", "quantity_grid: line 5: 0 to 1",
}  # fmt: skip
"""Changes that no decision shows, each for the reason above it."""


def test_the_cases_are_those_of_a_fresh_account() -> None:
    """So that one case differs from another only in what it says."""
    assert decide(AT_THE_LIMIT["order_shape"][0], FRESH, LIMITS).allowed
