"""What the paper exchange answers when it is asked: orders, lists, trades, balances, books.

Changes nothing; `exchange` adds what does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side
from quantlab.domain.position import Balance
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.events import Refused
from quantlab.paper.filters import MANDATORY, UNKNOWN_SYMBOL
from quantlab.paper.listing import Levels, Listing
from quantlab.paper.orders import Amendment, Fees, ListState, OrderState, OwnTrade, PreventedMatch
from quantlab.paper.records import Records
from quantlab.paper.rules import Rules

UNKNOWN_KEY = -2015
NO_SUCH_ORDER = -2013
NO_SUCH = "Order does not exist."
Row = TypeVar("Row")


class Reads:
    """Everything that can be asked of the exchange. All raise `Refused` for an unknown account or symbol."""

    instruments: dict[str, Instrument]
    _listings: Mapping[str, Listing]
    _ledger: Ledger
    _records: Records

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderState:
        """One order, open or closed; of equal client ids the open one, else the latest; else -2013."""
        self._account(account)
        self._listing(symbol)
        require_id(order_id, client_order_id)
        found = self._records.find(account, symbol, order_id, client_order_id)
        if found is None:
            raise Refused(NO_SUCH_ORDER, NO_SUCH)
        return found.snapshot()

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderState]:
        """The account's open orders, oldest first; of every symbol where `symbol` is None."""
        self._account(account)
        if symbol is not None:
            self._listing(symbol)
        return [order.snapshot() for order in self._records.open_orders(account, symbol)]

    def all_orders(
        self,
        account: str,
        symbol: str,
        *,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[OrderState]:
        """Orders in any state, oldest first: from an id or a time on, or else the latest."""
        self._account(account)
        self._listing(symbol)
        found = self._records.all_orders(account, symbol)
        chosen = page(
            found, lambda each: each.order_id, lambda each: each.created_ms,
            from_id=from_id, start_ms=start_ms, end_ms=end_ms, limit=limit,
        )  # fmt: skip
        return [order.snapshot() for order in chosen]

    def order_list(
        self, account: str, *, order_list_id: int | None = None, list_client_order_id: str | None = None
    ) -> ListState:
        """One list of the account, by its id, or else by its client's id (the latest); else -2013."""
        self._account(account)
        lists = self._records.lists.get(account, {})
        if order_list_id is not None:
            found = lists.get(order_list_id)
        else:
            named = [each for each in lists.values() if each.list_client_order_id == list_client_order_id]
            found = named[-1] if named else None
        if found is None:
            raise Refused(NO_SUCH_ORDER, NO_SUCH)
        return found.state()

    def order_lists(
        self,
        account: str,
        *,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[ListState]:
        """The account's lists in any state, oldest first: from an id or a time on, or else the latest."""
        self._account(account)
        chosen = page(
            self._records.lists.get(account, {}).values(), lambda each: each.order_list_id,
            lambda each: each.updated_ms, from_id=from_id, start_ms=start_ms, end_ms=end_ms, limit=limit,
        )  # fmt: skip
        return [each.state() for each in chosen]

    def open_order_lists(self, account: str) -> list[ListState]:
        """The account's lists that are not done, oldest first."""
        self._account(account)
        return [each.state() for each in self._records.open_lists(account)]

    def trades(
        self,
        account: str,
        symbol: str,
        *,
        from_id: int | None = None,
        order_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[OwnTrade]:
        """The account's trades, oldest first: from an id or a time on, or else the latest; of one order."""
        self._account(account)
        self._listing(symbol)
        found = self._records.trades(account, symbol)
        return page(
            (each for each in found if order_id in (None, each.order_id)), lambda each: each.trade_id,
            lambda each: each.time_ms, from_id=from_id, start_ms=start_ms, end_ms=end_ms, limit=limit,
        )  # fmt: skip

    def prevented_matches(
        self,
        account: str,
        symbol: str,
        *,
        prevented_match_id: int | None = None,
        order_id: int | None = None,
        from_id: int | None = None,
        limit: int = 500,
    ) -> list[PreventedMatch]:
        """Self-trades that did not happen, oldest first: one of them, or those of one order."""
        self._account(account)
        self._listing(symbol)
        found = [
            each
            for each in self._records.prevented_matches(account, symbol)
            if prevented_match_id in (None, each.prevented_match_id)
            and order_id in (None, each.taker_order_id, each.maker_order_id)
            and (from_id is None or each.prevented_match_id >= from_id)
        ]
        return found[:limit]

    def amendments(
        self,
        account: str,
        symbol: str,
        order_id: int,
        *,
        from_execution_id: int | None = None,
        limit: int = 500,
    ) -> list[Amendment]:
        """What was changed of one order, oldest first."""
        self._account(account)
        self._listing(symbol)
        found = [
            each
            for each in self._records.amendments(account, symbol)
            if each.order_id == order_id
            and (from_execution_id is None or each.execution_id >= from_execution_id)
        ]
        return found[:limit]

    def fees(self, account: str, symbol: str | None = None) -> Fees:
        """What the account pays in one symbol, or unless said otherwise."""
        found = self._account(account)
        if symbol is None:
            return found.fees
        self._listing(symbol)
        return found.fees_of(symbol)

    def balances(self, account: str) -> dict[str, Balance]:
        """Every asset the account was funded with or has traded."""
        return self._ledger.balances(self._account(account))

    def totals(self) -> dict[str, Decimal]:
        """By asset everything there is: accounts, commission, and a tape's public (see `Ledger`)."""
        return self._ledger.totals()

    # --- the market

    def rules(self, symbol: str) -> Rules:
        """The symbol's filters and permissions."""
        return self._listing(symbol).rules

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        """Last update id, bids, asks: (price, quantity) of the best `limit` prices, best first."""
        listing = self._listing(symbol)
        return listing.update_id, listing.depth(Side.BUY, limit), listing.depth(Side.SELL, limit)

    def best(self, symbol: str) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]:
        """Bid, its quantity, ask, its quantity; None where a side is empty."""
        listing = self._listing(symbol)
        return (*listing.best(Side.BUY), *listing.best(Side.SELL))

    def last_price(self, symbol: str) -> Decimal | None:
        """The price of the last public trade; None before the first."""
        listing = self._listing(symbol)
        return None if listing.last is None else listing.grid.price(listing.last)

    def average_price(self, symbol: str, now_ms: int) -> Decimal | None:
        """The volume-weighted average of the filters' minutes, else the last price, else None."""
        return self._listing(symbol).average_price(now_ms)

    def _account(self, account: str) -> Account:
        found = self._ledger.accounts.get(account)
        if found is None:
            raise Refused(UNKNOWN_KEY, "Invalid API-key, IP, or permissions for action.")
        return found

    def _listing(self, symbol: str) -> Listing:
        found = self._listings.get(symbol)
        if found is None:
            raise Refused(UNKNOWN_SYMBOL, "Invalid symbol.")
        return found


def require_id(order_id: int | None, client_order_id: str | None) -> None:
    """-1102 where neither names an order."""
    if order_id is None and client_order_id is None:
        raise Refused(
            MANDATORY, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        )


def page(
    rows: Iterable[Row],
    number: Callable[[Row], int],
    at_ms: Callable[[Row], int],
    *,
    from_id: int | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[Row]:
    """At most `limit` rows, oldest first: the first from an id or a start on, or else the last."""
    found = [
        row
        for row in rows
        if (from_id is None or number(row) >= from_id)
        and (start_ms is None or at_ms(row) >= start_ms)
        and (end_ms is None or at_ms(row) <= end_ms)
    ]
    most = max(0, limit)
    forwards = from_id is not None or start_ms is not None
    return found[:most] if forwards else found[max(0, len(found) - most) :]
