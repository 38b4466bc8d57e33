"""Orders that depend on each other: OCO, OTO, OTOCO."""

from __future__ import annotations

from decimal import Decimal

import pytest
from exchangekit import BUY, SELL, Desk, order

from quantlab.domain.orders import Side
from quantlab.paper.exchange import Refused
from quantlab.paper.orders import CancelledList, NewOrder, PlacedList


@pytest.fixture
def desk() -> Desk:
    """Last price 100; nothing in the book."""
    desk = Desk()
    desk.trade(100)
    desk.exchange.drain_events()
    return desk


def sell_pair(quantity: object = 2) -> tuple[NewOrder, NewOrder]:
    """Above: take profit by a limit at 110. Below: stop loss at 90."""
    above = order(SELL, "LIMIT_MAKER", quantity, price=110)
    return above, order(SELL, "STOP_LOSS_LIMIT", quantity, price=89, stop_price=90)


def buy_pair(quantity: object = 2) -> tuple[NewOrder, NewOrder]:
    """Above: stop loss at 110. Below: a limit at 90."""
    above = order(BUY, "STOP_LOSS_LIMIT", quantity, price=111, stop_price=110)
    return above, order(BUY, "LIMIT_MAKER", quantity, price=90)


def ids(placed: PlacedList) -> list[int]:
    return [each.order.order_id for each in placed.placed]


def test_an_oco_locks_its_quantity_once(desk: Desk) -> None:
    """Only one of its orders will ever trade: a sell locks the base once, a buy its dearer order."""
    selling = desk.list("ada", "OCO", *sell_pair())
    buying = desk.list("ada", "OCO", *buy_pair())

    assert desk.funds("ada", "BTC") == (8, 2)
    assert desk.funds("ada", "USDT") == (999_778, 222)
    assert [each.order.type for each in selling.placed] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert [each.order.type for each in buying.placed] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert selling.order_list.order_status == "EXECUTING"


def test_the_first_fill_of_the_limit_order_ends_the_stop(desk: Desk) -> None:
    """A partial fill is enough; the rest of the limit order stays and holds its own funds."""
    stop, limit = ids(desk.list("ada", "OCO", *sell_pair()))
    desk.exchange.drain_events()
    desk.limit("bob", BUY, "0.5", 110)

    assert desk.story() == [f"{stop} EXPIRED EXPIRED", f"{limit} TRADE PARTIALLY_FILLED"]
    assert desk.exchange.order("ada", "BTCUSDT", order_id=stop).expiry_reason == "OCO_TRIGGER"
    assert desk.funds("ada", "BTC") == (8, Decimal("1.5"))

    desk.limit("bob", BUY, "1.5", 110)
    assert desk.story() == [f"{limit} TRADE FILLED", "list ALL_DONE ALL_DONE"]
    assert desk.funds("ada", "BTC") == (8, 0)


def test_the_trigger_of_the_stop_ends_the_limit_order(desk: Desk) -> None:
    """The limit order leaves the book before the stop goes to work."""
    stop, limit = ids(desk.list("ada", "OCO", *sell_pair()))
    desk.exchange.drain_events()
    desk.trade(90)

    assert desk.story() == [f"{limit} EXPIRED EXPIRED", f"{stop} NEW NEW"]
    assert desk.exchange.depth("BTCUSDT", 5)[2] == [(89, 2)]
    assert desk.funds("ada", "BTC") == (8, 2)


@pytest.mark.parametrize("number", [0, 1])
def test_cancelling_one_order_of_a_list_cancels_the_list(desk: Desk, number: int) -> None:
    """Whichever is named; the answer is the list's."""
    placed = desk.list("ada", "OCO", *sell_pair())
    answer = desk.cancel("ada", ids(placed)[number])

    assert isinstance(answer, CancelledList)
    assert [each.status for each in answer.orders] == ["CANCELED"] * 2
    assert answer.order_list.order_status == "ALL_DONE"
    assert desk.funds("ada", "BTC") == (10, 0)
    assert desk.exchange.open_order_lists("ada") == []


def test_a_list_is_cancelled_by_either_of_its_ids(desk: Desk) -> None:
    """And once: the second time there is none."""
    for name in ("order_list_id", "list_client_order_id"):
        desk.list("ada", "OCO", *sell_pair(), name="mine")
        (found,) = desk.exchange.open_order_lists("ada")
        chosen = {name: getattr(found, name)}
        desk.exchange.cancel_list("ada", "BTCUSDT", **chosen, now_ms=9)
        with pytest.raises(Refused, match="-2011 Unknown order sent"):
            desk.exchange.cancel_list("ada", "BTCUSDT", **chosen, now_ms=9)
    with pytest.raises(Refused, match="-1102"):
        desk.exchange.cancel_list("ada", "BTCUSDT", now_ms=9)


