"""All rails in one function decide as the rails one by one, and never guess."""

from __future__ import annotations

import contextlib
import decimal
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from railkit import FRESH, LIMITS, but, by_quote, limits, order, ruled, seen, stop
from test_rails import AT_THE_LIMIT, BEYOND_IT, BOUNDS, MORE, WITH

from quantlab.domain.limits import Limits, Override, SymbolLimits
from quantlab.domain.orders import OrderRequest, OrderType, SelfTradeMode, Side
from quantlab.domain.verdict import Verdict
from quantlab.trading.amounts import EXACT
from quantlab.trading.decision import DENIED, NEAR, PASSES, UNTOLD, Answer
from quantlab.trading.exposure import Exposure, OwnOrders
from quantlab.trading.rails import LIMITED, RAILS, decide, fused, sizes
from quantlab.trading.rails.ask import Ask
from quantlab.trading.rails.deciding import ask_all
from quantlab.trading.rails.fused import Kept, passes
from quantlab.trading.rails.writing import fuse

D = Decimal
BUY, SELL, LIMIT, MARKET = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.MARKET
FORMS = [(kind, side) for kind in (LIMIT, MARKET) for side in (BUY, SELL)]
CASES: list[tuple[OrderRequest, Exposure, Limits]] = [
    *((*case, WITH.get(rail, (LIMITS, LIMITS))[0]) for rail, case in AT_THE_LIMIT.items()),
    *((*case, WITH.get(rail, (LIMITS, LIMITS))[1]) for rail, case in BEYOND_IT.items()),
    *((each, exposure, LIMITS) for _, last, beyond, exposure in BOUNDS for each in (last, beyond)),
    *((request, exposure, within) for _, request, exposure, within, _ in MORE),
]


def plain(request: OrderRequest) -> bool:
    """An order of a form that has a function."""
    special = (request.stop_price, request.trailing_delta, request.iceberg_quantity, request.self_trade,
               request.strategy_id, request.strategy_type, request.quote_quantity)  # fmt: skip
    return request.type in (LIMIT, MARKET) and special == (None,) * 7 and request.quantity is not None


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_each_form_of_plain_order_has_its_function(form: tuple[OrderType, Side]) -> None:
    """And an order at ease passes it, far from every limit."""
    kind, side = form
    request = order("0.01", None if kind is MARKET else "60000", side)
    assert passes(request, FRESH, LIMITS) == PASSES


