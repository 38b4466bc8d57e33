"""The portfolio adds up: against fractions, against duplicates, and against every cap."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import ExecutionReport, OrderRequest, OrderType, Side
from quantlab.domain.position import AccountInfo, AccountPosition, Balance, Fill
from quantlab.trading.exposure import Exposure
from quantlab.trading.ledger import Holding
from quantlab.trading.portfolio import Portfolio

D = Decimal
Build = Callable[..., ExecutionReport]
Ask = Callable[..., OrderRequest]


@pytest.fixture
def portfolio(btc: Instrument) -> Portfolio:
    return Portfolio({"BTCUSDT": btc})


@pytest.fixture
def one(limit: Ask) -> OrderRequest:
    return limit(quantity="1", client_order_id="a-1")


def exposure(portfolio: Portfolio, request: OrderRequest) -> Exposure:
    return portfolio.exposure_for(request, reference_price=D(60_000), price_age_ms=0, orders_last_second=0)


def fill(side: str, quantity: Decimal, price: Decimal, number: int, fee: Decimal, asset: str = "BNB") -> Fill:
    return Fill(
        symbol="BTCUSDT", side=side, price=price, quantity=quantity, quote_quantity=price * quantity,
        commission=fee, commission_asset=asset, is_maker=False, client_order_id="a", order_id=1,
        trade_id=number, time_ms=0,
    )  # fmt: skip


amounts = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-8))
prices = st.integers(1, 10**12).map(lambda n: D(n).scaleb(-8))


def test_the_ledger_equals_a_recomputation_in_fractions() -> None:
    """Quantity, fees and money exactly; the average to 1e-9; flat positions realise to the last digit."""
    cases = {"flat": 0, "flipped": 0, "reduced": 0}

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(Side), amounts, prices, amounts, st.booleans()), max_size=25))
    def check(trades: list[tuple[Side, Decimal, Decimal, Decimal, bool]]) -> None:
        holding = Holding()
        quantity = cost = cash = fees = Fraction(0)
        for number, (side, size, price, fee, close) in enumerate(trades):
            amount, direction = size, side
            if close and holding.quantity:  # a fill that closes exactly
                amount, direction = abs(holding.quantity), Side.SELL if holding.quantity > 0 else Side.BUY
            holding.book(fill(direction.value, amount, price, number, fee))
            signed = Fraction(amount) * (1 if direction is Side.BUY else -1)
            cash -= signed * Fraction(price)
            if quantity * signed < 0:
                cases["flipped" if abs(signed) > abs(quantity) else "reduced"] += 1
                kept = max(Fraction(0), 1 - abs(signed) / abs(quantity))
                opened = signed + quantity if abs(signed) > abs(quantity) else Fraction(0)
                cost = cost * kept + opened * Fraction(price)
            else:
                cost += signed * Fraction(price)
            quantity += signed
            fees += Fraction(fee)
            cases["flat"] += quantity == 0

            position = holding.position("BTCUSDT")

            assert Fraction(position.quantity) == quantity
            assert Fraction(position.fees.get("BNB", D(0))) == fees
            assert Fraction(holding.realised) - Fraction(holding.cost) == cash
            if quantity:
                assert position.average_price is not None
                assert abs(Fraction(position.average_price) - cost / quantity) <= Fraction(1, 10**9)
            else:
                assert (position.average_price, Fraction(position.realised)) == (None, cash)

    check()
    assert min(cases.values()) > 3, cases


def test_a_reservation_shrinks_with_fills_and_ends_with_the_order(
    portfolio: Portfolio, one: OrderRequest, report: Build
) -> None:
    """Worst case = position + what may still trade: it stays 1 all the way, then is the position."""
    portfolio.reserve(one)
    worst = []
    for each in (report("NEW"), report("PARTIALLY_FILLED", "0.4", "0.4"), report("CANCELED", "0.4")):
        portfolio.apply(each)
        seen = exposure(portfolio, one)
        worst.append((seen.position, seen.buying))
    assert worst == [(0, 1), (D("0.4"), D("0.6")), (D("0.4"), 0)]


def test_an_acknowledgement_releases_nothing(portfolio: Portfolio, one: OrderRequest, report: Build) -> None:
    """NEW, and an unknown status, keep every bit of the reservation."""
    portfolio.reserve(one)
    portfolio.apply(report("NEW"))
    portfolio.apply(report("WHO_KNOWS"))
    assert exposure(portfolio, one).buying == 1


def test_a_fill_counts_once_however_often_it_is_reported(
    portfolio: Portfolio, one: OrderRequest, report: Build
) -> None:
    """By trade id; the second time changes nothing and says so."""
    portfolio.reserve(one)
    execution = report("FILLED", "1", "1")
    assert portfolio.apply(execution).fill is not None
    before = portfolio.sequence
    again = portfolio.apply(execution)
    assert (again.changed, again.fill, len(portfolio.fills), portfolio.sequence) == (False, None, 1, before)


def test_a_fill_that_is_missing_stays_reserved_until_it_comes(
    portfolio: Portfolio, one: OrderRequest, report: Build
) -> None:
    """FILLED with 1, but only 0.6 was reported: 0.4 is counted until reconciliation brings it."""
    portfolio.reserve(one)
    lost = report("PARTIALLY_FILLED", "0.4", "0.4")
    portfolio.apply(report("FILLED", "1", "0.6"))
    seen = exposure(portfolio, one)
    assert (seen.position, seen.buying) == (D("0.6"), D("0.4"))
    portfolio.apply(lost)
    seen = exposure(portfolio, one)
    assert (seen.position, seen.buying) == (1, 0)


def test_a_late_new_does_not_revive_an_ended_order(
    portfolio: Portfolio, one: OrderRequest, report: Build
) -> None:
    """Out of order, the end stays the end."""
    portfolio.reserve(one)
    portfolio.apply(report("CANCELED"))
    portfolio.apply(report("NEW"))
    assert exposure(portfolio, one).buying == 0


def test_release_frees_what_is_proven_not_to_be_there(
    portfolio: Portfolio, one: OrderRequest, report: Build
) -> None:
    """And a report that it lives after all counts it again, where the caller says so."""
    portfolio.reserve(one)
    portfolio.release("a-1")
    portfolio.release("nobody")
    assert exposure(portfolio, one).buying == 0
    portfolio.apply(report("NEW"), live=True)
    assert exposure(portfolio, one).buying == 1


def test_an_order_by_quote_quantity_is_reserved_in_quote(portfolio: Portfolio, report: Build) -> None:
    """What it still may spend, whatever the price; its end frees the rest."""
    request = OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quote_quantity=D(1_000), client_order_id="a-1"
    )
    portfolio.reserve(request)
    assert exposure(portfolio, request).buying_quote == 1_000
    portfolio.apply(report("PARTIALLY_FILLED", "0.01", "0.01"))
    seen = exposure(portfolio, request)
    assert (seen.position, seen.buying, seen.buying_quote) == (D("0.01"), 0, 400)
    portfolio.apply(report("EXPIRED", "0.01"))
    assert exposure(portfolio, request).buying_quote == 0


def test_the_venues_rounding_of_a_quote_amount_reserves_nothing_after_the_end(
    portfolio: Portfolio, report: Build
) -> None:
    """All of it is booked, and its cumulative amount is a hair more than the exact sum of the fills."""
    request = OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quote_quantity=Decimal(1),
        client_order_id="a-1",
    )  # fmt: skip
    portfolio.reserve(request)
    told = report("FILLED", "0.3", "0.3", "3.33333333", cumulative_quote=Decimal(1))
    portfolio.apply(told)
    assert portfolio.reserved("a-1").quote == 0
    assert portfolio.missing("a-1") == 0


def test_an_order_found_working_counts_with_what_it_may_still_trade(
    portfolio: Portfolio, one: OrderRequest, report: Build
) -> None:
    """Placed elsewhere, or before this session: its earlier fills are not ours to book."""
    portfolio.apply(report("PARTIALLY_FILLED", "0.3", client_order_id="web", source="reconcile"))
    seen = exposure(portfolio, one)
    assert (seen.position, seen.buying) == (0, D("0.7"))


def test_a_fee_in_a_third_asset_leaves_the_position_alone(portfolio: Portfolio, report: Build) -> None:
    """Right to the last digit, and listed by asset."""
    for asset, fee in (("BNB", "0.00000001"), ("BNB", "0.00000002"), ("USDT", "1")):
        portfolio.apply(report("PARTIALLY_FILLED", "0.1", "0.1", commission=D(fee), commission_asset=asset))
    position = portfolio.positions["BTCUSDT"]
    assert position.quantity == D("0.3")
    assert position.fees == {"BNB": D("0.00000003"), "USDT": 1}


def test_balances_take_the_newest_news_only(portfolio: Portfolio) -> None:
    """An answer of REST that is older than the stream's last event changes nothing."""
    new = AccountPosition(
        balances=(Balance(asset="USDT", free=D(5), locked=D(0)),), event_ms=10, updated_ms=10
    )
    old = AccountInfo(balances=(Balance(asset="USDT", free=D(9), locked=D(0)),), can_trade=True, updated_ms=9)
    assert portfolio.apply(new).balances == new.balances
    assert not portfolio.apply(old).changed
    assert portfolio.balances["USDT"].free == 5


