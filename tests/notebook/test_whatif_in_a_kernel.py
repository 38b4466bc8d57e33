"""Decisions, replays and sweeps in a real kernel: what is shown, what has to be awaited, what is refused."""

from __future__ import annotations

import pytest
from kernel import Kernel

DECIDE = """
await ql.health.until_ok()
order = await ql.orders.buy("BTCUSDT", "0.003", price="57500.01")
try:
    await ql.orders.buy("BTCUSDT", "5", price="57500.01")
except Exception as denied:
    print(type(denied).__name__)
await ql.orders.cancel_all()
number = len(ql.rails.decisions)
"""

TURNS = """
import asyncio
turns = 0
async def turn():
    global turns
    while True:
        turns += 1
        await asyncio.sleep(0)
"""


@pytest.fixture
def decided(armed: Kernel) -> Kernel:
    """Two decisions more: one that allowed, and then one that denied."""
    assert "OrderDenied" in armed.run(DECIDE).text
    return armed


def test_what_was_decided_is_a_table_and_each_of_it_has_every_answer(decided: Kernel) -> None:
    table, last = decided.run("%ql decisions"), decided.run("ql.rails.decisions[number]")
    same = decided.run("get_ipython().run_line_magic('ql', f'decisions {number}')")

    assert table.lines[0].startswith("decisions: ")
    assert "DENY" in table.lines[-1]
    assert "BUY 5 BTCUSDT @ 57500.01 GTC: DENIED by " in last.lines[0]
    assert same.text == last.text
    assert decided.run("%ql decisions 999").error.startswith(
        "InvalidField: number: there is no decision 999; there are 1 to "
    )


def test_another_limit_shows_what_would_be_otherwise_and_changes_nothing(decided: Kernel) -> None:
    before = decided.run("%ql limits").text
    shown = decided.run("%ql whatif max_order_notional=100")
    frame = decided.run(
        "replayed = ql.rails.replay(max_order_notional='100')\n"
        "print(list(replayed['allowed_before'])[-2:], list(replayed['allowed_after'])[-2:], "
        "ql.rails.replay()['changed'].any())"
    )

    assert shown.lines[0].startswith("what if: of "), shown.error
    assert any("0.003" in each and "max_order_notional" in each for each in shown.lines)
    assert frame.text == "[True, False] [False, False] False\n"
    assert decided.run("%ql limits").text == before


def test_a_sweep_is_awaited_and_lets_the_loop_go_meanwhile(decided: Kernel) -> None:
    """A hundred sets of limits over all decisions; the loop turns all the while."""
    assert "NOT AWAITED" in decided.run("ql.rails.sweep(max_position=[1, 2])").text
    swept = decided.run(
        f"{TURNS}\ntask = asyncio.ensure_future(turn())\n"
        "table = await ql.rails.sweep(max_order_notional=range(1, 1_001, 2), progress=False)\n"
        "task.cancel()\n"
        "print(len(table), table['allowed'].is_monotonic_increasing, turns > 3)"
    )
    drawn = decided.run("ql.rails.plot(sweep=table)")

    assert swept.text == "500 True True\n", swept.error
    assert drawn.text.startswith("<Picture size"), drawn.error


def test_sizes_are_swept_as_things_stand_now(decided: Kernel) -> None:
    swept = decided.run(
        "sizes = await ql.rails.sweep_sizes('buy', 'BTCUSDT', ['0.001', '1', '1.5'], price='60000', "
        "limits={'max_order_notional': 70_000}, progress=False)\n"
        "print(list(sizes['allowed']), len(ql.rails.decisions) == number)"
    )
    refused = decided.run("await ql.rails.sweep_sizes('hold', 'BTCUSDT', ['1'])")

    assert swept.text == "[True, True, False] True\n", swept.error
    assert refused.error == 'InvalidField: side: \'hold\' is none; give "buy" or "sell"'
    assert decided.run("await ql.rails.sweep_sizes('buy', 'BTCUSDT', [0.5])").error.startswith(
        "InvalidField: quantity: the float 0.5 is not exact"
    )


def test_the_picture_of_usage_shows_itself(decided: Kernel) -> None:
    shown = decided.run("ql.rails.plot('max_position')")

    assert shown.text.startswith("<Picture size"), shown.error


def test_the_embedded_venue_is_broken_and_mended_by_name(armed: Kernel) -> None:
    """A fault that there is not is refused by its field, as the venue says it."""
    broken = armed.run("print(await ql.market.fault('latency', ms=1, count=1) >= 1, await ql.market.mend())")

    assert broken.text == "True 1\n", broken.error
    assert armed.run("await ql.market.fault('no_such')").error.startswith("InvalidField: name: ")
    assert armed.run("await ql.market.fault('drop', strem='user')").error.startswith("InvalidField: strem: ")
    assert "NOT AWAITED" in armed.run("ql.market.mend()").text
