"""Each filter at its edge: the last value that passes, and the first that does not."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side, TimeInForce
from quantlab.errors import InvalidField
from quantlab.paper.events import Refused
from quantlab.paper.filters import Filters, Ticket
from quantlab.paper.orders import NewOrder, OrderKind
from quantlab.paper.units import Grid, asset_decimals

LISTED = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.05"),
    min_price=Decimal("10.00"),
    max_price=Decimal("1000.00"),
    step_size=Decimal("0.0025"),
    min_quantity=Decimal("0.0050"),
    max_quantity=Decimal("90.0000"),
    min_notional=Decimal(5),
    max_notional=Decimal(9000),
)
LIMIT = NewOrder(
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderKind.LIMIT,
    time_in_force=TimeInForce.GTC,
    price=Decimal(100),
    quantity=Decimal(1),
)
MARKET = NewOrder(symbol="BTCUSDT", side=Side.BUY, type=OrderKind.MARKET, quantity=Decimal(1))
QUOTE = NewOrder(symbol="BTCUSDT", side=Side.BUY, type=OrderKind.MARKET, quote_quantity=Decimal(50))


def filters(**changes: object) -> Filters:
    listed = msgspec.structs.replace(LISTED, **changes)
    return Filters(Grid(listed, asset_decimals([listed])))


def refusal(order: NewOrder, reference: int | None = None, **changes: object) -> tuple[int, str] | None:
    """The code and text with which the order is refused; None where it is admitted."""
    try:
        filters(**changes).admit(order, None if reference is None else (reference, 1))
    except Refused as refused:
        return refused.code, refused.message
    return None


PRICE = (-1013, "Filter failure: PRICE_FILTER")
LOT = (-1013, "Filter failure: LOT_SIZE")
NOTIONAL = (-1013, "Filter failure: NOTIONAL")


@pytest.mark.parametrize(
    ("price", "answer"),
    [
        ("10.00", None),
        ("9.95", PRICE),
        ("1000.00", None),
        ("1000.05", PRICE),
        ("100.05", None),
        ("100.0500000000000", None),
        ("100.01", PRICE),
        ("0", PRICE),
        ("100.000000001", (-1111, "Parameter 'price' has too much precision.")),
        ("1E-1000000", (-1111, "Parameter 'price' has too much precision.")),
    ],
)
def test_price_filter(price: str, answer: tuple[int, str] | None) -> None:
    """Bounds are included; the tick is 0.05, not two decimals."""
    assert refusal(msgspec.structs.replace(LIMIT, price=Decimal(price), quantity=Decimal(5))) == answer


@pytest.mark.parametrize(
    ("quantity", "answer"),
    [
        ("0.0050", None),
        ("0.0025", LOT),
        ("90.0000", None),
        ("90.0025", LOT),
        ("1.0025", None),
        ("1.0010", LOT),
        ("0", LOT),
        ("1.000000001", (-1111, "Parameter 'quantity' has too much precision.")),
    ],
)
@pytest.mark.parametrize("order", [LIMIT, MARKET], ids=["limit", "market"])
def test_lot_size(order: NewOrder, quantity: str, answer: tuple[int, str] | None) -> None:
    """Bounds are included; the step is 0.0025, at market too."""
    order = msgspec.structs.replace(order, quantity=Decimal(quantity))
    assert refusal(order, 2000, min_notional=Decimal(0)) == answer


@pytest.mark.parametrize(
    ("price", "quantity", "answer"),
    [
        ("50.00", "0.1", None),
        ("49.95", "0.1", NOTIONAL),
        ("100.00", "90", None),
        ("100.05", "90", NOTIONAL),
    ],
)
def test_notional_of_a_limit_order(price: str, quantity: str, answer: tuple[int, str] | None) -> None:
    """Price times quantity, bounds included."""
    assert refusal(msgspec.structs.replace(LIMIT, price=Decimal(price), quantity=Decimal(quantity))) == answer


@pytest.mark.parametrize(
    ("reference", "quantity", "answer"),
    [(1000, "0.1", None), (999, "0.1", NOTIONAL), (20_000, "90", None), (None, "0.005", None)],
)
def test_notional_of_a_market_order(
    reference: int | None, quantity: str, answer: tuple[int, str] | None
) -> None:
    """Valued at the reference price (in ticks); only the minimum applies, and none without a price."""
    assert refusal(msgspec.structs.replace(MARKET, quantity=Decimal(quantity)), reference) == answer


@pytest.mark.parametrize(
    ("amount", "answer"),
    [
        ("5", None),
        ("4.99999999", NOTIONAL),
        ("0", NOTIONAL),
        ("5.000000001", (-1111, "Parameter 'quoteOrderQty' has too much precision.")),
    ],
)
def test_notional_of_a_quote_amount(amount: str, answer: tuple[int, str] | None) -> None:
    """The amount is its own value."""
    assert refusal(msgspec.structs.replace(QUOTE, quote_quantity=Decimal(amount))) == answer


def test_a_bound_of_zero_switches_a_filter_off() -> None:
    """Without bounds one tick and one lot pass; without a quantity nothing does."""
    off = dict.fromkeys(
        ("min_price", "max_price", "min_quantity", "max_quantity", "min_notional", "max_notional"), Decimal(0)
    )
    smallest = msgspec.structs.replace(LIMIT, price=Decimal("0.05"), quantity=Decimal("0.0025"))
    largest = msgspec.structs.replace(LIMIT, price=Decimal(10**9), quantity=Decimal(10**9))

    assert refusal(smallest, **off) is None
    assert refusal(largest, **off) is None
    assert refusal(msgspec.structs.replace(smallest, quantity=Decimal(0)), **off) == LOT
    assert refusal(msgspec.structs.replace(smallest, price=Decimal(0)), **off) == PRICE


def test_bounds_off_the_grid_count_from_the_next_whole_step_inside() -> None:
    """A minimum of 10.01 on ticks of 0.05 admits 10.05, a maximum of 10.04 admits 10.00."""
    price = msgspec.structs.replace(LIMIT, price=Decimal("10.00"))
    assert refusal(price, min_price=Decimal("10.01")) == PRICE
    assert refusal(msgspec.structs.replace(LIMIT, price=Decimal("10.05")), min_price=Decimal("10.01")) is None
    assert refusal(price, max_price=Decimal("10.04")) is None
    assert (
        refusal(msgspec.structs.replace(LIMIT, price=Decimal("10.05")), max_price=Decimal("10.04")) == PRICE
    )


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1E+25", "sNaN"])
@pytest.mark.parametrize("field", ["price", "quantity"])
def test_what_is_no_plain_positive_number_is_illegal(field: str, value: str) -> None:
    """-1100 with the legal range, naming the parameter."""
    code, text = refusal(msgspec.structs.replace(LIMIT, **{field: Decimal(value)}))
    assert code == -1100
    assert text.startswith(
        f"Illegal characters found in parameter '{field}'; legal range is '^([0-9]{{1,20}})"
    )


@pytest.mark.parametrize(
    ("order", "code", "parameter"),
    [
        (msgspec.structs.replace(LIMIT, price=None), -1102, "price"),
        (msgspec.structs.replace(LIMIT, quantity=None), -1102, "quantity"),
        (msgspec.structs.replace(LIMIT, time_in_force=None), -1102, "timeInForce"),
        (msgspec.structs.replace(LIMIT, quote_quantity=Decimal(1)), -1106, "quoteOrderQty"),
        (msgspec.structs.replace(MARKET, quantity=None), -1102, "quantity"),
        (msgspec.structs.replace(MARKET, price=Decimal(1)), -1106, "price"),
        (msgspec.structs.replace(MARKET, time_in_force=TimeInForce.GTC), -1106, "timeInForce"),
        (msgspec.structs.replace(QUOTE, quantity=Decimal(1)), -1106, "quantity"),
    ],
)
def test_a_wrong_combination_names_the_parameter(order: NewOrder, code: int, parameter: str) -> None:
    """Too few or too many parameters for the order's type."""
    answer = refusal(order)
    assert answer is not None
    assert answer[0] == code
    assert f"'{parameter}'" in answer[1]


@pytest.mark.parametrize("status", ["BREAK", "HALT"])
def test_a_symbol_that_does_not_trade_takes_no_order(status: str) -> None:
    """Whatever its other faults."""
    assert refusal(LIMIT, status=status) == (-2010, "Market is closed.")


def test_an_admitted_order_comes_out_in_whole_numbers() -> None:
    """Ticks of 0.05, lots of 0.0025, quote amounts in units of 1e-8."""
    assert filters().admit(LIMIT, None) == Ticket(2000, 400, None)
    assert filters().admit(MARKET, None) == Ticket(None, 400, None)
    assert filters().admit(QUOTE, None) == Ticket(None, None, 50 * 10**8)


def test_a_float_is_no_price() -> None:
    """What was meant is lost before it comes here."""
    with pytest.raises(TypeError):
        filters().admit(msgspec.structs.replace(LIMIT, price=100.05), None)


@pytest.mark.parametrize("field", ["tick_size", "step_size"])
def test_an_instrument_without_a_step_cannot_be_listed(field: str) -> None:
    """A book needs whole ticks and lots."""
    with pytest.raises(InvalidField, match=field):
        filters(**{field: Decimal(0)})