def test_all_are_made_before_the_first_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one takes as long as thousands of decisions: the engine does it at the start."""
    monkeypatch.setattr(fused, "MADE", [None] * 4)
    assert len(list(fused.prepare())) == 4
    made = list(fused.MADE)
    assert list(fused.prepare()) == []

    assert None not in made
    assert len(set(map(id, made))) == 4
    assert [*map(id, fused.MADE)] == [*map(id, made)]


def test_it_decides_every_case_of_the_tables_as_the_rails_do() -> None:
    """It says yes where all rails allow a plain order, and no or nothing where one denies."""
    told = Counter()
    for request, exposure, within in CASES:
        answers, allowed = ask_all(request, exposure, within, RAILS)
        said = passes(request, exposure, within)
        told[min(said, NEAR)] += 1
        if said:
            assert (said >= PASSES) is allowed, (request, answers)
        assert said or not (allowed and plain(request)), (request, answers)
    assert min(told[each] for each in (UNTOLD, DENIED, PASSES, NEAR)) >= 5


@pytest.mark.parametrize("rail", RAILS, ids=lambda rail: rail.__name__)
def test_every_rail_is_in_it(rail: Any) -> None:
    """Alone in a function, each denies there what it denies by itself, and says yes where it allows."""
    kept, functions = {}, {form: fuse(*form, (rail,)) for form in FORMS}
    told = Counter()
    for request, exposure, within in CASES:
        function = functions.get((request.type, request.side))
        if function is None or not plain(request):
            continue
        ours, soft = kept.setdefault(id(within), Kept(within)).general
        said = UNTOLD
        with contextlib.suppress(Exception):  # what a rail would say by itself
            said = function(request, exposure, ours, soft)
        allowed = decide(request, exposure, within, (rail,)).allowed if not within.symbols else None
        assert not said or allowed is None or (said >= PASSES) is allowed
        told[said >= PASSES] += 1
    assert told[True]
    assert told[False] or rail.__name__ in {"iceberg", "trailing_delta", "venue_algo_orders"}


AMOUNTS = st.sampled_from([D(0), D("0.001"), D(1), D("1.5"), D(90), D(10_000), D(60_000), D(10**7), D(-2)])
HOLES: list[object] = [None, D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), 1.0, True, "1", -1]
COUNTS = st.sampled_from([0, 1, 2, 3, 9, 10, 50, 99, 100, 10_000])
NUMBERS = (
    "reference_price", "position", "buying", "selling", "buying_quote", "selling_quote", "bid", "ask", "low",
    "high", "average", "free_base", "free_quote", "promised_base", "promised_quote", "held_base",
    "open_notional", "gross_elsewhere", "net_elsewhere", "equity", "peak_equity", "day_start_equity", "rate",
)  # fmt: skip
WHOLE = (
    "price_age_ms", "orders_last_second", "health_age_ms", "now_ms", "identical", "repeats", "cooldown_ms",
    "answers", "errors", "budget_left",
)  # fmt: skip
CHANGES = st.one_of(
    st.tuples(st.sampled_from(NUMBERS), st.one_of(AMOUNTS, st.sampled_from(HOLES))),
    st.tuples(st.sampled_from(WHOLE), st.one_of(COUNTS, st.sampled_from(HOLES))),
    st.tuples(st.just("trading_state"), st.sampled_from(["ACTIVE", "REDUCING: x", "HALTED", None])),
    st.tuples(st.just("health"), st.sampled_from(["OK", "DEGRADED", "DOWN", None])),
    st.tuples(st.just("reduce_only"), st.booleans()),
    st.tuples(st.just("rerun_of"), st.sampled_from(["", "b-7"])),
    st.tuples(st.sampled_from(["book", "account", "pace", "own", "instrument"]), st.none()),
)
SIZES = st.sampled_from(
    [D("0.01")] * 40 + [D("0.6")] * 10 + [D("1.6"), D("0.0005"), D(200), D(0), *HOLES[1:]]
)
PRICES = st.sampled_from([None] * 15 + [D(60_000)] * 30 + [D("60000.001"), D(63_000), D(63_001), *HOLES[1:]])
REQUESTS = st.builds(
    lambda price, size, side, more: but(
        order("1", None if price is None else "1", side), **{"price": price, "quantity": size} | more
    ),
    PRICES,
    SIZES,
    st.sampled_from([BUY, SELL]),
    st.sampled_from(
        [{}] * 30
        + [{"symbol": "ETHUSDT"}, {"time_in_force": None}, {"client_order_id": "x" * 37}, {"side": "BUY"},
           {"strategy_id": 7}, {"self_trade": SelfTradeMode.NONE}, {"stop_price": D(1)}]
    ),
)  # fmt: skip
LIMITS_OF_ALL_KINDS = st.sampled_from(
    [LIMITS] * 15
    + [limits(min_equity=None, max_daily_loss=None, max_drawdown=None, max_order_quantity=None),
       limits(max_position=D(0)), limits(symbols={"BTCUSDT": SymbolLimits(max_order_notional=D(500))}),
       limits(max_orders_per_second=0), limits(allowed_symbols=("ETHUSDT",)), limits(max_error_rate=D(0))]
)  # fmt: skip
TOLD: Counter[int] = Counter()


def half_used(verdict: Verdict) -> bool:
    part, whole = verdict.used, verdict.limit
    if verdict.at_least:
        part, whole = whole, part
    return bool(whole) and 2 * part >= whole


@settings(max_examples=800, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(request=REQUESTS, changes=st.lists(CHANGES, max_size=2), within=LIMITS_OF_ALL_KINDS)
def together(request: OrderRequest, changes: list[tuple[str, Any]], within: Limits) -> None:
    exposure = seen(**dict(changes))
    said = passes(request, exposure, within)
    _, allowed = ask_all(request, exposure, within, RAILS)
    decision = decide(request, exposure, within)
    assert decision.allowed is allowed
    assert all(each.allowed for each in decision.verdicts) is allowed
    if said:
        assert (said >= PASSES) is allowed
    assert said or not allowed or not plain(request)
    half = {
        each.rail for each in decision.verdicts
        if each.rail in LIMITED and each.used is not None and half_used(each)
    }  # fmt: skip
    if allowed:
        amounts = {name for name, _, _ in decide(request, exposure, within).amounts()}
        assert half <= amounts if decision.told == UNTOLD else half == amounts
    TOLD[min(said, NEAR)] += 1


def test_it_decides_as_the_rails_whatever_it_is_given() -> None:
    """Holes, impossible amounts and all: the same answer, and far from limits no alert is missed."""
    TOLD.clear()
    together()
    assert min(TOLD[each] for each in (UNTOLD, DENIED, PASSES, NEAR)) >= 5, TOLD


@pytest.mark.parametrize("request_", [by_quote("100"), stop(OrderType.STOP_LOSS, BUY), order(strategy_id=1)])
def test_of_other_orders_it_says_nothing(request_: OrderRequest) -> None:
    """The rails decide those one by one."""
    assert passes(request_, FRESH, LIMITS) == UNTOLD
    assert decide(request_, FRESH, LIMITS).allowed


def test_the_context_of_the_cell_changes_nothing_and_stays() -> None:
    """A cell may reckon with three digits, and trap what it likes."""
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP)) as context:
        assert decide(order("1.601"), seen(free_quote=D(96_060)), LIMITS).allowed
        assert not decide(order("1.601"), seen(free_quote=D("96059.99")), LIMITS).allowed
        assert not decide(order(), seen(reference_price=D("sNaN")), LIMITS).allowed
        assert decimal.getcontext().prec == context.prec == 3
        assert not any(context.flags.values())


HALF = PASSES + (NEAR << 3 * RAILS.index(sizes.max_order_notional))


def test_an_interrupt_leaves_the_cell_its_own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it strikes as soon as ours is set: else the cell would reckon in it, and could change it."""

    def interrupted(context: decimal.Context) -> None:
        decimal.setcontext(context)
        if context is EXACT:
            raise KeyboardInterrupt

    monkeypatch.setattr(fused, "setcontext", interrupted)
    with decimal.localcontext() as context:
        with pytest.raises(KeyboardInterrupt):
            passes(order(), FRESH, LIMITS)
        assert decimal.getcontext() is context


