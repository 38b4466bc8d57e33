"""Makes recordings for tests: a writer over real files, and the events that go into it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from quantlab.bus import Topic
from quantlab.domain.market import BookTicker, DepthUpdate, Kline, Trade
from quantlab.market.recording.blocks import FORMAT
from quantlab.market.recording.schema import Header, Selection
from quantlab.market.recording.segments import Bounds, Segments
from quantlab.market.recording.writer import Writer
from quantlab.topics import CATALOGUE

SMALL = Bounds(spare_bytes=0, flush_s=0.01)


def header(selection: Selection, name: str, segment: int, first: int) -> Header:
    """As the engine makes one."""
    return Header(
        format=FORMAT, quantlab="0.1.0", recording=name, segment=segment, first=first, started_ms=1,
        opened_ms=1, venue="paper", symbols=("BTCUSDT",), patterns=selection.patterns, raw=selection.raw,
        topics=selection.shapes,
    )  # fmt: skip


def new_writer(
    folder: Path,
    *patterns: Topic[Any] | str,
    raw: bool = False,
    bounds: Bounds = SMALL,
    known: Sequence[Topic[Any]] = CATALOGUE,
    now_s: Callable[[], float] = time.monotonic,
    **options: Any,
) -> Writer:
    """A writer into `folder`, which is made; `write` and `sync` are for its segments."""
    folder.mkdir(parents=True)
    selection = Selection(patterns or ("market.>",), known, raw=raw)
    disk = {name: options.pop(name) for name in ("write", "sync") if name in options}
    segments = Segments(folder, bounds, partial(header, selection, folder.name), now_s=now_s, **disk)
    return Writer(selection, segments, bounds, **options)


def record(folder: Path, events: Sequence[object], *patterns: Topic[Any] | str, **options: Any) -> Path:
    """A whole recording of these events, one block each, closed."""
    writer = new_writer(folder, *patterns, **options)
    tap = writer.tap()
    for event in events:
        tap(event)
        writer.flush()
    assert writer.stop()
    return folder


def trade(number: int, symbol: str = "BTCUSDT") -> Trade:
    return Trade(
        symbol=symbol, trade_id=number, price=Decimal("60000.10") + number, quantity=Decimal("0.00100"),
        buyer_is_maker=bool(number % 2), trade_ms=1_700_000_000_000 + number,
        event_ms=1_700_000_000_001 + number,
    )  # fmt: skip


def some_events(seed: int, count: int) -> list[Any]:
    """Events of all four market types, in two symbols."""
    draw = random.Random(seed)
    return [draw.choice((trade, ticker, diff, kline))(number, draw.choice(("BTCUSDT", "ETHUSDT")))
            for number in range(1, count + 1)]  # fmt: skip


def ticker(number: int, symbol: str = "BTCUSDT") -> BookTicker:
    return BookTicker(
        symbol=symbol, update_id=number, bid=Decimal("59999.99"), bid_quantity=Decimal("1.50000000"),
        ask=Decimal(60000), ask_quantity=Decimal("1E-8"), received_ms=1_700_000_000_000 + number,
    )  # fmt: skip


def diff(number: int, symbol: str = "BTCUSDT") -> DepthUpdate:
    return DepthUpdate(
        symbol=symbol, first_id=number, final_id=number, bids=(("59999.90", "0.00000000"),), asks=(),
        event_ms=1_700_000_000_000 + number,
    )  # fmt: skip


def kline(number: int, symbol: str = "BTCUSDT") -> Kline:
    one = Decimal(number)
    return Kline(
        symbol=symbol, interval="1m", open_ms=60_000 * number, close_ms=60_000 * number + 59_999, open=one,
        high=one, low=one, close=one, volume=Decimal("12.5"), quote_volume=Decimal(750), trades=3,
        closed=False, event_ms=60_000 * number + 30_000,
    )  # fmt: skip


class Fast(msgspec.Struct, frozen=True):
    """A user's own type."""

    name: str
    speed: float


FAST: Topic[Fast] = Topic("fast.{name}", Fast)
