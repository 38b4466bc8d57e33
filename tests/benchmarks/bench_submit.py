"""From `gateway.submit` to the socket write: what the core adds to the client's own way, in one run.

One order after another against `quantlab venue` on loopback, by four ways in interleaved rounds, over the
WebSocket API as in a kernel, or by REST:

    client        the client alone, on a loop of its own: a permit that is ready, until its bytes are written
    core, 1 loop  decision, reservation, journal line and client on one loop; the disk is not waited for
    core          the same with the wire on its own thread, as in a kernel; the disk is not waited for
    core, synced  the same, and the intent's line is on the disk before the order leaves

The write is where the HALT latch is asked last. Prints one JSON document: microseconds, p50 and p99 of each
way, `added` against the client, processor time of all threads until then (the steadier figure on a machine
that others use), each way's best round, what each of 20 orders takes that are sent at once, until the last
one's write, one sync of this disk by itself, and what a decision costs. An order by itself finds the
processor's caches cold, twenty at once share the warming. Asserts nothing.

    PYTHONPATH=. python tests/benchmarks/bench_submit.py [--orders 400] [--rounds 5] [--rest]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.bus import Bus
from quantlab.clock import SystemClock
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest
from quantlab.paper.spawn import EmbeddedVenue, VenueAddress
from quantlab.topics import CATALOGUE
from quantlab.trading.asking import Conditions
from quantlab.trading.exposure import BookView, Exposure
from quantlab.trading.gateway import Gateway
from quantlab.trading.journal import Journal, load_key
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Rails
from quantlab.trading.requests import limit_order
from quantlab.trading.sender import OrderSender
from quantlab.wire import HaltLatch, Wire

CLOCK = SystemClock()
PRICE = Decimal(60_000)
BURST = 20  # orders that are sent at once
LIMITS = Limits(
    max_orders_per_second=1_000_000, max_repeats=1_000_000, max_identical_orders=1_000_000,
    max_cancels_per_second=1_000_000,
)  # fmt: skip
CALM = Conditions(
    health="OK", health_age_ms=0, budget_left=1_000_000,
    book=BookView(bid=PRICE - 1, ask=PRICE + 1, low=PRICE, high=PRICE),
)  # fmt: skip
LOW = limit_order("BUY", "BTCUSDT", "0.001", "58000")


def now() -> tuple[int, int]:
    """Nanoseconds of the clock, and of processor time that all threads of this process have used."""
    return time.perf_counter_ns(), time.process_time_ns()


def since(began: tuple[int, int], ended: tuple[int, int]) -> tuple[int, int]:
    return ended[0] - began[0], ended[1] - began[1]


class Watch(HaltLatch):
    """Notes when it was asked last: that is the write."""

    asked = (0, 0)

    def check(self, generation: int | None = None) -> None:
        self.asked = now()
        super().check(generation)


class Quote(NamedTuple):
    price: Decimal
    event_ms: int


class Way:
    """One way to send: `once` gives the nanoseconds from the call to the write, by clock and by CPU."""

    def __init__(self, address: VenueAddress, socket: bool) -> None:
        key, secret = address.credentials()
        self.watch = Watch()
        self.client = BinanceClient(
            address.rest, clock=CLOCK, credentials=Credentials(key, secret), latch=self.watch,
            ws_api=address.ws_api if socket else "",
        )  # fmt: skip
        self.number = 0

    async def connect(self) -> None:
        """On the loop that the client is used on."""
        await self.client.__aenter__()
        await self.client.sync_clock()
        if self.client.socket is not None:
            await self.client.socket.wait_up()

    async def start(self, folder: Path) -> None:
        raise NotImplementedError

    async def once(self) -> tuple[int, int]:
        raise NotImplementedError

    async def burst(self, count: int) -> tuple[int, int]:
        """Send `count` orders at once; as `once`, until the last one's write, by each order."""
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError


class Alone(Way):
    """The client with a permit that is ready."""

    async def start(self, folder: Path) -> None:
        await self.connect()
        self.info = await self.client.exchange_info()
        self.balances = (await self.client.account()).balances
        self.rails = Rails(LIMITS)

    def permit(self, request: OrderRequest) -> Any:
        exposure = Exposure.alone(
            instrument=self.info.instruments["BTCUSDT"], reference_price=PRICE, price_age_ms=0,
            balances=self.balances,
        )  # fmt: skip
        decision, permit = self.rails.decide(
            request, exposure, now_ns=CLOCK.monotonic_ns(), state_sequence=0, halts=0
        )
        assert permit, decision
        return permit

    async def once(self) -> tuple[int, int]:
        self.number += 1
        request = msgspec.structs.replace(LOW, client_order_id=f"alone-{os.getpid()}-{self.number}")
        permit = self.permit(request)
        began = now()
        await self.client.submit_order(request, permit)
        written = since(began, self.watch.asked)
        await self.client.cancel_order("BTCUSDT", client_order_id=request.client_order_id)
        return written

    async def burst(self, count: int) -> tuple[int, int]:
        names = [f"burst-{os.getpid()}-{self.number + n}" for n in range(count)]
        self.number += count
        requests = [msgspec.structs.replace(LOW, client_order_id=name) for name in names]
        permits = [self.permit(request) for request in requests]
        began = now()
        await asyncio.gather(*map(self.client.submit_order, requests, permits))
        took, used = since(began, self.watch.asked)
        for name in names:
            await self.client.cancel_order("BTCUSDT", client_order_id=name)
        return took // count, used // count

    async def stop(self) -> None:
        await self.client.aclose()


