"""A cell that is run again by accident sends nothing twice; meant, it takes one step. In real kernels."""

from __future__ import annotations

import time

import pytest
from kernel import Kernel

SENT = "print(len([one for one in ql.orders if one.state.value not in ('DENIED', 'REJECTED')]))"
PRICE = "price = int((await ql.market.book('BTCUSDT', 1)).bids[0][0])"
AWAITED = "await ql.orders.buy('BTCUSDT', '0.001', price=price - {off})"
WAITED = "def trade():\n    return ql.orders.buy('BTCUSDT', '0.001', price=price - {off}).wait(5)\ntrade()"
MAGIC = "%ql buy 0.001 BTCUSDT @ {{price - {off}}}"
TASK = (
    "import asyncio\nawait asyncio.create_task(asyncio.wait_for(" + AWAITED.removeprefix("await ") + ", 5))"
)
WAYS = {"await": AWAITED, "wait": WAITED, "magic": MAGIC, "task": TASK}


@pytest.fixture
def ready(armed: Kernel) -> Kernel:
    """Armed, with the market's price in the notebook."""
    time.sleep(0.5)  # the rail order_rate: ten in a second, and the tests before have sent some
    shown = armed.run(f"await ql.health.until_ok()\nawait ql.orders.cancel('all')\n{PRICE}")
    assert shown.status == "ok", shown.error
    return armed


def run(kernel: Kernel, code: str, cell: str = "") -> str:
    """What a cell that must not fail shows."""
    shown = kernel.run(code, cell_id=cell)
    assert shown.status == "ok", shown.error
    return shown.text.strip()


def sent(kernel: Kernel) -> int:
    return int(kernel.run(SENT).text)


@pytest.mark.parametrize("way", WAYS)
def test_a_cell_that_runs_again_is_denied_and_says_how_to_mean_it(ready: Kernel, way: str) -> None:
    """One step lets it run once more, and no more than once; another cell may send the same."""
    cell, code = f"rerun-{way}", WAYS[way].format(off=900 + len(way))
    first = ready.run(code, cell_id=cell)
    before = sent(ready)
    again = ready.run(code, cell_id=cell)

    assert first.status == "ok", first.error
    assert again.error.startswith("OrderDenied"), again
    assert "cell_rerun: this cell has sent the same order before, as " in again.error
    assert "to send it once more run %ql again, then this cell" in again.error
    assert sent(ready) == before

    assert run(ready, "%ql again") == "1 cell may send the same orders once more: run it now"
    run(ready, code, cell)
    assert "cell_rerun" in ready.run(code, cell_id=cell).error
    run(ready, code, f"{cell}-copy")
    assert sent(ready) == before + 2


def test_mending_one_line_of_a_cell_does_not_send_the_others_again(ready: Kernel) -> None:
    """The classic: the second order was refused, is put right, and the cell runs again."""
    first = "await ql.orders.buy('BTCUSDT', '0.001', price=price - 700)\n"
    wrong = ready.run(first + "await ql.orders.buy('BTCUSDT', 'one')", cell_id="mended")
    before = sent(ready)
    right = ready.run(first + "await ql.orders.buy('BTCUSDT', '0.001', price=price - 710)", cell_id="mended")

    assert "InvalidField" in wrong.error
    assert "cell_rerun" in right.error
    assert sent(ready) == before


def test_what_the_rails_refused_may_be_tried_again(ready: Kernel) -> None:
    """A denied order was not sent: the cell is free to run when the reason is gone."""
    halted = ready.run(
        "%ql halt\nawait ql.orders.buy('BTCUSDT', '0.001', price=price - 720)", cell_id="halted"
    )
    assert "Halted" in halted.error, halted
    run(ready, "%ql resume the drill is over")
    again = ready.run("await ql.orders.buy('BTCUSDT', '0.001', price=price - 720)", cell_id="halted")

    assert again.status == "ok", again.error


def test_one_run_may_send_the_same_order_many_times(ready: Kernel) -> None:
    loop = "for _ in range(3):\n    await ql.orders.buy('BTCUSDT', '0.001', price=price - 730)"
    before = sent(ready)

    run(ready, loop, "loop")
    assert sent(ready) == before + 3


def test_handlers_answer_to_events_and_to_no_cell(ready: Kernel) -> None:
    """A cell that defines a handler is run again to mend it; what the handler sends is no second time."""
    handler = "%%on note.go\nawait ql.orders.buy('BTCUSDT', '0.001', price=price - 740)\n"
    go = "ql.bus.publish(NOTE, Note('go', 1))\nawait ql.bus.settle()"
    before = sent(ready)
    for _ in range(2):
        run(ready, handler, "handler")
        run(ready, go)

    assert sent(ready) == before + 2, ready.run("print(ql.bus.errors()[-1])").text


def test_flatten_is_no_accident(ready: Kernel) -> None:
    """To bring a position to zero twice from one cell is what it is for."""
    for _ in range(2):
        run(ready, "await ql.orders.buy('BTCUSDT', '0.002')")
        flat = ready.run("%ql flatten BTCUSDT", cell_id="flatten")
        assert flat.status == "ok", flat.error
        assert "flattened" in flat.text


def test_a_whole_notebook_may_be_meant_and_a_cell_that_says_so_fails_no_run(ready: Kernel) -> None:
    cells = {"all-1": AWAITED.format(off=750), "all-2": AWAITED.format(off=760)}
    run(ready, "%ql again")
    for _ in range(2):
        run(ready, "%ql again all")
        for cell, code in cells.items():
            run(ready, code, cell)

    assert run(ready, "%ql again") == "no cell was held back: nothing to do"


NESTED = """for code in ("", "pass", "1 / 0", {inner!r}):
    get_ipython().run_cell(code, silent=False)
ql.orders.buy('BTCUSDT', '0.001', price=price - 771).wait(5)
"""


def test_what_a_cell_runs_as_a_cell_is_a_part_of_it(ready: Kernel) -> None:
    """As `%run OTHER.ipynb` does: the guard holds within it and behind it, and `.wait()` goes on working."""
    inner = "ql.orders.buy('BTCUSDT', '0.001', price=price - 770).wait(5)"
    before = sent(ready)
    first = ready.run(NESTED.format(inner=inner), cell_id="outer")
    assert first.status == "ok", first.error
    assert sent(ready) == before + 2

    again = ready.run(NESTED.format(inner="pass"), cell_id="outer")
    assert "cell_rerun" in again.error
    ready.run(NESTED.format(inner=inner), cell_id="outer")
    assert sent(ready) == before + 2


def test_it_takes_an_armed_kernel(ready: Kernel) -> None:
    run(ready, "%ql disarm")
    assert ready.run("%ql again").error.startswith("NotArmed")
