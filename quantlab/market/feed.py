"""Keeps local books right: buffers diffs, fetches snapshots, notices gaps, starts again.

Lives on the wire loop. A book that lost its chain is stale in the same call that saw it, so no
reader ever meets a wrong top; it is made anew in the background, with waits that grow while it
keeps failing. The feed forwards every event, also those that it could not use.

Source: Binance spot and USD-M "How to manage a local order book correctly".
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from quantlab.clock import NS_PER_MS, Clock
from quantlab.domain.market import BookView, DepthSnapshot, DepthUpdate
from quantlab.errors import QuantlabError, RateLimited
from quantlab.market.book import Book, BookState

log = logging.getLogger(__name__)


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often to ask for a snapshot; times in seconds.

    `waits_s` come before each try; after the last the book stays stale for `rest_s`. A book
    that is lost within `calm_s` of its last resync goes on in the list where it stopped.
    """

    waits_s: tuple[float, ...] = (0.0, 0.2, 0.4, 0.8, 1.6)
    rest_s: float = 30.0
    calm_s: float = 10.0
    buffered_diffs: int = 2000  # the oldest goes first: then the next snapshot is asked for


class Feed:
    """The local books of `symbols`, folded from the events given to `on_event`.

    Args:
        symbols: Symbols to keep a book of; `add` and `remove` change them at run time.
        snapshot: Fetches the book of a symbol by REST, for example `client.order_book`.
        publish: Gets every event, after the books have seen it.
        clock: The venue's time: how old a book is; and how long a resync took.
        settings: Waits between snapshots.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        *,
        snapshot: Callable[[str], Awaitable[DepthSnapshot]],
        publish: Callable[[object], None],
        clock: Clock,
        settings: FeedSettings | None = None,
    ) -> None:
        self.books: dict[str, Book] = {symbol: Book(symbol) for symbol in symbols}
        self.gaps = 0  # chains that broke: diffs missing, crossed, or no numbers
        self.resyncs = 0  # books that became right by a snapshot
        self.last_resync_ms: float | None = None  # from loss to synced; None: none yet, or a fixed clock
        self._snapshot, self._publish, self._clock = snapshot, publish, clock
        self._settings = settings or FeedSettings()
        self._syncs: dict[str, _Sync] = {}
        self._heard: set[str] = set()  # symbols with a diff since their stream began
        self._rests: dict[str, asyncio.TimerHandle] = {}  # given up for now; ends with a new start
        self._calm_from_s: dict[str, float] = {}  # loop time after which a loss is a fresh one
        self._tries: dict[str, int] = {}  # how many of `waits_s` are used up

    @property
    def synced(self) -> int:
        """How many books are right at this moment."""
        return sum(book.state is BookState.SYNCED for book in self.books.values())

    def on_event(self, event: object) -> None:
        """Fold a diff into its book, then hand any event on."""
        if type(event) is DepthUpdate:
            self._fold(event)
        self._publish(event)

    def view(self, symbol: str, limit: int = 20) -> BookView:
        """The book of `symbol` as it stands, with how old it is; `KeyError` where none is kept."""
        return self.books[symbol].view(limit, None if self._clock.fixed else self._clock.now_ms())

    def add(self, symbol: str) -> Book:
        """Keep a book of `symbol` too; subscribe its diffs first. Needs the running loop."""
        if symbol not in self.books:
            self.books[symbol] = Book(symbol)
            self._start(symbol)
        return self.books[symbol]

    def remove(self, symbol: str) -> None:
        """Keep no book of `symbol` any more."""
        self._stop(symbol)
        self._heard.discard(symbol)
        self.books.pop(symbol, None)

    def mark_stale(self, reason: str) -> None:
        """The stream is lost: no book is right any more, and no snapshot helps before it is back."""
        self._heard.clear()
        for symbol, book in self.books.items():
            self._stop(symbol)
            book.mark(BookState.STALE, reason)

    def doubt(self, symbol: str, reason: str) -> None:
        """The stream of `symbol` is silent: its book is stale until `resync`, or until a diff comes."""
        if symbol in self.books and symbol not in self._syncs:
            self.books[symbol].mark(BookState.STALE, reason)

    def resync(self, symbol: str) -> None:
        """Make the book of `symbol` anew, where it is not right. Needs the running loop."""
        if symbol in self.books and self.books[symbol].state is not BookState.SYNCED:
            self._heard.discard(symbol)
            self._tries.pop(symbol, None)
            self._start(symbol)

    async def resync_all(self) -> None:
        """Make every book anew, after a (re)connect; return when each is synced or has given up."""
        self._heard.clear()
        for symbol, book in self.books.items():
            if book.state is BookState.SYNCED:
                book.mark(BookState.STALE, "the stream was connected anew")
            self._tries.pop(symbol, None)
            self._start(symbol)
        await asyncio.gather(*(sync.task for sync in self._syncs.values()), return_exceptions=True)

    async def aclose(self) -> None:
        """Stop every resync."""
        tasks = [sync.task for sync in self._syncs.values()]
        for symbol in tuple(self.books):
            self._stop(symbol)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fold(self, update: DepthUpdate) -> None:
        book = self.books.get(update.symbol)
        if book is None:
            return  # removed while its last diffs were on their way
        sync = self._syncs.get(update.symbol)
        if sync is not None:
            sync.buffer.append(update)
        elif book.state is not BookState.SYNCED:
            if update.symbol not in self._rests:
                self._start(update.symbol, update)
        elif book.apply(update) is not None:
            self._count_gap(update.symbol)
            self._start(update.symbol, update)
        self._heard.add(update.symbol)

    def _count_gap(self, symbol: str) -> None:
        """The first diff of a stream breaks no chain: then the snapshot was too old, as documented."""
        self.gaps += symbol in self._heard

    def _start(self, symbol: str, first: DepthUpdate | None = None) -> None:
        """Begin to make a book anew, with `first` as the first diff of its buffer."""
        self._stop(symbol)
        buffer = deque([] if first is None else [first], maxlen=self._settings.buffered_diffs)
        task = asyncio.get_running_loop().create_task(self._sync(symbol, buffer), name=f"resync {symbol}")
        self._syncs[symbol] = _Sync(buffer, task)
        task.add_done_callback(lambda done: self._ended(symbol, done))

    def _stop(self, symbol: str) -> None:
        if (sync := self._syncs.pop(symbol, None)) is not None:
            sync.task.cancel()
        if (rest := self._rests.pop(symbol, None)) is not None:
            rest.cancel()

    async def _sync(self, symbol: str, buffer: deque[DepthUpdate]) -> None:
        """Try snapshots until one fits the buffer, or the tries are used up."""
        book, settings, loop = self.books[symbol], self._settings, asyncio.get_running_loop()
        began_ns = self._clock.monotonic_ns()
        if loop.time() >= self._calm_from_s.get(symbol, 0.0):
            self._tries[symbol] = 0
        rest_s = settings.rest_s
        while (tries := self._tries.get(symbol, 0)) < len(settings.waits_s):
            await asyncio.sleep(settings.waits_s[tries])
            self._tries[symbol] = tries + 1
            asked_ms = self._clock.now_ms()
            try:
                snapshot = await self._snapshot(symbol)
            except QuantlabError as error:
                book.mark(BookState.STALE, f"no snapshot: {error}")
                if isinstance(error, RateLimited):
                    rest_s = max(rest_s, error.retry_after_s or 0.0)
                    break
            else:
                if self._settle(book, snapshot, buffer, asked_ms):
                    took_ns = self._clock.monotonic_ns() - began_ns
                    self.last_resync_ms = None if self._clock.fixed else took_ns / NS_PER_MS
                    self._calm_from_s[symbol] = loop.time() + settings.calm_s
                    return
        self._tries.pop(symbol, None)
        self._rests[symbol] = loop.call_later(rest_s, self._start, symbol)

    def _settle(self, book: Book, snapshot: DepthSnapshot, buffer: deque[DepthUpdate], asked_ms: int) -> bool:
        """Fold `snapshot` and what was buffered; False where they do not fit together.

        A diff that does not fit stays the first of the buffer: the next snapshot is newer.
        """
        if book.apply_snapshot(snapshot, asked_ms) is not None:
            return False
        while buffer:
            if book.apply(buffer[0]) is not None:
                if book.update_id == snapshot.last_update_id:
                    book.mark(BookState.STALE, "the snapshot is older than the first diff")
                else:
                    self.gaps += 1
                return False
            buffer.popleft()
        self._syncs.pop(book.symbol)  # here, not when the task ends: the next diff goes to the book
        self.resyncs += 1
        return True

    def _ended(self, symbol: str, task: asyncio.Task[None]) -> None:
        """A resync is over, well or not. A defect in it is shown, not lost."""
        sync = self._syncs.get(symbol)
        if sync is not None and sync.task is task:
            del self._syncs[symbol]
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("the resync of %s failed", symbol, exc_info=error)
        if symbol in self.books:
            self.books[symbol].mark(BookState.STALE, f"the resync failed: {error!r}")


class _Sync:
    """One resync under way: the diffs that wait for it, and its task (kept, or it could vanish)."""

    __slots__ = ("buffer", "task")

    def __init__(self, buffer: deque[DepthUpdate], task: asyncio.Task[None]) -> None:
        self.buffer = buffer
        self.task = task
