"""Every way to send, on the real thing: gateway, wire thread, client, user stream, and a paper venue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from papercore import Core, D, eventually, script
from scripted import WIDE, mistake

from quantlab.domain.order_lists import AmendRequest, CancelRestriction, ReplaceRequest
from quantlab.domain.orders import Side
from quantlab.errors import Halted, InvalidField, OrderDenied, OrderOutcomeUnknown, OrderRejected
from quantlab.paper.venue import PaperVenue
from quantlab.trading.ids import strategy_of
from quantlab.trading.journal import Journal, read
from quantlab.trading.list_requests import bracket, one_cancels_other, one_triggers_other
from quantlab.trading.order import Order
from quantlab.trading.recovery import recovered
from quantlab.trading.requests import limit_maker, limit_order, market_order, stop_order
from quantlab.trading.resolver import Doubt
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


def under_way(core: Core, side: Side) -> Any:
    seen = core.portfolio.exposure_for(
        limit_order(side, "BTCUSDT", "1", "1"), reference_price=None, price_age_ms=None, orders_last_second=0
    )
    return seen.buying if side is Side.BUY else seen.selling


async def test_a_bracket_enters_and_its_profit_ends_its_stop(core: Core, other: Callable[..., Any]) -> None:
    """Three orders of ours with ids of their own; the pair counts once; one report ends the other."""
    orders = await core.gateway.submit(
        bracket("BUY", "BTCUSDT", "0.02", "59900", take_profit="60100", stop_loss="59000")
    )
    entry, profit, stop = orders
    assert len({each.client_order_id for each in orders}) == 3
    assert [each.live for each in orders] == [True] * 3
    assert (under_way(core, Side.BUY), under_way(core, Side.SELL)) == (D("0.02"), D("0.02"))

    await other(Side.SELL, "0.02", "59900")
    await eventually(lambda: entry.state is S.FILLED and profit.state is S.TAKEN)
    await other(Side.BUY, "0.02", "60100")
    await eventually(lambda: profit.state is S.FILLED and not stop.live)
    assert core.portfolio.positions["BTCUSDT"].quantity == 0
    assert (under_way(core, Side.BUY), under_way(core, Side.SELL)) == (0, 0)


async def test_a_denied_list_leaves_no_byte_and_no_reservation(core: Core, venue: PaperVenue) -> None:
    """One order of it is enough; the answer names which, and every order of it is DENIED."""
    with pytest.raises(OrderDenied, match="order 2 of 3") as denied:
        core.gateway.submit(
            bracket("BUY", "BTCUSDT", "0.02", "59900", take_profit="70000", stop_loss="59000")
        )
    assert [each.rail for each in denied.value.breaches] == ["price_collar"]
    assert [each.state for each in core.orders] == [S.DENIED] * 3
    assert under_way(core, Side.BUY) == 0
    assert venue.requests == []


async def test_a_list_that_the_venue_refuses_is_rejected_as_a_whole(core: Core) -> None:
    """More than the account holds."""
    core.gateway.rails.limits = WIDE
    mistake(core.portfolio)
    sent = core.gateway.submit(
        one_cancels_other("SELL", "BTCUSDT", "140", take_profit="60100", stop_loss="59000")
    )
    with pytest.raises(OrderRejected):
        await sent
    assert {each.state for each in sent.orders} == {S.REJECTED}
    assert under_way(core, Side.SELL) == 0


async def test_a_chain_places_its_second_order_once_the_first_is_filled(
    core: Core, other: Callable[..., Any]
) -> None:
    """An OTO; cancelling the first ends both."""
    first = limit_order(Side.BUY, "BTCUSDT", "0.01", "59900")
    then = limit_order(Side.SELL, "BTCUSDT", "0.01", "60500")
    entry, leave = await core.gateway.submit(one_triggers_other(first, then))
    await other(Side.SELL, "0.01", "59900")
    await eventually(lambda: entry.state is S.FILLED)
    await other(Side.BUY, "0.01", "60500")
    await eventually(lambda: leave.state is S.FILLED)
    entry, leave = await core.gateway.submit(one_triggers_other(first, then))
    await core.gateway.cancel("BTCUSDT", entry.client_order_id)
    await eventually(lambda: not entry.live and not leave.live)
    assert (under_way(core, Side.BUY), under_way(core, Side.SELL)) == (0, 0)


async def test_a_stop_waits_and_then_trades(core: Core, other: Callable[..., Any]) -> None:
    """A stop-loss of what was bought; a post-only order is a way of its own."""
    await other(Side.SELL, "0.01", "60000")
    await core.gateway.submit(market_order(Side.BUY, "BTCUSDT", "0.01"))
    await core.gateway.submit(limit_maker(Side.BUY, "BTCUSDT", "0.01", "59000"))
    stop = await core.gateway.submit(
        stop_order(Side.SELL, "BTCUSDT", "0.01", stop_price="59500"), reduce_only=True
    )
    assert (stop.state, under_way(core, Side.SELL)) == (S.TAKEN, D("0.01"))
    await other(Side.BUY, "0.02", "59400")
    await core.gateway.submit(limit_order(Side.SELL, "BTCUSDT", "0.01", "59400"))  # now it is the last price
    await eventually(lambda: stop.state is S.FILLED)
    assert core.portfolio.positions["BTCUSDT"].quantity == D("-0.01")


async def test_reduce_only_is_never_more_than_the_position(core: Core, other: Callable[..., Any]) -> None:
    """What works already counts, and without a position nothing passes."""
    sell = limit_order(Side.SELL, "BTCUSDT", "0.01", "60500")
    with pytest.raises(OrderDenied, match="reduce_only"):
        core.gateway.submit(sell, reduce_only=True)
    await other(Side.SELL, "0.01", "60000")
    await core.gateway.submit(market_order(Side.BUY, "BTCUSDT", "0.01"))
    await core.gateway.submit(sell, reduce_only=True)
    with pytest.raises(OrderDenied, match="reduce_only"):
        core.gateway.submit(sell, reduce_only=True)


async def test_a_replacement_is_one_request_with_one_permit(core: Core, venue: PaperVenue) -> None:
    """The old order ends, the new one stands under an id of its own; near the cap only ONLY_NEW fits."""
    old = await core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.01", "59000"))
    request = ReplaceRequest(
        order=limit_order(Side.BUY, "BTCUSDT", "0.02", "59100"), cancel_client_order_id=old.client_order_id
    )
    new = await core.gateway.submit(request)
    await eventually(lambda: old.state is S.CANCELED)
    assert (new.state, new.price, under_way(core, Side.BUY)) == (S.TAKEN, D("59100"), D("0.02"))
    assert [each.path for each in venue.requests if each.method == "POST"][-1].endswith("cancelReplace")

    core.gateway.rails.limits = core.gateway.rails.limits.__class__(max_position=D(2_000))
    again = ReplaceRequest(
        order=limit_order(Side.BUY, "BTCUSDT", "0.02", "59200"), cancel_client_order_id=new.client_order_id
    )
    with pytest.raises(OrderDenied, match="max_position"):
        core.gateway.submit(again)
    careful = ReplaceRequest(
        order=again.order,
        cancel_client_order_id=new.client_order_id,
        restriction=CancelRestriction.ONLY_NEW,
    )
    assert (await core.gateway.submit(careful)).state is S.TAKEN


async def test_a_replacement_whose_new_order_is_refused_says_that_the_old_one_is_gone(core: Core) -> None:
    """The venue cancels, and refuses a post-only order that would take, or more than there is."""
    old = await core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.01", "59000"))
    core.gateway.rails.limits = WIDE
    mistake(core.portfolio)
    sent = core.gateway.submit(
        ReplaceRequest(
            order=limit_order(Side.BUY, "BTCUSDT", "140", "59100"),
            cancel_client_order_id=old.client_order_id,
        )
    )
    with pytest.raises(OrderRejected, match="the old order is cancelled"):
        await sent
    assert sent.order.state is S.REJECTED
    await eventually(lambda: old.state is S.CANCELED)
    assert under_way(core, Side.BUY) == 0


async def test_an_amended_order_keeps_its_id_and_reserves_less(core: Core) -> None:
    """By report; it is only made smaller, passes limits that its rest would break, and not a HALT."""
    order = await core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.03", "59000"))
    cut = AmendRequest(symbol="BTCUSDT", client_order_id=order.client_order_id, new_quantity=D("0.01"))
    core.gateway.rails.limits = core.gateway.rails.limits.__class__(max_order_notional=D(1))
    amended = await core.gateway.submit(cut)
    assert amended is order
    await eventually(lambda: order.quantity == D("0.01"))
    assert under_way(core, Side.BUY) == D("0.01")
    for quantity in ("0.01", "0.02", "0.0000001"):
        with pytest.raises(InvalidField, match="new_quantity"):
            core.gateway.submit(
                AmendRequest(
                    symbol="BTCUSDT", client_order_id=order.client_order_id, new_quantity=D(quantity)
                )
            )
    core.latch.set("drill")
    with pytest.raises(Halted):
        await core.gateway.submit(
            AmendRequest(symbol="BTCUSDT", client_order_id=order.client_order_id, new_quantity=D("0.005"))
        )


async def test_an_order_is_amended_no_more_often_than_the_venue_lets_it(core: Core) -> None:
    """MAX_NUM_ORDER_AMENDS counts by order; another order has a count of its own."""
    listed = core.gateway.portfolio.instruments["BTCUSDT"]
    rules = msgspec.structs.replace(listed.rules, max_amends=2)
    core.gateway.portfolio.instruments["BTCUSDT"] = msgspec.structs.replace(listed, rules=rules)

    async def amend(order: Order, quantity: str) -> None:
        name = order.client_order_id
        await core.gateway.submit(
            AmendRequest(symbol="BTCUSDT", client_order_id=name, new_quantity=D(quantity))
        )
        await eventually(lambda: order.quantity == D(quantity))

    first, second = [
        await core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.03", price))
        for price in ("59000", "58990")
    ]
    await amend(first, "0.02")
    await amend(first, "0.01")
    with pytest.raises(OrderDenied) as denied:
        await amend(first, "0.005")
    assert "venue_amends: above the limit (3 of 2 amendments)" in str(denied.value)
    await amend(second, "0.02")


async def test_a_strategys_own_symbols_hold_for_what_it_sends(core: Core) -> None:
    """By the name in the ids that it is given; whoever sends by hand is not meant."""
    limits = core.gateway.rails.limits
    core.gateway.rails.limits = msgspec.structs.replace(limits, strategies={"grid": ("ETHUSDT",)})
    low = limit_order(Side.BUY, "BTCUSDT", "0.01", "59000")
    with pytest.raises(OrderDenied, match="not among the symbols of strategy grid"):
        core.gateway.submit(low, strategy="grid")
    await core.gateway.submit(low, strategy="other")
    await core.gateway.submit(low)


async def test_flatten_cancels_trades_and_reports_the_dust(
    core: Core, other: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the rails; the fee was paid in the base asset, so a part of a step cannot be sold."""
    await other(Side.SELL, "0.02", "60000")
    await core.gateway.submit(market_order(Side.BUY, "BTCUSDT", "0.02"))
    await core.gateway.submit(limit_order(Side.SELL, "BTCUSDT", "0.01", "61000"))
    await other(Side.BUY, "0.05", "59900")
    await eventually(lambda: core.portfolio.balances["BTC"].locked > 0)
    asked, submit = [], core.gateway.submit
    monkeypatch.setattr(
        core.gateway, "submit", lambda *what, **how: asked.append(how) or submit(*what, **how)
    )
    (row,) = await core.gateway.flatten("BTCUSDT", strategy="exit")
    assert (row.symbol, row.before, row.cancelled, row.flat) == ("BTCUSDT", D("0.02"), 1, True)
    sold = -sum((each.quantity for each in core.portfolio.fills if each.side == "SELL"), D())
    assert row.left == D("0.02") + sold == core.portfolio.positions["BTCUSDT"].quantity
    assert [strategy_of(each) for each in row.orders] == ["exit"] * len(row.orders)
    assert core.orders.open() == []
    assert asked == [{"strategy": "exit", "reduce_only": True}] * len(row.orders)
    assert (await core.gateway.flatten())[0].orders == ()  # what is dust stays dust


