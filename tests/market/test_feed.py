"""The feed: when a book counts as right, and how it gets right again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from quantlab.clock import ManualClock, SystemClock
from quantlab.domain.market import DepthSnapshot, DepthUpdate
from quantlab.errors import RateLimited, VenueUnavailable
from quantlab.market.book import BookState
from quantlab.market.feed import Feed, FeedSettings

SYMBOL = "BTCUSDT"
QUICK = FeedSettings(waits_s=(0.0, 0.0, 0.0), rest_s=30.0)
BID = (("99.0", "1.0"),)


def snapshot(last: int, bids: Any = BID, asks: Any = (("101.0", "2.0"),)) -> DepthSnapshot:
    return DepthSnapshot(symbol=SYMBOL, last_update_id=last, bids=tuple(bids), asks=tuple(asks))


def diff(first: int, final: int, bids: Any = (), symbol: str = SYMBOL) -> DepthUpdate:
    return DepthUpdate(symbol=symbol, first_id=first, final_id=final, bids=tuple(bids), asks=(), event_ms=7)


class Rest:
    """A venue's REST side: `answers` in turn, the last one for ever; counts what was asked."""

    def __init__(self) -> None:
        self.answers: list[DepthSnapshot | Exception] = [snapshot(10)]
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def order_book(self, symbol: str) -> DepthSnapshot:
        self.asked.append(symbol)
        await self.open.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def rest() -> Rest:
    return Rest()


