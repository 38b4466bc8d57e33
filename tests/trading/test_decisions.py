"""What was decided is kept, bounded, and can be taken again to the last word."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from railkit import BTC, FRESH, LIMITS, limits, order, seen

from quantlab.domain.limits import NO_NUMBERS, Limits, SymbolLimits
from quantlab.errors import InvalidField
from quantlab.trading.decision import Decision
from quantlab.trading.rails import Rails, decide
from quantlab.trading.rails.catalogue import AMEND_RAILS, CANCEL_RAILS, RAILS
from quantlab.trading.rails.pictures import swept
from quantlab.trading.rails.record import Decisions
from quantlab.trading.rails.sweeps import sweep_sizes
from quantlab.trading.rails.usage import UNMEASURED
from quantlab.trading.together import Part

D = Decimal


def decided(rails: Rails, *quantities: str, **more: Any) -> list[Decision]:
    """One decision for each quantity, numbered as the state."""
    return [
        rails.decide(order(each), seen(**more), now_ns=1, state_sequence=number)[0]
        for number, each in enumerate(quantities, 1)
    ]


def test_each_decision_is_kept_with_what_it_was_taken_on_and_taken_again_to_the_last_word() -> None:
    """Also after the limits have changed: it is taken under its own."""
    rails = Rails(LIMITS)
    first = decided(rails, "1", "1.7")
    rails.limits = limits(max_order_notional=D(1))
    second = decided(rails, "1")

    assert [each.decision for each in rails.decisions] == [*first, *second]
    assert [each.allowed for each in rails.decisions] == [True, False, False]
    assert [each.limits.version for each in rails.decisions] == [1, 1, 2]
    assert [each.number for each in rails.decisions] == [1, 2, 3]


def test_an_explanation_is_no_decision() -> None:
    rails = Rails(LIMITS)
    rails.explain(order(), FRESH)

    assert (len(rails.decisions), rails.decisions.last) == (0, None)


def test_only_the_newest_are_kept_and_those_let_go_are_counted() -> None:
    """A number stays that of its decision."""
    kept = Decisions(most=2)
    for number in range(1, 6):
        kept.note(order(str(number)), (Part(order(str(number)), FRESH),), LIMITS, number, True)

    assert (len(kept), kept.taken, kept.forgotten) == (2, 5, 3)
    assert [each.parts[0].order.quantity for each in kept] == [D(4), D(5)]
    assert kept[4].parts[0].order.quantity == D(4)
    for gone in (0, 3, 6, -1):
        with pytest.raises(KeyError):
            kept[gone]


def test_the_frame_says_when_what_and_which_rail_decided_on_what() -> None:
    """Of what passed, the rail of whose limit most was used; amounts exact, times in UTC."""
    rails = Rails(LIMITS)
    decided(rails, "1", "2", now_ms=1_767_225_600_000)
    table = rails.decisions.frame()
    passed, denied = table.iloc[0], table.iloc[1]

    assert str(table.index.dtype).endswith("UTC]")
    assert table.index[0] == pd.Timestamp("2026-01-01", tz="UTC")
    assert (passed["order"], passed["allowed"], passed["breaches"]) == ("BUY 1 BTCUSDT @ 60000 GTC", True, "")
    assert (passed["rail"], passed["used"], passed["limit"]) == ("max_order_notional", D(60_000), D(100_000))
    assert (passed["headroom"], passed["unit"], passed["share"]) == (D(40_000), "USDT", 0.6)
    assert (denied["allowed"], denied["rail"], denied["headroom"]) == (
        False,
        "max_order_notional",
        D(-20_000),
    )
    assert denied["breaches"] == "max_order_notional"
    assert (order("1").digest()[:12], "") == (passed["permit"], denied["permit"])
    assert list(table["number"]) == [1, 2]
    assert list(table["state_sequence"]) == [1, 2]


@pytest.mark.parametrize("quantities", [(), ("1", "2")])
def test_each_column_has_its_own_kind_also_where_there_is_no_row(quantities: tuple[str, ...]) -> None:
    rails = Rails(LIMITS)
    decided(rails, *quantities)

    kinds = {name: str(kind) for name, kind in rails.decisions.frame().dtypes.items()}
    assert {kinds[each] for each in ("number", "limits_version", "state_sequence")} == {"int64"}
    assert (kinds["allowed"], kinds["share"], kinds["used"]) == ("bool", "float64", "object")
    kinds = {name: str(kind) for name, kind in rails.decisions.replay().dtypes.items()}
    assert {kinds[each] for each in ("changed", "allowed_before", "allowed_after")} == {"bool"}
    for table in (rails.decisions.frame(), rails.decisions.replay(), rails.decisions.usage()):
        assert isinstance(table.index, pd.DatetimeIndex)
        assert str(table.index.tz) == "UTC"
        assert len(table.columns) > 5


def test_a_denial_that_knows_no_amount_still_names_its_rail() -> None:
    """An unknown price: the first rail that lacks it, and no number in place of one."""
    rails = Rails(LIMITS)
    decided(rails, "1", reference_price=None)
    row = rails.decisions.frame().iloc[0]

    assert (row["allowed"], row["used"], row["limit"], row["headroom"]) == (False, None, None, None)
    assert row["rail"] in row["breaches"].split(", ")
    assert np.isnan(row["share"])


def test_what_wants_more_is_never_the_rail_that_decides_on_what_passed() -> None:
    """The least quantity is used up wholly by an order of just that, and keeps nobody from more."""
    rails = Rails(LIMITS)
    decided(rails, "0.001")
    row = rails.decisions.frame().iloc[0]

    assert (row["rail"], row["share"]) == ("duplicate_order", pytest.approx(1 / 3))


def test_of_a_limit_of_zero_everything_is_too_much() -> None:
    rails = Rails(limits(max_position=D(0)))
    decided(rails, "1")
    row = rails.decisions.frame().iloc[0]

    assert (row["rail"], row["share"], row["headroom"]) == ("max_position", float("inf"), D(-60_000))


def test_usage_has_a_row_for_each_limit_that_an_order_used_something_of() -> None:
    """With the limit that was in force then."""
    rails = Rails(LIMITS)
    decided(rails, "1")
    rails.limits = limits(max_position=D(120_000))
    decided(rails, "1")
    usage = rails.decisions.usage().set_index("limit_name").loc["max_position"]

    assert [(row.used, row.limit, row.share) for row in usage.itertuples()] == [
        (D(60_000), D(250_000), 0.24), (D(60_000), D(120_000), 0.5),
    ]  # fmt: skip


def test_every_limit_that_is_a_number_stands_in_the_frame_of_limits_once() -> None:
    """With a rail that there is, its value, and, once something was decided, what was used of it."""
    rails = Rails(LIMITS)
    numbers = {name for name in Limits.__struct_fields__ if name not in NO_NUMBERS and name != "version"}
    known = {each.__name__ for each in (*RAILS, *AMEND_RAILS, *CANCEL_RAILS)}
    before = rails.frame()
    decided(rails, "1", answers=20, errors=1)  # of fewer no error rate is told
    after = rails.frame()

    assert set(before.index) == set(after.index) == numbers
    assert len(after) == len(numbers)
    assert set(after["rail"]) <= known
    assert before["used"].isna().all()
    assert set(numbers) - set(after[after["used"].notna()].index) == set(UNMEASURED)
    assert (after.loc["max_position", "used"], after.loc["max_position", "headroom"]) == (
        D(60_000),
        D(190_000),
    )
    assert after.loc["max_position", "unit"] == "USDT"


def test_the_limits_shown_are_those_of_the_last_orders_symbol() -> None:
    """Where it has limits of its own, these hold; and one that was changed since holds as it is now."""
    rails = Rails(limits(symbols={"BTCUSDT": SymbolLimits(max_position=D(100_000))}))
    decided(rails, "1")
    row = rails.frame().loc["max_position"]
    assert (row["value"], row["used"], row["headroom"]) == (D(100_000), D(60_000), D(40_000))

    rails.limits = limits(max_position=D(61_000))
    assert rails.frame().loc["max_position", "headroom"] == D(1_000)


def test_what_counts_the_whole_account_is_told_in_the_accounts_currency() -> None:
    """Of ETHBTC the order is worth so many BTC, and the account so many USDT."""
    ethbtc = msgspec.structs.replace(BTC, symbol="ETHBTC", base="ETH", quote="BTC")
    here = seen(instrument=ethbtc, rate=D(60_000), currency="USDT")
    decision = decide(order(symbol="ETHBTC"), here, LIMITS)
    units = {each.rail: each.unit for each in decision.verdicts}

    assert {units[each] for each in ("max_order_notional", "max_position", "balance")} == {"BTC"}
    whole = ("max_gross_exposure", "max_net_exposure", "max_open_notional", "equity_floor", "daily_loss")
    assert {units[each] for each in whole} == {"USDT"}


def test_every_amount_of_an_explanation_has_a_unit_and_what_is_left() -> None:
    """Fractions have none; what is no amount has neither."""
    told = Rails(LIMITS).explain(order(), seen(answers=20, errors=1)).verdicts
    amounts = [each for each in told if each.used is not None]

    assert len(amounts) > 20
    assert all(abs(each.headroom) == abs(each.limit - each.used) for each in amounts)
    assert all(each.headroom >= 0 for each in amounts)
    assert {each.rail for each in amounts if not each.unit} == {
        "spread", "price_collar", "window_collar", "drawdown",
    }  # fmt: skip


# -- pictures


def test_the_picture_of_usage_has_a_panel_for_each_limit_with_every_order_in_it() -> None:
    """What was asked beyond the edge is drawn there and told."""
    rails = Rails(LIMITS)
    for number, quantity in enumerate(("0.5", "1", "9")):
        rails.decide(order(quantity), seen(now_ms=number * 60_000), now_ns=1, state_sequence=1)
    picture = rails.decisions.plot("max_order_notional", "max_position")

    assert [each.get_title(loc="left") for each in picture.axes] == [
        "max_order_notional, USDT", "max_position, USDT",
    ]  # fmt: skip
    limit, passed, denied, otherwise = picture.axes[0].lines
    assert list(limit.get_ydata()) == [100_000] * 3
    assert list(passed.get_ydata()) == [30_000, 60_000]
    assert (list(denied.get_ydata()), list(otherwise.get_ydata())) == ([150_000], [])
    assert [each.get_text() for each in picture.axes[0].texts] == ["540,000 ↑"]
    (within,) = rails.decisions.plot("max_price_age_ms").axes
    assert within.get_ylim() == (0, pytest.approx(1.12 * 2_000))
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert len(rails.decisions.plot().axes) == 6


@pytest.mark.parametrize(
    ("named", "says"),
    [((), "no order was decided yet"), (("max_positon",), "nothing was used of max_positon")],
)
def test_there_is_no_picture_of_nothing(named: tuple[str, ...], says: str) -> None:
    with pytest.raises(InvalidField, match=says):
        Rails(LIMITS).decisions.plot(*named)


def test_the_picture_may_be_of_one_symbol() -> None:
    """Whose limits may be its own: another's orders are not held against them."""
    rails = Rails(LIMITS)
    decided(rails, "0.5")
    ethusdt = msgspec.structs.replace(BTC, symbol="ETHUSDT", base="ETH")
    rails.decide(order("1", symbol="ETHUSDT"), seen(instrument=ethusdt), now_ns=1, state_sequence=1)

    both, one = (rails.decisions.plot("max_position", symbol=each).axes[0] for each in ("", "BTCUSDT"))
    assert [list(each.lines[1].get_ydata()) for each in (both, one)] == [[30_000, 60_000], [30_000]]
    with pytest.raises(InvalidField, match="no order was decided yet"):
        rails.decisions.plot(symbol="XRPUSDT")


def test_what_a_sweep_found_is_drawn_as_it_is() -> None:
    rails = Rails(LIMITS)
    decided(rails, "0.5", "1", "2")
    one = end_of(rails.decisions.sweep({"max_order_notional": [20_000, 70_000, 200_000]}))
    two = end_of(
        rails.decisions.sweep({"max_order_notional": [20_000, 70_000], "max_position": [1, 1_000_000]})
    )
    sizes = end_of(sweep_sizes([Part(order(each), FRESH) for each in ("1", "2")], LIMITS))

    passing, before = swept(one).axes[0].lines
    assert list(passing.get_ydata()) == [0, 2, 3]
    assert list(before.get_ydata()) == [2, 2]
    assert [each.get_text() for each in swept(two).axes[0].texts] == ["0", "0", "0", "2"]
    drawn = {each.get_label(): list(each.get_ydata()) for each in swept(sizes).axes[0].lines}
    assert drawn["max_order_notional"] == pytest.approx([60, 120])
    with pytest.raises(InvalidField, match="no sweep"):
        swept(rails.decisions.frame())


def end_of(sweep: Any) -> pd.DataFrame:
    """The frame of a sweep."""
    while True:
        try:
            next(sweep)
        except StopIteration as end:
            return end.value
