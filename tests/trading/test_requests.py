"""What a user may give for an order, and what the grid says to it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.errors import InvalidField, OffGrid, UnknownSymbol
from quantlab.trading.grid import require_tradable
from quantlab.trading.list_requests import bracket, one_cancels_other, one_triggers_other
from quantlab.trading.requests import limit_order, market_order, stop_order

MARKET = market_order("buy", "BTCUSDT", "1")


def test_exact_amounts_become_an_exact_request() -> None:
    """Decimal, int and plain text are taken as they are; sides by either case."""
    request = limit_order("buy", "BTCUSDT", "0.10", 60_000, "ioc")
    assert request == OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.10"),
        price=Decimal(60_000), time_in_force=TimeInForce.IOC,
    )  # fmt: skip
    assert market_order(Side.SELL, "BTCUSDT", quote_quantity="100").quote_quantity == Decimal(100)


@pytest.mark.parametrize(
    "amount", [0.1, float("nan"), "1e5", " 1", "1_0", "\uff11", "-1", 0, True, None, b"1", "9" * 400]
)
def test_an_amount_that_is_not_exact_and_positive_is_refused_by_its_name(amount: object) -> None:
    """R1, R2, R3, R4, R5: Each field says its own name, for price and quantity alike."""
    with pytest.raises(InvalidField) as quantity:
        limit_order(Side.BUY, "BTCUSDT", amount, "60000")
    with pytest.raises(InvalidField) as price:
        limit_order(Side.BUY, "BTCUSDT", "1", amount)
    assert (quantity.value.field, price.value.field) == ("quantity", "price")


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("side", ("HOLD", "BTCUSDT", "1", "1")),
        ("side", (None, "BTCUSDT", "1", "1")),
        ("symbol", (Side.BUY, "btc usdt", "1", "1")),
        ("symbol", (Side.BUY, 7, "1", "1")),
        ("time_in_force", (Side.BUY, "BTCUSDT", "1", "1", "GTX")),
    ],
)
def test_an_unknown_word_is_refused_by_its_field(field: str, arguments: tuple[object, ...]) -> None:
    """Side, symbol and time in force are checked where they are given."""
    with pytest.raises(InvalidField) as refused:
        limit_order(*arguments)  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize("amounts", [{}, {"quantity": "1", "quote_quantity": "1"}])
def test_a_market_order_takes_exactly_one_amount(amounts: dict[str, str]) -> None:
    """Neither and both are refused."""
    with pytest.raises(InvalidField, match="exactly one"):
        market_order(Side.BUY, "BTCUSDT", **amounts)  # type: ignore[arg-type]


def test_an_amount_off_the_grid_names_its_neighbours_and_the_way_out(btc: Instrument) -> None:
    """Price and quantity name the function that rounds them."""
    listed = {"BTCUSDT": btc}
    with pytest.raises(OffGrid, match="60000 or 60000.01, or round first with round_price"):
        require_tradable(limit_order(Side.BUY, "BTCUSDT", "1", "60000.005"), listed)
    with pytest.raises(OffGrid, match="round_quantity"):
        require_tradable(limit_order(Side.BUY, "BTCUSDT", "0.000015", "60000"), listed)


@pytest.mark.parametrize(
    ("amount", "remedy"),
    [
        ("100.123456789", "use 100.12345678 or 100.12345679, or round first with round_quantity"),
        ("0.000000001", "use 0.00000001, the smallest there is"),
    ],
)
def test_an_amount_of_quote_with_too_many_decimals_is_refused_with_the_way_out(
    btc: Instrument, amount: str, remedy: str
) -> None:
    """The venue would answer -1111, which names neither."""
    require_tradable(market_order(Side.BUY, "BTCUSDT", None, "100.12345678"), {"BTCUSDT": btc})
    with pytest.raises(InvalidField) as refused:
        require_tradable(market_order(Side.BUY, "BTCUSDT", None, amount), {"BTCUSDT": btc})

    assert (refused.value.field, refused.value.remedy) == ("quote_quantity", remedy)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (limit_order("buy", "BTCUSDT", "0.010", "60000"), "BUY 0.01 BTCUSDT @ 60000 GTC"),
        (market_order("sell", "BTCUSDT", "2"), "SELL 2 BTCUSDT at market"),
        (market_order("buy", "BTCUSDT", None, "100.0"), "BUY 100 worth of BTCUSDT at market"),
    ],
)
def test_an_order_describes_itself_in_one_line(request_: OrderRequest, text: str) -> None:
    """100 of the quote asset do not read as 100 of the base asset."""
    assert request_.describe() == text


def test_an_unknown_symbol_names_some_that_are_known(btc: Instrument) -> None:
    """A typo is answered with the list."""
    with pytest.raises(UnknownSymbol, match="BTCUSDT"):
        require_tradable(limit_order(Side.BUY, "BTCUSD", "1", "1"), {"BTCUSDT": btc})


@pytest.mark.parametrize(
    ("quantity", "price", "field"), [("9001", "1", "quantity"), ("1", "1000000.01", "price")]
)
def test_an_amount_out_of_bounds_names_the_bound(
    btc: Instrument, quantity: str, price: str, field: str
) -> None:
    """Above the venue's most is said before the venue says it."""
    with pytest.raises(InvalidField, match="above the venue's most") as refused:
        require_tradable(limit_order(Side.BUY, "BTCUSDT", quantity, price), {"BTCUSDT": btc})
    assert refused.value.field == field


