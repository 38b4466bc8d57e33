"""What market data means beyond its fields: intervals, timezones, window sizes, days."""

from __future__ import annotations

from typing import Any

import pytest
from doors import Door
from kinds import invalid
from table_orders import BTC
from table_streams import INTERVALS
from tables import EVERY

ROWS = {row.ws: row for row in EVERY}
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
LENGTHS = {
    "1s": 1_000, "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS, **{f"{hours}h": hours * HOUR_MS for hours in (1, 2, 4, 6, 8, 12)},
    "1d": DAY_MS, "3d": 3 * DAY_MS, "1w": 7 * DAY_MS,
}  # fmt: skip
ZONES = {"0": 0, "8": 8, "-12:00": -12, "+14:00": 14, "14": 14, "05:45": 5.75, "-1:00": -1}


@pytest.fixture
async def traded(alice: Any, bob: Any) -> int:
    """One trade, an hour and a half ago; the time now."""
    await bob.limit("SELL", "0.5", "60000")
    await alice.limit("BUY", "0.5", "60000")
    return int(await alice.venue.advance(90 * MINUTE_MS))


async def answer(door: Door, ws: str, **params: Any) -> Any:
    reply = await door.call(ROWS[ws], BTC | params)
    assert reply.status == 200, reply.body
    return reply.body


@pytest.mark.parametrize("ws", ["klines", "uiKlines"])
async def test_every_interval_opens_where_it_should(door: Door, traded: int, ws: str) -> None:
    """On a multiple of its length, weeks on Monday, months on the first; it ends where the next begins."""
    assert {*LENGTHS, "1M"} == set(INTERVALS)
    for interval in INTERVALS:
        rows = await answer(door, ws, interval=interval, limit=2)
        opened, closed = rows[-1][0], rows[-1][6]
        assert opened <= traded <= closed, interval
        if interval == "1M":
            assert closed - opened + 1 in {days * DAY_MS for days in (28, 29, 30, 31)}
            continue
        monday = 4 * DAY_MS if interval == "1w" else 0  # the epoch was a Thursday
        assert (opened - monday) % LENGTHS[interval] == 0, interval
        assert closed - opened + 1 == LENGTHS[interval], interval


@pytest.mark.parametrize("zone", ZONES)
async def test_a_day_begins_at_midnight_of_its_timezone(door: Door, traded: int, zone: str) -> None:
    """For candles and for the trading day's ticker, whose end is the day's last millisecond."""
    shift = int(ZONES[zone] * HOUR_MS)
    candle = (await answer(door, "klines", interval="1d", timeZone=zone))[-1]
    ticker = await answer(door, "ticker.tradingDay", timeZone=zone)

    midnight = traded - (traded + shift) % DAY_MS
    assert candle[0] == midnight
    assert (ticker["openTime"], ticker["closeTime"]) == (midnight, midnight + DAY_MS - 1)


@pytest.mark.parametrize("zone", ["-12:01", "14:01", "15", "-13", "1:60", "UTC"])
@pytest.mark.parametrize("ws", ["klines", "uiKlines", "ticker.tradingDay"])
async def test_a_timezone_out_of_range_is_refused(door: Door, ws: str, zone: str) -> None:
    """Strictly from -12:00 to +14:00."""
    params = BTC | ({} if ws == "ticker.tradingDay" else {"interval": "1m"}) | {"timeZone": zone}
    assert (await door.call(ROWS[ws], params)).error == (400, *invalid("timeZone"))


@pytest.mark.parametrize(
    ("size", "length_ms"),
    [("1m", MINUTE_MS), ("59m", 59 * MINUTE_MS), ("1h", HOUR_MS), ("23h", 23 * HOUR_MS), ("1d", DAY_MS),
     ("7d", 7 * DAY_MS), (None, DAY_MS)],
)  # fmt: skip
async def test_a_rolling_window_opens_on_a_minute(
    door: Door, alice: Any, traded: int, size: str | None, length_ms: int
) -> None:
    """Up to 59,999 ms wider than asked; it closes now. A trade before it does not count."""
    now_ms = await alice.venue.advance(12_345)
    found = await answer(door, "ticker", **({} if size is None else {"windowSize": size}))

    assert found["closeTime"] == now_ms
    assert found["openTime"] % MINUTE_MS == 0
    assert length_ms <= now_ms - found["openTime"] < length_ms + MINUTE_MS
    assert found["count"] == (1 if length_ms > 90 * MINUTE_MS else 0)


@pytest.mark.parametrize("size", ["0m", "60m", "24h", "8d", "1d2h", "1w", "1"])
async def test_a_window_size_that_is_none_is_refused(door: Door, size: str) -> None:
    """1m to 59m, 1h to 23h, 1d to 7d, and no two units together."""
    assert (await door.call(ROWS["ticker"], BTC | {"windowSize": size})).error == (
        400,
        *invalid("windowSize"),
    )


async def test_the_day_ticker_rolls_over_24_hours(door: Door, alice: Any, traded: int) -> None:
    """The trade counts until it is a day old."""
    ticker = await answer(door, "ticker.24hr")
    assert (ticker["closeTime"], ticker["openTime"]) == (traded, traded - DAY_MS)
    assert (ticker["count"], ticker["volume"], ticker["lastPrice"]) == (1, "0.50000000", "60000.00000000")
    await alice.venue.advance(DAY_MS - 90 * MINUTE_MS + MINUTE_MS)
    assert (await answer(door, "ticker.24hr"))["count"] == 0
