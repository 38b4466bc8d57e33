"""What earlier runs of a cell have sent, and the one step by which it may send it once more."""

from __future__ import annotations

import pytest

from quantlab.trading import reruns
from quantlab.trading.reruns import CELL, Cell, Reruns, outside_cells


def test_to_allow_is_for_the_cell_that_was_held_back_last_and_for_one_run() -> None:
    """Another cell stays guarded, and so does the next run after the one that was meant."""
    known = Reruns()
    for cell in ("a", "b"):
        known.sent(Cell(cell, 1), "an order", f"{cell}-1")
        known.sent(Cell(cell, 1), "a second", f"{cell}-2")
    known.held(Cell("b", 2))
    known.held(Cell("a", 2))
    known.held(None)

    assert known.allow() == 1
    assert known.earlier(Cell("a", 3), "an order") == known.earlier(Cell("a", 3), "a second") == ""
    assert known.earlier(Cell("b", 3), "an order") == "b-1"
    assert known.allow() == 0

    known.sent(Cell("a", 3), "an order", "a-3")
    assert known.earlier(Cell("a", 4), "an order") == "a-3"


def test_every_cell_may_run_again_where_all_of_them_are_meant() -> None:
    known = Reruns()
    for cell in ("a", "b"):
        known.sent(Cell(cell, 1), "an order", f"{cell}-1")

    assert known.allow(every=True) == 2
    assert [known.earlier(Cell(cell, 2), "an order") for cell in ("a", "b")] == ["", ""]


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reruns, "MOST", 2)
    known = Reruns()
    for number in range(3):
        known.sent(Cell("a", 1), str(number), f"id-{number}")

    assert [known.earlier(Cell("a", 2), str(number)) for number in range(3)] == ["", "id-1", "id-2"]


def test_what_answers_to_events_belongs_to_no_cell() -> None:
    """Yet its prints still go where they went: only the cell is left out of the context."""
    token = CELL.set(Cell("a", 1))
    try:
        assert outside_cells().run(CELL.get) is None
        assert CELL.get() == Cell("a", 1)
    finally:
        CELL.reset(token)
