"""A kernel that runs into every guard there is, and dies: SIGKILL, without a word.

Reads its settings from the environment and its token from HOME/token.txt. Each guard has a symbol or a side
of its own, so that none of them hides another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from quantlab.config import Settings
from quantlab.control.commands import SetLimits, SubmitOrder
from quantlab.domain.orders import OrderRequest, OrderType
from quantlab.engine import Engine
from quantlab.errors import OrderRejected
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order, stop_order
from quantlab.trading.reruns import CELL, Cell

LIMITS = """
max_orders_per_second = 100
max_identical_orders = 2
identical_window_ms = 60000
max_repeats = 5
repeat_window_ms = 60000
stops_before_cooldown = 1
cooldown_ms = 300000
min_answers = 3
max_error_rate = 0.25
"""
CELL_ID = "the cell"
FROM_A_CELL = limit_order("BUY", "BTCUSDT", "0.01", "58000")
TWICE = limit_order("BUY", "ETHUSDT", "0.1", "2910")
SELLS = tuple(limit_order("SELL", "BTCUSDT", "0.01", f"6200{digit}") for digit in range(5))
FLOOR = Decimal(10**9)
TRIES = 100
DISTANCE = Decimal("0.05")


def crossing(engine: Engine, number: int) -> OrderRequest:
    """An order that wants to rest and cannot: the venue refuses it."""
    price = engine.quotes.get("BTCUSDT").price * Decimal("1.01")  # type: ignore[union-attr]
    order = limit_order("BUY", "BTCUSDT", "0.01", str(round(price) + number))
    return msgspec.structs.replace(order, type=OrderType.LIMIT_MAKER, time_in_force=None)


async def session(engine: Engine, token: Secret) -> None:
    engine.start()
    await engine.ready()
    engine.arm(token)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        await engine.priced(symbol)

    CELL.set(Cell(CELL_ID, 1))
    await engine.execute(SubmitOrder(FROM_A_CELL))
    CELL.set(None)
    for each in (TWICE, TWICE, *SELLS):
        await engine.execute(SubmitOrder(each))
    stopped: list[Any] = []
    engine.bus.subscribe("execution.>", lambda each: stopped.append(each) if "STOP" in each.type else None)
    for _ in range(TRIES):
        below = engine.quotes.get("ETHUSDT").book.bid - DISTANCE  # type: ignore[union-attr]
        stop = SubmitOrder(stop_order("SELL", "ETHUSDT", "0.1", stop_price=str(below)))
        with contextlib.suppress(OrderRejected):  # the market was there first
            await engine.execute(stop)
            break
    sweep = limit_order("SELL", "ETHUSDT", "30", str(below - 1), "IOC")  # through what rests above it
    await engine.execute(SubmitOrder(sweep))
    for _ in range(TRIES):
        if any(each.status == "FILLED" for each in stopped):
            break
        await asyncio.sleep(0.1)
    else:
        raise TimeoutError("the stop was never filled")
    for number in range(4):
        with contextlib.suppress(OrderRejected):
            await engine.execute(SubmitOrder(crossing(engine, number)))
    await engine.execute(SetLimits(min_equity=FLOOR))
    while not engine.guards.causes.lasting():
        await asyncio.sleep(0.05)
    await engine.journal.append("drill", {})  # all lines before it are on the disk
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    settings = Settings.from_environment(dict(os.environ))
    token = Secret(Path(os.environ["QUANTLAB_HOME"], "token.txt").read_text().strip())
    asyncio.run(session(Engine(settings), token))


if __name__ == "__main__":
    main()
