"""Requests that are more than one order: lists of orders, and a cancel with its replacement.

Each is one request with one digest, so that one permit lets out all of it or nothing. The digest is
made of those of its orders, which are hexadecimal: no text in an order can pass for another request.

Source: Binance spot REST API, "Order lists", "Cancel an Existing Order and Send a New Order (TRADE)".
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

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


ROLES = {
    ListKind.OCO: ("above", "below"),
    ListKind.OTO: ("working", "pending"),
    ListKind.OTOCO: ("working", "pendingAbove", "pendingBelow"),
}


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
