"""The order book core: price-time priority in whole numbers, checked against a naive list."""

from __future__ import annotations

import copy
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.domain.orders import Side
from quantlab.paper.matching import SWEEP_AFTER, Match, Order, OrderBook
from quantlab.paper.orders import Prevention

BUY, SELL = Side
NONE, EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH, DECREMENT = Prevention
MODES_THAT_PREVENT = (EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH, DECREMENT)


class NaiveBook:
    """The rules as plainly as they can be said: one list, scanned and sorted every time."""

    def __init__(self) -> None:
        self.resting: list[Order] = []

    def match(self, taker: Order) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]], bool]:
        """Fills; (maker, what the taker lost, what the maker lost) of prevented trades; taker ended?"""
        fills: list[tuple[int, int, int]] = []
        prevented: list[tuple[int, int, int]] = []
        for maker in self.makers(taker):
            if not taker.remaining:
                break
            if maker.owner == taker.owner and taker.prevention is not NONE:
                stopped = self.prevent(taker, maker, prevented)
                if stopped:
                    return fills, prevented, True
                continue
            lots = min(maker.remaining, taker.remaining)
            maker.remaining -= lots
            taker.remaining -= lots
            fills.append((maker.order_id, maker.price, lots))
            self.tidy()
        return fills, prevented, False

    def prevent(self, taker: Order, maker: Order, prevented: list[tuple[int, int, int]]) -> bool:
        lost = {
            EXPIRE_TAKER: (taker.remaining, 0),
            EXPIRE_MAKER: (0, maker.remaining),
            EXPIRE_BOTH: (taker.remaining, maker.remaining),
            DECREMENT: (min(taker.remaining, maker.remaining),) * 2,
        }[taker.prevention]
        prevented.append((maker.order_id, *lost))
        maker.remaining -= lost[1]
        self.tidy()
        if taker.prevention is DECREMENT:
            taker.remaining -= lost[0]
            return not taker.remaining
        return bool(lost[0])

    def makers(self, taker: Order) -> list[Order]:
        """Whom the taker would meet, in that order."""
        sign = 1 if taker.side is BUY else -1
        return sorted(
            (
                each
                for each in self.resting
                if each.side is not taker.side
                and (taker.price is None or sign * each.price <= sign * taker.price)
            ),
            key=lambda each: (sign * each.price, each.order_id),
        )

    def fills_whole(self, taker: Order) -> bool:
        """Tried on a copy: all of it traded."""
        trial = copy.deepcopy(self)
        fills, _, _ = trial.match(copy.copy(taker))
        return sum(lots for _, _, lots in fills) == taker.remaining

    def tidy(self) -> None:
        self.resting = [each for each in self.resting if each.remaining]

    def depth(self, side: Side) -> list[tuple[int, int]]:
        totals: Counter[int] = Counter()
        for each in self.resting:
            if each.side is side:
                totals[each.price] += each.remaining
        return sorted(totals.items(), reverse=side is BUY)


def flat(result: Match) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]], bool]:
    fills = [(maker.order_id, price, lots) for maker, price, lots in result.fills if maker]
    prevented = [(each.maker.order_id, each.taker_lots, each.maker_lots) for each in result.prevented]
    return fills, prevented, result.stopped


def rest(book: OrderBook, order_id: int, side: Side, price: int, lots: int, owner: str = "x") -> Order:
    order = Order(order_id, owner, side, price, lots)
    book.rest(order)
    return order


SIDES, OWNERS, MODES = st.sampled_from(Side), st.sampled_from("abc"), st.sampled_from(Prevention)
LIMITS = st.tuples(st.just("limit"), SIDES, st.integers(1, 8), st.integers(1, 9), OWNERS, MODES)
MARKETS = st.tuples(st.just("market"), SIDES, st.none(), st.integers(5, 30), OWNERS, MODES)
CANCELS = st.tuples(st.just("cancel"), st.integers(0, 1000))
CUTS = st.tuples(st.just("cut"), st.integers(0, 1000), st.integers(1, 8))
OPERATIONS = st.lists(LIMITS | LIMITS | LIMITS | MARKETS | CANCELS | CUTS, min_size=40, max_size=60)


