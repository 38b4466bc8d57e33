"""Reconciliation: the venue is right, twice is once, and no fill is assumed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from quantlab.domain.orders import OrderRequest
from quantlab.errors import OrderOutcomeUnknown, UndecodableReply, VenueRejected
from quantlab.trading.owntrades import TRADES_PAGE, trades_after
from quantlab.trading.recovery import Recovered
from quantlab.trading.resolver import Doubt
from quantlab.trading.states import OrderState as S

Make = Callable[..., Any]
Ask = Callable[..., OrderRequest]
D = Decimal


def state(b: Any) -> tuple[Any, ...]:
    seen = b.portfolio.exposure_for(
        OrderRequest(symbol="BTCUSDT", side="BUY", type="MARKET"),
        reference_price=None, price_age_ms=None, orders_last_second=None,
    )  # fmt: skip
    return seen.position, seen.buying, [(each.client_order_id, each.state, each.filled) for each in b.orders]


async def test_at_start_open_orders_are_adopted_and_old_trades_are_not_booked(
    bench: Make, limit: Ask
) -> None:
    """What was filled before this session is history; what may still trade counts."""
    b = await bench()
    b.venue.place(limit(quantity="1", client_order_id="web"))
    b.venue.trade("web", "0.3")
    b.venue.stream.clear()
    await b.gateway.reconcile(("BTCUSDT",))
    assert state(b) == (0, D("0.7"), [("web", S.PARTIALLY_FILLED, D("0.3"))])
    assert b.orders.get("web").external
    assert b.portfolio.balances["USDT"].free == 10**9
    assert b.portfolio.books.reconciled_to("BTCUSDT") == b.venue.trades[-1].trade_id


async def test_a_fill_missed_in_a_symbol_first_ordered_after_start_is_booked(bench: Make, limit: Ask) -> None:
    """Nobody followed the symbol before: the fills of our orders in it are asked for by their numbers."""
    b = await bench()
    b.venue.place(limit(client_order_id="old", symbol="ETHUSDT", price="3000"))
    b.venue.trade("old", "0.1", "3000")
    await b.gateway.reconcile(("BTCUSDT",))
    b.venue.stream.clear()
    b.quote = b.quote._replace(price=D(3_000))
    order = await b.gateway.submit(limit(symbol="ETHUSDT", quantity="0.5", price="3000"))
    over = await b.gateway.submit(limit(symbol="ETHUSDT", quantity="0.2", price="3000"))
    await b.deliver()
    b.venue.trade(order.client_order_id, "0.3", "2999")
    b.venue.trade(over.client_order_id, "0.2", "3000")
    b.venue.stream.clear()
    await b.gateway.reconcile(("BTCUSDT",))

    assert (order.filled, over.state) == (D("0.3"), S.FILLED)
    assert sorted((each.price, each.quantity) for each in b.portfolio.fills) == [
        (2_999, D("0.3")),
        (3_000, D("0.2")),
    ]
    assert b.portfolio.positions["ETHUSDT"].quantity == D("0.5")
    assert b.portfolio.reserved(order.client_order_id).base == D("0.2")
    assert b.portfolio.reserved(over.client_order_id).base == 0
    assert b.portfolio.books.reconciled_to("ETHUSDT") == b.venue.trades[-1].trade_id
    assert not b.gateway.alarms


async def test_a_fill_between_the_questions_about_a_new_symbol_is_booked_with_the_next(
    bench: Make, limit: Ask
) -> None:
    """It came after the snapshot of the order and before its trades were asked for, and was not told."""
    b = await bench()
    order = await b.gateway.submit(limit())
    await b.deliver()
    ask, looks = b.venue.open_orders, 0

    async def trades_afterwards(symbol: str | None = None) -> Any:
        nonlocal looks
        looks += 1
        found = await ask(symbol)
        b.venue.trade(order.client_order_id, "0.04")
        return found

    b.venue.open_orders = trades_afterwards
    await b.gateway.reconcile(("BTCUSDT",))
    assert looks == 2
    b.venue.open_orders = ask
    b.venue.stream.clear()
    await b.gateway.reconcile(("BTCUSDT",))
    assert state(b)[:2] == (D("0.08"), D("0.02"))
    assert not b.gateway.alarms


async def test_what_an_order_from_elsewhere_traded_before_we_heard_of_it_is_not_booked(
    bench: Make, limit: Ask
) -> None:
    """Heard of by a fill in a symbol that nobody followed; a later fill of it was missed."""
    b = await bench()
    b.venue.place(limit(client_order_id="web", quantity="1"))
    b.venue.trade("web", "0.1")
    b.venue.stream.clear()
    b.venue.trade("web", "0.2")
    await b.deliver()
    b.venue.trade("web", "0.3")
    b.venue.stream.clear()
    await b.gateway.reconcile()
    assert state(b)[:2] == (D("0.5"), D("0.4"))
    assert len(b.portfolio.fills) == 2


async def test_the_fills_of_an_order_that_an_earlier_session_left_unanswered_are_booked(
    bench: Make, limit: Ask
) -> None:
    """Nothing of it was ever told: its trades are asked for by its number, whatever else traded."""
    b = await bench()
    request = limit(client_order_id="det0-7")
    b.venue.place(request)
    b.venue.trade("det0-7", "0.1")
    b.venue.stream.clear()
    b.gateway.recover(Recovered(client_order_ids=frozenset({"det0-7"}), unfinished=(request,)))
    await b.gateway.reconcile(("BTCUSDT",))
    assert state(b) == (D("0.1"), 0, [("det0-7", S.FILLED, D("0.1"))])


async def test_an_order_that_is_over_and_lacks_fills_after_a_reconciliation_is_an_alarm(
    bench: Make, limit: Ask
) -> None:
    """The venue says what was traded and lists no trade of it: that part stays reserved, and is told."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    order = await b.gateway.submit(limit())
    await b.deliver()
    b.venue.trade(order.client_order_id, "0.1")
    b.venue.trades.clear()
    b.venue.stream.clear()
    await b.gateway.reconcile()
    assert (order.state, state(b)[:2]) == (S.FILLED, (0, D("0.1")))
    assert [order.client_order_id in each and "0.1 were not found" in each for each in b.gateway.alarms] == [
        True
    ]


