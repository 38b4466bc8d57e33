"""A stop of ours that was filled counts once, whoever tells it; after some of them the symbol rests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from scripted import WIDE, Bench

from quantlab.domain.orders import Side
from quantlab.trading.requests import stop_order

TWO = msgspec.structs.replace(WIDE, stops_before_cooldown=2, cooldown_ms=60_000)


async def test_a_stop_counts_once_and_also_where_only_reconciliation_tells_it(
    bench: Callable[..., Awaitable[Bench]],
) -> None:
    """Told twice, or in the wrong order, it is one; lost by the stream it is one as well."""
    b = await bench(limits=TWO)
    first = b.gateway.submit(stop_order(Side.SELL, "BTCUSDT", "0.1", stop_price="59000"))
    await first
    b.venue.trade(first.client_order_id, "0.04")
    b.venue.trade(first.client_order_id, "0.06")
    told = list(b.venue.stream)
    await b.deliver(2, 1, 0)  # its end first, what traded before it later
    b.venue.stream = told
    await b.deliver()
    assert len(b.portfolio.fills) == 2
    assert b.gateway.tempo.lasting().resting == {}

    second = b.gateway.submit(stop_order(Side.SELL, "BTCUSDT", "0.1", stop_price="59000"))
    await second
    b.venue.trade(second.client_order_id, "0.1")
    b.venue.stream.clear()
    await b.gateway.reconcile(("BTCUSDT",))
    assert len(b.portfolio.fills) == 3
    assert list(b.gateway.tempo.lasting().resting) == ["BTCUSDT"]
