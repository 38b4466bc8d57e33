"""What becomes of an order when the way to the venue fails, or the venue does: by the ids of the catalogue.

Real sockets all the way: gateway, wire thread, client, a path that fails byte by byte, and a paper venue that
misbehaves as it is told. The exchange itself is asked in the end: it knows how many orders it was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest
from faultproxy import FaultProxy
from papercore import Core, D, eventually, script

from quantlab.domain.orders import Side, TimeInForce
from quantlab.errors import NotSent, OrderOutcomeUnknown, OrderRejected, RateLimited, VenueRejected
from quantlab.paper.faults.plan import Active
from quantlab.paper.faults.reading import from_text
from quantlab.paper.orders import Fees, NewOrder, OrderKind, Prevention
from quantlab.paper.venue import PaperVenue
from quantlab.trading.journal import Journal
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.resolver import Doubt
from quantlab.trading.sent import SentOrder
from quantlab.trading.states import OrderState as S

POST, GET, DELETE = "POST /api/v3/order", "GET /api/v3/order", "DELETE /api/v3/order"
SHORT_S = 1.0
DOUBT = Doubt(settle_s=0.6, absences=3, pauses_s=(0.05, 0.1))


class Place(NamedTuple):
    """A venue, a path to its REST that can fail, and a trading core behind that path."""

    venue: PaperVenue
    path: FaultProxy
    core: Core

    def fault(self, text: str) -> Active:
        """From now on."""
        return self.venue.session.faults.add(from_text(text))

    def buy(self, quantity: str = "0.01", price: str = "59000") -> SentOrder:
        return self.core.gateway.submit(limit_order(Side.BUY, "BTCUSDT", quantity, price))

    @property
    def posts(self) -> int:
        """Orders that reached the venue, whatever it answered."""
        return sum(each.method == "POST" for each in self.venue.requests)

    @property
    def at_the_venue(self) -> list[str]:
        return [each.client_order_id for each in self.venue.exchange.open_orders("account-1")]

    def reserved(self, order: SentOrder) -> object:
        """What may still trade of it, in the base asset."""
        found = self.core.portfolio.reserved(order.client_order_id)
        return found.base if found else 0


@pytest.fixture
async def place(journal_at: Callable[..., Journal], request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Its client waits `SHORT_S` for an answer, or as long as the test says."""
    async with PaperVenue(market="none") as venue, FaultProxy(venue.rest) as path:
        timeout_s = getattr(request, "param", SHORT_S)
        core = Core(venue, journal_at(), rest=path.url, timeout_s=timeout_s, doubt=DOUBT)
        await core.open()
        yield Place(venue, path, core)
        await core.close()


@pytest.fixture
async def other(place: Place) -> AsyncIterator[Callable[..., Any]]:
    """The second account, by a path of its own."""
    async with script(place.venue) as send:
        yield send


# -- the answer is lost

ACTED = {
    "N2 the reply is lost": f"lost_reply:endpoint={POST},count=1",
    "N3 no reply ever": f"no_reply:endpoint={POST},count=1",
    "N3 the reply is late": f"latency:endpoint={POST},count=1,ms=1500,when=after",
    "N9 half a JSON": f"garbled_reply:endpoint={POST},count=1,shape=half",
    "N9 a cut body": f"garbled_reply:endpoint={POST},count=1,shape=cut",
    "N9 a page with 200": f"garbled_reply:endpoint={POST},count=1,shape=html",
    "N9 an empty body": f"garbled_reply:endpoint={POST},count=1,shape=empty",
    "N13 -1000": f"error:endpoint={POST},count=1,code=-1000",
    "N13 -1001": f"error:endpoint={POST},count=1,code=-1001",
    "N13 -1006": f"error:endpoint={POST},count=1,code=-1006",
    "N13 -1006 as 400": f"error:endpoint={POST},count=1,code=-1006,status=400",
    "N13 -1007": f"error:endpoint={POST},count=1,code=-1007",
    "N13 503 page": f"error:endpoint={POST},count=1,status=503,body=html",
    "N13 504 page": f"error:endpoint={POST},count=1,status=504,body=html",
}


