"""Start and stop, many times: nothing is left, and stopping is quick."""

from __future__ import annotations

import asyncio
import threading

import psutil

from quantlab.config import Settings
from quantlab.control.commands import SubmitOrder
from quantlab.engine import Engine
from quantlab.secret import Secret
from quantlab.trading.requests import market_order

CYCLES = 20


def left() -> tuple[int, int, int, list[int]]:
    """Tasks of this loop, threads, sockets, child processes."""
    this = psutil.Process()
    children = [each.pid for each in this.children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE]
    return len(asyncio.all_tasks()), threading.active_count(), len(this.net_connections()), children


async def one_cycle(settings: Settings, token: Secret) -> None:
    engine = Engine(settings)
    engine.start()
    await engine.ready()
    engine.arm(token)
    engine.bus.subscribe("market.>", lambda event: None)
    await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.001")))
    handle = engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.001"))).send()
    await engine.aclose()  # with an order in flight
    assert handle.sent


async def test_twenty_cycles_leave_no_task_thread_socket_or_process(
    settings: Settings, token: Secret
) -> None:
    """K16: What is left afterwards is what was there before."""
    await one_cycle(settings, token)  # what is made once per process is made
    before, descriptors = left(), psutil.Process().num_fds()
    for _ in range(CYCLES):
        await one_cycle(settings, token)
    await asyncio.sleep(0.1)

    assert left() == before
    assert psutil.Process().num_fds() <= descriptors


async def test_closing_while_it_starts_leaves_nothing_either(settings: Settings) -> None:
    before = left()
    for pause_s in (0, 0.01, 0.1, 0.3):
        engine = Engine(settings)
        engine.start()
        await asyncio.sleep(pause_s)
        await engine.aclose()
    await asyncio.sleep(0.1)

    assert left() == before
