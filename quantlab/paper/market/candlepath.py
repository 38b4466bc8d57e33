"""From a candle to trades that make it again: a path through its open, high, low and close.

Real: open, high, low, close and the volume, exactly. Made up: the way between them and how many
trades it takes, their times, their sizes (equal) and who was the aggressor (the buyer on the way
up). A candle that closes at its open or above goes to its low first, else to its high first, the
usual convention. So the venue's klines of the tape equal the archive's in open, high, low, close and
volume, not in quote volume, number of trades and taker volumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

FEWEST_TRADES, MOST_TRADES = 4, 20  # of a candle that had more

Step = tuple[int, int, bool]  # price, quantity, buyer is maker


def path(prices: Sequence[int], volume: int, trades: int) -> Iterator[Step]:
    """Trades of one candle, oldest first; none where it has no volume.

    Args:
        prices: Open, high, low, close; any whole units.
        volume: What was traded; whole units.
        trades: How many to make, more where the corners need more, fewer where the volume has not.

    Raises:
        ValueError: The candle cannot be: it lies outside its range, or moved without a volume.
    """
    opened, high, low, close = prices
    if not low <= min(opened, close) <= max(opened, close) <= high:
        raise ValueError("open or close lies outside of low and high")
    corners = [opened, *((low, high) if close >= opened else (high, low)), close]
    corners = [price for at, price in enumerate(corners) if not at or price != corners[at - 1]]
    if volume < len(corners):
        if volume or len(corners) > 1:
            raise ValueError("the candle moved further than its volume allows")
        return
    count = min(volume, max(len(corners), trades))
    share, more = divmod(volume, count)
    before, maker = opened, close < opened
    for number, price in enumerate(_points(corners, count)):
        maker = price < before if price != before else maker
        yield price, share + (number < more), maker
        before = price


def _points(corners: Sequence[int], count: int) -> Iterator[int]:
    """`count` prices along the corners, all of these among them; longer ways get more."""
    left = sum(abs(start - end) for start, end in pairwise(corners))
    spare = count - len(corners)
    yield corners[0]
    for start, end in pairwise(corners):
        distance = abs(end - start)
        inside = spare * distance // left
        spare, left = spare - inside, left - distance
        yield from (start + (end - start) * step // (inside + 1) for step in range(1, inside + 1))
        yield end
    yield from [corners[-1]] * spare