@pytest.mark.parametrize("fault", ACTED)
async def test_an_order_that_lives_although_its_answer_was_lost_is_found_by_its_id(
    place: Place, fault: str
) -> None:
    """N2, N3, N9, N13: unknown and reserved, asked for, never sent again; right within 5 s."""
    struck = place.fault(ACTED[fault])
    place.fault("drop:stream=user,event=executionReport")  # the stream would know it first
    sent = place.buy()
    with pytest.raises(OrderOutcomeUnknown) as lost:
        await sent
    assert lost.value.client_order_id == sent.client_order_id
    assert place.reserved(sent) == D("0.01")

    await eventually(lambda: sent.order.state is S.TAKEN)
    await asyncio.sleep(0.3)
    assert struck.struck == 1
    assert (place.at_the_venue, place.posts) == ([sent.client_order_id], 1)
    assert (sent.order.state, place.reserved(sent)) == (S.TAKEN, D("0.01"))


NOT_ACTED = {
    "N14 the connection closes": f"lost_reply:endpoint={POST},count=1,when=before",
    "N14 no reply ever": f"no_reply:endpoint={POST},count=1,when=before",
    "N14 -1006": f"error:endpoint={POST},count=1,code=-1006,when=before",
    "N14 -1007": f"error:endpoint={POST},count=1,code=-1007,when=before",
    "N14 -1008 as 503": f"error:endpoint={POST},count=1,code=-1008,when=before",
}


@pytest.mark.parametrize("fault", NOT_ACTED)
async def test_an_order_that_never_lived_is_unknown_until_that_is_proven(place: Place, fault: str) -> None:
    """N14: reserved while it could still arrive; then two more absences, no open order, and it is free."""
    place.fault(NOT_ACTED[fault])
    asked = place.fault(f"latency:endpoint={GET},ms=0")
    opened = place.fault("latency:endpoint=GET /api/v3/openOrders,ms=0")
    loop = asyncio.get_running_loop()
    sent = place.buy()
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    doubted = loop.time()
    while sent.order.state is S.UNKNOWN:
        assert place.reserved(sent) == D("0.01")
        await asyncio.sleep(0.01)

    assert loop.time() - doubted > DOUBT.settle_s * 0.9
    assert asked.struck >= DOUBT.absences + 1
    assert opened.struck == 1
    assert (sent.order.state, place.reserved(sent), place.at_the_venue) == (S.NOT_PLACED, 0, [])
    assert (await place.buy()).state is S.TAKEN  # a new order, with an id of its own
    assert len(place.at_the_venue) == 1


# -- the path fails


async def test_an_order_that_found_no_way_was_not_sent_and_a_new_one_is_safe(place: Place) -> None:
    """N1: reset, and nobody listens: no byte left, nothing is reserved, the next attempt is one order."""
    place.path.refuse()
    place.path.reset()
    await asyncio.sleep(0.05)
    sent = place.buy()
    with pytest.raises(NotSent) as refused:
        await sent
    assert (refused.value.method, refused.value.client_order_id) == (POST, sent.client_order_id)
    assert (sent.order.state, place.reserved(sent), place.posts) == (S.NOT_PLACED, 0, 0)

    await place.path.accept()
    again = place.buy()
    assert (await again).state is S.TAKEN
    assert (place.at_the_venue, place.posts) == ([again.client_order_id], 1)


async def test_an_order_whose_bytes_were_lost_on_the_way_is_unknown_and_then_proven_absent(
    place: Place,
) -> None:
    """N1: written here, and the reset comes before the venue has read it. We cannot know that."""
    place.path.up.cut_at, place.path.up.cut_by = 0, "reset"
    sent = place.buy()
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    place.path.restore()
    await eventually(lambda: sent.order.state is S.NOT_PLACED)
    assert (place.posts, place.at_the_venue, place.reserved(sent)) == (0, [], 0)


