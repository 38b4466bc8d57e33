"""A trading core on a wire thread of its own, at one account of a paper venue, and a script at another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from scripted import calm

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.binance.wsapi import UserStream
from quantlab.bus import Bus
from quantlab.clock import SystemClock
from quantlab.domain.orders import OrderRequest, Side
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.topics import CATALOGUE
from quantlab.trading.gateway import Gateway
from quantlab.trading.journal import Journal
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Exposure, Rails
from quantlab.trading.requests import limit_order
from quantlab.trading.resolver import Doubt
from quantlab.trading.sender import OrderSender
from quantlab.wire import HaltLatch, Wire

CLOCK = SystemClock()
D = Decimal


class Quote(NamedTuple):
    """A market price and its event time."""

    price: Decimal
    event_ms: int


class Core:
    """A trading core on its own wire thread, connected to one account of a venue."""

    def __init__(
        self, venue: PaperVenue, journal: Journal, *,
        rest: str = "", timeout_s: float = 10.0, doubt: Doubt = Doubt(),  # noqa: B008  # frozen
    ) -> None:  # fmt: skip
        self.venue, self.journal, self.latch = venue, journal, HaltLatch()
        self.refusals: list[tuple[int, str]] = []
        api_key, api_secret = venue.accounts[0]
        credentials = Credentials(api_key, Secret(api_secret))
        self.wire = Wire(asyncio.get_running_loop(), self.apply)
        self.client = BinanceClient(
            rest or venue.rest, clock=CLOCK, credentials=credentials, latch=self.latch, timeout_s=timeout_s
        )
        self.live = asyncio.Event()
        self.user = UserStream(
            venue.ws_api,
            credentials=credentials,
            clock=self.client.venue_clock,
            on_event=self.wire.post_order,
            on_state=lambda state, _: self.wire.post_order(state),
        )
        sender = OrderSender(
            client=self.client,
            journal=journal,
            latch=self.latch,
            limits_version=lambda: self.gateway.rails.limits.version,
            post=self.wire.post_order,
            barrier=self.user.barrier,
            doubt=doubt,
        )
        self.bus, self.orders, self.portfolio = Bus(CLOCK, catalogue=CATALOGUE), Orders(), Portfolio()
        self.gateway = Gateway(
            wire=self.wire,
            sender=sender,
            bus=self.bus,
            clock=CLOCK,
            rails=Rails(),
            portfolio=self.portfolio,
            orders=self.orders,
            journal=journal,
            latch=self.latch,
            reference=lambda _: Quote(D(60_000), CLOCK.now_ms()),
            conditions=lambda _: calm(D(60_000)),
            on_refused=lambda code, reason: self.refusals.append((code, reason)),
        )

    def apply(self, message: object) -> None:
        if message == "live":
            self.live.set()
        elif not isinstance(message, str):
            self.gateway.apply(message)

    async def open(self) -> None:
        self.wire.start()
        await self.wire.call(self.client.sync_clock)
        info = await self.wire.call(self.client.exchange_info)
        self.portfolio.instruments.update(info.instruments)
        self.portfolio.mark("BTCUSDT", D(60_000), CLOCK.now_ms())
        self.wire.spawn(self.user.run, "user stream")
        await asyncio.wait_for(self.live.wait(), 30)
        await self.gateway.reconcile(("BTCUSDT",))

    async def close(self) -> None:
        await self.wire.call(self.client.aclose)
        self.wire.stop()
        self.journal.close()
        await self.bus.aclose()


@asynccontextmanager
async def script(venue: PaperVenue, account: int = 1) -> AsyncIterator[Callable[..., Any]]:
    """An account as a script uses the client: with rails of its own."""
    api_key, api_secret = venue.accounts[account]
    rails = Rails()
    async with BinanceClient(
        venue.rest, clock=CLOCK, credentials=Credentials(api_key, Secret(api_secret))
    ) as client:
        info = await client.exchange_info()
        numbers = iter(range(1_000))

        async def send(side: Side, quantity: str, price: str) -> None:
            request = limit_order(side, "BTCUSDT", quantity, price)
            fields = {name: getattr(request, name) for name in request.__struct_fields__}
            request = OrderRequest(**fields | {"client_order_id": f"other-{next(numbers)}"})
            exposure = Exposure.alone(
                instrument=info.instruments["BTCUSDT"], reference_price=D(60_000), price_age_ms=0,
                balances=(await client.account()).balances,
            )  # fmt: skip
            _, permit = rails.decide(request, exposure, now_ns=CLOCK.monotonic_ns(), state_sequence=0)
            assert permit
            await client.submit_order(request, permit)

        yield send


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)
