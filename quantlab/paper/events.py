"""What goes into the paper exchange and what comes out of it: orders, executions, prints, levels.

Values only: frozen, exact, no behaviour and no wire format (the server folder encodes them).
Prices are in the quote asset, quantities in the base asset, times in UTC milliseconds. Structs of
nothing but plain values are kept from the cyclic collector (`gc=False`): they come by the million.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from quantlab.domain.orders import OrderSnapshot, OrderType, Side, TimeInForce
from quantlab.domain.position import Balance

NO_TRADE = -1


class Refused(Exception):  # the venue's word for its answer; nothing went wrong here
    """The exchange refused a request and changed nothing.

    Attributes:
        code: The venue's number, for example -2010.
        message: The venue's exact text, for example "Duplicate order sent.".

    Source: Binance spot "Errors".
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


class Status(StrEnum):
    """Where an order stands. Source: Binance spot "Enums", order status."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


class ExecutionType(StrEnum):
    """Why an order changed. Source: Binance spot "User Data Streams", `x` of `executionReport`.

    REJECTED never comes out of this exchange: it refuses before an order exists (`Refused`).
    """

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    TRADE_PREVENTION = "TRADE_PREVENTION"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order as an account sends it. An empty `client_order_id` lets the venue make one.

    LIMIT takes `quantity`, `price` and `time_in_force`; MARKET takes `quantity` or
    `quote_quantity` (the amount of the quote asset to spend or to receive).
    """

    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce | None = None
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    client_order_id: str = ""

    def __post_init__(self) -> None:
        """Take the venue's text for an enum ("BUY"); `ValueError` where it is none.

        The book tells sides apart by identity: unnoticed text would trade the wrong way.
        """
        for field, kind in (("side", Side), ("type", OrderType), ("time_in_force", TimeInForce)):
            value = getattr(self, field)
            if type(value) is not kind and value is not None:
                msgspec.structs.force_setattr(self, field, kind(value))


class PlacedTrade(msgspec.Struct, frozen=True, gc=False):
    """One fill of an order that was just placed, as the FULL response lists it."""

    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    trade_id: int


class Placed(msgspec.Struct, frozen=True):
    """The order as it stands after it was placed, and the trades it made at once."""

    order: OrderSnapshot
    trades: tuple[PlacedTrade, ...]


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one order of one account; `order` is as it stands after the change.

    `cancel_client_order_id` is the cancel's own id, "" where none was given. `trade_id` is
    -1, the amounts 0 and `commission_asset` None where nothing traded. `execution_id` grows
    by one with each execution of the exchange.
    """

    account: str
    order: OrderSnapshot
    execution_type: ExecutionType
    cancel_client_order_id: str
    last_quantity: Decimal
    last_price: Decimal
    commission: Decimal
    commission_asset: str | None
    trade_id: int
    execution_id: int
    is_maker: bool
    time_ms: int


class TradePrint(msgspec.Struct, frozen=True, gc=False):
    """One public trade. `buyer_is_maker` True means that the seller was the aggressor.

    `taker_order_id` is not public: fills of one taker at one price are one aggregate trade. It is
    0 on a tape, which does not tell.
    """

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    time_ms: int
    taker_order_id: int = 0


class LevelChange(msgspec.Struct, frozen=True, gc=False):
    """The new total at one price of the public book; quantity 0 means that the level is gone.

    `first_id..update_id` are the update ids it stands for (`U` and `u` of a diff). In a matched
    market both are the same, one more for each change. On a tape they are the tape's: all
    levels of one recorded diff carry the same pair.
    """

    symbol: str
    update_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    time_ms: int
    first_id: int


class BalanceChange(msgspec.Struct, frozen=True):
    """The balances that one request may have changed, as they stand after it."""

    account: str
    balances: tuple[Balance, ...]
    time_ms: int


Event = Execution | TradePrint | LevelChange | BalanceChange
