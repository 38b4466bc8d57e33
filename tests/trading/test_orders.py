"""The order state machine: the whole table, and the races that make tables necessary."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from quantlab.domain.orders import ExecutionReport, OrderRequest, OrderType, Side
from quantlab.trading.orders import Order, Orders
from quantlab.trading.states import (
    FINAL_EVENTS,
    LIVE,
    REPORTED,
    STATUS_EVENTS,
    TRANSITIONS,
    OrderEvent,
    OrderState,
)

S, E = OrderState, OrderEvent
Build = Callable[..., ExecutionReport]


@pytest.fixture
def request_of(limit: Callable[..., OrderRequest]) -> OrderRequest:
    return limit(quantity="1", client_order_id="a-1")


def in_state(orders: Orders, request: OrderRequest, state: OrderState) -> Order:
    order = orders.add(request, time_ms=0)
    order.state = state
    return order


@pytest.mark.parametrize("event", OrderEvent)
@pytest.mark.parametrize("state", OrderState)
def test_an_event_leads_where_the_table_says_and_nowhere_else(
    request_of: OrderRequest, state: OrderState, event: OrderEvent
) -> None:
    """Every pair of state and event: the table's state, or no change and an alarm."""
    orders = Orders()
    order = in_state(orders, request_of, state)

    change = orders.answer("a-1", event, time_ms=1)

    expected = TRANSITIONS[state].get(event)
    assert order.state is (expected or state)
    assert change.changed is (expected not in (None, state))
    assert bool(change.alarm) is (
        expected is None
        or (state in {S.NOT_PLACED, S.REJECTED} and expected not in {state, S.UNKNOWN, S.REJECTED})
    )


def test_the_table_knows_every_state_and_nothing_leaves_denied() -> None:
    """What our rails denied is over; every other state has a way in the table."""
    assert set(TRANSITIONS) == set(OrderState)
    assert not TRANSITIONS[S.DENIED]
    assert all(TRANSITIONS[state] for state in OrderState if state is not S.DENIED)


@pytest.mark.parametrize("state", [S.FILLED, S.CANCELED, S.EXPIRED])
def test_an_ended_order_never_lives_again(state: OrderState) -> None:
    """No report revives what the venue has ended; only a fill may still turn an end into FILLED."""
    assert not {after for after in TRANSITIONS[state].values() if after in LIVE}


def test_only_the_report_says_that_an_order_is_filled(request_of: OrderRequest) -> None:
    """No answer to our request leads to a filled state."""
    answers = {E.ACK, E.REFUSED, E.LOST, E.NOT_SENT}
    leads = {
        after
        for state, row in TRANSITIONS.items()
        for event, after in row.items()
        if event in answers and after is not state
    }
    assert leads == {S.TAKEN, S.REJECTED, S.UNKNOWN, S.NOT_PLACED}


@pytest.mark.parametrize("status", STATUS_EVENTS)
def test_every_known_status_leads_an_open_order_to_its_state(
    request_of: OrderRequest, report: Build, status: str
) -> None:
    """A pending order goes where the venue's status says."""
    orders = Orders()
    orders.add(request_of, time_ms=0)
    change = orders.apply(report(status))
    assert change.order.state is REPORTED[STATUS_EVENTS[status]]
    assert not change.alarm


def test_a_rejection_in_the_stream_beats_the_acknowledgement(request_of: OrderRequest, report: Build) -> None:
    """In both orders of arrival."""
    for first_ack in (True, False):
        orders = Orders()
        orders.add(request_of, time_ms=0)
        if first_ack:
            orders.answer("a-1", E.ACK, time_ms=1)
        orders.apply(report("REJECTED", execution_id=5))
        if not first_ack:
            orders.answer("a-1", E.ACK, time_ms=1)
        assert orders.get("a-1").state is S.REJECTED  # type: ignore[union-attr]


def test_a_status_never_seen_is_shown_as_unknown_with_an_alarm(
    request_of: OrderRequest, report: Build
) -> None:
    """It stays live: nobody knows what it means."""
    orders = Orders()
    orders.add(request_of, time_ms=0)
    change = orders.apply(report("PENDING_WHATEVER"))
    assert change.order.state is S.UNKNOWN
    assert change.order.live
    assert "PENDING_WHATEVER" in change.alarm
    assert orders.apply(report("NEW")).order.state is S.TAKEN


def test_a_query_that_is_older_than_the_stream_undoes_nothing(
    request_of: OrderRequest, report: Build
) -> None:
    """A snapshot taken before the end, arriving after it, is stale: by quantity or by time."""
    orders = Orders()
    orders.add(request_of, time_ms=0)
    orders.apply(report("PARTIALLY_FILLED", "0.5", "0.5", execution_id=4, transact_ms=10))
    assert not orders.apply(report("NEW", source="reconcile", transact_ms=10)).changed
    orders.apply(report("REJECTED", "0.5", execution_id=9, transact_ms=20))
    orders.get("a-1").state = S.REJECTED  # type: ignore[union-attr]
    assert not orders.apply(report("PARTIALLY_FILLED", "0.5", source="reconcile", transact_ms=20)).changed
    assert orders.apply(report("PARTIALLY_FILLED", "0.5", source="reconcile", transact_ms=21)).alarm