def test_cancel_all_answers_lists_as_lists(desk: Desk) -> None:
    """A plain order as itself, the orders of a list together and once."""
    desk.limit("ada", BUY, 1, 50)
    desk.list("ada", "OCO", *sell_pair())
    answers = desk.exchange.cancel_all("ada", "BTCUSDT", 9)

    assert [type(each).__name__ for each in answers] == ["OrderState", "CancelledList"]
    assert desk.exchange.open_orders("ada") == []


# --- what may be tied together

BAD_PAIRS = [
    (-1165, BUY, ("LIMIT_MAKER", {"price": 110}), ("STOP_LOSS", {"stop_price": 90})),
    (-1166, SELL, ("STOP_LOSS", {"stop_price": 110}), ("LIMIT_MAKER", {"price": 90})),
    (-1168, SELL, ("LIMIT_MAKER", {"price": 110}), ("LIMIT_MAKER", {"price": 109})),
    (-1158, SELL, ("LIMIT", {"price": 110}), ("STOP_LOSS", {"stop_price": 90})),
    (-1196, BUY, ("STOP_LOSS", {"stop_price": 110}), ("STOP_LOSS", {"stop_price": 90})),
    (-1197, SELL, ("STOP_LOSS", {"stop_price": 110}), ("STOP_LOSS", {"stop_price": 90})),
    (-1198, BUY, ("TAKE_PROFIT", {"stop_price": 110}), ("LIMIT_MAKER", {"price": 90})),
    (-1199, SELL, ("LIMIT_MAKER", {"price": 110}), ("TAKE_PROFIT", {"stop_price": 90})),
    (-2010, SELL, ("LIMIT_MAKER", {"price": 100}), ("STOP_LOSS", {"stop_price": 90})),
    (-2010, SELL, ("LIMIT_MAKER", {"price": 110}), ("STOP_LOSS", {"stop_price": 100})),
    (-2010, BUY, ("STOP_LOSS", {"stop_price": 100}), ("LIMIT_MAKER", {"price": 90})),
    (-2010, BUY, ("STOP_LOSS", {"stop_price": 110}), ("TAKE_PROFIT_LIMIT", {"price": 101, "stop_price": 99})),
]


@pytest.mark.parametrize(("code", "side", "above", "below"), BAD_PAIRS)
def test_a_pair_that_does_not_fit_together_is_refused(
    desk: Desk, code: int, side: Side, above: tuple[str, dict], below: tuple[str, dict]
) -> None:
    """By its own code; nothing is placed and nothing locked."""
    with pytest.raises(Refused) as refused:
        desk.list("ada", "OCO", *(order(side, kind, 1, **more) for kind, more in (above, below)))

    assert refused.value.code == code
    assert desk.exchange.open_orders("ada") == []
    assert desk.funds("ada", "USDT") == (1_000_000, 0)


def test_a_list_that_the_account_cannot_pay_for_is_refused(desk: Desk) -> None:
    """Eleven of ten coins, though each order alone would fit its filters."""
    with pytest.raises(Refused, match="insufficient balance"):
        desk.list("ada", "OCO", *sell_pair(11))
    assert desk.story() == []


def test_names_are_unique_among_what_is_open(desk: Desk) -> None:
    """The list's own, and each of its orders'."""
    desk.list("ada", "OCO", *sell_pair(1), name="mine")
    with pytest.raises(Refused, match="Duplicate order sent"):
        desk.list("ada", "OCO", *sell_pair(1), name="mine")
    twins = [order(SELL, "LIMIT_MAKER", 1, price=110, client_order_id="x")]
    twins.append(order(SELL, "STOP_LOSS", 1, stop_price=90, client_order_id="x"))
    with pytest.raises(Refused, match="Duplicate order sent"):
        desk.list("ada", "OCO", *twins)


# --- one triggers the other


def test_a_pending_order_comes_in_when_the_working_one_has_filled(desk: Desk) -> None:
    """Not at a partial fill; until then it locks nothing and is not in the book."""
    placed = desk.list("ada", "OTO", order(BUY, "LIMIT", 2, price=95), order(SELL, "LIMIT", 2, price=105))
    working, pending = ids(placed)
    assert [each.order.status for each in placed.placed] == ["NEW", "PENDING_NEW"]
    assert desk.funds("ada", "BTC") == (10, 0)
    desk.limit("bob", SELL, 1, 95)
    assert desk.status(pending) == "PENDING_NEW"
    desk.exchange.drain_events()
    desk.limit("bob", SELL, 1, 95)

    assert desk.story() == [f"{working} TRADE FILLED", f"{pending} NEW NEW"]
    assert desk.funds("ada", "BTC") == (10, 2)
    desk.limit("bob", BUY, 2, 105)
    assert desk.story() == [f"{pending} TRADE FILLED", "list ALL_DONE ALL_DONE"]


