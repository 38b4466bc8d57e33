"""What the exchange remembers of accounts: open orders all, the past up to a bound.

Holds no funds and no book: it finds an order by its id or its client's id. Orders of silent accounts
are forgotten as soon as they close.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from quantlab.paper.events import Refused
from quantlab.paper.orders import Amendment, OwnTrade, PreventedMatch
from quantlab.paper.venueorder import OrderList, VenueOrder

WRONG_CLIENT_ID = -2039
CLOSED_KEPT = 100_000  # closed orders of all accounts
TRADES_KEPT = 100_000  # trades of one account in one symbol
REST_KEPT = 10_000  # closed lists, prevented matches and amendments of one account

Key = tuple[str, str]  # account, symbol
Row = TypeVar("Row")


class Records:
    """Open orders, closed orders, lists and trades, by account and symbol.

    Args:
        closed_kept: Closed orders of all accounts.
        trades_kept: Trades of one account in one symbol.
        rest_kept: Lists of one account; prevented matches and amendments of one account in one symbol.

    Attributes:
        lists: Order lists by account and id: the open ones, and the latest closed.
    """

    def __init__(
        self,
        *,
        closed_kept: int = CLOSED_KEPT,
        trades_kept: int = TRADES_KEPT,
        rest_kept: int = REST_KEPT,
    ) -> None:
        self._closed_kept = closed_kept
        self._trades_kept = trades_kept
        self._rest_kept = rest_kept
        self._open: dict[Key, dict[int, VenueOrder]] = {}
        self._open_client: dict[tuple[str, str, str], VenueOrder] = {}
        self._closed: dict[Key, dict[int, VenueOrder]] = {}
        self._closed_client: dict[tuple[str, str, str], VenueOrder] = {}
        self._oldest: deque[VenueOrder] = deque()
        self._trades: dict[Key, deque[OwnTrade]] = {}
        self._prevented: dict[Key, deque[PreventedMatch]] = {}
        self._amendments: dict[Key, deque[Amendment]] = {}
        self.lists: dict[str, dict[int, OrderList]] = {}

    # --- what happens

    def opened(self, order: VenueOrder) -> None:
        """The order is open from now on, in the book or waiting."""
        self._open.setdefault((order.account.name, order.symbol), {})[order.order_id] = order
        self._open_client[_client_key(order)] = order

    def renamed(self, order: VenueOrder, client_order_id: str) -> None:
        """An open order takes another client id."""
        del self._open_client[_client_key(order)]
        order.client_order_id = client_order_id
        self._open_client[_client_key(order)] = order

    def closed(self, order: VenueOrder) -> None:
        """The order will not change any more; it may or may not have been open."""
        key = order.account.name, order.symbol
        resting = self._open.get(key)
        if resting is not None and resting.pop(order.order_id, None) is not None:
            del self._open_client[_client_key(order)]
        if order.account.silent:
            return
        self._closed.setdefault(key, {})[order.order_id] = order
        self._closed_client[_client_key(order)] = order
        self._oldest.append(order)
        if len(self._oldest) > self._closed_kept:
            self._forget(self._oldest.popleft())

    def traded(self, account: str, trade: OwnTrade) -> None:
        """Remember one of the account's own trades."""
        _kept(self._trades, (account, trade.symbol), self._trades_kept).append(trade)

    def prevented(self, account: str, match: PreventedMatch) -> None:
        """Remember one self-trade that did not happen."""
        _kept(self._prevented, (account, match.symbol), self._rest_kept).append(match)

    def amended(self, account: str, amendment: Amendment) -> None:
        """Remember one change of an order."""
        _kept(self._amendments, (account, amendment.symbol), self._rest_kept).append(amendment)

    def listed(self, order_list: OrderList) -> None:
        """Remember a list; the oldest closed one goes where there are too many."""
        lists = self.lists.setdefault(order_list.account.name, {})
        lists[order_list.order_list_id] = order_list
        if len(lists) > self._rest_kept:
            oldest = next((each for each in lists.values() if each.done), None)
            if oldest is not None:
                del lists[oldest.order_list_id]

    # --- what is open

    def has_open(self, account: str, symbol: str) -> bool:
        return bool(self._open.get((account, symbol)))

    def counts(
        self, account: str, symbol: str, *, algos_too: bool
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        """(open orders, contingent ones among them) of one symbol and of all; 0 of those unless asked."""
        here, everywhere = [0, 0], [0, 0]
        for (name, listed), orders in self._open.items():
            if name == account:
                algos = sum(each.type.is_contingent for each in orders.values()) if algos_too else 0
                for counted in (here, everywhere) if listed == symbol else (everywhere,):
                    counted[0] += len(orders)
                    counted[1] += algos
        return (here[0], here[1]), (everywhere[0], everywhere[1])

    def client_id_taken(self, account: str, symbol: str, client_order_id: str) -> bool:
        """True while an open order of the account carries this id."""
        return (account, symbol, client_order_id) in self._open_client

    def find_open(
        self, account: str, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> VenueOrder | None:
        """The open order that the ids mean; None where there is none.

        Raises:
            Refused: -2039, the order of that id has another client id.
        """
        if order_id is None:
            return self._open_client.get((account, symbol, client_order_id or ""))
        return _agreed(self._open.get((account, symbol), {}).get(order_id), client_order_id)

    def open_orders(self, account: str, symbol: str | None) -> list[VenueOrder]:
        """The account's open orders, oldest first; of every symbol where `symbol` is None."""
        found = [
            order
            for (name, listed), orders in self._open.items()
            if name == account and symbol in (None, listed)
            for order in orders.values()
        ]
        return sorted(found, key=_number)

    def open_lists(self, account: str, symbol: str | None = None) -> list[OrderList]:
        """The account's open lists, oldest first; of every symbol where `symbol` is None."""
        lists = self.lists.get(account, {}).values()
        return [each for each in lists if not each.done and symbol in (None, each.symbol)]

    # --- what was

    def find(
        self, account: str, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> VenueOrder | None:
        """As `find_open`, also among closed orders; of equal client ids the open or latest one."""
        found = self.find_open(account, symbol, order_id, client_order_id)
        if found is not None:
            return found
        if order_id is None:
            return self._closed_client.get((account, symbol, client_order_id or ""))
        return _agreed(self._closed.get((account, symbol), {}).get(order_id), client_order_id)

    def all_orders(self, account: str, symbol: str) -> list[VenueOrder]:
        """Open and remembered closed orders, oldest first."""
        key = account, symbol
        found = [*self._open.get(key, {}).values(), *self._closed.get(key, {}).values()]
        return sorted(found, key=_number)

    def trades(self, account: str, symbol: str) -> Iterable[OwnTrade]:
        return self._trades.get((account, symbol), ())

    def prevented_matches(self, account: str, symbol: str) -> Iterable[PreventedMatch]:
        return self._prevented.get((account, symbol), ())

    def amendments(self, account: str, symbol: str) -> Iterable[Amendment]:
        return self._amendments.get((account, symbol), ())

    def _forget(self, order: VenueOrder) -> None:
        self._closed[order.account.name, order.symbol].pop(order.order_id, None)
        key = _client_key(order)
        if self._closed_client.get(key) is order:
            del self._closed_client[key]


def _agreed(found: VenueOrder | None, client_order_id: str | None) -> VenueOrder | None:
    if found is not None and client_order_id not in (None, found.client_order_id):
        raise Refused(WRONG_CLIENT_ID, "Client order ID is not correct for this order ID.")
    return found


def _kept(rows: dict[Key, deque[Row]], key: Key, most: int) -> deque[Row]:
    found = rows.get(key)
    if found is None:
        found = rows[key] = deque(maxlen=most)
    return found


def _client_key(order: VenueOrder) -> tuple[str, str, str]:
    return order.account.name, order.symbol, order.client_order_id


def _number(order: VenueOrder) -> int:
    return order.order_id
