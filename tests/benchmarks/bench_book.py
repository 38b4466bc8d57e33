"""A local book from wire strings, beside sortedcontainers + Decimal, in one run; prints JSON.

    python tests/benchmarks/bench_book.py [--rounds 7] [--diffs 1500]

sortedcontainers (`pip install sortedcontainers`) is needed by this benchmark only; without it there is
no ratio. Both fold the same diffs (some 40 levels each around a touch that moves, a third of them
removals, 1,000 levels a side to begin with), take turns, read the best prices after each diff, and must
agree on all of them. Ours checks the ids and every quantity as well. It is also a contender of a
bench_book.py that takes `--adapter`: there it is called wire_quantlab.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from quantlab.domain.market import DepthSnapshot, DepthUpdate
from quantlab.market.book import Book

Pairs = list[tuple[str, str]]
Tops = list[tuple[Decimal, Decimal] | None]


class WireQuantlab:
    """Our book as a contender: whole diffs through `Book.apply`."""

    def __init__(self) -> None:
        self.book = Book("BTCUSDT")
        self.book.apply_snapshot(DepthSnapshot(symbol="BTCUSDT", last_update_id=0, bids=(), asks=()))
        self.number = 0

    @staticmethod
    def conv(price: int, quantity: int) -> tuple[str, str]:
        """Cents and hundred-thousandths as the venue writes them."""
        return f"{price / 100:.8f}", f"{quantity / 100_000:.8f}"

    def apply(self, bids: Pairs, asks: Pairs) -> None:
        self.number += 1
        gap = self.book.apply(
            DepthUpdate(
                symbol="BTCUSDT", first_id=self.number, final_id=self.number,
                bids=bids, asks=asks, event_ms=1,  # type: ignore[arg-type]  # lists do as well
            )
        )  # fmt: skip
        if gap is not None:
            raise ValueError(gap.reason)

    def top(self) -> tuple[Decimal, Decimal] | None:
        top = self.book.top()
        return None if top is None else (top.bid, top.ask)

    def depth(self, n: int) -> tuple[Any, Any]:
        view = self.book.view(n)
        return view.bids, view.asks


class SortedDecimal:
    """The peer: a SortedDict a side, keys and quantities Decimal."""

    def __init__(self) -> None:
        from sortedcontainers import SortedDict

        self.bids, self.asks = SortedDict(), SortedDict()

    def apply(self, bids: Pairs, asks: Pairs) -> None:
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for text, amount in changes:
                price, quantity = Decimal(text), Decimal(amount)
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)

    def top(self) -> tuple[Decimal, Decimal]:
        return self.bids.peekitem(-1)[0], self.asks.peekitem(0)[0]


def register(registry: dict[str, Any]) -> None:
    """For a benchmark that takes adapters."""
    registry["wire_quantlab"] = WireQuantlab


def workload(diffs: int, *, levels: int = 1_000, seed: int = 5) -> list[tuple[Pairs, Pairs]]:
    """The whole book, then diffs, as wire text."""
    dice, middle = random.Random(seed), 6_000_000

    def size() -> int:
        return dice.randrange(1, 1_000_000)

    made = [
        ([(middle - i, size()) for i in range(1, levels)], [(middle + i, size()) for i in range(1, levels)])
    ]
    for _ in range(diffs):
        middle += dice.choice((-1, 0, 0, 1))
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for _ in range(18):
            for side, sign in zip(sides, (-1, 1), strict=True):
                away = min(int(dice.expovariate(0.15)) + 1, 400)
                side[middle + sign * away] = 0 if dice.random() < 0.33 else size()
        for away in range(3):  # what the touch has crossed is gone
            sides[0].setdefault(middle + away, 0)
            sides[1].setdefault(middle - away, 0)
        made.append((list(sides[0].items()), list(sides[1].items())))
    wire = WireQuantlab.conv
    return [([wire(*each) for each in bids], [wire(*each) for each in asks]) for bids, asks in made]


def timed(make: Callable[[], Any], diffs: list[tuple[Pairs, Pairs]]) -> tuple[float, Tops]:
    """Level updates a second, and the best prices after each diff."""
    book, tops = make(), []
    book.apply(*diffs[0])
    began = time.perf_counter()
    for bids, asks in diffs[1:]:
        book.apply(bids, asks)
        tops.append(book.top())
    taken = time.perf_counter() - began
    return sum(len(bids) + len(asks) for bids, asks in diffs[1:]) / taken, tops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--diffs", type=int, default=1_500)
    options = parser.parse_args()
    contenders: dict[str, Callable[[], Any]] = {"quantlab": WireQuantlab}
    try:
        SortedDecimal()
        contenders["sortedcontainers_decimal"] = SortedDecimal
    except ImportError:
        pass
    diffs = workload(options.diffs)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    tops: dict[str, Tops] = {}
    for _ in range(options.rounds):
        for name, make in contenders.items():
            rate, tops[name] = timed(make, diffs)
            rates[name].append(rate)
    median = {name: statistics.median(each) for name, each in rates.items()}
    answer: dict[str, Any] = {"wire_level_updates_s": {name: round(each) for name, each in median.items()}}
    if "sortedcontainers_decimal" in contenders:
        pairs = zip(rates["quantlab"], rates["sortedcontainers_decimal"], strict=True)
        answer["x_sortedcontainers_decimal"] = round(
            statistics.median(ours / theirs for ours, theirs in pairs), 2
        )
        answer["wrong_tops"] = sum(ours != theirs for ours, theirs in zip(*tops.values(), strict=True))
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
