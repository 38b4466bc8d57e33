"""What trades cost: by side, by symbol, and in a third asset."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from exchangekit import BTC, BUY, SELL, order
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.paper.exchange import Exchange, Execution
from quantlab.paper.orders import Fees

D = Decimal
BNB = msgspec.structs.replace(
    BTC, symbol="BNBUSDT", base="BNB", step_size=D("0.001"), min_quantity=D("0.001")
)
PLAIN = Fees(maker=D("0.001"), taker=D("0.002"), buyer=D("0.0001"), seller=D("0.0005"))
IN_BNB = Fees(maker=D("0.001"), taker=D("0.001"), discount_asset="BNB", discount=D("0.25"))


def traded(fees: Fees, bnb: str = "1", bnb_price: str | None = "500") -> tuple[Exchange, list[Execution]]:
    """Ada buys 2 BTC at 1000 from bob's resting order; what both hear."""
    exchange = Exchange([BTC, BNB])
    for name in ("ada", "bob"):
        exchange.open_account(name, {"BTC": D(10), "USDT": D(10_000), "BNB": D(bnb)}, fees=fees)
    exchange.open_account("agent", {"BNB": D(10), "USDT": D(10_000)}, fees=Fees(maker=D(0), taker=D(0)))
    if bnb_price is not None:
        for side in (SELL, BUY):
            asked = msgspec.structs.replace(
                order(side, "LIMIT", 1, price=bnb_price, prevention="NONE"), symbol="BNBUSDT"
            )
            exchange.place("agent", asked, 1)
    exchange.place("bob", order(SELL, "LIMIT", 2, price=1000), 2)
    exchange.drain_events()
    exchange.place("ada", order(BUY, "LIMIT", 2, price=1000), 3)
    fills = [each for each in exchange.drain_events() if isinstance(each, Execution) and each.last_quantity]
    return exchange, fills


def paid(fills: list[Execution]) -> list[tuple[str, Decimal, str | None]]:
    return [(each.account, each.commission, each.commission_asset) for each in fills]


def test_a_trade_costs_the_role_and_the_side_in_what_it_brings_in() -> None:
    """The maker sells: 0.1 % and 0.05 % of 2000; the taker buys: 0.2 % and 0.01 % of 2."""
    exchange, fills = traded(PLAIN)

    assert paid(fills) == [("bob", D(3), "USDT"), ("ada", D("0.0042"), "BTC")]
    assert exchange.balances("ada")["BTC"].free == D("11.9958")
    assert exchange.balances("bob")["USDT"].free == D(11_997)


def test_commission_in_a_third_asset_leaves_the_two_amounts_whole() -> None:
    """0.1 % of 2000, a quarter less, at 500 a coin: 0.003 of it."""
    exchange, fills = traded(IN_BNB)

    assert paid(fills) == [("bob", D("0.003"), "BNB"), ("ada", D("0.003"), "BNB")]
    assert exchange.balances("ada")["BTC"].free == 12
    assert exchange.balances("ada")["BNB"].free == D("0.997")
    assert exchange.totals() == {"BTC": 20, "USDT": 30_000, "BNB": 12}


@pytest.mark.parametrize(("bnb", "price"), [("0.002", "500"), ("1", None)], ids=["too little", "no price"])
def test_without_enough_of_the_third_asset_the_full_rate_is_taken_from_what_comes_in(
    bnb: str, price: str | None
) -> None:
    """Too little of it, or no price for it."""
    _, fills = traded(IN_BNB, bnb, price)

    assert paid(fills) == [("bob", D(2), "USDT"), ("ada", D("0.002"), "BTC")]


def test_a_symbol_can_have_fees_of_its_own() -> None:
    """Only there."""
    exchange, _ = traded(PLAIN)
    exchange.set_fees("ada", "BTCUSDT", Fees(maker=D(0), taker=D(0)))

    assert exchange.fees("ada", "BTCUSDT").taker == 0
    assert exchange.fees("ada", "BNBUSDT") == PLAIN == exchange.fees("ada")


def test_commission_is_rounded_down_to_whole_units() -> None:
    """Never more than the rate says, and at most one unit less."""
    met: Counter[bool] = Counter()

    @settings(max_examples=60, deadline=None)
    @given(lots=st.integers(10, 10**6), rate=st.decimals(0, D("0.01"), places=6))
    def rounded(lots: int, rate: Decimal) -> None:
        exchange = Exchange([BTC])
        for name in ("ada", "bob"):
            exchange.open_account(name, {"BTC": D(10), "USDT": D(10**8)}, commission=rate)
        quantity = lots * D("0.00001")
        exchange.place("bob", order(SELL, "LIMIT", quantity, price="99999.99"), 1)
        (trade,) = exchange.place("ada", order(BUY, "MARKET", quantity), 2).trades
        exact = quantity * rate
        met[trade.commission == exact] += 1
        assert exact - D("0.00000001") < trade.commission <= exact

    rounded()

    assert met[True]
    assert met[False]
