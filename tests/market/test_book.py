"""The local book: what it folds, what it drops, and when it says that it is wrong."""

from __future__ import annotations

import random
from collections import Counter, deque
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.domain.market import DepthSnapshot, DepthUpdate
from quantlab.market.book import Book, BookState


def snapshot(
    last: int = 10, bids: Any = (("99.0", "1.0"),), asks: Any = (("101.0", "2.0"),)
) -> DepthSnapshot:
    return DepthSnapshot(symbol="BTCUSDT", last_update_id=last, bids=tuple(bids), asks=tuple(asks))


def diff(first: int, final: int, bids: Any = (), asks: Any = (), previous: int | None = None) -> DepthUpdate:
    return DepthUpdate(
        symbol="BTCUSDT", first_id=first, final_id=final, bids=tuple(bids), asks=tuple(asks), event_ms=7,
        previous_id=previous,
    )  # fmt: skip


@pytest.fixture
def book() -> Book:
    """Synced at update id 10: 99.0 (1.0) / 101.0 (2.0)."""
    book = Book("BTCUSDT")
    assert book.apply_snapshot(snapshot()) is None
    return book


def prices(book: Book) -> tuple[list[str], list[str]]:
    view = book.view(100)
    return [str(price) for price, _ in view.bids], [str(price) for price, _ in view.asks]


def test_a_book_without_a_snapshot_has_no_top_and_takes_no_diff() -> None:
    """Before the first snapshot nothing is known, and the view says so."""
    book = Book("BTCUSDT")

    assert book.top() is None
    assert book.apply(diff(1, 2)) is not None
    assert (book.view().state, book.view().reason) == ("syncing", "no snapshot yet")


def test_the_top_is_the_best_price_of_each_side_exactly(book: Book) -> None:
    """A diff sets and removes levels; prices and quantities keep the venue's digits."""
    book.apply(
        diff(11, 11, bids=[("99.5", "0.30"), ("98.0", "4")], asks=[("100.0", "0.10"), ("101.0", "0.0")])
    )

    top = book.top()

    assert top is not None
    assert [str(n) for n in (top.bid, top.bid_quantity, top.ask, top.ask_quantity)] == [
        "99.5",
        "0.30",
        "100.0",
        "0.10",
    ]
    assert prices(book) == (["99.5", "99.0", "98.0"], ["100.0"])
    assert (book.update_id, book.event_ms, top.update_id) == (11, 7, 11)


def test_a_view_is_limited_best_first_and_does_not_move(book: Book) -> None:
    """A view is a value: later diffs change the book, not the view."""
    book.apply(diff(11, 11, bids=[("98.0", "1"), ("97.0", "1")]))
    view = book.view(2)
    book.apply(diff(12, 12, bids=[("99.0", "0")]))

    assert [price for price, _ in view.bids] == [Decimal("99.0"), Decimal("98.0")]
    assert view.update_id == 11


@pytest.mark.parametrize(("first", "final"), [(5, 9), (5, 10), (10, 10)])
def test_an_old_or_repeated_diff_changes_nothing(book: Book, first: int, final: int) -> None:
    """A diff that ends at or before the book's id is dropped."""
    assert book.apply(diff(first, final, bids=[("99.0", "0")])) is None
    assert prices(book) == (["99.0"], ["101.0"])
    assert book.update_id == 10


@pytest.mark.parametrize(("first", "gap"), [(9, False), (11, False), (12, True)])
def test_a_spot_diff_must_not_start_beyond_the_next_id(book: Book, first: int, gap: bool) -> None:
    """U > local + 1 means that diffs are missing: the book is stale at once and has no top."""
    found = book.apply(diff(first, 15, bids=[("99.5", "1")]))

    assert (found is not None) is gap
    assert (book.state is BookState.STALE) is gap
    assert (book.top() is None) is gap
    assert ("99.5" in prices(book)[0]) is not gap


