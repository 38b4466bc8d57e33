"""Whatever order things happen in, the position cap holds at the venue, and the books end up equal.

A random walk over everything that can happen to orders: submits, lost answers and requests,
rejections, partial fills, ends, cancels, and reports that come late, twice, reordered or never. After
each step the venue itself is asked for the worst case. Equal seeds walk equal ways.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, Side
from quantlab.errors import OrderDenied
from quantlab.trading.resolver import Doubt
from quantlab.trading.states import OrderState

CAP = Decimal(1)  # BTC, at the one price of this walk
PRICE = Decimal(60_000)
LIMITS = Limits(max_position=CAP * PRICE, max_orders_per_second=1_000_000)
DOUBT = Doubt(settle_s=0.004, absences=2, pauses_s=(0.001,))


class Walk:
    """One random walk on one bench."""

    def __init__(self, bench: Any, limit: Callable[..., OrderRequest], seed: int, seen: Counter[str]) -> None:
        self.bench, self.limit, self.seen = bench, limit, seen
        self.random = random.Random(seed)
        self.calls: list[Any] = []
        self.told: list[Any] = []
        self.denials: set[str] = set()

    async def step(self) -> None:
        ways = [
            self.submit,
            self.submit,
            self.trade,
            self.trade,
            self.end,
            self.cancel,
            self.deliver,
            self.deliver,
        ]
        await self.random.choice([*ways, self.lose, self.reconcile])()
        if self.random.random() < 0.7:
            await asyncio.sleep(0)
        self.check()

    async def submit(self) -> None:
        self.bench.venue.answers.append(
            self.random.choice(["ack"] * 5 + ["reject", "lost", "lost", "lost, not placed"])
        )
        side = self.random.choice(list(Side))
        quantity = Decimal(self.random.randint(1, 40)) / 100
        try:
            sent = self.bench.gateway.submit(self.limit(side, quantity, PRICE))
        except OrderDenied as denied:
            self.denials |= {each.rail for each in denied.breaches}
            self.bench.venue.answers.pop()
            self.seen["denied"] += 1
        else:
            self.calls.append(sent)
            self.seen["sent"] += 1

    async def trade(self) -> None:
        orders = await self.bench.venue.open_orders()
        if orders:
            order = self.random.choice(orders)
            left = int((order.quantity - order.executed_quantity) * 100)
            part = Decimal(self.random.randint(1, left)) / 100
            self.bench.venue.trade(order.client_order_id, part, PRICE)
            self.seen["traded"] += 1

    async def end(self) -> None:
        orders = await self.bench.venue.open_orders()
        if orders:
            status = self.random.choice(["CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"])
            self.bench.venue.end(self.random.choice(orders).client_order_id, status)

    async def cancel(self) -> None:
        orders = self.bench.orders.open()
        if orders:
            self.calls.append(
                self.bench.gateway.cancel("BTCUSDT", self.random.choice(orders).client_order_id)
            )
            self.seen["cancelled"] += 1

    async def deliver(self) -> None:
        stream = self.bench.venue.stream
        for _ in range(self.random.randint(1, 4)):
            if self.told and self.random.random() < 0.2:
                self.bench.wire.post_order(self.random.choice(self.told))
                self.seen["told twice"] += 1
            elif stream:
                index = 0 if self.random.random() < 0.6 else self.random.randrange(len(stream))
                self.seen["reordered"] += index > 0
                self.told.append(stream.pop(index))
                self.bench.wire.post_order(self.told[-1])

    async def lose(self) -> None:
        if self.bench.venue.stream:
            self.bench.venue.stream.pop(self.random.randrange(len(self.bench.venue.stream)))
            self.seen["never told"] += 1

    async def reconcile(self) -> None:
        await self.bench.gateway.reconcile()
        self.seen["reconciled"] += 1

    def worst(self) -> tuple[Decimal, Decimal]:
        """By the venue's own records: long and short, if all that is open there traded."""
        held, buys, sells = Decimal(0), Decimal(0), Decimal(0)
        for order in self.bench.venue.orders.values():
            buy = order.side == "BUY"
            held += order.executed_quantity if buy else -order.executed_quantity
            if order.status in {"NEW", "PARTIALLY_FILLED"}:
                left = order.quantity - order.executed_quantity
                buys, sells = (buys + left, sells) if buy else (buys, sells + left)
        return held + buys, sells - held

    def check(self) -> None:
        long, short = self.worst()
        assert max(long, short) <= CAP, (long, short)
        self.seen["near the cap"] += max(long, short) > CAP * 9 / 10

    async def finish(self) -> None:
        """Everything answered, resolved and reconciled: our books are the venue's."""
        for call in self.calls:
            await asyncio.gather(asyncio.wait_for(_outcome(call), 5))
        async with asyncio.timeout(5):
            while any(each.state is OrderState.UNKNOWN for each in self.bench.orders):
                await asyncio.sleep(0.002)
        await self.bench.gateway.reconcile()
        venue, orders, portfolio = self.bench.venue.orders, self.bench.orders, self.bench.portfolio
        for order in orders:
            there = venue.get(order.client_order_id)
            self.seen[order.state] += 1
            if there is None:
                assert order.state in {OrderState.REJECTED, OrderState.NOT_PLACED, OrderState.DENIED}
                continue
            expected = {"NEW": "TAKEN", "EXPIRED_IN_MATCH": "EXPIRED"}.get(there.status, there.status)
            assert (order.state, order.filled) == (expected, there.executed_quantity)
            assert portfolio.booked(order.client_order_id) == there.executed_quantity
            left = there.quantity - there.executed_quantity if order.live else 0
            assert portfolio.reserved(order.client_order_id).base == left
        assert len(portfolio.fills) == len(self.bench.venue.trades)
        assert self.denials <= {"max_position"}
        submitted = self.bench.venue.submitted
        assert len(submitted) == len(set(submitted))
        assert not self.bench.wire.counters()["errors"]


async def _outcome(call: Any) -> None:
    try:
        await call
    except Exception:  # noqa: BLE001  # rejected, lost, unknown to the venue: all of them are part of the walk
        return


async def test_no_interleaving_breaks_the_position_cap(
    bench: Callable[..., Any], limit: Callable[..., OrderRequest], full: bool
) -> None:
    """Random walks of 120 steps, the cap checked at the venue after each, the books compared at the end."""
    seen: Counter[str] = Counter()
    for seed in range(1_500 if full else 40):
        made = await bench(limits=LIMITS, doubt=DOUBT)
        await made.gateway.reconcile(("BTCUSDT",))
        walk = Walk(made, limit, seed, seen)
        for _ in range(120):
            await walk.step()
        await walk.finish()
        assert not [each for each in made.gateway.alarms if "does not know it" not in each]
        made.wire.stop()
        made.journal.close()
        await made.bus.aclose()
    scarce = {name: count for name, count in seen.items() if count < 20}
    assert not scarce, seen
    assert {"denied", "near the cap", "told twice", "reordered", "never told", "NOT_PLACED"} <= set(seen)
