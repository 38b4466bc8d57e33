"""The shapes of Binance's REST replies, as documented, and the one door through which they come.

Pure. `decode` is strict where we rely on the venue and open where it may grow: unknown fields
and enum values pass; a missing field or a wrong type raises `UndecodableReply`. No shape here
leaves `quantlab.binance`: the codecs turn them into domain values.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

from quantlab.domain.instrument import ZERO
from quantlab.domain.market import WireLevel
from quantlab.errors import UndecodableReply

T = TypeVar("T")
MOST_DIGITS = 40  # two of these multiplied are still exact for us
LARGEST_EXPONENT = 40  # beyond it a number is no amount, and writing it out would take for ever


class Wire(msgspec.Struct, rename="camel"):
    """A reply as documented: our names are the venue's, in snake case."""


class ErrorReply(Wire):
    code: int
    msg: str


class TimeReply(Wire):
    server_time: int


class FilterReply(Wire):
    filter_type: str
    min_price: Decimal = ZERO
    max_price: Decimal = ZERO
    tick_size: Decimal = ZERO
    min_qty: Decimal = ZERO
    max_qty: Decimal = ZERO
    step_size: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO
    apply_to_market: bool = True
    avg_price_mins: int = 5
    apply_min_to_market: bool = True
    apply_max_to_market: bool = True
    multiplier_up: Decimal = ZERO
    multiplier_down: Decimal = ZERO
    bid_multiplier_up: Decimal = ZERO
    bid_multiplier_down: Decimal = ZERO
    ask_multiplier_up: Decimal = ZERO
    ask_multiplier_down: Decimal = ZERO
    max_position: Decimal = ZERO
    limit: Decimal = ZERO  # a count in ICEBERG_PARTS, an amount in MAX_ASSET
    max_num_orders: int = 0
    max_num_algo_orders: int = 0
    max_num_iceberg_orders: int = 0
    max_num_order_lists: int = 0
    max_num_order_amends: int = 0
    min_trailing_above_delta: int = 0
    max_trailing_above_delta: int = 0
    min_trailing_below_delta: int = 0
    max_trailing_below_delta: int = 0


class SymbolReply(Wire):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: tuple[FilterReply, ...]
    base_asset_precision: int = 8
    quote_asset_precision: int = 8
    order_types: tuple[str, ...] = ()
    default_self_trade_prevention_mode: str = ""


class RateLimitReply(Wire):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class ExchangeInfoReply(Wire):
    symbols: tuple[SymbolReply, ...]
    rate_limits: tuple[RateLimitReply, ...] = ()
    exchange_filters: tuple[FilterReply, ...] = ()


class DepthReply(Wire):
    last_update_id: int
    bids: tuple[WireLevel, ...]
    asks: tuple[WireLevel, ...]


class TradeReply(Wire):
    id: int
    price: Decimal
    qty: Decimal
    time: int
    is_buyer_maker: bool


class KlineReply(msgspec.Struct, array_like=True):
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_ms: int
    quote_volume: Decimal
    trades: int


class PriceReply(Wire):
    symbol: str
    price: Decimal


class BookTickerReply(Wire):
    symbol: str
    bid_price: Decimal
    bid_qty: Decimal
    ask_price: Decimal
    ask_qty: Decimal


class BalanceReply(Wire):
    asset: str
    free: Decimal
    locked: Decimal


class AccountReply(Wire):
    can_trade: bool
    update_time: int
    balances: tuple[BalanceReply, ...]
    uid: int = 0


class FillReply(Wire):
    trade_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str


class AckReply(Wire):
    symbol: str
    order_id: int
    client_order_id: str
    transact_time: int
    executed_qty: Decimal
    cummulative_quote_qty: Decimal
    status: str
    fills: tuple[FillReply, ...] = ()


class OrderReply(Wire):
    symbol: str
    order_id: int
    client_order_id: str
    price: Decimal
    orig_qty: Decimal
    executed_qty: Decimal
    cummulative_quote_qty: Decimal
    status: str
    time_in_force: str
    type: str
    side: str
    time: int
    update_time: int
    orig_quote_order_qty: Decimal = ZERO
    order_list_id: int = -1
    stop_price: Decimal = ZERO
    trailing_delta: int | None = None
    iceberg_qty: Decimal = ZERO
    self_trade_prevention_mode: str | None = None


class CancelledReply(Wire):
    symbol: str
    orig_client_order_id: str  # `clientOrderId` is the cancel's own id here
    order_id: int
    transact_time: int
    price: Decimal
    orig_qty: Decimal
    executed_qty: Decimal
    cummulative_quote_qty: Decimal
    status: str
    time_in_force: str
    type: str
    side: str
    orig_quote_order_qty: Decimal = ZERO
    order_list_id: int = -1
    stop_price: Decimal = ZERO
    trailing_delta: int | None = None
    iceberg_qty: Decimal = ZERO
    self_trade_prevention_mode: str | None = None


class ListedReply(Wire):
    order_id: int
    client_order_id: str


class OrderListReply(Wire):
    order_list_id: int
    contingency_type: str
    list_status_type: str
    list_order_status: str
    list_client_order_id: str
    transaction_time: int
    symbol: str
    orders: tuple[ListedReply, ...]


class ReportsReply(Wire):
    order_reports: tuple[msgspec.Raw, ...]


class CancelledListReply(Wire):
    order_reports: tuple[CancelledReply, ...] | None = None  # None: this entry is a single order


class AccountTradeReply(Wire):
    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


NO_FILTER = FilterReply(filter_type="")  # a filter that the symbol does not have bounds nothing


def decode(body: bytes | msgspec.Raw, shape: type[T]) -> T:
    """`body` as `shape`, or `UndecodableReply` that says where it differs."""
    try:
        reply: T = _decoder(shape).decode(body)  # type: ignore[arg-type]  # a type is hashable
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
        raise UndecodableReply(f"not the documented reply ({error})") from None
    return reply


def amount(number: Decimal, *, signed: bool = False) -> Decimal:
    """`number`, if it can be an amount: the text "NaN" is a Decimal too, and poisons every sum.

    Below zero only where `signed`: a commission may be a rebate.
    """
    too_long = abs(number.adjusted()) > LARGEST_EXPONENT or len(number.as_tuple().digits) > MOST_DIGITS
    if not number.is_finite() or too_long or (number < 0 and not signed):
        raise UndecodableReply(f"{str(number)[:40]} is no amount")
    return number


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)
