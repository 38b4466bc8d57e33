"""What the venue says we have, against what we believe: at start, after a reconnect, after a doubt.

The wire only asks (`gather`); the main thread turns the answers into execution reports
(`reports`), which are folded in like any other: twice changes nothing. A fill is never assumed:
each comes from the account's own trade list. An absence proves nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from quantlab.domain.limits import Permit
from quantlab.domain.orders import AccountTrade, ExecutionReport, OrderAck, OrderRequest, OrderSnapshot
from quantlab.domain.position import AccountInfo
from quantlab.errors import UndecodableReply, VenueRejected
from quantlab.trading.amounts import ZERO, add, subtract
from quantlab.trading.orders import Order, Orders

NO_SUCH_ORDER = -2013
TRADES_PAGE = 500


class OrderClient(Protocol):
    """What we need of a venue's client; see `binance.client`. Only `submit_order` needs a permit."""

    async def submit_order(self, request: OrderRequest, permit: Permit) -> OrderAck: ...

    async def cancel_order(self, symbol: str, *, client_order_id: str) -> OrderSnapshot: ...

    async def cancel_all(self, symbol: str) -> list[OrderSnapshot]: ...

    async def order_status(self, symbol: str, *, client_order_id: str) -> OrderSnapshot: ...

    async def open_orders(self, symbol: str | None = None) -> list[OrderSnapshot]: ...

    async def my_trades(
        self, symbol: str, *, from_id: int | None = None, limit: int = 500
    ) -> list[AccountTrade]: ...

    async def account(self) -> AccountInfo: ...


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What we believe: orders that live, as (symbol, client order id), and trades seen so far.

    `reconciled_to` holds, for each symbol, the trade id to ask after; None asks for nothing older
    than now (the first time).
    """

    orders: tuple[tuple[str, str], ...]
    reconciled_to: Mapping[str, int | None]


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue said. `absent` are believed orders it does not know; `marks` go to the portfolio."""

    account: AccountInfo | None = None
    orders: tuple[OrderSnapshot, ...] = ()
    trades: tuple[AccountTrade, ...] = ()
    absent: tuple[tuple[str, str], ...] = ()
    marks: Mapping[str, int] = {}


async def gather(client: OrderClient, known: Known) -> Reconciled:
    """Ask the venue for account, open orders, believed orders and new trades, in this order.

    Trades come last, so that what the snapshots say was executed is among them. The user
    stream must be live before, or what happens between is lost until the next time.
    """
    account = await client.account()
    orders = {(each.symbol, each.client_order_id): each for each in await client.open_orders()}
    absent = []
    for symbol, client_order_id in known.orders:
        if (symbol, client_order_id) in orders:
            continue
        try:
            found = await client.order_status(symbol, client_order_id=client_order_id)
        except VenueRejected as refused:
            if refused.code != NO_SUCH_ORDER:
                raise
            absent.append((symbol, client_order_id))
        else:
            orders[symbol, client_order_id] = found
    trades: list[AccountTrade] = []
    marks: dict[str, int] = {}
    for symbol in sorted({*known.reconciled_to, *(symbol for symbol, _ in orders)}):
        after = known.reconciled_to.get(symbol)
        fresh = await trades_after(client, symbol, after)
        marks[symbol] = max((each.trade_id for each in fresh), default=-1 if after is None else after)
        if after is not None:
            trades += fresh
    return Reconciled(
        account=account,
        orders=tuple(orders.values()),
        trades=tuple(trades),
        absent=tuple(absent),
        marks=marks,
    )


async def trades_after(client: OrderClient, symbol: str, after: int | None) -> list[AccountTrade]:
    """All our trades after the id `after`, oldest first; where that is None, the newest one alone."""
    if after is None:
        return await client.my_trades(symbol, limit=1)
    trades: list[AccountTrade] = []
    while True:
        page = await client.my_trades(symbol, from_id=after + 1, limit=TRADES_PAGE)
        trades += page
        if len(page) < TRADES_PAGE:
            return trades
        if page[-1].trade_id <= after:
            raise UndecodableReply(f"the trades of {symbol} after {after} do not come after it")
        after = page[-1].trade_id