@pytest.mark.parametrize("cut_by", ["reset", "close", "half"])
async def test_a_reply_that_breaks_off_is_an_unknown_outcome(place: Place, cut_by: str) -> None:
    """N2, N5: the venue has acted; thirty bytes of its answer arrive."""
    place.path.down.cut_at, place.path.down.cut_by = 30, cut_by
    place.path.close()  # offsets count from a connection's first byte: a new one
    place.fault("drop:stream=user,event=executionReport")
    await asyncio.sleep(0.05)
    sent = place.buy()
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    place.path.restore()
    await eventually(lambda: sent.order.state is S.TAKEN)
    assert (place.at_the_venue, place.posts) == ([sent.client_order_id], 1)


async def test_a_reply_that_trickles_ends_at_the_deadline_of_the_whole(place: Place) -> None:
    """N6: no single read ever times out."""
    place.path.down.bytes_per_s = 100
    place.fault("drop:stream=user,event=executionReport")
    began = asyncio.get_running_loop().time()
    sent = place.buy()
    with pytest.raises(OrderOutcomeUnknown, match=r"no answer within 1 s"):
        await sent
    assert SHORT_S * 0.9 < asyncio.get_running_loop().time() - began < SHORT_S * 3
    place.path.restore()
    await eventually(lambda: sent.order.state is S.TAKEN)
    assert (place.at_the_venue, place.posts) == ([sent.client_order_id], 1)


async def test_an_order_that_arrives_long_after_we_gave_it_up_is_found(place: Place) -> None:
    """N4, F11: a half-open path holds the bytes back; they arrive when it lives again, and the venue acts."""
    place.fault("drop:stream=user,event=executionReport")
    place.path.freeze()
    sent = place.buy()
    with pytest.raises(OrderOutcomeUnknown, match=r"no answer within 1 s"):
        await sent
    await asyncio.sleep(0.2)
    assert (place.posts, place.reserved(sent)) == (0, D("0.01"))

    place.path.restore()
    await eventually(lambda: place.posts == 1)
    await eventually(lambda: sent.order.state is S.TAKEN)
    assert (place.at_the_venue, place.reserved(sent)) == ([sent.client_order_id], D("0.01"))


async def test_while_the_venue_cannot_be_asked_the_order_stays_unknown(place: Place) -> None:
    """N2, N4: the link is dead for longer than any doubt lasts; resolved when it comes back."""
    place.fault("drop:stream=user,event=executionReport")
    place.fault(f"lost_reply:endpoint={POST},count=1")
    failing = place.fault(f"error:endpoint={GET},status=503,code=-1000")
    sent = place.buy()
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    await asyncio.sleep(DOUBT.settle_s * 2)
    assert (sent.order.state, place.reserved(sent)) == (S.UNKNOWN, D("0.01"))
    assert failing.struck > 3
    place.venue.session.faults.remove(failing.number)
    await eventually(lambda: sent.order.state is S.TAKEN)


# -- definite refusals


async def test_a_429_holds_everything_back_for_as_long_as_it_says(place: Place) -> None:
    """N10: the order is refused, definitely; the next ones do not leave, and one leaves when it is over."""
    struck = place.fault(f"rate_limit:endpoint={POST},retry_after_s=3")
    began = asyncio.get_running_loop().time()
    sent = place.buy()
    with pytest.raises(RateLimited) as limited:
        await sent
    assert (limited.value.status, limited.value.code, limited.value.retry_after_s) == (429, -1003, 3)
    assert (sent.order.state, place.reserved(sent)) == (S.REJECTED, 0)
    place.venue.session.faults.remove(struck.number)
    while asyncio.get_running_loop().time() - began < 0.9:
        held = place.buy()
        with pytest.raises(RateLimited, match="not sent") as limited:
            await held
        assert (limited.value.status, place.reserved(held)) == (0, 0)
        await asyncio.sleep(0.3)
    assert (struck.struck, place.at_the_venue) == (1, [])

    await asyncio.sleep(began + 3.1 - asyncio.get_running_loop().time())
    assert (await place.buy()).state is S.TAKEN


