"""One order as the rails see it: every number checked once, and what follows from it reckoned once.

Pure. What is missing, or is no number, is left out: a rail that reads it raises `Unknown`, which denies
by that input's name. So no rail can compute with a hole, and none needs to look for one.

A rail's answer is a tuple, because most answers are never shown: `(allowed, used, limit, unit)` for an
amount, where allowed is `used <= limit`; `(allowed, there, least, MINIMUM, unit)` for one that must not be
too small, where it is `least <= there`; `(allowed, part, bound, whole, limit)` for a fraction, where bound
is `whole x limit`; or `(allowed, words, *values)`, put together only when asked.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NoReturn

from quantlab.domain.decimals import LARGEST
from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.domain.rules import VenueRules
from quantlab.trading.amounts import UP, ZERO, add, subtract, times
from quantlab.trading.decision import Answer, Unknown
from quantlab.trading.exposure import AccountView, BookView, Exposure, OwnOrders, Pace

NO_LIMIT: Answer = (True, "no limit is set")
ONE = Decimal(1)
BASIS_POINT = Decimal("0.0001")
LIMIT, MARKET, BUY, SELL = OrderType.LIMIT, OrderType.MARKET, Side.BUY, Side.SELL  # twice as fast to read
BASE = UP.copy()
BASE.prec = 40
MISSING = {
    "buys": "SIDE", "instrument": "SYMBOL", "rules": "SYMBOL", "unit": "SYMBOL", "reference": "PRICE",
    "worst": "PRICE", "value": "AMOUNT", "worth": "AMOUNT", "own": "OWN_ORDERS", "at_market": "PRICE",
    "ahead": "POSITION", "after": "POSITION", "position": "POSITION",
}  # fmt: skip


class Ask:
    """One decision's inputs.

    Attributes:
        buys: True for a buy.
        at_market: It trades at whatever the book offers, at once or when triggered.
        waits: It waits for a trigger.
        price, quantity, quote_quantity, stop: As requested; None where the request has none.
        sound: Every amount that the request has is an exact number above zero.
        reference: The market's price.
        worst: The highest price that it may trade at, for all we can say (quote asset). A market buy
            pays what the book asks, however thin it is: it counts at the collar's upper end, which is
            what a limit buy may bid at most. A sell counts at the reference, or its price if higher.
        value: What it is worth at `worst`, or its quote quantity.
        unit: The quote asset.
        worth: What the venue takes an order with a price to be worth; see `filters` for others.
        ahead: The position (base, in this order's direction) if all that is under way on its side trades.
        position: What is held of the base asset.
        under_way: What orders by quote quantity on its side may still trade (quote asset).
        after: What that is worth with this order, at the worst price (quote asset); below zero where the
            position stays on the other side.
    """

    __slots__ = (
        "account", "after", "ahead", "at_market", "book", "buys", "exposure",
        "instrument", "limits", "own", "pace", "position", "price", "quantity", "quote_quantity", "reference",
        "request", "rules", "sound", "stop", "under_way", "unit", "value", "waits", "worst", "worth",
    )  # fmt: skip
    account: AccountView
    after: Decimal
    ahead: Decimal
    at_market: bool
    book: BookView
    buys: bool
    exposure: Exposure
    instrument: Instrument
    limits: Limits
    own: OwnOrders
    pace: Pace
    position: Decimal
    price: Decimal | None
    quantity: Decimal | None
    quote_quantity: Decimal | None
    reference: Decimal
    request: OrderRequest
    rules: VenueRules
    sound: bool
    stop: Decimal | None
    under_way: Decimal
    unit: str
    value: Decimal
    waits: bool
    worst: Decimal
    worth: Decimal

    def __init__(self, request: OrderRequest, exposure: Exposure, limits: Limits) -> None:
        self.request, self.exposure, self.limits = request, exposure, limits
        self._take_views(exposure, request.symbol)
        kind, side = request.type, request.side
        if side is BUY or side is SELL:
            self.buys = side is BUY
        self.waits = kind is not LIMIT and kind is not MARKET and kind.waits
        self.sound = self._take_amounts(request)
        reference = exposure.reference_price
        if sound(reference):
            self.reference = reference  # type: ignore[assignment]  # it is a Decimal
            if self.sound:
                self._weigh()
                self._stand(exposure)

    def _take_views(self, exposure: Exposure, symbol: str) -> None:
        instrument, account, own = exposure.instrument, exposure.account, exposure.own
        pace, book = exposure.pace, exposure.book
        if instrument is not None and instrument.symbol == symbol:
            self.instrument, self.rules, self.unit = instrument, instrument.rules, instrument.quote
        if account is not None and account.sound:
            self.account = account
        if own is not None and own.sound:
            self.own = own
        if pace is not None and pace.sound:
            self.pace = pace
        if book is not None and book.sound:
            self.book = book

    def _take_amounts(self, request: OrderRequest) -> bool:
        """Those that are exact and above zero; True where all are that were given."""
        price, quantity, stop = request.price, request.quantity, request.stop_price
        good = True
        if price is None or sound(price):
            self.price = price
            self.at_market = price is None
        else:
            good = False
        if stop is None or sound(stop):
            self.stop = stop
        else:
            good = False
        if quantity is None:
            self.quantity, quote = None, request.quote_quantity
            if not sound(quote):
                return False
            self.quote_quantity = quote
        elif sound(quantity):
            self.quantity, self.quote_quantity = quantity, None
        else:
            good = False
        return good

    def _weigh(self) -> None:
        """`worst`, `value` and `worth`: all that they need is known."""
        price, worst, quantity = self.price, self.reference, self.quantity
        if price is not None:
            if self.buys or price > worst:
                worst = price
        else:
            if self.waits:
                worst = self._when_triggered(worst)
            if self.buys:
                worst = times(worst, add(ONE, self.limits.price_collar))
        self.worst = worst
        if quantity is None:
            self.value = self.worth = self.quote_quantity  # type: ignore[assignment]  # it has one of the two
        else:
            self.value = value = times(quantity, worst)
            if price is not None:
                self.worth = value if worst is price else times(quantity, price)

    def _stand(self, exposure: Exposure) -> None:
        """`ahead`, `under_way` and `after`, where they are known."""
        position = exposure.position
        if self.buys:
            base, quote = exposure.buying, exposure.buying_quote
        else:
            base, quote = exposure.selling, exposure.selling_quote
        if type(position) is Decimal and type(base) is Decimal and type(quote) is Decimal:
            ahead = add(position, base) if self.buys else subtract(base, position)
            if not ahead.is_finite():
                return
            self.position, self.ahead = position, ahead
            if quote.is_finite():
                self.under_way = quote
                worst, reference = self.worst, self.reference
                # the worse of both prices: a limit far from the market makes no holding look small
                price = worst if worst > reference else reference  # noqa: FURB136  # twice as fast
                self.after = add(add(times(ahead, price), quote), self.value)

    def _when_triggered(self, worst: Decimal) -> Decimal:
        """The market's price, when an order that waits becomes a market order, may be this high."""
        if self.stop is not None and self.stop > worst:
            worst = self.stop
        trailing = self.request.trailing_delta
        if trailing is not None:
            worst = times(worst, add(ONE, times(Decimal(trailing), BASIS_POINT)))
        return worst

    def __getattr__(self, name: str) -> NoReturn:
        """Only what was left out comes here: it is not known."""
        raise Unknown(MISSING.get(name, name.upper()))

    # -- what only some rails ask for

    def average(self) -> Decimal:
        """The venue's average price; the reference where that is not known, or the last price counts."""
        average = self.book.average if self.rules.average_minutes else None
        return self.reference if average is None else average

    def base(self) -> Decimal:
        """What it trades of the base asset at most; of a quote quantity, at the lowest price we allow."""
        return self.quantity if self.quantity is not None else self._bought()

    def _bought(self) -> Decimal:
        lowest = times(self.reference, subtract(ONE, self.limits.price_collar))
        if lowest <= 0:
            raise Unknown("PRICE")
        return BASE.divide(self.quote_quantity, lowest)  # type: ignore[arg-type]  # it has one of the two

    def reduces(self) -> bool:
        """True where it can only bring the position nearer to zero, whatever else trades on its side."""
        return add(self.ahead, self.base()) <= ZERO and not self.under_way


def sound(number: object) -> bool:
    """An exact number above zero and below 1e20: no float, bool or subclass, no NaN, no infinity."""
    return type(number) is Decimal and number.is_finite() and ZERO < number < LARGEST


def finite(number: Decimal | None, name: str) -> Decimal:
    """`number`, which is a finite Decimal; UNKNOWN_<name> otherwise."""
    if type(number) is not Decimal or not number.is_finite():
        raise Unknown(name)
    return number


def known(number: Decimal | None, name: str) -> Decimal:
    """`number` of a view that is sound; UNKNOWN_<name> where it has none."""
    if number is None:
        raise Unknown(name)
    return number
