"""An interrupted cell stops waiting and nothing else: lists and flatten go on, and it says as what."""

from __future__ import annotations

import time

import pytest
from kernel import Kernel

STOPPED = "import os, signal\nos.kill({pid}, signal.SIGSTOP)\n"
NEW = "print(*[each.{} for each in ql.orders if each.client_order_id not in before])"
AWAITED = {
    "oco": "h = ql.orders.oco('sell', 'BTCUSDT', '0.002', take_profit=price + 900, "
    "stop_loss=price - 900)\nawait h",
    "bracket": "h = ql.orders.bracket('buy', 'BTCUSDT', '0.002', price - 700, take_profit=price + 900, "
    "stop_loss=price - 1900)\nawait h",
    "chain, waited for": """
from quantlab.trading.list_requests import one_triggers_other
from quantlab.trading.requests import limit_order
h = ql.orders.submit(one_triggers_other(
    limit_order('buy', 'BTCUSDT', '0.002', price - 700), limit_order('sell', 'BTCUSDT', '0.002', price + 900)
))
h.wait(20)""",
}


@pytest.fixture
def ready(armed: Kernel) -> Kernel:
    """Armed, something held, nothing open, and the price of now."""
    time.sleep(0.5)  # the rail order_rate: ten in a second
    shown = armed.run(
        "await ql.health.until_ok()\nawait ql.orders.cancel('all')\n"
        "price = int((await ql.market.book('BTCUSDT', 1)).bids[0][0])\n"
        "before = set(each.client_order_id for each in ql.orders)\n"
        "engine = get_ipython().quantlab_notebook.engine\nprint(engine._venue.pid)"
    )
    assert shown.status == "ok", shown.error
    return armed


def interrupted(kernel: Kernel, code: str, *, into: str = "") -> str:
    """What a cell says that is interrupted while the venue's process does not run; then that goes on."""
    pid = kernel.run("print(engine._venue.pid)").text.strip()
    cell = kernel.begin(STOPPED.format(pid=pid) + code + into)
    time.sleep(0.7)
    kernel.interrupt()
    shown = kernel.finish(cell)
    kernel.run(f"import os, signal\nos.kill({pid}, signal.SIGCONT)")
    assert shown.status == "error", shown
    assert "KeyboardInterrupt" in shown.error or "CancelledError" in shown.error
    return shown.error


@pytest.mark.parametrize("way", AWAITED)
def test_k4_an_interrupted_list_goes_on_as_all_of_its_orders(ready: Kernel, way: str) -> None:
    said = interrupted(ready, AWAITED[way])
    ids = ready.run(
        "print(*[each.client_order_id for each in ql.orders if each.client_order_id not in before])"
    )
    later = ready.run("print(*[each.state.value for each in await h])")

    names = ids.text.split()
    assert len(names) == (3 if way == "bracket" else 2)
    assert f"nobody waits for it any more; it goes on as {', '.join(names)}" in said, said
    assert set(later.text.split()) == {"TAKEN"}, later.error


@pytest.mark.parametrize("resting", [True, False])
def test_k4_an_interrupted_flatten_goes_on_until_the_position_is_gone(ready: Kernel, resting: bool) -> None:
    """What is open is cancelled first, and then there is no trade yet to be named; else it is named."""
    filled = ready.run("await ql.orders.buy('BTCUSDT', '0.003')")
    if resting:
        filled = ready.run("await ql.orders.buy('BTCUSDT', '0.001', price=price - 800)")
    assert filled.status == "ok", filled.error
    said = interrupted(ready, "h = ql.orders.flatten('BTCUSDT')\nawait h")
    later = ready.run("(row,) = await h\nprint(row.flat, row.cancelled, h.sent, *row.orders)")

    flat, cancelled, sent, name = later.text.split()
    assert (flat, cancelled, sent) == ("True", str(int(resting)), "True"), later.error
    named = "" if resting else f" as {name}"
    assert f"flatten BTCUSDT: nobody waits for it any more; it goes on{named}, see ql.orders" in said


def test_k4_a_magic_says_the_same(ready: Kernel) -> None:
    said = interrupted(
        ready, "%ql oto buy 0.002 BTCUSDT @ {price - 700} then sell 0.002 BTCUSDT @ {price + 900}"
    )
    names = ready.run(NEW.format("client_order_id")).text.split()
    states = ready.run(
        "import asyncio\nnew = [each for each in ql.orders if each.client_order_id not in before]\n"
        "async with asyncio.timeout(30):\n"
        "    while {each.state.value for each in new} != {'TAKEN'}: await asyncio.sleep(0.02)\n"
        "print(*[each.state.value for each in new])"
    )

    assert len(names) == 2
    assert f"it goes on as {', '.join(names)}" in said, said
    assert states.text.split() == ["TAKEN", "TAKEN"]
