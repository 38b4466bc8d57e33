"""Instruments, requests and reports to build stories from, a journal in a folder of its own, and a
bench: the whole trading core on one loop, against a venue whose answers a test can lose.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no packages: papercore.py stands beside them
sys.path.append(str(Path(__file__).parents[1]))  # faultproxy.py stands above

from scripted import BTC, Bench

from quantlab.clock import ManualClock
from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits
from quantlab.domain.orders import (
    ExecutionReport,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
)
from quantlab.secret import Secret
from quantlab.trading.journal import Journal, load_key

_trades = itertools.count(1)


@pytest.fixture
def btc() -> Instrument:
    return BTC


@pytest.fixture
def limit() -> Callable[..., OrderRequest]:
    """A limit order: 0.1 BTC at 60000 unless said."""

    def build(
        side: Side = Side.BUY, quantity: Any = "0.1", price: Any = "60000", **more: Any
    ) -> OrderRequest:
        fields: dict[str, Any] = {"symbol": "BTCUSDT", "time_in_force": TimeInForce.GTC, **more}
        return OrderRequest(
            side=side, type=OrderType.LIMIT, quantity=Decimal(quantity), price=Decimal(price), **fields
        )

    return build


@pytest.fixture
def report() -> Callable[..., ExecutionReport]:
    """An execution report of a buy of 1 BTC at 60000, client id "a-1"; a fill where `last` is given."""

    def build(
        status: str = "NEW",
        cumulative: object = "0",
        last: object = "0",
        price: object = "60000",
        **more: Any,
    ) -> ExecutionReport:
        done, now, each = Decimal(cumulative), Decimal(last), Decimal(price)
        fields: dict[str, Any] = {
            "symbol": "BTCUSDT",
            "order_id": 1,
            "client_order_id": "a-1",
            "side": "BUY",
            "type": "LIMIT",
            "time_in_force": "GTC",
            "quantity": Decimal(1),
            "price": Decimal(60_000),
            "execution_type": "TRADE" if now else status,
            "status": status,
            "reject_reason": "NONE",
            "last_quantity": now,
            "last_price": each if now else Decimal(0),
            "cumulative_quantity": done,
            "cumulative_quote": done * each,
            "commission": Decimal(0),
            "commission_asset": None,
            "trade_id": next(_trades) if now else -1,
            "execution_id": -1,
            "is_maker": False,
            "event_ms": 1_000,
            "transact_ms": 1_000,
        }
        return ExecutionReport(**fields | more)

    return build


@pytest.fixture
def key(tmp_path: Path) -> Secret:
    return load_key(tmp_path / "home")


@pytest.fixture
def journal_at(tmp_path: Path, key: Secret) -> Iterator[Callable[..., Journal]]:
    """Opens journals (by default one file, the same each time); closes what a test left open."""
    opened: list[Journal] = []

    def build(name: str = "one.journal", **more: Any) -> Journal:
        fields: dict[str, Any] = {"instance": "venue-1", "account": "paper-0", "level": "L0 paper"}
        journal = Journal(tmp_path / name, key=key, clock=ManualClock(), **fields | more)
        opened.append(journal)
        return journal

    yield build
    for journal in opened:
        journal.close()


@pytest.fixture
async def bench(journal_at: Callable[..., Journal]) -> AsyncIterator[Callable[..., Bench]]:
    """Makes benches; stops what a test left running."""
    benches: list[Bench] = []

    async def build(*, limits: Limits | None = None, journal: Journal | None = None, **sender: Any) -> Bench:
        journal = journal or journal_at(f"{len(benches)}.journal", thread=False)
        made = Bench(journal, ManualClock(), limits or Limits(max_orders_per_second=1_000_000), sender)
        await made.listen()
        benches.append(made)
        return made

    yield build
    for made in benches:
        made.wire.stop()
        await asyncio.sleep(0)
        await made.bus.aclose()