async def test_a_ban_lets_nothing_out(place: Place) -> None:
    """N11: 418 for two minutes: no order, no cancel, no read; each says how long."""
    order = await place.buy()
    place.fault("ban:count=1,retry_after_s=120")
    with pytest.raises(RateLimited):
        await place.core.wire.call(place.core.client.account)
    before = len(place.venue.requests)
    reads = place.fault("latency:endpoint=*,ms=0")
    for call in (
        place.buy(), place.core.gateway.cancel("BTCUSDT", order.client_order_id),
        place.core.wire.call(place.core.client.open_orders),
    ):  # fmt: skip
        with pytest.raises(RateLimited) as banned:
            await call
        assert 110 <= (banned.value.retry_after_s or 0) <= 120
    assert (len(place.venue.requests), reads.struck) == (before, 0)


async def test_a_firewall_is_not_asked_again(place: Place) -> None:
    """N12: 403 with a page: a definite refusal of the order, one request of each kind."""
    struck = place.fault("waf")
    sent = place.buy()
    with pytest.raises(OrderRejected) as refused:
        await sent
    assert (refused.value.status, refused.value.code, struck.struck) == (403, 0, 1)
    assert (sent.order.state, place.reserved(sent)) == (S.REJECTED, 0)
    with pytest.raises(VenueRejected):
        await place.core.wire.call(place.core.client.account)
    assert struck.struck == 2


async def test_a_busy_venue_that_says_so_definitely_frees_the_order(place: Place) -> None:
    """N15: -1008 as a 4XX; the same code as a 503 is N14."""
    place.fault(f"error:endpoint={POST},count=1,code=-1008,status=400,when=before")
    sent = place.buy()
    with pytest.raises(RateLimited) as busy:
        await sent
    assert (busy.value.code, sent.order.state, place.reserved(sent)) == (-1008, S.REJECTED, 0)
    assert (await place.buy()).state is S.TAKEN


async def test_a_refused_timestamp_mends_the_clock_and_sends_nothing_again(place: Place) -> None:
    """N30: -1021 once; the order is refused, the clock right afterwards, a new order passes."""
    place.fault("clock:offset_ms=-20000")
    sent = place.buy()
    with pytest.raises(OrderRejected) as refused:
        await sent
    assert (refused.value.code, sent.order.state, place.reserved(sent)) == (-1021, S.REJECTED, 0)
    assert place.at_the_venue == []
    assert place.core.client.venue_clock.offset_ms == pytest.approx(-20_000, abs=100)
    assert place.core.client.venue_clock.now_ms() <= place.venue.session.clock.now_ms()
    again = place.buy()
    assert (await again).state is S.TAKEN
    assert place.at_the_venue == [again.client_order_id]


# -- the venue says one thing here, another there


async def test_a_rejection_that_follows_the_acknowledgement_wins(place: Place) -> None:
    """V4: taken, then REJECTED by the stream: nothing is held, nothing is reserved."""
    place.fault(f"late_reject:endpoint={POST},count=1,ms=50")
    sent = place.buy()
    await sent
    await eventually(lambda: sent.order.state is S.REJECTED)
    assert (place.reserved(sent), place.core.portfolio.positions) == (0, {})


@pytest.mark.parametrize("place", [10.0], indirect=True)
async def test_an_order_that_fills_while_its_cancel_is_on_its_way_is_filled(
    place: Place, other: Callable[..., Any]
) -> None:
    """V5: part, the cancel leaves, the rest, and the cancel is refused with -2011."""
    sent = place.buy("0.03", "60000")
    await sent
    await other(Side.SELL, "0.01", "60000")
    await eventually(lambda: sent.order.state is S.PARTIALLY_FILLED)
    late = place.fault(f"latency:endpoint={DELETE},ms=1000,count=1")
    cancelling = place.core.gateway.cancel("BTCUSDT", sent.client_order_id)
    await eventually(lambda: late.struck == 1)
    await other(Side.SELL, "0.02", "60000")
    with pytest.raises(OrderRejected, match="-2011"):
        await cancelling
    await eventually(lambda: sent.order.state is S.FILLED)
    assert (sent.order.filled, place.reserved(sent)) == (D("0.03"), 0)
    assert place.core.portfolio.positions["BTCUSDT"].quantity == D("0.03")


