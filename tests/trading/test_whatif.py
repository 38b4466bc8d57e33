"""What another limit set would have done: exact, for every kind of request; and nothing under the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from railkit import FRESH, LIMITS, but, limits, order, seen
from scripted import Bench

from quantlab.domain.limits import NO_NUMBERS, Limits, SymbolLimits
from quantlab.domain.order_lists import (
    AmendRequest,
    AnyRequest,
    ListKind,
    OrderListRequest,
    ReplaceRequest,
)
from quantlab.domain.orders import OrderRequest, Side
from quantlab.errors import InvalidField, OrderDenied
from quantlab.trading.decision import Decision
from quantlab.trading.list_requests import bracket
from quantlab.trading.rails import Rails, decide
from quantlab.trading.rails.catalogue import LIMITED
from quantlab.trading.rails.sweeps import sweep_sizes
from quantlab.trading.rails.whatif import WINDOWS, OtherLimits, limit_of, require_limits, taken_again
from quantlab.trading.together import Part, parts_of_list

D = Decimal
Asked = tuple[AnyRequest, tuple[Part, ...]]

orders = st.builds(
    order,
    st.integers(1, 1_800).map(lambda each: str(D(each) / 1_000)),
    st.one_of(st.none(), st.integers(57_500, 62_500).map(str)),
    st.sampled_from(Side),
)
exposures = st.builds(
    seen,
    position=st.integers(-2, 2).map(D),
    buying=st.integers(0, 1).map(D),
    selling=st.integers(0, 1).map(D),
    price_age_ms=st.integers(0, 2_200),
    orders_last_second=st.integers(0, 10),
    identical=st.sampled_from([0, 0, 0, 1, 2, 3]),
    gross_elsewhere=st.integers(0, 200_000).map(D),
    equity=st.integers(94_500, 100_000).map(D),
    reference_price=st.sampled_from([*[D(60_000), D("59999.99")] * 8, None]),
)
CHANGES: dict[str, Any] = {
    "max_order_notional": st.integers(1_000, 200_000),
    "max_position": st.integers(1_000, 400_000),
    "max_gross_exposure": st.integers(1_000, 600_000),
    "price_collar": st.sampled_from(["0.001", "0.02", "0.2"]),
    "max_price_age_ms": st.integers(0, 4_000),
    "max_orders_per_second": st.integers(1, 15),
    "max_identical_orders": st.integers(1, 5),
    "max_daily_loss": st.one_of(st.none(), st.integers(0, 40_000)),
}
LOOSE = {
    "max_order_notional": 10**7, "max_position": 10**7, "max_gross_exposure": 10**7, "price_collar": "0.5",
    "max_price_age_ms": 10**5, "max_orders_per_second": 100, "max_identical_orders": 100,
    "max_daily_loss": None, "max_net_exposure": 10**7, "max_open_notional": 10**7,
}  # fmt: skip
changes = st.one_of(st.fixed_dictionaries({}, optional=CHANGES), st.just(LOOSE))


@st.composite
def requests(draw: Any) -> Asked:
    """An order, a list, a replacement or an amendment, each of its orders with a state."""
    first = draw(orders)
    kind = draw(st.sampled_from(["order", "list", "replace", "amend"]))
    if kind == "list":
        other = but(first, side=draw(st.sampled_from(Side)), client_order_id="a-2")
        asked = OrderListRequest(kind=ListKind.OTO, orders=(first, other), list_client_order_id="a-0")
        return asked, parts_of_list(asked, [draw(exposures), draw(exposures)])
    part = (Part(first, draw(exposures)),)
    if kind == "replace":
        return ReplaceRequest(order=first, cancel_client_order_id="a-0"), part
    if kind == "amend":
        return AmendRequest(symbol="BTCUSDT", client_order_id="a-1", new_quantity=first.quantity), part
    return first, part


def decide_all(asked: Sequence[Asked], within: Limits) -> tuple[Rails, list[Decision]]:
    """Rails that have decided all of it, and what they said."""
    rails = Rails(within)
    said = [
        rails.decide_together(request, parts, now_ns=1, state_sequence=number)[0]
        for number, (request, parts) in enumerate(asked)
    ]
    return rails, said


def test_under_the_same_limits_every_decision_is_the_same_to_the_last_word() -> None:
    """Whatever was asked: the rails know nothing that is not kept. Both answers and every kind occurred."""
    met = Counter[str]()

    @settings(max_examples=120, deadline=None)
    @given(st.lists(requests(), min_size=1, max_size=6), changes)
    def check(asked: list[Asked], changed: dict[str, Any]) -> None:
        rails, said = decide_all(asked, OtherLimits(LIMITS, changed).instead_of(LIMITS)[0])
        again = list(taken_again(rails.decisions, OtherLimits()))
        same = list(taken_again(rails.decisions, OtherLimits(rails.limits)))

        assert [each.before for each in again] == [each.after for each in again] == said
        assert [each.after for each in same] == said
        assert [each.allowed for each in rails.decisions] == [each.allowed for each in said]
        assert not any(each.changed or each.differing or each.as_counted for each in again + same)
        met.update(type(request).__name__ for request, _ in asked)
        met.update("allowed" if each.allowed else "denied" for each in said)

    check()
    assert min(met[each] for each in ("allowed", "denied", "OrderRequest", "OrderListRequest")) > 10
    assert min(met[each] for each in ("ReplaceRequest", "AmendRequest")) > 10, met


def test_under_others_each_is_what_it_would_have_been_had_those_been_in_force() -> None:
    """The judge is a second set of rails that never had any other limits."""
    met = Counter[tuple[bool, bool]]()
    tight = limits(max_order_notional=D(50_000), max_position=D(100_000))

    @settings(max_examples=120, deadline=None)
    @given(st.lists(requests(), min_size=1, max_size=6), changes)
    def check(asked: list[Asked], changed: dict[str, Any]) -> None:
        rails, before = decide_all(asked, tight)
        others = OtherLimits(None, changed)
        _, after = decide_all(asked, others.instead_of(tight)[0])

        again = list(taken_again(rails.decisions, others))
        assert [(each.before, each.after) for each in again] == list(zip(before, after, strict=True))
        for each, old, new in zip(again, before, after, strict=True):
            met[old.allowed, new.allowed] += 1
            assert each.changed is (old.allowed is not new.allowed)
            denied = {verdict.rail for verdict in old.breaches} ^ {verdict.rail for verdict in new.breaches}
            assert set(each.differing) == denied

    check()
    assert len(met) == 4
    assert min(met.values()) > 1, met


def test_the_limit_decides_at_the_very_step() -> None:
    """60000 USDT pass a limit of 60000, and none of a cent less."""
    rails, _ = decide_all([(order(), (Part(order(), FRESH),))], LIMITS)

    def allowed(value: object) -> bool:
        return bool(rails.decisions.replay(changes={"max_order_notional": value})["allowed_after"].iloc[0])

    assert allowed("60000")
    assert not allowed("59999.99")


def test_changes_are_of_each_decisions_own_limits_and_a_set_takes_the_place_of_them() -> None:
    """So that one change shows what that one change does, also where others were made meanwhile."""
    rails = Rails(limits(max_position=D(1_000)))
    rails.decide(order(), FRESH, now_ns=1, state_sequence=1)
    rails.limits = LIMITS
    rails.decide(order(), FRESH, now_ns=1, state_sequence=2)

    assert list(rails.decisions.replay()["allowed_after"]) == [False, True]
    assert list(rails.decisions.replay(changes={"max_order_notional": 60_000})["allowed_after"]) == [
        False, True,
    ]  # fmt: skip
    assert list(rails.decisions.replay(LIMITS)["allowed_after"]) == [True, True]
    assert list(rails.decisions.replay(LIMITS, {"max_position": 1})["allowed_after"]) == [False, False]


def test_what_was_counted_over_a_window_stays_as_it_was_counted_and_is_named() -> None:
    """Nobody counted over the other window then; to ask for that alone is refused."""
    rails, said = decide_all([(order(), (Part(order(), seen(identical=3)),))], LIMITS)
    other = limits(identical_window_ms=5_000, max_identical_orders=4)
    again = next(taken_again(rails.decisions, OtherLimits(other)))

    assert (said[0].allowed, again.after.allowed) == (False, True)
    assert again.as_counted == ("identical_window_ms",)
    for name in WINDOWS:
        with pytest.raises(InvalidField, match=f"{name}.*counted"):
            OtherLimits(None, {name: 1})


@pytest.mark.parametrize("name", WINDOWS)
def test_no_rail_reads_over_what_time_was_counted(name: str) -> None:
    """So that what stays as it was counted is judged as it would have been."""
    other = but(LIMITS, **{name: getattr(LIMITS, name) * 7})
    asked = order(), seen(identical=3, repeats=100, cooldown_ms=1_000)
    assert decide(*asked, other).verdicts == decide(*asked, LIMITS).verdicts


def test_a_list_is_asked_what_only_lists_are() -> None:
    pair = OrderListRequest(kind=ListKind.OTO, orders=(order(), order(client_order_id="a-2")))
    _, said = decide_all([(pair, parts_of_list(pair, [FRESH, FRESH]))], LIMITS)

    assert [each.rail for each in said[0].verdicts][-1] == "venue_lists"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("max_positon", 1, "did you mean max_position"),
        ("version", 1, "there is no limit of that name"),
        ("max_position", 0.5, "the float 0.5 is not exact"),
        ("max_position", True, "a bool is not a number"),
        ("max_position", "1e5", "not plain decimal text"),
        ("max_position", -1, "below zero"),
        ("max_position", None, "cannot be switched off"),
        ("max_open_orders", "1.5", "no whole number"),
        ("trade_when_degraded", 1, "bool"),
        ("allowed_symbols", "BTCUSDT", "array"),
    ],
)
def test_what_is_no_limit_is_refused_by_its_name(name: str, value: object, says: str) -> None:
    with pytest.raises(InvalidField, match=f"{name}.*{says}"):
        OtherLimits(None, {name: value})


def test_every_limit_but_windows_can_be_another() -> None:
    """A limit that is added later is there at once."""
    for name in Limits.__struct_fields__:
        if name not in (*WINDOWS, *NO_NUMBERS, "version"):
            assert limit_of(name, "7") == 7
    own = {"BTCUSDT": {"max_position": D(5)}}
    assert limit_of("symbols", own) == {"BTCUSDT": SymbolLimits(max_position=D(5))}
    assert limit_of("allowed_symbols", ["BTCUSDT"]) == ("BTCUSDT",)
    assert limit_of("trade_when_degraded", False) is False
    assert limit_of("max_drawdown", None) is None
    assert require_limits({"max_position": 1}) == (None, {"max_position": 1})
    with pytest.raises(InvalidField, match="a str is no set of limits"):
        require_limits("max_position=1")


async def test_what_the_gateway_decided_is_taken_again_as_it_was(
    bench: Callable[..., Any], limit: Callable[..., OrderRequest]
) -> None:
    """Orders, a list, a replacement and an amendment on a state that moves between them."""
    b: Bench = await bench(limits=Limits(max_orders_per_second=1_000_000, max_order_notional=D(10_000)))
    said = list[Decision]()
    decide = b.rails.decide_together

    def listen(*args: Any, **more: Any) -> Any:
        answer = decide(*args, **more)
        said.append(answer[0])
        return answer

    b.rails.decide_together = listen  # type: ignore[method-assign]  # it listens, and changes nothing
    first = b.gateway.submit(limit(quantity="0.1", price="59000"))
    await first
    with pytest.raises(OrderDenied):
        b.gateway.submit(limit(quantity="0.2", price="59000"))
    listed = bracket(Side.BUY, "BTCUSDT", "0.1", "59000", take_profit="61000", stop_loss="58000")
    b.gateway.submit(listed)
    new, old = limit(quantity="0.05", price="59000"), first.client_order_id
    b.gateway.submit(ReplaceRequest(order=new, cancel_client_order_id=old))
    b.gateway.submit(AmendRequest(symbol="BTCUSDT", client_order_id=old, new_quantity=D("0.05")))
    await asyncio.sleep(0)

    assert [each.decision for each in b.rails.decisions] == said
    assert [each.allowed for each in said] == [True, False, True, True, True]
    assert len({type(each.request) for each in b.rails.decisions}) == 4


# -- sweeps


def swept(sweep: Any) -> tuple[list[Any], Any]:
    """Its steps and its frame."""
    steps = []
    while True:
        try:
            steps.append(next(sweep))
        except StopIteration as end:
            return steps, end.value


def test_a_sweep_of_limits_counts_what_each_combination_would_do() -> None:
    """Each row is what a replay under that combination says."""
    asked = [(each, (Part(each, FRESH),)) for each in (order("0.5"), order("1"), order("1.6"), order("1.9"))]
    rails, said = decide_all(asked, LIMITS)
    steps, table = swept(
        rails.decisions.sweep(
            {"max_order_notional": ["40000", 70_000, D(120_000)], "max_position": [250_000, 1]}
        )
    )

    assert [each.allowed for each in said] == [True, True, True, False]
    assert (len(steps), steps[-1]) == (24, (24, 24))
    assert table.index.names == ["max_order_notional", "max_position"]
    for (notional, position), row in table.iterrows():
        replayed = rails.decisions.replay(changes={"max_order_notional": notional, "max_position": position})
        assert row["allowed"] == replayed["allowed_after"].sum()
        assert row["denied"] == 4 - row["allowed"]
        assert row["newly_denied"] - row["newly_allowed"] == 3 - row["allowed"]
    rows = table["allowed"].tolist()
    assert rows == [1, 0, 2, 0, 4, 0]
    assert table["denied_by"].tolist()[:2] == ["max_order_notional 3", "max_order_notional 3, max_position 1"]
    assert table["newly_allowed"].tolist() == [0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "there is no limit to sweep"),
        ({"max_position": []}, "it has no value"),
        ({"max_position": 5}, "give several"),
        ({"max_position": "500"}, "give several"),
        ({"max_position": [1, 0.5]}, "the float 0.5"),
        ({"no_such": [1]}, "no limit of that name"),
        ({"max_position": range(1, 2_000), "max_order_notional": range(1, 2_000)}, "stay below"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_it_begins(values: Any, says: str) -> None:
    rails, _ = decide_all([(order(), (Part(order(), FRESH),))], LIMITS)
    with pytest.raises(InvalidField, match=says):
        rails.decisions.sweep(values)


def test_a_sweep_of_sizes_turns_where_the_largest_amount_is() -> None:
    """And each limit's share grows with the size; the limit that binds is the one that reaches 1."""
    sizes = [order(str(D(each) / 10)) for each in range(1, 31)]
    _, table = swept(sweep_sizes([Part(each, FRESH) for each in sizes], LIMITS))
    largest = Rails(LIMITS).explain(order(), FRESH).largest
    assert largest is not None

    passing = [size for size, allowed in table["allowed"].items() if allowed]
    assert passing == [size for size in table.index if size <= largest.amount]  # type: ignore[attr-defined]
    assert 0 < len(passing) < 30
    assert table["max_order_notional"].is_monotonic_increasing
    assert list(table["max_order_notional"] <= 1) == list(table["allowed"])
    assert set(table.loc[~table["allowed"], "rail"]) == {"max_order_notional"}
    assert set(table.loc[table["allowed"], "rail"]) <= set(LIMITED) | {"balance"}


def test_each_size_is_judged_on_the_state_that_it_would_meet() -> None:
    """The same order again is another one's repetition: the state may differ from size to size."""
    parts = [Part(order("1"), FRESH), Part(order("1.1"), seen(identical=3)), Part(order("1.2"), FRESH)]
    _, table = swept(sweep_sizes(parts, LIMITS))

    assert table["allowed"].tolist() == [True, False, True]
    assert table["breaches"].tolist() == ["", "duplicate_order", ""]
