"""Markets for learners: single events, and a random walk with a seed."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from quantlab.domain.market import BookTicker, Trade

START_MS = 1_767_225_600_000


def trade(
    at_ms: int, price: str | Decimal, *, quantity: str = "1", sold: bool = False, symbol: str = "BTCUSDT"
) -> Trade:
    """One trade at `at_ms` after the start."""
    when = START_MS + at_ms
    return Trade(
        symbol=symbol, trade_id=at_ms, price=Decimal(price), quantity=Decimal(quantity), buyer_is_maker=sold,
        trade_ms=when, event_ms=when,
    )  # fmt: skip


def quote(at_ms: int, bid: str, ask: str, *, bid_quantity: str = "1", ask_quantity: str = "1") -> BookTicker:
    """Best prices at `at_ms` after the start."""
    return BookTicker(
        symbol="BTCUSDT", update_id=at_ms, received_ms=START_MS + at_ms, bid=Decimal(bid), ask=Decimal(ask),
        bid_quantity=Decimal(bid_quantity), ask_quantity=Decimal(ask_quantity),
    )  # fmt: skip


def random_market(
    seed: int, count: int, *, step_ms: int = 400, symbols: tuple[str, ...] = ("BTCUSDT",)
) -> list[Any]:
    """Trades whose prices walk on a grid of 0.01 around 100, some in one millisecond, with quotes between."""
    draw = random.Random(seed)
    now_ms, price, events = 0, 10_000, []
    for _ in range(count):
        now_ms += draw.choice((0, 1, step_ms // 2, step_ms))
        price = max(5_000, price + draw.choice((-2, -1, 0, 0, 1, 2)))
        symbol = draw.choice(symbols)
        if draw.random() < 0.3 and symbol == "BTCUSDT":
            bid, ask = f"{(price - 1) / 100:.2f}", f"{(price + 1) / 100:.2f}"
            sizes = (str(draw.randint(1, 9)), str(draw.randint(1, 9)))
            events.append(quote(now_ms, bid, ask, bid_quantity=sizes[0], ask_quantity=sizes[1]))
        else:
            events.append(
                trade(
                    now_ms,
                    Decimal(price) / 100,
                    quantity=str(draw.randint(1, 5)),
                    sold=draw.random() < 0.5,
                    symbol=symbol,
                )
            )
    return events