async def test_flatten_goes_in_parts_where_a_limit_asks_for_it_and_stops_at_a_halt(
    core: Core, other: Callable[..., Any]
) -> None:
    """Each part is an order of its own; a denial is raised with what is left in its notes."""
    await other(Side.SELL, "0.03", "60000")
    await core.gateway.submit(market_order(Side.BUY, "BTCUSDT", "0.03"))
    await other(Side.BUY, "0.1", "59900")
    core.gateway.rails.limits = core.gateway.rails.limits.__class__(max_order_notional=D(700))
    core.latch.set("drill")
    with pytest.raises(Halted) as halted:
        await core.gateway.flatten("BTCUSDT")
    assert "0.03 before" in halted.value.__notes__[0]
    core.latch.clear()
    (row,) = await core.gateway.flatten("BTCUSDT")
    assert (row.flat, len(row.orders)) == (True, 3)


async def test_flatten_without_a_bid_ends_and_says_why(core: Core, other: Callable[..., Any]) -> None:
    """No order is sent again and again into an empty book."""
    await other(Side.SELL, "0.01", "60000")
    await core.gateway.submit(market_order(Side.BUY, "BTCUSDT", "0.01"))
    (row,) = await core.gateway.flatten("BTCUSDT")
    assert (row.flat, len(row.orders)) == (False, 1)
    assert "has not traded" in row.reason


