"""Orders that wait for a price: stops, take profits and trailing ones."""

from __future__ import annotations

import pytest
from exchangekit import BUY, SELL, Desk

from quantlab.domain.orders import Side
from quantlab.paper.exchange import Refused


@pytest.fixture
def desk() -> Desk:
    """Last price 100, a deep book at 99 and 101."""
    desk = Desk()
    desk.trade(100)
    desk.limit("bob", BUY, 5, 99)
    desk.limit("bob", SELL, 5, 101)
    desk.exchange.drain_events()
    return desk


@pytest.mark.parametrize(
    ("side", "kind", "stop", "before", "reached"),
    [
        (SELL, "STOP_LOSS", "95", "95.01", "95"),
        (BUY, "STOP_LOSS", "105", "104.99", "105"),
        (SELL, "TAKE_PROFIT", "105", "104.99", "105"),
        (BUY, "TAKE_PROFIT", "95", "95.01", "94"),
    ],
)
def test_a_contingent_order_waits_for_its_price_and_then_takes(
    side: Side, kind: str, stop: str, before: str, reached: str
) -> None:
    """One tick before its stop it is not in the market; at it, or beyond, it trades as a market order."""
    desk = Desk()
    desk.trade(100)
    placed = desk.place("ada", side, kind, 1, stop_price=stop)
    desk.trade(before)
    assert desk.state(placed).working_ms is None
    assert desk.status(placed) == "NEW"
    desk.trade(reached)

    state = desk.state(placed)
    assert state.working_ms == desk.now_ms
    assert (state.status, state.expiry_reason) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")


def test_a_triggered_stop_limit_rests_at_its_price(desk: Desk) -> None:
    """It is reported NEW a second time, now in the book, and holds the same funds."""
    placed = desk.place("ada", SELL, "STOP_LOSS_LIMIT", 2, price=98, stop_price=95)
    assert desk.funds("ada", "BTC") == (8, 2)
    desk.cancel("bob", desk.exchange.open_orders("bob")[0].order_id)
    desk.exchange.drain_events()
    desk.limit("bob", SELL, "0.1", 95, prevention="NONE")
    desk.limit("bob", BUY, "0.1", 95, prevention="NONE", time_in_force="IOC")

    assert desk.story() == [f"{placed.order.order_id} NEW NEW"]
    assert desk.state(placed).is_working
    assert desk.exchange.best("BTCUSDT")[2] == 98
    assert desk.funds("ada", "BTC") == (8, 2)


def test_one_trade_can_set_off_a_chain_of_stops() -> None:
    """Each stop trades at a worse price, which triggers the next; they go in the order of their stops."""
    desk = Desk()
    desk.trade(100)
    for price in (97, 96, 95):
        desk.limit("bob", BUY, 1, price)
    stops = [desk.place("ada", SELL, "STOP_LOSS", 1, stop_price=stop) for stop in (96, 98, 97)]
    desk.exchange.drain_events()
    desk.place("bob", BUY, "LIMIT", "0.1", price=98)
    desk.place("ada", SELL, "MARKET", "0.1")

    assert desk.prints() == ["98.00", "97.00", "96.00", "95.00"]
    assert [desk.status(each) for each in stops] == ["FILLED"] * 3
    assert desk.state(stops[1]).executed_quote == 97
    assert desk.state(stops[0]).executed_quote == 95


@pytest.mark.parametrize(
    ("side", "kind", "stop"),
    [
        (SELL, "STOP_LOSS", "100"), (BUY, "STOP_LOSS", "100"), (SELL, "TAKE_PROFIT", "99"),
        (BUY, "TAKE_PROFIT", "101"),
    ],
)  # fmt: skip
def test_a_stop_on_the_wrong_side_of_the_market_is_refused(
    desk: Desk, side: Side, kind: str, stop: str
) -> None:
    """It would trigger at once; nothing is locked."""
    with pytest.raises(Refused, match="-2010 Order would trigger immediately"):
        desk.place("ada", side, kind, 1, stop_price=stop)
    assert desk.funds("ada", "BTC") == (10, 0)
    assert desk.funds("ada", "USDT") == (1_000_000, 0)