@pytest.mark.parametrize(
    ("previous", "gap"), [(7, False), (10, False), (11, True)], ids=["around", "exact", "beyond"]
)
def test_the_first_futures_diff_may_begin_before_the_snapshot_not_after(
    book: Book, previous: int, gap: bool
) -> None:
    """pu <= lastUpdateId <= u, also in a quiet market where U lies far beyond the snapshot."""
    assert (book.apply(diff(90, 95, previous=previous)) is not None) is gap


@pytest.mark.parametrize("previous", [59, 61])
def test_each_further_futures_diff_names_the_one_before(book: Book, previous: int) -> None:
    """Ids are not consecutive; only `pu` tells that nothing is missing."""
    assert book.apply(diff(20, 30, previous=8)) is None
    assert book.apply(diff(50, 60, previous=30)) is None

    gap = book.apply(diff(70, 80, previous=previous))

    assert gap is not None
    assert (gap.kind, gap.expected, gap.received) == ("sequence", 60, previous)


def test_a_crossed_book_is_emptied_and_stale(book: Book) -> None:
    """A bid at or above the ask cannot be: nobody may even look at such levels."""
    gap = book.apply(diff(11, 11, bids=[("101.0", "1")]))

    assert gap is not None
    assert gap.kind == "crossed"
    assert prices(book) == ([], [])
    assert "crossed" in book.view().reason


@pytest.mark.parametrize(
    "level", [("99.5", "-1"), ("99.5", "NaN"), ("99.5", ""), ("99.5", "1.2.3"), ("-5", "1"), ("x", "1")]
)
def test_a_level_that_is_no_number_makes_the_book_stale(book: Book, level: tuple[str, str]) -> None:
    """Junk never becomes a price, and never raises in the reader."""
    gap = book.apply(diff(11, 11, bids=[level]))

    assert gap is not None
    assert gap.kind == "level"
    assert book.top() is None


def test_one_price_is_one_level_however_it_is_written(book: Book) -> None:
    """REST and stream may write a price differently: "99.00" is the level "99.0"."""
    book.apply(diff(11, 11, bids=[("99.00", "5")]))
    assert book.view().bids == ((Decimal(99), Decimal(5)),)

    book.apply(diff(12, 12, bids=[("99", "0")]))
    assert book.view().bids == ()


def test_removing_an_unknown_level_is_normal(book: Book) -> None:
    """The venue may remove a level that the snapshot did not reach."""
    assert book.apply(diff(11, 11, bids=[("50.0", "0")])) is None
    assert prices(book) == (["99.0"], ["101.0"])


def test_a_new_snapshot_heals_a_stale_book(book: Book) -> None:
    """After a gap only a snapshot makes the book right again."""
    book.apply(diff(50, 51))
    book.apply(diff(52, 53))
    assert book.state is BookState.STALE

    book.apply_snapshot(snapshot(60, bids=[("90", "1")], asks=[("95", "1")]))

    assert (book.state, book.view().reason) == (BookState.SYNCED, "")
    assert prices(book) == (["90"], ["95"])


def test_a_one_sided_book_has_no_top(book: Book) -> None:
    """An empty side is no price of zero."""
    book.apply(diff(11, 11, asks=[("101.0", "0")]))

    assert book.top() is None
    assert book.state is BookState.SYNCED


def walk(true_book: Any, seed: int, diffs: int, fault_rate: float, *, futures: bool) -> Counter[str]:
    """Fold `diffs` random diffs, some dropped, doubled or swapped; compare the book after each."""
    venue, book, dice, seen = (
        true_book(seed, futures=futures),
        Book("BTCUSDT"),
        random.Random(seed),
        Counter[str](),
    )
    book.apply_snapshot(venue.snapshot())
    line: deque[DepthUpdate] = deque()
    for _ in range(diffs):
        line.append(venue.diff())
        fault = dice.choice(("drop", "double", "swap")) if dice.random() < fault_rate else ""
        if fault == "drop":
            line.pop()
        elif fault == "double":
            line.append(line[-1])
        elif fault == "swap":
            line.append(venue.diff())
            line.rotate(1)
        seen[fault] += 1
        while line:
            before = book.update_id
            gap = book.apply(line.popleft())
            seen["gap" if gap else "old" if book.update_id == before else "folded"] += 1
            if gap:
                assert book.top() is None
                book.apply_snapshot(venue.snapshot())
            bids, asks = venue.states[book.update_id]
            view, top = book.view(1000), book.top()
            assert [(p * 100, q * 1000) for p, q in view.bids] == list(bids)
            assert [(p * 100, q * 1000) for p, q in view.asks] == list(asks)
            if top is None:
                assert not bids or not asks
            else:
                assert (top.bid * 100, top.ask * 100) == (bids[0][0], asks[0][0])
    return seen


