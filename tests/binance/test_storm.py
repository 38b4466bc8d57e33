"""An outage of five minutes in virtual time: how often we knock at the venue's door."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest
from virtual_loop import VirtualLoop

from quantlab.binance.link import LinkSettings
from quantlab.binance.ordersocket import OrderSocket
from quantlab.binance.signing import Credentials
from quantlab.binance.streams import MarketStreams
from quantlab.clock import ManualClock
from quantlab.secret import Secret

OUTAGE_S = 300.0


class Outage(VirtualLoop):
    """A loop on which nothing can be reached: connections are refused, or nobody answers."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.knocks: list[float] = []

    async def create_connection(self, *_: Any, **__: Any) -> Any:
        self.knocks.append(self.time())
        if self.way == "silent":
            await asyncio.sleep(3_600)
        raise ConnectionRefusedError("nobody listens")


async def order(seed: int) -> None:
    keys = Credentials("k" * 64, Secret("s" * 64))
    draw = random.Random(seed).uniform
    await knock(OrderSocket("ws://127.0.0.1:9", credentials=keys, clock=ManualClock(), uniform=draw))


async def listen(seed: int) -> None:
    streams = MarketStreams(
        "ws://127.0.0.1:9",
        clock=ManualClock(),
        on_event=lambda _event: None,
        on_state=lambda _state, _reason: None,
        settings=LinkSettings(),
        uniform=random.Random(seed).uniform,
    )
    await knock(streams)


async def knock(socket: Any) -> None:
    running = asyncio.create_task(socket.run())
    await asyncio.sleep(OUTAGE_S * 4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("who", [listen, order])
@pytest.mark.parametrize("way", ["refused", "silent"])
def test_no_five_minutes_of_an_outage_see_more_than_twenty_attempts(way: str, who: Any) -> None:
    """N22, N27: whatever is drawn; and we do come back: never a pause of more than a minute and a half."""
    waits = []
    for seed in range(60):
        loop = Outage(way)
        try:
            loop.run_until_complete(who(seed))
        finally:
            loop.close()
        knocks = loop.knocks
        most = max(sum(at <= other < at + OUTAGE_S for other in knocks) for at in knocks)
        assert most <= 20
        assert len(knocks) > 30  # it went on all the time
        waits += [after - before for before, after in itertools.pairwise(knocks)]

    assert max(waits) < 90
    assert min(waits) < (0.5 if way == "refused" else 11)  # the first comes soon: 10 s are the timeout
    assert len({round(wait, 6) for wait in waits}) > len(waits) * 0.9 or way == "silent"  # no two alike
