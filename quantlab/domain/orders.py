"""Orders: what is asked for, what the venue acknowledges, and what it reports.

A request is ours and closed (enums). An acknowledgement or a report is the venue's and
open: status and type stay text there, so that a value we do not know yet is shown, not lost.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum

import msgspec

from quantlab.domain.decimals import plain

NO_ORDER_ID = -1


class Side(StrEnum):
    """BUY takes the base asset and pays the quote asset; SELL the other way."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """LIMIT has a price; MARKET takes what the book offers; LIMIT_MAKER is refused where it would take.

    STOP_LOSS and TAKE_PROFIT wait for their `stop_price` or trailing delta and are then a MARKET order;
    the two `..._LIMIT` are then a LIMIT order.

    Source: Binance spot REST API, "New order (TRADE)", and "Enums".
    """

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def waits(self) -> bool:
        """True of the types that wait for a trigger."""
        return self not in (OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER)


class SelfTradeMode(StrEnum):
    """What becomes of an order that would trade with one of the same account; the taker's mode decides.

    Source: Binance spot "Self Trade Prevention (STP) FAQ".
    """

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    TRANSFER = "TRANSFER"


class TimeInForce(StrEnum):
    """GTC rests until cancelled; IOC cancels what does not trade at once; FOK is all or nothing."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


EXTRAS = ("stop_price", "trailing_delta", "iceberg_quantity", "self_trade", "strategy_id", "strategy_type")
NO_EXTRAS = (None,) * len(EXTRAS)


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it will be sent, exactly.

    `quantity` is in the base asset; `quote_quantity` (MARKET only, instead of `quantity`) and
    `price` are in the quote asset. `client_order_id` is ours, given by the gateway: 1..36
    characters of A-Z a-z 0-9 - _, never used twice.

    `stop_price` (quote asset) and `trailing_delta` (basis points: 100 is one percent) are for the
    types that wait; `iceberg_quantity` (base asset) is the part that the book shows; `strategy_id` and
    `strategy_type` (1000000 and up) come back with the order.

    Source: Binance spot REST API, "New order (TRADE)".
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str = ""
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    iceberg_quantity: Decimal | None = None
    self_trade: SelfTradeMode | None = None
    strategy_id: int | None = None
    strategy_type: int | None = None

    @property
    def has_extras(self) -> bool:
        """It says more than a plain LIMIT or MARKET order does."""
        return not (
            self.stop_price is None and self.trailing_delta is None and self.iceberg_quantity is None
            and self.self_trade is None and self.strategy_id is None and self.strategy_type is None
        )  # fmt: skip

    @property
    def extras(self) -> dict[str, str]:
        """What this order says beyond a plain LIMIT or MARKET order, as text, by field."""
        if not self.has_extras:  # nearly always, and asked for each digest
            return {}
        return {
            name: plain(value) if isinstance(value, Decimal) else str(value)
            for name in EXTRAS
            if (value := getattr(self, name)) is not None
        }

    def canonical(self) -> bytes:
        """The one text of this order, equal for equal orders; a permit is bound to its digest."""
        force = self.time_in_force.value if self.time_in_force else ""
        text = (
            f"symbol={self.symbol}&side={self.side.value}&type={self.type.value}"
            f"&quantity={_text(self.quantity)}&quote_quantity={_text(self.quote_quantity)}"
            f"&price={_text(self.price)}&time_in_force={force}&client_order_id={self.client_order_id}"
        )
        # a plain order's text is what it was before there were any extras
        return (text + "".join(f"&{name}={value}" for name, value in self.extras.items())).encode()

    def digest(self) -> str:
        """SHA-256 of `canonical`, in hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def describe(self) -> str:
        """One line for people: "BUY 0.01 BTCUSDT @ 60000 GTC", "BUY 100 worth of BTCUSDT at market".

        Of other types the type, and whatever else was asked for, follow.
        """
        by_worth = f"{_text(self.quote_quantity)} worth of"
        amount = by_worth if self.quantity is None else plain(self.quantity)
        price = f" @ {plain(self.price)}" if self.price is not None else " at market"
        force = f" {self.time_in_force.value}" if self.time_in_force else ""
        kind = "" if self.type in (OrderType.LIMIT, OrderType.MARKET) else f" {self.type.value}"
        extras = "".join(f" {name}={text}" for name, text in self.extras.items())
        return f"{self.side.value} {amount} {self.symbol}{price}{force}{kind}{extras}"


class AckFill(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that an acknowledgement already tells of; the account's books wait for the report of it."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str


class OrderAck(msgspec.Struct, frozen=True, kw_only=True):
    """The venue took the order. Taken is not filled: fills arrive as `ExecutionReport`.

    `executed_quantity` (base) and `fills` only tell which reports are still to come. Times are the
    venue's, UTC milliseconds.

    Source: Binance spot REST API, "New order (TRADE)", response FULL.
    """

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    transact_ms: int
    executed_quantity: Decimal
    executed_quote: Decimal
    fills: tuple[AckFill, ...] = ()


class ExecutionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one order, as the venue's user stream says it.

    Amounts: quantities in the base asset, `cumulative_quote` in the quote asset,
    `commission` in `commission_asset`. `trade_id` is -1 and `last_quantity` 0 where nothing
    traded. `client_order_id` is always the order's own id: the venue's `C` on a cancel, else
    its `c`. `source` says how we learned it: stream, or reconcile.

    Source: Binance spot "User Data Streams", `executionReport`.
    """

    symbol: str
    order_id: int
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    execution_type: str
    status: str
    reject_reason: str
    last_quantity: Decimal
    last_price: Decimal
    cumulative_quantity: Decimal
    cumulative_quote: Decimal
    commission: Decimal
    commission_asset: str | None
    trade_id: int
    execution_id: int
    is_maker: bool
    event_ms: int
    transact_ms: int
    source: str = "stream"


class OrderSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One order as a query answers it (openOrders, order status).

    `order_list_id` is -1 outside a list; the last four are None where the order has none.

    Source: Binance spot REST API, "Query order (USER_DATA)".
    """

    symbol: str
    order_id: int
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    quote_quantity: Decimal
    price: Decimal
    executed_quantity: Decimal
    executed_quote: Decimal
    status: str
    created_ms: int | None  # None in the answer to a cancel, which does not say
    updated_ms: int
    order_list_id: int = NO_ORDER_ID
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    iceberg_quantity: Decimal | None = None
    self_trade: str | None = None


class AccountTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One of the account's own trades, as myTrades answers it.

    Source: Binance spot REST API, "Account trade list (USER_DATA)".
    """

    symbol: str
    trade_id: int
    order_id: int
    side: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    time_ms: int


def _text(number: Decimal | None) -> str:
    return "" if number is None else plain(number)
