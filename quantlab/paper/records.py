"""The orders the exchange remembers: open ones all, closed ones and trades up to a bound.

Holds no funds and no book: it finds an order by its id or its client's id, and answers
snapshots. Orders of silent accounts are forgotten as soon as they close.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from itertools import islice

from quantlab.domain.instrument import ZERO
from quantlab.domain.orders import AccountTrade, OrderSnapshot, OrderType, Side, TimeInForce
from quantlab.paper.accounts import Account
from quantlab.paper.events import Status
from quantlab.paper.matching import Order
from quantlab.paper.units import Grid

CLOSED_KEPT = 100_000  # closed orders of all accounts
TRADES_KEPT = 100_000  # trades of one account in one symbol


class VenueOrder(Order):
    """An order with everything an answer shows. `lots` and `executed` in lots, `paid` in quote units.

    `unspent` marks a market order by quote amount that the book could not serve in full: its
    quantity is what it traded, and yet it ends EXPIRED.
    """

    __slots__ = (
        "account", "client_order_id", "created_ms", "executed", "grid", "lots", "paid",
        "quote_quantity", "status", "time_in_force", "type", "unspent", "updated_ms",
    )  # fmt: skip

    def __init__(
        self,
        *,
        order_id: int,
        account: Account,
        grid: Grid,
        side: Side,
        type: OrderType,
        time_in_force: TimeInForce | None,
        price: int | None,
        lots: int,
        quote_quantity: Decimal | None,
        client_order_id: str,
        now_ms: int,
        unspent: bool = False,
    ) -> None:
        super().__init__(order_id, account, side, price, lots)
        self.account = account
        self.grid = grid
        self.type = type
        self.time_in_force = time_in_force or TimeInForce.GTC  # what Binance answers at market
        self.lots = lots
        self.quote_quantity = quote_quantity
        self.client_order_id = client_order_id
        self.executed = 0
        self.paid = 0
        self.status = Status.NEW
        self.created_ms = now_ms
        self.updated_ms = now_ms
        self.unspent = unspent

    @property
    def symbol(self) -> str:
        return self.grid.instrument.symbol

    def reserved(self) -> tuple[str, int]:
        """Asset and units that the open rest of a priced order locks."""
        listed = self.grid.instrument
        if self.side is Side.BUY:
            return listed.quote, (self.price or 0) * self.remaining * self.grid.tick_lot_units
        return listed.base, self.remaining * self.grid.lot_units

    def fill(self, lots: int, quote_units: int, now_ms: int) -> None:
        """Count one fill."""
        self.executed += lots
        self.paid += quote_units
        done = self.executed == self.lots and not self.unspent
        self.status = Status.FILLED if done else Status.PARTIALLY_FILLED
        self.updated_ms = now_ms

    def snapshot(self) -> OrderSnapshot:
        """The order as it stands."""
        grid = self.grid
        return OrderSnapshot(
            symbol=grid.instrument.symbol,
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            side=self.side,
            type=self.type,
            time_in_force=self.time_in_force,
            quantity=grid.quantity(self.lots),
            quote_quantity=ZERO if self.quote_quantity is None else self.quote_quantity,
            price=ZERO if self.price is None else grid.price(self.price),
            executed_quantity=grid.quantity(self.executed),
            executed_quote=grid.quote(self.paid),
            status=self.status,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
        )


class Records:
    """Open orders, closed orders and trades, by account and symbol."""

    def __init__(self, *, closed_kept: int = CLOSED_KEPT, trades_kept: int = TRADES_KEPT) -> None:
        self._closed_kept = closed_kept
        self._trades_kept = trades_kept
        self._open: dict[tuple[str, str], dict[int, VenueOrder]] = {}
        self._open_client: dict[tuple[str, str, str], VenueOrder] = {}
        self._closed: dict[int, VenueOrder] = {}
        self._closed_client: dict[tuple[str, str, str], VenueOrder] = {}
        self._oldest: deque[int] = deque()
        self._trades: dict[tuple[str, str], deque[AccountTrade]] = {}

    def opened(self, order: VenueOrder) -> None:
        """The order rests from now on."""
        self._open.setdefault((order.account.name, order.symbol), {})[order.order_id] = order
        self._open_client[_client_key(order)] = order

    def closed(self, order: VenueOrder) -> None:
        """The order will not change any more; it may or may not have rested."""
        resting = self._open.get((order.account.name, order.symbol))
        if resting is not None and resting.pop(order.order_id, None) is not None:
            del self._open_client[_client_key(order)]
        if order.account.silent:
            return
        self._closed[order.order_id] = order
        self._closed_client[_client_key(order)] = order
        self._oldest.append(order.order_id)
        if len(self._oldest) > self._closed_kept:
            forgotten = self._closed.pop(self._oldest.popleft())
            key = _client_key(forgotten)
            if self._closed_client[key] is forgotten:
                del self._closed_client[key]

    def traded(self, account: str, trade: AccountTrade) -> None:
        """Remember one of the account's own trades."""
        key = (account, trade.symbol)
        trades = self._trades.get(key)
        if trades is None:
            trades = self._trades[key] = deque(maxlen=self._trades_kept)
        trades.append(trade)

    def has_open(self, account: str, symbol: str) -> bool:
        return bool(self._open.get((account, symbol)))

    def client_id_taken(self, account: str, symbol: str, client_order_id: str) -> bool:
        """True while an open order of the account carries this id."""
        return (account, symbol, client_order_id) in self._open_client

    def find_open(
        self, account: str, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> VenueOrder | None:
        """The open order that both given ids mean; None where there is none."""
        if order_id is not None:
            found = self._open.get((account, symbol), {}).get(order_id)
        else:
            found = self._open_client.get((account, symbol, client_order_id or ""))
        if found is None or client_order_id not in (None, found.client_order_id):
            return None
        return found

    def find(
        self, account: str, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> VenueOrder | None:
        """As `find_open`, also among closed orders; of equal client ids the open or latest one."""
        found = self.find_open(account, symbol, order_id, client_order_id)
        if found is not None:
            return found
        if order_id is None:
            return self._closed_client.get((account, symbol, client_order_id or ""))
        found = self._closed.get(order_id)
        if found is None or (found.account.name, found.symbol) != (account, symbol):
            return None
        return found if client_order_id in (None, found.client_order_id) else None

    def open_orders(self, account: str, symbol: str | None) -> list[VenueOrder]:
        """The account's open orders, oldest first; of every symbol where `symbol` is None."""
        found = [
            order
            for (name, listed), orders in self._open.items()
            if name == account and symbol in (None, listed)
            for order in orders.values()
        ]
        return sorted(found, key=lambda order: order.order_id)

    def trades(
        self, account: str, symbol: str, *, from_id: int | None, order_id: int | None, limit: int
    ) -> list[AccountTrade]:
        """Oldest first: the first `limit` from trade `from_id` on, or else the last `limit`."""
        kept = self._trades.get((account, symbol), ())
        newest_first = from_id is None
        wanted = (
            trade
            for trade in (reversed(kept) if newest_first else kept)
            if (order_id is None or trade.order_id == order_id)
            and (from_id is None or trade.trade_id >= from_id)
        )
        found = list(islice(wanted, max(0, limit)))
        return found[::-1] if newest_first else found


def _client_key(order: VenueOrder) -> tuple[str, str, str]:
    return order.account.name, order.symbol, order.client_order_id
