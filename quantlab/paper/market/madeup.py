"""The public book around a tape that has trades and no book: all of it made up, from the trades alone.

Pure whole numbers, no randomness: equal trades, equal books.

- The touch: a trade that hit the bid was at the best bid, one that lifted the ask at the best ask.
  The other side stays where its own last trade was, at least one tick and at most `SPREAD_PPM` away.
- The touch displays `TOUCH` typical trades (the tape's mean quantity), and more than the trade that
  is about to hit it. A trade takes its quantity away; below half the makers fill it up again.
- Behind it stand `LEVELS` levels, `GAP_PPM` apart at fixed prices, each with a fixed 10 to 40
  typical trades. So depth beyond the touch says nothing about that day.
"""

from __future__ import annotations

from quantlab.paper.tapebook import UnitLevels

LEVELS = 10
GAP_PPM = 50  # of the price, between two levels
SPREAD_PPM = 100  # of the price, at most between bid and ask
TOUCH = 8  # typical trades


class MadeUpBook:
    """Displays a book in which the tape's trades can happen.

    Args:
        price: The first trade's, in ticks.
        typical: The mean quantity of the tape's trades, in lots.

    Attributes:
        bid, ask: The touch, in ticks; a bid of 0 is none.
    """

    def __init__(self, price: int, typical: int) -> None:
        self.bid, self.ask = price, price + 1
        self._typical = max(1, typical)
        self._gap = max(1, price * GAP_PPM // 1_000_000)
        self._widest = max(1, price * SPREAD_PPM // 1_000_000)
        self._shown: tuple[dict[int, int], dict[int, int]] = ({}, {})  # bids, asks: lots by price
        self._touch = [self._full, self._full]

    @property
    def _full(self) -> int:
        return self._typical * TOUCH

    def before(self, price: int, lots: int, *, buyer_is_maker: bool) -> tuple[UnitLevels, UnitLevels]:
        """Changes of bids and asks that make this trade possible at the touch."""
        if buyer_is_maker:
            bid, ask = price, min(max(self.ask, price + 1), price + self._widest)
        else:
            bid, ask = max(min(self.bid, price - 1), price - self._widest), price
        hit = 0 if buyer_is_maker else 1
        changes: list[UnitLevels] = []
        for side, (touch, was, sign) in enumerate(((bid, self.bid, -1), (ask, self.ask, 1))):
            moved = touch != was or not self._shown[side]
            least = lots if side == hit else 0
            full = self._full + least if moved or self._touch[side] <= least else self._touch[side]
            changes.append(self._move(side, touch, full, sign) if moved else self._resize(side, touch, full))
        self.bid, self.ask = bid, ask
        return changes[0], changes[1]

    def after(self, lots: int, *, buyer_is_maker: bool) -> tuple[UnitLevels, UnitLevels]:
        """Changes by that trade, and by makers who fill the touch up again."""
        side = 0 if buyer_is_maker else 1
        left = self._touch[side] - lots
        full = self._full if left * 2 < self._full else left
        change = self._resize(side, self.bid if buyer_is_maker else self.ask, full)
        return (change, []) if buyer_is_maker else ([], change)

    def _resize(self, side: int, touch: int, lots: int) -> UnitLevels:
        if lots == self._touch[side]:
            return []
        self._touch[side] = self._shown[side][touch] = lots
        return [(touch, lots)]

    def _move(self, side: int, touch: int, lots: int, sign: int) -> UnitLevels:
        shown, wanted = self._shown[side], self._levels(touch, sign)
        if touch:  # below the lowest price there is nobody
            wanted[touch] = lots
        self._touch[side] = lots
        changes = [(price, 0) for price in sorted(shown.keys() - wanted.keys())]
        changes += [(price, lots) for price, lots in wanted.items() if shown.get(price) != lots]
        shown.clear()
        shown.update(wanted)
        return changes

    def _levels(self, touch: int, sign: int) -> dict[int, int]:
        """The levels behind a touch: the nearest multiples of the gap."""
        gap = self._gap
        first = (touch - 1) // gap if sign < 0 else touch // gap + 1
        prices = (gap * (first + sign * number) for number in range(LEVELS))
        return {price: self._typical * (10 + price * 7_919 % 31) for price in prices if price > 0}
