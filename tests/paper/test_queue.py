"""Where our orders stand in a mirrored queue: never luckier than the queue allows, never lost."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.domain.orders import Side
from quantlab.paper.matching import Match, Order
from quantlab.paper.queue import QueueModel
from quantlab.paper.tapebook import Diff, TapeBook, UnitLevels

BUY, SELL = Side
BID, ASK = 100, 101


def book(model: QueueModel = QueueModel.POWER2, lot_units: int = 1) -> TapeBook:
    """Displays 1000 units at 100 and 2000 at 99, 1000 at 101 and 2000 at 102."""
    made = TapeBook(lot_units, model)
    made.begin(1, [(BID, 1_000), (99, 2_000)], [(ASK, 1_000), (102, 2_000)])
    return made


def resting(made: TapeBook, side: Side, price: int, lots: int, number: int = 1) -> Order:
    order = Order(number, None, side, price, lots)
    made.rest(order)
    return order


def shows(made: TapeBook, bids: UnitLevels = (), asks: UnitLevels = ()) -> Match:
    """The next diff."""
    return made.apply(Diff(made.update_id + 1, made.update_id + 1, list(bids), list(asks)))


def fills(match: Match) -> list[tuple[int, int, int]]:
    """(order id, price, lots) of each."""
    return [(order.order_id, price, lots) for order, price, lots in match.fills]


@pytest.mark.parametrize(("side", "price"), [(BUY, BID), (SELL, ASK)])
def test_an_order_waits_until_all_that_was_displayed_before_it_has_traded(side: Side, price: int) -> None:
    """1000 units ahead: 999 traded fill nothing, the next 3 fill 2, and what joins later is behind us."""
    made = book()
    order = resting(made, side, price, 5)
    hits_bids = side is BUY
    assert made.ahead(order) == 1_000
    assert fills(made.print(price, 999, buyer_is_maker=hits_bids)) == []
    level = [(price, 9_001)]  # the trade is in it, and 9000 joined
    assert fills(shows(made, level if hits_bids else (), () if hits_bids else level)) == []
    assert made.ahead(order) == 1

    assert fills(made.print(price, 3, buyer_is_maker=hits_bids)) == [(1, price, 2)]
    assert fills(made.print(price, 100, buyer_is_maker=not hits_bids)) == []
    assert fills(made.print(price, 100, buyer_is_maker=hits_bids)) == [(1, price, 3)]
    assert made.ahead(order) is None


@pytest.mark.parametrize(
    ("model", "ahead"),
    [
        (QueueModel.RISK_AVERSE, 1_000),
        (QueueModel.PROPORTIONAL, 1_000 - 400 // 4),
        (QueueModel.POWER2, 1_000 - 400 // 10),
        (QueueModel.POWER3, 1_000 - 400 // 28),
    ],
)
def test_what_is_cancelled_leaves_ahead_of_us_as_the_model_says(model: QueueModel, ahead: int) -> None:
    """400 of 4000 go with 1000 ahead and 3000 behind: 0, 1/4, 1/10 and 1/28 of them stood ahead."""
    made = book(model)
    order = resting(made, BUY, BID, 5)
    shows(made, [(BID, 4_000)])
    assert made.ahead(order) == 1_000
    shows(made, [(BID, 3_600)])

    assert made.ahead(order) == ahead


@pytest.mark.parametrize("model", QueueModel)
def test_a_trade_and_the_diff_that_shows_it_count_once(model: QueueModel) -> None:
    """300 traded, 300 fewer displayed: 700 are ahead, and another 200 gone with nobody behind were ahead."""
    made = book(model)
    order = resting(made, BUY, BID, 5)
    made.print(BID, 300, buyer_is_maker=True)
    shows(made, [(BID, 700)])
    assert made.ahead(order) == 700
    shows(made, [(BID, 500)])
    assert made.ahead(order) == 500
    shows(made, [(BID, 1_000)])
    shows(made, [(BID, 900)])

    assert made.ahead(order) == {QueueModel.RISK_AVERSE: 500}.get(model, 450)  # half were ahead, half behind


def test_a_better_price_than_the_public_has_nobody_ahead() -> None:
    """And those who join at it later stand behind."""
    made = book()
    order = resting(made, SELL, ASK - 1, 5)
    shows(made, asks=[(ASK - 1, 700)])

    assert made.ahead(order) == 0
    assert fills(made.print(ASK - 1, 2, buyer_is_maker=False)) == [(1, ASK - 1, 2)]


@pytest.mark.parametrize(("side", "prices"), [(BUY, (100, 99)), (SELL, (101, 102))])
def test_a_trade_through_our_price_fills_whatever_stood_ahead(side: Side, prices: tuple[int, int]) -> None:
    """At our own price, better price first, up to the trade's quantity; what is left has nobody ahead."""
    made = book()
    far = resting(made, side, prices[1], 10, number=1)
    near = resting(made, side, prices[0], 10, number=2)
    through = 95 if side is BUY else 105

    assert fills(made.print(through, 13, buyer_is_maker=side is BUY)) == [
        (2, prices[0], 10),
        (1, prices[1], 3),
    ]
    assert (near.remaining, far.remaining, made.ahead(far)) == (0, 7, 0)


