"""Rails: how much. One order, one symbol, all symbols, what is open, and what the account can pay.

The worst case throughout: this order and everything that works or is in flight on its side trades in
full and nothing on the other side, at the worst price that the order may trade at. Nothing is summed up
here: what belongs to the account comes as running sums, so that a decision costs the same with five
thousand positions as with none.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.domain.orders import SelfTradeMode, Side
from quantlab.trading.amounts import ONE, ZERO, add, subtract, times
from quantlab.trading.decision import Answer, Unknown
from quantlab.trading.exposure import AccountView
from quantlab.trading.rails.ask import NO_LIMIT, Ask, finite, known

ORDERS = "orders"
NO_MATCH: Answer = (True, "it meets no order of our own")
MEETS = (
    "it would meet our own {} at {}: cancel that, price this one short of it, or say which of the two "
    'ends there, self_trade="EXPIRE_TAKER" (this one) or "EXPIRE_MAKER" (that one)'
)
PREVENTED = frozenset(
    {
        SelfTradeMode.EXPIRE_TAKER,
        SelfTradeMode.EXPIRE_MAKER,
        SelfTradeMode.EXPIRE_BOTH,
        SelfTradeMode.DECREMENT,
    }
)


def max_order_quantity(ask: Ask) -> Answer:
    """Deny one order of more of the base asset than `max_order_quantity`."""
    limit = ask.limits.max_order_quantity
    if limit is None:
        return NO_LIMIT
    used = ask.base()
    return (used <= limit, used, limit, ask.instrument.base)


def max_order_notional(ask: Ask) -> Answer:
    """Deny one order worth more than `max_order_notional`, at the worst price it may trade at."""
    value, limit = ask.value, ask.limits.max_order_notional
    return (value <= limit, value, limit, ask.unit)


def _other(ask: Ask) -> Decimal:
    """What the position could be worth on the other side, without this order."""
    exposure, position = ask.exposure, ask.position
    if ask.buys:
        base, quote = subtract(finite(exposure.selling, "SELLING"), position), exposure.selling_quote
    else:
        base, quote = add(position, finite(exposure.buying, "BUYING")), exposure.buying_quote
    return add(times(base, ask.reference), finite(quote, "UNDER_WAY"))


def _rated(value: Decimal, account: AccountView) -> Decimal:
    """An amount of the quote asset in the account's currency."""
    return times(value, known(account.rate, "RATE"))


def max_position(ask: Ask) -> Answer:
    """Deny an order after which the position could be worth more than `max_position`.

    An order that can only bring the position nearer to zero uses nothing.
    """
    used, limit = max(ask.after, ZERO), ask.limits.max_position
    return (used <= limit, used, limit, ask.unit)


def max_gross_exposure(ask: Ask) -> Answer:
    """Deny where the worst cases of all symbols together could pass `max_gross_exposure`.

    Long and short are added, never netted. An order that only reduces adds nothing and passes.
    """
    account, limit = ask.account, ask.limits.max_gross_exposure
    mine = max(ask.after, _other(ask), ZERO)
    used = account.gross_elsewhere
    if used is None:
        raise Unknown("EXPOSURE")
    used = add(used, mine if account.rate is ONE else _rated(mine, account))
    if used > limit and ask.reduces():
        return (True, "above the limit already; this order only reduces")
    return (used <= limit, used, limit, account.currency)


def max_net_exposure(ask: Ask) -> Answer:
    """Deny where all positions together could lean further to this order's side than `max_net_exposure`."""
    account, limit = ask.account, ask.limits.max_net_exposure
    elsewhere = account.net_elsewhere
    if elsewhere is None:
        raise Unknown("EXPOSURE")
    mine = ask.after if account.rate is ONE else _rated(ask.after, account)
    used = add(mine, elsewhere) if ask.buys else subtract(mine, elsewhere)
    if used > limit and ask.reduces():
        return (True, "above the limit already; this order only reduces")
    used = max(used, ZERO)
    return (used <= limit, used, limit, account.currency)


def balance(ask: Ask) -> Answer:
    """Deny what the account cannot pay, with all that is promised to orders the balances do not show yet."""
    account = ask.account
    if ask.buys:
        cost, unit = ask.value, ask.unit
        free, promised = account.free_quote, account.promised_quote
    else:
        cost, unit = ask.base(), ask.instrument.base
        free, promised = account.free_base, account.promised_base
    if free is None:
        raise Unknown("BALANCE")
    have = subtract(free, promised)
    return (cost <= have, cost, have, unit)


def max_open_orders(ask: Ask) -> Answer:
    """Deny more open orders than `max_open_orders`, in all symbols; one symbol's own limit counts its own."""
    limits, open_now = ask.limits, ask.account.open
    if limits.symbols:
        own = limits.symbols.get(ask.request.symbol)
        if own is not None and own.max_open_orders is not None:
            open_now = ask.own.open
    if open_now is None:
        raise Unknown("OPEN_ORDERS")
    used = open_now + 1
    return (used <= limits.max_open_orders, used, limits.max_open_orders, ORDERS)


def max_open_notional(ask: Ask) -> Answer:
    """Deny where all open orders together could be worth more than `max_open_notional`."""
    account, limit = ask.account, ask.limits.max_open_notional
    rate, value, used = account.rate, ask.value, account.open_notional
    if used is None:
        raise Unknown("OPEN_NOTIONAL")
    used = add(used, value if rate is ONE else _rated(value, account))
    return (used <= limit, used, limit, account.currency)


def self_match(ask: Ask) -> Answer:
    """Deny an order that could trade with one of our own, unless its self-trade mode prevents it.

    An order that waits, or may only make, meets nothing when it is sent; the venue judges it later. Where
    somebody else offers better and the venue prevents by itself what could come after that, it passes: a
    resting exit is no reason not to trade at the market.
    """
    own, buys = ask.own, ask.buys
    other = own.best_ask if buys else own.best_bid
    if other is None or ask.waits or ask.request.type == "LIMIT_MAKER":
        return NO_MATCH
    price = ask.price
    if price is not None and (price < other if buys else price > other):
        return NO_MATCH
    mode = ask.request.self_trade
    if mode in PREVENTED:
        return (True, "the venue prevents it: {}", mode)
    default = ask.rules.default_self_trade
    if mode is None and default in PREVENTED and _others_offer_better(ask, other):
        return (
            True,
            "others offer better than our own at {}, and the venue prevents the rest: {}",
            other,
            default,
        )
    return (False, MEETS, Side.SELL if buys else Side.BUY, other)


def _others_offer_better(ask: Ask, own: Decimal) -> bool:
    """Is the best price of the other side better than our own there? Then it is somebody else's."""
    best = ask.book.ask if ask.buys else ask.book.bid
    return best is not None and (best < own if ask.buys else best > own)
