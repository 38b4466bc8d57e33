"""One symbol's local order book, folded from a snapshot and diffs.

Pure: no clock, no socket. It never guesses: a diff that does not follow on is a `Gap`, and a
book that had one is stale until the next snapshot; `top` of a book that is not synced is None.
Its two sides are `ladder`s.

Source: Binance spot "How to manage a local order book correctly" (as corrected 2025-11-12);
USD-M "How to manage a local order book correctly".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from quantlab.domain.market import BookView, DepthSnapshot, DepthUpdate, WireLevel
from quantlab.market.ladder import BadLevel, Ladder


class BookState(StrEnum):
    """SYNCING waits for a snapshot; SYNCED is right as of its update id; STALE says why not."""

    SYNCING = "syncing"
    SYNCED = "synced"
    STALE = "stale"


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Why a book is no longer right. `expected` and `received` are update ids, None without any.

    `kind` is sequence (diffs are missing), crossed, or level (a level is no price or quantity).
    """

    symbol: str
    kind: str
    expected: int | None
    received: int | None
    reason: str


class Top(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask with their quantities (base asset), as of `update_id` and `as_of_ms`.

    `as_of_ms` is the venue's time (UTC) of the last diff, or the earliest it can be for a snapshot that
    no diff has followed; None where nobody said when that was asked for.
    """

    update_id: int
    as_of_ms: int | None
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal


class Book:
    """The local book of `symbol`. Check `state`, or take `top`, which is None unless synced."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.state = BookState.SYNCING
        self.reason = "no snapshot yet"
        self.update_id = 0
        self.event_ms: int | None = None
        self.as_of_ms: int | None = None
        self._bids = Ladder(sign=1)
        self._asks = Ladder(sign=-1)
        self._chained = False  # True once a diff has followed the snapshot
        self._top: Top | None = None

    def apply_snapshot(self, snapshot: DepthSnapshot, as_of_ms: int | None = None) -> Gap | None:
        """Replace everything; the book is synced, or a `Gap` where the snapshot itself is bad.

        A snapshot bears no time: `as_of_ms` is the venue's time when it was asked for.
        """
        self._bids.clear()
        self._asks.clear()
        self.update_id, self.event_ms, self._chained = snapshot.last_update_id, None, False
        self.as_of_ms = as_of_ms
        self.state, self.reason = BookState.SYNCED, ""
        return self._fold(snapshot.bids, snapshot.asks)

    def apply(self, update: DepthUpdate) -> Gap | None:
        """Fold one diff; None when it was applied, or was old and dropped.

        Spot: `first_id` must not lie beyond the book's id + 1. Futures: the ids are not
        consecutive, so `previous_id` must name the diff before; on the first diff after a
        snapshot it may lie before the snapshot. A book that is not synced takes no diff.
        """
        local = self.update_id
        if self.state is not BookState.SYNCED:
            return self._gap("sequence", None, update.first_id, self.reason)
        if update.final_id <= local:
            return None
        previous = update.previous_id
        if previous is None:
            if update.first_id > local + 1:
                return self._missing(local + 1, update.first_id)
        elif previous > local or (self._chained and previous != local):
            return self._missing(local, previous)
        self._chained = True
        self.update_id = update.final_id
        self.event_ms = self.as_of_ms = update.event_ms
        return self._fold(update.bids, update.asks)

    def mark(self, state: BookState, reason: str) -> None:
        """Say that the book is not to be used, and why. The levels stay for a look."""
        self.state, self.reason = state, reason

    def top(self) -> Top | None:
        """The best prices, or None: not synced, or one side has no level."""
        if self.state is not BookState.SYNCED:
            return None
        if self._top is None and self._bids.keys and self._asks.keys:
            (bid, bid_quantity), (ask, ask_quantity) = self._bids.best(), self._asks.best()
            self._top = Top(
                update_id=self.update_id, as_of_ms=self.as_of_ms, bid=bid, bid_quantity=bid_quantity, ask=ask,
                ask_quantity=ask_quantity,
            )  # fmt: skip
        return self._top

    def view(self, limit: int = 20, now_ms: int | None = None) -> BookView:
        """An immutable look at the best `limit` levels of each side, with state and reason.

        `now_ms`, the venue's time, makes it say how old it is.
        """
        age_ms = None if now_ms is None or self.as_of_ms is None else max(0, now_ms - self.as_of_ms)
        return BookView(
            symbol=self.symbol, update_id=self.update_id, event_ms=self.event_ms, state=self.state.value,
            reason=self.reason, bids=self._bids.levels(limit), asks=self._asks.levels(limit),
            as_of_ms=self.as_of_ms, age_ms=age_ms,
        )  # fmt: skip

    def _fold(self, bids: Sequence[WireLevel], asks: Sequence[WireLevel]) -> Gap | None:
        self._top = None
        try:
            self._bids.fold(bids)
            self._asks.fold(asks)
        except BadLevel as bad:
            return self._ruined("level", str(bad))
        bid_keys, ask_keys = self._bids.keys, self._asks.keys
        if bid_keys and ask_keys and bid_keys[-1] >= -ask_keys[-1]:
            bid, ask = self._bids.best()[0], self._asks.best()[0]
            return self._ruined("crossed", f"crossed: bid {bid} is not below ask {ask}")
        return None

    def _missing(self, expected: int, received: int) -> Gap:
        reason = f"diffs are missing: {received} came where {expected} was due"
        self.mark(BookState.STALE, reason)
        return self._gap("sequence", expected, received, reason)

    def _ruined(self, kind: str, reason: str) -> Gap:
        """The levels themselves are wrong now: nobody may look at them."""
        self._bids.clear()
        self._asks.clear()
        self.mark(BookState.STALE, reason)
        return self._gap(kind, None, self.update_id, reason)

    def _gap(self, kind: str, expected: int | None, received: int | None, reason: str) -> Gap:
        return Gap(symbol=self.symbol, kind=kind, expected=expected, received=received, reason=reason)
