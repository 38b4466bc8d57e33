"""New orders by type, tested orders, replacements and amendments.

Every method that creates or enlarges exposure takes a `Permit` and sends its request once, ever.
"""

from __future__ import annotations

from typing import overload

from quantlab.binance import codec_account, codec_lists
from quantlab.binance.client.spot_trade import SpotTrade
from quantlab.binance.encode_orders import CLIENT_ID, encode_order, encode_replace
from quantlab.binance.order_values import Amended, Commission, Replaced
from quantlab.domain.decimals import plain, positive
from quantlab.domain.order_lists import ReplaceRequest
from quantlab.domain.orders import OrderAck, OrderRequest, OrderType
from quantlab.domain.permit import Permit
from quantlab.errors import InvalidField

PARTLY = frozenset({400, 409, 429})  # what a replacement that did only one part is answered with


class SpotOrders(SpotTrade):
    """Orders of every type. What `SpotTrade` says of errors and outcomes holds here too."""

    async def submit_limit_order(self, request: OrderRequest, permit: Permit) -> OrderAck:
        """Send one LIMIT or LIMIT_MAKER order, once; as `submit_order`. Weight: 0 when taken, 1 when refused.

        Quantity in the base asset, price in the quote asset, both on the instrument's grid.

        Raises:
            InvalidField: Another type, or fields that contradict the type. Nothing was sent.
            OrderRejected: The venue refused it, definitely (-2010 for a LIMIT_MAKER that would take).
            OrderOutcomeUnknown: The order may live: query it by client order id, never send it again.
            PermitRefused, Halted, NotSent, RateLimited: Nothing was sent.

        Source: Binance spot REST API, "New order (TRADE)".
        """
        _require_type(request, OrderType.LIMIT, OrderType.LIMIT_MAKER)
        return await self.submit_order(request, permit)

    async def submit_market_order(self, request: OrderRequest, permit: Permit) -> OrderAck:
        """Send one MARKET order for `quantity` of the base asset, once. Weight: 0 when taken, 1 when refused.

        Raises:
            InvalidField: Another type, or no quantity. Nothing was sent.
            OrderRejected: The venue refused it, definitely.
            OrderOutcomeUnknown: The order may have traded: query it by client order id, never send it again.
            PermitRefused, Halted, NotSent, RateLimited: Nothing was sent.

        Source: Binance spot REST API, "New order (TRADE)".
        """
        _require_type(request, OrderType.MARKET)
        if request.quantity is None:
            raise InvalidField("quantity", "it is not given", "give it, or use submit_market_quote")
        return await self.submit_order(request, permit)

    async def submit_market_quote(self, request: OrderRequest, permit: Permit) -> OrderAck:
        """Send one MARKET order for `quote_quantity` of the quote asset, once. Weight: 0 taken, 1 refused.

        The venue buys or sells as much as that is worth, rounded down to the lot size.

        Raises:
            InvalidField: Another type, or no quote quantity. Nothing was sent.
            OrderRejected: The venue refused it, definitely.
            OrderOutcomeUnknown: The order may have traded: query it by client order id, never send it again.
            PermitRefused, Halted, NotSent, RateLimited: Nothing was sent.

        Source: Binance spot REST API, "New order (TRADE)", `quoteOrderQty`.
        """
        _require_type(request, OrderType.MARKET)
        if request.quote_quantity is None:
            raise InvalidField("quote_quantity", "it is not given", "give it, or use submit_market_order")
        return await self.submit_order(request, permit)

    async def submit_stop(self, request: OrderRequest, permit: Permit) -> OrderAck:
        """Send one order that waits for its trigger, once. Weight: 0 when taken, 1 when refused.

        STOP_LOSS, STOP_LOSS_LIMIT, TAKE_PROFIT or TAKE_PROFIT_LIMIT, with a `stop_price` (quote asset), a
        `trailing_delta` (basis points), or both: then the trail begins at the stop price.

        Raises:
            InvalidField: Another type, no trigger, or fields that contradict the type. Nothing was sent.
            OrderRejected: The venue refused it, definitely: -2010 where it would trigger immediately.
            OrderOutcomeUnknown: The order may live: query it by client order id, never send it again.
            PermitRefused, Halted, NotSent, RateLimited: Nothing was sent.

        Source: Binance spot REST API, "New order (TRADE)"; "Trailing Stop FAQ".
        """
        _require_type(request, *(kind for kind in OrderType if kind.waits))
        return await self.submit_order(request, permit)

    @overload
    async def test_order(self, request: OrderRequest) -> None: ...
    @overload
    async def test_order(self, request: OrderRequest, *, rates: bool) -> Commission | None: ...
    async def test_order(self, request: OrderRequest, *, rates: bool = False) -> Commission | None:
        """Have the venue check an order without placing it: no permit, no exposure, nothing counted.

        Weight: 1, or 20 with `rates`, which are then what the order would pay, as fractions.

        Raises:
            InvalidField: Fields that contradict the type. Nothing was sent.
            VenueRejected: The venue would refuse the order, for this reason.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Test new order (TRADE)".
        """
        params = encode_order(request)
        if not request.client_order_id:
            del params["newClientOrderId"]
        if not rates:
            return await self._read("test_order", params, codec_account.decode_tested)
        return await self._read(
            "test_order",
            params | {"computeCommissionRates": "true"},
            lambda body: codec_account.decode_tested_commission(body, request.symbol),
        )

    async def cancel_replace(self, request: ReplaceRequest, permit: Permit) -> Replaced:
        """Cancel one order and place another in one request, once. Weight: 0 when both worked, else 1.

        The two can fail apart: the answer says what became of each. HALT stops the request as a whole.

        Args:
            request: Which order to cancel, the new order, and what to do where the cancel fails.
            permit: The leave for exactly this request.

        Raises:
            InvalidField: Nothing names the old order, or the new one contradicts itself. Nothing was sent.
            OrderRejected: Neither was done.
            OrderOutcomeUnknown: Either may have been done: query both orders by their ids; never send it
                again.
            PermitRefused, Halted, NotSent, RateLimited: Nothing was sent, or the count of orders is spent.

        Source: Binance spot REST API, "Cancel an Existing Order and Send a New Order (TRADE)".
        """
        params = encode_replace(request)
        self._redeem(request, permit)
        return await self._change(
            "cancel_replace",
            params,
            lambda body: codec_lists.decode_replaced(body, request),
            client_order_id=request.order.client_order_id,
            halts=permit.halts,
            partly=(PARTLY, lambda body: codec_lists.decode_partly_replaced(body, request)),
        )

    async def amend_keep_priority(
        self,
        symbol: str,
        new_quantity: object,
        *,
        client_order_id: str,
        order_id: int | None = None,
        new_client_order_id: str = "",
    ) -> Amended:
        """Make an open order smaller; it keeps its place in the queue. Weight: 4, always.

        `new_quantity` (base asset) is above zero and below the order's; a larger one the venue refuses, so
        this takes no permit and HALT does not stop it. With `order_id` (the venue's) that alone names the
        order. It keeps its client id, or gets `new_client_order_id`.

        Raises:
            InvalidField: A quantity that is not exact and above zero. Nothing was sent.
            OrderRejected: -2038: not smaller, amended too often, or no such open order.
            NotSent: No connection; try again.
            OrderOutcomeUnknown: Sent, but the answer was lost: query the order.

        Source: Binance spot REST API, "Order Amend Keep Priority (TRADE)".
        """
        params = {"symbol": symbol, "newQty": plain(positive(new_quantity, "new_quantity"))}
        params |= {"origClientOrderId": client_order_id} if order_id is None else {"orderId": str(order_id)}
        # without one the venue makes one up, and the order could no more be asked for by an id of ours
        name = new_client_order_id or client_order_id
        if CLIENT_ID.fullmatch(name) is None:
            raise InvalidField(
                "new_client_order_id", f"{name[:40]!r} is no id", "give 1 to 36 of A-Z a-z 0-9 - _"
            )
        params["newClientOrderId"] = name
        return await self._change(
            "amend_keep_priority", params, codec_lists.decode_amended, client_order_id=client_order_id
        )


def _require_type(request: OrderRequest, *kinds: OrderType) -> None:
    if request.type not in kinds:
        names = ", ".join(kinds)
        raise InvalidField("type", f"{request.type} is not for this method", f"give one of {names}")
