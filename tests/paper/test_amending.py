"""Making an order smaller, and putting another in its place."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from exchangekit import BUY, SELL, Desk, order

from quantlab.paper.exchange import Refused
from quantlab.paper.orders import OrderState, Placed


@pytest.fixture
def desk() -> Desk:
    """Nothing in the book."""
    return Desk()


def amend(desk: Desk, placed: Placed, quantity: object, **more: str):  # the exchange's answer
    return desk.exchange.amend(
        "ada", "BTCUSDT", Decimal(str(quantity)), order_id=placed.order.order_id, now_ms=90, **more
    )


# --- amend


def test_an_amended_order_keeps_its_place_and_frees_its_funds(desk: Desk) -> None:
    """The book shows less, the queue is the same, the freed funds can be spent."""
    mine = desk.limit("ada", BUY, 5, 100)
    desk.limit("bob", BUY, 5, 100)
    amended = amend(desk, mine, 2, new_client_order_id="smaller")

    assert (amended.order.quantity, amended.order.client_order_id) == (2, "smaller")
    assert amended.amendment.original_client_order_id == mine.order.client_order_id
    assert desk.exchange.depth("BTCUSDT", 5)[1] == [(100, 7)]
    assert desk.funds("ada", "USDT") == (999_800, 200)
    desk.limit("bob", SELL, 2, 100, prevention="EXPIRE_TAKER")
    assert desk.status(mine) == "FILLED"


def test_an_amendment_is_told_and_remembered(desk: Desk) -> None:
    """REPLACED under the new id with the old one beside it; all are found by the order."""
    mine = desk.limit("ada", BUY, 5, 100, client_order_id="first")
    desk.exchange.drain_events()
    amend(desk, mine, 4, new_client_order_id="first")
    amend(desk, mine, 3)
    told = [each for each in desk.exchange.drain_events() if hasattr(each, "original_client_order_id")]

    assert [each.execution_type for each in told] == ["REPLACED"] * 2
    assert [each.original_client_order_id for each in told] == ["first", "first"]
    assert told[1].order.client_order_id != "first"
    found = desk.exchange.amendments("ada", "BTCUSDT", mine.order.order_id)
    assert [(each.original_quantity, each.new_quantity) for each in found] == [(5, 4), (4, 3)]
    assert [each.execution_id for each in found] == [each.execution_id for each in told]
    later = desk.exchange.amendments(
        "ada", "BTCUSDT", mine.order.order_id, from_execution_id=found[1].execution_id
    )
    assert later == found[1:]


@pytest.mark.parametrize(
    ("quantity", "objection"),
    [
        ("6", "-2038 Order amend (quantity increase) is not supported."),
        ("5", "-2038 The requested action would change no state; rejecting"),
        ("1", "-2038 The requested action would change no state; rejecting"),
        ("0", "-1013 Filter failure: LOT_SIZE"),
        ("4.000001", "-1013 Filter failure: LOT_SIZE"),
        ("4.0000000001", "-1111 Parameter 'newQty' has too much precision."),
    ],
)
def test_an_amendment_that_cannot_be_changes_nothing(desk: Desk, quantity: str, objection: str) -> None:
    """Larger, the same, below what has traded, off the grid."""
    mine = desk.limit("ada", BUY, 5, 100)
    desk.limit("bob", SELL, 1, 100)
    before = desk.state(mine)
    with pytest.raises(Refused) as refused:
        amend(desk, mine, quantity)

    assert str(refused.value) == objection
    assert desk.state(mine) == before


def test_an_amendment_keeps_to_the_notional_filter_to_the_symbols_number_and_to_free_names(
    desk: Desk,
) -> None:
    """And an order that is not open cannot be amended."""
    mine = desk.limit("ada", BUY, 5, 100)
    other = desk.limit("ada", BUY, 1, 50, client_order_id="other")
    rules = msgspec.structs.replace(desk.exchange.rules("BTCUSDT"), max_order_amends=1)
    desk.exchange.set_rules("BTCUSDT", rules)
    with pytest.raises(Refused, match="Filter failure: NOTIONAL"):
        amend(desk, mine, "0.01")
    with pytest.raises(Refused, match="-2038 Duplicate order sent"):
        amend(desk, mine, 4, new_client_order_id="other")
    amend(desk, mine, 4)
    with pytest.raises(Refused, match="-2038 Filter failure: MAX_NUM_ORDER_AMENDS"):
        amend(desk, mine, 3)
    desk.cancel("ada", other.order.order_id)
    with pytest.raises(Refused, match="-2038 Unknown order sent"):
        amend(desk, other, "0.5")


def test_an_amended_order_of_a_pair_takes_the_other_with_it(desk: Desk) -> None:
    """Both must have one quantity; what they lock is less, and the list says that it was updated."""
    above = order(SELL, "LIMIT_MAKER", 2, price=110)
    stop, limit = desk.list("ada", "OCO", above, order(SELL, "STOP_LOSS", 2, stop_price=90)).placed
    desk.exchange.drain_events()
    amended = amend(desk, limit, 1)

    assert [desk.state(each).quantity for each in (stop, limit)] == [1, 1]
    assert desk.funds("ada", "BTC") == (9, 1)
    assert amended.order_list is not None
    numbers = [stop.order.order_id, limit.order.order_id]
    assert desk.story() == [f"{each} REPLACED NEW" for each in numbers] + ["list UPDATED EXECUTING"]


def test_a_pending_order_can_be_amended(desk: Desk) -> None:
    """It comes in with the smaller quantity."""
    _, pending = desk.list(
        "ada", "OTO", order(BUY, "LIMIT", 2, price=95), order(SELL, "LIMIT", 2, price=105)
    ).placed
    amend(desk, pending, 1)
    desk.limit("bob", SELL, 2, 95)

    assert desk.exchange.depth("BTCUSDT", 5)[2] == [(105, 1)]
    assert desk.funds("ada", "BTC") == (11, 1)


@pytest.mark.parametrize("which", [1, 2])
def test_an_amended_order_of_a_pending_pair_takes_the_other_with_it(desk: Desk, which: int) -> None:
    """Nothing is locked for them yet; they come in with one quantity, and that is locked once."""
    working, *pair = desk.list(
        "ada", "OTOCO", order(BUY, "LIMIT", 2, price=95),
        order(SELL, "LIMIT_MAKER", 2, price=110), order(SELL, "STOP_LOSS", 2, stop_price=90),
    ).placed  # fmt: skip
    amend(desk, (working, *pair)[which], 1)

    assert [desk.state(each).quantity for each in pair] == [1, 1]
    assert desk.funds("ada", "BTC") == (10, 0)
    desk.limit("bob", SELL, 2, 95)
    assert desk.funds("ada", "BTC") == (11, 1)


# --- replace


def replace(desk: Desk, order_id: int, new, **more):  # the exchange's own types
    return desk.exchange.replace("ada", "BTCUSDT", new, order_id=order_id, now_ms=91, **more)


def test_a_replacement_cancels_and_places(desk: Desk) -> None:
    """The funds of the first are free for the second, which is a new order at the end of the queue."""
    old = desk.limit("ada", BUY, 10, "90000")
    answer = replace(desk, old.order.order_id, order(BUY, "LIMIT", 10, price="91000"))

    assert isinstance(answer.cancelled, OrderState)
    assert isinstance(answer.placed, Placed)
    assert desk.status(old) == "CANCELED"
    assert desk.funds("ada", "USDT")[1] == 910_000


@pytest.mark.parametrize(("stop_on_failure", "placed"), [(True, False), (False, True)])
def test_without_a_cancel_the_mode_decides_on_the_order(
    desk: Desk, stop_on_failure: bool, placed: bool
) -> None:
    """STOP_ON_FAILURE does not attempt it, ALLOW_FAILURE places it."""
    answer = replace(desk, 404, order(BUY, "LIMIT", 1, price=100), stop_on_failure=stop_on_failure)

    assert isinstance(answer.cancelled, Refused)
    assert (answer.placed is not None) is placed
    assert len(desk.exchange.open_orders("ada")) == placed


def test_an_order_that_the_engine_refuses_leaves_the_cancel(desk: Desk) -> None:
    """Partly failed: it is said which part."""
    desk.limit("bob", SELL, 1, 100)
    old = desk.limit("ada", BUY, 1, 90)
    answer = replace(desk, old.order.order_id, order(BUY, "LIMIT_MAKER", 1, price=100))

    assert desk.status(old) == "CANCELED"
    assert str(answer.placed) == "-2010 Order would immediately match and take."


def test_filters_are_asked_before_anything_is_cancelled(desk: Desk) -> None:
    """A refused parameter leaves the old order where it is."""
    old = desk.limit("ada", BUY, 1, 90)
    with pytest.raises(Refused, match="PRICE_FILTER"):
        replace(desk, old.order.order_id, order(BUY, "LIMIT", 1, price="90.001"))
    assert desk.status(old) == "NEW"


def test_over_the_order_limit_only_the_cancel_happens(desk: Desk) -> None:
    """CANCEL_ONLY: the order is refused by the limit's own words."""
    old = desk.limit("ada", BUY, 1, 90)
    over = Refused(-1015, "Too many new orders; current limit is 1 orders per 10 SECOND.")
    answer = replace(desk, old.order.order_id, order(BUY, "LIMIT", 1, price=91), over_limit=over)

    assert desk.status(old) == "CANCELED"
    assert answer.placed is over


@pytest.mark.parametrize(
    ("restriction", "traded", "cancelled"),
    [
        ("ONLY_NEW", False, True), ("ONLY_NEW", True, False),
        ("ONLY_PARTIALLY_FILLED", True, True), ("ONLY_PARTIALLY_FILLED", False, False),
    ],
)  # fmt: skip
def test_a_restricted_cancel_looks_at_the_state(
    desk: Desk, restriction: str, traded: bool, cancelled: bool
) -> None:
    """-2011 where the order stands otherwise."""
    mine = desk.limit("ada", BUY, 2, 100)
    if traded:
        desk.limit("bob", SELL, 1, 100)
    if cancelled:
        desk.cancel("ada", mine.order.order_id, restriction=restriction)
    else:
        with pytest.raises(Refused, match="-2011 Order was not canceled due to cancel restrictions"):
            desk.cancel("ada", mine.order.order_id, restriction=restriction)
    assert (desk.status(mine) == "CANCELED") is cancelled
