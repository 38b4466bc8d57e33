"""Candles against their plainest definition: every trade, filtered by its time."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.paper.events import TradePrint
from quantlab.paper.market import candles as kept
from quantlab.paper.market.candles import Candle, Candles
from quantlab.paper.market.intervals import DAY, HOUR, INTERVALS, MINUTE, WINDOWS, closing, offset_of, opening

START_MS = 1_767_225_600_000  # 2026-01-01, a Thursday
FLOWS = st.lists(
    st.tuples(st.sampled_from([0, 1, 700, 59_999, 60_000, 600_000, 5 * HOUR]), st.integers(1, 100)),
    min_size=1,
    max_size=40,
)


def flow(gaps: list[tuple[int, int]]) -> list[TradePrint]:
    """One trade after each gap, at each price; every other buyer is the maker."""
    times = itertools.accumulate((gap for gap, _ in gaps), initial=START_MS + 123)
    return [
        TradePrint("X", number, Decimal(price), Decimal(number + 1), number % 2 == 0, time_ms)
        for number, (time_ms, (_, price)) in enumerate(
            zip(itertools.islice(times, 1, None), gaps, strict=True)
        )
    ]


def of(trades: list[TradePrint], history: list[Candle] | None = None) -> Candles:
    found = Candles(lambda: history or ())
    for each in trades:
        found.add(each)
    return found


@settings(max_examples=150)
@given(
    gaps=FLOWS,
    window=st.sampled_from(["1m", "2m", "59m", "1h", "7h", "23h", "1d", "7d"]),
    late=st.integers(0, DAY),
)
def test_a_window_is_the_trades_since_the_minute_it_began(
    gaps: list[tuple[int, int]], window: str, late: int
) -> None:
    """Open, high, low, close, sums, ids and the price before: as from the trades themselves."""
    trades = flow(gaps)
    now = trades[-1].time_ms + late
    begin = (now - WINDOWS[window]) // MINUTE * MINUTE
    inside = [each for each in trades if each.time_ms >= begin]
    before = [each for each in trades if each.time_ms < begin]
    found = of(trades).since(now - WINDOWS[window], now)
    assert found is not None
    total, previous = found

    assert total.trades == len(inside)
    assert total.volume == sum(each.quantity for each in inside)
    assert total.quote_volume == sum(each.quantity * each.price for each in inside)
    assert total.close == trades[-1].price
    assert previous == (before[-1].price if before else trades[0].price)
    if inside:
        prices = [each.price for each in inside]
        assert (total.open, total.high, total.low) == (prices[0], max(prices), min(prices))
        assert (total.first_id, total.last_id) == (inside[0].trade_id, inside[-1].trade_id)
    else:
        assert (total.open, total.high, total.low) == (trades[-1].price,) * 3
        assert (total.first_id, total.last_id) == (-1, -1)


@settings(max_examples=150)
@given(
    gaps=FLOWS,
    interval=st.sampled_from(["1m", "15m", "1h", "4h", "1d", "3d", "1w", "1M"]),
    timezone=st.sampled_from(["0", "8", "-12:00", "14:00", "05:45", "-3:30"]),
)
def test_candles_of_a_timezone_open_at_its_own_midnights(
    gaps: list[tuple[int, int]], interval: str, timezone: str
) -> None:
    """Each candle holds exactly the trades between its opening and its close, and they leave no gap."""
    offset = offset_of(timezone)
    assert offset is not None
    trades = flow(gaps)
    rows = of(trades).rows(interval, trades[-1].time_ms, limit=100_000, offset_ms=offset)
    ends = [closing(interval, row.open_ms, offset) for row in rows]

    assert rows[0].open_ms <= trades[0].time_ms
    for row, end in zip(rows, ends, strict=True):
        assert opening(interval, row.open_ms, offset) == row.open_ms
        assert row.volume == sum(each.quantity for each in trades if row.open_ms <= each.time_ms <= end)
    assert [row.open_ms for row in rows[1:]] == [end + 1 for end in ends[:-1]]


@settings(max_examples=100)
@given(gaps=FLOWS, interval=st.sampled_from(["1s", "1m", "1h", "1d"]), data=st.data())
def test_start_and_end_choose_among_all_candles(
    gaps: list[tuple[int, int]], interval: str, data: st.DataObject
) -> None:
    """From a start the oldest, without one the newest, and never one that opened after the end."""
    trades = flow(gaps)
    candles, now = of(trades), trades[-1].time_ms
    moments = st.none() | st.integers(START_MS - DAY, now + DAY)
    start, end, limit = data.draw(moments), data.draw(moments), data.draw(st.integers(1, 30))
    every = [row.open_ms for row in candles.rows(interval, now, limit=10**6, start_ms=0)]
    chosen = [
        open_ms
        for open_ms in every
        if (start is None or open_ms >= start) and (end is None or open_ms <= end)
    ]
    found = candles.rows(interval, now, limit=limit, start_ms=start, end_ms=end)

    assert [row.open_ms for row in found] == (chosen[-limit:] if start is None else chosen[:limit])


def test_nothing_is_known_before_the_first_trade() -> None:
    """No window, no candle."""
    candles = Candles()
    assert candles.since(START_MS, START_MS) is None
    assert candles.rows("1m", START_MS, limit=10) == []


def piece(open_ms: int, price: int) -> Candle:
    candle = Candle(open_ms, Decimal(price))
    candle.volume, candle.quote_volume, candle.trades = Decimal(2), Decimal(2 * price), 1
    return candle


def test_a_past_of_long_pieces_feeds_windows_and_long_candles_only() -> None:
    """Pieces of an hour count in tickers and hours; no minute is made up out of them."""
    hours = [piece(START_MS - (30 - number) * HOUR, 100 + number) for number in range(29)]
    minutes = [piece(START_MS - HOUR + number * MINUTE, 200 + number) for number in range(60)]
    candles = of([TradePrint("X", 7, Decimal(300), Decimal(1), True, START_MS + 5)], hours + minutes)
    found = candles.since(START_MS - DAY, START_MS + 10)
    assert found is not None
    total, previous = found

    assert (total.trades, total.volume) == (23 + 60 + 1, 2 * (23 + 60) + 1)
    assert (total.first_id, total.last_id, previous) == (7, 7, Decimal(105))
    rows = candles.rows("1m", START_MS + 10, limit=1_000)
    assert [row.open_ms for row in rows] == [START_MS - HOUR + number * MINUTE for number in range(61)]
    assert len(candles.rows("1h", START_MS + 10, limit=1_000)) == 31
    assert candles.rows("1h", START_MS + 10, limit=2)[0].volume == 120


def told(candle: Candle | None) -> object:
    return candle and [getattr(candle, name) for name in Candle.__slots__]


@settings(max_examples=20, deadline=None)
@given(
    gaps=st.lists(
        st.tuples(st.sampled_from([0, 700, 60_000, 5 * HOUR, 3 * DAY]), st.integers(1, 100)), max_size=5
    ),
    interval=st.sampled_from(["1s", "1m", "5m", "1h", "1d", "1w"]),
    window=st.sampled_from(["1m", "1h", "1d", "7d"]),
)
def test_a_past_that_is_read_late_is_the_one_that_is_read_at_once(
    gaps: list[tuple[int, int]], interval: str, window: str
) -> None:
    """It is made when somebody asks; whatever was traded before that, the answers are the same."""
    hours = [piece(START_MS - (30 - number) * HOUR, 100 + number) for number in range(29)]
    minutes = [piece(START_MS - HOUR + number * MINUTE, 200 + number) for number in range(60)]
    asked: list[str] = []

    def past(who: str) -> list[Candle]:
        asked.append(who)
        return hours + minutes

    early, late = Candles(lambda: past("early")), Candles(lambda: past("late"))
    early.since(START_MS, START_MS)
    trades, now = flow(gaps), START_MS
    for each in trades:
        early.add(each)
        late.add(each)
        now = each.time_ms
    short = now - START_MS < DAY
    assert not short or asked == ["early"]

    def answers(candles: Candles) -> object:
        rows = candles.rows(interval, now, limit=50_000, start_ms=0)
        found = candles.since(now - WINDOWS[window], now)
        return [told(row) for row in rows], found and (told(found[0]), found[1])

    assert answers(late) == answers(early)
    assert asked == ["early", "late"]


def test_what_is_kept_is_bounded_and_days_outlive_their_minutes() -> None:
    """After weeks of trading, minutes and seconds are as many as they may be; older days are still right."""
    candles = Candles()
    days = 20
    for number in range(days * 48):
        candles.add(TradePrint("X", number, Decimal(5), Decimal(1), True, START_MS + number * 30 * MINUTE))
    now = START_MS + days * DAY - 1
    rows = candles.rows("1d", now, limit=1_000)

    assert [(row.open_ms, row.trades) for row in rows] == [(START_MS + day * DAY, 48) for day in range(days)]
    assert kept.KEEP_MINUTES <= len(candles._minutes.pieces) <= kept.KEEP_MINUTES + kept.SLACK
    assert len(candles._seconds.pieces) <= kept.KEEP_SECONDS + kept.SLACK
    week = candles.since(now - 7 * DAY, now)
    assert week is not None
    assert week[0].trades == 7 * 48


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("0", 0), ("8", 480), ("-1:00", -60), ("05:45", 345), ("+14:00", 840), ("-12:00", -720), ("12", 720)],
)
def test_a_timezone_is_hours_and_minutes(text: str, minutes: int) -> None:
    """As the document writes them."""
    assert offset_of(text) == minutes * MINUTE


@pytest.mark.parametrize(
    "text", ["14:01", "-12:01", "15", "-13", "1:60", "UTC", "", "1:5", " 8", "8.5", "٣", "1:00:00"]
)
def test_what_is_no_timezone_is_none(text: str) -> None:
    """Strictly from -12:00 to +14:00, and nothing that only looks like one."""
    assert offset_of(text) is None


def test_the_intervals_and_windows_are_the_documented_ones() -> None:
    """Sixteen intervals; windows of 1m to 59m, 1h to 23h, 1d to 7d."""
    assert " ".join(INTERVALS) == "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"
    assert len(WINDOWS) == 59 + 23 + 7
    assert (WINDOWS["59m"], WINDOWS["23h"], WINDOWS["7d"]) == (59 * MINUTE, 23 * HOUR, 7 * DAY)
