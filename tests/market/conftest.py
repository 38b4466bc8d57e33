"""An order book at a venue, as the venue sees it: it makes diffs and snapshots and never errs."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import pytest

from quantlab.domain.market import DepthSnapshot, DepthUpdate, WireLevel

sys.path.append(str(Path(__file__).parents[1]))  # tests are no packages: moved_clock.py is one up

SYMBOL = "BTCUSDT"
REMEMBERED = 64


class Sides(NamedTuple):
    """Both sides in ticks, best first."""

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


class TrueBook:
    """Prices in ticks of 0.01, quantities in units of 0.001; `states` by update id."""

    def __init__(self, seed: int, *, futures: bool = False) -> None:
        self.random = random.Random(seed)
        self.futures = futures
        self.middle = 6_000_000
        self.bids = {self.middle - i: self.random.randrange(1, 9999) for i in range(1, 15)}
        self.asks = {self.middle + i: self.random.randrange(1, 9999) for i in range(1, 15)}
        self.update_id = 1000
        self.states: OrderedDict[int, Sides] = OrderedDict()
        self._remember()

    def diff(self) -> DepthUpdate:
        """Move the market and say what changed."""
        self.middle += self.random.choice((-1, 0, 0, 1))
        changes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, change, sign in ((self.bids, changes[0], -1), (self.asks, changes[1], 1)):
            for price in [price for price in side if (price - self.middle) * sign <= 0]:
                change[price] = 0
            for _ in range(self.random.randrange(4)):
                price = self.middle + sign * self.random.randrange(1, 20)
                change[price] = self.random.choice((0, self.random.randrange(1, 9999)))
            for price, quantity in change.items():
                side[price] = quantity
                if not quantity:
                    del side[price]
        previous, first = self.update_id, self.update_id + 1
        if self.futures:
            first += self.random.randrange(50)
        self.update_id = first + self.random.randrange(5)
        self._remember()
        return DepthUpdate(
            symbol=SYMBOL, first_id=first, final_id=self.update_id, event_ms=1,
            bids=levels(changes[0]), asks=levels(changes[1]),
            previous_id=previous if self.futures else None,
        )  # fmt: skip

    def snapshot(self) -> DepthSnapshot:
        """The whole book as it stands."""
        return DepthSnapshot(
            symbol=SYMBOL, last_update_id=self.update_id, bids=levels(self.bids), asks=levels(self.asks)
        )

    def _remember(self) -> None:
        bids = tuple(sorted(self.bids.items(), reverse=True))
        self.states[self.update_id] = Sides(bids, tuple(sorted(self.asks.items())))
        if len(self.states) > REMEMBERED:
            self.states.popitem(last=False)


def levels(side: dict[int, int]) -> tuple[WireLevel, ...]:
    """Ticks and units as the venue writes them."""
    return tuple(
        (f"{price // 100}.{price % 100:02}", f"{quantity // 1000}.{quantity % 1000:03}")
        for price, quantity in side.items()
    )


@pytest.fixture
def true_book() -> type[TrueBook]:
    """Makes books of a venue: `true_book(seed, futures=...)`."""
    return TrueBook
