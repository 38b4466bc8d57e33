"""The public's past of one symbol: trades and aggregate trades, found by id and by time, bounded."""

from __future__ import annotations

import itertools
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.paper.events import TradePrint
from quantlab.paper.server import prints as kept
from quantlab.paper.server.prints import Aggregate, Prints

START_MS = 1_767_225_600_000
# (milliseconds later, another taker, price): few of each, so that neighbours often belong together
FLOWS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 5]), st.sampled_from([0, 0, 1]), st.integers(1, 2)),
    min_size=1,
    max_size=40,
)


def flow(steps: list[tuple[int, int, int]]) -> list[TradePrint]:
    trades, now, taker = [], START_MS, 1
    for number, (later, other, price) in enumerate(steps, start=10):
        now, taker = now + later, taker + other
        trades.append(TradePrint("X", number, Decimal(price), Decimal(number), taker % 2 == 0, now, taker))
    return trades


def brief(one: Aggregate) -> tuple[object, ...]:
    return one.number, one.first_id, one.last_id, one.quantity, one.trade.price, one.trade.time_ms


@settings(max_examples=300)
@given(steps=FLOWS)
def test_aggregates_are_runs_of_one_taker_price_and_time(steps: list[tuple[int, int, int]]) -> None:
    """As itertools groups them; each is given out once, complete, and numbered from 1."""
    past, trades, given_out = Prints(), flow(steps), []
    for each in trades:
        done = past.add(each)
        given_out += [] if done is None else [brief(done)]
    last = past.close()
    assert last is not None
    given_out.append(brief(last))

    runs = [
        list(run)
        for _, run in itertools.groupby(trades, lambda one: (one.taker_order_id, one.price, one.time_ms))
    ]
    expected = [
        (
            number,
            run[0].trade_id,
            run[-1].trade_id,
            sum(each.quantity for each in run),
            run[0].price,
            run[0].time_ms,
        )
        for number, run in enumerate(runs, start=1)
    ]
    assert given_out == expected
    assert [brief(one) for one in past.aggregates.items] == expected
    assert past.close() is None


def test_trades_of_a_tape_are_never_joined() -> None:
    """A tape names no taker, so nothing says that two of its trades are one order's."""
    past = Prints()
    for number in (1, 2):
        past.add(TradePrint("X", number, Decimal(5), Decimal(1), True, START_MS))
    assert [one.quantity for one in past.aggregates.items] == [1, 1]


def test_a_pause_ends_an_aggregate() -> None:
    """What was given out stays as it was, even if the same taker, price and time come again."""
    past = Prints()
    trade = TradePrint("X", 1, Decimal(5), Decimal(1), True, START_MS, 7)
    past.add(trade)
    past.close()
    past.add(trade)
    assert [one.number for one in past.aggregates.items] == [1, 2]


@given(
    steps=FLOWS,
    number=st.integers(0, 60),
    start=st.none() | st.integers(START_MS - 5, START_MS + 60),
    end=st.none() | st.integers(START_MS - 5, START_MS + 60),
    limit=st.integers(1, 10),
)
def test_what_is_asked_for_is_found(
    steps: list[tuple[int, int, int]], number: int, start: int | None, end: int | None, limit: int
) -> None:
    """By id from there on; by time the oldest from a start, else the newest, both ends inclusive."""
    past, trades = Prints(), flow(steps)
    for each in trades:
        past.add(each)
    inside = [
        each
        for each in trades
        if (start is None or each.time_ms >= start) and (end is None or each.time_ms <= end)
    ]

    assert past.trades.since(number, limit) == [each for each in trades if each.trade_id >= number][:limit]
    assert past.trades.between(start, end, limit) == (inside[-limit:] if start is None else inside[:limit])


def test_no_more_is_kept_than_twice_the_bound() -> None:
    """A hundred thousand trades leave the newest ten thousand at least, and twenty thousand at most."""
    past = Prints()
    for number in range(10 * kept.KEEP):
        past.add(TradePrint("X", number, Decimal(5), Decimal(1), True, START_MS + number))
        assert len(past.trades.items) <= 2 * kept.KEEP
    assert kept.KEEP <= len(past.trades.items) == len(past.aggregates.items)
    assert past.trades.items[-1].trade_id == 10 * kept.KEEP - 1
    assert past.aggregates.items[-1].number == 10 * kept.KEEP
