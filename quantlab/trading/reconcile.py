"""What the venue says we have, against what we believe: at start, after a reconnect, after a doubt.

The main thread says what it believes (`believed`), the wire asks (`gather`), and the main thread
turns the answers into execution reports (`reports.reports`). A fill is never assumed: each comes
from the account's own trade list. An absence proves nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from quantlab.domain.orders import NO_ORDER_ID, AccountTrade, OrderSnapshot
from quantlab.domain.position import AccountInfo
from quantlab.errors import VenueRejected
from quantlab.trading.amounts import ZERO
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.owntrades import (
    NO_SUCH_ORDER,
    OrderClient,
    from_mark,
    since,
    trades_of,
    without,
)
from quantlab.trading.portfolio import Portfolio


class Believed(msgspec.Struct, frozen=True, kw_only=True):
    """One order that lives, for all we know, or that is over and has fills we have not booked.

    `order_id` is None where the venue has not said it yet. The name of an `external` order may be
    ours alone, so only its `order_id` names it at the venue. `earlier` and `booked` (base asset) are
    those of its reservation.
    """

    symbol: str
    client_order_id: str
    order_id: int | None = None
    external: bool = False
    live: bool = True
    earlier: Decimal = ZERO
    booked: Decimal = ZERO


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What we believe: orders, and trades seen so far.

    `reconciled_to` holds, for each symbol, the trade id to ask after; None (the first time) begins
    now, and nothing older is asked for except the fills of the orders we believe in. `heard` are the
    orders, by symbol and the venue's id, whose trades since then have been told.
    """

    orders: tuple[Believed, ...]
    reconciled_to: Mapping[str, int | None]
    heard: frozenset[tuple[str, int]] = frozenset()


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue said. `absent` are believed orders it does not know; `marks` go to the portfolio.

    `seen` has, for each symbol that was followed before, the trade up to which it was: None where
    the venue does not know that trade any more, and so is another one than it was.
    """

    account: AccountInfo | None = None
    orders: tuple[OrderSnapshot, ...] = ()
    trades: tuple[AccountTrade, ...] = ()
    absent: tuple[tuple[str, str], ...] = ()
    marks: Mapping[str, int] = {}
    seen: Mapping[str, AccountTrade | None] = {}


def believed(orders: Orders, portfolio: Portfolio, symbols: Iterable[str]) -> Known:
    """What we believe at this moment; `symbols` are followed besides those with orders or trades."""
    watched = {*symbols, *portfolio.books.reconciled_symbols, *portfolio.positions, *orders.symbols}
    lacking = [orders.get(each) for each in sorted(portfolio.lacking)]
    over = [each for each in lacking if each is not None and not each.live]
    return Known(
        orders=tuple(_believed(order, portfolio) for order in (*orders.open(), *over)),
        reconciled_to={symbol: portfolio.books.reconciled_to(symbol) for symbol in sorted(watched)},
        heard=portfolio.books.heard,
    )


async def gather(client: OrderClient, known: Known) -> Reconciled:
    """Ask the venue for account, open orders, believed orders and new trades, in this order.

    Trades come last, so that what the snapshots say was executed is among them; where the trades
    of a new symbol begin is asked first, so that no fill falls between. The user stream must be
    live before, or what happens between is lost until the next time.
    """
    account = await client.account()
    marks, open_orders = await _begin(client, known)
    stands = [(each, await _ask(client, each, open_orders)) for each in known.orders]
    found = [snapshot for _, snapshot in stands if snapshot is not None]
    trades: dict[tuple[str, int], AccountTrade] = {}
    seen: dict[str, AccountTrade | None] = {}
    begun = dict(marks)
    for symbol, after in begun.items():
        known_trade, new = await from_mark(client, symbol, after)
        if after >= 0 and known.reconciled_to.get(symbol) is not None:
            seen[symbol] = known_trade
        for trade in new:
            trades[symbol, trade.trade_id] = trade
            marks[symbol] = max(marks[symbol], trade.trade_id)
    for order, snapshot in stands:
        if snapshot is not None and _may_lack_fills(order, snapshot, known):
            whole = await trades_of(client, order.symbol, snapshot.order_id)
            trades |= {(each.symbol, each.trade_id): each for each in since(whole, order.earlier)}
    named, nameless = await _named(client, trades.values(), known, (*open_orders, *found))
    found += named
    if nameless and any(each.order_id is None for each in known.orders):  # it may be theirs: not yet
        trades, marks = without(nameless, trades, marks, begun)
    return Reconciled(
        account=account,
        orders=tuple({(each.symbol, each.order_id): each for each in (*open_orders, *found)}.values()),
        trades=tuple(trades.values()),
        absent=tuple((each.symbol, each.client_order_id) for each, snapshot in stands if snapshot is None),
        marks=marks,
        seen=seen,
    )


async def status_by_name(client: OrderClient, symbol: str, client_order_id: str) -> OrderSnapshot:
    """Where an order of ours stands, under the name that we asked for.

    What the venue calls a cancelled order may be the name of the cancel.
    """
    found = await client.order_status(symbol, client_order_id=client_order_id)
    return msgspec.structs.replace(found, client_order_id=client_order_id)


async def _named(
    client: OrderClient,
    trades: Iterable[AccountTrade],
    known: Known,
    found: Iterable[OrderSnapshot],
) -> tuple[list[OrderSnapshot], frozenset[tuple[str, int]]]:
    """The orders of trades that nobody has heard of, and those that the venue does not know (yet).

    A trade has no more than their number. One of them may be ours, whose answer was lost: by its number
    alone it would pass for a stranger.
    """
    numbered = {(each.symbol, each.order_id) for each in found} | known.heard
    numbered |= {(each.symbol, each.order_id) for each in known.orders if each.order_id is not None}
    result, unknown = [], set()
    for symbol, order_id in sorted({(each.symbol, each.order_id) for each in trades} - numbered):
        try:
            result.append(await client.order_status(symbol, order_id=order_id))
        except VenueRejected as refused:
            if refused.code != NO_SUCH_ORDER:
                raise
            unknown.add((symbol, order_id))
    return result, frozenset(unknown)


async def _begin(client: OrderClient, known: Known) -> tuple[dict[str, int], list[OrderSnapshot]]:
    """The trade id to ask after for each symbol, and what is open.

    For a symbol that is new that is its newest trade before anything else was asked of it: what
    trades between the questions comes after it.
    """
    open_orders = await client.open_orders()
    symbols = sorted({*known.reconciled_to, *(each.symbol for each in open_orders)})
    marks: dict[str, int] = {}
    for symbol in symbols:
        after = known.reconciled_to.get(symbol)
        if after is None:
            newest = await client.my_trades(symbol, limit=1)
            after = max((each.trade_id for each in newest), default=-1)
        marks[symbol] = after
    if any(known.reconciled_to.get(symbol) is None for symbol in symbols):
        open_orders = await client.open_orders()
    return marks, open_orders


async def _ask(
    client: OrderClient, order: Believed, open_orders: Sequence[OrderSnapshot]
) -> OrderSnapshot | None:
    """Where one believed order stands; None where the venue does not know it."""
    for each in open_orders:
        by_id = order.order_id is not None and each.order_id == order.order_id
        by_name = order.order_id is None and each.client_order_id == order.client_order_id
        if each.symbol == order.symbol and (by_id or by_name):
            return each
    try:
        if order.external and order.order_id is not None:
            return await client.order_status(order.symbol, order_id=order.order_id)
        return await status_by_name(client, order.symbol, order.client_order_id)
    except VenueRejected as refused:
        if refused.code != NO_SUCH_ORDER:
            raise
        return None


def _may_lack_fills(order: Believed, snapshot: OrderSnapshot, known: Known) -> bool:
    """True where asking by symbol may miss fills of this order: older ones than we follow the symbol.

    Also where an order is over and something is missing: no report of it will come any more.
    """
    followed = known.reconciled_to.get(order.symbol) is not None
    return snapshot.executed_quantity > order.booked and not (followed and order.live)


def _believed(order: Order, portfolio: Portfolio) -> Believed:
    reserved = portfolio.reserved(order.client_order_id)
    return Believed(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        order_id=None if order.order_id == NO_ORDER_ID else order.order_id,
        external=order.external,
        live=order.live,
        earlier=reserved.earlier if reserved else ZERO,
        booked=reserved.booked if reserved else ZERO,
    )
