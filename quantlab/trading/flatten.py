"""Flatten: cancel what is open in a symbol, then trade its position to zero, as far as the grid allows.

A trade like any other: each order is decided by the rails, and one that is too large for a limit goes
in parts. What is too little to be traded stays, and is reported as dust. Main thread only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from quantlab.domain.decimals import plain
from quantlab.domain.instrument import Instrument, round_quantity
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.errors import InvalidField, OrderDenied, QuantlabError, StillWorking
from quantlab.frames import Rows
from quantlab.trading.amounts import ONE, ZERO, add, floor_ratio, times
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio

DUST = "dust: too little to be traded"
NO_PRICE = "there is no price to size the order by"


class Flattened(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one symbol: `before` and `left` (base asset) are the position, signed.

    `left` that the venue takes no order for is dust, and `reason` says so; else `reason` says why it could
    not be traded. `cancelled` counts the open orders that were cancelled first; `orders` are our ids.
    """

    symbol: str
    before: Decimal
    left: Decimal
    cancelled: int = 0
    orders: tuple[str, ...] = ()
    reason: str = ""

    @property
    def flat(self) -> bool:
        """True where nothing is left that could be traded."""
        return not self.left or self.reason == DUST


class Through(Protocol):
    """The gateway, as far as this needs it."""

    portfolio: Portfolio
    orders: Orders

    @property
    def limits(self) -> Limits: ...

    def cancel_all(self, symbol: str | None = None) -> Any: ...

    def submit(self, request: OrderRequest, *, strategy: str = "", reduce_only: bool = False) -> Any: ...


def next_order(
    position: Decimal, free: Decimal | None, instrument: Instrument, limits: Limits, price: Decimal
) -> OrderRequest | None:
    """The market order that brings `position` (base) nearest to zero; None where it is dust.

    Never more than the position, than is `free` of the base asset (None: not known), than the venue takes
    at once at the market, or than our own limits let out at `price` (quote asset).

    Raises:
        InvalidField: What they let out at once is less than the venue takes.
    """
    side, limits = Side.SELL if position > 0 else Side.BUY, limits.of(instrument.symbol)
    most = position.copy_abs()
    if side is Side.SELL and free is not None:
        most = min(most, max(free, ZERO))
    dearest = price if side is Side.SELL else times(price, add(ONE, limits.price_collar))
    step = max(instrument.step_size, instrument.rules.market_step_size)
    if _too_little(round_quantity(most, step), instrument, price):
        return None
    quantity = round_quantity(min(most, *_bounds(instrument, limits, dearest)), step)
    if _too_little(quantity, instrument, price):
        raise InvalidField(
            "quantity",
            f"limits and filters let out {plain(quantity)} {instrument.symbol} at once, too little to trade",
            "see %ql explain; raise max_order_notional or max_order_quantity",
        )
    return OrderRequest(symbol=instrument.symbol, side=side, type=OrderType.MARKET, quantity=quantity)


def _bounds(instrument: Instrument, limits: Limits, dearest: Decimal) -> Iterator[Decimal]:
    """What one order at the market may be at most (base): our limits, the venue's filters, MAX_ASSET."""
    rules = instrument.rules
    yield floor_ratio(limits.max_order_notional, dearest)
    for most in (
        limits.max_order_quantity, instrument.max_quantity, rules.market_max_quantity, rules.max_base,
    ):  # fmt: skip
        if most:
            yield most
    average_differs = add(ONE, limits.price_collar)  # the venue values it at its average, not at this price
    for worth in (rules.max_quote, instrument.max_notional if rules.max_notional_at_market else ZERO):
        if worth:
            yield floor_ratio(worth, times(dearest, average_differs))


def _too_little(quantity: Decimal, instrument: Instrument, price: Decimal) -> bool:
    least = max(instrument.min_quantity, instrument.rules.market_min_quantity)
    return quantity <= 0 or quantity < least or times(quantity, price) < instrument.min_notional


