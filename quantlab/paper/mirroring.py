"""A recorded or a live market shown in place of a symbol's own book.

See tapebook.py for what it means to trade against it.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.paper.aftermath import Aftermath
from quantlab.paper.events import LevelChange
from quantlab.paper.floor import Floor
from quantlab.paper.listing import Listing, TapeLevels
from quantlab.paper.matching import Match
from quantlab.paper.reads import Reads


class Mirroring(Reads):
    """What a market that comes from elsewhere does to the exchange."""

    _floor: Floor
    _aftermath: Aftermath

    def mirror_snapshot(
        self, symbol: str, last_update_id: int, bids: TapeLevels, asks: TapeLevels, now_ms: int = 0
    ) -> None:
        """Show this book from now on, in place of the symbol's own.

        The first one is no event. A later one is the diff that it makes, under the ids that follow
        on; one that is older than the book is nothing.

        Raises:
            TapeError: A price or quantity is off the instrument's grid.
        """
        listing = self._listing(symbol)
        self._mirrored(listing, *listing.mirror_book(last_update_id, bids, asks, now_ms), now_ms)

    def mirror_depth(  # noqa: PLR0917  # the fields of a recorded diff, in its order
        self, symbol: str, first_id: int, final_id: int, bids: TapeLevels, asks: TapeLevels, now_ms: int
    ) -> None:
        """Fold one recorded diff in. `TapeError` where a level is off the instrument's grid."""
        listing = self._listing(symbol)
        self._mirrored(listing, *listing.mirror_diff(first_id, final_id, bids, asks, now_ms), now_ms)

    def mirror_trade(  # noqa: PLR0917  # the fields of a recorded trade, in its order
        self,
        symbol: str,
        trade_id: int,
        price: Decimal | str,
        quantity: Decimal | str,
        buyer_is_maker: bool,  # noqa: FBT001  # the venue's own field
        now_ms: int,
    ) -> None:
        """Print one recorded trade, and fill from it our orders that its flow reaches (see `queue`).

        Our own fills take the symbol's own trade ids, from 1, and print nothing public. Orders
        that the price triggers go to work.
        """
        listing = self._listing(symbol)
        ticks, units = listing.whole_level(price, quantity)
        tape, shown = listing.mirror(), listing.grid.base(units)
        printed = listing.print(trade_id, ticks, shown, buyer_is_maker=buyer_is_maker, now_ms=now_ms)
        self._floor.events.append(printed)
        filled = tape.print(ticks, units, buyer_is_maker=buyer_is_maker)
        self._floor.fill_from_tape(filled, listing, now_ms)
        self._aftermath.settle_down(listing, now_ms)

    def _mirrored(self, listing: Listing, changes: list[LevelChange], filled: Match, now_ms: int) -> None:
        self._floor.events.extend(changes)
        if filled.fills:
            self._floor.fill_from_tape(filled, listing, now_ms)
            self._aftermath.settle_down(listing, now_ms)