def reports(found: Reconciled, orders: Orders) -> list[ExecutionReport]:
    """The answers as execution reports: the trades of each order first, then where it stands."""
    snapshots = {(each.symbol, each.order_id): each for each in found.orders}
    by_order: dict[tuple[str, int], list[AccountTrade]] = {}
    for trade in sorted(found.trades, key=lambda each: each.trade_id):
        by_order.setdefault((trade.symbol, trade.order_id), []).append(trade)
    result: list[ExecutionReport] = []
    for key, trades in by_order.items():
        result += _trade_reports(trades, snapshots.get(key), orders.by_venue_id(*key))
    result += [_snapshot_report(each) for each in found.orders]
    return result


def _trade_reports(
    trades: Sequence[AccountTrade], snapshot: OrderSnapshot | None, order: Order | None
) -> Iterable[ExecutionReport]:
    """One report per trade; cumulative amounts count back from what the order has executed in all.

    An order that was placed elsewhere and is over already is shown as filled by what it traded.
    """
    total, total_quote = ZERO, ZERO
    for trade in trades:
        total, total_quote = add(total, trade.quantity), add(total_quote, trade.quote_quantity)
    executed, executed_quote = total, total_quote
    if snapshot is not None:
        executed, executed_quote = snapshot.executed_quantity, snapshot.executed_quote
    elif order is not None and order.filled > total:
        executed, executed_quote = order.filled, order.filled_quote
    before, before_quote = (
        max(subtract(executed, total), ZERO),
        max(subtract(executed_quote, total_quote), ZERO),
    )
    stranger = snapshot is None and order is None
    for trade in trades:
        before, before_quote = add(before, trade.quantity), add(before_quote, trade.quote_quantity)
        yield _trade_report(
            trade,
            snapshot,
            order,
            status="FILLED" if stranger and trade is trades[-1] else "PARTIALLY_FILLED",
            quantity=total,
            cumulative=(before, before_quote),
        )


def _trade_report(
    trade: AccountTrade,
    snapshot: OrderSnapshot | None,
    order: Order | None,
    *,
    status: str,
    quantity: Decimal,
    cumulative: tuple[Decimal, Decimal],
) -> ExecutionReport:
    known = snapshot or order
    return ExecutionReport(
        symbol=trade.symbol,
        order_id=trade.order_id,
        client_order_id=known.client_order_id if known else f"#{trade.order_id}",
        side=trade.side,
        type=known.type if known else "",
        time_in_force=snapshot.time_in_force if snapshot else "",
        quantity=(known.quantity if known else None) or quantity,
        price=(known.price if known else None) or ZERO,
        execution_type="TRADE",
        status=status,
        reject_reason="NONE",
        last_quantity=trade.quantity,
        last_price=trade.price,
        cumulative_quantity=cumulative[0],
        cumulative_quote=cumulative[1],
        commission=trade.commission,
        commission_asset=trade.commission_asset,
        trade_id=trade.trade_id,
        execution_id=-1,
        is_maker=trade.is_maker,
        event_ms=trade.time_ms,
        transact_ms=trade.time_ms,
        source="reconcile",
    )


def _snapshot_report(snapshot: OrderSnapshot) -> ExecutionReport:
    return ExecutionReport(
        symbol=snapshot.symbol,
        order_id=snapshot.order_id,
        client_order_id=snapshot.client_order_id,
        side=snapshot.side,
        type=snapshot.type,
        time_in_force=snapshot.time_in_force,
        quantity=snapshot.quantity,
        price=snapshot.price,
        execution_type="STATUS",
        status=snapshot.status,
        reject_reason="NONE",
        last_quantity=ZERO,
        last_price=ZERO,
        cumulative_quantity=snapshot.executed_quantity,
        cumulative_quote=snapshot.executed_quote,
        commission=ZERO,
        commission_asset=None,
        trade_id=-1,
        execution_id=-1,
        is_maker=False,
        event_ms=snapshot.updated_ms,
        transact_ms=snapshot.updated_ms,
        source="reconcile",
    )