def test_the_refused_order_that_lives_is_taken_with_an_alarm(request_of: OrderRequest, report: Build) -> None:
    """The venue's report is right, whatever its answer said before."""
    for event in (E.REFUSED, E.NOT_SENT):
        orders = Orders()
        orders.add(request_of, time_ms=0)
        orders.answer("a-1", event, time_ms=1)
        change = orders.apply(report("NEW"))
        assert change.order.state is S.TAKEN
        assert change.alarm


def test_an_order_placed_elsewhere_is_kept_and_marked(report: Build) -> None:
    """Also without a client id; ids of earlier sessions of ours are not external."""
    orders = Orders()
    orders.remember(["old-7"])
    assert orders.apply(report(client_order_id="web_1", order_id=1)).order.external
    assert not orders.apply(report(client_order_id="old-7", order_id=2)).order.external
    nameless = orders.apply(report(client_order_id="", order_id=3)).order
    assert (nameless.client_order_id, nameless.external) == ("#3", True)
    assert orders.apply(report("FILLED", "1", "1", client_order_id="web_3", order_id=3)).order is nameless
    assert orders.by_venue_id("BTCUSDT", 2) is orders.get("old-7")
    assert [each.client_order_id for each in orders.open()] == ["web_1", "old-7"]


def test_an_id_is_never_given_twice(request_of: OrderRequest) -> None:
    """Not in this session, and not after an earlier one used it."""
    orders = Orders()
    orders.add(request_of, time_ms=0)
    with pytest.raises(ValueError, match="used before"):
        orders.add(request_of, time_ms=0)
    other = Orders()
    other.remember(["a-1"])
    with pytest.raises(ValueError, match="used before"):
        other.add(request_of, time_ms=0)


def test_reports_in_any_order_and_twice_lead_to_the_same_end(request_of: OrderRequest, report: Build) -> None:
    """Shuffled and duplicated, 200 times: same state, same amounts, never fewer than before."""
    history = [
        report("NEW", execution_id=1),
        report("PARTIALLY_FILLED", "0.3", "0.3", execution_id=2),
        report("PARTIALLY_FILLED", "0.5", "0.2", execution_id=3),
        report("CANCELED", "0.5", execution_id=4),
    ]
    late = 0
    for seed in range(200):
        shuffled = history * 2
        random.Random(seed).shuffle(shuffled)
        late += shuffled[0].status == "CANCELED"
        orders, filled = Orders(), Decimal(0)
        orders.add(request_of, time_ms=0)
        for each in shuffled:
            order = orders.apply(each).order
            assert order.filled >= filled
            filled = order.filled
        assert (order.state, order.filled, order.order_id) == (S.CANCELED, Decimal("0.5"), 1)
    assert late > 20


def test_a_fill_that_overtakes_its_cancel_wins_when_it_is_the_last(
    request_of: OrderRequest, report: Build
) -> None:
    """Cancelled with half, then the rest turns out to be filled: the venue's final word."""
    orders = Orders()
    orders.add(request_of, time_ms=0)
    orders.apply(report("CANCELED", "0.5", execution_id=4))
    assert orders.apply(report("FILLED", "1", "0.5", execution_id=5)).order.state is S.FILLED


def test_the_frame_has_a_row_for_every_order(request_of: OrderRequest, report: Build) -> None:
    """Also for the denied ones, with the reason; averages are by report."""
    orders = Orders()
    orders.add(
        msgspec.structs.replace(request_of, client_order_id="a-0"), time_ms=0, state=S.DENIED, reason="no"
    )
    orders.add(request_of, time_ms=0)
    orders.apply(report("PARTIALLY_FILLED", "0.5", "0.5"))
    frame = orders.frame()
    assert list(frame.index) == ["a-0", "a-1"]
    assert frame.loc["a-0", "reason"] == "no"
    assert frame.loc["a-1", "average_price"] == 60_000
    assert frame.loc["a-1", "state"] == "PARTIALLY_FILLED"
    assert frame.loc["a-0", "order_id"] is None  # never at the venue
    assert frame.loc["a-1", "order_id"] == 1
    assert type(frame.loc["a-1", "order_id"]) is int
    assert Orders().frame().empty


def test_the_frame_shows_an_order_for_an_amount_of_quote_by_that_amount() -> None:
    """It has no quantity of its own."""
    orders = Orders()
    request = OrderRequest(
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.MARKET,
        quote_quantity=Decimal("100.50"),
        client_order_id="q",
    )
    orders.add(request, time_ms=0)
    shown = orders.frame().loc["q"]

    assert (shown["quantity"], shown["quote_quantity"]) == (None, Decimal("100.5"))


def test_final_events_are_exactly_those_that_end_an_order() -> None:
    """The staleness rule and the table agree on what is final."""
    assert {event for event, state in REPORTED.items() if state not in LIVE} == FINAL_EVENTS


def test_an_end_is_believed_although_a_newer_fill_was_heard_first(
    request_of: OrderRequest, report: Build
) -> None:
    """The cancel's report is older than the fill that overtook it: ended, with the fill's amount."""
    orders = Orders()
    orders.add(request_of, time_ms=0)
    orders.apply(report("PARTIALLY_FILLED", "0.5", "0.2", execution_id=5))
    order = orders.apply(report("CANCELED", "0.3", execution_id=4)).order
    assert (order.state, order.filled) == (S.CANCELED, Decimal("0.5"))
