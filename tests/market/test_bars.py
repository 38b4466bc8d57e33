"""Bars from trades: every trade in one bar, nothing lost, the same live and from the past."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from quantlab.domain.market import Trade
from quantlab.errors import InvalidField
from quantlab.market.bars import Bar, BarBuilder, DollarBars, TickBars, TimeBars, VolumeBars, bars, joined

BUILDERS: dict[str, Callable[[], BarBuilder]] = {
    "time": lambda: TimeBars(1_000),
    "tick": lambda: TickBars(5),
    "volume": lambda: VolumeBars("2.5"),
    "dollar": lambda: DollarBars(150),
}


def trade(trade_id: int, price: Any = 60, quantity: Any = 1, at_ms: int = 0, **more: Any) -> Trade:
    fields = {"symbol": "BTCUSDT", "buyer_is_maker": False} | more
    return Trade(
        trade_id=trade_id, price=Decimal(price), quantity=Decimal(quantity), trade_ms=at_ms, event_ms=at_ms,
        **fields,
    )  # fmt: skip


@st.composite
def many_trades(draw: st.DrawFn) -> list[Trade]:
    """Trades in order, with waits from nothing to several periods, and both takers."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 1_500),
                st.integers(5_000, 7_000),
                st.integers(1, 2_000),
                st.booleans(),
            ),
            max_size=60,
        )
    )
    found, now_ms = [], 1_700_000_000_000
    for number, (wait_ms, cents, thousandths, maker) in enumerate(rows):
        now_ms += wait_ms
        found.append(
            trade(number + 1, Decimal(cents) / 100, Decimal(thousandths) / 1000, now_ms, buyer_is_maker=maker)
        )
    return found


def whole(trades: list[Trade], builder: BarBuilder) -> list[Bar]:
    """All bars, the one that is not complete last."""
    done = list(bars(trades, builder))
    left = builder.remainder()
    return done if left is None else [*done, left]


