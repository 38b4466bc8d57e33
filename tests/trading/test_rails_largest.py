"""The largest admissible amount is exact: it passes, one step more does not; by brute force."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from railkit import BTC, FRESH, LIMITS, RULES, by_quote, limits, order, seen

from quantlab.domain.limits import Override
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.trading.exposure import OwnOrders
from quantlab.trading.rails import RAILS, Exposure, decide
from quantlab.trading.rails.ask import Ask
from quantlab.trading.rails.catalogue import AT_LEAST, BY_IDENTITY
from quantlab.trading.rails.deciding import ask_all
from quantlab.trading.rails.largest import largest

D = Decimal
MOST = 30  # steps of the small grids
SMALL = msgspec.structs.replace(
    BTC, step_size=D(1), min_quantity=D(1), max_quantity=D(MOST), min_notional=D(0), max_notional=D(0),
    rules=msgspec.structs.replace(
        RULES, market_min_quantity=D(0), market_max_quantity=D(0), market_step_size=D(2), max_position=D(0),
        max_base=D(0), max_quote=D(0),
    ),
)  # fmt: skip
amounts = st.integers(0, 40).map(D)


def with_amount(request: OrderRequest, amount: Decimal) -> OrderRequest:
    field = "quantity" if request.quote_quantity is None else "quote_quantity"
    return msgspec.structs.replace(request, **{field: amount})


def passes(request: OrderRequest, amount: Decimal, exposure: Exposure, within: Any) -> bool:
    return decide(with_amount(request, amount), exposure, within).allowed


@st.composite
def cases(draw: st.DrawFn) -> tuple[OrderRequest, Exposure, Any]:
    """Positions, orders under way, balances, filters and limits around which small orders pass or not."""
    instrument = msgspec.structs.replace(
        SMALL, min_quantity=D(draw(st.integers(1, 6))), min_notional=D(draw(st.integers(0, 60))),
        max_quantity=D(draw(st.sampled_from((0, 8, MOST)))),
    )  # fmt: skip
    side = draw(st.sampled_from(Side))
    at_market = draw(st.booleans())
    request = order(str(draw(st.integers(1, MOST))), None if at_market else "10", side)
    if not at_market and draw(st.booleans()):
        request = msgspec.structs.replace(request, iceberg_quantity=D(draw(st.integers(1, 4))))
    states = (*["ACTIVE"] * 8, "REDUCING: books", "HALTED")
    exposure = seen(
        instrument=instrument, reference_price=D(10), bid=D("9.99"), ask=D("10.01"), low=D(10), high=D(10),
        average=D(10), position=D(draw(st.integers(-20, 20))), buying=draw(amounts), selling=draw(amounts),
        free_base=draw(amounts) + 5, free_quote=draw(amounts) * 10 + 100,
        promised_quote=D(draw(st.integers(0, 3))),
        gross_elsewhere=draw(amounts), net_elsewhere=D(draw(st.integers(-40, 40))),
        open_notional=draw(amounts), trading_state=draw(st.sampled_from(states)),
        reduce_only=draw(st.integers(0, 9)) == 0, cooldown_ms=draw(st.sampled_from((*[0] * 9, 9))),
        equity=draw(st.sampled_from((*[D(100_000)] * 9, D(1)))),
    )  # fmt: skip
    within = limits(
        max_order_notional=D(draw(st.integers(100, 400))), max_position=D(draw(st.integers(200, 900))),
        max_gross_exposure=D(draw(st.integers(300, 900))), max_net_exposure=D(draw(st.integers(300, 900))),
        max_open_notional=D(draw(st.integers(200, 800))), max_order_quantity=D(draw(st.integers(2, 40))),
        max_spread=D("0.1"),
    )  # fmt: skip
    return request, exposure, within


def test_it_is_the_last_amount_that_passes_by_brute_force() -> None:
    """Every step of the grid is decided; some cases have an answer, some have none."""
    answers: Counter[bool] = Counter()

    @settings(max_examples=150, deadline=None)
    @given(cases())
    def check(case: tuple[OrderRequest, Exposure, Any]) -> None:
        request, exposure, within = case
        step = D(2) if request.price is None else D(1)
        allowed = [step * n for n in range(1, 2 * MOST) if passes(request, step * n, exposure, within)]

        found = largest(request, exposure, within)

        assert found.step == step
        assert found.amount == (max(allowed) if allowed else None)
        if found.amount is not None:
            assert not passes(request, found.amount + step, exposure, within)
        assert found.binding
        answers[found.amount is not None] += 1

    check()
    assert min(answers[True], answers[False]) > 10, answers


def test_every_rail_lets_pass_up_to_an_amount_or_from_one_on() -> None:
    """What the search relies on: no rail that knows the amount has a hole; both kinds do deny and allow."""
    turned: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None)
    @given(cases())
    def check(case: tuple[OrderRequest, Exposure, Any]) -> None:
        request, exposure, within = case
        step = 2 if request.price is None else 1
        rows = [
            [bool(answer[0]) for answer in ask_all(with_amount(request, D(n)), exposure, within, RAILS)[0]]
            for n in range(step, MOST + 10, step)
        ]
        for rail, column in zip(RAILS, zip(*rows, strict=True), strict=True):
            if rail in BY_IDENTITY:
                continue
            assert list(column) == sorted(column, reverse=rail not in AT_LEAST), rail.__name__
            turned[rail.__name__] += len(set(column)) > 1

    check()
    for name in ("min_quantity", "min_notional", "order_shape", "max_position", "balance", "iceberg"):
        assert turned[name] > 0, turned


@pytest.mark.parametrize(
    ("request_", "more", "amount", "binding"),
    [
        (order(), {}, "1.666", "max_order_notional"),
        (order("1", None), {}, "1.586", "max_order_notional"),
        (order("1", None, Side.SELL), {}, "1.666", "max_order_notional"),
        (by_quote("1"), {}, "100000", "max_order_notional"),
        (by_quote("1", Side.SELL), {"free_base": D(1)}, "57000", "balance"),
        (order(), {"free_quote": D(30_000)}, "0.5", "balance"),
        (order("1", side=Side.SELL), {"reduce_only": True, "position": D("0.7")}, "0.7", "reduce_only"),
        (order("1", iceberg_quantity=D("0.1")), {}, "1", "iceberg"),
    ],
)
def test_the_binding_rail_is_named(
    request_: OrderRequest, more: dict[str, Any], amount: str, binding: str
) -> None:
    """An order at the market counts at the collar's end, and stands on both grids."""
    found = largest(request_, seen(**more), LIMITS)
    assert found.amount == D(amount)
    assert binding in found.binding
    assert found.describe().startswith(f"at most {amount}")


