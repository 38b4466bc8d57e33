"""The venue runs for days: what it remembers is bounded, whatever its accounts do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from exchangekit import BUY, SELL, Desk, order

from quantlab.paper.records import REST_KEPT, Records

PAGE = os.sysconf("SC_PAGE_SIZE")
MB = 1_000_000


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def trade(desk: Desk, number: int) -> None:
    """Ten orders: a list, a stop, amendments, prevented and made trades, cancels; nothing stays open."""
    price = 50_000 + number % 400
    desk.limit("ada", BUY, 1, price)
    desk.limit("ada", SELL, "0.1", price, prevention="EXPIRE_TAKER")
    desk.limit("bob", SELL, "0.5", price)
    (mine,) = desk.exchange.open_orders("ada")
    desk.exchange.amend("ada", "BTCUSDT", mine.quantity * 3 / 4, order_id=mine.order_id, now_ms=desk.now_ms)
    desk.cancel("ada", mine.order_id)
    stop = desk.place("ada", BUY, "STOP_LOSS", "0.1", stop_price=price + 500)
    desk.cancel("ada", stop.order.order_id)
    pair = (
        order(SELL, "LIMIT_MAKER", "0.1", price=price + 500),
        order(SELL, "STOP_LOSS", "0.1", stop_price=price - 500),
    )
    desk.list("ada", "OCO", *pair)
    desk.exchange.cancel_all("ada", "BTCUSDT", desk.now_ms)
    for _ in range(3):
        desk.place("bob", BUY, "MARKET", "0.1")
    desk.limit("bob", BUY, "0.5", price)
    desk.place("ada", SELL, "MARKET", "0.5")
    desk.exchange.drain_events()


@pytest.mark.timeout(600)  # a million orders take two minutes
def test_memory_does_not_grow_with_the_number_of_orders(full: bool) -> None:
    """A million orders (fewer in a hurry): once the past is as long as it may be, nothing is added."""
    orders, kept = (1_000_000, 100_000) if full else (30_000, 2_000)
    records = Records(closed_kept=kept, trades_kept=kept, rest_kept=min(kept, REST_KEPT))
    desk = Desk(records=records)
    rounds = orders // 11 + 5  # eleven orders each
    for number in range(rounds * 3 // 5):
        trade(desk, number)
    before = resident()
    for number in range(rounds * 2 // 5):
        trade(desk, number)
    grown = resident() - before

    assert desk.exchange.drain_events() == []
    assert desk.exchange._last_order_id >= orders
    assert len(desk.exchange.all_orders("ada", "BTCUSDT", limit=10**9)) <= kept
    assert len(desk.exchange.trades("ada", "BTCUSDT", limit=10**9)) == kept
    assert len(desk.exchange.order_lists("ada", limit=10**9)) == min(kept, REST_KEPT)
    assert grown < (40 if full else 8) * MB, f"{grown / MB:.1f} MB"
