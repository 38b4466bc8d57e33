"""Orders of every type on a real venue, from request to outcome; and outcomes that nobody knows."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.domain.instrument import round_price
from quantlab.domain.order_lists import ListKind, OrderListRequest, ReplaceMode, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.errors import (
    Halted,
    InvalidField,
    OrderOutcomeUnknown,
    OrderRejected,
    PermitRefused,
    VenueRejected,
)
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.wire import HaltLatch

LOT = Decimal("0.01")
Make = Callable[..., Any]
DAY_MS = 86_400_000


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    """A paper venue on a free loopback port, its market standing still, with two funded accounts."""
    async with PaperVenue(market="synthetic", clock="manual") as venue:
        await venue.advance(2_000)
        yield venue


@pytest.fixture(params=["rest", "socket"])
async def trader(venue: PaperVenue, request: pytest.FixtureRequest) -> AsyncIterator[BinanceClient]:
    """By REST alone, and with the WebSocket API for what goes that way: every story is told by both."""
    key, secret = venue.accounts[0]
    credentials = Credentials(key, Secret(secret))
    async with BinanceClient(
        venue.rest, clock=venue.session.clock, credentials=credentials,
        ws_api=venue.ws_api if request.param == "socket" else "",
    ) as client:  # fmt: skip
        await client.sync_clock()
        if client.socket is not None:
            await client.socket.wait_up()
        yield client
        if client.socket is not None:
            assert {each.method for each in venue.requests} <= {"WS"}, "an order request went by REST"


@pytest.fixture
async def around(trader: BinanceClient) -> Callable[[str], Decimal]:
    """A price at a multiple of the market's, on the grid."""
    ticker = await trader.book_ticker("BTCUSDT")
    tick = (await trader.exchange_info()).instruments["BTCUSDT"].tick_size
    return lambda factor: round_price(ticker.bid * Decimal(factor), tick, Side.BUY)


def limit(name: str, price: Decimal, side: Side = Side.BUY, **more: Any) -> OrderRequest:
    fields: dict[str, Any] = {"quantity": LOT, "time_in_force": TimeInForce.GTC, "type": OrderType.LIMIT}
    return OrderRequest(symbol="BTCUSDT", side=side, price=price, client_order_id=name, **fields | more)


def oco(around: Callable[[str], Decimal]) -> OrderListRequest:
    above = limit("up", around("1.01"), Side.SELL, type=OrderType.LIMIT_MAKER, time_in_force=None)
    below = limit(
        "down", around("0.98"), Side.SELL, type=OrderType.STOP_LOSS_LIMIT, stop_price=around("0.99")
    )
    return OrderListRequest(kind=ListKind.OCO, orders=(above, below), list_client_order_id="pair")


async def test_a_cancelled_leg_takes_its_list_with_it_and_is_itself_the_answer(
    trader: BinanceClient, permit: Make, around: Callable[[str], Decimal]
) -> None:
    """By our id and by the venue's; the list is done, and its quantity was locked once."""
    for by_venue in (False, True):
        before = {each.asset: each for each in (await trader.account()).balances}["BTC"]
        request = oco(around)
        placed = await trader.submit_oco(request, permit(request))
        locked = {each.asset: each for each in (await trader.account()).balances}["BTC"].locked
        leg = placed.placed[1]
        gone = await trader.cancel_order(
            "BTCUSDT", client_order_id="down", order_id=leg.order_id if by_venue else None
        )
        after = await trader.order_list_status(order_list_id=placed.order_list_id)

        assert locked - before.locked == LOT
        assert (gone.client_order_id, gone.status, gone.order_id) == ("down", "CANCELED", leg.order_id)
        assert gone.stop_price == request.orders[1].stop_price
        assert (gone.order_list_id, after.order_status) == (placed.order_list_id, "ALL_DONE")
        assert await trader.open_orders() == []


async def test_a_replacement_that_fails_in_part_says_what_lives(
    trader: BinanceClient, permit: Make, around: Callable[[str], Decimal]
) -> None:
    """V15. Nothing to cancel: with STOP_ON_FAILURE nothing is done and it raises; else the order lives."""
    new = limit("new", around("0.99"))
    stops = ReplaceRequest(order=new, cancel_client_order_id="never")
    with pytest.raises(OrderRejected) as refused:
        await trader.cancel_replace(stops, permit(stops))
    assert refused.value.code == -2022
    assert await trader.open_orders() == []

    goes_on = msgspec.structs.replace(stops, mode=ReplaceMode.ALLOW_FAILURE)
    half = await trader.cancel_replace(goes_on, permit(goes_on))
    assert (half.complete, half.cancelled, half.cancel_problem[:5]) == (False, None, "-2011")
    assert half.placed is not None
    assert [each.order_id for each in await trader.open_orders()] == [half.placed.order_id]

    too_dear = limit("dear", around("0.99"), quantity=Decimal(100))
    swap = ReplaceRequest(order=too_dear, cancel_client_order_id="new")
    other = await trader.cancel_replace(swap, permit(swap))
    assert (other.placed, other.order_problem[:5]) == (None, "-2010")
    assert other.cancelled is not None
    assert other.cancelled.client_order_id == "new"
    assert await trader.open_orders() == []


