"""Labels: joined by event time, known no sooner than their horizon, and never from the future."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import START_MS, quote, random_market, trade
from river import dummy, linear_model, preprocessing

from quantlab.domain.market import Trade
from quantlab.errors import InvalidField
from quantlab.learning.feature import Features
from quantlab.learning.features import imbalance, log_return, trade_flow
from quantlab.learning.keyed import KeyedModel
from quantlab.learning.labels import Label, custom, forward_return, next_tick
from quantlab.learning.recipe import recipe

QUICK = Features(trade_flow("1s"))


def keyed(label: Label, features: Features = QUICK, **options: Any) -> KeyedModel:
    pipeline = (
        preprocessing.StandardScaler() | linear_model.LogisticRegression()
        if label.classes
        else dummy.StatisticRegressor(_mean())
    )
    return KeyedModel(recipe("test", pipeline, features, label, **options), "BTCUSDT")


def _mean() -> Any:
    from river import stats

    return stats.Mean()


def learned(model: KeyedModel) -> list[tuple[int, int, Any]]:
    """(made, learned, label) of what was learned, in ms since the start."""
    return [(row[1] - START_MS, row[2] - START_MS, row[3]) for row in model.record.outcomes]


def feed(model: KeyedModel, events: list[Any]) -> list[Any]:
    return [said for event in events if (said := model.on_event(event)) is not None]


def test_a_label_is_the_last_price_that_stood_when_its_horizon_ended() -> None:
    """Made at 1000 with a horizon of 2 s; 102 came at 2900 and stood at 3000, 105 came after it."""
    model = keyed(forward_return("2s"))
    feed(
        model,
        [trade(0, "100"), trade(1_000, "100"), trade(2_900, "102"), trade(3_500, "105"), trade(5_000, "107")],
    )

    assert [(made, known, round(label)) for made, known, label in learned(model)] == [
        (1_000, 3_500, 200),
        (2_900, 5_000, round(1e4 * (105 / 102 - 1))),
    ]


def test_a_price_in_the_very_millisecond_counts_and_of_several_the_first() -> None:
    model = keyed(forward_return("1s", threshold_bps=0))
    feed(
        model,
        [trade(0, "100"), trade(1_000, "100"), trade(2_000, "101"), trade(2_000, "99"), trade(3_500, "99")],
    )

    assert learned(model)[:2] == [(1_000, 2_000, True), (2_000, 3_500, False)]  # up to 101, not down to 99


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), horizon_ms=st.sampled_from((1, 250, 1_000, 3_000)))
def test_no_label_is_learned_before_its_horizon_has_passed(seed: int, horizon_ms: int) -> None:
    model = keyed(forward_return(f"{horizon_ms}ms", threshold_bps=0.5))
    feed(model, random_market(seed, 120))

    for made, known, _ in learned(model):
        assert known >= made + horizon_ms
    assert model.counts["learned"] > 5


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000), cut=st.integers(60, 110), other=st.integers(0, 10_000),
    kind=st.sampled_from(("return", "classes", "tick")),
)  # fmt: skip
def test_another_future_changes_no_prediction_made_before_it(
    seed: int, cut: int, other: int, kind: str
) -> None:
    """The past is followed by another market, by itself shuffled, and by nothing: predictions up to the cut
    are the same, bit for bit."""
    labels = {"return": None, "classes": 0.5}
    label = next_tick() if kind == "tick" else forward_return("2s", threshold_bps=labels[kind])
    features = Features(log_return("1s"), imbalance(), trade_flow("1s"))
    events = random_market(seed, 140)
    past, future = events[:cut], events[cut:]
    strange = [_later(each, events[cut - 1]) for each in random_market(other, 30)]
    runs = [
        feed(keyed(label, features), past + then) for then in (future, list(reversed(future)), strange, [])
    ]
    made = len(runs[-1])

    assert all(run[:made] == runs[-1] for run in runs)


def test_the_property_above_would_notice() -> None:
    """Futures do differ in what they make of later predictions, and the pasts do predict."""
    features = Features(log_return("1s"), imbalance(), trade_flow("1s"))
    events = random_market(5, 140)
    label = forward_return("2s", threshold_bps=0.5)
    one = feed(keyed(label, features), events)
    other = feed(
        keyed(label, features), events[:90] + [_later(each, events[89]) for each in random_market(6, 30)]
    )
    made = len(feed(keyed(label, features), events[:90]))

    assert made > 20
    assert len({said.shares[True] for said in one[:made]}) > 10
    assert one[made:] != other[made:]


def _later(event: Any, than: Any) -> Any:
    import msgspec

    moved = (getattr(than, "event_ms", None) or than.received_ms) - START_MS
    if isinstance(event, Trade):
        return msgspec.structs.replace(
            event, event_ms=event.event_ms + moved, trade_ms=event.trade_ms + moved
        )
    return msgspec.structs.replace(event, received_ms=event.received_ms + moved)


def test_the_next_tick_waits_for_another_price() -> None:
    model = keyed(next_tick())
    feed(
        model,
        [
            trade(0, "100"),
            trade(1_000, "100"),
            trade(1_500, "100"),
            trade(9_000, "101"),
            trade(9_500, "100"),
            trade(9_600, "99"),
        ],
    )
    assert learned(model) == [
        (1_000, 9_000, True),
        (1_500, 9_000, True),
        (9_000, 9_500, False),
        (9_500, 9_600, False),
    ]


def test_where_the_market_was_not_heard_the_label_is_dropped() -> None:
    """A minute and a half of silence: what stood then nobody knows."""
    model = keyed(forward_return("80s", gap="60s"))
    feed(model, [trade(0, "100"), trade(1_000, "100"), trade(90_000, "105"), trade(180_000, "107")])

    assert (model.counts["learned"], model.counts["dropped"]) == (0, 2)
    close = keyed(next_tick(gap="60s"))
    feed(close, [trade(0, "100"), trade(1_000, "100"), trade(90_000, "105")])
    assert (close.counts["learned"], close.counts["dropped"]) == (0, 1)


def test_a_label_of_the_mid_is_moved_by_quotes_and_sampled_at_them() -> None:
    features = Features(imbalance())
    model = keyed(forward_return("1s", of="mid", threshold_bps=0), features)
    said = feed(
        model,
        [quote(0, "99", "101"), trade(500, "150"), quote(1_000, "100", "102"), quote(2_500, "90", "92")],
    )

    assert [each.event_ms - START_MS for each in said] == [0, 1_000, 2_500]
    assert learned(model) == [(0, 1_000, True), (1_000, 2_500, False)]


def test_labels_that_mean_the_same_have_one_spec() -> None:
    """However the horizon is written: a model that was saved with "60s" goes on with "1m"."""
    written = ("60s", "1m", timedelta(minutes=1))
    assert len({str(forward_return(each, gap=each).spec()) for each in written}) == 1
    assert forward_return("60s").spec() != forward_return("61s").spec()


def test_classes_and_what_they_say_to_hold() -> None:
    two, three = forward_return("1s", threshold_bps=5), forward_return("1s", threshold_bps=5, classes=3)
    own = custom(
        "big", lambda bps: "big" if abs(bps) > 9 else "small", horizon="1s", classes=("big", "small")
    )

    assert [two.judge(bps) for bps in (-9, 5, 5.1)] == [False, False, True]
    assert [three.judge(bps) for bps in (-5.1, -5, 0, 5, 5.1)] == [-1, 0, 0, 0, 1]
    assert [own.judge(bps) for bps in (-10, 0)] == ["big", "small"]
    assert ([two.stance(each) for each in (False, True)], own.stance("big")) == ([0, 1], 0)
    assert [next_tick().stance(each) for each in (False, True)] == [-1, 1]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: forward_return("soon"), "horizon"),
        (lambda: forward_return("1s", threshold_bps=-1), "threshold_bps"),
        (lambda: forward_return("1s", threshold_bps=True), "threshold_bps"),
        (lambda: forward_return("1s", threshold_bps=1, classes=4), "classes"),
        (lambda: forward_return("1s", of="price"), "of"),
        (lambda: next_tick(gap="0s"), "gap"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(wrong: Any, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        wrong()
    assert refused.value.field == field
