"""Rails that are minima: `used` is what there is, `limit` the least, `headroom` what there is beyond it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from railkit import FRESH, LIMITS, limits, order, ruled, seen

from quantlab.domain.orders import OrderRequest
from quantlab.domain.verdict import Verdict
from quantlab.trading.decision import UNTOLD
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails import Rails, decide
from quantlab.trading.rails.alerts import Alerts
from quantlab.trading.rails.tables import share_of
from quantlab.trading.together import merged

D = Decimal
UNBOUND = ruled(bid_multiplier_up=D(0))  # of the bounds around the average price only the lower one
ONE = order()
MINIMA: dict[str, list[tuple[OrderRequest, Exposure, str, str, str]]] = {
    "min_quantity": [(order("0.003"), FRESH, "0.003", "0.001", "BTC"),
                     (order("0.001", None), FRESH, "0.001", "0.002", "BTC")],
    "min_notional": [(order("0.001"), FRESH, "60", "5", "USDT"),
                     (order("0.001", "4000"), FRESH, "4", "5", "USDT")],
    "percent_price": [(ONE, UNBOUND, "60000", "12000", "USDT"),
                      (order("1", "11999"), FRESH, "11999", "12000", "USDT")],
    "venue_budget": [(ONE, seen(budget_left=10), "9", "2", "orders"),
                     (ONE, seen(budget_left=2), "1", "2", "orders")],
    "equity_floor": [(ONE, FRESH, "100000", "10000", "USDT"),
                     (ONE, seen(equity=D(9_000)), "9000", "10000", "USDT")],
}  # fmt: skip
"""Of each an order that passes and one that does not: what there is, the least, and the unit."""


@pytest.mark.parametrize("rail", MINIMA)
@pytest.mark.parametrize("passes", [True, False])
def test_a_minimum_shows_what_there_is_the_least_and_what_is_left_of_it(rail: str, passes: bool) -> None:
    request, exposure, used, limit, unit = MINIMA[rail][not passes]
    verdict = decide(request, exposure, LIMITS).verdict(rail)

    assert (verdict.allowed, verdict.at_least, verdict.unit) == (passes, True, unit)
    assert (verdict.used, verdict.limit) == (D(used), D(limit))
    assert verdict.headroom == D(used) - D(limit)
    assert verdict.reason == ("not below the minimum" if passes else "below the minimum")
    assert verdict.describe() == f"{rail}: {verdict.reason} ({used}, at least {limit} {unit})"


def test_no_other_rail_is_a_minimum() -> None:
    """Each amount that is denied is beyond its limit, on the side that it says."""
    told = [decide(*each[:2], LIMITS).verdicts for rail in MINIMA.values() for each in rail]
    found = {each.rail for verdicts in told for each in verdicts if each.at_least}

    assert found == set(MINIMA)
    assert all(
        each.allowed is (each.headroom >= 0)
        for verdicts in told for each in verdicts if each.headroom is not None
    )  # fmt: skip


def floor(equity: str) -> tuple[OrderRequest, Exposure]:
    there = D(equity)
    return ONE, seen(equity=there, peak_equity=there, day_start_equity=there)


@pytest.mark.parametrize("one_by_one", [True, False])
def test_the_words_before_a_floor_come_as_the_equity_nears_it(one_by_one: bool) -> None:
    """50, 80 and 95 %: the floor is that much of what there is; once each, again after a recovery."""
    alerts, said = Alerts(), []
    for equity in ("20001", "20000", "15000", "12501", "12500", "10527", "10526", "10000", "30000", "19000"):
        decision = decide(*floor(equity), LIMITS)
        assert decision.allowed
        assert decision.told != UNTOLD
        if one_by_one:
            assert len(decision.verdicts) > 40
        said += [
            (each.percent, each.used, each.limit)
            for each in alerts.of("BTCUSDT", decision, 5)
            if each.limit_name == "min_equity"
        ]

    least = D(10_000)
    assert said == [
        (50, D(20_000), least), (80, D(12_500), least), (95, D(10_526), least), (50, D(19_000), least),
    ]  # fmt: skip


def test_the_frames_show_a_minimum_as_one() -> None:
    """The share grows towards 1.0 as what there is falls to the least; the limits' table says it too."""
    rails = Rails(LIMITS)
    rails.decide(*floor("12500"), now_ns=0, state_sequence=0)
    usage = rails.decisions.usage().set_index("limit_name")
    row, now = usage.loc["min_equity"], rails.frame().loc["min_equity"]

    assert (row["used"], row["limit"], row["share"], row["at_least"]) == (12_500, 10_000, 0.8, True)
    assert (now["value"], now["used"], now["headroom"]) == (10_000, 12_500, 2_500)
    assert not usage.loc["max_position", "at_least"]
    assert rails.frame().loc["min_budget_left", ["value", "used", "headroom"]].tolist() == [2, 99, 97]


@pytest.mark.parametrize(
    ("used", "limit", "share"), [("8", "2", 0.25), ("1", "2", 2.0), ("0", "2", float("inf")),
                                 ("-1", "2", float("inf")), ("0", "0", 0.0), ("5", "0", 0.0)]
)  # fmt: skip
def test_the_share_of_a_minimum(used: str, limit: str, share: float) -> None:
    """More than all of it is used below it; nothing where there is no minimum."""
    verdict = Verdict(
        rail="r", allowed=D(used) >= D(limit), reason="", used=D(used), limit=D(limit), at_least=True
    )
    assert share_of(verdict) == share


def test_of_several_orders_the_one_nearest_to_the_minimum_is_shown() -> None:
    small, large = (decide(order(each), FRESH, LIMITS) for each in ("0.002", "1"))
    assert merged("both", [large, small]).verdict("min_quantity").used == D("0.002")


def test_an_override_of_a_floor_says_so_beside_the_amounts() -> None:
    from quantlab.domain.limits import Override

    leave = Override(rail="equity_floor", symbol="*", until_ms=9_000_000, reason="we know")
    request, exposure, *_ = MINIMA["equity_floor"][1]
    verdict = decide(request, exposure, limits(overrides=(leave,))).verdict("equity_floor")

    assert (verdict.allowed, verdict.reason) == (True, "below the minimum; overridden: we know")
    assert (verdict.used, verdict.limit, verdict.unit) == (D(9_000), D(10_000), "USDT")


def test_the_picture_of_a_minimum_draws_the_least_as_a_floor() -> None:
    """What is above it is as it is, however far; what fell below is denied for it."""
    rails = Rails(LIMITS)
    for number, equity in enumerate(("100000", "12000", "9000")):
        request, exposure = floor(equity)
        rails.decide(request, seen_at(exposure, number), now_ns=0, state_sequence=0)
    axes = rails.decisions.plot("min_equity").axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}

    assert lines["used by an order that passed"] == [100_000, 12_000]
    assert lines["asked, and denied for it"] == [9_000]
    assert axes.get_ylim()[1] > 100_000
    assert not axes.texts


def seen_at(exposure: Exposure, number: int) -> Exposure:
    import msgspec

    return msgspec.structs.replace(exposure, now_ms=number * 60_000)