async def test_an_order_list_of_three_works_from_end_to_end(
    venue: PaperVenue, trader: BinanceClient, permit: Make, around: Callable[[str], Decimal]
) -> None:
    """The working order trades at once, and then the pair stands; cancelling the list takes both out."""
    pair = oco(around).orders
    working = limit("work", around("1.01"))  # it crosses
    request = OrderListRequest(
        kind=ListKind.OTOCO, orders=(working, *(msgspec.structs.replace(o, quantity=LOT / 2) for o in pair)),
        list_client_order_id="three",
    )  # fmt: skip
    placed = await trader.submit_otoco(request, permit(request))
    standing = await trader.open_orders("BTCUSDT")
    ended = await trader.cancel_list("BTCUSDT", list_client_order_id="three")

    assert placed.placed[0].status == "FILLED"
    assert sorted(each.client_order_id for each in standing) == ["down", "up"]
    assert sorted(each.client_order_id for each in ended.cancelled if each.status == "CANCELED") == [
        "down",
        "up",
    ]
    assert await trader.open_order_lists() == []


async def test_an_amended_order_can_still_be_asked_for_by_its_id(
    trader: BinanceClient, permit: Make, around: Callable[[str], Decimal]
) -> None:
    """The venue gives an amended order a made-up id where none is sent; ours is sent."""
    request = limit("mine", around("0.99"))
    await trader.submit_limit_order(request, permit(request))
    amended = await trader.amend_keep_priority("BTCUSDT", "0.004", client_order_id="mine")
    renamed = await trader.amend_keep_priority(
        "BTCUSDT", "0.003", client_order_id="mine", new_client_order_id="other"
    )
    with pytest.raises(OrderRejected) as larger:
        await trader.amend_keep_priority("BTCUSDT", "0.02", client_order_id="other")

    assert (amended.client_order_id, amended.quantity) == ("mine", Decimal("0.004"))
    assert (renamed.client_order_id, renamed.original_client_order_id) == ("other", "mine")
    assert larger.value.code == -2038
    assert (await trader.order_status("BTCUSDT", client_order_id="other")).quantity == Decimal("0.003")
    with pytest.raises(InvalidField, match="new_quantity"):
        await trader.amend_keep_priority("BTCUSDT", 0.001, client_order_id="other")