class NoHash(str):
    """A name that cannot be looked up."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("symbol", [["BTCUSDT"], NoHash("BTCUSDT")])
@pytest.mark.parametrize("own", [{}, {"BTCUSDT": SymbolLimits(max_order_notional=D(1))}])
def test_a_symbol_that_cannot_be_looked_up_is_denied_with_an_answer(symbol: Any, own: Any) -> None:
    """Never by an error that has no verdict, and never under the limits of another symbol."""
    decision = decide(but(order(), symbol=symbol), FRESH, limits(symbols=own))
    assert not decision.allowed or (not own and symbol == "BTCUSDT")
    assert len(decision.verdicts) == len(RAILS)


def test_a_limit_of_one_symbol_counts_there_and_new_limits_count_at_once() -> None:
    """What is kept of a set of limits is kept for that set."""
    own = limits(symbols={"BTCUSDT": SymbolLimits(max_order_notional=D(500))})
    assert [passes(order(), FRESH, each) for each in (LIMITS, own, LIMITS)] == [HALF, DENIED, HALF]
    assert not decide(order(), FRESH, own).allowed


def test_an_override_is_looked_for_before_an_order_is_denied() -> None:
    """The function knows none: it leaves the order to those who do."""
    broken = limits(max_order_notional=D(500))
    leave = Override(rail="max_order_notional", symbol="*", until_ms=2_000_000, reason="for a test")
    assert not decide(order(), FRESH, broken).allowed
    assert decide(order(), FRESH, but(broken, overrides=(leave,))).allowed


def loops(ask: Ask) -> Answer:
    for _ in range(2):
        if ask.sound:
            return (True, "sound")
    return (False, "not sound")


def looks_further(ask: Ask) -> Answer:
    if ask.request.symbol == "ETHUSDT":
        return next((True, each) for each in ("far",))
    return (True, "near")


def test_what_is_not_understood_is_never_guessed() -> None:
    """A rail that is a loop makes no function; one with a strange branch ends the function there."""
    within = Kept(LIMITS).general
    assert fuse(LIMIT, BUY, (loops,))(order(), FRESH, *within) == UNTOLD
    function = fuse(LIMIT, BUY, (looks_further,))
    assert function(order(), FRESH, *within) == PASSES
    assert function(order(symbol="ETHUSDT"), FRESH, *within) == UNTOLD


def test_the_answers_of_a_decision_are_those_of_its_moment() -> None:
    """They are asked for when somebody reads them, of the same order, state and limits."""
    decision = decide(order(), seen(orders_last_second=7), LIMITS)
    assert decision.verdict("order_rate").used == 8
    assert [each.rail for each in decision.verdicts] == [rail.__name__ for rail in RAILS]
    denied = decide(order(), but(ruled(max_orders=2), own=OwnOrders(open=2)), LIMITS)
    assert [each.rail for each in denied.breaches] == ["venue_orders"]
