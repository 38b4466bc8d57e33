"""A request of several orders, judged as one: what each is decided on, and one answer for all.

Pure. Every order of a list passes every rail by itself, on the state in which the venue would place it:
a pair's orders instead of each other, a pending one after the first was filled, a replacement after its
cancel. One denial denies the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from quantlab.domain.order_lists import CancelRestriction, OrderListRequest, ReplaceMode, ReplaceRequest
from quantlab.domain.orders import OrderRequest, Side
from quantlab.domain.verdict import Verdict
from quantlab.errors import InvalidField
from quantlab.trading.amounts import ZERO, add, subtract, times
from quantlab.trading.decision import Decision
from quantlab.trading.exposure import Exposure


class Part(NamedTuple):
    """One order of a request, and the state that it is decided on."""

    order: OrderRequest
    exposure: Exposure


def require_list(request: OrderListRequest) -> None:
    """Refuse a list that is none: the number of its orders, their symbols, a pair's sides and quantities.

    Raises:
        InvalidField: By the field that differs.
    """
    kind, orders = request.kind, request.orders
    if len(orders) != len(kind.roles):
        remedy = f"give {', '.join(kind.roles)}"
        raise InvalidField("orders", f"an {kind} has {len(kind.roles)} orders, not {len(orders)}", remedy)
    pair = [orders[each] for each in kind.pair]
    for field, values in (
        ("symbol", {order.symbol for order in orders}),
        ("side", {order.side for order in pair}),
        ("quantity", {order.quantity for order in pair}),
    ):
        if len(values) > 1:
            raise InvalidField(field, "orders that are tied together differ in it", "give them the same")


def parts_of_list(request: OrderListRequest, exposures: Sequence[Exposure]) -> tuple[Part, ...]:
    """Each order of a list with the state it meets; `exposures` are those of each order by itself now.

    The orders count one after the other for the rate; what the first one brings in counts for those that
    wait for it.
    """
    kind, working = request.kind, request.orders[0]
    found = []
    for number, (order, exposure) in enumerate(zip(request.orders, exposures, strict=True)):
        seen = _later(exposure, number)
        found.append(Part(order, _after(seen, working) if number in kind.pending else seen))
    return tuple(found)


def part_of_replacement(
    request: ReplaceRequest, exposure: Exposure, *, side: str, rest: Decimal, price: Decimal | None
) -> Part:
    """The new order of a replacement, on the state that its cancel leaves.

    Only where the new order is placed after a certain cancel, and the old one must not have traded, are
    the two never both counted: in every other case the old one may trade nearly all of its `rest` (base)
    before it is cancelled. What it has locked (`price`, quote; None: not known) is free again either way.
    """
    if request.mode is not ReplaceMode.STOP_ON_FAILURE:
        return Part(request.order, exposure)
    account = exposure.account
    if account is not None:
        if side == Side.SELL and account.free_base is not None:
            account = msgspec.structs.replace(account, free_base=add(account.free_base, rest))
        elif side == Side.BUY and account.free_quote is not None and price is not None:
            account = msgspec.structs.replace(account, free_quote=add(account.free_quote, times(rest, price)))
        exposure = msgspec.structs.replace(exposure, account=account)
    untouched = request.restriction is CancelRestriction.ONLY_NEW
    if untouched and request.order.side == side and request.order.quantity is not None:
        field = "buying" if side == Side.BUY else "selling"
        counted = getattr(exposure, field)
        if counted is not None:  # of the two the larger one, not both
            less = subtract(counted, min(rest, request.order.quantity))
            exposure = msgspec.structs.replace(exposure, **{field: max(less, ZERO)})
    return Part(request.order, exposure)


def merged(described: str, decisions: Sequence[Decision]) -> Decision:
    """One decision for all: of each rail the first denial, else the answer that has the least left."""
    count = len(decisions)
    verdicts = []
    for answers in zip(*(each.verdicts for each in decisions), strict=True):
        denials = [(number, each) for number, each in enumerate(answers, 1) if not each.allowed]
        if denials:
            number, verdict = denials[0]
            if count > 1:
                reason = f"order {number} of {count}: {verdict.reason}"
                verdict = msgspec.structs.replace(verdict, reason=reason)
            verdicts.append(verdict)
        else:
            verdicts.append(min(answers, key=_room))
    return Decision(order=described, limits_version=decisions[0].limits_version, verdicts=tuple(verdicts))


def _room(verdict: Verdict) -> Decimal:
    return Decimal("Infinity") if verdict.headroom is None else verdict.headroom


def _later(exposure: Exposure, number: int) -> Exposure:
    """With `number` more orders sent this second, and open."""
    if not number or exposure.orders_last_second is None:
        return exposure
    own, account = exposure.own, exposure.account
    return msgspec.structs.replace(
        exposure,
        orders_last_second=exposure.orders_last_second + number,
        own=None if own is None else msgspec.structs.replace(own, open=own.open + number),
        account=account
        if account is None or account.open is None
        else msgspec.structs.replace(account, open=account.open + number),
    )


def _after(exposure: Exposure, working: OrderRequest) -> Exposure:
    """As it will be once `working` is filled; what cannot be told is left as it is."""
    quantity, account = working.quantity, exposure.account
    if quantity is None or exposure.position is None:
        return exposure
    buys = working.side is Side.BUY
    position = add(exposure.position, quantity) if buys else subtract(exposure.position, quantity)
    if account is not None:
        if buys and account.free_base is not None:
            account = msgspec.structs.replace(account, free_base=add(account.free_base, quantity))
        elif not buys and account.free_quote is not None and working.price is not None:
            earned = add(account.free_quote, times(quantity, working.price))
            account = msgspec.structs.replace(account, free_quote=earned)
    return msgspec.structs.replace(exposure, position=position, account=account)