def test_a_working_order_that_fills_at_once_still_answers_a_pending_one(desk: Desk) -> None:
    """The answer shows PENDING_NEW, a query right after it the truth."""
    desk.limit("bob", SELL, 2, 95)
    placed = desk.list("ada", "OTO", order(BUY, "LIMIT", 2, price=95), order(SELL, "MARKET", 1))

    assert [each.order.status for each in placed.placed] == ["FILLED", "PENDING_NEW"]
    assert len(placed.placed[0].trades) == 1
    assert desk.status(ids(placed)[1]) == "EXPIRED"
    assert desk.exchange.order_list("ada", order_list_id=0).order_status == "ALL_DONE"


def test_a_working_order_that_expires_takes_the_pending_ones_with_it(desk: Desk) -> None:
    """An IOC that nobody meets."""
    working = order(BUY, "LIMIT", 2, price=95, time_in_force="IOC")
    placed = desk.list("ada", "OTOCO", working, *sell_pair())

    states = [desk.exchange.order("ada", "BTCUSDT", order_id=each) for each in ids(placed)]
    assert [each.status for each in states] == ["EXPIRED"] * 3
    assert [each.expiry_reason for each in states[1:]] == ["OTO_PHASE_ONE_EXPIRED"] * 2
    assert desk.funds("ada", "BTC") == (10, 0)


def test_an_otoco_becomes_an_oco(desk: Desk) -> None:
    """After the working order the pair comes in, and from then on it is one."""
    placed = desk.list("ada", "OTOCO", order(BUY, "LIMIT", 2, price=95), *sell_pair())
    _, stop, limit = ids(placed)
    desk.limit("bob", SELL, 2, 95)
    assert (desk.status(stop), desk.status(limit)) == ("NEW", "NEW")
    assert desk.funds("ada", "BTC") == (10, 2)
    desk.limit("bob", BUY, 2, 110)

    assert (desk.status(stop), desk.status(limit)) == ("EXPIRED", "FILLED")
    assert desk.funds("ada", "BTC") == (10, 0)
    assert desk.exchange.open_order_lists("ada") == []


def test_a_pair_whose_prices_the_market_has_passed_is_rejected_when_it_would_come_in(desk: Desk) -> None:
    """The working order fills at 85, below the pair's stop at 90."""
    placed = desk.list("ada", "OTOCO", order(BUY, "LIMIT", 2, price=85), *sell_pair())
    desk.limit("bob", SELL, 2, 85)

    states = [desk.exchange.order("ada", "BTCUSDT", order_id=each) for each in ids(placed)]
    assert [(each.status, each.expiry_reason) for each in states[1:]] == [("EXPIRED", "REJECTED")] * 2
    assert desk.funds("ada", "BTC") == (12, 0)


@pytest.mark.parametrize("number", [0, 1])
def test_cancelling_either_order_of_an_oto_cancels_both(desk: Desk, number: int) -> None:
    """The pending one too, though it never came in."""
    placed = desk.list("ada", "OTO", order(BUY, "LIMIT", 2, price=95), order(SELL, "LIMIT", 2, price=105))
    answer = desk.cancel("ada", ids(placed)[number])

    assert isinstance(answer, CancelledList)
    assert [each.status for each in answer.orders] == ["CANCELED"] * 2
    assert desk.funds("ada", "USDT") == (1_000_000, 0)


def test_lists_are_found_again_by_id_and_by_time(desk: Desk) -> None:
    """Open ones among the open, closed ones in the history; an unknown one is refused."""
    first = desk.list("ada", "OCO", *sell_pair(1), name="one").order_list
    second = desk.list("ada", "OCO", *sell_pair(1), name="two").order_list
    desk.exchange.cancel_list("ada", "BTCUSDT", order_list_id=first.order_list_id, now_ms=50)

    assert [each.list_client_order_id for each in desk.exchange.order_lists("ada")] == ["one", "two"]
    assert [each.list_client_order_id for each in desk.exchange.open_order_lists("ada")] == ["two"]
    assert desk.exchange.order_lists("ada", from_id=second.order_list_id)[0].order_list_id == 1
    assert len(desk.exchange.order_lists("ada", start_ms=50)) == 1
    assert desk.exchange.order_list("ada", list_client_order_id="one").order_status == "ALL_DONE"
    with pytest.raises(Refused, match="-2013"):
        desk.exchange.order_list("ada", order_list_id=7)