class Core(Way):
    """The whole core around the client."""

    def __init__(self, address: VenueAddress, socket: bool, *, thread: bool, synced: bool) -> None:
        super().__init__(address, socket)
        self.thread, self.synced = thread, synced

    async def start(self, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        self.wire = Wire(loop, self.apply, loop=None if self.thread else loop)
        more: dict[str, Any] = {} if self.synced else {"sync": None}
        self.journal = Journal(
            folder / f"{id(self)}.journal", key=load_key(folder), clock=CLOCK, instance="bench",
            account="bench", level="L0 paper", **more,
        )  # fmt: skip
        rails = Rails(LIMITS)
        sender = OrderSender(
            client=self.client, journal=self.journal, latch=self.watch, post=self.wire.post_order,
            limits_version=lambda: rails.limits.version,
        )  # fmt: skip
        self.portfolio, self.orders = Portfolio(), Orders()
        self.gateway = Gateway(
            wire=self.wire, sender=sender, bus=Bus(CLOCK, catalogue=CATALOGUE), clock=CLOCK, rails=rails,
            portfolio=self.portfolio, orders=self.orders, journal=self.journal, latch=self.watch,
            reference=lambda _: Quote(PRICE, CLOCK.now_ms()), conditions=lambda _: CALM,
        )  # fmt: skip
        self.wire.start()
        await self.wire.call(self.connect)
        info = await self.wire.call(self.client.exchange_info)
        self.portfolio.instruments.update(info.instruments)
        self.portfolio.mark("BTCUSDT", PRICE, CLOCK.now_ms())
        await self.gateway.reconcile(("BTCUSDT",))

    def apply(self, message: object) -> None:
        self.gateway.apply(message)

    async def once(self) -> tuple[int, int]:
        began = now()
        sent = self.gateway.submit(LOW)
        order = await sent
        written = since(began, self.watch.asked)
        self.number += 1
        await self.gateway.cancel("BTCUSDT", order.client_order_id)
        self.gateway.portfolio.release(order.client_order_id)  # no user stream here tells its end
        return written

    async def burst(self, count: int) -> tuple[int, int]:
        began = now()
        orders = await asyncio.gather(*[self.gateway.submit(LOW) for _ in range(count)])
        took, used = since(began, self.watch.asked)
        for order in orders:
            await self.gateway.cancel("BTCUSDT", order.client_order_id)
            self.gateway.portfolio.release(order.client_order_id)
        return took // count, used // count

    async def stop(self) -> None:
        await self.wire.call(self.client.aclose)
        self.wire.stop()
        self.journal.close()


def disk(folder: Path, count: int) -> list[int]:
    """One line written and synced, again and again, with nothing around it."""
    took = []
    with (folder / "plain").open("ab") as plain:
        for _ in range(count):
            began = time.perf_counter_ns()
            plain.write(b"x" * 600)
            plain.flush()
            os.fdatasync(plain.fileno())
            took.append(time.perf_counter_ns() - began)
    return took


def decisions(way: Alone, count: int) -> list[int]:
    took = []
    for _ in range(count):
        request = msgspec.structs.replace(LOW, client_order_id="decided")
        began = time.perf_counter_ns()
        way.permit(request)
        took.append(time.perf_counter_ns() - began)
    return took


def shown(took: list[int]) -> dict[str, float]:
    ranks = statistics.quantiles(took, n=100)
    return {"p50_us": round(ranks[49] / 1_000, 1), "p99_us": round(ranks[98] / 1_000, 1)}


def shares(took: list[tuple[int, int]]) -> tuple[float, float]:
    """Medians in microseconds: by the clock, by processor time."""
    wall, used = (statistics.median(values) / 1_000 for values in zip(*took, strict=True))
    return round(wall, 1), round(used, 1)


async def main(orders: int, rounds: int, socket: bool) -> None:
    venue = EmbeddedVenue(
        ["--market", "none", "--orders-10s", "1000000", "--orders-1d", "100000000", "--weight-1m", "1000000"]
    )
    venue.spawn()
    address = await venue.address()
    ways: dict[str, Callable[[], Way]] = {
        "client": lambda: Alone(address, socket),
        "core, 1 loop": lambda: Core(address, socket, thread=False, synced=False),
        "core": lambda: Core(address, socket, thread=True, synced=False),
        "core, synced": lambda: Core(address, socket, thread=True, synced=True),
    }
    took: dict[str, list[tuple[int, int]]] = {name: [] for name in ways}
    bursts: dict[str, list[tuple[int, int]]] = {name: [] for name in ways}
    rounds_p50: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # the disk that a journal would be on
        folder = Path(name)
        for _ in range(rounds):
            for each, make in ways.items():
                way = make()
                await way.start(folder)
                for _ in range(20):
                    await way.once()
                round_ = [await way.once() for _ in range(orders // rounds)]
                took[each] += round_
                bursts[each] += [await way.burst(BURST) for _ in range(max(2, orders // rounds // BURST))]
                rounds_p50[each].append(statistics.median(wall for wall, _ in round_) / 1_000)
                if isinstance(way, Alone):
                    decided = decisions(way, 500)
                await way.stop()
        synced = disk(folder, 200)
    venue.stop()
    table = {each: shown([wall for wall, _ in values]) for each, values in took.items()}
    cpu = {each: statistics.median(used for _, used in values) / 1_000 for each, values in took.items()}
    alone, best = table["client"]["p50_us"], {each: min(p50s) for each, p50s in rounds_p50.items()}
    together = {each: shares(values) for each, values in bursts.items()}
    print(
        json.dumps(
            {
                "orders": orders,
                "by": "WebSocket API" if socket else "REST",
                "ways": table,
                "added_p50_us": {each: round(row["p50_us"] - alone, 1) for each, row in table.items()},
                "cpu_p50_us": {
                    each: {"used": round(used, 1), "added": round(used - cpu["client"], 1)}
                    for each, used in cpu.items()
                },
                "best_round": {
                    each: {"p50_us": round(p50, 1), "added_us": round(p50 - best["client"], 1)}
                    for each, p50 in best.items()
                },
                f"each_of_{BURST}_at_once": {
                    each: {
                        "p50_us": wall,
                        "added_us": round(wall - together["client"][0], 1),
                        "cpu_us": used,
                        "added_cpu_us": round(used - together["client"][1], 1),
                    }
                    for each, (wall, used) in together.items()
                },
                "one_sync": shown(synced),
                "one_decision_with_its_exposure": shown(decided),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--orders", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rest", action="store_true", help="send by REST instead of the WebSocket API")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.orders, arguments.rounds, not arguments.rest))
