"""One side of a local order book: exact quantities by price, the best price last.

Pure. Levels are keyed by the venue's own text (exact, and hashing it is cheap); an integer sort key is made
only for a price that is new to its side.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import islice

from quantlab.domain.market import Level, WireLevel

DECIMALS = 20  # sort keys are prices in units of 1e-20
PRICE = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
KEYS_KEPT = 1 << 16
FEWEST_SWEPT = 2_000  # prices of a side
ZEROS = frozenset(["0", *("0." + "0" * count for count in range(1, DECIMALS + 1))])
"""How the venue writes that a level is gone."""


class BadLevel(ValueError):
    """A level that is no price with a quantity of zero or more."""


class Ladder:
    """One side: quantities by price text, and the prices' sort keys with the best one last.

    Last, because levels come and go near the best price, and a list is cheap at its end. A level that
    is removed stays for a while with no quantity, since most come back soon: `keys` then has prices
    without a level, but never at its end. They are swept out before they are half of it.
    """

    __slots__ = ("_quantities", "_sign", "_sweep_at", "_texts", "keys")

    def __init__(self, sign: int) -> None:
        self.keys: list[int] = []  # sorted; price times `sign`, in units of 1e-20
        self._sign = sign
        self._texts: dict[int, str] = {}  # sort key -> the price's text, as first seen
        self._quantities: dict[str, str] = {}  # by that text; empty where there is no level now
        self._sweep_at = FEWEST_SWEPT

    def clear(self) -> None:
        self.keys.clear()
        self._texts.clear()
        self._quantities.clear()
        self._sweep_at = FEWEST_SWEPT

    def fold(self, levels: Sequence[WireLevel]) -> None:
        """Set each level's quantity; zero removes it. `BadLevel` stops halfway."""
        quantities, zeros = self._quantities, ZEROS
        for price, quantity in levels:
            if quantity in zeros:
                if price in quantities:
                    quantities[price] = ""
                else:
                    self._remove(price)
            elif not quantity.replace(".", "", 1).isdecimal():  # far cheaper than a Decimal
                raise BadLevel(f"{quantity[:40]!r} at price {price[:40]!r} is no quantity of zero or more")
            elif quantity[0] == "0" and not quantity.strip("0."):  # a zero written in another way
                self._remove(price)
            elif price in quantities:
                quantities[price] = quantity
            else:
                self._meet(price, quantity)
        self._prune()

    def best(self) -> Level:
        """The best level; the side must have one."""
        price = self._texts[self.keys[-1]]
        return Decimal(price), Decimal(self._quantities[price])

    def levels(self, limit: int) -> tuple[Level, ...]:
        """The best `limit` levels, best first."""
        texts, quantities = self._texts, self._quantities
        pairs = ((price, quantities[price]) for price in map(texts.__getitem__, reversed(self.keys)))
        live = ((Decimal(price), Decimal(quantity)) for price, quantity in pairs if quantity)
        return tuple(islice(live, limit))

    def _meet(self, price: str, quantity: str) -> None:
        """A text that we do not hold: a new price, or a known one written otherwise."""
        key = self._sign * sort_key(price)
        known = self._texts.setdefault(key, price)  # "60000.0" for "60000.00": one price, one level
        if known is price:
            keys = self.keys
            if keys and key < keys[-1]:
                keys.insert(bisect_left(keys, key), key)
            else:
                keys.append(key)
        self._quantities[known] = quantity

    def _remove(self, price: str) -> None:
        """No level at this price, however it is written."""
        known = self._texts.get(self._sign * sort_key(price))
        if known is not None:
            self._quantities[known] = ""

    def _prune(self) -> None:
        """Let the best price be a level's; sweep out the others without one when they are many."""
        keys, texts, quantities = self.keys, self._texts, self._quantities
        while keys and not quantities[texts[keys[-1]]]:
            del quantities[texts.pop(keys.pop())]
        if len(keys) > self._sweep_at:
            self.keys = [key for key in keys if quantities[texts[key]]]
            self._texts = {key: texts[key] for key in self.keys}
            self._quantities = {price: quantities[price] for price in self._texts.values()}
            self._sweep_at = max(FEWEST_SWEPT, 2 * len(self.keys))


@lru_cache(maxsize=KEYS_KEPT)
def sort_key(price: str) -> int:
    """`price` as a whole number of 1e-20, so that equal prices are equal whatever their text."""
    if PRICE.fullmatch(price) is None:
        raise BadLevel(f"{price[:40]!r} is no price")
    whole, _, fraction = price.partition(".")
    return int(whole + fraction.ljust(DECIMALS, "0"))
