"""What accounts ask of the paper exchange, and what it answers: orders and lists of orders.

Values only: frozen, exact, no behaviour and no wire format. Prices are in the quote asset,
quantities in the base asset, times in UTC milliseconds.

Source: Binance spot REST API, "Trading endpoints"; "Enums".
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from quantlab.domain.instrument import ZERO
from quantlab.domain.orders import AccountTrade, OrderSnapshot, Side, TimeInForce

NO_LIST = -1


class OrderKind(StrEnum):
    """An order's type. All but LIMIT, MARKET and LIMIT_MAKER wait for the market's price first."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def is_contingent(self) -> bool:
        return self in CONTINGENT

    @property
    def has_price(self) -> bool:
        return self in PRICED


CONTINGENT = frozenset(
    {OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT}
)
PRICED = frozenset(
    {OrderKind.LIMIT, OrderKind.LIMIT_MAKER, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT_LIMIT}
)


class Prevention(StrEnum):
    """What happens when an account would trade with itself; the taker's mode decides.

    Source: Binance spot "Self Trade Prevention (STP) FAQ".
    """

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"


class Contingency(StrEnum):
    """How the orders of a list depend on each other. On the wire an OTOCO says OTO."""

    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order as an account sends it. An empty `client_order_id` lets the venue make one.

    LIMIT takes `quantity`, `price` and `time_in_force`; MARKET takes `quantity` or
    `quote_quantity` (the amount of the quote asset to spend or to receive); contingent kinds
    take `stop_price`, `trailing_delta` (basis points) or both. `prevention` None is the symbol's default.
    """

    symbol: str
    side: Side
    type: OrderKind
    time_in_force: TimeInForce | None = None
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    prevention: Prevention | None = None
    client_order_id: str = ""
    strategy_id: int | None = None
    strategy_type: int | None = None

    def __post_init__(self) -> None:
        """Take the venue's text for an enum ("BUY"); `ValueError` where it is none.

        The book tells sides apart by identity: unnoticed text would trade the wrong way.
        """
        for field, kind in ENUMS:
            value = getattr(self, field)
            if type(value) is not kind and value is not None:
                msgspec.structs.force_setattr(self, field, kind(value))


ENUMS = (("side", Side), ("type", OrderKind), ("time_in_force", TimeInForce), ("prevention", Prevention))


class NewList(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that depend on each other, all of one symbol.

    `orders` are, for an OCO, its above and its below order; for an OTO the working and the pending
    one; for an OTOCO the working one and the pending above and below.
    """

    symbol: str
    contingency: Contingency
    orders: tuple[NewOrder, ...]
    list_client_order_id: str = ""

    def __post_init__(self) -> None:
        """As of an order: the venue's text is taken for the enum."""
        msgspec.structs.force_setattr(self, "contingency", Contingency(self.contingency))


class OrderState(OrderSnapshot, frozen=True, kw_only=True):
    """One order of one account, as it stands.

    `stop_price` is zero and `trailing_delta` None where the order has none; `trailing_ms` is when it
    began to follow the market. `working_ms` is when it came on the book, `is_working` whether it
    is or was there. `prevented_match_id` is None unless self-trade prevention took something of it.
    `expiry_reason` is the venue's word where the order has expired, else "".
    """

    order_list_id: int = NO_LIST
    stop_price: Decimal = ZERO
    trailing_delta: int | None = None
    trailing_ms: int | None = None
    working_ms: int | None = None
    is_working: bool = False
    prevention: Prevention = Prevention.NONE
    prevented_match_id: int | None = None
    prevented_quantity: Decimal = ZERO
    strategy_id: int | None = None
    strategy_type: int | None = None
    expiry_reason: str = ""


class PlacedTrade(msgspec.Struct, frozen=True, gc=False):
    """One fill of an order that was just placed, as the FULL response lists it."""

    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    trade_id: int


class OwnTrade(AccountTrade, frozen=True, kw_only=True):
    """One of an account's own trades, with the list that its order is of."""

    order_list_id: int = NO_LIST


class PreventedMatch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Two orders that self-trade prevention kept from trading; quantities None as its mode says.

    Source: Binance spot REST API, "Query Prevented Matches (USER_DATA)".
    """

    symbol: str
    prevented_match_id: int
    taker_order_id: int
    maker_order_id: int
    mode: Prevention
    price: Decimal
    taker_quantity: Decimal | None
    maker_quantity: Decimal | None
    time_ms: int


class Placed(msgspec.Struct, frozen=True):
    """The order as it stands after it was placed, and what it met at once."""

    order: OrderState
    trades: tuple[PlacedTrade, ...]
    prevented: tuple[PreventedMatch, ...] = ()


class ListState(msgspec.Struct, frozen=True, kw_only=True):
    """One list of orders, as it stands. `orders` are ids and client ids, in the order of placement.

    Source: Binance spot "Enums", listStatusType and listOrderStatus.
    """

    symbol: str
    order_list_id: int
    contingency: Contingency
    status_type: str  # EXEC_STARTED, UPDATED, ALL_DONE
    order_status: str  # EXECUTING, ALL_DONE, REJECT
    list_client_order_id: str
    time_ms: int
    orders: tuple[tuple[int, str], ...]


class PlacedList(msgspec.Struct, frozen=True):
    """A list just placed, and each of its orders, in their order."""

    order_list: ListState
    placed: tuple[Placed, ...]


class CancelledList(msgspec.Struct, frozen=True):
    """A list just cancelled, and each of its orders as it then stands."""

    order_list: ListState
    orders: tuple[OrderState, ...]


class Amendment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One change of an open order's quantity.

    Source: Binance spot REST API, "Query Order Amendments (USER_DATA)".
    """

    symbol: str
    order_id: int
    execution_id: int
    original_client_order_id: str
    new_client_order_id: str
    original_quantity: Decimal
    new_quantity: Decimal
    time_ms: int


class Amended(msgspec.Struct, frozen=True):
    """An amendment just made, the order as it then stands, and its list where it has one."""

    amendment: Amendment
    order: OrderState
    order_list: ListState | None


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """What an account pays in one symbol: fractions of what a trade brings in.

    A trade costs the maker's or the taker's rate, plus the buyer's or the seller's. With
    `discount_asset`, the commission is taken from that asset instead while the account has enough of
    it and its price is known, and is less by `discount`.

    Source: Binance spot REST API, "Query Commission Rates (USER_DATA)"; "Commissions FAQ".
    """

    maker: Decimal
    taker: Decimal
    buyer: Decimal = ZERO
    seller: Decimal = ZERO
    discount_asset: str | None = None
    discount: Decimal = ZERO
