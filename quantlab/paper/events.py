"""What comes out of the paper exchange: executions, lists, balances, prints, levels.

Values only: frozen, exact, no behaviour and no wire format (the server folder encodes them).
Prices are in the quote asset, quantities in the base asset, times in UTC milliseconds. Structs of
nothing but plain values are kept from the cyclic collector (`gc=False`): they come by the million.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from quantlab.domain.instrument import ZERO
from quantlab.domain.orders import Side
from quantlab.domain.position import Balance
from quantlab.paper.orders import CancelledList, ListState, OrderState, Placed

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
    PENDING_NEW = "PENDING_NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    REJECTED = "REJECTED"


class ExecutionType(StrEnum):
    """Why an order changed. Source: Binance spot "User Data Streams", `x` of `executionReport`.

    The exchange refuses before an order exists (`Refused`); REJECTED comes of `Exchange.reject`, and of an
    order that was to follow a cancel.
    """

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    TRADE_PREVENTION = "TRADE_PREVENTION"


class Replaced(msgspec.Struct, frozen=True):
    """What became of a cancel and of the order in its place; `placed` None: it was not attempted.

    Source: Binance spot REST API, "Cancel an Existing Order and Send a New Order (TRADE)".
    """

    cancelled: OrderState | CancelledList | Refused
    placed: Placed | Refused | None


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one order of one account; `order` is as it stands after the change.

    `cancel_client_order_id` is the cancel's own id, "" where none was given;
    `original_client_order_id` is the order's id before it was amended. `trade_id` is
    -1, the amounts 0 and `commission_asset` None where nothing traded. `execution_id` grows
    by one with each execution of the exchange. After a prevented trade, `last_prevented` is what the
    order lost by it, and the three after that say with whom and what would have traded.
    """

    account: str
    order: OrderState
    execution_type: ExecutionType
    cancel_client_order_id: str
    original_client_order_id: str = ""
    reject_reason: str = "NONE"
    last_quantity: Decimal
    last_price: Decimal
    commission: Decimal
    commission_asset: str | None
    trade_id: int
    execution_id: int
    is_maker: bool
    time_ms: int
    last_prevented: Decimal = ZERO
    counter_order_id: int | None = None
    prevented_price: Decimal = ZERO
    prevented_execution: Decimal = ZERO


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


class BalanceDelta(msgspec.Struct, frozen=True):
    """What came into an account, or left it, other than by trading."""

    account: str
    asset: str
    delta: Decimal
    time_ms: int


class ListChange(msgspec.Struct, frozen=True):
    """A list of orders of one account, as it stands after a change."""

    account: str
    order_list: ListState
    time_ms: int


Event = Execution | ListChange | TradePrint | LevelChange | BalanceChange | BalanceDelta