async def test_a_fill_that_comes_while_we_ask_is_not_undone_by_the_answer(
    place: Place, other: Callable[..., Any]
) -> None:
    """V6: the query looked before the fill and is answered after it."""
    place.fault("drop:stream=user,event=executionReport,count=1")  # NEW; the fill is told
    place.fault(f"no_reply:endpoint={POST},count=1")
    asked = place.fault(f"latency:endpoint={GET},ms=400,when=after")
    sent = place.buy("0.01", "60000")
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    await eventually(lambda: asked.struck >= 1)
    await other(Side.SELL, "0.01", "60000")
    await eventually(lambda: sent.order.state is S.FILLED)
    await asyncio.sleep(0.6)
    assert (sent.order.state, len(place.core.portfolio.fills)) == (S.FILLED, 1)
    assert place.posts == 2  # ours, and the other account's


async def test_an_order_that_the_stream_knows_is_never_sent_again(place: Place) -> None:
    """V7, F12: NEW comes by the stream while nobody answers the request; 0 re-sends."""
    place.fault(f"no_reply:endpoint={POST},count=1")
    sent = place.buy()
    await eventually(lambda: sent.order.state is S.TAKEN)
    assert not sent.done
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    await asyncio.sleep(DOUBT.settle_s * 2)
    assert (sent.order.state, place.posts, place.at_the_venue) == (S.TAKEN, 1, [sent.client_order_id])
    assert place.reserved(sent) == D("0.01")


async def test_an_id_is_never_used_twice(place: Place, other: Callable[..., Any]) -> None:
    """V8, F10: the venue would take it again after the fill; our counter, set back, skips it."""
    sent = place.buy("0.01", "60000")
    await sent
    await other(Side.SELL, "0.01", "60000")
    await eventually(lambda: sent.order.state is S.FILLED)
    place.core.gateway._number = 0
    again = place.buy("0.01", "58000")
    await again
    assert again.client_order_id != sent.client_order_id


@pytest.mark.parametrize("fault", ["duplicate:stream=user", "reorder:stream=user,count=1"])
async def test_reports_that_come_twice_or_out_of_order_are_counted_once(
    place: Place, other: Callable[..., Any], fault: str
) -> None:
    """V9, V10: two partial fills; quantity and position are the venue's."""
    place.fault(fault)
    sent = place.buy("0.03", "60000")
    await sent
    await other(Side.SELL, "0.01", "60000")
    await other(Side.SELL, "0.02", "60000")
    await eventually(lambda: sent.order.state is S.FILLED)
    await eventually(lambda: len(place.core.portfolio.fills) == 2)
    assert (sent.order.filled, place.reserved(sent)) == (D("0.03"), 0)
    assert place.core.portfolio.positions["BTCUSDT"].quantity == D("0.03")


async def test_a_lost_report_is_found_by_asking(place: Place, other: Callable[..., Any]) -> None:
    """V11: the fill's report never comes; the next reconciliation books it once."""
    sent = place.buy("0.01", "60000")
    await sent
    lost = place.fault("drop:stream=user,account=account-1,event=executionReport,count=1")
    await other(Side.SELL, "0.01", "60000")
    await eventually(lambda: lost.struck == 1)
    await asyncio.sleep(0.1)
    assert sent.order.state is S.TAKEN
    for _ in range(2):
        await place.core.gateway.reconcile(("BTCUSDT",))
    assert (sent.order.state, len(place.core.portfolio.fills)) == (S.FILLED, 1)


async def test_an_order_from_elsewhere_is_shown_as_such_and_counts(place: Place) -> None:
    """V12: another program of our account places one."""
    async with script(place.venue, account=0) as elsewhere:
        await elsewhere(Side.BUY, "0.02", "58000")
    await eventually(lambda: len(place.core.orders) == 1)
    (order,) = place.core.orders
    assert (order.external, order.state) == (True, S.TAKEN)
    assert place.core.portfolio.reserved(order.client_order_id).base == D("0.02")


