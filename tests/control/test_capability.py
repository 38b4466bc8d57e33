from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantlab.clock import ManualClock
from quantlab.control.capability import (
    EXACT,
    Capability,
    Grant,
    Proof,
    Scope,
    Session,
)
from quantlab.control.commands import CancelAll, CancelOrder, Halt, Resume, SetLimits, SubmitOrder
from quantlab.control.tokens import Budget, Challenge
from quantlab.control.worth import scope_of, symbol_of, worth_of
from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AmendRequest, ListKind, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.errors import CapabilityRefused, InvalidField
from quantlab.secret import Secret

KEY = "ab" * 32
CANCEL = CancelAll("BTCUSDT")


def capability(clock: ManualClock | None = None, grant: Grant = Grant(), kernel: str = "k") -> Capability:  # noqa: B008
    challenge = Challenge(
        nonce="12" * 16,
        salt="",
        token_id="t",
        generation=1,
        kernel_id=kernel,
        scopes=(),
        symbols=(),
        budget=grant.budget,
        idle_ms=grant.idle_ms,
        hard_ms=grant.hard_ms,
    )
    return Capability(challenge, grant, Secret(KEY), clock or ManualClock())


def session(of: Capability, kernel: str = "k") -> Session:
    return Session(of.id, kernel, Secret(KEY))


def refusal(reason: str) -> object:
    return pytest.raises(CapabilityRefused, check=lambda error: error.reason == reason)


def order(**changes: object) -> OrderRequest:
    base = OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal(1), price=Decimal(10)
    )
    return msgspec.structs.replace(base, **changes)


def test_proofs_in_order_pass() -> None:
    held = capability()
    signer = session(held)
    for _ in range(5):
        held.check_proof(CANCEL, signer.prove(CANCEL))


def test_s2_a_repeated_proof_is_refused() -> None:
    held = capability()
    proof = session(held).prove(CANCEL)
    held.check_proof(CANCEL, proof)

    with refusal("counter"):
        held.check_proof(CANCEL, proof)


def test_s2_a_gap_is_refused_and_the_missing_proof_still_counts() -> None:
    held = capability()
    signer = session(held)
    first, second = signer.prove(CANCEL), signer.prove(CANCEL)

    with refusal("counter"):
        held.check_proof(CANCEL, second)
    held.check_proof(CANCEL, first)
    held.check_proof(CANCEL, second)


def test_a_proof_is_for_one_command_only() -> None:
    held = capability()
    proof = session(held).prove(CANCEL)

    with refusal("proof"):
        held.check_proof(CancelAll("ETHUSDT"), proof)
    held.check_proof(CANCEL, proof)


@pytest.mark.parametrize("mac", ["", "00" * 32, "é" * 64, "\ud800", "ab" * 10_000], ids=range(5))
def test_a_forged_proof_is_refused(mac: str) -> None:
    held = capability()

    with refusal("proof"):
        held.check_proof(CANCEL, Proof(capability=held.id, kernel_id="k", counter=1, mac=mac))


@pytest.mark.parametrize("counter", [0, -1, 2**63, 10**5000], ids=range(4))
def test_a_counter_out_of_range_is_refused(counter: int) -> None:
    with refusal("counter"):
        capability().check_proof(CANCEL, Proof(capability="c", kernel_id="k", counter=counter, mac=""))


def test_s3_a_proof_from_another_kernel_is_refused_by_that_name() -> None:
    held = capability()

    with refusal("kernel"):
        held.check_proof(CANCEL, session(held, kernel="another").prove(CANCEL))


def test_s3_wrong_scope_and_wrong_symbol_are_refused_by_name(clock: ManualClock) -> None:
    held = capability(clock, Grant(scopes=(Scope.CANCEL,), symbols=("BTCUSDT",)))

    held.check_cover(Scope.CANCEL, "BTCUSDT", clock)
    with refusal("scope"):
        held.check_cover(Scope.TRADE, "BTCUSDT", clock)
    for symbol in ("ETHUSDT", None, "btcusdt", ""):
        with refusal("symbol"):
            held.check_cover(Scope.CANCEL, symbol, clock)


def test_s3_it_expires_when_idle_and_an_action_renews_it(clock: ManualClock) -> None:
    held = capability(clock, Grant(idle_ms=1_000, hard_ms=1_500))
    clock.advance(999)
    held.touch(clock)
    clock.advance(500)
    held.check_cover(Scope.TRADE, "X", clock)

    clock.advance(1)
    with refusal("expired"):
        held.check_cover(Scope.TRADE, "X", clock)


def test_s3_no_action_renews_the_hard_limit(clock: ManualClock) -> None:
    held = capability(clock, Grant(idle_ms=1_000, hard_ms=1_500))
    for _ in range(15):
        held.check_cover(Scope.TRADE, "X", clock)
        held.touch(clock)
        clock.advance(100)

    with refusal("expired"):
        held.check_cover(Scope.TRADE, "X", clock)


