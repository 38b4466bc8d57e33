"""The past of a market from a venue: paged, paid for once, kept, proved, and the same as live."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from moved_clock import MovedClock

from quantlab.binance.client import BinanceClient
from quantlab.clock import ManualClock
from quantlab.domain.market import Kline, Trade
from quantlab.errors import InvalidField, RateLimited, VenueRejected
from quantlab.market import shelf
from quantlab.market.bars import TickBars, TimeBars, VolumeBars
from quantlab.market.download import PAGE
from quantlab.market.history import History, Progress
from quantlab.market.moments import moment_ms
from quantlab.market.shelf import FileShelf, Span
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

MINUTE, HOUR = 60_000, 3_600_000
LATER = 6 * MINUTE
lively = pytest.mark.parametrize("ground", [LATER], indirect=True)
UNENDING = Terms(window_scale=10_000.0)  # its windows of weight never end: all that is spent adds up


class Ground(NamedTuple):
    """A venue whose market has run for a while, and whoever asks it."""

    venue: PaperVenue
    client: BinanceClient
    clock: ManualClock

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    @property
    def weight(self) -> int:
        """What the venue has counted."""
        window = self.venue.session.limits.address("127.0.0.1").weight
        return window.at(self.venue.session.time_ms)

    def history(self, folder: Path | None = None) -> History:
        return History(self.client, clock=self.clock, folder=folder)


@pytest.fixture
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """Its market has run for 10 s, or as many milliseconds as a test says."""
    async with PaperVenue(clock="manual", terms=UNENDING, symbols=["BTCUSDT", "ETHUSDT"]) as venue:
        await venue.advance(request.param if hasattr(request, "param") else 10_000)
        clock = ManualClock(venue.session.time_ms)
        async with BinanceClient(venue.rest, clock=clock) as client:
            yield Ground(venue, client, clock)


@pytest.fixture(params=["parquet", "csv"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Pages as Parquet (where pyarrow is installed), and as on a machine without it."""
    if request.param == "csv":
        monkeypatch.setattr(shelf, "has_pyarrow", lambda: False)
    elif importlib.util.find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed")
    return str(request.param)


async def test_candles_of_many_pages_are_those_of_the_venue_and_are_paid_for_once(
    ground: Ground, tmp_path: Path, form: str
) -> None:
    """The warm-up's candles: nothing twice, nothing left out, exact; asked again only the last page is."""
    start, end = ground.now_ms - 15 * HOUR, ground.now_ms - 5 * MINUTE
    expected = []
    for each in range(start, end, 500 * MINUTE):
        rows = await ground.client.klines("BTCUSDT", "1m", 500, each, min(each + 500 * MINUTE, end) - 1)
        expected += [row for row in rows if row.open_ms >= start]
    before = ground.weight
    first = await ground.history(tmp_path).fetch("BTCUSDT", "1m", start, end)

    assert list(first) == expected
    assert len(first) == len(range(start + -start % MINUTE, end, MINUTE))
    assert (first.requests, first.cached) == (2, 0)
    assert ground.weight - before == 4
    [kept] = tmp_path.rglob(f"*.{form}")
    assert kept.parent == tmp_path / "BTCUSDT" / "1m"

    again = await ground.history(tmp_path).fetch("BTCUSDT", "1m", start, end)
    assert list(again) == expected
    assert (again.requests, again.cached) == (1, 1)
    assert ground.weight - before == 6
    assert all(type(row.volume) is Decimal for row in again)