def test_a_book_equals_the_sorted_truth_whatever_the_line_does(true_book: Any, full: bool) -> None:
    """N17, N18: After each diff of a line that drops, doubles and swaps: right, or known to be wrong."""
    runs: list[Counter[str]] = []

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.0, 0.05, 0.5]), futures=st.booleans())
    def hold(seed: int, rate: float, futures: bool) -> None:
        runs.append(walk(true_book, seed, 100, rate, futures=futures))

    hold()
    size = 100_000 if full else 1_000
    runs.extend(walk(true_book, 7, size, 0.05, futures=futures) for futures in (False, True))

    total = sum(runs, Counter[str]())
    assert all(total[each] for each in ("gap", "old", "folded", "drop", "double", "swap"))
    assert any(not run["gap"] for run in runs)
    assert all(run["gap"] == 0 for run in runs if not run["drop"] + run["swap"])


def test_every_read_says_as_of_when_it_is(book: Book) -> None:
    """A snapshot's earliest time, then the last diff's; a view also says how old that is."""
    assert book.view(1, 5_000).age_ms is None  # nobody said when the snapshot was asked for

    book.apply_snapshot(snapshot(10), as_of_ms=4_000)
    top, view = book.top(), book.view(1, 5_000)
    assert top is not None
    assert (top.as_of_ms, view.as_of_ms, view.event_ms, view.age_ms) == (4_000, 4_000, None, 1_000)

    book.apply(diff(11, 11, bids=[("99.0", "3")]))  # its event time is 7
    top, view = book.top(), book.view(1, 5_000)
    assert top is not None
    assert (top.as_of_ms, view.as_of_ms, view.age_ms) == (7, 7, 4_993)
    assert book.view(1, 3).age_ms == 0  # a clock that lags makes nothing younger than now
    assert book.view(1).age_ms is None


def test_an_old_diff_makes_no_book_younger(book: Book) -> None:
    """What is dropped changes no time either."""
    book.apply_snapshot(snapshot(10), as_of_ms=4_000)
    book.apply(diff(9, 10))

    assert book.as_of_ms == 4_000


def test_levels_that_come_and_go_leave_the_book_as_if_they_had_never_been(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deep levels, far more prices than there are levels at a time, prices in two spellings: as a dict
    of prices, after each diff; and what is kept for prices without a level stays small.
    """
    monkeypatch.setattr("quantlab.market.ladder.FEWEST_SWEPT", 40)
    dice, book, truth, largest = random.Random(3), Book("BTCUSDT"), {}, 0
    book.apply_snapshot(snapshot(0, bids=[], asks=[]))
    for number in range(1, 1_500):
        changes = []
        for _ in range(dice.randrange(1, 6)):
            price = dice.randrange(1, 5_000)
            gone = dice.choice(("0", "0.00", "0." + "0" * 25, "00.0"))
            quantity = f"{dice.randrange(1, 99)}.5" if dice.random() < 0.3 else gone
            changes.append((f"{price}{dice.choice(('', '.0', '.000'))}", quantity))
            truth[price] = Decimal(quantity)
        for price in [price for price in truth if dice.random() < 0.3]:
            changes.append((f"{price}", "0.0"))
            truth[price] = Decimal(0)
        truth = {price: quantity for price, quantity in truth.items() if quantity}
        assert book.apply(diff(number, number, bids=changes)) is None
        assert book.view(5_000).bids == tuple(sorted(truth.items(), reverse=True))
        largest = max(largest, len(book._bids.keys))

    assert 5 < largest <= 60
