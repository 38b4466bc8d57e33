"""Pairs, brackets and chains from what a user gives: exact amounts, or one clear `InvalidField`.

Nothing is rounded and nothing is sent. In which of the venue's places an order stands (above or below
the market) follows from its side: a sell takes its profit above and stops its loss below.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.decimals import plain, positive
from quantlab.domain.order_lists import ListKind, OrderListRequest
from quantlab.domain.orders import OrderRequest, Side
from quantlab.errors import InvalidField
from quantlab.trading.requests import limit_maker, limit_order, side_of, stop_order


def one_cancels_other(
    side: object,
    symbol: object,
    quantity: object,
    *,
    take_profit: object,
    stop_loss: object,
    stop_limit: object = None,
) -> OrderListRequest:
    """A pair of exits: a limit order at `take_profit` and a stop at `stop_loss`; the first ends the other.

    Args:
        side: Of both: SELL to leave what was bought.
        symbol: As the venue writes it.
        quantity: Of each, in the base asset; it is locked once.
        take_profit: The limit order's price (quote asset); it never takes (LIMIT_MAKER).
        stop_loss: What triggers the stop (quote asset); it then trades at the market.
        stop_limit: With it, the stop becomes a limit order at this price instead.

    Raises:
        InvalidField: An amount that cannot be used, or prices on the wrong side of each other.
    """
    to = side_of(side)
    taking = limit_maker(to, symbol, quantity, take_profit)
    stopping = stop_order(to, symbol, quantity, stop_price=stop_loss, price=stop_limit)
    upper, lower = (
        (taking.price, stopping.stop_price) if to is Side.SELL else (stopping.stop_price, taking.price)
    )
    if (upper or Decimal(0)) <= (lower or Decimal(0)):
        where = "above" if to is Side.SELL else "below"
        raise InvalidField("take_profit", f"a {to} takes its profit {where} stop_loss", "exchange the two")
    pair = (taking, stopping) if to is Side.SELL else (stopping, taking)
    return OrderListRequest(kind=ListKind.OCO, orders=pair)


def bracket(
    side: object,
    symbol: object,
    quantity: object,
    price: object,
    *,
    take_profit: object,
    stop_loss: object,
    stop_limit: object = None,
) -> OrderListRequest:
    """An entry at `price`, and once it is filled the pair of exits of `one_cancels_other`, the other way.

    Raises:
        InvalidField: As `one_cancels_other`; also where the entry's price is not between the exits.
    """
    entry = limit_order(side, symbol, quantity, price)
    away = Side.SELL if entry.side is Side.BUY else Side.BUY
    exits = one_cancels_other(
        away, symbol, quantity, take_profit=take_profit, stop_loss=stop_loss, stop_limit=stop_limit
    )
    low, high = sorted((positive(take_profit, "take_profit"), positive(stop_loss, "stop_loss")))
    at = positive(price, "price")
    if not low < at < high:
        raise InvalidField(
            "price", f"{plain(at)} is not between {plain(low)} and {plain(high)}", "enter between the exits"
        )
    return OrderListRequest(kind=ListKind.OTOCO, orders=(entry, *exits.orders))


def one_triggers_other(first: OrderRequest, then: OrderRequest) -> OrderListRequest:
    """`first`, a limit order, and `then`, which is placed once the first is filled.

    Raises:
        InvalidField: They are in different symbols, or the first has no limit.
    """
    if first.price is None or first.type.waits:
        raise InvalidField("first", "it has to be a limit order", "give it a price, and no stop")
    if first.symbol != then.symbol:
        raise InvalidField("symbol", "the two orders differ in it", "give them the same")
    return OrderListRequest(kind=ListKind.OTO, orders=(first, then))
