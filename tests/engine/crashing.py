"""A kernel that dies: forks a session for each line on its standard input, and kills it at one journal write.

A line is `HOME NUMBER WAY`: the session lives in HOME and dies by SIGKILL at its NUMBERth write to the
journal, "before" it, "after" it (the disk was not waited for), or having written a "piece" of it. The
answer is "killed", or "ended WRITES" where it never came so far. Nothing is run before the fork, so that
the session has threads and loops of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

from quantlab.config import Settings
from quantlab.control.commands import CancelOrder, SetLimits, SubmitOrder
from quantlab.engine import Engine
from quantlab.secret import Secret
from quantlab.trading.journalfile import JournalFile
from quantlab.trading.requests import limit_order, market_order

LIMIT = Decimal(77_777)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(number: int, way: str) -> list[int]:
    """From now on the NUMBERth write kills this process; the list counts them."""
    write_all, count = JournalFile._write_all, [0]

    def written(self: JournalFile, text: bytes) -> None:
        count[0] += 1
        if count[0] == number and way == "before":
            die()
        if count[0] == number and way == "piece":
            os.write(self._file, text[: max(1, len(text) - 7)])
            die()
        write_all(self, text)
        if count[0] == number:
            die()

    JournalFile._write_all = written  # type: ignore[method-assign]
    return count


async def session(settings: Settings, token: Secret) -> None:
    """Orders that trade, rest and are cancelled, a limit, a value that is kept, and at last a HALT."""
    engine = Engine(settings)
    engine.start()
    await engine.ready()
    engine.arm(token)
    await engine.execute(SetLimits(max_order_notional=LIMIT))
    for step in range(2):
        with contextlib.suppress(Exception):
            await engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "0.01")))
        with contextlib.suppress(Exception):
            order = await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", f"5800{step}")))
            if step:
                await engine.execute(CancelOrder("BTCUSDT", order.client_order_id))  # type: ignore[attr-defined]
        engine.kept.put("step", step)
    engine.halt("a drill")
    await engine.aclose()


def child(home: str, number: int, way: str) -> int:
    """The session in this process; how many writes it took."""
    settings = Settings.from_environment(dict(os.environ) | {"QUANTLAB_HOME": home})
    token = Secret(Path(home, "token.txt").read_text().strip())
    count = kill_at(number, way)
    asyncio.run(session(settings, token))
    return count[0]


def main() -> None:
    for line in sys.stdin:
        home, number, way = line.split()
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, str(child(home, int(number), way)).encode())
            os._exit(0)
        os.close(writer)
        _, status = os.waitpid(pid, 0)
        writes = os.read(reader, 100).decode()
        os.close(reader)
        print("killed" if os.WIFSIGNALED(status) else f"ended {writes or status}", flush=True)


if __name__ == "__main__":
    main()
