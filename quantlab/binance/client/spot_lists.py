"""Lists of orders: OCO, OTO, OTOCO, and their cancel."""

from __future__ import annotations

from quantlab.binance import codec_lists as codec
from quantlab.binance.client.spot_trade import SpotTrade
from quantlab.binance.encode_orders import encode_list
from quantlab.binance.order_values import OrderList
from quantlab.domain.order_lists import ListKind, OrderListRequest
from quantlab.domain.permit import Permit
from quantlab.errors import InvalidField


class SpotLists(SpotTrade):
    """Lists of orders. One permit lets out one whole list, and the list is sent once, ever.

    Every new list raises: `InvalidField` (contradicts itself), `PermitRefused`, `Halted`, `NotSent`,
    `RateLimited` (nothing was sent, or the count of unfilled orders is spent), `OrderRejected` (the venue
    refused it as a whole), `OrderOutcomeUnknown` (it may live: query it by its list_client_order_id with
    `order_list_status`, and never send it again).
    """

    async def submit_oco(self, request: OrderListRequest, permit: Permit) -> OrderList:
        """Send a pair of orders of which the first to trade, or to trigger, ends the other.

        The pair is (above, below) the market: to sell, a LIMIT_MAKER or TAKE_PROFIT above and a STOP_LOSS
        below; to buy, the other way round. It locks its quantity once and counts for 2 unfilled orders.
        Weight: 0 when taken, 1 when refused.

        Raises:
            OrderRejected: -2010 where prices do not stand as they must, -1158 to -1168 for a wrong pair.
            OrderOutcomeUnknown: The list may live: query it by its id, never send it again.

        Source: Binance spot REST API, "New Order list - OCO (TRADE)".
        """
        return await self._submit_list("submit_oco", ListKind.OCO, request, permit)

    async def submit_oto(self, request: OrderListRequest, permit: Permit) -> OrderList:
        """Send a working order, and a pending one that is placed once the first is filled.

        The working order is LIMIT or LIMIT_MAKER. Counts for 2 unfilled orders. Weight: 0 when taken, 1
        when refused.

        Raises:
            OrderRejected: The venue refused the list as a whole.
            OrderOutcomeUnknown: The list may live: query it by its id, never send it again.

        Source: Binance spot REST API, "New Order list - OTO (TRADE)".
        """
        return await self._submit_list("submit_oto", ListKind.OTO, request, permit)

    async def submit_otoco(self, request: OrderListRequest, permit: Permit) -> OrderList:
        """Send a working order, and an OCO (above, below) that is placed once the first is filled.

        The working order is LIMIT or LIMIT_MAKER. Counts for 3 unfilled orders. Weight: 0 when taken, 1
        when refused.

        Raises:
            OrderRejected: The venue refused the list as a whole.
            OrderOutcomeUnknown: The list may live: query it by its id, never send it again.

        Source: Binance spot REST API, "New Order list - OTOCO (TRADE)".
        """
        return await self._submit_list("submit_otoco", ListKind.OTOCO, request, permit)

    async def cancel_list(
        self, symbol: str, *, list_client_order_id: str, order_list_id: int | None = None
    ) -> OrderList:
        """Take a list and every order of it out; HALT does not stop this. Weight: 0, refused 1.

        With `order_list_id`, the venue's id, that alone names the list.

        Raises:
            OrderRejected: -2011: unknown, or ended already.
            NotSent: No connection; try again.
            OrderOutcomeUnknown: Sent, but the answer was lost: query the list. To cancel again is safe.

        Source: Binance spot REST API, "Cancel Order list (TRADE)".
        """
        params = {"symbol": symbol, "listClientOrderId": list_client_order_id}
        if order_list_id is not None:
            params = {"symbol": symbol, "orderListId": str(order_list_id)}
        return await self._change(
            "cancel_list", params, codec.decode_cancelled_list, client_order_id=list_client_order_id
        )

    async def _submit_list(
        self, name: str, kind: ListKind, request: OrderListRequest, permit: Permit
    ) -> OrderList:
        if request.kind is not kind:
            raise InvalidField("kind", f"{request.kind} is not for this method", f"give {kind}")
        params = encode_list(request)
        self._redeem(request, permit)
        return await self._change(
            name,
            params,
            lambda body: codec.decode_placed_list(body, request),
            client_order_id=request.list_client_order_id,
            halts=permit.halts,
        )
