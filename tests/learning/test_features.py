"""Features: their numbers against plain sums and pandas, their warm-up, and their memory."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pandas as pd
import pytest
from markets import START_MS, quote, random_market, trade

from quantlab.domain.market import Trade
from quantlab.errors import InvalidField
from quantlab.learning.feature import Feature, Features
from quantlab.learning.features import (
    custom,
    imbalance,
    log_return,
    smoothed,
    spread,
    time_of_day,
    trade_flow,
    trade_rate,
    volatility,
)
from quantlab.learning.moment import Moment, event_ms

ALL = Features(
    log_return("2s"), log_return("3s", of="mid"), volatility("5s"), imbalance(), spread(), trade_flow("2s"),
    trade_rate("2s"), smoothed(imbalance(), "1s"), smoothed(log_return("2s"), "2s"), time_of_day(),
)  # fmt: skip


def fold(features: Features, moment: Moment, event: Any) -> None:
    moment.pass_to(event_ms(event))
    kind = moment.fold(event)
    if kind is not None:
        features.update(kind, moment)


def values(feature: Feature, events: list[Any]) -> list[float | None]:
    """The feature's value after each event."""
    features, moment, found = Features(feature), Moment(), []
    for event in events:
        fold(features, moment, event)
        found.append(feature.value(moment))
    return found


def test_windowed_features_equal_plain_sums_over_the_whole_past() -> None:
    """Each number is added up anew from all trades so far; windows are after now - length, up to now."""
    events = [each for each in random_market(1, 400) if isinstance(each, Trade)]
    window = 5_000
    flow, rate, wild, back = (
        values(each, events)
        for each in (trade_flow("5s"), trade_rate("5s"), volatility("5s"), log_return("5s"))
    )
    warm = 0
    for place, event in enumerate(events):
        now, past = event.event_ms, events[: place + 1]
        start = now - window
        if now - events[0].event_ms < window:
            assert (flow[place], rate[place], wild[place]) == (None, None, None)
            continue
        warm += 1
        inside = [each for each in past if each.event_ms > start]
        bought = sum(float(each.quantity) * (-1 if each.buyer_is_maker else 1) for each in inside)
        assert flow[place] == pytest.approx(bought / sum(float(each.quantity) for each in inside))
        assert rate[place] == pytest.approx(len(inside) / 5)
        steps = [
            math.log(float(after.price) / float(before.price)) ** 2
            for before, after in itertools.pairwise(past)
            if after.event_ms > start
        ]
        assert wild[place] == pytest.approx(1e4 * math.sqrt(sum(steps)), abs=1e-4)
        before = [each for each in past if each.event_ms <= start][-1]
        assert back[place] == pytest.approx(1e4 * math.log(float(event.price) / float(before.price)))
    assert warm > 100


def test_smoothed_is_the_exponentially_weighted_mean_that_pandas_computes() -> None:
    events = [each for each in random_market(2, 300, step_ms=300) if not isinstance(each, Trade)]
    found = values(smoothed(imbalance(), "2s"), events)
    plain = pd.Series(values(imbalance(), events), dtype=float)
    times = pd.to_datetime([each.received_ms for each in events], unit="ms")
    expected = plain.ewm(halflife="2s", times=times).mean()

    warm = [place for place, value in enumerate(found) if value is not None]
    assert len(warm) > 30
    assert warm[0] > 0
    assert [found[place] for place in warm] == pytest.approx([expected[place] for place in warm])


def test_quotes_give_imbalance_and_spread_in_their_units() -> None:
    event = quote(0, "99.99", "100.01", bid_quantity="3", ask_quantity="1")

    assert values(imbalance(), [event]) == [0.5]
    assert values(spread(), [event]) == [pytest.approx(2.0)]
    assert values(imbalance(), [trade(0, "100")]) == [None]


def test_a_side_that_is_empty_is_no_quote() -> None:
    assert values(spread(), [quote(0, "0", "100")]) == [None]


def test_the_time_of_day_is_a_circle() -> None:
    """Midnight is where sine is 0 and cosine 1; six hours later it is the other way round."""
    moment, hands = Moment(), time_of_day()
    moment.pass_to(START_MS)
    assert hands.values(moment) == {"day_sin": pytest.approx(0), "day_cos": pytest.approx(1)}
    moment.pass_to(START_MS + 6 * 3_600_000)
    assert hands.values(moment) == {"day_sin": pytest.approx(1), "day_cos": pytest.approx(0)}


def test_nothing_is_said_before_all_are_warm_and_the_reason_is_told() -> None:
    features, moment = Features(log_return("2s"), imbalance()), Moment()
    fold(features, moment, trade(0, "100"))
    fold(features, moment, trade(1_999, "101"))

    assert features.inputs(moment) is None
    assert features.values(moment) == {"return_2s": None, "imbalance": None}
    assert features.cold(moment) == [
        "return_2s: a trade price at least 2s old",
        "imbalance: the first quote",
    ]
    fold(features, moment, quote(2_000, "100", "101"))
    assert features.inputs(moment) == {"return_2s": pytest.approx(1e4 * math.log(1.01)), "imbalance": 0.0}


def test_what_was_saved_as_json_goes_on_as_if_nothing_had_happened() -> None:
    """At any event: state through JSON into fresh features, and every later value is equal bit for bit."""
    events = random_market(3, 300)
    features, moment = ALL.fresh(), Moment()
    restored, its_moment = ALL.fresh(), Moment()
    compared = 0
    for number, event in enumerate(events):
        fold(features, moment, event)
        if number % 37 == 0:
            restored, its_moment = ALL.fresh(), Moment()
            restored.restore(json.loads(json.dumps(features.state())))
            its_moment.restore(json.loads(json.dumps(moment.state())))
        else:
            fold(restored, its_moment, event)
        assert restored.values(its_moment) == features.values(moment)
        compared += features.inputs(moment) is not None
    assert compared > 50


def test_each_key_has_features_of_its_own() -> None:
    first, second, moment = ALL.fresh(), ALL.fresh(), Moment()
    for event in random_market(4, 50):
        fold(first, moment, event)
    assert first.state() != second.state()
    assert second.state() == ALL.fresh().state()


def test_an_event_older_than_the_newest_is_news_of_now() -> None:
    moment = Moment()
    assert moment.pass_to(START_MS) == START_MS
    assert moment.pass_to(START_MS - 5) == START_MS
    assert moment.backward == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: log_return("10"), "window"),
        (lambda: log_return("-1s"), "window"),
        (lambda: log_return(10), "window"),
        (lambda: log_return("1s", of="last"), "of"),
        (Features, "features"),
        (lambda: Features(imbalance(), imbalance()), "features"),
        (lambda: Features("imbalance"), "features"),
        (lambda: smoothed(time_of_day().all[0], "1s"), "feature"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(wrong: Any, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        wrong()
    assert refused.value.field == field


def test_a_feature_of_ones_own_reads_the_moment() -> None:
    distance = custom(
        "to_ask", lambda m: m.ask - m.trade if m.ask and m.trade else None, unit="USDT", of="trade"
    )
    assert values(distance, [trade(0, "100"), quote(1, "100", "102")]) == [None, 2.0]


def test_every_feature_says_its_unit_and_when_it_is_warm() -> None:
    for each in ALL:
        assert each.unit
        assert each.warm_up
        assert each.name in repr(ALL)