def test_exits_stand_where_the_venue_wants_them() -> None:
    """A sell takes its profit above the market and stops below it; a buy the other way round."""
    sell = one_cancels_other("sell", "BTCUSDT", "1", take_profit="110", stop_loss="90")
    assert [(each.type, each.price, each.stop_price) for each in sell.orders] == [
        ("LIMIT_MAKER", 110, None),
        ("STOP_LOSS", None, 90),
    ]
    buy = one_cancels_other("buy", "BTCUSDT", "1", take_profit="90", stop_loss="110", stop_limit="111")
    assert [each.type for each in buy.orders] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    entry, above, below = bracket("buy", "BTCUSDT", "1", "100", take_profit="110", stop_loss="90").orders
    assert (entry.side, above.side, below.side) == (Side.BUY, Side.SELL, Side.SELL)
    short = bracket("sell", "BTCUSDT", "1", "100", take_profit="90", stop_loss="110")
    assert [each.side for each in short.orders] == [Side.SELL, Side.BUY, Side.BUY]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: one_cancels_other("sell", "BTCUSDT", "1", take_profit="90", stop_loss="110"), "take_profit"),
        (lambda: one_cancels_other("buy", "BTCUSDT", "1", take_profit="110", stop_loss="90"), "take_profit"),
        (lambda: one_cancels_other("sell", "BTCUSDT", 0.1, take_profit="110", stop_loss="90"), "quantity"),
        (lambda: bracket("buy", "BTCUSDT", "1", "111", take_profit="110", stop_loss="90"), "price"),
        (lambda: bracket("buy", "BTCUSDT", "1", None, take_profit="110", stop_loss="90"), "price"),
        (lambda: stop_order("buy", "BTCUSDT", "1"), "stop_price"),
        (lambda: stop_order("buy", "BTCUSDT", "1", trailing=True), "trailing"),
        (lambda: stop_order("buy", "BTCUSDT", "1", trailing=0), "trailing"),
        (lambda: stop_order("buy", "BTCUSDT", "1", stop_price="1e5"), "stop_price"),
        (lambda: one_triggers_other(MARKET, MARKET), "first"),
        (
            lambda: one_triggers_other(
                limit_order("buy", "BTCUSDT", "1", "1"), market_order("sell", "ETHUSDT", "1")
            ),
            "symbol",
        ),
    ],
)  # fmt: skip
def test_exits_that_contradict_each_other_are_refused_by_field(
    make: Callable[[], object], field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        make()
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("take_profit", "price", "kind"),
    [
        (False, None, "STOP_LOSS"),
        (False, "99", "STOP_LOSS_LIMIT"),
        (True, None, "TAKE_PROFIT"),
        (True, "99", "TAKE_PROFIT_LIMIT"),
    ],
)
def test_a_stop_is_of_the_type_that_its_fields_say(take_profit: bool, price: object, kind: str) -> None:
    made = stop_order("sell", "BTCUSDT", "1", stop_price="100", price=price, take_profit=take_profit)
    assert made.type == kind
    assert (made.time_in_force is None) is (price is None)
    assert stop_order("sell", "BTCUSDT", "1", trailing=100).trailing_delta == 100
