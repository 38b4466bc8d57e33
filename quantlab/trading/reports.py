"""What the venue answered to a reconciliation, as execution reports.

Pure. They are folded in like any other report: twice changes nothing. A fill is never assumed: each
comes from the account's own trade list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from quantlab.domain.orders import AccountTrade, ExecutionReport, OrderSnapshot
from quantlab.trading.amounts import ZERO, add, subtract
from quantlab.trading.order import Order
from quantlab.trading.orders import Orders
from quantlab.trading.reconcile import Reconciled


def reports(
    found: Reconciled, orders: Orders, *, booked: Callable[[str, int], bool] = lambda *_: False
) -> list[ExecutionReport]:
    """The answers as execution reports: the trades of each order first, then where it stands.

    `booked(symbol, trade_id)` says what is in the books already: an order of an earlier session
    all of whose trades are there is history, and no order of this one.
    """
    snapshots = {(each.symbol, each.order_id): each for each in found.orders}
    by_order: dict[tuple[str, int], list[AccountTrade]] = {}
    for trade in sorted(found.trades, key=lambda each: each.trade_id):
        by_order.setdefault((trade.symbol, trade.order_id), []).append(trade)
    result: list[ExecutionReport] = []
    for key, trades in by_order.items():
        if orders.by_venue_id(*key) is None and all(booked(each.symbol, each.trade_id) for each in trades):
            continue
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
