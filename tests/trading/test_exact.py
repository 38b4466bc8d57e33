"""A cell's own decimal settings change nothing of ours: books, rails and grid are exact under any."""

from __future__ import annotations

import decimal
from decimal import Decimal

import msgspec
import pytest
from railkit import FRESH

from quantlab.domain.instrument import Instrument, round_price, round_quantity
from quantlab.domain.limits import Limits
from quantlab.domain.orders import Side
from quantlab.domain.position import Fill
from quantlab.trading.grid import require_tradable
from quantlab.trading.ledger import Holding
from quantlab.trading.rails import Rails, decide
from quantlab.trading.requests import limit_order

INSTRUMENT = Instrument(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.00001")
)
CELLS = {
    "prec": decimal.Context(prec=3),
    "traps": decimal.Context(traps=[decimal.Inexact, decimal.Rounded]),
    "floor": decimal.Context(prec=5, rounding=decimal.ROUND_FLOOR),
}
"""What a user's cell may have made of `decimal.getcontext()`."""


def fill(side: str, quantity: str, price: str) -> Fill:
    return Fill(
        symbol="BTCUSDT", side=side, price=Decimal(price), quantity=Decimal(quantity),
        quote_quantity=Decimal(0), commission=Decimal("0.00123456"), commission_asset="BTC",
        is_maker=False, client_order_id="a", order_id=1, trade_id=1, time_ms=0,
    )  # fmt: skip


def story() -> tuple[object, ...]:
    """Everything that is computed on the way of an order and its fills, as plain text."""
    holding = Holding()
    for side, quantity, price in (
        ("BUY", "1.23456", "60123.45"), ("SELL", "1.23455", "60999.99"), ("SELL", "2.00001", "61000.01"),
        ("BUY", "0.77777", "60500.05"),
    ):  # fmt: skip
        holding.book(fill(side, quantity, price))
    request = limit_order("BUY", "BTCUSDT", "1.23456", "60123.45")
    exposure = msgspec.structs.replace(
        FRESH, instrument=INSTRUMENT, reference_price=Decimal("60150.015"), price_age_ms=1,
        position=holding.quantity, buying=Decimal("0.12345678"),
    )  # fmt: skip
    rails = Rails(Limits())
    decision, _ = rails.decide(request, exposure, now_ns=0, state_sequence=1)
    require_tradable(request, {"BTCUSDT": INSTRUMENT})
    return (
        repr(holding.position("BTCUSDT")),
        repr(decide(request, exposure, Limits())),
        [str(each.headroom) for each in decision.verdicts],
        rails.frame().to_dict(),
        str(round_quantity(Decimal("1.234567"), INSTRUMENT.step_size)),
        str(round_price(Decimal("60123.456"), INSTRUMENT.tick_size, Side.SELL)),
    )


@pytest.mark.parametrize("settings", CELLS)
def test_the_calling_cells_decimal_settings_change_no_number(settings: str) -> None:
    expected = story()
    with decimal.localcontext(CELLS[settings]):
        if settings != "traps":
            assert +Decimal("60123.45") != Decimal("60123.45")  # it does bite
        assert story() == expected


def test_a_bought_and_sold_quantity_leaves_nothing_whatever_the_cell_set() -> None:
    holding = Holding()
    with decimal.localcontext(CELLS["prec"]):
        holding.book(fill("BUY", "1.23456", "60123.45"))
        holding.book(fill("SELL", "1.23456", "60123.45"))

    assert (holding.quantity, holding.cost, holding.realised) == (0, 0, 0)
