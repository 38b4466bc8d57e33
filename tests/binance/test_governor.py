"""Staying within the venue's limits: the arithmetic, and ten minutes of storm in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from virtual_loop import run

from quantlab.binance.budget import ORDERS, RAW, WEIGHT, Budget, Cost, Priority
from quantlab.binance.governor import Governor, HeldBack
from quantlab.binance.limits import RateLimit

START_MS = 1_700_000_000_000 - 1_700_000_000_000 % 60_000
RULES = (
    RateLimit(kind=WEIGHT, window="1M", limit=100),
    RateLimit(kind=ORDERS, window="10S", limit=10),
    RateLimit(kind=RAW, window="5M", limit=1_000),
)


class LoopClock:
    """The venue's time is the loop's."""

    fixed = False

    def now_ms(self) -> int:
        return START_MS + int(asyncio.get_running_loop().time() * 1_000)

    def monotonic_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9)

    def session_id(self) -> str:
        return "virtual"


@pytest.fixture
def budget() -> Budget:
    budget = Budget()
    budget.learn(RULES)
    return budget


def fill(budget: Budget, weight: int, now_ms: int = START_MS) -> None:
    cost = Cost(weight=weight)
    assert budget.admit(cost, Priority.HALT, now_ms) is None
    budget.settle(cost, cost, now_ms)


@pytest.mark.parametrize(
    ("priority", "share"),
    [(Priority.READ, 80), (Priority.ORDER, 90), (Priority.CANCEL, 97), (Priority.HALT, 100)],
)
def test_each_priority_has_its_share(budget: Budget, priority: Priority, share: int) -> None:
    """One less than the share is used: one more fits, a second does not."""
    fill(budget, share - 1)
    assert budget.admit(Cost(weight=1), priority, START_MS) is None
    refusal = budget.admit(Cost(weight=1), priority, START_MS + 1)

    assert refusal is not None
    assert refusal.until_ms == START_MS + 60_005
    assert "REQUEST_WEIGHT in 1M are used" in refusal.reason


def test_what_is_on_its_way_counts_and_what_was_not_charged_does_not(budget: Budget) -> None:
    """An order costs nothing when it was taken, so its weight is free again."""
    costs = [Cost(weight=40), Cost(weight=40)]
    assert [budget.admit(each, Priority.READ, START_MS) for each in costs] == [None, None]
    assert budget.admit(Cost(weight=1), Priority.READ, START_MS) is not None
    budget.settle(costs[0], Cost(weight=0), START_MS)
    assert budget.admit(Cost(weight=40), Priority.READ, START_MS) is None


def test_limits_that_are_learned_late_count_what_is_on_its_way_already() -> None:
    """The first answer names the rules while other requests fly: nothing is ever below zero on its way."""
    budget = Budget()
    early = Cost(weight=30)
    assert budget.admit(early, Priority.READ, START_MS) is None
    budget.learn(RULES)
    assert {each.kind: each.in_flight for each in budget.windows} == {WEIGHT: 30, ORDERS: 0, RAW: 1}
    assert budget.admit(Cost(weight=51), Priority.READ, START_MS) is not None
    budget.settle(early, early, START_MS)
    assert [each.in_flight for each in budget.windows] == [0, 0, 0]
    assert [each.used for each in budget.windows] == [30, 0, 1]


def test_a_window_begins_at_the_full_minute_and_not_a_minute_after_the_first_request(budget: Budget) -> None:
    """Aligned to the wall clock, as the venue's are."""
    fill(budget, 100, START_MS + 59_999)
    assert budget.admit(Cost(weight=1), Priority.HALT, START_MS + 59_999) is not None
    assert budget.admit(Cost(weight=1), Priority.HALT, START_MS + 60_000) is None


def test_the_venues_own_number_counts_where_it_is_higher(budget: Budget) -> None:
    """Somebody else asks from the same address; an answer of the window before tells nothing."""
    budget.told(WEIGHT, "1M", 80, sent_ms=START_MS + 1, now_ms=START_MS + 2)
    assert budget.admit(Cost(weight=1), Priority.READ, START_MS + 3) is not None
    budget.told(WEIGHT, "1M", 90, sent_ms=START_MS + 59_999, now_ms=START_MS + 60_001)
    assert budget.admit(Cost(weight=80), Priority.READ, START_MS + 60_002) is None


def test_fills_give_orders_back(budget: Budget) -> None:
    """The venue's count of unfilled orders goes down; ours follows."""
    for _ in range(9):
        cost = Cost(weight=0, orders=1)
        assert budget.admit(cost, Priority.ORDER, START_MS) is None
        budget.settle(cost, cost, START_MS)
    assert budget.admit(Cost(weight=0, orders=1), Priority.ORDER, START_MS) is not None
    budget.told(ORDERS, "10S", 2, sent_ms=START_MS, now_ms=START_MS + 5)
    assert budget.admit(Cost(weight=0, orders=1), Priority.ORDER, START_MS + 6) is None