def test_the_book_equals_a_naive_list_on_any_flow() -> None:
    """Fills, prevented trades and depth of both are the same after every operation; never crossed."""
    met: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None)
    @given(operations=OPERATIONS)
    def equal(operations: list[tuple]) -> None:
        book, naive = OrderBook(), NaiveBook()
        mine: dict[int, Order] = {}
        for order_id, operation in enumerate(operations):
            if operation[0] in ("cancel", "cut"):
                if naive.resting:
                    met[operation[0]] += change(book, naive, mine, operation)
            else:
                _, side, price, lots, owner, mode = operation
                one, other = (Order(order_id, owner, side, price, lots, mode) for _ in range(2))
                whole = naive.fills_whole(other)
                assert book.fills_whole(one) is whole
                expected = naive.match(other)
                assert flat(book.match(one)) == expected
                assert one.remaining == other.remaining
                fills, prevented, stopped = expected
                if one.remaining and price is not None and not stopped:
                    mine[order_id] = one
                    book.rest(one)
                    naive.resting.append(other)
                    met["rest"] += 1
                met["fill"] += bool(fills)
                met["whole"] += whole
                met[mode] += bool(prevented)
                met["several levels"] += len({at for _, at, _ in fills}) > 1
            assert book.depth(BUY, 100) == naive.depth(BUY)
            assert book.depth(SELL, 100) == naive.depth(SELL)
            bid, ask = book.best(BUY), book.best(SELL)
            assert bid is None or ask is None or bid[0] < ask[0]
        assert sorted(each.order_id for each in book.orders()) == sorted(
            each.order_id for each in naive.resting
        )

    equal()

    names = ("cancel", "cut", "rest", "fill", "whole", "several levels", *MODES_THAT_PREVENT)
    assert min(met[name] for name in names) > 20, met
    assert met[NONE] == 0


def change(book: OrderBook, naive: NaiveBook, mine: dict[int, Order], operation: tuple) -> bool:
    """Cancel or cut one resting order in both; False where it is too small to be cut."""
    chosen = naive.resting[operation[1] % len(naive.resting)]
    if operation[0] == "cancel":
        naive.resting.remove(chosen)
        book.remove(mine[chosen.order_id])
        return True
    if chosen.remaining <= operation[2]:
        return False
    chosen.remaining -= operation[2]
    book.reduce(mine[chosen.order_id], operation[2])
    return True


def test_the_better_price_trades_first_and_then_the_older_order() -> None:
    """Makers are met by price, then by time, each at its own price."""
    book = OrderBook()
    rest(book, 1, SELL, 102, 5)
    rest(book, 2, SELL, 101, 5)
    rest(book, 3, SELL, 101, 5)

    fills, _, _ = flat(book.match(Order(9, "y", BUY, 102, 12)))

    assert fills == [(2, 101, 5), (3, 101, 5), (1, 102, 2)]
    assert book.depth(SELL, 5) == [(102, 3)]


def test_a_partly_filled_maker_keeps_its_place() -> None:
    """What is left of the oldest order trades before a younger one."""
    book = OrderBook()
    rest(book, 1, BUY, 100, 5)
    rest(book, 2, BUY, 100, 5)
    book.match(Order(8, "y", SELL, 100, 3))

    fills, _, _ = flat(book.match(Order(9, "y", SELL, 100, 3)))

    assert fills == [(1, 100, 2), (2, 100, 1)]


def test_a_limit_order_stops_at_its_price() -> None:
    """What does not cross is left to the taker."""
    book = OrderBook()
    rest(book, 1, SELL, 100, 5)
    rest(book, 2, SELL, 101, 5)
    taker = Order(9, "y", BUY, 100, 8)

    assert flat(book.match(taker))[0] == [(1, 100, 5)]
    assert taker.remaining == 3
    assert book.best(SELL) == (101, 5)


def test_an_order_of_the_same_owner_is_taken_off_and_does_not_trade() -> None:
    """EXPIRE_MAKER: the own maker goes, with what it stood for; the next one trades."""
    book = OrderBook()
    own = rest(book, 1, SELL, 100, 5, owner="a")
    rest(book, 2, SELL, 100, 5, owner="b")
    result = book.match(Order(9, "a", BUY, 100, 3))

    assert flat(result) == ([(2, 100, 3)], [(1, 0, 5)], False)
    assert own.remaining == 0
    assert result.levels == [(100, 2)]