async def test_trades_since_a_time_are_found_over_empty_days_and_full_pages(
    venue: PaperVenue, trader: BinanceClient, permit: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days without a trade are passed over; from the first one on, pages; the same by id and by time."""
    monkeypatch.setattr("quantlab.binance.client.spot_account.PAGE", 2)
    for number in range(5):
        request = OrderRequest(
            symbol="BTCUSDT",
            side=Side.BUY,
            type=OrderType.MARKET,
            quantity=LOT,
            client_order_id=f"m-{number}",
        )
        ack = await trader.submit_market_order(request, permit(request))
    every = await trader.my_trades("BTCUSDT", limit=1_000)
    assert [fill.trade_id for fill in ack.fills] == [t.trade_id for t in every if t.order_id == ack.order_id]
    assert sum(fill.quantity for fill in ack.fills) == LOT
    seen = len(every)
    now_ms = venue.session.clock.now_ms()

    assert seen >= 5
    assert await trader.my_trades_since("BTCUSDT", since_ms=now_ms - 3 * DAY_MS) == every
    assert await trader.my_trades_since("BTCUSDT", from_id=0) == every
    assert await trader.my_trades_since("BTCUSDT", from_id=every[2].trade_id) == every[2:]
    assert await trader.my_trades_since("BTCUSDT", since_ms=now_ms + 1) == []
    for both in ({}, {"from_id": 0, "since_ms": 0}):
        with pytest.raises(InvalidField, match="from_id"):
            await trader.my_trades_since("BTCUSDT", **both)


async def test_filters_are_asked_for_once_a_minute(venue: PaperVenue, trader: BinanceClient) -> None:
    """V1: the second call within the minute asks nothing; `fresh` and the next minute do."""

    def used() -> int:
        return trader.limits.used("REQUEST_WEIGHT", "1M") or 0

    first = await trader.exchange_filter("BTCUSDT")
    before = used()
    assert await trader.exchange_filter("BTCUSDT") is first
    assert used() == before
    assert await trader.exchange_filter("BTCUSDT", fresh=True) == first
    assert used() == before + 20
    asked_ns, answer = trader._filters["BTCUSDT"]
    trader._filters["BTCUSDT"] = asked_ns - 60_000_000_000, answer  # a minute goes by
    assert await trader.exchange_filter("BTCUSDT") == first
    assert used() == before + 40
    with pytest.raises(VenueRejected) as unknown:
        await trader.exchange_filter("NOPE")
    assert unknown.value.code == -1121


async def test_a_test_order_places_nothing_and_needs_no_id(
    venue: PaperVenue, trader: BinanceClient, around: Callable[[str], Decimal]
) -> None:
    """It is refused as the order would be; a halted client may still test."""
    await trader.test_order(limit("", around("0.99")))
    with pytest.raises(VenueRejected) as refused:
        await trader.test_order(limit("t", around("0.99"), quantity=Decimal("0.0000001")))

    assert refused.value.code in (-1013, -1111)
    assert await trader.all_orders("BTCUSDT") == []


async def test_a_method_takes_the_types_that_its_name_says(
    trader: BinanceClient, permit: Make, around: Callable[[str], Decimal]
) -> None:
    """The wrong type is refused by field before anything is sent, and the permit is not spent."""
    order = limit("a", around("0.99"))
    leave = permit(order)
    for method in (trader.submit_stop, trader.submit_market_order, trader.submit_market_quote):
        with pytest.raises(InvalidField, match="type"):
            await method(order, leave)
    market = OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quantity=LOT, client_order_id="m"
    )
    with pytest.raises(InvalidField, match="quote_quantity"):
        await trader.submit_market_quote(market, permit(market))
    pair = oco(around)
    with pytest.raises(InvalidField, match="kind"):
        await trader.submit_oto(pair, permit(pair))
    assert (await trader.submit_limit_order(order, leave)).status == "NEW"


async def test_refusals_have_the_codes_that_the_docstrings_name(
    trader: BinanceClient, permit: Make, around: Callable[[str], Decimal]
) -> None:
    """A definite refusal each time, and afterwards nothing is open."""
    up = oco(around).orders[0]
    two_limits = OrderListRequest(
        kind=ListKind.OCO, orders=(up, msgspec.structs.replace(up, client_order_id="two")),
        list_client_order_id="l",
    )  # fmt: skip
    crossed = msgspec.structs.replace(oco(around), orders=oco(around).orders[::-1])
    stop = OrderRequest(
        symbol="BTCUSDT", side=Side.SELL, type=OrderType.STOP_LOSS, quantity=LOT, client_order_id="s",
        stop_price=around("1.01"),
    )  # fmt: skip
    taking = limit("t", around("1.01"), type=OrderType.LIMIT_MAKER, time_in_force=None)
    table: list[tuple[Any, set[int]]] = [
        (trader.order_list_status(list_client_order_id="none"), {-2013}),
        (trader.cancel_list("BTCUSDT", list_client_order_id="none"), {-2011}),
        (trader.amend_keep_priority("BTCUSDT", 1, client_order_id="none"), {-2038}),
        (trader.all_order_lists(from_id=1, start_ms=5), {-1128}),
        (trader.all_orders("BTCUSDT", start_ms=1, end_ms=DAY_MS * 2), {-1127}),
        (trader.agg_trades("BTCUSDT", from_id=1, start_ms=1), {-1128}),
        (trader.prevented_matches("BTCUSDT"), {-1128}),
        (trader.trading_day("BTCUSDT", "99"), {-1130}),
        (trader.ticker("BTCUSDT", "99d"), {-1130}),
        (trader.avg_price("NOPE"), {-1121}),
        (trader.submit_oco(two_limits, permit(two_limits)), set(range(-1168, -1157))),
        (trader.submit_oco(crossed, permit(crossed)), {-2010, *range(-1168, -1157)}),
        (trader.submit_stop(stop, permit(stop)), {-2010}),
        (trader.submit_limit_order(taking, permit(taking)), {-2010}),
    ]
    for call, codes in table:
        with pytest.raises(VenueRejected) as refused:
            await call
        assert refused.value.code in codes
    assert await trader.open_orders() == []


LOSSES = {
    "a 503": lambda play: play.reply({"code": -1007, "msg": "Timeout"}, 503),
    "-1007 with 400": lambda play: play.reply({"code": -1007, "msg": "Timeout"}, 400),
    "a cut connection": lambda play: play.raw(b"", then="close"),
    "an answer that is none": lambda play: play.reply(b"<html>"),
    "an answer about another": lambda play: play.reply({"orderListId": 1}),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("method", ["submit_oco", "cancel_replace"])
async def test_a_request_whose_answer_is_lost_is_sent_once_and_its_outcome_unknown(
    stub: Any, connect: Make, play: SimpleNamespace, permit: Make, loss: str, method: str
) -> None:
    """A list is then asked for by its own id, a replacement by its new order's."""
    stub.answer = LOSSES[loss](play)
    client = connect(stub.base)
    pair = oco(lambda factor: Decimal(factor) * 60_000)
    swap = ReplaceRequest(order=pair.orders[0], cancel_client_order_id="old")
    request: Any = pair if method == "submit_oco" else swap
    with pytest.raises(OrderOutcomeUnknown) as unknown:
        await getattr(client, method)(request, permit(request))

    assert unknown.value.client_order_id == ("pair" if method == "submit_oco" else "up")
    assert len(stub.requests) == 1


async def test_a_replacement_of_which_the_venue_lost_one_part_is_unknown(
    stub: Any, connect: Make, play: SimpleNamespace, permit: Make
) -> None:
    swap = ReplaceRequest(order=limit("new", Decimal(60_000)), cancel_client_order_id="old")
    lost = {"code": -1007, "msg": "Timeout waiting for response from backend server."}
    data = {
        "cancelResult": "FAILURE", "cancelResponse": lost, "newOrderResult": "NOT_ATTEMPTED",
        "newOrderResponse": None,
    }  # fmt: skip
    stub.answer = play.reply({"code": -2022, "msg": "Order cancel-replace failed.", "data": data}, 400)
    with pytest.raises(OrderOutcomeUnknown):
        await connect(stub.base).cancel_replace(swap, permit(swap))


@pytest.mark.parametrize("method", ["submit_oco", "submit_oto", "submit_otoco", "cancel_replace"])
async def test_a_halt_stops_lists_and_replacements_at_the_write(
    stub: Any, connect: Make, permit: Make, method: str
) -> None:
    """Set after the permit and lifted again: still nothing is sent. Amending and cancelling pass."""
    latch = HaltLatch()
    client = connect(stub.base, latch=latch)
    up, down = oco(lambda factor: Decimal(factor) * 60_000).orders
    work = limit("work", Decimal(60_000))
    kinds = {
        "submit_oco": (ListKind.OCO, (up, down)),
        "submit_oto": (ListKind.OTO, (work, up)),
        "submit_otoco": (ListKind.OTOCO, (work, up, down)),
    }
    request: Any = ReplaceRequest(order=work, cancel_client_order_id="old")
    if method in kinds:
        kind, orders = kinds[method]
        request = OrderListRequest(kind=kind, orders=orders, list_client_order_id="list")
    leave = permit(request, halts=latch.generation)
    latch.set("stop")
    latch.clear()
    with pytest.raises(Halted):
        await getattr(client, method)(request, leave)
    assert stub.requests == []
    with pytest.raises(PermitRefused, match="used before"):
        await getattr(client, method)(request, leave)
    with pytest.raises(OrderOutcomeUnknown):  # `{}` is no answer, but it was sent
        await client.amend_keep_priority("BTCUSDT", 1, client_order_id="old")
    with pytest.raises(OrderOutcomeUnknown):
        await client.cancel_list("BTCUSDT", list_client_order_id="list")
    assert [each.verb for each in stub.requests] == ["PUT", "DELETE"]


SCRIPT = """
import asyncio, sys
from quantlab.binance.client import BinanceClient
from quantlab.clock import SystemClock

async def main():
    async with BinanceClient(sys.argv[1], clock=SystemClock()) as client:
        tickers = await client.ticker_24h()
        print(len(tickers.frame()), (await client.avg_price("BTCUSDT")).price > 0)

asyncio.run(main())
"""


async def test_the_client_works_alone_in_a_script(venue: PaperVenue) -> None:
    """No notebook, no engine, no key, no environment: a base URL is all."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, venue.rest, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()

    assert process.returncode == 0
    count, priced = out.decode().split()
    assert int(count) >= 2
    assert priced == "True"
