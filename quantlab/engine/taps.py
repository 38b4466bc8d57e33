"""What the recorder hears on the wire, and the books that it writes whole.

The frames are those of the public market streams alone: the user stream, the order socket and REST have no
tap, so that no key, signature or token can come into a recording.
"""

from __future__ import annotations

import asyncio

from quantlab.domain.market import DepthSnapshot
from quantlab.engine.link import Link
from quantlab.market.book import Book, BookState
from quantlab.market.recording.status import RECORDING
from quantlab.market.recording.tap import Take
from quantlab.market.recording.writer import Writer

LOOK_S = 0.1
LEVELS = 5_000  # of each side, as many as REST answers


async def tend(link: Link, writer: Writer, tap: Take) -> None:
    """Tap the link while it records; each book is written whole once in every segment.

    So diffs always have something to stand on, also where the oldest segments were removed.
    """
    link.tap = tap
    if writer.selection.raw:
        link.streams.tap = tap
    written: dict[str, int] = {}
    try:
        while writer.state == RECORDING:
            segment = writer.segments.number
            for symbol, book in link.feed.books.items():
                wanted = writer.selection.wants_book(symbol)
                if wanted and written.get(symbol) != segment and book.state is BookState.SYNCED:
                    tap(snapshot_of(book))
                    written[symbol] = segment
            await asyncio.sleep(LOOK_S)
    finally:
        if link.tap is tap:
            link.tap = None
        if link.streams.tap is tap:
            link.streams.tap = None


def snapshot_of(book: Book) -> DepthSnapshot:
    """The whole book as REST would answer it now."""
    view = book.view(LEVELS)
    bids, asks = (
        tuple((format(price, "f"), format(quantity, "f")) for price, quantity in side)
        for side in (view.bids, view.asks)
    )
    return DepthSnapshot(symbol=book.symbol, last_update_id=view.update_id, bids=bids, asks=asks)
