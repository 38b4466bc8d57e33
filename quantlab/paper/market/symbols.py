"""The symbols of the made-up market: their grids, where they start, and how big people trade there."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.errors import UnknownSymbol


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """What the market needs to know of one symbol. `slowness` stretches the waits between its events."""

    instrument: Instrument
    start: Decimal  # price in the quote asset
    level_notional: Decimal  # typical worth of one level, quote asset
    trade_notional: Decimal  # typical worth of one taker's order, quote asset
    slowness: float = 1.0


def _seeded(
    base: str,
    *,
    start: str,
    tick: str,
    step: str,
    level: int,
    trade: int,
    highest: str,
    slowness: float = 1.0,
) -> Seeded:
    instrument = Instrument(
        symbol=f"{base}USDT", base=base, quote="USDT",
        tick_size=Decimal(tick), min_price=Decimal(tick), max_price=Decimal(highest),
        step_size=Decimal(step), min_quantity=Decimal(step), max_quantity=Decimal(step) * 900_000_000,
        min_notional=Decimal(5), max_notional=Decimal(9_000_000),
    )  # fmt: skip
    return Seeded(
        instrument=instrument,
        start=Decimal(start),
        level_notional=Decimal(level),
        trade_notional=Decimal(trade),
        slowness=slowness,
    )


SYMBOLS: tuple[Seeded, ...] = (
    _seeded("BTC", start="60000", tick="0.01", step="0.00001", level=20_000, trade=1_200, highest="1000000"),
    _seeded("ETH", start="3000", tick="0.01", step="0.0001", level=15_000, trade=800, highest="1000000"),
    # a cheap one on an odd grid, because grids are odd
    _seeded("DOGE", start="0.12", tick="0.00005", step="10", level=4_000, trade=250, highest="1000"),
    # what fees are paid in; not half as busy
    _seeded(
        "BNB", start="600", tick="0.01", step="0.001", level=5_000, trade=300, highest="100000", slowness=2.5
    ),
)


def instruments(symbols: Sequence[str] | None = None) -> tuple[Seeded, ...]:
    """The symbols asked for, or all."""
    known = {each.instrument.symbol: each for each in SYMBOLS}
    for symbol in symbols or ():
        if symbol not in known:
            raise UnknownSymbol(symbol, tuple(known))
    return tuple(known[symbol] for symbol in dict.fromkeys(symbols)) if symbols else SYMBOLS
