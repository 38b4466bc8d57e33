"""What was done lately: windows that forget, locks that do not, and cells that run again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from railkit import LIMITS, but, limits, order

from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, Side
from quantlab.trading.exposure import Pace
from quantlab.trading.pace import MINUTE_NS, MS_NS, SECOND_NS, Lasting, Tempo
from quantlab.trading.reruns import Cell

SELL = order(side=Side.SELL)


def send(
    tempo: Tempo,
    now_ns: int,
    request: OrderRequest | None = None,
    cell: Cell | None = None,
    within: Limits = LIMITS,
) -> None:
    tempo.sent(request or order(), within, now_ns, client_order_id=f"id-{now_ns}", cell=cell)


def view(
    tempo: Tempo,
    now_ns: int,
    request: OrderRequest | None = None,
    cell: Cell | None = None,
    within: Limits = LIMITS,
) -> Pace:
    return tempo.view(request or order(), within, now_ns, now_ns // MS_NS, budget_left=1, cell=cell)


def test_orders_amends_cancels_and_answers_leave_their_windows() -> None:
    """A second for messages, a minute for answers; what is as old as the window is out of it."""
    tempo = Tempo()
    send(tempo, 0)
    tempo.amended(0)
    assert tempo.cancelled(0, 5) == 0
    tempo.answered(0, error=True)
    tempo.answered(1, error=False)
    inside, outside = view(tempo, SECOND_NS - 1), view(tempo, SECOND_NS)
    assert (inside.amends, inside.cancels) == (1, 1)
    assert (outside.amends, outside.cancels, tempo.orders_last_second(SECOND_NS)) == (0, 0, 0)
    assert (inside.answers, inside.errors) == (2, 1)
    late = view(tempo, MINUTE_NS)
    assert (late.answers, late.errors) == (1, 0)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_cancels_beyond_the_limit_take_turns_and_none_is_lost(most: int) -> None:
    """No window of a second holds more than the limit, in the order asked; a limit of none is one."""
    tempo, asked = Tempo(), [0, 0, 0, 1, 2, SECOND_NS // 2, 2 * SECOND_NS, 20 * SECOND_NS]
    sent = [now_ns + tempo.cancelled(now_ns, most) for now_ns in asked]

    assert sent == sorted(sent)
    assert all(sent[i + max(most, 1)] - sent[i] >= SECOND_NS for i in range(len(sent) - max(most, 1)))
    assert (sent[0], sent[-1]) == (0, 20 * SECOND_NS)  # who comes late does not wait
    assert sent != asked


def test_equal_orders_are_counted_whatever_they_are_called() -> None:
    """Within the limit's window; another price, side or quantity is another order."""
    tempo, within = Tempo(), limits(identical_window_ms=500)
    send(tempo, 0, within=within)
    send(tempo, 1, order(client_order_id="b"), within=within)
    assert view(tempo, 2, within=within).identical == 2
    for other in (SELL, order("2"), order(price="60001")):
        assert view(tempo, 2, other, within=within).identical == 0
    assert view(tempo, 500 * MS_NS, within=within).identical == 1
    assert view(tempo, 500 * MS_NS + 1, within=within).identical == 0


def test_repetition_locks_until_somebody_arms_again() -> None:
    """Waiting does not help; the other side is free; a restart keeps the lock."""
    kept: list[Lasting] = []
    tempo, within = Tempo(kept.append), limits(max_repeats=3, repeat_window_ms=1_000)
    for number in range(3):
        send(tempo, number, within=within)
    assert kept == [Lasting(locked=(("BTCUSDT", "BUY"),))]
    for now_ns in (4, 10 * SECOND_NS, 1_000 * SECOND_NS):
        assert view(tempo, now_ns, within=within).repeats == 3
        assert view(tempo, now_ns, SELL, within=within).repeats == 0
    later = Tempo()
    later.restore(kept[-1])
    assert view(later, 5, within=within).repeats == 3
    assert later.rearm() == 1
    assert view(later, 5, within=within).repeats == 0
    assert tempo.rearm() == 1
    assert kept[-1] == Lasting()
    assert view(tempo, 4, within=within).repeats == 0


def test_repeats_that_are_spread_out_lock_nothing() -> None:
    """Less than the limit in any window."""
    tempo, within = Tempo(), limits(max_repeats=2, repeat_window_ms=1_000)
    for number in range(20):
        send(tempo, number * SECOND_NS, within=within)
    assert view(tempo, 20 * SECOND_NS, within=within).repeats == 0
    assert tempo.lasting() == Lasting()


def test_a_cell_that_runs_again_and_sends_the_same_is_told() -> None:
    """The same run may send it twice, another cell too, and the same cell another order."""
    tempo, first, again = Tempo(), Cell("c1", 5), Cell("c1", 6)
    send(tempo, 7, cell=first)
    assert view(tempo, 8, cell=first).rerun_of == ""
    assert view(tempo, 8, cell=again).rerun_of == "id-7"
    assert view(tempo, 8, order("2"), cell=again).rerun_of == ""
    assert view(tempo, 8, cell=Cell("c2", 6)).rerun_of == ""
    assert view(tempo, 8).rerun_of == ""


def test_a_symbol_rests_after_its_stops_also_over_a_restart() -> None:
    """After as many as the limits say within the cooldown; wall time, for a restart has another clock."""
    kept: list[Lasting] = []
    tempo, within = Tempo(kept.append), limits(stops_before_cooldown=2, cooldown_ms=1_000)
    tempo.stopped("BTCUSDT", within, 0, 10_000)
    assert not kept
    tempo.stopped("BTCUSDT", within, 1, 10_001)
    assert kept == [Lasting(resting={"BTCUSDT": 11_001})]
    later = Tempo()
    later.restore(kept[0])
    for one in (tempo, later):
        told = [
            one.view(order(), within, 9, now_ms, budget_left=1).cooldown_ms
            for now_ms in (10_500, 11_001, 12_000)
        ]
        assert told == [501, 0, 0]


@pytest.mark.parametrize("gap_ns", [999 * MS_NS, 1_000 * MS_NS])
def test_stops_far_apart_rest_nothing(gap_ns: int) -> None:
    """Only those within one cooldown count together."""
    tempo, within = Tempo(), limits(stops_before_cooldown=2, cooldown_ms=1_000)
    tempo.stopped("BTCUSDT", within, 0, 0)
    tempo.stopped("BTCUSDT", within, gap_ns, 0)
    assert bool(tempo.lasting().resting) is (gap_ns < 1_000 * MS_NS)


@pytest.mark.parametrize("name", ["quantity", "price"])
@pytest.mark.parametrize("written", ["10", "10.0", "10.000", "1E+1"])
def test_an_amount_written_otherwise_is_the_same_order(name: str, written: str) -> None:
    """As the venue sees it: 10.0 in place of 10 is no way around the throttles, nor around the guard."""
    tempo, cell, again = Tempo(), Cell("c", 1), Cell("c", 2)
    send(tempo, 0, but(order("10", "10"), **{name: Decimal(written)}), cell=cell)
    told = view(tempo, 1, order("10", "10"), cell=again)
    assert (told.identical, told.rerun_of) == (1, "id-0")
    other = view(tempo, 1, but(order("10", "10"), **{name: Decimal(100)}), cell=again)
    assert (other.identical, other.rerun_of) == (0, "")