def test_that_the_same_order_was_sent_before_bounds_no_other_amount() -> None:
    """Only where it is itself the largest, one step less is."""
    again = seen(rerun_of="a-1", identical=9)
    assert largest(order("1"), again, LIMITS).amount == D("1.666")
    assert largest(order("1.666"), again, LIMITS).amount == D("1.665")
    assert decide(order("1.665"), FRESH, LIMITS).allowed


@pytest.mark.parametrize(
    "more",
    [
        {"trading_state": "HALTED: drill"},
        {"reference_price": None},
        {"own": OwnOrders(open=200)},
        {"instrument": None},
    ],
)
def test_where_nothing_passes_there_is_none_and_the_rails_say_why(more: dict[str, Any]) -> None:
    """No amount is invented."""
    found = largest(order(), seen(**more), LIMITS)
    assert found.amount is None
    assert found.binding
    assert "no amount passes" in found.describe()


def test_an_override_lets_more_pass_and_the_answer_knows() -> None:
    """What explains is what checks."""
    leave = Override(rail="max_order_notional", symbol="BTCUSDT", until_ms=2_000_000, reason="a large close")
    assert largest(order(), FRESH, limits(overrides=(leave,))).amount == D("3.166")
    assert largest(order(), seen(now_ms=2_000_000), limits(overrides=(leave,))).amount == D("1.666")


def test_an_ask_that_nobody_can_read_denies_everything() -> None:
    """A type that is none, a side that is none: no amount passes, and nothing crashes."""
    for broken in ({"type": "LIMIT"}, {"side": "BUY"}, {"type": None}, {"symbol": None}):
        request = msgspec.structs.replace(order(), **broken)
        assert not decide(request, FRESH, LIMITS).allowed
        assert largest(request, FRESH, LIMITS).amount is None
    assert Ask(order(), FRESH, LIMITS).value == D(60_000)
    assert decide(order(type=OrderType.LIMIT), FRESH, LIMITS).allowed