def test_a_triggered_buy_that_costs_more_than_there_is_expires() -> None:
    """What it locked was valued at its stop; the book asks more, so it is rejected on its way in."""
    desk = Desk()
    desk.trade(100)
    desk.limit("bob", SELL, 8, 200)
    placed = desk.place("ada", BUY, "STOP_LOSS", 8, stop_price=150)
    assert desk.funds("ada", "USDT")[1] == 1200
    desk.exchange.transfer("ada", "USDT", -desk.funds("ada", "USDT")[0], desk.now_ms)
    desk.trade(150)

    state = desk.state(placed)
    assert (state.status, state.expiry_reason) == ("EXPIRED", "REJECTED")
    assert desk.funds("ada", "USDT") == (1200, 0)


def test_a_waiting_order_can_be_cancelled_and_gives_back_what_it_held(desk: Desk) -> None:
    """It never was in the book, so the public sees nothing of it."""
    placed = desk.place("ada", BUY, "TAKE_PROFIT_LIMIT", 1, price=90, stop_price=95)
    assert desk.funds("ada", "USDT")[1] == 90
    assert [price for price, _ in desk.exchange.depth("BTCUSDT", 10)[1]] == [99]
    desk.cancel("ada", placed.order.order_id)

    assert desk.status(placed) == "CANCELED"
    assert desk.funds("ada", "USDT") == (1_000_000, 0)


# --- trailing; the figures are those of the documents' scenarios

TRAILING = [
    # side, kind, stop, delta, path of last prices from 40000 on, price that triggers
    (BUY, "STOP_LOSS_LIMIT", "44000", 500, ["37000", "44000", "46000", "42000", "44099.99"], "44100"),
    (SELL, "STOP_LOSS_LIMIT", "39000", 1000, ["41500", "39000", "37000", "41000", "36900.01"], "36900"),
    (BUY, "TAKE_PROFIT_LIMIT", "38000", 850, ["42000", "38000", "37000", "39000", "40144.99"], "40145"),
    (SELL, "TAKE_PROFIT_LIMIT", "42000", 750, ["39000", "42000", "45000", "46500", "43012.51"], "43012.5"),
    (SELL, "STOP_LOSS_LIMIT", None, 700, ["42000", "39500", "45500", "42315.01"], "42315"),
]  # fmt: skip


@pytest.mark.parametrize(("side", "kind", "stop", "delta", "path", "reached"), TRAILING)
def test_a_trailing_order_follows_the_market_and_triggers_on_the_way_back(
    side: Side, kind: str, stop: str | None, delta: int, path: list[str], reached: str
) -> None:
    """The documents' scenarios A to E: nothing on the whole path triggers, the last price does."""
    desk = Desk()
    desk.trade(40_000)
    more = {} if stop is None else {"stop_price": stop}
    price = "45000" if side is SELL else "38000"
    placed = desk.place("ada", side, kind, "0.01", price=price, trailing_delta=delta, **more)
    assert (desk.state(placed).trailing_ms is None) is (stop is not None)
    for at in path:
        desk.trade(at)
        assert desk.state(placed).working_ms is None, at
    assert desk.state(placed).trailing_ms is not None
    desk.trade(reached)

    assert desk.state(placed).working_ms == desk.now_ms


@pytest.mark.parametrize(("side", "delta"), [(SELL, 9), (SELL, 2001), (BUY, 9), (BUY, 2001)])
def test_the_delta_has_bounds(desk: Desk, side: Side, delta: int) -> None:
    """TRAILING_DELTA, above and below."""
    with pytest.raises(Refused, match="-1013 Filter failure: TRAILING_DELTA"):
        desk.place("ada", side, "STOP_LOSS", 1, trailing_delta=delta)
    desk.place("ada", side, "STOP_LOSS", 1, trailing_delta=10 if delta == 9 else 2000)


def test_a_cancelled_trailing_order_follows_nothing(desk: Desk) -> None:
    """Its trigger price comes and goes."""
    placed = desk.place("ada", SELL, "STOP_LOSS", 1, trailing_delta=100)
    desk.cancel("ada", placed.order.order_id)
    desk.trade(50)

    assert desk.status(placed) == "CANCELED"
