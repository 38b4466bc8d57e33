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
CLOCK_SYNC_S = 60.0
LISTEN_S = 0.25
STALE_AFTER_S = 1.5  # depth comes every 100 ms
RESTART_AFTER_S = 8.0


async def keep_warm(*clients: BinanceClient) -> NoReturn:
    """Keep a connection of each client open, so that a HALT or a cancel never waits for a handshake."""
    while True:
        for client in clients:
            with contextlib.suppress(QuantlabError):  # the monitor reports an unreachable venue
                await client.ping()
        await asyncio.sleep(KEEP_WARM_S)


async def keep_clock(client: BinanceClient) -> NoReturn:
    """Measure the venue's clock each minute."""
    while True:
        await asyncio.sleep(CLOCK_SYNC_S)
        with contextlib.suppress(QuantlabError):  # the last offset stays; the monitor shows its age
            await client.sync_clock()


async def watch_silence(streams: MarketStreams, feed: Feed, clock: Clock) -> NoReturn:
    """A stalled connection says no goodbye: its books are stale at once, then it is made anew.

    Only where something was heard before: a market may be held, or nobody may trade.
    """
    restarted_ns = 0
    while True:
        await asyncio.sleep(LISTEN_S)
        heard_ns = streams.last_message_ns
        if heard_ns is None or not streams.connected:
            continue
        silent_s = (clock.monotonic_ns() - max(heard_ns, restarted_ns)) / (1_000 * NS_PER_MS)
        if silent_s > RESTART_AFTER_S:
            restarted_ns = clock.monotonic_ns()
            await streams.restart(f"no market event for {silent_s:.0f} s")
        elif silent_s > STALE_AFTER_S and feed.synced:
            feed.mark_stale(f"no market event for {silent_s:.0f} s")
