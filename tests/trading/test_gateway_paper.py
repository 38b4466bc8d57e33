"""The whole way on the real thing: gateway, wire thread, client, user stream, and a paper venue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from papercore import Core, D, eventually, script
from scripted import WIDE, mistake

from quantlab.domain.orders import Side
from quantlab.errors import OrderDenied, OrderRejected
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.journal import Journal, read, verify
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.states import OrderState as S


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    """A venue on which only its two accounts trade."""
    async with PaperVenue(market="none") as venue:
        yield venue


@pytest.fixture
async def core(venue: PaperVenue, journal_at: Callable[..., Journal]) -> AsyncIterator[Core]:
    core = Core(venue, journal_at())
    await core.open()
    yield core
    await core.close()


@pytest.fixture
async def other(venue: PaperVenue) -> AsyncIterator[Callable[..., Any]]:
    """The second account."""
    async with script(venue) as send:
        yield send


async def test_a_resting_order_is_filled_by_reports_and_the_ledger_is_the_venues(
    core: Core, other: Callable[..., Any]
) -> None:
    """Taken, two partial fills, filled; quantity, cost and balances equal the venue's to the last digit."""
    order = await core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.03", "60000.01"))
    assert (order.state, order.filled) == (S.TAKEN, 0)
    await other(Side.SELL, "0.01", "59999")
    await other(Side.SELL, "0.02", "60000.01")
    await asyncio.wait_for(core.gateway.settled(order.client_order_id, D("0.03")), 30)
    assert (order.state, order.average_price) == (S.FILLED, D("60000.01"))

    trades = await core.wire.call(lambda: core.client.my_trades("BTCUSDT"))
    account = await core.wire.call(core.client.account)
    fills = core.portfolio.fills
    assert [(each.trade_id, each.price, each.quantity, each.commission) for each in fills] == [
        (each.trade_id, each.price, each.quantity, each.commission) for each in trades
    ]
    await eventually(
        lambda: {each.asset: each for each in account.balances}.items() <= core.portfolio.balances.items()
    )
    position = core.portfolio.positions["BTCUSDT"]
    assert (position.quantity, position.average_price) == (D("0.03"), D("60000.01"))
    assert position.fees == {trades[0].commission_asset: sum(each.commission for each in trades)}


async def test_an_order_that_trades_at_once_is_filled_when_await_returns(
    core: Core, other: Callable[..., Any]
) -> None:
    """The answer waits for the stream: state and fills are by report, and they are there."""
    await other(Side.SELL, "0.05", "60010")
    order = await core.gateway.submit(market_order(Side.BUY, "BTCUSDT", quote_quantity="600.10"))
    assert (order.state, order.filled) == (S.FILLED, D("0.01"))
    assert [each.price for each in core.portfolio.fills] == [D("60010")]


async def test_a_denied_order_never_reaches_the_venue(core: Core, venue: PaperVenue) -> None:
    """An order above max_order_notional is denied before any byte is sent."""
    with pytest.raises(OrderDenied) as denied:
        core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "2", "60000"))
    assert [each.rail for each in denied.value.breaches] == ["max_order_notional"]
    assert venue.requests == []


async def test_the_venues_own_refusal_is_a_rejection(core: Core) -> None:
    """More than the account holds passes the rails' limits, and the venue says no."""
    core.gateway.rails.limits = WIDE
    mistake(core.portfolio)
    sent = core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "50", "60000"))
    with pytest.raises(OrderRejected, match="-2010"):
        await sent
    assert sent.order.state is S.REJECTED


async def test_cancels_pass_a_halt_and_end_orders_by_report(core: Core, venue: PaperVenue) -> None:
    """One by its id, the rest by cancel-all; every order at the venue has its line in the journal."""
    sent = [core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.01", "59000")) for _ in range(4)]
    orders = [await each for each in sent]
    core.latch.set("drill")
    await core.gateway.cancel("BTCUSDT", orders[0].client_order_id)
    await core.gateway.cancel_all()
    await eventually(lambda: all(each.state is S.CANCELED for each in orders))
    placed = {each.client_order_id for each in orders}
    intents = [bytes(line.data).decode() for line in read(core.journal.path) if line.kind == "intent"]
    assert all(any(f'"{name}"' in line for line in intents) for name in placed)
    assert len([each for each in venue.requests if each.method == "POST"]) == 4


async def test_a_new_kernel_adopts_what_is_open_and_the_journal_goes_on(
    core: Core, venue: PaperVenue, other: Callable[..., Any], journal_at: Callable[..., Journal], key: Secret
) -> None:
    """K6: The kernel is gone, an order is open; the next one finds it and books what it trades from there."""
    order = await core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.03", "60000"))
    await other(Side.SELL, "0.01", "60000")
    await asyncio.wait_for(core.gateway.settled(order.client_order_id, D("0.01")), 30)
    core.wire.stop()
    core.journal.close()

    after = Core(venue, journal_at())
    core.wire, core.client, core.journal, core.bus = after.wire, after.client, after.journal, after.bus
    await after.open()
    adopted = after.orders.get(order.client_order_id)
    assert adopted is not None
    assert (adopted.state, adopted.filled, len(after.portfolio.fills)) == (S.PARTIALLY_FILLED, D("0.01"), 0)
    await other(Side.SELL, "0.02", "60000")
    await asyncio.wait_for(after.gateway.settled(order.client_order_id, D("0.03")), 30)
    assert (adopted.state, after.portfolio.positions["BTCUSDT"].quantity) == (S.FILLED, D("0.02"))
    after.journal.close()
    assert verify(after.journal.path, key).ok
