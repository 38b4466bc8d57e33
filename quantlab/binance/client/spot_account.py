"""What the account may do and did, by REST: filters, rates, counts, old orders and trades. Reads only."""

from __future__ import annotations

from quantlab.binance import codec_account as codec
from quantlab.binance import codec_lists, codec_orders, filters
from quantlab.binance.client.base import RestCalls
from quantlab.binance.client.params import given, limited
from quantlab.binance.filters import SymbolFilters
from quantlab.binance.order_values import Amendment, Commission, OrderCount, OrderList, PreventedMatch
from quantlab.domain.orders import AccountTrade, OrderSnapshot
from quantlab.errors import InvalidField
from quantlab.frames import Rows

DAY_MS = 86_400_000
PAGE = 1_000
FILTERS_LIVE_NS = 60_000_000_000  # a minute: a venue changes them while it runs


class SpotAccount(RestCalls):
    """The account's own data. All but `exchange_filter` need credentials, and every method raises:

    * `VenueUnavailable`: no answer, or a 5XX.
    * `RateLimited`: the request weight is spent; wait `retry_after_s`.
    * `VenueRejected`: a definite refusal (-1121 for an unknown symbol, -2015 for a key).
    * `UndecodableReply`: the answer is not what the document says.
    """

    async def exchange_filter(self, symbol: str, *, fresh: bool = False) -> SymbolFilters:
        """The filters that every order in `symbol` meets, each with its type; kept for a minute. Weight: 20.

        Nothing is asked, and nothing is paid, while the last answer is younger; `fresh` asks anyway.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Exchange information", and "Filters".
        """
        kept = self._filters
        now_ns = self.venue_clock.monotonic_ns()
        if not fresh and symbol in kept and now_ns - kept[symbol][0] < FILTERS_LIVE_NS:
            return kept[symbol][1]
        answer = await self._read(
            "exchange_info", {"symbol": symbol}, lambda body: filters.decode_symbol_filters(body, symbol)
        )
        kept[symbol] = (now_ns, answer)
        return answer

    async def my_filters(self, symbol: str) -> SymbolFilters:
        """Every filter that this account's orders in `symbol` meet, `MaxAsset` included. Weight: 40.

        Raises:
            VenueRejected: Unknown symbol (-1121), or the key is refused.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query relevant filters (USER_DATA)".
        """
        return await self._read(
            "my_filters", {"symbol": symbol}, lambda body: filters.decode_my_filters(body, symbol)
        )

    async def commission(self, symbol: str) -> Commission:
        """What the account pays in `symbol`, as fractions of what is traded. Weight: 20.

        Raises:
            VenueRejected: Unknown symbol (-1121), or the key is refused.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query Commission Rates (USER_DATA)".
        """
        return await self._read("commission", {"symbol": symbol}, codec.decode_commission)

    async def order_rate_limits(self) -> Rows[OrderCount]:
        """How many unfilled orders the account has placed in each window, and how many it may. Weight: 40.

        Raises:
            VenueRejected: The key is refused.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query Unfilled Order Count (USER_DATA)".
        """
        return await self._read("order_rate_limits", {}, codec.decode_order_counts)

    async def all_orders(
        self,
        symbol: str,
        *,
        from_order_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> Rows[OrderSnapshot]:
        """Orders of one symbol, open and ended, oldest first, at most `limit` (up to 1000). Weight: 20.

        From `from_order_id` (the venue's id) on, or made between two times (UTC ms) that are 24 hours
        apart at most; else the latest.

        Raises:
            VenueRejected: More than 24 hours (-1127), or an unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "All orders (USER_DATA)".
        """
        params = {"symbol": symbol, **limited(limit)}
        params |= given(orderId=from_order_id, startTime=start_ms, endTime=end_ms)
        return await self._read("all_orders", params, codec_orders.decode_orders)

    async def my_trades_since(
        self, symbol: str, *, from_id: int | None = None, since_ms: int | None = None
    ) -> Rows[AccountTrade]:
        """All of the account's trades in `symbol` from a trade id or a time (UTC ms) on, oldest first.

        Asks for pages of 1000 until the last one is not full. By time it first looks for the earliest
        trade, in windows of 24 hours (the venue allows no more), and goes on by id. Weight: 20 for each
        page and each empty day; a read waits for its weight, so a long time ago takes a while.

        Raises:
            InvalidField: Not exactly one of `from_id` and `since_ms` is given.
            VenueRejected: Unknown symbol (-1121), or the key is refused.
            VenueUnavailable: No answer, or a 5XX. Ask again: nothing is lost.

        Source: Binance spot REST API, "Account trade list (USER_DATA)".
        """
        if (from_id is None) == (since_ms is None):
            given_them = "neither" if from_id is None else "both"
            raise InvalidField("from_id", f"{given_them} of from_id and since_ms given", "give exactly one")
        trades: Rows[AccountTrade] = Rows(of=AccountTrade, index="time")
        if since_ms is not None:
            while not trades and since_ms <= self.venue_clock.now_ms():
                window = given(startTime=since_ms, endTime=since_ms + DAY_MS - 1)
                trades.extend(await self._trades(symbol, window))
                since_ms += DAY_MS
            if not trades:
                return trades
            from_id = trades[-1].trade_id + 1
        while True:
            page = await self._trades(symbol, given(fromId=from_id))
            trades.extend(page)
            if len(page) < PAGE:
                return trades
            from_id = page[-1].trade_id + 1

    async def prevented_matches(
        self,
        symbol: str,
        *,
        prevented_match_id: int | None = None,
        order_id: int | None = None,
        from_id: int | None = None,
        limit: int = 500,
    ) -> Rows[PreventedMatch]:
        """What self-trade prevention kept from trading: one match by its id, or those of an order.

        Weight: 2 by `prevented_match_id`, 20 by `order_id` (the venue's; `from_id` and `limit`, up to 1000,
        page through its matches).

        Raises:
            VenueRejected: Not exactly one of the two ids (-1128), or an unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query Prevented Matches (USER_DATA)".
        """
        params = {"symbol": symbol}
        params |= given(
            preventedMatchId=prevented_match_id, orderId=order_id, fromPreventedMatchId=from_id,
            limit=limit if from_id is not None else None,
        )  # fmt: skip
        return await self._read("prevented_matches", params, codec.decode_prevented_matches)

    async def order_amendments(
        self, symbol: str, order_id: int, *, from_execution_id: int | None = None, limit: int = 500
    ) -> Rows[Amendment]:
        """Every change of one order's quantity, oldest first, at most `limit` (up to 1000). Weight: 4.

        Raises:
            VenueRejected: Unknown symbol (-1121), or the key is refused.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query Order Amendments (USER_DATA)".
        """
        params = {"symbol": symbol, "orderId": str(order_id), **limited(limit)}
        params |= given(fromExecutionId=from_execution_id)
        return await self._read("order_amendments", params, codec.decode_amendments)

    async def order_list_status(
        self, *, list_client_order_id: str = "", order_list_id: int | None = None
    ) -> OrderList:
        """One list by our id or by the venue's `order_list_id`, whatever became of it. Weight: 4.

        Raises:
            VenueRejected: -2013: no such list. Soon after an unknown outcome this is no proof.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query Order list (USER_DATA)".
        """
        params = {"origClientOrderId": list_client_order_id}
        if order_list_id is not None:
            params = {"orderListId": str(order_list_id)}
        return await self._read("order_list_status", params, codec_lists.decode_list)

    async def open_order_lists(self) -> Rows[OrderList]:
        """Every list that still executes, of all symbols. Weight: 6.

        Raises:
            VenueRejected: The key is refused.
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query Open Order lists (USER_DATA)".
        """
        return await self._read("open_order_lists", {}, codec_lists.decode_lists)

    async def all_order_lists(
        self,
        *,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> Rows[OrderList]:
        """Lists of all symbols, open and ended, at most `limit` (up to 1000). Weight: 20.

        From the list `from_id` on, or between two times (UTC ms) that are 24 hours apart at most.

        Raises:
            VenueRejected: An id and a time together (-1128), more than 24 hours (-1127).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Query all Order lists (USER_DATA)".
        """
        params = {**limited(limit)} | given(fromId=from_id, startTime=start_ms, endTime=end_ms)
        return await self._read("all_order_lists", params, codec_lists.decode_lists)

    async def _trades(self, symbol: str, params: dict[str, str]) -> Rows[AccountTrade]:
        asked = {"symbol": symbol, "limit": str(PAGE)} | params
        return await self._read("my_trades", asked, codec_orders.decode_account_trades)