async def test_a_missing_fill_of_an_order_that_is_over_is_found_although_it_is_before_the_mark(
    bench: Make, limit: Ask
) -> None:
    """The mark passed it by: an order that lacks fills is asked for by its number."""
    b = await bench()
    order = await b.gateway.submit(limit())
    b.venue.trade(order.client_order_id, "0.1")
    await b.deliver(0)
    b.portfolio.books.mark_reconciled("BTCUSDT", b.venue.trades[-1].trade_id)
    b.venue.stream.clear()
    await b.gateway.reconcile()
    await b.gateway.reconcile()
    assert (order.state, state(b)[:2], b.gateway.alarms[1:]) == (S.FILLED, (D("0.1"), 0), ())


async def test_an_id_used_again_while_we_did_not_hear_is_two_orders(bench: Make, limit: Ask) -> None:
    """Cancelled and placed anew under the same id, which the venue allows: the first is over."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    b.venue.place(limit(client_order_id="bot", quantity="0.5"))
    await b.deliver()
    b.venue.end("bot")
    b.venue.place(limit(client_order_id="bot", quantity="2"))
    b.venue.stream.clear()
    await b.gateway.reconcile()
    number = b.venue.orders["bot"].order_id
    assert state(b) == (0, 2, [("bot", S.CANCELED, 0), (f"#{number}", S.TAKEN, 0)])
    assert (b.contradictions, b.gateway.alarms) == ([], ())


async def test_an_order_without_a_name_of_its_own_that_ended_unheard_is_over(bench: Make, limit: Ask) -> None:
    """Only its number names it at the venue: it is asked for by that, and cancelled by that."""
    b = await bench()
    b.venue.place(limit(client_order_id="bot"))
    b.venue.end("bot")
    b.venue.place(limit(client_order_id="bot", quantity="3"))
    await b.deliver()
    b.venue.end("bot")
    b.venue.stream.clear()
    await b.gateway.reconcile()
    assert [each.state for each in b.orders] == [S.CANCELED, S.CANCELED]
    assert (state(b)[1], b.gateway.alarms) == (0, ())
    b.venue.place(limit(client_order_id="bot", quantity="3"))
    await b.deliver()
    (shown,) = b.orders.open()
    await b.gateway.cancel("BTCUSDT", shown.client_order_id)
    await b.deliver()
    assert (shown.client_order_id[0], shown.state) == ("#", S.CANCELED)


async def test_a_lost_report_is_found_with_its_exact_fill(bench: Make, limit: Ask) -> None:
    """Two fills and an end happened while the stream was away: each fill with its own price and id."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    order = await b.gateway.submit(limit())
    await b.deliver()
    b.venue.trade(order.client_order_id, "0.04")
    b.venue.trade(order.client_order_id, "0.02", "59000")
    b.venue.end(order.client_order_id)
    b.venue.stream.clear()
    await b.gateway.reconcile()
    assert (order.state, order.filled) == (S.CANCELED, D("0.06"))
    assert [(each.price, each.quantity) for each in b.portfolio.fills] == [
        (60_000, D("0.04")),
        (59_000, D("0.02")),
    ]
    assert state(b)[:2] == (D("0.06"), 0)
    await b.turn()
    assert {each.source for each in b.said("execution")} == {"reconcile"}