class Flattening:
    """The work of it: await it, or wait in a cell. Who stops waiting stops nothing.

    One symbol after the other, and one order after the other: each is sized by what the one before has
    left. A symbol that cannot be flattened does not keep the next one from it; at the end the first
    problem is raised, with what became of every symbol in its notes.
    """

    def __init__(
        self,
        gateway: Through,
        symbols: tuple[str, ...],
        *,
        price_of: Callable[[str], Decimal | None],
        strategy: str = "",
    ) -> None:
        self.done = False
        self._gateway, self._price_of, self._strategy = gateway, price_of, strategy
        self._rows: list[Flattened] = []
        self._sent: list[str] = []
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Any], object]] = []
        self._under_way: Any = None
        self._steps = self._run(symbols)
        self._go_on()

    def result(self) -> Rows[Flattened]:
        """One row for each symbol; raises the first problem there was."""
        if not self.done:
            raise StillWorking("flattening is not over yet")
        if self._error is not None:
            raise self._error
        return Rows(self._rows, of=Flattened, index="symbol")

    @property
    def client_order_ids(self) -> tuple[str, ...]:
        """The ids of the orders that it has sent so far; more may come."""
        return tuple(self._sent)

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """Call `callback(self)` on the main thread when it is done; now if it is."""
        if self.done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def wait(self, timeout_s: float | None = None) -> Rows[Flattened]:
        """Block the cell until it is over; see `WireCall.wait`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.done:
            under_way = self._under_way
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            try:
                under_way.wait(left)
            except QuantlabError:
                if not under_way.done:
                    raise
        return self.result()

    def __await__(self) -> Generator[Any, None, Rows[Flattened]]:
        while not self.done:
            under_way = self._under_way
            try:
                yield from under_way.__await__()
            except QuantlabError:
                if not under_way.done:
                    raise
        return self.result()

    # -- how

    def _go_on(self, _done: object = None) -> None:
        """Take the next step; called when the one before has its answer."""
        try:
            self._under_way = next(self._steps)
        except StopIteration:
            self._finish()
        except Exception as error:  # noqa: BLE001  # whoever waits must be told, whatever it is
            self._error = self._error or error
            self._finish()
        else:
            self._under_way.add_done_callback(self._go_on)

    def _run(self, symbols: tuple[str, ...]) -> Iterator[Any]:
        for symbol in symbols:
            yield from self._flatten(symbol)

    def _flatten(self, symbol: str) -> Iterator[Any]:
        before, sent, cancelled, reason = self._position(symbol), [], 0, ""
        if self._gateway.orders.open(symbol):
            call = self._gateway.cancel_all(symbol)
            yield call
            try:
                cancelled = len(call.result())
            except QuantlabError as error:
                reason = self._note(error)
        while not reason and (position := self._position(symbol)):
            try:
                order = self._next(symbol, position)
                if order is None:
                    reason = DUST
                    break
                under_way = self._gateway.submit(order, strategy=self._strategy, reduce_only=True)
                sent.append(under_way.client_order_id)
                self._sent.append(under_way.client_order_id)
                yield under_way
                under_way.result()
            except QuantlabError as error:
                reason = self._note(error)
                break
            if self._position(symbol) == position:
                reason = f"order {sent[-1]} has not traded: {under_way.order.state}"
        self._rows.append(
            Flattened(
                symbol=symbol, before=before, left=self._position(symbol), cancelled=cancelled,
                orders=tuple(sent), reason=reason,
            )
        )  # fmt: skip

    def _next(self, symbol: str, position: Decimal) -> OrderRequest | None:
        portfolio, price = self._gateway.portfolio, self._price_of(symbol)
        instrument = portfolio.instruments[symbol]
        if price is None:
            raise OrderDenied((NoPrice(),))
        balance = portfolio.balances.get(instrument.base)
        free = balance.free if balance else None
        return next_order(position, free, instrument, self._gateway.limits, price)

    def _position(self, symbol: str) -> Decimal:
        held = self._gateway.portfolio.positions.get(symbol)
        return held.quantity if held else ZERO

    def _note(self, error: QuantlabError) -> str:
        self._error = self._error or error
        return str(error)

    def _finish(self) -> None:
        self.done = True
        if self._error is not None:
            for each in self._rows:
                text = f"{each.symbol}: {plain(each.before)} before, {plain(each.left)} left"
                self._error.add_note(f"{text}{': ' + each.reason if each.reason else ''}")
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


class NoPrice:
    """Why an order could not be sized."""

    rail = "flatten"

    def describe(self) -> str:
        return f"{self.rail}: {NO_PRICE}"
