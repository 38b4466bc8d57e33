"""The paper exchange: accounts, order books and events behind one object.

Pure: no clock, no socket, no randomness; the time comes in with every request (UTC ms), so equal
requests give equal ids and equal events. A refused request changes nothing at all. Amounts are
`Decimal` outside and whole units inside; whoever drives the exchange takes the events with
`drain_events`, or they pile up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import AccountTrade, OrderSnapshot, Side
from quantlab.domain.position import Balance
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.admission import admit
from quantlab.paper.events import (
    BalanceChange,
    Event,
    Execution,
    ExecutionType,
    LevelChange,
    NewOrder,
    Placed,
    PlacedTrade,
    Refused,
    Status,
    TradePrint,
)
from quantlab.paper.filters import MANDATORY, UNKNOWN_SYMBOL
from quantlab.paper.floor import Floor
from quantlab.paper.listing import Levels, Listing, TapeLevels
from quantlab.paper.matching import Match
from quantlab.paper.queue import QueueModel
from quantlab.paper.records import Records
from quantlab.paper.units import asset_decimals

__all__ = [
    "BalanceChange", "Event", "Exchange", "Execution", "ExecutionType", "LevelChange", "Levels", "NewOrder",
    "Placed", "PlacedTrade", "Refused", "Status", "TapeLevels", "TradePrint",
]  # fmt: skip

UNKNOWN_KEY = -2015
CANCEL_REJECTED = -2011
NO_SUCH_ORDER = -2013


class Exchange:
    """A spot exchange for any number of symbols and accounts, with price-time priority.

    Own orders of one account never trade with each other. The mode is EXPIRE_MAKER, one of the
    spot venue's (a fixed one here): the resting order goes, as EXPIRED_IN_MATCH, and the taker
    trades on. Commission is taken from the asset received.

    Snapshots, trades and balances are the domain's. A MARKET order's snapshot says
    time_in_force GTC and price 0, as Binance answers it; one by quote amount says as quantity
    what it traded.

    Args:
        instruments: What to list.
        queue_model: How our resting orders advance in the queues of a mirrored market.

    Attributes:
        instruments: The listed instruments by symbol.
    """

    def __init__(
        self, instruments: Iterable[Instrument], *, queue_model: QueueModel = QueueModel.POWER2
    ) -> None:
        self.instruments: dict[str, Instrument] = {each.symbol: each for each in instruments}
        digits = asset_decimals(self.instruments.values())
        self._listings = {
            symbol: Listing(each, digits, queue_model) for symbol, each in self.instruments.items()
        }
        self._ledger = Ledger(digits)
        self._records = Records()
        self._floor = Floor(self._ledger, self._records)
        self._last_order_id = 0

    def open_account(
        self,
        account: str,
        balances: Mapping[str, Decimal],
        *,
        commission: Decimal = Decimal("0.001"),
        silent: bool = False,
    ) -> None:
        """Fund a new account.

        Args:
            account: Any name not in use.
            balances: Free amount by asset.
            commission: Fraction of what each trade brings in.
            silent: For the synthetic market's agents: the account gets no `Execution` and no
                `BalanceChange`, and its closed orders and trades are not remembered.

        Raises:
            InvalidField: The name is taken, or an amount is negative or too fine.
        """
        self._ledger.open(account, balances, commission=commission, silent=silent)

    # --- orders

    def place(self, account: str, order: NewOrder, now_ms: int) -> Placed:
        """Take an order: trade what crosses, then rest or expire what is left.

        Returns:
            The order as it then stands, and the trades it made at once.

        Raises:
            Refused: A filter, a parameter, the balance or a duplicate id; nothing changed.
        """
        owner, listing = self._account(account), self._listing(order.symbol)
        taker = admit(owner, listing, self._records, order, order_id=self._last_order_id + 1, now_ms=now_ms)
        self._last_order_id = taker.order_id
        trades = self._floor.take(taker, listing, now_ms)
        return Placed(taker.snapshot(), trades)

    def cancel(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        cancel_client_order_id: str = "",
        now_ms: int,
    ) -> OrderSnapshot:
        """Cancel one open order, named by either id or by both.

        Raises:
            Refused: -2011, no such open order; -1102, no id; -1121, no such symbol.
        """
        self._account(account)
        listing = self._listing(symbol)
        _require_id(order_id, client_order_id)
        found = self._records.find_open(account, symbol, order_id, client_order_id)
        if found is None:
            raise Refused(CANCEL_REJECTED, "Unknown order sent.")
        self._floor.cancel(found, listing, cancel_client_order_id, now_ms)
        return found.snapshot()

    def cancel_all(self, account: str, symbol: str, now_ms: int) -> list[OrderSnapshot]:
        """Cancel every open order of the account in one symbol, oldest first; -2011 where none is."""
        self._account(account)
        listing = self._listing(symbol)
        found = self._records.open_orders(account, symbol)
        if not found:
            raise Refused(CANCEL_REJECTED, "Unknown order sent.")
        for order in found:
            self._floor.cancel(order, listing, "", now_ms)
        return [order.snapshot() for order in found]

    # --- queries

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderSnapshot:
        """One order, open or closed; of equal client ids the open one, else the latest; else -2013."""
        self._account(account)
        self._listing(symbol)
        _require_id(order_id, client_order_id)
        found = self._records.find(account, symbol, order_id, client_order_id)
        if found is None:
            raise Refused(NO_SUCH_ORDER, "Order does not exist.")
        return found.snapshot()

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderSnapshot]:
        """The account's open orders, oldest first; of every symbol where `symbol` is None."""
        self._account(account)
        if symbol is not None:
            self._listing(symbol)
        return [order.snapshot() for order in self._records.open_orders(account, symbol)]

    def trades(
        self,
        account: str,
        symbol: str,
        *,
        from_id: int | None = None,
        order_id: int | None = None,
        limit: int = 500,
    ) -> list[AccountTrade]:
        """The account's trades, oldest first: `limit` from `from_id` on, or else the last `limit`."""
        self._account(account)
        self._listing(symbol)
        return self._records.trades(account, symbol, from_id=from_id, order_id=order_id, limit=limit)

    def balances(self, account: str) -> dict[str, Balance]:
        """Every asset the account was funded with or has traded."""
        return self._ledger.balances(self._account(account))

    def totals(self) -> dict[str, Decimal]:
        """By asset everything there is: accounts, commission, and a tape's public (see `Ledger`)."""
        return self._ledger.totals()

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        """Last update id, bids, asks: (price, quantity) of the best `limit` prices, best first."""
        listing = self._listing(symbol)
        return listing.update_id, listing.depth(Side.BUY, limit), listing.depth(Side.SELL, limit)

    def recent_trades(self, symbol: str, limit: int) -> list[TradePrint]:
        """The last public trades, oldest first; the last 1000 are kept."""
        prints = self._listing(symbol).prints
        return list(prints)[-limit:] if limit > 0 else []

    def best(self, symbol: str) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]:
        """Bid, its quantity, ask, its quantity; None where a side is empty."""
        listing = self._listing(symbol)
        return (*listing.best(Side.BUY), *listing.best(Side.SELL))

    def last_price(self, symbol: str) -> Decimal | None:
        """The price of the last public trade; None before the first."""
        listing = self._listing(symbol)
        return None if listing.last is None else listing.grid.price(listing.last)

    def drain_events(self) -> list[Event]:
        """Everything that happened since the last call, in order."""
        events, self._floor.events = self._floor.events, []
        return events

    # --- a recorded market; see tapebook.py for what it means to trade against it

    def mirror_snapshot(
        self, symbol: str, last_update_id: int, bids: TapeLevels, asks: TapeLevels, now_ms: int = 0
    ) -> None:
        """Show this book from now on, in place of the symbol's own.

        The first one is no event. A later one is the diff that it makes, under the ids that follow
        on; one that is older than the book is nothing.

        Raises:
            TapeError: A price or quantity is off the instrument's grid.
        """
        listing = self._listing(symbol)
        self._mirrored(listing, *listing.mirror_book(last_update_id, bids, asks, now_ms), now_ms)

    def mirror_depth(  # noqa: PLR0917  # the fields of a recorded diff, in its order
        self, symbol: str, first_id: int, final_id: int, bids: TapeLevels, asks: TapeLevels, now_ms: int
    ) -> None:
        """Fold one recorded diff in. `TapeError` where a level is off the instrument's grid."""
        listing = self._listing(symbol)
        self._mirrored(listing, *listing.mirror_diff(first_id, final_id, bids, asks, now_ms), now_ms)

    def mirror_trade(  # noqa: PLR0917  # the fields of a recorded trade, in its order
        self,
        symbol: str,
        trade_id: int,
        price: Decimal | str,
        quantity: Decimal | str,
        buyer_is_maker: bool,  # noqa: FBT001  # the venue's own field
        now_ms: int,
    ) -> None:
        """Print one recorded trade, and fill from it our orders that its flow reaches (see `queue`).

        Our own fills take the symbol's own trade ids, from 1, and print nothing public.
        """
        listing = self._listing(symbol)
        ticks, units = listing.whole_level(price, quantity)
        tape, shown = listing.mirror(), listing.grid.base(units)
        printed = listing.print(trade_id, ticks, shown, buyer_is_maker=buyer_is_maker, now_ms=now_ms)
        self._floor.events.append(printed)
        filled = tape.print(ticks, units, buyer_is_maker=buyer_is_maker)
        self._floor.fill_from_tape(filled, listing, now_ms)

    def _mirrored(self, listing: Listing, changes: list[LevelChange], filled: Match, now_ms: int) -> None:
        self._floor.events += changes
        if filled.fills:
            self._floor.fill_from_tape(filled, listing, now_ms)

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


def _require_id(order_id: int | None, client_order_id: str | None) -> None:
    if order_id is None and client_order_id is None:
        raise Refused(
            MANDATORY, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        )
