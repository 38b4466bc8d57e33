"""What the journal has of the last minutes fills the windows of the next session, and no more than that."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from railkit import limits, order

from quantlab.clock import ManualClock
from quantlab.domain.orders import ExecutionReport
from quantlab.engine.guards import TEMPO, Guards
from quantlab.trading.chain import Line
from quantlab.trading.kept import Kept
from quantlab.trading.lately import CELLS_MS
from quantlab.trading.pace import MINUTE_NS, Lasting, Tempo
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Rails
from quantlab.trading.recovery import recovered
from quantlab.trading.reruns import Cell

NOW_MS = 10_000_000_000
LIMITS = limits(
    max_repeats=3, repeat_window_ms=60_000, identical_window_ms=60_000, stops_before_cooldown=2,
    cooldown_ms=60_000,
)  # fmt: skip


def line(kind: str, age_ms: int, **data: Any) -> Line:
    return Line(
        seq=1, time_ms=NOW_MS - age_ms, mono_ns=0, kind=kind, level="L0 paper",
        data=msgspec.Raw(msgspec.json.encode(data)), prev="", mac="",
    )  # fmt: skip


def sent(age_ms: int, **more: Any) -> Line:
    return line("intent", age_ms, order=order(client_order_id=f"id-{age_ms}"), **more)


def after(*lines: Line) -> Tempo:
    """What the next session knows."""
    tempo = Tempo()
    recovered(lines).lately.restore(tempo, LIMITS, MINUTE_NS, NOW_MS)
    return tempo


def view(tempo: Tempo, cell: Cell | None = None) -> Any:
    return tempo.view(order(), LIMITS, MINUTE_NS, NOW_MS, budget_left=1, cell=cell)


def test_k7_each_kind_of_line_is_in_its_window_for_as_long_as_it_would_have_been() -> None:
    """K7: of each a young one and one that has left its window."""
    seen = view(
        after(
            sent(60_001), sent(59_000), line("amend", 1_001), line("amend", 900),
            line("cancel", 1_001, client_order_id="a"), line("cancel", 900, client_order_id="b"),
            line("cancel", 900, client_order_id=None),
            line("outcome", 60_001, client_order_id="a", event="LOST"),
            line("outcome", 900, client_order_id="a", event="REFUSED"),
            line("outcome", 900, client_order_id="b", event="ACK"),
            line("outcome", 900, client_order_id="c", event="NOT_SENT"),
        )
    )  # fmt: skip
    assert (seen.identical, seen.repeats) == (1, 1)
    assert (seen.amends, seen.cancels, seen.answers, seen.errors) == (1, 1, 3, 2)


def test_k7_a_lock_outlives_its_window_and_ends_with_the_resume(report: Any) -> None:
    """K7: three repeats lock; a RESUME after them has let go, one before them has not."""
    three = (sent(3_000), sent(2_000), sent(1_000))
    assert view(after(*three)).repeats == 3
    assert view(after(*three, line("halt.cleared", 500, reason="looked"))).repeats == 0
    assert view(after(line("halt.cleared", 9_000, reason="looked"), *three)).repeats == 3


def test_k7_stops_count_together_over_a_restart(report: Any) -> None:
    """K7: one before it, one after it; the symbol rests from the second on."""
    stopped = report("FILLED", "1", "1", type="STOP_LOSS")
    tempo = after(line("execution", 5_000, **msgspec.structs.asdict(stopped)))
    assert view(tempo).cooldown_ms == 0
    tempo.stopped("BTCUSDT", LIMITS, MINUTE_NS, NOW_MS)
    assert view(tempo).cooldown_ms == 60_000
    limit: ExecutionReport = msgspec.structs.replace(stopped, type="LIMIT")
    lines = [line("execution", 5_000, **msgspec.structs.asdict(each)) for each in (stopped, limit)]
    assert view(after(*lines)).cooldown_ms == 0
    assert view(after(*lines, lines[0])).cooldown_ms == 0  # told in two executions
    other = msgspec.structs.replace(stopped, client_order_id="b")
    lines.append(line("execution", 4_000, **msgspec.structs.asdict(other)))
    assert view(after(*lines)).cooldown_ms == 56_000


@pytest.mark.parametrize(("age_ms", "held"), [(CELLS_MS - 1, True), (CELLS_MS, False), (-5_000, True)])
def test_k7_a_cell_is_held_back_for_a_day(age_ms: int, *, held: bool) -> None:
    """K7: whatever its count of runs says now; a clock that was set back makes nothing old or new."""
    tempo = after(sent(age_ms, cell="c1"))
    for run in (1, 2):
        assert view(tempo, Cell("c1", run)).rerun_of == (f"id-{age_ms}" if held else "")
    assert view(tempo, Cell("c2", 1)).rerun_of == ""
    if held:
        assert view(tempo).identical == (age_ms < 0)


@pytest.mark.parametrize(
    ("event", "held"), [("ACK", True), ("LOST", True), ("REFUSED", False), ("NOT_SENT", False)]
)
def test_k7_what_came_to_nothing_may_be_sent_again(event: str, *, held: bool) -> None:
    """K7: as within a session; what nobody knows of may live."""
    tempo = after(sent(500, cell="c1"), line("outcome", 400, client_order_id="id-500", event=event))
    assert bool(view(tempo, Cell("c1", 1)).rerun_of) is held


def test_k7_a_lock_of_long_ago_is_kept_by_name(journal_at: Any) -> None:
    """K7: its orders have left every window; what was kept says so, and is kept on."""
    left = Lasting(locked=(("BTCUSDT", "BUY"),), resting={"BTCUSDT": NOW_MS * 1_000})
    cleared = line("halt.cleared", CELLS_MS, reason="looked")
    locked_and_cleared = (*(sent(CELLS_MS + each) for each in (2, 1, 0)), cleared)
    for name, lines in (("a", ()), ("b", locked_and_cleared)):
        journal = journal_at(name, thread=False)
        kept, lines_before = Kept(journal, {TEMPO: msgspec.to_builtins(left)}), journal.seq
        guards = Guards(Rails(LIMITS), Portfolio(), kept, recovered(lines).lately, ManualClock())
        assert journal.seq == lines_before  # nothing is news
        assert guards.tempo.lasting() == left
        assert kept.get(TEMPO, Lasting, Lasting()) == left
