"""Funds in whole units: locks, settlement and commission, with nothing made or lost."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.errors import InvalidField
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.orders import Fees
from quantlab.paper.units import to_decimal, to_units

DIGITS = {"BTC": 8, "USDT": 8}
UNIT = Decimal("0.00000001")


def flat(rate: Decimal) -> Fees:
    """The same for maker and taker."""
    return Fees(maker=rate, taker=rate)


@pytest.fixture
def ledger() -> Ledger:
    """Two accounts with different commissions."""
    ledger = Ledger(DIGITS)
    ledger.open("a", {"USDT": Decimal(1000), "BTC": Decimal(0)}, fees=flat(Decimal("0.001")), silent=False)
    ledger.open("b", {"BTC": Decimal(10)}, fees=flat(Decimal("0.00075")), silent=False)
    return ledger


def test_a_trade_moves_both_amounts(ledger: Ledger) -> None:
    """The taker gives from free, the maker from locked; nothing is made or lost."""
    taker, maker = ledger.accounts["a"], ledger.accounts["b"]
    maker.lock("BTC", 2 * 10**8)

    ledger.settle(taker, maker, ("USDT", 500 * 10**8), ("BTC", 2 * 10**8))

    assert ledger.balance(taker, "BTC").free == Decimal(2)
    assert ledger.balance(taker, "USDT").free == Decimal(500)
    assert ledger.balance(maker, "USDT").free == Decimal(500)
    assert (ledger.balance(maker, "BTC").free, ledger.balance(maker, "BTC").locked) == (8, 0)
    assert ledger.totals() == {"USDT": Decimal(1000), "BTC": Decimal(10)}


def test_a_transfer_changes_the_total_and_never_takes_what_is_not_free(ledger: Ledger) -> None:
    """What is locked stays; a withdrawal of more than is free is refused and changes nothing."""
    account = ledger.accounts["a"]
    account.lock("USDT", 900 * 10**8)
    ledger.transfer(account, "USDT", Decimal(5))
    with pytest.raises(InvalidField, match="105.5 USDT is more than is free"):
        ledger.transfer(account, "USDT", Decimal("-105.5"))
    ledger.transfer(account, "USDT", Decimal(-105))

    assert ledger.balance(account, "USDT").free == 0
    assert ledger.totals()["USDT"] == 900


@settings(max_examples=100, deadline=None)
@given(
    trades=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 10**12), st.integers(1, 10**12))
    ),
    rate=st.decimals(0, Decimal("0.9"), places=5),
)
def test_totals_never_change_whatever_trades(trades: list[tuple[int, int, int, int]], rate: Decimal) -> None:
    """Accounts, commission and the public of a tape add up to what was funded, to the last unit."""
    ledger = Ledger(DIGITS)
    for name in "ab":
        ledger.open(name, {"USDT": Decimal(10**6), "BTC": Decimal(10**6)}, fees=flat(rate), silent=False)
    before = ledger.totals()
    parties: list[Account | None] = [*ledger.accounts.values(), None]

    for taker, maker, usdt, btc in trades:
        if parties[maker] is not None:
            parties[maker].lock("BTC", btc)
        ledger.settle(parties[taker], parties[maker], ("USDT", usdt), ("BTC", btc))
        if parties[taker] is not None:
            ledger.charge(parties[taker], "BTC", int(btc * rate))

    assert ledger.totals() == before


def test_locking_and_unlocking_give_back_exactly_what_was_there(ledger: Ledger) -> None:
    """The sum of free and locked is not touched by a lock."""
    account = ledger.accounts["a"]
    account.lock("USDT", 123)
    assert ledger.balance(account, "USDT").locked == 123 * UNIT
    assert ledger.balance(account, "USDT").free == Decimal(1000) - 123 * UNIT

    account.unlock("USDT", 123)
    assert (ledger.balance(account, "USDT").free, ledger.balance(account, "USDT").locked) == (
        Decimal(1000),
        Decimal(0),
    )


def test_large_amounts_stay_exact_under_any_decimal_context() -> None:
    """A caller's narrow context changes nothing: conversion has a context of its own."""
    ledger = Ledger(DIGITS)
    amount = Decimal("98765432109876543210.12345678")
    with decimal.localcontext(decimal.Context(prec=5)):
        account = ledger.open("a", {"USDT": amount}, fees=flat(Decimal(0)), silent=False)
        assert to_decimal(to_units(amount, 8, "x"), 8).compare_total(amount) == 0
        kept = ledger.balance(account, "USDT").free
    assert kept == amount


@pytest.mark.parametrize(
    ("balances", "field"),
    [({"USDT": Decimal(-1)}, "balances['USDT']"), ({"BTC": Decimal("0.000000001")}, "balances['BTC']")],
)
def test_an_impossible_balance_is_refused_by_name(balances: dict[str, Decimal], field: str) -> None:
    """Negative, or finer than the asset's smallest unit."""
    ledger = Ledger(DIGITS)
    with pytest.raises(InvalidField) as refused:
        ledger.open("c", balances, fees=flat(Decimal(0)), silent=False)

    assert refused.value.field == field
    assert ledger.accounts == {}


@pytest.mark.parametrize(
    "fees",
    [
        flat(Decimal(1)),
        flat(Decimal("-0.001")),
        flat(Decimal("NaN")),
        Fees(maker=Decimal(0), taker=Decimal("0.6"), buyer=Decimal("0.4")),
        Fees(maker=Decimal(0), taker=Decimal(0), discount=Decimal(1)),
    ],
)
def test_an_impossible_commission_is_refused(fees: Fees) -> None:
    """A rate is a fraction from 0 to below 1, and all rates of a trade together are."""
    with pytest.raises(InvalidField, match="commission"):
        Ledger(DIGITS).open("c", {}, fees=fees, silent=False)


def test_an_account_is_opened_once(ledger: Ledger) -> None:
    """Opening it again would make money."""
    with pytest.raises(InvalidField, match="'a' is open already"):
        ledger.open("a", {"USDT": Decimal(1)}, fees=flat(Decimal(0)), silent=False)
