"""The cheap question between reconciliations: does anything there look other than here?

The wire asks for balances and open orders (`look`), and the main thread compares (`suspicion`).
Nothing is changed by it: where it finds anything, a whole reconciliation follows and says what.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from quantlab.domain.orders import OrderSnapshot
from quantlab.domain.position import AccountInfo
from quantlab.trading.order import Order, name_of
from quantlab.trading.orders import Orders
from quantlab.trading.owntrades import OrderClient
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.states import OrderState

ONE_BY_ONE = 13  # symbols; each costs 6, all of the venue's together 80: Binance spot REST API, "openOrders"
SETTLED = frozenset({OrderState.TAKEN, OrderState.PARTIALLY_FILLED})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a look is at: `symbols` (empty: every one), and our orders that the venue had taken before it."""

    symbols: tuple[str, ...]
    taken: tuple[str, ...]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue answered to `asked`."""

    asked: Asked
    account: AccountInfo
    open_orders: tuple[OrderSnapshot, ...]


def asked(orders: Orders, symbols: Collection[str]) -> Asked:
    """What to look at now: the symbols with open orders and `symbols`, or all where that costs less."""
    taken = [each for each in orders.open() if each.state in SETTLED]
    watched = sorted({*symbols, *(each.symbol for each in taken)})
    return Asked(
        symbols=tuple(watched) if 0 < len(watched) <= ONE_BY_ONE else (),
        taken=tuple(each.client_order_id for each in taken),
    )


async def look(client: OrderClient, asked: Asked) -> Look:
    """Ask for balances and open orders: request weight 20, and 6 for each symbol (80 for all)."""
    account = await client.account()
    found: list[OrderSnapshot] = []
    for symbol in asked.symbols:
        found += await client.open_orders(symbol)
    if not asked.symbols:
        found += await client.open_orders()
    return Look(asked=asked, account=account, open_orders=tuple(found))


def suspicion(seen: Look, orders: Orders, portfolio: Portfolio) -> str:
    """What does not fit, in a sentence; empty where all of it does.

    The user stream has told meanwhile what happened before the answer: what is newer here is right.
    """
    return (
        _of_balances(seen.account, portfolio) or _of_open(seen.open_orders, orders) or _of_taken(seen, orders)
    )


def _of_balances(account: AccountInfo, portfolio: Portfolio) -> str:
    for balance in account.balances:
        known_ms = portfolio.balance_ms(balance.asset)
        if known_ms is not None and known_ms > account.updated_ms:
            continue
        if portfolio.balances.get(balance.asset) != balance:
            return f"the balance of {balance.asset} is another one"
    return ""


def _of_open(found: Sequence[OrderSnapshot], orders: Orders) -> str:
    for snapshot in found:
        order = orders.by_venue_id(snapshot.symbol, snapshot.order_id)
        if order is None and (named := orders.get(snapshot.client_order_id)) and not named.external:
            order = named  # on its way, and not answered yet
        if order is None:
            return f"order {snapshot.client_order_id} was never told"
        if _older(order, snapshot):
            return f"{name_of(order)} is another one there"
    return ""


def _older(order: Order, snapshot: OrderSnapshot) -> bool:
    """True where the venue knows more of the order than we do."""
    if order.filled < snapshot.executed_quantity:
        return True
    return not order.live and order.reported_ms < snapshot.updated_ms


def _of_taken(seen: Look, orders: Orders) -> str:
    there = {(each.symbol, each.order_id) for each in seen.open_orders}
    for client_order_id in seen.asked.taken:
        order = orders.get(client_order_id)
        if order is not None and order.live and (order.symbol, order.order_id) not in there:
            return f"{name_of(order)} is open here alone"
    return ""
