"""From what a person gives to one exact request, or a refusal by the name of the field.

Nothing is sent and nothing is decided here.
"""

from __future__ import annotations

import msgspec

from quantlab.domain.order_lists import CancelRestriction, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, SelfTradeMode, Side
from quantlab.errors import InvalidField
from quantlab.notebook import lines
from quantlab.trading.list_requests import bracket, one_cancels_other, one_triggers_other
from quantlab.trading.order import Order
from quantlab.trading.requests import limit_maker, limit_order, market_order, stop_order

WAITING = frozenset(each for each in OrderType if each.waits)


def request(
    side: Side,
    symbol: str,
    quantity: object = None,
    *,
    price: object = None,
    quote_quantity: object = None,
    time_in_force: object = None,
    stop: object = None,
    trailing: object = None,
    take_profit: bool = False,
    post_only: bool = False,
    self_trade: object = None,
) -> OrderRequest:
    """One order; its type follows from what is given: see `OrdersFace.buy`.

    Raises:
        InvalidField: What does not fit together, by its name.
    """
    if self_trade is not None:
        order = request(
            side, symbol, quantity, price=price, quote_quantity=quote_quantity, time_in_force=time_in_force,
            stop=stop, trailing=trailing, take_profit=take_profit, post_only=post_only,
        )  # fmt: skip
        return msgspec.structs.replace(order, self_trade=_self_trade(self_trade))
    if quote_quantity is not None and not (price is stop is trailing is None):
        raise InvalidField(
            "quote_quantity", "it is for market orders", "leave out the price, or give quantity"
        )
    if price is None and time_in_force is not None:
        raise InvalidField("time_in_force", "a market order has none", "leave it out, or give a price")
    terms = {"time_in_force": time_in_force} if time_in_force else {}
    if post_only:
        if price is None or terms or not stop is trailing is None:
            remedy = "give a price, and neither a time in force nor a stop"
            raise InvalidField("post_only", "it is for plain limit orders", remedy)
        return limit_maker(side, symbol, quantity, price)
    if not stop is trailing is None:
        return stop_order(
            side, symbol, quantity, stop_price=stop, trailing=trailing, price=price, take_profit=take_profit,
            **terms,
        )  # fmt: skip
    if take_profit:
        raise InvalidField("take_profit", "it says how a stop triggers", "give stop, or leave it out")
    if price is None:
        return market_order(side, symbol, quantity, quote_quantity)
    return limit_order(side, symbol, quantity, price, **terms)


def _self_trade(mode: object) -> SelfTradeMode:
    if not isinstance(mode, str) or mode not in list(SelfTradeMode):
        raise InvalidField(
            "self_trade", f"{mode!r:.40} is no mode", f"give one of {', '.join(SelfTradeMode)}"
        )
    return SelfTradeMode(mode)


def replacement(
    old: Order,
    *,
    quantity: object = None,
    price: object = None,
    stop: object = None,
    trailing: object = None,
    only_new: bool = False,
) -> ReplaceRequest:
    """`old` with another quantity, price or trigger, of the same type; what is not given stays as it is.

    Raises:
        InvalidField: Nothing is given, or it is nothing that an order of this type has.
    """
    if quantity is price is stop is trailing is None:
        raise InvalidField("price", "nothing says what is to be different", "give quantity, or price")
    if quantity is None and old.filled:
        raise InvalidField("quantity", "a part of the order has traded", "say how much the new one is for")
    quantity = old.quantity if quantity is None else quantity
    if old.type in WAITING:
        order = _triggered(old, quantity, price=price, stop=stop, trailing=trailing)
    elif old.type in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        if not stop is trailing is None:
            raise InvalidField("stop", f"a {old.type} order waits for nothing", "cancel it, and send a stop")
        order = limit_order(old.side, old.symbol, quantity, old.price if price is None else price)
        if old.type == OrderType.LIMIT_MAKER:
            order = msgspec.structs.replace(order, type=OrderType.LIMIT_MAKER, time_in_force=None)
    else:
        raise InvalidField("client_order_id", f"it is a {old.type} order", "cancel it, and send another one")
    return ReplaceRequest(
        order=order,
        cancel_client_order_id=old.client_order_id,
        restriction=CancelRestriction.ONLY_NEW if only_new else None,
    )


def _triggered(
    old: Order, quantity: object, *, price: object, stop: object, trailing: object
) -> OrderRequest:
    """An order that waits, as `old` does, where nothing else is said."""
    if price is not None and old.price is None:
        raise InvalidField("price", "once triggered it trades at the market", "leave it out, or cancel it")
    stop = old.stop_price if stop is None else stop
    trailing = old.trailing_delta if trailing is None else trailing
    if stop is trailing is None:
        raise InvalidField("stop", "what triggers the old order is not known here", "give stop, or trailing")
    return stop_order(
        old.side, old.symbol, quantity, stop_price=stop, trailing=trailing,
        price=old.price if price is None else price,
        take_profit=old.type in (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT),
    )  # fmt: skip


def placed(asked: lines.Place) -> OrderRequest:
    """The order of a line; that it is to be reduce-only is no field of it: the rails see to that."""
    fields = msgspec.structs.asdict(asked)
    side, symbol, quantity = (fields.pop(name) for name in ("side", "symbol", "quantity"))
    del fields["reduce_only"]
    return request(side, symbol, quantity, **fields)


def listed(asked: lines.Pair | lines.Chain) -> OrderListRequest:
    """The list of a line: a pair of exits, a bracket, or two orders of which one follows the other."""
    if isinstance(asked, lines.Chain):
        return one_triggers_other(placed(asked.first), placed(asked.then))
    make = bracket if isinstance(asked, lines.Bracket) else one_cancels_other
    return make(**msgspec.structs.asdict(asked))
