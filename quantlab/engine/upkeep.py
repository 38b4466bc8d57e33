"""What a link does all the time, unasked: warm connections, a right clock, an ear for silence.

Each runs on the wire until it is cancelled. None of them decides anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import NoReturn

from quantlab.binance.client import BinanceClient
from quantlab.binance.streams import MarketStreams
from quantlab.clock import NS_PER_MS, Clock
from quantlab.errors import QuantlabError
from quantlab.market.feed import Feed

KEEP_WARM_S = 10.0
READY = 2  # connections: one for the next request, and one spare for who comes meanwhile
CLOCK_SYNC_S = 60.0
CLOCK_LOOK_S = 1.0
CLOCK_JUMP_MS = 200.0  # of our wall clock against the monotonic one; slewing is far slower
LISTEN_S = 0.25
ASK_AFTER_S = 1.5  # a market that moves sends depth every 100 ms
ANSWER_S = 2.0


async def keep_warm(*clients: BinanceClient, every_s: float = KEEP_WARM_S) -> NoReturn:
    """Keep connections of each client ready, so that no order, cancel or HALT waits for a handshake.

    A ping shows the one that is used next to be alive; what the venue has ended meanwhile is made anew.
    """
    while True:
        for client in clients:
            with contextlib.suppress(QuantlabError):  # the monitor reports an unreachable venue
                await client.ping()
            with contextlib.suppress(QuantlabError):
                await client.warm(READY)
        await asyncio.sleep(every_s)


async def keep_clock(
    client: BinanceClient, *, every_s: float = CLOCK_SYNC_S, look_s: float = CLOCK_LOOK_S
) -> NoReturn:
    """Measure the venue's clock each minute, and at once where our own was set or the machine slept."""
    clock, loop = client.venue_clock, asyncio.get_running_loop()
    due_s = loop.time() + every_s
    while True:
        await asyncio.sleep(min(look_s, every_s))
        if loop.time() < due_s and abs(clock.jumped_ms) < CLOCK_JUMP_MS:
            continue
        due_s = loop.time() + every_s
        with contextlib.suppress(QuantlabError):  # the last offset stays; the monitor shows its age
            await client.sync_clock()


async def watch_silence(streams: MarketStreams, feed: Feed, clock: Clock) -> NoReturn:
    """A stalled connection says no goodbye: where it is silent it is asked, and then made anew.

    A quiet market answers and stays as it is. Only where something was heard before: a market
    may be held, or nobody may trade.
    """
    while True:
        await asyncio.sleep(LISTEN_S)
        heard_ns = streams.last_message_ns
        if heard_ns is None or not streams.connected:
            continue
        silent_s = (clock.monotonic_ns() - heard_ns) / (1_000 * NS_PER_MS)
        if silent_s > ASK_AFTER_S and not await _answers(streams):
            feed.mark_stale(f"no market event for {silent_s:.0f} s, and no answer")
            await streams.restart("the market stream does not answer")


async def _answers(streams: MarketStreams) -> bool:
    try:
        async with asyncio.timeout(ANSWER_S):
            await streams.barrier()
    except (TimeoutError, QuantlabError):
        return False
    return True