async def test_a_list_in_the_journal_is_found_again(core: Core) -> None:
    """One line before the list left, with every id of it."""
    orders = await core.gateway.submit(
        bracket("BUY", "BTCUSDT", "0.02", "59900", take_profit="60100", stop_loss="59000"), strategy="mean"
    )
    await asyncio.sleep(0)
    left = recovered(read(core.journal.path))
    assert {each.client_order_id for each in orders} <= left.client_order_ids
    assert {strategy_of(each) for each in left.client_order_ids} == {"mean"}


@pytest.mark.parametrize("when", ["after", "before"])
async def test_a_list_whose_answer_was_lost_is_unknown_and_found_out_order_by_order(
    when: str, journal_at: Callable[..., Journal]
) -> None:
    """Each order keeps its reservation until its fate is certain; nothing is sent again."""
    faults = [f"error:code=-1007,when={when},endpoint=POST /api/v3/orderList/otoco"]
    async with PaperVenue(market="none", faults=faults) as venue:
        core = Core(venue, journal_at(), doubt=Doubt(settle_s=0.2, absences=3, pauses_s=(0.05, 0.1)))
        await core.open()
        try:
            sent = core.gateway.submit(
                bracket("BUY", "BTCUSDT", "0.02", "59900", take_profit="60100", stop_loss="59000")
            )
            with pytest.raises(OrderOutcomeUnknown):
                await sent
            assert under_way(core, Side.BUY) == D("0.02")
            await eventually(lambda: all(each.state is not S.UNKNOWN for each in sent.orders))
            placed = when == "after"
            assert {each.state for each in sent.orders} == {S.TAKEN if placed else S.NOT_PLACED}
            assert under_way(core, Side.BUY) == (D("0.02") if placed else 0)
            assert len([each for each in venue.requests if each.method == "POST"]) == placed
        finally:
            await core.close()


async def test_a_replacement_whose_answer_was_lost_is_found_out(journal_at: Callable[..., Journal]) -> None:
    """The venue had done both: the new order stands, and the old one is over, by report."""
    faults = ["error:code=-1007,when=after,endpoint=POST /api/v3/order/cancelReplace"]
    async with PaperVenue(market="none", faults=faults) as venue:
        core = Core(venue, journal_at(), doubt=Doubt(settle_s=0.2, absences=3, pauses_s=(0.05, 0.1)))
        await core.open()
        try:
            old = await core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", "0.01", "59000"))
            sent = core.gateway.submit(
                ReplaceRequest(
                    order=limit_order(Side.BUY, "BTCUSDT", "0.02", "59100"),
                    cancel_client_order_id=old.client_order_id,
                )
            )
            with pytest.raises(OrderOutcomeUnknown):
                await sent
            await eventually(lambda: sent.order.state is S.TAKEN and old.state is S.CANCELED)
            assert under_way(core, Side.BUY) == D("0.02")
        finally:
            await core.close()