@pytest.mark.parametrize("kind", BUILDERS)
@given(trades=many_trades(), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_bars_of_a_whole_equal_bars_of_its_parts_joined(
    kind: str, trades: list[Trade], cuts: list[int]
) -> None:
    """Wherever the trades are cut, and one by one: the same bars; all joined: one bar of all."""
    make = BUILDERS[kind]
    at_once = whole(trades, make())
    event(f"{min(len(at_once), 5)} bars")

    builder, parts = make(), []
    edges = [0, *sorted(cuts), len(trades)]
    for start, end in pairwise(edges):
        parts.extend(bars(trades[start:end], builder))
    left = builder.remainder()
    assert [*parts, *([] if left is None else [left])] == at_once

    if trades:
        one = whole(trades, TickBars(10_000))[0]
        together = joined(at_once)
        times = {"open_ms": one.open_ms, "close_ms": one.close_ms} if kind == "time" else {}
        assert _with(together, **times) == one


@pytest.mark.parametrize("kind", BUILDERS)
@given(trades=many_trades())
def test_no_trade_and_no_volume_is_lost_or_counted_twice(kind: str, trades: list[Trade]) -> None:
    """Trades, volume, value and the takers' buys add up; the ids of one bar follow those before."""
    found = whole(trades, BUILDERS[kind]())

    assert sum(each.trades for each in found) == len(trades)
    assert sum(each.volume for each in found) == sum(each.quantity for each in trades)
    assert sum(each.quote_volume for each in found) == sum(each.price * each.quantity for each in trades)
    bought = sum(each.quantity for each in trades if not each.buyer_is_maker)
    assert sum(each.buy_volume for each in found) == bought
    ids = [number for each in found for number in range(each.first_id, each.last_id + 1)]
    assert ids == [each.trade_id for each in trades]
    for each in found:
        inside = [one.price for one in trades if each.first_id <= one.trade_id <= each.last_id]
        shape = (each.open, each.high, each.low, each.close)
        assert shape == (inside[0], max(inside), min(inside), inside[-1])


def test_the_properties_meet_several_bars_of_each_kind() -> None:
    """What the properties draw is no special case: each kind makes complete bars, and leaves a rest."""
    trades = [trade(number, 60, "1.1", number * 400) for number in range(1, 18)]

    for kind, make in BUILDERS.items():
        builder = make()
        assert len(bars(trades, builder)) >= 3, kind
        assert builder.remainder() is not None, kind


@given(trades=many_trades(), factor=st.integers(2, 7))
def test_longer_time_bars_are_the_shorter_ones_joined(trades: list[Trade], factor: int) -> None:
    """1 s bars, put together by the period they lie in, are the bars of that period."""
    long_ms = 1_000 * factor
    groups: dict[int, list[Bar]] = {}
    for each in whole(trades, TimeBars(1_000)):
        groups.setdefault(each.open_ms - each.open_ms % long_ms, []).append(each)
    put_together = [
        _with(joined(group), open_ms=start, close_ms=start + long_ms - 1) for start, group in groups.items()
    ]

    assert put_together == whole(trades, TimeBars(long_ms))


def test_a_bar_ends_with_the_trade_that_fills_it_or_before_the_one_of_a_later_period() -> None:
    """By volume 2 with trades of 1.5: both whole trades are in it; by time the later trade is not."""
    volume = VolumeBars(2)
    assert volume.add(trade(1, quantity="1.5")) is None
    full = volume.add(trade(2, quantity="1.5"))
    assert full is not None
    assert (full.volume, full.trades) == (Decimal("3.0"), 2)
    assert volume.remainder() is None

    time = TimeBars(1_000)
    assert time.add(trade(1, at_ms=1_999)) is None
    ended = time.add(trade(2, at_ms=2_000))
    assert ended is not None
    assert (ended.open_ms, ended.close_ms, ended.last_id) == (1_000, 1_999, 1)
    assert time.until(2_999) is None
    over = time.until(3_000)
    assert over is not None
    assert (over.open_ms, over.first_id) == (2_000, 2)
    assert time.until(9_000) is None


def test_repeated_trades_count_once_and_missing_ones_are_named() -> None:
    """A reconnected stream sends some again and loses some; the builder says how many."""
    builder = TickBars(3)
    found = bars([trade(1), trade(2), trade(1), trade(2), trade(7)], builder)

    assert [each.trades for each in found] == [3]
    assert (builder.repeated, builder.missing) == (2, 4)


def test_a_time_bar_that_is_complete_never_changes() -> None:
    """The venue's clock goes back by a period: the trade counts in the bar that is open."""
    builder = TimeBars(1_000)
    found = bars([trade(1, at_ms=1_500), trade(2, at_ms=2_500), trade(3, at_ms=1_900)], builder)

    left = builder.remainder()
    assert [each.open_ms for each in found] == [1_000]
    assert left is not None
    assert (left.open_ms, left.trades) == (2_000, 2)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: TimeBars(0), "milliseconds: 0 is no whole number above zero"),
        (lambda: TickBars(2.5), "trades: 2.5 is no whole number"),  # type: ignore[arg-type]
        (lambda: TickBars(True), "trades: True is no whole number"),
        (lambda: VolumeBars(0.5), "volume: the float 0.5 is not exact"),  # type: ignore[arg-type]
        (lambda: DollarBars("-1"), "value: -1 is not above zero"),
        (lambda: joined([]), "parts: there is no bar"),
    ],
)
def test_what_makes_no_bar_is_refused_by_its_field(make: Callable[[], object], says: str) -> None:
    with pytest.raises(InvalidField, match=says):
        make()


@pytest.mark.parametrize("builder", [50, TickBars, None])
def test_what_is_no_builder_is_refused(builder: Any) -> None:
    with pytest.raises(InvalidField, match="^builder: "):
        bars([trade(1)], builder)


def test_symbols_are_not_mixed() -> None:
    builder = TickBars(10)
    builder.add(trade(1))
    with pytest.raises(InvalidField, match="it is of ETHUSDT, not BTCUSDT"):
        builder.add(trade(2, symbol="ETHUSDT"))
    bar = builder.remainder()
    assert bar is not None
    with pytest.raises(InvalidField, match="do not follow each other"):
        joined([bar, bar])


def test_a_cells_decimal_context_changes_no_bar() -> None:
    """Three digits of precision in the user's context: the sums are exact all the same."""
    import decimal

    trades = [trade(number, "60123.45", "1.23456789", number) for number in range(1, 6)]
    expected = whole(trades, TickBars(100))
    with decimal.localcontext() as context:
        context.prec = 3
        assert whole(trades, TickBars(100)) == expected
    assert expected[0].volume == Decimal("6.17283945")


def test_a_frame_has_utc_times_and_exact_amounts() -> None:
    table = bars(
        [trade(number, "60.10", "0.5", number * 1_000) for number in range(1, 5)], TickBars(2)
    ).frame()

    assert table.index.name == "open_time"
    assert str(table.index.tz) == "UTC"
    assert list(table["volume"]) == [Decimal(1), Decimal(1)]
    assert list(bars([], TickBars(2)).frame().columns) == list(table.columns)


def _with(bar: Bar, **changes: Any) -> Bar:
    import msgspec

    return msgspec.structs.replace(bar, **changes)
