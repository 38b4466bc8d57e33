"""The engine's orders go by the WebSocket API while it is up: in their order, once, and none after a HALT."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from faultproxy import FaultProxy

from quantlab.binance.ordersocket import OrderSocket
from quantlab.config import Settings
from quantlab.control.commands import SubmitOrder
from quantlab.domain.limits import Limits
from quantlab.engine import Engine
from quantlab.errors import Halted, OrderOutcomeUnknown
from quantlab.paper.faults.reading import from_text
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order
from quantlab.trading.states import OrderState

WIDE = Limits(
    max_orders_per_second=10_000,
    max_order_notional=Decimal(10**9), max_position=Decimal(10**9), max_identical_orders=10_000,
    max_repeats=10_000, max_open_orders=10_000,
)  # fmt: skip


async def until(condition: Callable[[], object], what: str, timeout_s: float = 45) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"never came true: {what}")


def ways(venue: PaperVenue) -> list[tuple[str, str | None]]:
    """How each new order came, and under which id."""
    new = {("WS", "order.place"), ("POST", "/api/v3/order")}
    return [(each.method, each.client_order_id) for each in venue.requests if (each.method, each.path) in new]


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    async with PaperVenue(terms=Terms(orders_10s=10_000)) as venue:
        yield venue


@pytest.fixture
async def proxy(venue: PaperVenue) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(venue.ws_api) as proxy:
        yield proxy


@pytest.fixture
async def engine(
    venue: PaperVenue,
    proxy: FaultProxy,
    start: Callable[..., Engine],
    home: Path,
    token: Secret,
    tmp_path: Path,
) -> Engine:
    """An armed engine whose limits stop nothing, on a venue of the test's own; its fast path is up."""
    profile = tmp_path / "venue.toml"
    profile.write_text(
        f'rest = "{venue.rest}"\nws = "{venue.ws}"\nws_api = "{proxy.url}"\nsymbols = ["BTCUSDT"]\n'
    )
    key, secret = venue.accounts[0]
    engine = start(
        Settings.from_environment(
            {"QUANTLAB_HOME": str(home), "QUANTLAB_VENUE": str(profile),
             "QUANTLAB_API_KEY": key, "QUANTLAB_API_SECRET": secret}
        ),
        deterministic=False,
    )  # fmt: skip
    await engine.ready()
    engine.arm(token)
    engine.rails.limits = WIDE
    await until(lambda: fast(engine).up, "orders have their socket")
    return engine


def fast(engine: Engine) -> OrderSocket:
    socket = engine.linked().client.socket
    assert socket is not None
    return socket


def buy(price: int = 58_000) -> SubmitOrder:
    return SubmitOrder(limit_order("BUY", "BTCUSDT", "0.001", str(price)))


async def test_the_orders_of_one_turn_reach_the_venue_as_they_were_sent(
    engine: Engine, venue: PaperVenue
) -> None:
    """Sixty in one turn of the kernel."""
    handles = [engine.execute(buy(58_000 + number)).send() for number in range(60)]
    await asyncio.gather(*handles)
    assert ways(venue) == [("WS", each.client_order_id) for each in handles]


async def test_without_the_socket_orders_go_by_rest_and_with_it_by_it_again(
    engine: Engine, venue: PaperVenue, proxy: FaultProxy
) -> None:
    """The venue acts and hangs up: that order is found by its id, the next one goes the other way, once."""
    venue.session.faults.add(from_text("lost_reply:endpoint=order.place,count=1"))
    proxy.refuse()  # nobody comes back before the second order
    with pytest.raises(OrderOutcomeUnknown):
        await engine.execute(buy())
    await engine.execute(buy())
    await proxy.accept()
    await until(lambda: fast(engine).up, "the socket is back")
    await engine.execute(buy())
    assert [way for way, _ in ways(venue)] == ["WS", "POST", "WS"]
    assert len({name for _, name in ways(venue)}) == 3
    await until(lambda: {each.state for each in engine.orders.open()} == {OrderState.TAKEN}, "all are known")


async def test_orders_behind_a_full_socket_do_not_leave_after_the_halt(
    engine: Engine, venue: PaperVenue, proxy: FaultProxy
) -> None:
    """HALT right behind 190 orders (the symbol takes 200): what was written is cancelled, the rest stays."""
    handles = [engine.execute(buy()).send() for _ in range(190)]
    engine.halt("drill")
    outcomes = await asyncio.gather(*handles, return_exceptions=True)
    stopped = {
        each.client_order_id for each, got in zip(handles, outcomes, strict=True) if isinstance(got, Halted)
    }
    assert stopped
    assert stopped.isdisjoint(name for _, name in ways(venue))
    await until(lambda: not list(venue.exchange.open_orders("account-1")), "nothing stays open")