class Suspended(ManualClock):
    """A machine that slept: the wall clock went on, the monotonic clock did not."""

    slept_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.slept_ms


@pytest.mark.parametrize(("slept_ms", "expired"), [(3_600_000 * 9, True), (-3_600_000 * 9, False)])
def test_k20_a_suspended_machine_ages_and_a_clock_set_back_wins_no_time(slept_ms: int, expired: bool) -> None:
    clock = Suspended()
    held = capability(clock)
    clock.slept_ms = slept_ms
    assert (held.left_ms(clock) <= 0) is expired

    clock.advance(held.grant.idle_ms)
    assert held.left_ms(clock) <= 0


def test_s3_the_budget_is_spent_to_the_last_digit() -> None:
    held = capability(grant=Grant(budget=Budget(orders=3, notional=Decimal("0.30"))))
    for _ in range(2):
        held.charge(Decimal("0.1"))
    with refusal("budget"):
        held.charge(Decimal("0.10000000000000000001"))
    held.charge(Decimal("0.1"))

    assert held.notional_left == 0
    with refusal("budget"):
        held.charge(Decimal("1e-20"))


def test_s3_orders_are_counted_apart_from_their_worth() -> None:
    held = capability(grant=Grant(budget=Budget(orders=1, notional=Decimal(100))))
    held.charge(Decimal(1))

    with pytest.raises(CapabilityRefused, match="all 1 orders .* %ql arm again grants a new budget"):
        held.charge(Decimal(1))


def test_a_budget_that_is_spent_names_the_remedy_that_helps() -> None:
    """A new budget, unless the order is worth more than a whole one."""
    held = capability(grant=Grant(budget=Budget(orders=5, notional=Decimal(100))))
    held.charge(Decimal(60))

    with pytest.raises(CapabilityRefused, match="left of the budget is 40.*; %ql arm again grants a new"):
        held.charge(Decimal(41))
    with pytest.raises(CapabilityRefused, match="; a whole budget is 100: send less at once"):
        held.charge(Decimal(101))


def test_an_order_that_nobody_can_value_is_refused() -> None:
    with refusal("budget"):
        capability().charge(None)


def test_a_charge_is_given_back_once() -> None:
    held = capability()
    before = (held.orders_left, held.notional_left)
    charge = held.charge(Decimal("1.23"))
    charge.refund()
    charge.refund()

    assert (held.orders_left, held.notional_left) == before


amounts = st.decimals(min_value=Decimal("1e-20"), max_value=Decimal(10) ** 19, places=20)


def test_spent_and_left_always_add_up_to_the_budget() -> None:
    met = {"taken": 0, "refused": 0}

    @given(st.lists(st.tuples(amounts, st.booleans()), max_size=8), amounts)
    def holds(orders: list[tuple[Decimal, bool]], notional: Decimal) -> None:
        held = capability(grant=Grant(budget=Budget(orders=4, notional=notional)))
        spent, count = Decimal(0), 0
        for worth, give_back in orders:
            try:
                charge = held.charge(worth)
            except CapabilityRefused:
                met["refused"] += 1
                assert count == 4 or worth > EXACT.subtract(notional, spent)
                continue
            met["taken"] += 1
            if give_back:
                charge.refund()
            else:
                spent, count = EXACT.add(spent, worth), count + 1
            assert EXACT.add(held.notional_left, spent) == notional
            assert held.orders_left + count == 4

    holds()
    assert min(met.values()) > 5


@pytest.mark.parametrize(
    ("command", "scope", "symbol"),
    [
        (SubmitOrder(order()), Scope.TRADE, "BTCUSDT"),
        (CancelOrder("ETHUSDT", "a"), Scope.CANCEL, "ETHUSDT"),
        (CancelAll("ETHUSDT"), Scope.CANCEL, "ETHUSDT"),
        (CancelAll(), Scope.CANCEL, None),
        (Resume("x"), Scope.RESUME, None),
        (SetLimits(max_position=Limits().max_position), Scope.LIMITS, None),
        (SetLimits(max_position=Limits().max_position + 1), Scope.ADMIN, None),
        (SetLimits(max_position=Decimal(1), max_orders_per_second=11), Scope.ADMIN, None),
    ],
)
def test_each_command_needs_its_scope_and_loosening_needs_admin(
    command: object, scope: Scope, symbol: str | None
) -> None:
    assert scope_of(command, Limits()) is scope  # type: ignore[arg-type]
    assert symbol_of(command) == symbol  # type: ignore[arg-type]


def test_a_halt_has_no_scope() -> None:
    with pytest.raises(InvalidField):
        scope_of(Halt("x"), Limits())