async def test_a_fill_lost_in_the_middle_is_found_although_later_ones_came(bench: Make, limit: Ask) -> None:
    """Asked for from the last reconciliation on, not from the newest trade we happen to know."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    order = await b.gateway.submit(limit())
    for _ in range(3):
        b.venue.trade(order.client_order_id, "0.02")
    await b.deliver(0, 1, 3)
    assert state(b)[:2] == (D("0.04"), D("0.06"))
    await b.gateway.reconcile()
    assert state(b)[:2] == (D("0.06"), D("0.04"))
    assert len(b.portfolio.fills) == 3


async def test_reconciling_again_changes_nothing(bench: Make, limit: Ask) -> None:
    """Idempotent, also when the stream's own reports come late, after it."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    order = await b.gateway.submit(limit())
    b.venue.trade(order.client_order_id, "0.04")
    await b.gateway.reconcile()
    before = state(b), len(b.portfolio.fills)
    await b.gateway.reconcile()
    await b.deliver()
    await b.gateway.reconcile()
    assert (state(b), len(b.portfolio.fills)) == before
    assert before[0][:2] == (D("0.04"), D("0.06"))


async def test_an_order_placed_and_filled_elsewhere_meanwhile_is_booked_as_external(
    bench: Make, limit: Ask
) -> None:
    """Its trades are the account's; the order is shown under the name that it has there."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    b.venue.place(limit(client_order_id="web"))
    b.venue.trade("web", "0.06")
    b.venue.trade("web", "0.04")
    b.venue.stream.clear()
    await b.gateway.reconcile()
    assert state(b) == (D("0.1"), 0, [("web", S.FILLED, D("0.1"))])
    assert all(each.external for each in b.orders)


async def test_an_order_the_venue_does_not_know_is_an_alarm_and_stays(bench: Make, limit: Ask) -> None:
    """An absence is no proof: nothing is released, people are told."""
    b = await bench()
    order = await b.gateway.submit(limit())
    await b.deliver()
    b.venue.orders.clear()
    found = await b.gateway.reconcile()
    assert found.absent == (("BTCUSDT", order.client_order_id),)
    assert (order.state, state(b)[1]) == (S.TAKEN, D("0.1"))
    assert len(b.gateway.alarms) == 1


async def test_an_order_in_flight_is_left_alone(bench: Make, limit: Ask) -> None:
    """Sent a moment ago and not there yet: no alarm, no change."""
    b = await bench()
    sent = b.gateway.submit(limit())
    call = b.gateway.reconcile()
    b.venue.answers = ["lost, not placed"]
    await call
    assert not b.gateway.alarms
    assert sent.order.live


async def test_more_trades_than_a_page_are_all_found(bench: Make, limit: Ask) -> None:
    """1,200 fills in pages of 500."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    b.venue.place(limit(quantity="2", client_order_id="web"))
    for _ in range(1_200):
        b.venue.trade("web", "0.001")
    b.venue.stream.clear()
    await b.gateway.reconcile()
    assert state(b)[:2] == (D("1.2"), D("0.8"))