def test_sequence_grows_exactly_when_something_changed(
    portfolio: Portfolio, one: OrderRequest, report: Build
) -> None:
    """A permit names the state it was decided on."""
    numbers = [portfolio.sequence]
    portfolio.reserve(one)
    numbers.append(portfolio.sequence)
    portfolio.apply(report("PARTIALLY_FILLED", "0.5", "0.5"))
    numbers.append(portfolio.sequence)
    portfolio.release("a-1")
    numbers.append(portfolio.sequence)
    portfolio.release("a-1")
    assert numbers == sorted(set(numbers))
    assert portfolio.sequence == numbers[-1]


def test_running_sums_equal_the_sum_over_all_orders(portfolio: Portfolio, limit: Ask, report: Build) -> None:
    """However orders, fills and ends interleave, what a check reads is what a recount gives."""
    rng = random.Random(7)
    ids: list[str] = []
    done: dict[str, Decimal] = {}
    for step in range(600):
        kind = rng.choice(["reserve", "fill", "fill", "end"])
        if kind == "reserve" or not ids:
            ids.append(f"a-{step}")
            done[ids[-1]] = D(0)
            portfolio.reserve(limit(rng.choice(list(Side)), "1", client_order_id=ids[-1]))
            continue
        name = rng.choice(ids)
        side = portfolio.reserved(name).side  # type: ignore[union-attr]
        fields: dict[str, Any] = {"client_order_id": name, "side": side, "order_id": int(name[2:])}
        if kind == "fill" and done[name] < 1:
            done[name] += D("0.25")
            portfolio.apply(report("PARTIALLY_FILLED", done[name], "0.25", **fields))
        elif kind == "end":
            portfolio.apply(report("CANCELED", done[name], **fields))
    seen = exposure(portfolio, limit())
    every = [portfolio.reserved(name) for name in ids]
    assert seen.buying == sum(each.base for each in every if each and each.side == "BUY")
    assert seen.selling == sum(each.base for each in every if each and each.side == "SELL")
    assert seen.position == sum(f.quantity if f.side == "BUY" else -f.quantity for f in portfolio.fills)
    assert seen.buying
    assert seen.selling


def test_the_tables_are_frames(portfolio: Portfolio, report: Build) -> None:
    """Fills, positions and balances, with exact money, also when there are none."""
    assert portfolio.fills.frame().empty
    assert portfolio.positions.frame().empty
    portfolio.apply(report("FILLED", "1", "1"))
    portfolio.apply(
        AccountPosition(balances=(Balance(asset="USDT", free=D(5), locked=D(0)),), event_ms=1, updated_ms=1)
    )
    assert list(portfolio.fills.frame()["price"]) == [D(60_000)]
    assert portfolio.positions.frame().loc["BTCUSDT", "quantity"] == 1
    assert portfolio.balances.frame().loc["USDT", "free"] == 5