def test_a_request_that_is_dearer_than_its_share_fits_an_empty_window(budget: Budget) -> None:
    """Or it could never be sent."""
    assert budget.admit(Cost(weight=95), Priority.READ, START_MS) is None


def test_silence_is_kept_to_the_second() -> None:
    """429 with Retry-After 3: nothing goes for three seconds, then the cancel goes before the reads."""

    async def story() -> list[str]:
        governor = Governor(LoopClock())
        governor.learn(RULES)
        ticket = await governor.enter(Cost(), Priority.READ, 1.0)
        governor.hear(ticket, 429, (), 3)
        governor.leave(ticket, Cost())
        went: list[str] = []

        async def ask(name: str, priority: Priority) -> None:
            await governor.enter(Cost(), priority, 10.0)
            went.append(f"{name} {asyncio.get_running_loop().time():.1f}")

        with pytest.raises(HeldBack) as held:
            await governor.enter(Cost(orders=1), Priority.ORDER, 0.0)
        assert held.value.retry_after_s == pytest.approx(3.0)
        names = [("read", Priority.READ), ("read", Priority.READ), ("cancel", Priority.CANCEL)]
        await asyncio.gather(*(ask(*each) for each in names))
        return went

    assert run(story()) == ["cancel 3.0", "read 3.0", "read 3.0"]


def test_a_read_without_patience_is_told_when_to_come_again() -> None:
    """And one that was given up leaves nothing behind."""

    async def story() -> None:
        governor = Governor(LoopClock())
        governor.learn(RULES)
        await governor.enter(Cost(weight=80), Priority.READ, 0.0)
        with pytest.raises(HeldBack, match="80 of 100 REQUEST_WEIGHT in 1M are used") as held:
            await governor.enter(Cost(), Priority.READ, 5.0)
        assert held.value.retry_after_s == pytest.approx(60.005)
        waiting = asyncio.create_task(governor.enter(Cost(), Priority.READ, 100.0))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert governor._waiting == []

    run(story())


class CountingVenue:
    """Counts as the documents say, in its own windows; whoever goes over is told so, and counted."""

    def __init__(self) -> None:
        self.met: Counter[str] = Counter()
        self.used: Counter[tuple[str, int]] = Counter()

    def answer(self, cost: Cost, now_ms: int) -> tuple[int, list[tuple[str, str, int]], int | None]:
        for kind, length_ms, limit, amount in (
            ("weight", 60_000, 100, cost.weight), ("orders", 10_000, 10, cost.orders),
        ):  # fmt: skip
            key = kind, now_ms // length_ms
            self.used[key] += amount
            if self.used[key] > limit:
                self.met["over"] += 1
                return 429, [], 1
        self.met["answered"] += 1
        weight = self.used["weight", now_ms // 60_000]
        return 200, [("REQUEST_WEIGHT", "1M", weight)], None


@pytest.mark.parametrize("seed", range(3))
def test_ten_minutes_of_storm_never_go_over_a_limit(seed: int) -> None:
    """Forty askers without a pause, with replies that take their time: the venue says no not once."""
    venue, held = CountingVenue(), Counter()

    async def ask(governor: Governor, chance: random.Random, priority: Priority) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < 600:
            orders = int(priority is Priority.ORDER)
            cost = Cost(weight=chance.choice((1, 2, 5, 20)), orders=orders)
            try:
                ticket = await governor.enter(cost, priority, 0.0 if orders else 120.0)
            except HeldBack as refused:
                held[priority] += 1
                await asyncio.sleep(min(5.0, refused.retry_after_s))
                continue
            await asyncio.sleep(chance.uniform(0, 0.02))
            status, counts, retry_after_s = venue.answer(cost, LoopClock().now_ms())
            await asyncio.sleep(chance.uniform(0, 0.2))
            governor.hear(ticket, status, counts, retry_after_s)
            governor.leave(ticket, cost)

    async def storm() -> None:
        governor = Governor(LoopClock())
        governor.learn(RULES[:2])
        chance = random.Random(seed)
        priorities = [Priority.READ] * 30 + [Priority.ORDER] * 5 + [Priority.CANCEL] * 5
        await asyncio.gather(*(ask(governor, random.Random(chance.random()), each) for each in priorities))

    run(storm())

    assert venue.met["over"] == 0
    full = [used for (kind, _), used in venue.used.items() if kind == "weight" and used >= 80]
    assert len(full) >= 9, "the storm did not fill the windows"
    assert held[Priority.ORDER] > 20
