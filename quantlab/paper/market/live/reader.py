"""What the mirror asks an upstream by REST beyond the client's own reads: all filters, whole candles.

Public data only. Nothing is filled in: a filter that the upstream does not have is off here too.

Source: Binance spot "Filters"; REST API, "Exchange information", "Kline/Candlestick data".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import json

from quantlab.binance.client.spot_market import SpotMarket
from quantlab.binance.codec_rest import decode_exchange_info
from quantlab.binance.filters import (
    Filter,
    MarketLotSize,
    MaxNumAlgoOrders,
    MaxNumOrderAmends,
    MaxNumOrderLists,
    MaxNumOrders,
    MaxPosition,
    MinNotional,
    Notional,
    PercentPrice,
    PercentPriceBySide,
    SymbolFilters,
    TrailingDelta,
    decode_filters,
)
from quantlab.binance.rest_shapes import Wire, amount, decode
from quantlab.domain.instrument import Instrument
from quantlab.paper.market.candles import Candle
from quantlab.paper.orders import OrderKind, Prevention
from quantlab.paper.rules import Rules


class _Symbol(Wire):
    symbol: str
    filters: tuple[msgspec.Raw, ...]
    order_types: tuple[str, ...] = ()
    default_self_trade_prevention_mode: str = Prevention.NONE
    allowed_self_trade_prevention_modes: tuple[str, ...] = ()


class _Info(Wire):
    symbols: tuple[_Symbol, ...]


class _Row(msgspec.Struct, array_like=True):
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_ms: int
    quote_volume: Decimal
    trades: int
    taker_volume: Decimal
    taker_quote: Decimal


SIDES = (("bid", "up"), ("bid", "down"), ("ask", "up"), ("ask", "down"))
NAMES: dict[type[Filter], dict[str, str]] = {  # of `Rules`, and what the filter calls it
    MarketLotSize: {
        "market_min_quantity": "min_qty", "market_max_quantity": "max_qty", "market_step_size": "step_size",
    },
    PercentPriceBySide: {
        **{f"{side}_multiplier_{way}": f"{side}_multiplier_{way}" for side, way in SIDES},
        "average_minutes": "avg_price_mins",
    },
    Notional: {name: name for name in ("apply_min_to_market", "apply_max_to_market")},
    MaxNumOrders: {"max_orders": "max_num_orders"},
    MaxNumAlgoOrders: {"max_algo_orders": "max_num_algo_orders"},
    MaxNumOrderLists: {"max_order_lists": "max_num_order_lists"},
    MaxNumOrderAmends: {"max_order_amends": "max_num_order_amends"},
    MaxPosition: {"max_position": "max_position"},
    TrailingDelta: {
        name: name
        for name in (
            "min_trailing_above_delta", "max_trailing_above_delta",
            "min_trailing_below_delta", "max_trailing_below_delta",
        )
    },
}  # fmt: skip
TYPES = {each.name: each.type for each in msgspec.structs.fields(Rules)}
OFF = {ours: TYPES[ours](0) for names in NAMES.values() for ours in names} | {"apply_min_to_market": True}
"""Where the upstream has no such filter: 0 bounds nothing."""


class Reader(SpotMarket):
    """The upstream by REST; see `SpotMarket` for what its methods raise."""

    async def listing(self, symbols: Sequence[str] = ()) -> dict[str, Rules]:
        """These symbols, or all, with their filters, by name. Weight: 20."""
        params = {"symbols": json.encode(symbols).decode()} if symbols else {}
        return await self._read("exchange_info", params, decode_rules)

    async def candles(self, symbol: str, interval: str, limit: int = 1_000) -> list[Candle]:
        """The latest candles, oldest first, the running one last. Weight: 2."""
        params = {"symbol": symbol, "interval": interval, "limit": str(limit)}
        return await self._read("klines", params, decode_candles)


def decode_rules(body: bytes) -> dict[str, Rules]:
    """The answer "Exchange information" as the rules of each symbol."""
    instruments = decode_exchange_info(body).instruments
    return {each.symbol: _rules(instruments[each.symbol], each) for each in decode(body, _Info).symbols}


def decode_candles(body: bytes) -> list[Candle]:
    """The answer "Kline/Candlestick data"."""
    return [_candle(row) for row in decode(body, tuple[_Row, ...])]


def _rules(instrument: Instrument, symbol: _Symbol) -> Rules:
    kinds, modes = {each.value for each in OrderKind}, {each.value for each in Prevention}
    allowed = tuple(
        Prevention(mode) for mode in symbol.allowed_self_trade_prevention_modes if mode in modes
    ) or tuple(Prevention)
    default = symbol.default_self_trade_prevention_mode
    bounds = _bounds(SymbolFilters(symbol=symbol.symbol, filters=decode_filters(symbol.filters)))
    return Rules(
        instrument=instrument,
        order_types=tuple(OrderKind(each) for each in symbol.order_types if each in kinds)
        or tuple(OrderKind),
        default_prevention=Prevention(default) if default in modes else allowed[0],
        allowed_preventions=allowed,
        **(OFF | bounds),
    )


def _bounds(filters: SymbolFilters) -> dict[str, Any]:
    """What the upstream's filters bound, by the names of `Rules`; two of them have an older form."""
    found: dict[str, Any] = {}
    for kind, names in NAMES.items():
        known = filters.get(kind)
        if known is not None:
            found |= {ours: getattr(known, theirs) for ours, theirs in names.items()}
    both, least = filters.get(PercentPrice), filters.get(MinNotional)
    if both is not None and filters.get(PercentPriceBySide) is None:
        found |= {f"{side}_multiplier_{way}": getattr(both, f"multiplier_{way}") for side, way in SIDES}
        found["average_minutes"] = both.avg_price_mins
    if least is not None:
        found["apply_min_to_market"] = least.apply_to_market
    return found


def _candle(row: _Row) -> Candle:
    candle = Candle(row.open_ms, amount(row.open))
    candle.high, candle.low, candle.close = amount(row.high), amount(row.low), amount(row.close)
    candle.volume, candle.quote_volume = amount(row.volume), amount(row.quote_volume)
    candle.taker_volume, candle.taker_quote = amount(row.taker_volume), amount(row.taker_quote)
    candle.trades = row.trades
    return candle