async def test_a_snapshot_older_than_the_trades_overcounts_nothing(bench: Make, limit: Ask) -> None:
    """A fill between the two questions: position and reservation are right at once or after the stream."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    order = await b.gateway.submit(limit())
    plain = b.venue.my_trades

    async def one_more(symbol: str, **more: Any) -> Any:
        b.venue.trade(order.client_order_id, "0.05")
        b.venue.my_trades = plain
        return await plain(symbol, **more)

    b.venue.my_trades = one_more
    await b.gateway.reconcile()
    assert state(b)[:2] == (D("0.05"), D("0.05"))
    await b.deliver()
    assert state(b)[:2] == (D("0.05"), D("0.05"))
    assert msgspec.structs.asdict(order)["filled"] == D("0.05")


async def test_a_venue_that_repeats_a_page_of_trades_is_not_asked_for_ever(bench: Make, limit: Ask) -> None:
    b = await bench()
    b.venue.place(limit(quantity="1000", client_order_id="web"))
    for _ in range(TRADES_PAGE):
        b.venue.trade("web", "0.01")
    page = list(b.venue.trades)

    class Repeating:
        asked = 0

        async def my_trades(self, _symbol: str, **_more: object) -> list[Any]:
            self.asked += 1
            return page

    venue = Repeating()
    with pytest.raises(UndecodableReply, match="do not come after"):
        await trades_after(venue, "BTCUSDT", page[-1].trade_id)  # type: ignore[arg-type]
    assert venue.asked == 1


async def test_a_trade_of_an_unanswered_order_is_booked_under_its_own_name(bench: Make, limit: Ask) -> None:
    """Its answer and its reports are lost, and it arrives and trades while the venue is being asked.

    Only its number is known to the trade: whose it is, is asked for; it is no order from elsewhere.
    """
    b = await bench(doubt=Doubt(settle_s=60, absences=3, pauses_s=(30,)))
    await b.gateway.reconcile(("BTCUSDT",))
    b.venue.answers.append("lost, not placed")
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    trades = b.venue.my_trades

    async def late(symbol: str, **more: Any) -> Any:
        if sent.client_order_id not in b.venue.orders:  # after the open orders, before the trades
            b.venue.place(limit(client_order_id=sent.client_order_id))
            b.venue.trade(sent.client_order_id, "0.04")
            b.venue.stream.clear()
        return await trades(symbol, **more)

    b.venue.my_trades = late
    await b.gateway.reconcile()
    assert [each.client_order_id for each in b.orders] == [sent.client_order_id]
    assert (sent.order.state, sent.order.filled) == (S.PARTIALLY_FILLED, D("0.04"))
    assert b.portfolio.reserved(sent.client_order_id).base == D("0.06")
    queries = b.venue.queries
    b.venue.trade(sent.client_order_id, "0.06")
    await b.deliver()
    await b.gateway.reconcile()
    assert (sent.order.state, b.venue.queries) == (S.FILLED, queries)  # what was heard is not asked for again


async def test_a_trade_whose_order_cannot_be_named_yet_waits_while_it_may_be_ours(
    bench: Make, limit: Ask
) -> None:
    """The order is not to be found a moment after it came: its trade is asked for again, and booked once."""
    b = await bench(doubt=Doubt(settle_s=60, absences=3, pauses_s=(30,)))
    await b.gateway.reconcile(("BTCUSDT",))
    b.venue.answers.append("lost")
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    b.venue.trade(sent.client_order_id, "0.04")
    b.venue.stream.clear()
    status, opened = b.venue.order_status, b.venue.open_orders
    b.venue.order_status, b.venue.open_orders = _unknown, _nothing
    await b.gateway.reconcile()
    assert (len(b.orders), b.portfolio.fills, sent.order.state) == (1, [], S.UNKNOWN)
    b.venue.order_status, b.venue.open_orders = status, opened
    for _ in range(2):
        await b.gateway.reconcile()
    assert (len(b.orders), len(b.portfolio.fills), sent.order.state) == (1, 1, S.PARTIALLY_FILLED)


async def _unknown(symbol: str, **_: Any) -> Any:
    raise VenueRejected(-2013, "Order does not exist.", status=400, method="GET /api/v3/order")


async def _nothing(symbol: str | None = None) -> list[Any]:
    return []
