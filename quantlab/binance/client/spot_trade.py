"""The account by REST: what it holds, its orders, and the one way to send a new order.

No method here creates exposure without a `Permit`, and none sends the same order or cancel
twice. Lost answers are told apart from refusals: what may live is `OrderOutcomeUnknown`.
"""

from __future__ import annotations

from quantlab.binance import codec_orders as codec
from quantlab.binance.client.base import RestCalls
from quantlab.binance.client.params import given, limited
from quantlab.binance.codec_rest import Account, decode_account
from quantlab.binance.encode_orders import encode_order, require_ids
from quantlab.binance.errors import UNKNOWN_ORDER
from quantlab.domain.order_lists import OrderListRequest, ReplaceRequest
from quantlab.domain.orders import AccountTrade, OrderAck, OrderRequest, OrderSnapshot
from quantlab.domain.permit import Permit
from quantlab.errors import OrderRejected, PermitRefused
from quantlab.frames import Rows


class SpotTrade(RestCalls):
    """The spot account. Every method needs credentials (`ConfigError` without) and raises:

    * `VenueUnavailable`: a read got no answer, or a 5XX.
    * `RateLimited`: request weight or order count is spent; wait `retry_after_s`.
    * `VenueRejected`, of orders and cancels `OrderRejected`: a definite refusal. After -1021
      (our clock was wrong) the clock has been measured again; orders are not sent again.
    """

    async def account(self, *, omit_zero: bool = False) -> Account:
        """Balances of every asset, and whether the account may trade. Weight: 20.

        Args:
            omit_zero: Leave out the assets of which nothing is there.

        Raises:
            VenueUnavailable: No answer, or a 5XX.
            VenueRejected: The key is refused (-2014, -2015) or the signature (-1022).

        Source: Binance spot REST API, "Account information (USER_DATA)".
        """
        params = {"omitZeroBalances": "true"} if omit_zero else {}
        return await self._read("account", params, decode_account)

    async def submit_order(self, request: OrderRequest, permit: Permit) -> OrderAck:
        """Send one order, once, and return the venue's acknowledgement.

        An acknowledgement means taken, not filled: fills arrive as `ExecutionReport` events.
        Weight: 0 when taken, 1 when refused. Await it to the end: a cancelled call tells nobody
        what became of the order (the wire shields it).

        Args:
            request: Quantity in the base asset and price in the quote asset, both already
                rounded to the instrument's step_size and tick_size; with a client_order_id.
            permit: The rails' one-shot leave for exactly this request.

        Raises:
            InvalidField: The order contradicts itself, or has no id of ours. Nothing was sent.
            PermitRefused: The permit is for another order, spent or expired. Nothing was sent.
            Halted: HALT was set since the permit was minted, at the latest when the request was
                about to be written; lifting it again does not let this order out. Nothing was sent.
            NotSent: No connection; nothing was sent, a new attempt is safe.
            OrderRejected: The venue refused the order, definitely.
            RateLimited: Weight or order count is spent; wait `retry_after_s`.
            OrderOutcomeUnknown: Sent, but the answer was lost, is not understood, or is a 5XX,
                -1006 or -1007. The order may live: query it by client order id, and never send
                it again (the venue takes the same id twice once the first order is filled).

        Source: Binance spot REST API, "New order (TRADE)" and "HTTP Return Codes".
        """
        params = encode_order(request)
        self._redeem(request, permit)
        return await self._change(
            "submit_order",
            params,
            lambda body: codec.decode_ack(body, request),
            client_order_id=request.client_order_id,
            halts=permit.halts,
        )

    async def cancel_order(
        self, symbol: str, *, client_order_id: str, order_id: int | None = None
    ) -> OrderSnapshot:
        """Take one open order out of the book; HALT does not stop this. Weight: 0, refused 1.

        With `order_id`, the venue's id, that alone names the order. The snapshot keeps the order's
        own client id; its `created_ms` is None, because the venue does not say. An order of a list takes
        the whole list with it.

        Raises:
            OrderRejected: -2011: unknown, or not open any more (it may be filled: query it).
            NotSent: No connection; try again.
            OrderOutcomeUnknown: Sent, but the answer was lost: query the order by its id. To
                cancel again is safe.

        Source: Binance spot REST API, "Cancel order (TRADE)".
        """
        return await self._change(
            "cancel_order",
            {"symbol": symbol, **_which(client_order_id, order_id)},
            lambda body: codec.decode_cancelled(body, client_order_id, order_id),
            client_order_id=client_order_id,
        )

    async def cancel_all(self, symbol: str) -> Rows[OrderSnapshot]:
        """Take every open order of one symbol out; HALT does not stop this. Weight: 0, refused 1.

        An empty list says that none was open.

        Raises:
            NotSent: No connection; try again.
            VenueUnavailable: The answer was lost; it may have worked. To ask again is safe.

        Source: Binance spot REST API, "Cancel all open orders on a symbol (TRADE)".
        """
        try:
            return await self._change(
                "cancel_all", {"symbol": symbol}, codec.decode_all_cancelled, client_order_id=None
            )
        except OrderRejected as refused:
            if refused.code != UNKNOWN_ORDER:
                raise
            return Rows(of=OrderSnapshot, index="updated")

    async def order_status(
        self, symbol: str, *, client_order_id: str = "", order_id: int | None = None
    ) -> OrderSnapshot:
        """One order by our id or by the venue's `order_id`, whatever became of it. Weight: 4.

        A client id is unique among open orders only: with `order_id` that alone is asked by.

        Raises:
            VenueRejected: -2013: no such order. Soon after an unknown outcome this is no proof:
                the order may still be on its way for as long as recvWindow plus 10 s.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query order (USER_DATA)".
        """
        params = {"symbol": symbol, **_which(client_order_id, order_id)}
        return await self._read("order_status", params, codec.decode_order)

    async def open_orders(self, symbol: str | None = None) -> Rows[OrderSnapshot]:
        """Every open order, of one symbol or of all. Weight: 6 for one symbol, 80 for all.

        Raises:
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Current open orders (USER_DATA)".
        """
        params = {} if symbol is None else {"symbol": symbol}
        return await self._read("open_orders", params, codec.decode_orders)

    async def my_trades(
        self, symbol: str, *, from_id: int | None = None, order_id: int | None = None, limit: int = 500
    ) -> Rows[AccountTrade]:
        """The account's own trades in one symbol, oldest first, at most `limit` (up to 1000).

        Weight: 20; of one order 5. With `from_id` those from that trade id on, else the latest; with
        `order_id` (the venue's) those of that order alone. To page: ask again from
        the last `trade_id` plus one, until fewer than `limit` come.

        Raises:
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Account trade list (USER_DATA)".
        """
        params = {"symbol": symbol, **limited(limit)} | given(fromId=from_id, orderId=order_id)
        return await self._read("my_trades", params, codec.decode_account_trades)

    def _redeem(self, request: OrderRequest | OrderListRequest | ReplaceRequest, permit: Permit) -> None:
        """Spend `permit` on exactly `request`, whose ids can be asked by later."""
        require_ids(request)
        if not isinstance(permit, Permit):
            raise PermitRefused("an order needs a permit: ask Rails(limits).decide for one")
        permit.redeem(request, self.venue_clock.monotonic_ns())


def _which(client_order_id: str, order_id: int | None) -> dict[str, str]:
    """The parameter that names an order: the venue's id where it is given."""
    return {"origClientOrderId": client_order_id} if order_id is None else {"orderId": str(order_id)}
