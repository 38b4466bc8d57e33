"""What a command needs of a capability: its scope, its symbol, and what it takes of the budget.

Exact, and never less than what the order may cost: a list counts as the worst that may come of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation

from quantlab.control.capability import Scope
from quantlab.control.commands import (
    AllowRerun,
    AmendOrder,
    CancelAll,
    CancelOrder,
    Command,
    EndOverride,
    Flatten,
    OverrideLimit,
    PromoteModel,
    ReplaceOrder,
    Resume,
    RollBackModel,
    SetLimits,
    SubmitList,
    SubmitOrder,
)
from quantlab.domain.decimals import positive
from quantlab.domain.limits import Limits, loosens
from quantlab.domain.order_lists import AnyRequest, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.errors import InvalidField

ZERO, ONE = Decimal(0), Decimal(1)
EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])  # two numbers of 40 digits, multiplied

HAVE_PRICE = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)

Price = Callable[[str], Decimal | None]
"""The market's price of a symbol, None where there is none."""


def scope_of(command: Command, limits: Limits) -> Scope:
    """The scope that a command needs; to loosen any limit takes ADMIN, to make an order smaller CANCEL."""
    match command:
        case SubmitOrder() | SubmitList() | ReplaceOrder() | Flatten() | AllowRerun():
            return Scope.TRADE
        case CancelOrder() | CancelAll() | AmendOrder():
            return Scope.CANCEL
        case Resume():
            return Scope.RESUME
        case PromoteModel() | RollBackModel() | EndOverride():
            return Scope.LIMITS
        case SetLimits():
            changed = any(
                loosens(name, getattr(limits, name), value) for name, value in command.changes().items()
            )
            return Scope.ADMIN if changed else Scope.LIMITS
        case OverrideLimit():
            return Scope.ADMIN
        case _:
            raise InvalidField("command", "it needs no capability", "send it without a proof")


def symbol_of(command: Command) -> str | None:
    """The symbol that a command touches; None is every symbol."""
    match command:
        case SubmitOrder() | SubmitList() | ReplaceOrder() | AmendOrder():
            return command.request.symbol
        case CancelOrder() | CancelAll() | Flatten():
            return command.symbol
    return None


def worth_of(request: AnyRequest, reference_price: Price, collar: Decimal = ZERO) -> Decimal | None:
    """What a request is worth in the quote asset, exactly; None where no price is known.

    Of a pair the dearer order counts, of orders that follow each other all. An amendment takes nothing.

    Raises:
        InvalidField: An amount is missing, not exact, or not above zero.
    """
    match request:
        case OrderRequest():
            return _order_worth(request, reference_price, collar)
        case ReplaceRequest():
            return _order_worth(request.order, reference_price, collar)
        case OrderListRequest():
            worths = [_order_worth(each, reference_price, collar) for each in request.orders]
            known = [each for each in worths if each is not None]
            if len(known) < len(worths):
                return None
            pair = [known[each] for each in request.kind.pair if each < len(known)]
            whole = ZERO
            for number, each in enumerate(known):
                whole = EXACT.add(whole, ZERO if number in request.kind.pair else each)
            return EXACT.add(whole, max(pair, default=ZERO))
    return ZERO


def _order_worth(request: OrderRequest, reference_price: Price, collar: Decimal) -> Decimal | None:
    """A sell trades at the market where that is above its limit; a buy without a limit at the upper end of
    `collar` (a fraction) above the market or its trigger, as the rails count it.
    """
    if request.quantity is None:
        return positive(request.quote_quantity, "quote_quantity")
    quantity = positive(request.quantity, "quantity")
    market = reference_price(request.symbol)
    if market is not None and not (market.is_finite() and market > 0):
        market = None
    stop = None if request.stop_price is None else positive(request.stop_price, "stop_price")
    priced = request.price is not None or request.type in HAVE_PRICE
    limit = positive(request.price, "price") if priced else None
    if request.side is Side.BUY and limit is not None:
        return EXACT.multiply(quantity, limit)
    if market is None and limit is None:
        return None
    dearest = max(each for each in (market, stop, limit) if each is not None)
    if request.side is Side.BUY:
        dearest = EXACT.multiply(dearest, EXACT.add(ONE, collar))
    return EXACT.multiply(quantity, dearest)
