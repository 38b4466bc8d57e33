"""The venue's filters, each with its own type: what an order must respect to be taken.

Pure. A filter that the document does not know yet is an `UnknownFilter`, shown and not lost. Prices
in the quote asset, quantities in the base asset; 0 bounds nothing.

Source: Binance spot "Filters".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from quantlab.binance.rest_shapes import Wire, amount, decode
from quantlab.errors import UndecodableReply
from quantlab.frames import frame

if TYPE_CHECKING:
    import pandas as pd


class Filter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One filter. `filter_type` is the venue's name of it."""

    filter_type: str


class UnknownFilter(Filter, frozen=True, kw_only=True):
    """A filter that we do not know: what the venue said of it, as it came."""

    fields: dict[str, Any] = {}


class PriceFilter(Filter, frozen=True, kw_only=True):
    min_price: Decimal
    max_price: Decimal
    tick_size: Decimal


class PercentPrice(Filter, frozen=True, kw_only=True):
    """A price between two multiples of the average of `avg_price_mins` minutes (0: the last price)."""

    multiplier_up: Decimal
    multiplier_down: Decimal
    avg_price_mins: int


class PercentPriceBySide(Filter, frozen=True, kw_only=True):
    bid_multiplier_up: Decimal
    bid_multiplier_down: Decimal
    ask_multiplier_up: Decimal
    ask_multiplier_down: Decimal
    avg_price_mins: int


class LotSize(Filter, frozen=True, kw_only=True):
    min_qty: Decimal
    max_qty: Decimal
    step_size: Decimal


class MarketLotSize(LotSize, frozen=True, kw_only=True):
    """The same for market orders."""


class MinNotional(Filter, frozen=True, kw_only=True):
    min_notional: Decimal
    apply_to_market: bool
    avg_price_mins: int


class Notional(Filter, frozen=True, kw_only=True):
    min_notional: Decimal
    apply_min_to_market: bool
    max_notional: Decimal
    apply_max_to_market: bool
    avg_price_mins: int


class IcebergParts(Filter, frozen=True, kw_only=True):
    limit: int


class MaxNumOrders(Filter, frozen=True, kw_only=True):
    max_num_orders: int


class MaxNumAlgoOrders(Filter, frozen=True, kw_only=True):
    max_num_algo_orders: int


class MaxNumIcebergOrders(Filter, frozen=True, kw_only=True):
    max_num_iceberg_orders: int


class MaxNumOrderLists(Filter, frozen=True, kw_only=True):
    max_num_order_lists: int


class MaxNumOrderAmends(Filter, frozen=True, kw_only=True):
    max_num_order_amends: int


class MaxPosition(Filter, frozen=True, kw_only=True):
    """The most of the base asset that an account may hold, open buys counted."""

    max_position: Decimal


class TrailingDelta(Filter, frozen=True, kw_only=True):
    """Bounds of an order's trailing delta, in basis points."""

    min_trailing_above_delta: int
    max_trailing_above_delta: int
    min_trailing_below_delta: int
    max_trailing_below_delta: int


class MaxAsset(Filter, frozen=True, kw_only=True):
    """The most of one asset that an order of this account may move; only `my_filters` shows it."""

    asset: str
    limit: Decimal


KNOWN: dict[str, type[Filter]] = {
    "PRICE_FILTER": PriceFilter,
    "PERCENT_PRICE": PercentPrice,
    "PERCENT_PRICE_BY_SIDE": PercentPriceBySide,
    "LOT_SIZE": LotSize,
    "MARKET_LOT_SIZE": MarketLotSize,
    "MIN_NOTIONAL": MinNotional,
    "NOTIONAL": Notional,
    "ICEBERG_PARTS": IcebergParts,
    "MAX_NUM_ORDERS": MaxNumOrders,
    "MAX_NUM_ALGO_ORDERS": MaxNumAlgoOrders,
    "MAX_NUM_ICEBERG_ORDERS": MaxNumIcebergOrders,
    "MAX_NUM_ORDER_LISTS": MaxNumOrderLists,
    "MAX_NUM_ORDER_AMENDS": MaxNumOrderAmends,
    "MAX_POSITION": MaxPosition,
    "TRAILING_DELTA": TrailingDelta,
    "EXCHANGE_MAX_NUM_ORDERS": MaxNumOrders,
    "EXCHANGE_MAX_NUM_ALGO_ORDERS": MaxNumAlgoOrders,
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": MaxNumIcebergOrders,
    "EXCHANGE_MAX_NUM_ORDER_LISTS": MaxNumOrderLists,
    "MAX_ASSET": MaxAsset,
}
F = TypeVar("F", bound=Filter)


class SymbolFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of one symbol; of `my_filters` also those of the exchange and of the account's assets."""

    symbol: str
    filters: tuple[Filter, ...]
    exchange: tuple[Filter, ...] = ()
    assets: tuple[Filter, ...] = ()

    def get(self, kind: type[F]) -> F | None:
        """The symbol's filter of exactly this type, or None: then it does not bound the symbol."""
        return next((each for each in self.filters if type(each) is kind), None)

    def frame(self) -> pd.DataFrame:
        """One line per parameter of each filter: scope, filter, parameter, value."""
        scopes = (("symbol", self.filters), ("exchange", self.exchange), ("asset", self.assets))
        rows = [
            {"scope": scope, "filter": each.filter_type, "parameter": name, "value": value}
            for scope, filters in scopes
            for each in filters
            for name, value in _parameters(each).items()
        ]
        return frame(rows, columns=("scope", "filter", "parameter", "value"))


class _Symbol(Wire):
    symbol: str
    filters: tuple[msgspec.Raw, ...]


class _Info(Wire):
    symbols: tuple[_Symbol, ...]


class _Mine(Wire):
    symbol_filters: tuple[msgspec.Raw, ...]
    exchange_filters: tuple[msgspec.Raw, ...] = ()
    asset_filters: tuple[msgspec.Raw, ...] = ()


def decode_symbol_filters(body: bytes, symbol: str) -> SymbolFilters:
    """The filters of `symbol` out of the exchange information."""
    for each in decode(body, _Info).symbols:
        if each.symbol == symbol:
            return SymbolFilters(symbol=symbol, filters=decode_filters(each.filters))
    raise UndecodableReply("the exchange information names another symbol")


def decode_my_filters(body: bytes, symbol: str) -> SymbolFilters:
    """Everything that bounds the account's orders in `symbol`."""
    mine = decode(body, _Mine)
    return SymbolFilters(
        symbol=symbol,
        filters=decode_filters(mine.symbol_filters),
        exchange=decode_filters(mine.exchange_filters),
        assets=decode_filters(mine.asset_filters),
    )


def decode_filters(entries: tuple[msgspec.Raw, ...]) -> tuple[Filter, ...]:
    """Filters of whatever scope, as they come."""
    return tuple(_filter(each) for each in entries)


def _filter(entry: msgspec.Raw) -> Filter:
    name = decode(entry, Filter).filter_type
    kind = KNOWN.get(name)
    if kind is None:
        fields = decode(entry, dict[str, Any])
        return UnknownFilter(filter_type=name, fields={k: v for k, v in fields.items() if k != "filterType"})
    found = decode(entry, kind)
    for field in kind.__struct_fields__:
        value = getattr(found, field)
        if isinstance(value, Decimal):
            amount(value)
    return found


def _parameters(each: Filter) -> dict[str, Any]:
    if isinstance(each, UnknownFilter):
        return each.fields
    return {name: getattr(each, name) for name in each.__struct_fields__ if name != "filter_type"}
