"""Orders from real cells: the README's twelve, synchronous waiting, blocked cells, a recorded day."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from kernel import Kernel

README = (Path(__file__).parents[2] / "README.md").read_text()


def first_cells() -> list[str]:
    block = re.search(r"```python\n(%load_ext quantlab\n.*?)```", README, re.DOTALL)
    assert block
    return block[1].strip().split("\n\n")


def token_file(home: Path) -> Path:
    from quantlab.clock import SystemClock
    from quantlab.control.tokenstore import TokenStore
    from quantlab.privatefile import make_private_folder

    path = home / "token"
    path.touch(mode=0o600)
    path.write_text(TokenStore(make_private_folder(home / "home"), SystemClock()).new("cells"))
    return path


@pytest.fixture(scope="module")
def trader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel whose market moves, armed by a token file."""
    home = tmp_path_factory.mktemp("trader")
    with Kernel(home, {"QUANTLAB_TOKEN_FILE": str(token_file(home))}) as kernel:
        assert kernel.run("%load_ext quantlab").status == "ok"
        assert kernel.run("%ql arm").status == "ok"
        kernel.run("await ql.health.until_ok(); await get_ipython().quantlab_notebook.engine.ready()")
        yield kernel


@pytest.fixture(autouse=True)
def _nothing_rests(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one test leaves resting would meet the next one's orders: the rail self_match denies those."""
    yield
    if "trader" in request.fixturenames:
        request.getfixturevalue("trader").run("await ql.orders.cancel_all()")


def test_the_readmes_twelve_cells_run_all_at_once(tmp_path: Path) -> None:
    with Kernel(tmp_path, {"QUANTLAB_TOKEN_FILE": str(token_file(tmp_path))}) as kernel:
        sent = [kernel.start(cell) for cell in first_cells()]
        shown = [kernel.finish(identity) for identity in sent]

    assert [output.status for output in shown] == ["ok"] * 12, [output.error for output in shown]
    texts = [output.text for output in shown]
    assert "L0 paper" in texts[1]
    assert "armed" in texts[2]
    assert "BUY 0.01 BTCUSDT @ 60000" in texts[5]
    assert "FILLED" in texts[6]
    assert "commission_asset" in texts[7]
    assert "DENIED by max_order_notional" in texts[10]
    assert "HALTED" in texts[11]


def test_a_symbol_that_nobody_watched_can_be_explained_and_traded_at_once(trader: Kernel) -> None:
    explained = trader.run("%ql explain buy 100 DOGEUSDT")
    bought = trader.run("%ql buy 0.01 ETHUSDT")
    status = trader.run("%ql status")

    assert "allowed" in explained.text, explained
    assert "FILLED" in bought.text, bought
    assert "BTCUSDT, DOGEUSDT, ETHUSDT" in status.text


def test_wait_works_in_a_synchronous_function_of_a_cell(trader: Kernel) -> None:
    shown = trader.run(
        "def trade():\n"
        '    return [ql.orders.buy("BTCUSDT", "0.001").wait(5).state.value for _ in range(5)]\n'
        "print(trade())"
    )

    assert shown.lines[-1] == str(["FILLED"] * 5)


EVERY_WAY = """
price = int((await ql.market.book("BTCUSDT", 1)).bids[0][0])
def trade():
    entry = ql.orders.bracket(
        "buy", "BTCUSDT", "0.001", price - 900, take_profit=price + 900, stop_loss=price - 2000
    ).wait(5)
    stop = ql.orders.sell("BTCUSDT", "0.002", stop=price - 2100).wait(5)
    order = ql.orders.buy("BTCUSDT", "0.002", price=price - 950).wait(5)
    ql.orders.amend(order.client_order_id, "0.001").wait(5)
    new = ql.orders.replace(order.client_order_id, price=price - 980).wait(5)
    told = [*(each.state.value for each in (*entry, stop, new)), new.quantity * 1000 == 1]
    ql.orders.cancel_all("BTCUSDT").wait(5)
    bought = ql.orders.buy("BTCUSDT", "0.003").wait(5)
    ql.orders.buy("BTCUSDT", "0.001", price=price - 990).wait(5)
    (row,) = ql.orders.flatten("BTCUSDT").wait(5)
    return told, bought.state.value, row.flat, row.cancelled
print(trade())
"""


def test_every_way_to_send_works_in_synchronous_code_and_as_a_magic(trader: Kernel) -> None:
    """While the cell blocks the loop: also what is several steps, as flatten is."""
    time.sleep(1)  # the rail order_rate allows ten in a second
    shown = trader.run(EVERY_WAY)
    assert shown.status == "ok", shown.error
    time.sleep(1)  # the rail order_rate allows ten in a second
    entered = trader.run(
        "price = int((await ql.market.book('BTCUSDT', 1)).bids[0][0]) - 900\n"
        "%ql bracket buy 0.001 BTCUSDT @ {price} take {price + 1500} stop {price - 1000}"
    )
    explained = trader.run("%ql explain sell 5 BTCUSDT reduce")
    flat = trader.run("%ql flatten BTCUSDT")

    taken = "'TAKEN', 'TAKEN', 'TAKEN', 'TAKEN', 'TAKEN', True"
    assert shown.lines[-1] == f"([{taken}], 'FILLED', True, 1)", shown.error
    assert entered.text.count("TAKEN") == 3, entered.error
    assert "STOP_LOSS" in entered.text
    assert "reduce_only" in explained.text.splitlines()[0], explained.error
    assert "flattened" in flat.text, flat.error
    assert "dust" in flat.text or flat.text.splitlines()[-1].split()[2] == "0"


BLOCKED_S = 3
STALL_S = 0.5
WAYS = {
    "wait": 'order = ql.orders.buy("BTCUSDT", "0.001").wait(5)',
    "await": 'order = await ql.orders.buy("BTCUSDT", "0.001")',
    "magic": "order = %ql buy 0.001 BTCUSDT",
}


@contextmanager
def watching_for_stalls() -> Iterator[list[float]]:
    """When (monotonic) this process, which only waits, had not run for `STALL_S`: the machine stood still."""
    found: list[float] = []
    done = threading.Event()

    def watch() -> None:
        last = time.monotonic()
        while not done.wait(0.05):
            if (now := time.monotonic()) - last >= STALL_S:
                found.append(now)
            last = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


@pytest.mark.parametrize("way", WAYS)
def test_after_a_blocked_cell_the_data_is_fresh_and_orders_pass(trader: Kernel, way: str) -> None:
    """K1: In the same cell: what arrived meanwhile is applied before the rails judge the price's age.

    A permit lives for a second. Where the machine stands still for that long an order is rightly
    refused, and sent again here; but only where this process has seen it stand still as well.
    """
    cell = f"import time; time.sleep({BLOCKED_S})\n{WAYS[way]}\nprint(order.state.value)"
    began = time.monotonic()
    with watching_for_stalls() as stalls:
        shown = trader.run(cell)
    if "PermitRefused" in shown.error and any(at > began + BLOCKED_S for at in stalls):
        shown = trader.run(cell)
    after = trader.run("print((await ql.health.until_ok()).state.value, ql.health.snapshot.reconnects)")

    assert shown.lines[-1:] == ["FILLED"], shown.error
    assert after.lines[-1] == "OK 0"


def test_in_a_blocked_cell_the_rails_and_the_tables_are_fresh(trader: Kernel) -> None:
    """What only looks sees what arrived while the cell blocked, too."""
    shown = trader.run(
        "import time\n"
        "before = len(ql.portfolio.fills)\n"
        'ql.orders.buy("BTCUSDT", "0.001").send()\n'
        "time.sleep(3)\n"
        "print(len(ql.portfolio.fills) - before)\n"
        "answer = %ql explain buy 0.001 BTCUSDT\n"
        "print(answer.value.allowed)"
    )

    assert shown.lines[-2:] == ["1", "True"], shown.error


WAIT = """
seen = []
def act(_event=None):
    try:
        seen or ql.orders.buy("BTCUSDT", "0.001").wait(5)
    except Exception as error:
        seen.append(type(error).__name__)
"""
PLACES = {
    "handler": """
import asyncio
listening = ql.bus.subscribe("market.>", act)
while not seen:
    await asyncio.sleep(0.05)
listening.close()
""",
    "task": """
import asyncio
async def task():
    act()
await asyncio.create_task(task())
""",
}


@pytest.mark.parametrize("place", PLACES)
def test_wait_where_it_would_block_is_refused_before_anything_is_sent(trader: Kernel, place: str) -> None:
    before = trader.run(WAIT + "print(len(ql.orders))").lines[-1]
    shown = trader.run(PLACES[place] + "print(seen, len(ql.orders))")

    assert shown.lines[-1] == f"['WouldBlockLoop'] {before}", shown.error


def test_an_interrupted_wait_leaves_the_order_and_says_under_which_id(trader: Kernel) -> None:
    """K4, F15: The venue is stopped for a moment, so that the answer is still out when we interrupt."""
    pid = trader.run("print(get_ipython().quantlab_notebook.engine._venue.pid)").lines[-1]
    cell = trader.begin(
        f'import os, signal; os.kill({pid}, signal.SIGSTOP)\nh = ql.orders.buy("BTCUSDT", "0.001")\nawait h'
    )
    time.sleep(0.6)
    trader.interrupt()
    shown = trader.finish(cell)
    trader.run(f"import os, signal; os.kill({pid}, signal.SIGCONT)")
    later = trader.run("print((await h).state.value)")

    name = trader.run("print(h.client_order_id)").lines[-1]
    assert shown.status == "error"
    assert f"it goes on as {name}" in shown.error
    assert later.lines[-1] == "FILLED"


@contextmanager
def venue(tape: Path) -> Iterator[dict[str, Any]]:
    """`quantlab venue` on a tape that waits for `play`."""
    with subprocess.Popen(
        [sys.executable, "-m", "quantlab.cli", "venue", "--tape", str(tape), "--hold"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def play(address: dict[str, Any], speed: int) -> None:
    control = address["control"]
    reply = httpx.post(
        f"{control['url']}/play",
        json={"speed": speed},
        headers={"Authorization": f"Bearer {control['secret']}"},
        trust_env=False,
    )
    assert reply.status_code == 200


def traded_prices(tape: Path) -> list[Decimal]:
    with gzip.open(tape, "rt") as lines:
        messages = [json.loads(line.split(" ", 1)[1]) for line in lines]
    return [Decimal(each["data"]["p"]) for each in messages if each.get("stream", "").endswith("@trade")]


READY = """
await ql.health.until_ok()
free = {b.asset: b.free for b in (await ql.binance.account()).balances}
print((await ql.market.book("BTCUSDT", 1)).bids[0][0])
"""
FILLED = """
import asyncio
while sum(fill.quantity for fill in ql.portfolio.fills) < order.quantity:
    await asyncio.sleep(0.1)
now = {b.asset: b.free for b in (await ql.binance.account()).balances}
fills = list(ql.portfolio.fills)
print({fill.price for fill in fills} == {order.price})
print(free["USDT"] - now["USDT"] == sum(fill.quote_quantity for fill in fills))
print(now["BTC"] - free["BTC"] == sum(fill.quantity - fill.commission for fill in fills))
"""


@pytest.mark.timeout(180)
def test_a_notebook_on_a_recorded_day_is_filled_at_a_price_of_that_day(shared: Path, tmp_path: Path) -> None:
    """A venue of its own by `quantlab venue`, reached by a profile; the ledger adds up exactly."""
    tape = shared / "data" / "spot_btcusdt_20240808.gz"
    with venue(tape) as address:
        profile = tmp_path / "day.toml"
        profile.write_text("".join(f'{key} = "{address[key]}"\n' for key in ("rest", "ws", "ws_api")))
        environment = {
            "QUANTLAB_TOKEN_FILE": str(token_file(tmp_path)),
            "QUANTLAB_VENUE": str(profile),
            "QUANTLAB_API_KEY": address["accounts"][0]["api_key"],
            "QUANTLAB_API_SECRET": address["accounts"][0]["api_secret"],
        }
        with Kernel(tmp_path, environment) as kernel:
            assert kernel.run("%load_ext quantlab").status == "ok"
            assert kernel.run("%ql arm").status == "ok"
            play(address, speed=10)
            best = Decimal(kernel.run(READY).lines[-1])
            price = max(each for each in traded_prices(tape) if each < best - 40)  # the day traded there
            ordered = kernel.run(
                f'order = await ql.orders.buy("BTCUSDT", "0.01", price="{price}"); print(order.state.value)'
            )
            assert ordered.lines[-1] == "TAKEN", ordered.error
            shown = kernel.run(FILLED, timeout=90)

    assert shown.lines == ["True", "True", "True"], shown.error
