"""What the mirror asks an upstream by REST beyond the client's own reads: all filters, whole candles.

Public data only. Nothing is filled in: a filter that the upstream does not have is off here too.

Source: Binance spot "Filters"; REST API, "Exchange information", "Kline/Candlestick data".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import json

from quantlab.binance.client.spot_market import SpotMarket
from quantlab.binance.codec_rest import decode_exchange_info
from quantlab.binance.rest_shapes import Wire, amount, decode
from quantlab.domain.instrument import ZERO, Instrument
from quantlab.paper.market.candles import Candle
from quantlab.paper.orders import OrderKind, Prevention
from quantlab.paper.rules import Rules


class _Filter(Wire):
    filter_type: str
    min_qty: Decimal = ZERO
    max_qty: Decimal = ZERO
    step_size: Decimal = ZERO
    bid_multiplier_up: Decimal = ZERO
    bid_multiplier_down: Decimal = ZERO
    ask_multiplier_up: Decimal = ZERO
    ask_multiplier_down: Decimal = ZERO
    multiplier_up: Decimal = ZERO
    multiplier_down: Decimal = ZERO
    avg_price_mins: int = 0
    apply_to_market: bool = True
    apply_min_to_market: bool = True
    apply_max_to_market: bool = False
    max_num_orders: int = 0
    max_num_algo_orders: int = 0
    max_num_order_lists: int = 0
    max_num_order_amends: int = 0
    limit: int = 0
    max_position: Decimal = ZERO
    min_trailing_above_delta: int = 0
    max_trailing_above_delta: int = 0
    min_trailing_below_delta: int = 0
    max_trailing_below_delta: int = 0


class _Symbol(Wire):
    symbol: str
    filters: tuple[_Filter, ...]
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


_OFF = _Filter(filter_type="")


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
    filters = {each.filter_type: each for each in symbol.filters}
    market, percent = filters.get("MARKET_LOT_SIZE", _OFF), filters.get("PERCENT_PRICE_BY_SIDE")
    if percent is None:
        both = filters.get("PERCENT_PRICE", _OFF)
        up, down = both.multiplier_up, both.multiplier_down
        percent = msgspec.structs.replace(
            both,
            bid_multiplier_up=up,
            bid_multiplier_down=down,
            ask_multiplier_up=up,
            ask_multiplier_down=down,
        )
    notional, least = filters.get("NOTIONAL", _OFF), filters.get("MIN_NOTIONAL")
    trailing = filters.get("TRAILING_DELTA", _OFF)
    kinds, modes = {each.value for each in OrderKind}, {each.value for each in Prevention}
    allowed = tuple(
        Prevention(mode) for mode in symbol.allowed_self_trade_prevention_modes if mode in modes
    ) or tuple(Prevention)
    default = symbol.default_self_trade_prevention_mode
    return Rules(
        instrument=instrument,
        market_min_quantity=amount(market.min_qty),
        market_max_quantity=amount(market.max_qty),
        market_step_size=amount(market.step_size),
        bid_multiplier_up=amount(percent.bid_multiplier_up),
        bid_multiplier_down=amount(percent.bid_multiplier_down),
        ask_multiplier_up=amount(percent.ask_multiplier_up),
        ask_multiplier_down=amount(percent.ask_multiplier_down),
        average_minutes=percent.avg_price_mins,
        apply_min_to_market=notional.apply_min_to_market if least is None else least.apply_to_market,
        apply_max_to_market=notional.apply_max_to_market,
        max_orders=filters.get("MAX_NUM_ORDERS", _OFF).max_num_orders,
        max_algo_orders=filters.get("MAX_NUM_ALGO_ORDERS", _OFF).max_num_algo_orders,
        max_order_lists=filters.get("MAX_NUM_ORDER_LISTS", _OFF).max_num_order_lists,
        max_order_amends=filters.get("MAX_NUM_ORDER_AMENDS", _OFF).max_num_order_amends,
        iceberg_parts=filters.get("ICEBERG_PARTS", _OFF).limit,
        max_position=amount(filters.get("MAX_POSITION", _OFF).max_position),
        min_trailing_above_delta=trailing.min_trailing_above_delta,
        max_trailing_above_delta=trailing.max_trailing_above_delta,
        min_trailing_below_delta=trailing.min_trailing_below_delta,
        max_trailing_below_delta=trailing.max_trailing_below_delta,
        order_types=tuple(OrderKind(each) for each in symbol.order_types if each in kinds)
        or tuple(OrderKind),
        default_prevention=Prevention(default) if default in modes else allowed[0],
        allowed_preventions=allowed,
    )


def _candle(row: _Row) -> Candle:
    candle = Candle(row.open_ms, amount(row.open))
    candle.high, candle.low, candle.close = amount(row.high), amount(row.low), amount(row.close)
    candle.volume, candle.quote_volume = amount(row.volume), amount(row.quote_volume)
    candle.taker_volume, candle.taker_quote = amount(row.taker_volume), amount(row.taker_quote)
    candle.trades = row.trades
    return candle
