"""One function made of others decides as they do, where their source sets its traps."""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from quantlab.trading.rails.fusing import Fuser
from quantlab.trading.rails.sources import Code, GiveUp, NotUnderstood, Scope, Whole, name_of

NOTHING = "nothing"


class Seen:
    """What the functions below read: `late` is left out of small ones, `even` of odd ones."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.taken = self._take(number)

    def _take(self, number: int) -> bool:
        if number % 2 == 0:
            self.even = number
        if number < 5:
            return False
        self.late = number
        return True

    def half(self) -> int:
        if self.number > 6:
            return 3
        return self.number // 2


def early_return(seen: Seen) -> object:
    return seen.late


def one_branch(seen: Seen) -> object:
    return seen.even


def changed_after(seen: Seen) -> object:
    low = seen.number
    if seen.number > 3:
        low = 3
    before = low
    if seen.number > 5:
        low = 5
    return before * 10 + low


def several_ways_out(seen: Seen) -> object:
    if seen.number > 7:
        return 1
    if seen.number > 4 and seen.half() > 2:
        return 2
    number = seen.number or 9
    number += 1
    if not (number > 2 or seen.number == 0):
        return 3
    left, right = (number, 1) if number > 3 else (1, number)
    return max(left, right, 2) * 100 + seen.half()


FUNCTIONS = [early_return, one_branch, changed_after, several_ways_out]


def fused(function: Callable[[Seen], object]) -> Callable[[int], object]:
    fuser = Fuser(__name__, {}, ast.parse(f"def _():\n return {NOTHING!r}").body[0].body[0])  # type: ignore[attr-defined]
    seen = Whole("seen", {}, Seen)

    def returned(node: ast.expr, scope: Scope) -> None:
        fuser.body.append(ast.Return(value=fuser.node(fuser.value(node, scope))))

    fuser.write(Seen.__init__, [seen, Code(name_of("number"), given=True)], returned)  # type: ignore[arg-type]
    fuser.write(function, [seen], returned)  # type: ignore[arg-type]
    module = ast.parse("def made(number): pass")
    module.body[0].body = fuser.body  # type: ignore[attr-defined]
    exec(compile(ast.fix_missing_locations(module), "made", "exec"), fuser.space)
    made: Callable[[int], object] = fuser.space["made"]
    return made


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except (AttributeError, UnboundLocalError):
        return NOTHING


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_a_fused_function_gives_what_the_function_gives(function: Callable[[Seen], object]) -> None:
    """Also nothing, where it reads what was left out."""
    made = fused(function)
    answers = [outcome(lambda number=number: made(number)) for number in range(12)]
    assert answers == [outcome(lambda number=number: function(Seen(number))) for number in range(12)]
    assert len(set(answers)) > 1


def half_or_less(seen: Seen) -> object:
    return 1 if seen.number < 3 or seen.half() == 3 else 2


def test_it_gives_up_where_only_a_part_of_a_condition_would_tell() -> None:
    """A call that may not be needed is not made; where it is, nobody guesses."""
    made = fused(half_or_less)
    assert [made(number) for number in range(3)] == [1, 1, 1]
    with pytest.raises(GiveUp):
        made(7)


def a_loop(seen: Seen) -> object:
    while seen.number:
        return 1
    return 2


def a_swap(seen: Seen) -> object:
    left, right = seen.number, 1
    left, right = right, left
    return left


def keywords(seen: Seen) -> object:
    return max(seen.number, 1, key=abs)


@pytest.mark.parametrize("function", [a_loop, a_swap, keywords], ids=lambda each: each.__name__)
def test_what_it_does_not_understand_it_does_not_write(function: Any) -> None:
    with pytest.raises(NotUnderstood):
        fused(function)


def test_a_function_without_source_is_not_understood() -> None:
    space: dict[str, Any] = {"__name__": __name__, "Decimal": Decimal}
    exec("def made(seen):\n    return 1", space)
    with pytest.raises(NotUnderstood):
        fused(space["made"])
