"""The made-up past of a symbol: candles for the time before the venue opened.

Exact and seeded like the market itself: whole ticks, whole steps, and the newest candle closes at
the price at which the market opens. It is a decoration for charts and features, never traded.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

from quantlab.domain.instrument import Instrument, round_quantity
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.intervals import MINUTE

MINUTES, FIVES, HOURS = 1_000, 168, 336  # pieces of each length: 17 h, then 14 h, then 14 days


def backwards(
    instrument: Instrument, close: Decimal, turnover: Decimal, now_ms: int, rng: random.Random
) -> list[Candle]:
    """Candles up to the last full minute before `now_ms`, oldest first.

    Args:
        close: Where the newest candle closes (quote asset).
        turnover: What is traded in a typical minute (quote asset).
    """
    candles = []
    price = int(close / instrument.tick_size)
    for open_ms, minutes in _spans(now_ms):
        swing = max(1, price * (11 if minutes == 1 else 25 if minutes == 5 else 85) // 20_000)
        opened = max(1, price - rng.randint(-swing, swing))
        high = max(price, opened) + rng.randint(0, swing // 2 + 1)
        low = max(1, min(price, opened) - rng.randint(0, swing // 2 + 1))
        worth = turnover * minutes * rng.randint(40, 160) / 100
        candles.append(_candle(instrument, open_ms, (opened, high, low, price), worth, rng))
        price = opened
    return candles[::-1]


def _spans(now_ms: int) -> Iterator[tuple[int, int]]:
    """Opening time and minutes of each piece, newest first; a piece never crosses a longer one."""
    end = now_ms - now_ms % MINUTE
    for minutes, count in ((1, MINUTES), (5, FIVES), (60, HOURS)):
        longer = {1: 5, 5: 60, 60: 60}[minutes] * MINUTE
        stop = (end - count * minutes * MINUTE) // longer * longer
        while end > stop:
            end -= minutes * MINUTE
            yield end, minutes


def _candle(
    instrument: Instrument, open_ms: int, ticks: tuple[int, int, int, int], worth: Decimal, rng: random.Random
) -> Candle:
    opened, high, low, close = (each * instrument.tick_size for each in ticks)
    candle = Candle(open_ms, opened)
    candle.high, candle.low, candle.close = high, low, close
    typical = (high + low) // (2 * instrument.tick_size) * instrument.tick_size
    step = instrument.step_size
    candle.volume = round_quantity(worth / typical, step) + step
    candle.taker_volume = round_quantity(candle.volume * rng.randint(35, 65) / 100, step)
    candle.quote_volume = candle.volume * typical
    candle.taker_quote = candle.taker_volume * typical
    candle.trades = max(1, int(worth // 1_000))
    return candle
