"""K4: cells that send orders and lists are interrupted at random moments; no order is lost or doubled.

Each cell tells what it was told. One that had sent something was told the ids of all of it, and what the
venue has is what we know of, once each.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from kernel import Kernel
from test_orders_in_a_kernel import token_file

NORMAL, FULL = 25, 100  # moments, in each way
NOTHING_CAME = ("DENIED", "NOT_PLACED", "REJECTED")  # certainly not at the venue
STRIKER = """
import os, sys, time
for line in sys.stdin:
    time.sleep(float(line))
    os.kill(os.getppid(), 2)
"""
AHEAD = """
import asyncio, subprocess, sys, time
striker = subprocess.Popen(
    [sys.executable, "-c", {striker!r}], stdin=subprocess.PIPE, start_new_session=True, text=True
)
def strike(after_s):
    striker.stdin.write(f"{{after_s}}\\n")
    striker.stdin.flush()
from quantlab.trading.list_requests import one_triggers_other
from quantlab.trading.requests import limit_order
await ql.health.until_ok()
await get_ipython().quantlab_notebook.engine.ready()
await ql.orders.buy("BTCUSDT", "1")
price = int((await ql.market.book("BTCUSDT", 1)).bids[0][0])
def order(n):
    return ql.orders.buy("BTCUSDT", "0.002", price=price - 500 - n)
def oco(n):
    return ql.orders.oco("sell", "BTCUSDT", "0.002", take_profit=price + 900 + n, stop_loss=price - 900)
def bracket(n):
    return ql.orders.bracket(
        "buy", "BTCUSDT", "0.002", price - 500 - n, take_profit=price + 900, stop_loss=price - 1900
    )
def oto(n):
    return ql.orders.submit(one_triggers_other(
        limit_order("buy", "BTCUSDT", "0.002", price - 500 - n),
        limit_order("sell", "BTCUSDT", "0.002", price + 900),
    ))
"""
WAYS = {
    "wait": ("h.wait(20)", "time.sleep(20)"),
    "send": ("h.send()", "time.sleep(20)"),
    "await": ("await h", "await asyncio.sleep(20)"),
    "wait in a cell that awaits": ("await asyncio.sleep(0); h.wait(20)", "await asyncio.sleep(20)"),
}
CELL = """
told, done, h, refused = None, False, None, ""
before = set(each.client_order_id for each in ql.orders)
try:
    strike({after_s})
    h = {kind}({number})
    {way}
    done = True
    {then}
except Exception as error:
    refused = repr(error)
    time.sleep(20)
except (KeyboardInterrupt, asyncio.CancelledError) as error:
    told = type(error).__name__, list(getattr(error, "client_order_ids", ())), h is not None and h.done
    raise
"""
ASK = """
import json
new = [each.client_order_id for each in ql.orders if each.client_order_id not in before]
print(json.dumps([refused, told, done, new]))
"""
SETTLE = """
import asyncio
while any(each.state.value == "PENDING" for each in ql.orders):
    await asyncio.sleep(0.02)
await ql.orders.cancel_all("BTCUSDT")
"""
AFTER = """
there = [each.client_order_id for each in await ql.binance.all_orders("BTCUSDT", limit=1000)]
here = {each.client_order_id: each.state.value for each in ql.orders if not each.external}
print(json.dumps([there, here, len(ql.orders.frame().query("state == 'UNKNOWN'"))]))
"""
LIMITS = "max_orders_per_second = 1000\nmax_identical_orders = 1000\nmax_repeats = 100000\n"


@pytest.fixture(scope="module")
def trader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    home = tmp_path_factory.mktemp("interrupted")
    token = token_file(home)
    (home / "home" / "limits.toml").write_text(LIMITS)
    (home / "home" / "limits.toml").chmod(0o600)
    with Kernel(home, {"QUANTLAB_TOKEN_FILE": str(token)}) as kernel:
        for cell in ("%load_ext quantlab", "%ql arm", AHEAD.format(striker=STRIKER)):
            shown = kernel.run(cell)
            assert shown.status == "ok", shown.error
        yield kernel


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", WAYS)
def test_k4_no_order_or_list_is_lost_or_doubled_by_an_interrupt_at_any_moment(
    trader: Kernel, way: str, full: bool
) -> None:
    """Whoever is interrupted before the answer hears `OrderPending` with the ids of all that was sent."""
    chance, told = random.Random(way), Counter[str]()
    sent = set[str]()
    number = 0
    while number < (FULL if full else NORMAL):
        kind = ("oco", "bracket", "oto", "order")[number % 4]
        act, then = WAYS[way]
        after_s = chance.uniform(0.0002, 0.012)
        shown = trader.run(CELL.format(kind=kind, number=number, way=act, then=then, after_s=after_s)).error
        refused, said, done, new = json.loads(trader.run(ASK).lines[-1])
        if refused:
            assert "venue_budget" in refused or "ORDERS in 10S" in refused, refused  # the venue's own limit
            time.sleep(1)
            continue
        name, ids, answered = said
        sent |= set(new)
        told["answered before" if done else name if new else "nothing sent"] += 1
        assert done or answered or ids == new, (number, kind, name, ids, new, shown)
        if name == "OrderPending":
            assert ids == new
            assert f"it goes on as {', '.join(ids)}" in shown
        number += 1
        if number % 4 == 0:
            trader.run(SETTLE)
    trader.run(SETTLE)
    there, here, unknown = json.loads(trader.run(AFTER).lines[-1])

    print(way, dict(told))
    assert told["OrderPending"] >= (5 if full else 1), told
    assert max(Counter(there).values()) == 1
    assert sent <= set(here)
    assert {name for name in sent if here[name] not in NOTHING_CAME} <= set(there)
    assert set(there) <= set(here)
    assert unknown == 0