@pytest.mark.parametrize(
    ("mode", "lost", "left"),
    [
        (Prevention.EXPIRE_TAKER, (3, 0), [(1, 5), (2, 5)]),
        (Prevention.EXPIRE_BOTH, (3, 5), [(2, 5)]),
        (Prevention.DECREMENT, (3, 3), [(1, 2), (2, 5)]),
    ],
)
def test_a_taker_that_prevention_ends_trades_no_more(
    mode: Prevention, lost: tuple[int, int], left: list[tuple[int, int]]
) -> None:
    """The younger order of another owner is not reached; what each side lost is said."""
    book = OrderBook()
    rest(book, 1, SELL, 100, 5, owner="a")
    rest(book, 2, SELL, 100, 5, owner="b")
    result = book.match(Order(9, "a", BUY, 100, 3, mode))

    assert flat(result) == ([], [(1, *lost)], True)
    assert [(each.order_id, each.remaining) for each in book.orders()] == left


def test_without_prevention_an_owner_trades_with_itself() -> None:
    """NONE: owners are not compared."""
    book = OrderBook()
    rest(book, 1, SELL, 100, 5, owner="a")

    assert flat(book.match(Order(9, "a", BUY, 100, 3, Prevention.NONE))) == ([(1, 100, 3)], [], False)


def test_orders_of_nobody_trade_with_each_other() -> None:
    """Owner None is not an owner: a tape's print meets every resting order."""
    book = OrderBook()
    book.rest(Order(1, None, SELL, 100, 5))

    assert flat(book.match(Order(2, None, BUY, 100, 5)))[0] == [(1, 100, 5)]


def test_offers_leave_out_the_takers_own_orders() -> None:
    """What a taker would meet counts others' quantity only, within its limit."""
    book = OrderBook()
    rest(book, 1, SELL, 100, 5, owner="a")
    rest(book, 2, SELL, 101, 5, owner="a")
    rest(book, 3, SELL, 101, 2, owner="b")
    rest(book, 4, SELL, 103, 2, owner="b")

    assert list(book.offers(BUY, None, "a")) == [(101, 2), (103, 2)]
    assert list(book.offers(BUY, 101, None)) == [(100, 5), (101, 7)]


@pytest.mark.parametrize("side", Side)
def test_depth_gives_the_best_prices_first_and_no_more_than_asked(side: Side) -> None:
    """A limit of zero gives nothing; a large one everything."""
    book = OrderBook()
    for order_id, price in enumerate((5, 3, 4)):
        rest(book, order_id, side, price, 1)
    best_first = [5, 4, 3] if side is BUY else [3, 4, 5]

    assert [price for price, _ in book.depth(side, 2)] == best_first[:2]
    assert book.depth(side, 0) == []
    assert [price for price, _ in book.depth(side, 9)] == best_first


def test_a_price_that_only_sees_cancels_does_not_grow() -> None:
    """Cancelled orders behind a living one are swept out, and the rest keeps its order."""
    book = OrderBook()
    rest(book, 0, BUY, 100, 1)
    for order_id in range(1, 5000):
        book.remove(rest(book, order_id, BUY, 100, 1))
    rest(book, 5000, BUY, 100, 1)

    assert len(book._bids.levels[100].queue) <= 2 * SWEEP_AFTER + 2
    assert flat(book.match(Order(9999, "y", SELL, None, 9)))[0] == [(0, 100, 1), (5000, 100, 1)]
    assert book.best(BUY) is None


def test_cancelling_costs_the_same_in_a_long_queue() -> None:
    """40 times the orders at one price take far less than 40 times the time per cancel."""

    def seconds_per_cancel(orders: int) -> float:
        book = OrderBook()
        resting = [rest(book, order_id, BUY, 100, 1) for order_id in range(orders)]
        began = time.perf_counter()
        for order in reversed(resting):
            book.remove(order)
        return (time.perf_counter() - began) / orders

    assert min(seconds_per_cancel(40_000) for _ in range(3)) < 15 * min(
        seconds_per_cancel(1_000) for _ in range(3)
    )


def test_an_order_without_a_price_cannot_rest() -> None:
    """A market order that reaches the queue is a mistake of the caller."""
    with pytest.raises(ValueError, match="order 1 has no price"):
        OrderBook().rest(Order(1, "a", BUY, None, 1))
