"""What a reconciliation found that we had not been told, put as `topics.Difference`. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from quantlab.domain.decimals import plain
from quantlab.domain.orders import AccountTrade
from quantlab.domain.position import Balance, Fill
from quantlab.topics import Difference
from quantlab.trading.order import Order, name_of
from quantlab.trading.states import OrderState

IN_DOUBT = frozenset({OrderState.PENDING, OrderState.UNKNOWN})  # that we did not know is no difference


def of_order(before: OrderState | None, order: Order, fill: Fill | None) -> Difference | None:
    """What a report of the reconciliation told of an order that the stream had not; None: nothing new.

    `before` is its state here until then, None where we had not heard of the order at all.
    """
    if before in IN_DOUBT:
        return None
    if fill is not None:
        kind, ours = "UNHEARD_FILL", "not told"
        venues = f"{fill.side} {plain(fill.quantity)} at {plain(fill.price)} (trade {fill.trade_id})"
    elif before is None:
        kind, ours, venues = "UNHEARD_ORDER", "not told", order.state.value
    else:
        kind, ours, venues = "UNHEARD_CHANGE", before.value, order.state.value
    return Difference(
        kind=kind, symbol=order.symbol, subject=name_of(order), ours=ours, venues=venues, repaired=True
    )


def implied(change: Difference, known: Iterable[Difference]) -> bool:
    """True for the change of an order's state that its unheard fill brought with it."""
    return change.kind == "UNHEARD_CHANGE" and any(
        (each.kind, each.subject) == ("UNHEARD_FILL", change.subject) for each in known
    )


def of_balance(before: Balance | None, after: Balance) -> Difference:
    """A balance that the stream had not told."""
    return Difference(
        kind="BALANCE", symbol=after.asset, subject=f"the balance of {after.asset}",
        ours="not told" if before is None else _amounts(before), venues=_amounts(after), repaired=True,
    )  # fmt: skip


def unknown_order(order: Order) -> Difference:
    """An order that lives here and that the venue does not know: an absence is no proof, so it stays."""
    return Difference(
        kind="UNKNOWN_ORDER", symbol=order.symbol, subject=name_of(order), ours=order.state.value,
        venues="nothing: the venue does not know it", repaired=False,
    )  # fmt: skip


def missing_fills(order: Order, missing: Decimal) -> Difference:
    """An order that is over, and of which the venue's own list has fewer trades than it says."""
    return Difference(
        kind="MISSING_FILLS", symbol=order.symbol, subject=name_of(order),
        ours="whole", venues=f"{order.state.value}, but fills of {plain(missing)} were not found; "
        "they stay reserved", repaired=False,
    )  # fmt: skip


def other_venue(symbol: str, mark: int, ours: Fill | None, found: AccountTrade | None) -> Difference | None:
    """The venue has another trade under the number of ours, or none: it is not the one that it was."""
    if found is not None:
        same = (found.order_id, found.side, found.price, found.quantity)
        if ours is None or same == (ours.order_id, ours.side, ours.price, ours.quantity):
            return None
    return Difference(
        kind="OTHER_VENUE", symbol=symbol, subject=f"trade {mark} of {symbol}", ours="ours",
        venues="not known: it was put up anew, and what we hold is of another world; move the journal away "
        "or set another QUANTLAB_HOME" if found is None else "another trade: it was put up anew",
        repaired=False,
    )  # fmt: skip


def _amounts(balance: Balance) -> str:
    return f"{plain(balance.free)} free and {plain(balance.locked)} locked"