@pytest.fixture
async def feeds(rest: Rest) -> AsyncIterator[Callable[..., Feed]]:
    """Makes feeds on `rest`; closes them all."""
    made: list[Feed] = []

    def make(**changes: Any) -> Feed:
        published: list[object] = []
        fields = {
            "snapshot": rest.order_book,
            "publish": published.append,
            "clock": SystemClock(),
            "settings": QUICK,
        }
        feed = Feed([SYMBOL], **(fields | changes))
        feed.published = published  # type: ignore[attr-defined]
        made.append(feed)
        return feed

    yield make
    for feed in made:
        await feed.aclose()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("resync")]


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_silent_market_is_synced_by_the_snapshot_alone(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """No diff need come: the snapshot is the book."""
    feed = feeds()
    assert feed.books[SYMBOL].state is BookState.SYNCING

    await feed.resync_all()

    assert (feed.synced, feed.gaps, rest.asked) == (1, 0, [SYMBOL])
    assert feed.last_resync_ms is not None


async def test_diffs_that_come_during_the_snapshot_are_kept_and_folded(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """Old ones are dropped, the one around the snapshot's id is the first; every event goes on at once."""
    feed = feeds()
    rest.open.clear()
    resync = asyncio.create_task(feed.resync_all())
    await until(lambda: rest.asked)
    events = [
        diff(5, 9, [("50.0", "1")]),
        diff(10, 12, [("99.5", "3")]),
        diff(13, 14, [("99.0", "0")]),
        "other",
    ]
    for event in events:
        feed.on_event(event)
    assert feed.published == events  # type: ignore[attr-defined]
    assert feed.books[SYMBOL].top() is None

    rest.open.set()
    await resync

    assert [str(price) for price, _ in feed.books[SYMBOL].view().bids] == ["99.5"]
    assert (feed.books[SYMBOL].update_id, feed.gaps) == (14, 0)


async def test_a_snapshot_older_than_the_first_diff_is_fetched_again(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """Documented step 4: it is no gap, only too early."""
    feed = feeds()
    rest.answers = [snapshot(10), snapshot(19), snapshot(21)]

    feed.on_event(diff(21, 22, [("99.5", "3")]))
    await until(lambda: feed.synced)

    assert (len(rest.asked), feed.gaps, feed.books[SYMBOL].update_id) == (3, 0, 22)


async def test_the_first_diff_after_a_snapshot_may_show_that_the_snapshot_was_early(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """A stream that began after the snapshot breaks no chain: fetched again, not counted as a gap."""
    feed = feeds()
    await feed.resync_all()
    rest.answers = [snapshot(40)]

    feed.on_event(diff(30, 31))
    assert feed.books[SYMBOL].top() is None
    await until(lambda: feed.synced)

    assert feed.gaps == 0


async def test_a_gap_makes_the_book_stale_at_once_and_right_again_soon(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """No turn of the loop lies between the gap and the stale book; the diff is forwarded all the same."""
    tops: list[object] = []
    feed = feeds(publish=lambda event: tops.append(feed.books[SYMBOL].top()))
    await feed.resync_all()
    feed.on_event(diff(11, 11))
    rest.answers = [snapshot(25, bids=[("98.0", "1")])]

    feed.on_event(diff(20, 21))

    assert tops[0] is not None
    assert tops[1] is None
    assert feed.books[SYMBOL].view().state == "stale"
    assert "missing" in feed.books[SYMBOL].view().reason
    await until(lambda: feed.synced)
    assert (feed.gaps, feed.resyncs) == (1, 2)
    assert str(feed.books[SYMBOL].top().bid) == "98.0"  # type: ignore[union-attr]


async def test_a_diff_that_comes_right_after_the_resync_is_folded(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """Between the snapshot and the end of its task no diff falls into the cracks."""

    async def order_book(symbol: str) -> DepthSnapshot:
        loop = asyncio.get_running_loop()
        loop.call_soon(feed.on_event, diff(11, 11))
        loop.call_soon(lambda: loop.call_soon(feed.on_event, diff(12, 12)))
        loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(feed.on_event, diff(13, 13))))
        return snapshot(10)

    feed = feeds(snapshot=order_book)
    await feed.resync_all()
    await asyncio.sleep(0.01)

    assert (feed.books[SYMBOL].update_id, feed.gaps) == (13, 0)


async def test_after_the_last_try_the_book_stays_stale_with_its_reason(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """The tries are bounded; while it rests, diffs start nothing; later it tries again."""
    feed = feeds(settings=FeedSettings(waits_s=(0.0, 0.0, 0.0), rest_s=0.2))
    rest.answers = [VenueUnavailable("the venue is away")]

    await feed.resync_all()
    for number in range(5):
        feed.on_event(diff(11 + number, 11 + number))
    await asyncio.sleep(0.02)

    assert len(rest.asked) == 3
    view = feed.books[SYMBOL].view()
    assert (view.state, view.reason) == ("stale", "no snapshot: the venue is away")
    rest.answers = [snapshot(20)]
    await until(lambda: feed.synced)


async def test_a_rate_limit_ends_the_tries_at_once(feeds: Callable[..., Feed], rest: Rest) -> None:
    """429 means wait: asking again would make it a ban."""
    feed = feeds(settings=FeedSettings(waits_s=(0.0, 0.0, 0.0), rest_s=0.0))
    limited = RateLimited(-1003, "Too many requests", status=429, method="GET /api/v3/depth")
    limited.retry_after_s = 30
    rest.answers = [limited]

    await feed.resync_all()
    await asyncio.sleep(0.05)

    assert len(rest.asked) == 1
    assert "Too many requests" in feed.books[SYMBOL].view().reason


async def test_a_defect_in_the_snapshot_is_shown_not_lost(
    feeds: Callable[..., Feed], rest: Rest, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no venue error is logged with its traceback, and the book names it."""
    feed = feeds()
    rest.answers = [ZeroDivisionError("a defect")]

    await feed.resync_all()
    await asyncio.sleep(0)

    assert "a defect" in feed.books[SYMBOL].view().reason
    assert "ZeroDivisionError" in caplog.text


async def test_a_stream_of_junk_does_not_hammer_the_venue(feeds: Callable[..., Feed], rest: Rest) -> None:
    """A book that is lost again and again is fetched with growing waits, then rests."""
    feed = feeds()
    await feed.resync_all()

    for number in range(200):
        feed.on_event(diff(11 + number, 11 + number, [("99.5", "junk")]))
        await asyncio.sleep(0.001)

    assert len(rest.asked) <= len(QUICK.waits_s)
    assert feed.gaps >= 1
    assert feed.books[SYMBOL].top() is None


async def test_after_a_lost_stream_nothing_is_right_until_resync_all(
    feeds: Callable[..., Feed], rest: Rest
) -> None:
    """A reconnect makes every book anew, also where no id is missing."""
    feed = feeds()
    await feed.resync_all()

    feed.mark_stale("the connection ended")
    assert (feed.synced, feed.books[SYMBOL].view().reason) == (0, "the connection ended")
    assert len(rest.asked) == 1

    await feed.resync_all()
    assert (feed.synced, len(rest.asked), feed.gaps) == (1, 2, 0)


async def test_symbols_come_and_go_at_run_time(feeds: Callable[..., Feed], rest: Rest) -> None:
    """An added book syncs by itself; the last diffs of a removed one are forwarded and change nothing."""
    feed = feeds(clock=ManualClock())
    feed.add("ETHUSDT")
    await until(lambda: feed.books["ETHUSDT"].state is BookState.SYNCED)
    feed.remove("ETHUSDT")
    feed.on_event(diff(11, 11, symbol="ETHUSDT"))

    assert list(feed.books) == [SYMBOL]
    assert rest.asked == ["ETHUSDT"]
    assert feed.last_resync_ms is None  # a clock that stands still measures nothing


async def test_a_faulty_line_never_shows_a_wrong_top(
    feeds: Callable[..., Feed], true_book: Any, full: bool
) -> None:
    """With diffs dropped, doubled and swapped, every top that is shown is the venue's top of that id."""
    venue, dice = true_book(3), random.Random(3)
    compared = hidden = 0

    async def order_book(symbol: str) -> DepthSnapshot:
        await asyncio.sleep(0)
        taken = venue.snapshot()
        await asyncio.sleep(0)
        return taken

    def look(event: object) -> None:
        nonlocal compared, hidden
        top = feed.books[SYMBOL].top()
        if top is None:
            hidden += 1
            return
        bids, asks = venue.states[top.update_id]
        assert (top.bid * 100, top.bid_quantity * 1000) == bids[0]
        assert (top.ask * 100, top.ask_quantity * 1000) == asks[0]
        compared += 1

    patient = FeedSettings(waits_s=(0.0,) * 1000, calm_s=0.0)
    feed = feeds(snapshot=order_book, publish=look, settings=patient)
    for _ in range(20_000 if full else 2_000):
        line = [venue.diff(), venue.diff()]
        fault = dice.choice(("drop", "double", "swap")) if dice.random() < 0.1 else ""
        line = {"drop": line[1:], "double": [*line, line[1]], "swap": line[::-1]}.get(fault, line)
        for each in line:
            feed.on_event(each)
        await asyncio.sleep(0)

    assert compared > 1000
    assert hidden > 100
    assert feed.gaps > 50
    assert feed.resyncs > 50


@pytest.mark.parametrize("futures", [False, True], ids=["spot", "futures"])
async def test_behind_a_bad_line_the_feeds_book_is_right_or_says_that_it_is_not(
    true_book: Any, full: bool, futures: bool
) -> None:
    """5 % of the diffs dropped, doubled or swapped: at every point synced means equal, and it heals."""
    venue, dice = true_book(11, futures=futures), random.Random(11)
    compared, stale = 0, 0

    async def order_book(_symbol: str) -> DepthSnapshot:
        taken: DepthSnapshot = venue.snapshot()
        await asyncio.sleep(0)  # the market goes on meanwhile
        return taken

    settings = FeedSettings(waits_s=(0.0,) * 8, rest_s=0.0, calm_s=0.0)
    feed = Feed([], snapshot=order_book, publish=lambda _: None, clock=SystemClock(), settings=settings)
    book = feed.add(SYMBOL)
    line: list[DepthUpdate] = []
    for _ in range(100_000 if full else 3_000):
        line.append(venue.diff())
        fault = dice.choice(("drop", "double", "swap")) if dice.random() < 0.05 else ""
        if fault == "drop":
            line.pop()
        elif fault == "double":
            line.append(line[-1])
        elif fault == "swap":
            line.append(venue.diff())
            line.reverse()
        while line:
            feed.on_event(line.pop(0))
            if book.state is BookState.SYNCED and book.update_id in venue.states:
                view = feed.view(SYMBOL, 1_000)
                bids, asks = venue.states[book.update_id]
                assert [(p * 100, q * 1000) for p, q in view.bids] == list(bids)
                assert [(p * 100, q * 1000) for p, q in view.asks] == list(asks)
                compared += 1
            else:
                stale += 1
                assert book.top() is None
        if dice.random() < 0.5:
            await asyncio.sleep(0)
    for _ in range(50):  # a good line again
        feed.on_event(venue.diff())
        await asyncio.sleep(0.001)
    await feed.aclose()

    assert book.state is BookState.SYNCED
    assert book.update_id == venue.update_id
    assert feed.gaps > 20
    assert feed.resyncs > 20
    assert compared > 10 * max(1, stale // 10)
    assert stale > 20


async def test_a_view_says_how_old_it_is_by_the_venues_clock(feeds: Callable[..., Feed], rest: Rest) -> None:
    """Synced from a snapshot: as of when that was asked for; under a fixed clock there is no age."""
    feed = feeds(clock=SystemClock())
    before_ms = SystemClock().now_ms()
    await feed.resync_all()
    view = feed.view(SYMBOL)

    assert view.as_of_ms is not None
    assert before_ms <= view.as_of_ms <= SystemClock().now_ms()
    assert view.age_ms is not None
    assert 0 <= view.age_ms <= 60_000

    fixed = feeds(clock=ManualClock())
    await fixed.resync_all()
    assert fixed.view(SYMBOL).age_ms is None
