"""What the venue answers about lists of orders, replacements, amendments and tested orders.

Frozen and exact; the venue's own words stay text, so that one we do not know yet is shown, not lost.
Times are the venue's, UTC milliseconds; prices in the quote asset, quantities in the base asset.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.orders import OrderAck, OrderSnapshot
from quantlab.frames import frame

if TYPE_CHECKING:
    import pandas as pd


class ListedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a list, by its ids."""

    order_id: int
    client_order_id: str


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """A list of orders, as any answer about it begins.

    `contingency` is OCO or OTO (an OTOCO is an OTO for the venue); `order_status` is EXECUTING, ALL_DONE
    or REJECT. `placed` are the acknowledgements of a new list, in the order of its request; `cancelled`
    the orders that a cancel took out.

    Source: Binance spot REST API, "Order lists"; "Query Order list (USER_DATA)".
    """

    symbol: str
    order_list_id: int
    list_client_order_id: str
    contingency: str
    status_type: str
    order_status: str
    transact_ms: int
    orders: tuple[ListedOrder, ...]
    placed: tuple[OrderAck, ...] = ()
    cancelled: tuple[OrderSnapshot, ...] = ()

    def frame(self) -> pd.DataFrame:
        """One line per order of the list: its ids."""
        return frame(self.orders, columns=("order_id", "client_order_id"), index="order_id")


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a cancel and of its replacement: both done, or one of them.

    `cancelled` None: the cancel failed, as `cancel_problem` says. `placed` None: there is no new order, as
    `order_problem` says, or it was not attempted (empty).

    Source: Binance spot REST API, "Cancel an Existing Order and Send a New Order (TRADE)".
    """

    cancelled: OrderSnapshot | None
    placed: OrderAck | None
    cancel_problem: str = ""
    order_problem: str = ""

    @property
    def complete(self) -> bool:
        """True where the old order is cancelled and the new one placed."""
        return self.cancelled is not None and self.placed is not None


class Amended(msgspec.Struct, frozen=True, kw_only=True):
    """An order after its amendment; it kept its place in the queue.

    `original_client_order_id` is the id it had before: an amendment may give another one.

    Source: Binance spot REST API, "Order Amend Keep Priority (TRADE)".
    """

    symbol: str
    order_id: int
    client_order_id: str
    original_client_order_id: str
    price: Decimal
    quantity: Decimal
    executed_quantity: Decimal
    executed_quote: Decimal
    status: str
    execution_id: int
    transact_ms: int


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Fractions of what is traded; `buyer` and `seller` come on top, 0 in the answer to a test."""

    maker: Decimal
    taker: Decimal
    buyer: Decimal = Decimal(0)
    seller: Decimal = Decimal(0)


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """What trades cost, as fractions. `discount` is the part of the standard rate that paying in
    `discount_asset` takes away, where it is enabled for both.

    Source: Binance spot REST API, "Query Commission Rates (USER_DATA)", "Test new order (TRADE)".
    """

    symbol: str
    standard: Rates
    special: Rates
    tax: Rates
    discount: Decimal
    discount_asset: str
    discount_for_account: bool
    discount_for_symbol: bool

    def frame(self) -> pd.DataFrame:
        """One line per kind of rate: maker, taker, buyer, seller."""
        kinds = {"standard": self.standard, "special": self.special, "tax": self.tax}
        rows = [{"kind": kind} | msgspec.structs.asdict(rates) for kind, rates in kinds.items()]
        return frame(rows, columns=("kind", "maker", "taker", "buyer", "seller"), index="kind")


class OrderCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many unfilled orders the account has placed in the running window ("10S", "1D").

    Source: Binance spot REST API, "Query Unfilled Order Count (USER_DATA)".
    """

    kind: str
    window: str
    used: int
    limit: int


class PreventedMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Two orders of the account that did not trade with each other; quantities are None where not lost.

    Source: Binance spot REST API, "Query Prevented Matches (USER_DATA)", and the STP FAQ.
    """

    symbol: str
    prevented_match_id: int
    taker_order_id: int
    maker_symbol: str
    maker_order_id: int
    trade_group_id: int
    self_trade: str
    price: Decimal
    taker_quantity: Decimal | None
    maker_quantity: Decimal | None
    transact_ms: int


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an order's quantity, and of its client id.

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