def test_admin_is_not_granted_unless_asked_for() -> None:
    assert Scope.ADMIN not in Grant().scopes


def test_an_order_is_valued_exactly_whatever_its_kind() -> None:
    precise = order(
        quantity=Decimal("1234567890123.12345678901234567890"), price=Decimal("98765432109876.54321")
    )
    worth = worth_of(precise, lambda _: None)

    assert worth is not None
    assert len(worth.as_tuple().digits) > 28  # more than the default context keeps
    assert worth_of(order(type=OrderType.MARKET, price=None), lambda _: Decimal(7)) == 7
    assert worth_of(order(side=Side.SELL), lambda _: Decimal(17)) == 17  # it trades at the market, not at 10
    assert worth_of(order(side=Side.SELL), lambda _: Decimal(7)) == 10
    assert worth_of(order(), lambda _: Decimal(17)) == 10
    assert worth_of(order(type=OrderType.MARKET, price=None), lambda _: None) is None
    by_quote = order(type=OrderType.MARKET, price=None, quantity=None, quote_quantity=Decimal(5))
    assert worth_of(by_quote, lambda _: None) == 5


STOP = {"type": OrderType.STOP_LOSS, "price": None}


@pytest.mark.parametrize(
    ("changes", "worth"),
    [
        ({**STOP, "stop_price": Decimal(12)}, "13.2"),  # a buy above the market, the collar's upper end
        ({**STOP, "stop_price": Decimal(5)}, "7.7"),
        ({**STOP, "stop_price": Decimal(5), "side": Side.SELL}, "7"),
        ({**STOP, "trailing_delta": 100, "side": Side.SELL}, "7"),
        ({"type": OrderType.STOP_LOSS_LIMIT, "stop_price": Decimal(12)}, "10"),
        ({"type": OrderType.LIMIT_MAKER}, "10"),
    ],
    ids=str,
)
def test_a_stop_is_worth_the_dearest_that_it_may_trade_at(changes: dict[str, object], worth: str) -> None:
    """Market, trigger and limit, and for a buy without a limit the collar."""
    assert worth_of(order(**changes), lambda _: Decimal(7), Decimal("0.1")) == Decimal(worth)


def test_of_a_pair_the_dearer_order_counts_and_of_a_chain_all() -> None:
    """An unknown price of one is an unknown worth of all; an amendment takes nothing."""
    working = order(price=Decimal(10))
    above, below = order(price=Decimal(9), side=Side.SELL), order(price=Decimal(8), side=Side.SELL)
    for kind, orders, worth in (
        (ListKind.OCO, (above, below), 9),
        (ListKind.OTO, (working, below), 18),
        (ListKind.OTOCO, (working, above, below), 19),
    ):
        assert worth_of(OrderListRequest(kind=kind, orders=orders), lambda _: Decimal(1)) == worth
    blind = order(**STOP, stop_price=Decimal(8), side=Side.SELL)
    pair = OrderListRequest(kind=ListKind.OCO, orders=(above, blind))
    assert worth_of(pair, lambda _: None) is None
    cut = AmendRequest(symbol="BTCUSDT", client_order_id="a-1", new_quantity=Decimal(1))
    assert worth_of(cut, lambda _: None) == 0
    assert worth_of(ReplaceRequest(order=working, cancel_client_order_id="a-1"), lambda _: None) == 10


@pytest.mark.parametrize("price", [Decimal("NaN"), Decimal("Infinity"), Decimal(0), Decimal(-1)])
def test_a_reference_price_that_is_no_price_values_nothing(price: Decimal) -> None:
    assert worth_of(order(type=OrderType.MARKET, price=None), lambda _: price) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal(-1)},
        {"quantity": Decimal("NaN")},
        {"quantity": 0.1},
        {"price": Decimal(-1)},
        {"price": None},
        {"quantity": None},
        {"quantity": None, "quote_quantity": Decimal(-5)},
    ],
    ids=str,
)
def test_a_negative_or_inexact_amount_never_reaches_the_budget(changes: dict[str, object]) -> None:
    """Or a negative order would fill the budget up again."""
    with pytest.raises(InvalidField):
        worth_of(order(**changes), lambda _: Decimal(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": ()},
        {"scopes": ("trade",)},
        {"symbols": ()},
        {"symbols": ("",)},
        {"budget": Budget(orders=0, notional=Decimal(1))},
        {"budget": Budget(orders=True, notional=Decimal(1))},
        {"budget": Budget(orders=1, notional=Decimal(0))},
        {"budget": Budget(orders=1, notional=Decimal("NaN"))},
        {"idle_ms": 0},
        {"idle_ms": 10, "hard_ms": 5},
        {"hard_ms": 9 * 3_600_000},
    ],
    ids=str,
)
def test_a_grant_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidField):
        Grant(**changes)  # type: ignore[arg-type]