@pytest.mark.parametrize(("side", "ours"), [(BUY, 100), (SELL, 101)])
def test_a_book_that_crosses_our_price_fills_us_from_what_it_newly_displays(side: Side, ours: int) -> None:
    """Not a unit twice: the same total again fills nothing, a greater one its increase."""
    made = book()
    order = resting(made, side, ours, 100)
    at = ours - 1 if side is BUY else ours + 1

    def other_side(units: int) -> Match:
        return shows(made, asks=[(at, units)]) if side is BUY else shows(made, bids=[(at, units)])

    assert fills(other_side(30)) == [(1, ours, 30)]
    assert fills(other_side(30)) == []
    assert fills(other_side(35)) == [(1, ours, 5)]
    assert fills(other_side(10)) == []
    assert order.remaining == 65


def test_what_a_taker_left_over_does_not_meet_the_same_display_again() -> None:
    """A buy takes the 1000 displayed at 101 and rests: only more of them there, or a print, fill it."""
    made = book()
    taker = Order(1, None, BUY, ASK, 1_500)
    made.match(taker)
    made.rest(taker)

    assert (taker.remaining, made.ahead(taker)) == (500, 0)
    assert fills(shows(made, asks=[(ASK, 900)])) == []
    assert fills(shows(made, asks=[(ASK, 950)])) == [(1, ASK, 50)]
    assert fills(made.print(ASK, 20, buyer_is_maker=True)) == [(1, ASK, 20)]


def test_an_older_order_of_ours_is_filled_before_a_younger_at_its_price() -> None:
    """What the older one takes does not reach the younger."""
    made = book()
    resting(made, BUY, BID, 10, number=1)
    resting(made, BUY, BID, 10, number=2)

    assert fills(made.print(BID, 1_015, buyer_is_maker=True)) == [(1, BID, 10), (2, BID, 5)]


def test_only_whole_lots_are_filled() -> None:
    """19 units of a lot of 10 are one lot."""
    made = book(lot_units=10)
    resting(made, BUY, BID + 1, 5)
    shows(made, asks=[(ASK, 0)])

    assert fills(made.print(BID + 1, 19, buyer_is_maker=True)) == [(1, BID + 1, 1)]


def test_orders_that_rest_before_the_book_begins_join_behind_it() -> None:
    """Nobody was there to be overtaken, so all that is displayed counts as ahead."""
    made = TapeBook()
    order = resting(made, BUY, BID, 5)
    made.begin(1, [(BID, 40)], [])

    assert made.ahead(order) == 40


# --- properties

Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(1, 60)),
        st.tuples(st.just("join"), st.integers(1, 60)),
        st.tuples(st.just("cancel"), st.integers(0, 10_000)),
        st.tuples(st.just("through"), st.integers(1, 20)),
        st.tuples(st.just("rest"), st.integers(1, 20)),
        st.tuples(st.just("leave"), st.integers(0, 5)),
    ),
    max_size=60,
)


