"""A request as it will be sent: with ids of its own, on the grid, and one that the venue can understand.

Main thread only. Nothing is decided, reserved or rounded here.
"""

from __future__ import annotations

import msgspec

from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import NO_ORDER_ID, OrderRequest
from quantlab.errors import InvalidField
from quantlab.trading.asking import Asking
from quantlab.trading.grid import require_amendment, require_tradable
from quantlab.trading.ids import new_id, require_name
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.together import require_list


class Preparing:
    """Gives requests their ids, and refuses what no venue could take.

    Args:
        portfolio: Knows the instruments.
        orders: Knows which ids were used.
        asking: Finds the order that a replacement or an amendment names.
        session: How the ids of this session begin.
    """

    def __init__(self, *, portfolio: Portfolio, orders: Orders, asking: Asking, session: str) -> None:
        self._portfolio, self._orders, self._asking, self._session = portfolio, orders, asking, session
        self._number = 0

    def prepare(self, request: AnyRequest, strategy: str = "") -> AnyRequest:
        """The request with ids of its own, on the instrument's grid.

        Args:
            request: An order, a list, a replacement, or an amendment.
            strategy: Who sends it; it stands in the ids. Empty: somebody by hand.

        Raises:
            UnknownSymbol: The venue lists no such symbol.
            OffGrid: Price or quantity is no multiple of the step; names the function that rounds.
            InvalidField: An amount is out of the instrument's bounds, fields contradict, or the order to
                be replaced or amended is none of ours, or over.
        """
        if strategy:
            require_name(strategy)
        match request:
            case OrderListRequest():
                require_list(request)
                orders = tuple(self._named(each, strategy) for each in request.orders)
                name = self._next_id(strategy)
                return msgspec.structs.replace(request, orders=orders, list_client_order_id=name)
            case ReplaceRequest():
                old = self._asking.of_ours(
                    request.cancel_client_order_id, request.cancel_order_id, request.order.symbol
                )
                if old.symbol != request.order.symbol:
                    raise InvalidField("symbol", f"the old order is in {old.symbol}", "give the same")
                return msgspec.structs.replace(request, order=self._named(request.order, strategy))
            case AmendRequest():
                return self._prepared_amendment(request)
        return self._named(request, strategy)

    def _next_id(self, strategy: str) -> str:
        while True:
            self._number += 1
            client_order_id = new_id(self._session, self._number, strategy)
            if not self._orders.knows(client_order_id):
                return client_order_id

    def _named(self, order: OrderRequest, strategy: str) -> OrderRequest:
        require_tradable(order, self._portfolio.instruments)
        return msgspec.structs.replace(order, client_order_id=self._next_id(strategy))

    def _prepared_amendment(self, request: AmendRequest) -> AmendRequest:
        """With the venue's id of the order, once it is known: that names it whatever happens to ours."""
        order = self._asking.of_ours(request.client_order_id, request.order_id, request.symbol)
        require_amendment(order, request, self._portfolio.instruments)
        number = None if order.order_id == NO_ORDER_ID else order.order_id
        return msgspec.structs.replace(request, client_order_id=order.client_order_id, order_id=number)