async def test_a_market_order_that_nobody_takes_is_expired_and_exactly_nothing(place: Place) -> None:
    """V16: an empty book."""
    sent = place.core.gateway.submit(market_order(Side.BUY, "BTCUSDT", "0.01"))
    order = await sent
    await eventually(lambda: order.state is S.EXPIRED)
    assert (order.filled, place.reserved(sent), place.core.portfolio.positions) == (0, 0, {})


async def test_self_trade_prevention_ends_an_order_and_is_no_fill(
    place: Place, other: Callable[..., Any]
) -> None:
    """V3: a program of the same account meets our order: it ends, with what had traded, and holds nothing."""
    sent = place.buy("0.02", "59000")
    order = await sent
    await other(Side.SELL, "0.005", "59000")
    async with script(place.venue, account=0) as same_account:
        await same_account(Side.SELL, "0.01", "59000")
    await eventually(lambda: order.state is S.EXPIRED)

    (seen,) = [
        each
        for each in place.venue.exchange.all_orders("account-1", "BTCUSDT")
        if each.client_order_id == sent.client_order_id
    ]
    assert (seen.status, seen.prevented_quantity) == ("EXPIRED_IN_MATCH", D("0.015"))
    assert (order.filled, place.reserved(sent)) == (D("0.005"), 0)
    assert place.core.portfolio.positions["BTCUSDT"].quantity == D("0.005")


async def test_a_fee_in_a_third_asset_leaves_the_position_whole(
    place: Place, other: Callable[..., Any]
) -> None:
    """V17: the position is what traded, to the last digit, and the fee stands by its own asset."""
    exchange = place.venue.exchange
    for side in (Side.SELL, Side.BUY):  # a price for the third asset
        quote = NewOrder(
            symbol="BNBUSDT", side=side, type=OrderKind.LIMIT, time_in_force=TimeInForce.GTC,
            quantity=D(1), price=D(500), prevention=Prevention.NONE,
        )  # fmt: skip
        exchange.place("account-2", quote, 1)
    in_bnb = Fees(maker=D("0.001"), taker=D("0.001"), discount_asset="BNB", discount=D("0.25"))
    exchange.set_fees("account-1", "BTCUSDT", in_bnb)
    order = await place.buy("0.01", "60000")
    await other(Side.SELL, "0.00777", "60000")
    await eventually(lambda: order.filled == D("0.00777"))

    position = place.core.portfolio.positions["BTCUSDT"]
    assert position.quantity == D("0.00777")
    assert position.fees == {"BNB": D("0.00777") * 60_000 * D("0.00075") / 500}


async def test_a_key_that_the_venue_refuses_is_told_to_whoever_can_lock_up(place: Place) -> None:
    """V19: -2015 is a definite refusal of the order, and no matter of this order alone."""
    place.fault("key_refused")
    sent = place.buy()
    with pytest.raises(OrderRejected):
        await sent
    assert (sent.order.state, place.reserved(sent)) == (S.REJECTED, 0)
    ((code, reason),) = place.core.refusals
    assert (code, reason.startswith("-2015 ")) == (-2015, True)


@pytest.mark.parametrize("acted", [True, False])
async def test_a_cancel_without_an_answer_may_be_asked_for_again(place: Place, acted: bool) -> None:
    """N2, N14 of a cancel: unknown by our id; the order's own reports say what became of it."""
    sent = place.buy()
    await sent
    place.fault(f"lost_reply:endpoint={DELETE},count=1,when={'after' if acted else 'before'}")
    with pytest.raises(OrderOutcomeUnknown) as lost:
        await place.core.gateway.cancel("BTCUSDT", sent.client_order_id)
    assert lost.value.client_order_id == sent.client_order_id
    if acted:
        await eventually(lambda: sent.order.state is S.CANCELED)
        with pytest.raises(OrderRejected, match="-2011"):
            await place.core.gateway.cancel("BTCUSDT", sent.client_order_id)
    else:
        assert (sent.order.state, place.reserved(sent)) == (S.TAKEN, D("0.01"))
        await place.core.gateway.cancel("BTCUSDT", sent.client_order_id)
    await eventually(lambda: sent.order.state is S.CANCELED)
    assert (place.at_the_venue, place.reserved(sent)) == ([], 0)
