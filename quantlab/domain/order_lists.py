"""Requests that are more than one new order: lists, a cancel with its replacement, an amendment.

Each is one request with one digest, so that one permit lets out all of it or nothing. The digest is
made of those of its orders, which are hexadecimal: no text in an order can pass for another request.

Source: Binance spot REST API, "Order lists", "Cancel an Existing Order and Send a New Order (TRADE)",
"Order Amend Keep Priority (TRADE)".
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import msgspec

from quantlab.domain.decimals import plain
from quantlab.domain.orders import OrderRequest


class ListKind(StrEnum):
    """OCO: what starts to trade first ends the other. OTO: the second is placed once the first is filled.

    OTOCO: an OCO is placed once the first is filled.
    """

    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"

    @property
    def roles(self) -> tuple[str, ...]:
        """What the venue calls each order of the list, in the order of `OrderListRequest.orders`."""
        return ROLES[self]

    @property
    def pair(self) -> tuple[int, ...]:
        """Which orders of the list are a pair, of which only one ever trades."""
        return PAIRS[self]

    @property
    def pending(self) -> tuple[int, ...]:
        """Which orders are placed only once the first is filled."""
        return () if self is ListKind.OCO else tuple(range(1, len(self.roles)))


ROLES = {
    ListKind.OCO: ("above", "below"),
    ListKind.OTO: ("working", "pending"),
    ListKind.OTOCO: ("working", "pendingAbove", "pendingBelow"),
}
PAIRS = {ListKind.OCO: (0, 1), ListKind.OTO: (), ListKind.OTOCO: (1, 2)}


class OrderListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A list of orders in one symbol as it will be sent, exactly.

    `orders` stand in the order of `kind.roles`: of a pair, first the order above the market's price, then
    the one below. Every order carries a client id of its own; the list has one too. The two orders of a
    pair share side and quantity; all orders share the self-trade mode.
    """

    kind: ListKind
    orders: tuple[OrderRequest, ...]
    list_client_order_id: str = ""

    @property
    def symbol(self) -> str:
        return self.orders[0].symbol if self.orders else ""

    def canonical(self) -> bytes:
        """The one text of this list; a permit is bound to its digest."""
        legs = "&".join(f"order={order.digest()}" for order in self.orders)
        return f"list={self.kind.value}&{legs}&list_client_order_id={self.list_client_order_id}".encode()

    def digest(self) -> str:
        """SHA-256 of `canonical`, in hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def describe(self) -> str:
        """One line for people."""
        return f"{self.kind.value}: " + "; ".join(order.describe() for order in self.orders)


class ReplaceMode(StrEnum):
    """STOP_ON_FAILURE: no new order where the cancel fails. ALLOW_FAILURE: the new order all the same."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class CancelRestriction(StrEnum):
    """Cancel only an order of which nothing traded yet, or only one of which something did."""

    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class ReplaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel one order and place `order`, in one request.

    The order to cancel is named by the venue's `cancel_order_id` or by our `cancel_client_order_id`;
    with both, the venue's id finds it and ours must agree. `cancel_only_over_limit`: cancel also where
    the count of unfilled orders lets no new one in.
    """

    order: OrderRequest
    cancel_client_order_id: str = ""
    cancel_order_id: int | None = None
    mode: ReplaceMode = ReplaceMode.STOP_ON_FAILURE
    restriction: CancelRestriction | None = None
    cancel_only_over_limit: bool = False

    @property
    def symbol(self) -> str:
        return self.order.symbol

    def canonical(self) -> bytes:
        """The one text of this request; a permit is bound to its digest."""
        parts = {
            "replace": self.mode.value,
            "order": self.order.digest(),
            "restriction": self.restriction.value if self.restriction else "",
            "cancel_only_over_limit": str(self.cancel_only_over_limit),
            "cancel_order_id": "" if self.cancel_order_id is None else str(self.cancel_order_id),
            "cancel_client_order_id": self.cancel_client_order_id,
        }
        return "&".join(f"{name}={value}" for name, value in parts.items()).encode()

    def digest(self) -> str:
        """SHA-256 of `canonical`, in hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def describe(self) -> str:
        """One line for people."""
        old = self.cancel_client_order_id if self.cancel_order_id is None else str(self.cancel_order_id)
        return f"cancel {old}, then {self.order.describe()}"


class AmendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Make one open order of ours smaller; it keeps its id and its place in the queue.

    `new_quantity` (base asset) is the order's whole quantity after it, what has traded included. With
    `order_id`, the venue's, that finds the order.

    Source: Binance spot REST API, "Order Amend Keep Priority (TRADE)".
    """

    symbol: str
    client_order_id: str
    new_quantity: Decimal
    order_id: int | None = None

    def canonical(self) -> bytes:
        """The one text of this request; a permit is bound to its digest."""
        parts = {
            "amend": self.symbol,
            "client_order_id": self.client_order_id,
            "order_id": "" if self.order_id is None else str(self.order_id),
            "new_quantity": plain(self.new_quantity),
        }
        return "&".join(f"{name}={value}" for name, value in parts.items()).encode()

    def digest(self) -> str:
        """SHA-256 of `canonical`, in hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def describe(self) -> str:
        """One line for people."""
        return f"amend {self.client_order_id} of {self.symbol} to {plain(self.new_quantity)}"


AnyRequest: TypeAlias = OrderRequest | OrderListRequest | ReplaceRequest | AmendRequest
"""Whatever needs a permit: each can be bound to one, see `domain.limits.Permissible`."""


def orders_of(request: AnyRequest) -> tuple[OrderRequest, ...]:
    """The new orders that a request may place, in its order; none for an amendment."""
    match request:
        case OrderListRequest():
            return request.orders
        case ReplaceRequest():
            return (request.order,)
        case AmendRequest():
            return ()
    return (request,)
