"""What was decided is kept, bounded, and can be taken again to the last word."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from railkit import FRESH, LIMITS, limits, order, seen

from quantlab.trading.decision import Decision
from quantlab.trading.rails import Rails
from quantlab.trading.rails.record import Decisions
from quantlab.trading.together import Part

D = Decimal


def decided(rails: Rails, *quantities: str, **more: Any) -> list[Decision]:
    """One decision for each quantity, numbered as the state."""
    return [
        rails.decide(order(each), seen(**more), now_ns=1, state_sequence=number)[0]
        for number, each in enumerate(quantities, 1)
    ]


def test_each_decision_is_kept_with_what_it_was_taken_on_and_taken_again_to_the_last_word() -> None:
    """Also after the limits have changed: it is taken under its own."""
    rails = Rails(LIMITS)
    first = decided(rails, "1", "1.7")
    rails.limits = limits(max_order_notional=D(1))
    second = decided(rails, "1")

    assert [each.decision for each in rails.decisions] == [*first, *second]
    assert [each.allowed for each in rails.decisions] == [True, False, False]
    assert [each.limits.version for each in rails.decisions] == [1, 1, 2]
    assert [each.number for each in rails.decisions] == [1, 2, 3]


def test_an_explanation_is_no_decision() -> None:
    rails = Rails(LIMITS)
    rails.explain(order(), FRESH)

    assert (len(rails.decisions), rails.decisions.last) == (0, None)


def test_only_the_newest_are_kept_and_those_let_go_are_counted() -> None:
    """A number stays that of its decision."""
    kept = Decisions(most=2)
    for number in range(1, 6):
        kept.note(order(str(number)), (Part(order(str(number)), FRESH),), LIMITS, number, True)

    assert (len(kept), kept.taken, kept.forgotten) == (2, 5, 3)
    assert [each.parts[0].order.quantity for each in kept] == [D(4), D(5)]
    assert kept[4].parts[0].order.quantity == D(4)
    for gone in (0, 3, 6, -1):
        with pytest.raises(KeyError):
            kept[gone]