@lively
async def test_trades_are_the_venues_own_and_their_parts_join(
    ground: Ground, tmp_path: Path, form: str
) -> None:
    """Every id once; two halves are the whole; what is kept whole is not asked for again."""
    start, end = ground.now_ms - LATER, ground.now_ms
    history = ground.history(tmp_path)
    whole = await history.fetch("BTCUSDT", "trades", start, end)
    ids = [each.trade_id for each in whole if isinstance(each, Trade)]

    assert len(ids) > PAGE, "the market was too quiet to show a second page"
    assert all(after == before + 1 for before, after in pairwise(ids))
    printed = ground.venue.session.publisher.prints["BTCUSDT"].trades.items
    wanted = [each for each in printed if start <= each.time_ms < end]
    assert [
        (each.price, each.quantity, each.buyer_is_maker) for each in whole if isinstance(each, Trade)
    ] == [(each.price, each.quantity, each.buyer_is_maker) for each in wanted]
    assert ids == [each.trade_id for each in wanted]
    assert whole.missing == 0

    middle = whole[len(whole) // 2]
    assert isinstance(middle, Trade)
    left = await history.fetch("BTCUSDT", "trades", start, middle.trade_ms)
    right = await history.fetch("BTCUSDT", "trades", middle.trade_ms, end)
    assert [*left, *right] == list(whole)

    before = ground.weight
    kept = await ground.history(tmp_path).fetch("BTCUSDT", "trades", middle.trade_ms - 1, middle.trade_ms + 1)
    assert middle in kept
    assert (kept.requests, ground.weight - before) == (0, 0)


@lively
async def test_a_download_that_was_killed_goes_on_where_it_stopped(
    ground: Ground, tmp_path: Path, form: str
) -> None:
    """Cancelled after two pages of trades; the next one asks for the rest alone, as the venue counts."""
    start = ground.now_ms - LATER
    whole = await ground.history().fetch("BTCUSDT", "trades", start)
    first = await ground.client.agg_trades("BTCUSDT", start_ms=start, limit=1)
    complete = sum(1 for each in range(first[0].first_id // PAGE, whole[-1].trade_id // PAGE) if each)
    assert complete >= 2, "the market was too quiet for two whole pages"

    def kill(progress: Progress) -> None:
        if progress.requests == 3:  # where to begin, and two pages
            task.cancel()

    task = asyncio.ensure_future(ground.history(tmp_path).fetch("BTCUSDT", "trades", start, progress=kill))
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = len(list(tmp_path.rglob(f"*.{form}")))
    assert kept >= 1

    before = ground.weight
    resumed = await ground.history(tmp_path).fetch("BTCUSDT", "trades", start)
    assert list(resumed) == list(whole)
    assert resumed.cached == kept
    assert ground.weight - before == 25 * (resumed.requests - 1) + 4
    assert resumed.requests + resumed.cached == whole.requests


async def test_a_damaged_page_is_refused_by_name_and_asked_for_again(
    ground: Ground, tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One bit anywhere, a cut tail, a page of another symbol: none of them is believed."""
    start, end = ground.now_ms - 15 * HOUR, ground.now_ms - HOUR
    history = ground.history(tmp_path)
    sound = await history.fetch("BTCUSDT", "1m", start, end)
    [path] = tmp_path.rglob(f"*.{form}")
    content = path.read_bytes()

    for damaged in (content[:-1], b"", _flipped(content, 0), _flipped(content, len(content) // 2)):
        path.write_bytes(damaged)
        again = await history.fetch("BTCUSDT", "1m", start, end)
        assert list(again) == list(sound)
        assert again.refused == (path.name,)
        assert again.cached == 0
        assert str(path) in caplog.text
        assert path.read_bytes() == content

    elsewhere = tmp_path / "ETHUSDT" / "1m" / path.name
    elsewhere.parent.mkdir(parents=True)
    path.rename(elsewhere)
    other = await history.fetch("ETHUSDT", "1m", start, end)
    assert other.refused == (path.name,)
    assert {each.symbol for each in other} == {"ETHUSDT"}
    assert other[0] != sound[0]


@lively
@pytest.mark.parametrize("seconds", [1, 60])
async def test_bars_from_the_past_are_the_venues_candles(ground: Ground, seconds: int) -> None:
    """Bars by time from the trades equal the candles that the venue made of the same trades."""
    begin = ground.now_ms - ground.now_ms % MINUTE - 4 * MINUTE
    end = begin + 3 * MINUTE
    history = ground.history()
    trades = await history.fetch("BTCUSDT", "trades", begin, end)
    candles = await history.fetch("BTCUSDT", f"{seconds}s" if seconds < 60 else "1m", begin, end)
    builder = TimeBars(seconds * 1_000)
    bars = [*trades.bars(builder), builder.remainder()]

    def shape(each: Any) -> Any:
        return (
            each.open_ms, each.close_ms, each.open, each.high, each.low, each.close, each.volume,
            each.quote_volume, each.trades,
        )  # fmt: skip

    traded = [shape(each) for each in candles if isinstance(each, Kline) and each.trades]
    assert len(traded) >= 3
    assert [shape(each) for each in bars] == traded


@lively
async def test_the_past_goes_on_live_without_a_seam(ground: Ground) -> None:
    """One builder, first the past and then trade by trade: the same bars as from all of them at once."""
    history = ground.history()
    start = ground.now_ms - 2 * MINUTE
    builder = VolumeBars(3)
    seam = await history.fetch("BTCUSDT", "trades", start)
    found = list(seam.bars(builder))
    await ground.venue.advance(MINUTE)
    ground.clock.advance(MINUTE)
    later = await history.fetch("BTCUSDT", "trades", start)
    live = [each for each in later[len(seam) - 3 :] if isinstance(each, Trade)]  # a stream brings some again
    found += [bar for each in live if (bar := builder.add(each)) is not None]

    assert len(later) > len(seam)
    assert builder.repeated == 3
    assert found == list(later.bars(VolumeBars(3)))
    assert builder.missing == 0


async def test_a_spent_limit_is_waited_for_and_said(tmp_path: Path) -> None:
    """Others have used up the minute's weight: it waits for the next minute, says so, and all is there."""
    heard: list[Progress] = []
    clock = MovedClock()
    async with (
        PaperVenue(symbols=["BTCUSDT"]) as venue,
        BinanceClient(venue.rest, clock=clock, timeout_s=2.0) as client,  # waits for less than is left
    ):
        await client.exchange_info()
        history = History(client, clock=clock, folder=tmp_path)
        clock.move(MINUTE, left_ms=3_500)
        now_ms = clock.now_ms()
        client.governor.budget.told("REQUEST_WEIGHT", "1M", 6_000, sent_ms=now_ms, now_ms=now_ms)
        found = await history.fetch("BTCUSDT", "1s", now_ms - 4_000_000, now_ms, progress=heard.append)

    assert found.requests == 5
    assert any(each.waiting_s > 0 for each in heard)
    assert heard[-1].fraction == 1.0
    assert all(before.fraction <= after.fraction for before, after in pairwise(heard))


async def test_what_the_venue_has_no_more_is_counted_not_made_up(ground: Ground) -> None:
    """Its oldest trades are gone: the past begins later, and says how many are missing."""
    ring = ground.venue.session.publisher.prints["BTCUSDT"].trades
    gone = len(ring.items) // 2
    del ring.items[:gone]
    found = await ground.history().fetch("BTCUSDT", "trades", ground.venue.session.opened_ms)

    assert [each.trade_id for each in found if isinstance(each, Trade)] == [
        each.trade_id for each in ring.items if each.time_ms < ground.now_ms
    ]
    assert found.missing == gone


async def test_a_refusal_reaches_the_caller_with_its_code(ground: Ground) -> None:
    with pytest.raises(VenueRejected) as refused:
        await ground.history().fetch("NOSUCH", "1m", timedelta(hours=1))
    assert refused.value.code == -1121


async def test_a_long_ban_is_not_waited_for(ground: Ground) -> None:
    """418 for hours: the caller hears it at once."""
    ground.client.governor.budget.close(ground.now_ms + 2 * HOUR, "banned")
    with pytest.raises(RateLimited):
        async with asyncio.timeout(20):
            await ground.history().fetch("BTCUSDT", "1m", timedelta(hours=1))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("BTC/USDT", "1m", 0), "symbol: 'BTC/USDT' is no symbol"),
        (("..", "1m", 0), "symbol: '..' is no symbol"),
        ((5, "1m", 0), "symbol: 5 is no symbol"),
        (("BTCUSDT", "7m", 0), "what: '7m' is no interval"),
        (("BTCUSDT", ["1m"], 0), "what: ['1m'] is no interval"),
        (("BTCUSDT", "1m", 1.5), "start: 1.5 is no moment"),
        (("BTCUSDT", "1m", "soon"), "start: 'soon' is no ISO time"),
        (("BTCUSDT", "1m", datetime(2026, 1, 1)), "start: 2026-01-01 00:00:00 has no zone"),  # noqa: DTZ001
        (("BTCUSDT", "1m", 1_767_225_600_000_000), "start: 1767225600000000 is not between 1970 and 2100"),
        (("BTCUSDT", "1m", 1_769_846_400_000, 1_769_846_399_999), "end: it is before start"),
        (
            ("BTCUSDT", "1m", 1_769_846_400),
            "start: 1769846400 is a moment of 1970 to 1973, or seconds",
        ),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_its_field(
    ground: Ground, arguments: tuple[Any, ...], says: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        await ground.history().fetch(*arguments)
    assert str(refused.value).startswith(says)


def test_a_moment_is_milliseconds_iso_text_a_zoned_time_or_so_long_ago() -> None:
    noon = 1_769_860_800_000
    east = timezone(timedelta(hours=2))
    for same in (
        noon, "2026-01-31T12:00", "2026-01-31T12:00:00Z", "2026-01-31T14:00+02:00",
        datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 14, tzinfo=east), timedelta(minutes=5),
    ):  # fmt: skip
        assert moment_ms(same, "start", noon + 5 * MINUTE) == noon


async def test_frames_have_utc_times_and_exact_amounts(ground: Ground) -> None:
    history = ground.history()
    candles = (await history.fetch("BTCUSDT", "1m", timedelta(minutes=30))).frame()
    trades = await history.fetch("BTCUSDT", "trades", timedelta(seconds=9))

    assert candles.index.name == "open_time"
    assert str(candles.index.tz) == "UTC"
    assert type(candles["close"].iloc[0]) is Decimal
    assert trades.frame().index.name == "trade"
    assert list(trades.frame().columns) == ["symbol", "trade_id", "price", "quantity", "buyer_is_maker"]
    assert len(trades.bars(TickBars(10)).frame()) >= 1
    with pytest.raises(InvalidField, match="these are candles of 1m"):
        (await history.fetch("BTCUSDT", "1m", timedelta(minutes=5))).bars(TickBars(10))


def test_money_is_text_on_disk_to_the_last_digit(tmp_path: Path, form: str) -> None:
    """What no float can hold comes back as it was, and nothing in the file is a float."""
    columns = ("trade_id", "price", "quantity", "buyer_is_maker", "trade_ms")
    pages: FileShelf[Trade] = FileShelf(
        tmp_path / "X" / "trades", Trade, columns, lambda row: {"symbol": "X", "event_ms": row["trade_ms"]}
    )
    rows = [
        Trade(symbol="X", trade_id=number, price=Decimal(price), quantity=Decimal("0.00000001"),
              buyer_is_maker=number % 2 == 0, trade_ms=5, event_ms=5)
        for number, price in enumerate(("0.1234567890123456789", "92233720368547758.08000001", "1.10"))
    ]  # fmt: skip
    pages.save(3, Span(5, 5), rows)
    back = pages.load(3)

    assert back == rows
    assert [str(each.price) for each in back or ()] == [str(each.price) for each in rows]
    [path] = (tmp_path / "X" / "trades").iterdir()
    if form == "parquet":
        import pyarrow.parquet as pq

        kinds = {str(each.type) for each in pq.read_schema(path)}
        assert kinds == {"int64", "string", "bool"}
    else:
        assert "92233720368547758.08000001" in path.read_text()
    assert pages.spans() == {3: Span(5, 5)}


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
