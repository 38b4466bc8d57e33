"""Our orders that work or are in flight, as running sums: any number of them costs a decision the same.

Pure. `Portfolio` says each change of a reservation; nothing here is ever summed up anew.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side
from quantlab.trading.amounts import ZERO, add, subtract, times
from quantlab.trading.exposure import OwnOrders

if TYPE_CHECKING:
    from quantlab.trading.reservations import Reservation
    from quantlab.trading.worth import Rates

Key = tuple[str, str]  # symbol, side
SPARE = 64  # ended orders that a heap may hold besides


class Counts:
    """How many orders are open: all, those that wait for a trigger, icebergs, and lists."""

    __slots__ = ("algo", "iceberg", "lists", "open")

    def __init__(self) -> None:
        self.open = self.algo = self.iceberg = self.lists = 0

    def step(self, one: Reservation, by: int) -> None:
        """One order more (1) or less (-1)."""
        self.open += by
        self.algo += by * one.algo
        self.iceberg += by * one.iceberg


class Working:
    """Counts, best prices and worth of the open orders.

    Attributes:
        counts: Of all symbols together.
        unpriced: Open orders at the market in symbols that had no price when we heard of them.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self.unpriced = 0
        self.counts = Counts()
        self._by_symbol: dict[str, Counts] = {}
        self._lists: Counter[str] = Counter()  # open orders of each list
        self._heaps: dict[Key, list[tuple[Decimal, int, Reservation]]] = {}
        self._worth: dict[str, Decimal] = {}  # by quote asset
        self._pushed = 0

    def opened(self, one: Reservation) -> None:
        """It may trade from now on, or again."""
        self._step(one, 1)
        if one.price is None or one.algo:  # what waits for its trigger stands in no book
            return
        self._pushed += 1
        place = one.price.copy_negate() if one.side == Side.BUY else one.price
        heap = self._heaps.setdefault((one.symbol, one.side), [])
        heapq.heappush(heap, (place, self._pushed, one))
        if len(heap) > SPARE + 2 * self._by_symbol[one.symbol].open:  # most of them are over
            heap[:] = [each for each in heap if each[2].live]
            heapq.heapify(heap)

    def ended(self, one: Reservation) -> None:
        """It cannot trade any more."""
        self._step(one, -1)

    def changed(self, one: Reservation, base: Decimal, quote: Decimal) -> None:
        """What it may still trade changed by `base` and `quote`; its worth is counted at its own price."""
        price = one.price if one.price is not None else one.mark
        change = add(quote, times(base, price)) if price is not None else quote
        instrument = self._instruments.get(one.symbol)
        asset = instrument.quote if instrument is not None else ""
        self._worth[asset] = add(self._worth.get(asset, ZERO), change)

    def worth(self, rates: Rates) -> Decimal | None:
        """What all open orders are worth, each at its own price, in the account's currency."""
        if self.unpriced:
            return None
        total = ZERO
        for asset, amount in self._worth.items():
            if amount:
                rate = rates.of(asset)
                if rate is None:
                    return None
                total = add(total, times(amount, rate))
        return total

    def own(self, symbol: str) -> OwnOrders:
        """What the rails read of one symbol's orders."""
        counts = self._by_symbol.get(symbol)
        if counts is None:
            return NONE
        return OwnOrders(
            open=counts.open,
            algo=counts.algo,
            iceberg=counts.iceberg,
            lists=counts.lists,
            best_bid=self._best(symbol, Side.BUY),
            best_ask=self._best(symbol, Side.SELL),
        )

    def _best(self, symbol: str, side: Side) -> Decimal | None:
        heap = self._heaps.get((symbol, side.value))
        while heap and not heap[0][2].live:
            heapq.heappop(heap)  # each order that is over is dropped once
        return heap[0][2].price if heap else None

    def _step(self, one: Reservation, by: int) -> None:
        here = self._by_symbol.setdefault(one.symbol, Counts())
        self.unpriced += by * (one.quantity is not None and one.price is None and one.mark is None)
        for counts in (self.counts, here):
            counts.step(one, by)
        if one.pair:
            before = self._lists[one.pair] > 0
            self._lists[one.pair] += by
            change = (self._lists[one.pair] > 0) - before
            for counts in (self.counts, here):
                counts.lists += change


NONE = OwnOrders()


class Promises:
    """What orders will lock that the balances do not show yet, by asset.

    An order's promise stands from before it is sent until the venue has told a balance that is not
    older than its report of the order; then the balance itself has it.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Decimal] = {}
        self._made: dict[str, tuple[str, Decimal]] = {}  # by client id: asset, amount
        self._waiting: dict[str, dict[str, int]] = {}  # by asset: client id, venue time of its report

    def make(self, client_order_id: str, asset: str, amount: Decimal) -> None:
        """An order is about to be sent that will lock so much."""
        self._made[client_order_id] = asset, amount
        self._sums[asset] = add(self._sums.get(asset, ZERO), amount)

    def reported(self, client_order_id: str, time_ms: int, balance_ms: int | None) -> None:
        """The venue has the order, at its `time_ms`; the asset's balance is known as of `balance_ms`."""
        if client_order_id not in self._made:
            return
        if balance_ms is not None and balance_ms >= time_ms:
            self.drop(client_order_id)
        else:
            asset = self._made[client_order_id][0]
            self._waiting.setdefault(asset, {}).setdefault(client_order_id, time_ms)

    def told(self, asset: str, time_ms: int) -> None:
        """The venue told the asset's balance as of `time_ms`."""
        waiting = self._waiting.get(asset)
        if waiting:
            for client_order_id in [each for each, since_ms in waiting.items() if since_ms <= time_ms]:
                self.drop(client_order_id)

    def drop(self, client_order_id: str) -> None:
        """The balance has it, or the order never was."""
        made = self._made.pop(client_order_id, None)
        if made is not None:
            asset, amount = made
            self._sums[asset] = subtract(self._sums[asset], amount)
            self._waiting.get(asset, {}).pop(client_order_id, None)

    def asset_of(self, client_order_id: str) -> str:
        """What the order has promised; empty where nothing."""
        return self._made[client_order_id][0] if client_order_id in self._made else ""

    def of(self, asset: str) -> Decimal:
        """All of one asset."""
        return self._sums.get(asset, ZERO)


def promise_of(one: Reservation, instrument: Instrument) -> tuple[str, Decimal]:
    """What an order will lock, in which asset: all that it may sell, or pay at its own price at most."""
    if one.side != Side.BUY:
        return instrument.base, one.base if one.quantity is not None else ZERO
    price = one.price if one.price is not None else one.mark
    return instrument.quote, add(one.quote, times(one.base, price) if price is not None else ZERO)
