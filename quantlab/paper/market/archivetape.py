"""A file of Binance's public archive, played as the public market.

Real: every trade's price, quantity, order and aggressor, its id (of an aggregate its last one) and
the time between trades; of candles what `candlepath` says. Made up: the book (`madeup`). Moved to
the venue's clock: all times. A user's order rests in the made-up queue and is filled by real
trades, by those that go through its price, or where the made-up book comes to cross it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from quantlab.domain.instrument import Instrument
from quantlab.market.recording.archivefields import PLACES
from quantlab.paper.exchange import Exchange
from quantlab.paper.market import Frame
from quantlab.paper.market.archive import Archive
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.madeup import MadeUpBook
from quantlab.paper.market.pace import Pace
from quantlab.paper.tapebook import UnitLevels
from quantlab.paper.units import EXACT, whole

US_PER_MS = 1_000
UNIT = Decimal(1).scaleb(-PLACES)

Shown = list[tuple[Decimal, Decimal]]


class ArchiveMarket:
    """Plays an archive's trades on the exchange's mirrored book.

    Args:
        archive: What `archive.read` gave.
        speed: Tape milliseconds for each of the venue's.
    """

    verbatim: frozenset[str] = frozenset()

    def __init__(self, archive: Archive, *, speed: float = 1.0) -> None:
        self.instruments: tuple[Instrument, ...] = (archive.instrument,)
        self._archive = archive
        self._next = 0
        self._pace = Pace(speed)
        self._symbol = archive.instrument.symbol
        self._tick, self._step = archive.instrument.tick_size, archive.instrument.step_size
        self._tick_units, self._step_units = (whole(each, UNIT) or 1 for each in (self._tick, self._step))
        typical = sum(archive.quantities) // len(archive) // self._step_units
        self._book = MadeUpBook(archive.prices[0] // self._tick_units, typical)
        self._update_id = 1

    def open(self, exchange: Exchange, now_ms: int) -> None:
        """Show the book in which the first trade happens."""
        first = self._archive[0]
        price, lots = first.price // self._tick_units, first.quantity // self._step_units
        bids, asks = self._book.before(price, lots, buyer_is_maker=first.buyer_is_maker)
        exchange.mirror_snapshot(self._symbol, self._update_id, self._shown(bids), self._shown(asks), now_ms)

    def history(self, symbol: str, now_ms: int) -> Sequence[Candle]:  # noqa: ARG002  # the protocol's
        """None: what was before the tape is not known."""
        return ()

    def next_ms(self) -> int | None:
        if not self._pace.running or self._next == len(self._archive):
            return None
        return self._pace.venue_ms(self._at_ms(self._next))

    def act(self, exchange: Exchange) -> Sequence[Frame]:
        """The next trade, and the made-up book before and after it."""
        row, now_ms = self._archive[self._next], self._pace.venue_ms(self._at_ms(self._next))
        self._next += 1
        price, lots = row.price // self._tick_units, row.quantity // self._step_units
        maker = row.buyer_is_maker
        self._show(exchange, self._book.before(price, lots, buyer_is_maker=maker), now_ms)
        at, quantity = EXACT.multiply(self._tick, price), EXACT.multiply(self._step, lots)
        exchange.mirror_trade(self._symbol, row.trade_id, at, quantity, maker, now_ms)
        self._show(exchange, self._book.after(lots, buyer_is_maker=maker), now_ms)
        return ()

    def play(self, now_ms: int, speed: float) -> None:
        self._pace.play(now_ms, speed, self._due())

    def stop(self, now_ms: int) -> None:
        self._pace.stop(now_ms, self._due())

    def slip(self, from_ms: int, to_ms: int) -> None:
        self._pace.slip(from_ms, to_ms, self._due())

    def _due(self) -> float:
        """The tape's time of the next trade."""
        return self._at_ms(self._next) if self._next < len(self._archive) else math.inf

    def _at_ms(self, number: int) -> float:
        return (self._archive.times_us[number] - self._archive.times_us[0]) / US_PER_MS

    def _show(self, exchange: Exchange, changes: tuple[UnitLevels, UnitLevels], now_ms: int) -> None:
        bids, asks = changes
        if bids or asks:
            self._update_id += 1
            ids = self._update_id, self._update_id
            exchange.mirror_depth(self._symbol, *ids, self._shown(bids), self._shown(asks), now_ms)

    def _shown(self, levels: UnitLevels) -> Shown:
        return [
            (EXACT.multiply(self._tick, price), EXACT.multiply(self._step, lots)) for price, lots in levels
        ]
