"""Self-trade prevention as accounts see it: states, funds, records.

The figures are those of the documents' scenarios B to G, a hundred times as large.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from exchangekit import BUY, SELL, Desk

from quantlab.paper.exchange import Refused
from quantlab.paper.orders import Placed, Prevention


@pytest.fixture
def desk() -> Desk:
    """Nothing traded yet: no price collar."""
    return Desk()


def three_bids(desk: Desk) -> list[Placed]:
    bids = (("1.2", "120"), ("1.3", "110"), ("8.1", "100"))
    return [desk.limit("ada", BUY, quantity, price) for quantity, price in bids]


def test_expire_maker_ends_every_own_order_on_the_way(desk: Desk) -> None:
    """Scenario B: the taker rests; each maker has its prevented match."""
    makers = three_bids(desk)
    taker = desk.limit("ada", SELL, 3, 100, prevention="EXPIRE_MAKER")

    assert taker.order.status == "NEW"
    assert [each.maker_quantity for each in taker.prevented] == [
        Decimal("1.2"),
        Decimal("1.3"),
        Decimal("8.1"),
    ]
    assert [each.taker_quantity for each in taker.prevented] == [None] * 3
    states = [desk.state(each) for each in makers]
    assert [each.status for each in states] == ["EXPIRED_IN_MATCH"] * 3
    assert [each.prevented_match_id for each in states] == [0, 1, 2]
    assert desk.funds("ada", "USDT") == (1_000_000, 0)
    assert desk.funds("ada", "BTC") == (7, 3)


def test_expire_taker_leaves_the_makers(desk: Desk) -> None:
    """Scenario C."""
    makers = three_bids(desk)
    taker = desk.limit("ada", SELL, 3, 100, prevention="EXPIRE_TAKER")

    assert (taker.order.status, taker.order.prevented_quantity) == ("EXPIRED_IN_MATCH", 3)
    assert taker.order.prevented_match_id == 0
    assert [desk.status(each) for each in makers] == ["NEW"] * 3
    assert desk.funds("ada", "BTC") == (10, 0)


def test_expire_both_ends_both(desk: Desk) -> None:
    """Scenario D."""
    maker = desk.limit("ada", BUY, 1, 100)
    taker = desk.limit("ada", SELL, 3, 100, prevention="EXPIRE_BOTH")

    assert desk.state(maker).prevented_quantity == 1
    assert (taker.order.status, taker.order.prevented_quantity) == ("EXPIRED_IN_MATCH", 3)
    assert desk.funds("ada", "USDT")[1] == desk.funds("ada", "BTC")[1] == 0


def test_the_takers_mode_decides(desk: Desk) -> None:
    """Scenario E: the maker's EXPIRE_MAKER does not count."""
    maker = desk.limit("ada", BUY, 1, 100, prevention="EXPIRE_MAKER")
    taker = desk.limit("ada", SELL, 1, 100, prevention="EXPIRE_TAKER")

    assert (desk.status(maker), taker.order.status) == ("NEW", "EXPIRED_IN_MATCH")


def test_a_market_order_that_finds_nobody_else_expires_for_want_of_liquidity(desk: Desk) -> None:
    """Scenario F."""
    maker = desk.limit("ada", BUY, 1, 100)
    taker = desk.place("ada", SELL, "MARKET", 1, prevention="EXPIRE_MAKER")

    assert desk.status(maker) == "EXPIRED_IN_MATCH"
    assert (taker.order.status, taker.order.expiry_reason) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")


def test_decrement_makes_both_smaller(desk: Desk) -> None:
    """Scenario G: the smaller one expires, the larger one goes on with less, and holds less."""
    maker = desk.limit("ada", BUY, 6, 200)
    taker = desk.limit("ada", SELL, 2, 200, prevention="DECREMENT")

    assert (taker.order.status, taker.order.prevented_quantity) == ("EXPIRED_IN_MATCH", 2)
    state = desk.state(maker)
    assert (state.status, state.prevented_quantity) == ("NEW", 2)
    assert desk.funds("ada", "USDT")[1] == 800
    desk.limit("bob", SELL, 4, 200)
    assert desk.status(maker) == "FILLED"
    assert desk.funds("ada", "USDT")[1] == 0


def test_none_lets_an_account_trade_with_itself(desk: Desk) -> None:
    """Scenario A: a trade like any other."""
    maker = desk.limit("ada", BUY, 1, 100)
    taker = desk.limit("ada", SELL, 1, 100, prevention="NONE")

    assert (desk.status(maker), taker.order.status) == ("FILLED", "FILLED")
    assert desk.funds("ada", "BTC") == (10, 0)


def test_a_prevented_match_is_found_again(desk: Desk) -> None:
    """By its id, by either order, and from an id on."""
    makers = three_bids(desk)
    taker = desk.limit("ada", SELL, 3, 100)
    find = desk.exchange.prevented_matches

    assert [each.prevented_match_id for each in find("ada", "BTCUSDT")] == [0, 1, 2]
    assert len(find("ada", "BTCUSDT", order_id=taker.order.order_id)) == 3
    assert [each.maker_order_id for each in find("ada", "BTCUSDT", prevented_match_id=1)] == [
        makers[1].order.order_id
    ]
    assert len(find("ada", "BTCUSDT", from_id=1, limit=1)) == 1
    assert find("bob", "BTCUSDT") == []


def test_each_side_hears_what_it_lost(desk: Desk) -> None:
    """The taker after its makers; the event says with whom, and what would have traded."""
    maker = desk.limit("ada", BUY, 2, 100)
    desk.exchange.drain_events()
    taker = desk.limit("ada", SELL, 5, 100, prevention="EXPIRE_BOTH")
    told = [each for each in desk.exchange.drain_events() if getattr(each, "last_prevented", 0)]

    assert [(each.order.order_id, each.last_prevented) for each in told] == [
        (maker.order.order_id, 2), (taker.order.order_id, 5),
    ]  # fmt: skip
    assert [each.counter_order_id for each in told] == [taker.order.order_id, maker.order.order_id]
    assert {(each.prevented_execution, each.prevented_price) for each in told} == {(2, 100)}


def test_a_mode_that_the_symbol_does_not_allow_is_refused(desk: Desk) -> None:
    """By the text of the documents; the default is the symbol's."""
    rules = msgspec.structs.replace(
        desk.exchange.rules("BTCUSDT"),
        default_prevention=Prevention.NONE,
        allowed_preventions=(Prevention.NONE, Prevention.EXPIRE_TAKER),
    )
    desk.exchange.set_rules("BTCUSDT", rules)

    with pytest.raises(Refused, match="-1013 This symbol does not allow the specified self-trade prevention"):
        desk.limit("ada", BUY, 1, 100, prevention="EXPIRE_MAKER")
    assert desk.limit("ada", BUY, 1, 100).order.prevention is Prevention.NONE