class Truth:
    """One price's real queue: the public's orders by size, and which of them stand before our orders."""

    def __init__(self, model: QueueModel) -> None:
        self.book = TapeBook(1, model)
        self.queue: list[int] = [30, 20, 50]
        self.book.begin(1, [(BID, 100)], [(ASK, 100)])
        self.ours: list[tuple[Order, int]] = []  # and the true units ahead
        self.seen: Counter[str] = Counter()
        self.through = False

    def step(self, kind: str, size: int) -> Match:
        """One step of the market or of ours; the fills."""
        match kind:
            case "trade":
                return self.trade(min(size, sum(self.queue)))
            case "join":
                self.queue.append(size)
                return self.show()
            case "cancel" if self.queue:
                return self.cancel(size % len(self.queue))
            case "through":
                self.ours = [(order, 0) for order, _ in self.ours]
                return self.book.print(BID - 1, size, buyer_is_maker=True)
            case "rest":
                order = resting(self.book, BUY, BID, size, number=len(self.ours))
                self.ours.append((order, sum(self.queue)))
            case "leave" if self.ours:
                self.book.remove(self.ours.pop(size % len(self.ours))[0])
        return Match()

    def trade(self, units: int) -> Match:
        filled = self.book.print(BID, units, buyer_is_maker=True)
        self.ours = [(order, max(0, ahead - units)) for order, ahead in self.ours]
        left = units
        while left:
            taken = min(left, self.queue[0])
            left -= taken
            self.queue[0] -= taken
            self.queue = self.queue if self.queue[0] else self.queue[1:]
        self.show()
        return filled

    def cancel(self, number: int) -> Match:
        before = sum(self.queue[:number])
        size = self.queue.pop(number)
        self.ours = [(order, ahead - max(0, min(size, ahead - before))) for order, ahead in self.ours]
        return self.show()

    def show(self) -> Match:
        return shows(self.book, [(BID, sum(self.queue))])


def play(model: QueueModel, steps: list[Step]) -> Truth:
    """Walk through the steps, and check after each what must hold always."""
    truth = Truth(model)
    for kind, size in steps:
        before = {id(order): (truth.book.ahead(order), order.remaining) for order, _ in truth.ours}
        filled = truth.step(kind, size)
        truth.seen[kind] += 1
        lots = [lots for _, _, lots in filled.fills]
        assert sum(lots) <= size
        for order, price, lots in filled.fills:
            ahead, remaining = before[id(order)]
            assert price == BID
            assert ahead is not None
            assert order.remaining == remaining - lots
            assert kind == "through" or size - ahead >= lots
            truth.seen[f"filled by {kind}"] += 1
        truth.seen["held back"] += kind == "trade" and not lots and bool(truth.ours)
        truth.ours = [(order, ahead) for order, ahead in truth.ours if order.remaining]
        places = [truth.book.ahead(order) for order, _ in truth.ours]
        assert places == sorted(places)
        assert all(0 <= place <= max(0, sum(truth.queue)) for place in places)
        if model is QueueModel.RISK_AVERSE:
            assert all(place >= true for place, (_, true) in zip(places, truth.ours, strict=True))
    return truth


@settings(max_examples=150)
@given(steps=steps, model=st.sampled_from(QueueModel))
def test_an_order_is_never_luckier_than_the_queue_allows(steps: list[Step], model: QueueModel) -> None:
    """Over any market: a print gives its quantity at most, nobody fills before what was ahead of it has
    gone, nobody overtakes, and risk-averse never thinks itself nearer than it truly is."""
    play(model, steps)


def test_the_property_above_has_met_its_cases() -> None:
    """For each model fills by trades and through prices, cancels, and prints that were held back.

    A fixed sequence of its own, so that it may run alone.
    """
    rng = random.Random(3)
    kinds = ["trade", "join", "cancel", "through", "rest", "rest"]
    for model in QueueModel:
        seen: Counter[str] = Counter()
        for _ in range(30):
            seen += play(model, [(rng.choice(kinds), rng.randint(1, 60)) for _ in range(60)]).seen
        assert (
            min(seen[kind] for kind in ("filled by trade", "filled by through", "held back", "cancel")) > 20
        )


def test_the_proportional_model_is_right_on_average_where_cancels_are_spread_evenly() -> None:
    """Over 200 queues its error is small beside that of risk-averse, which expects too much ahead."""
    errors = dict.fromkeys(QueueModel, 0)
    true_ahead = 0
    for seed in range(200):
        for model in QueueModel:
            rng = random.Random(seed)
            truth = Truth(model)
            truth.queue = [1_000] * 100
            truth.show()
            truth.step("rest", 5)
            for _ in range(100):
                truth.queue.append(1_000)
            truth.show()
            for _ in range(100):
                truth.cancel(rng.randrange(len(truth.queue)))
            ((order, ahead),) = truth.ours
            errors[model] += (truth.book.ahead(order) or 0) - ahead
            true_ahead += ahead
    true_ahead //= len(QueueModel)

    assert 0.45 < true_ahead / 200 / 100_000 < 0.55
    assert abs(errors[QueueModel.PROPORTIONAL]) < 0.05 * true_ahead
    assert errors[QueueModel.RISK_AVERSE] > 0.5 * true_ahead
