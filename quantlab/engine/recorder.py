"""The recorder of an engine: `ql.recorder` without its looks.

Market data, health and raw frames are tapped on the wire, before anything is conflated or dropped, so that
they go on while a cell blocks. What the kernel itself makes (orders, predictions, topics of a user's own) is
tapped as it is published.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from quantlab import __version__
from quantlab.bus import Bus, Subscription, Topic
from quantlab.clock import NS_PER_MS, Clock
from quantlab.config import Settings
from quantlab.domain.market import BookTicker, DepthUpdate, Kline, Trade
from quantlab.domain.venue import VenueHealth
from quantlab.engine.link import Link
from quantlab.engine.recordings import Recordings, checked_name
from quantlab.engine.taps import tend
from quantlab.errors import ConfigError, InvalidField, RecordingError, UnknownSymbol
from quantlab.market.recording.blocks import FORMAT
from quantlab.market.recording.schema import OURS, Header, Selection
from quantlab.market.recording.segments import Bounds, Segments
from quantlab.market.recording.status import RECORDING, RecorderStatus
from quantlab.market.recording.writer import Writer
from quantlab.privatefile import make_private_folder
from quantlab.topics import CATALOGUE
from quantlab.wire import Wire

FOLDER = "recordings"
ALL_OF_THE_MARKET = "market.>"
ON_THE_WIRE = frozenset({Trade, BookTicker, DepthUpdate, Kline, VenueHealth})
CLOSE_S = 0.5
NAMES = 1_000  # recordings that begin in one second


class Owner(Protocol):
    """What the recorder needs of the engine."""

    bus: Bus
    clock: Clock
    wire: Wire
    settings: Settings
    alarms: deque[str]

    @property
    def symbols(self) -> tuple[str, ...]: ...

    @property
    def watched(self) -> tuple[str, ...]: ...

    def linked(self) -> Link: ...


class Recorder(Recordings):
    """Records chosen topics, and reads recordings back. Belongs to the main thread."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(
            owner.settings.home / FOLDER,
            topics=lambda: (*CATALOGUE, *owner.bus.topics),
            now_ms=owner.clock.now_ms,
        )
        self._owner = owner
        self._started_ms: int | None = None
        self._subscriptions: list[Subscription] = []

    def start(
        self, *topics: Topic[Any] | str, raw: bool = False, name: str = "", bounds: Bounds | None = None
    ) -> RecorderStatus:
        """Record these topics or patterns from now on, until `stop`; without any, all market data.

        Args:
            topics: "market.trade.BTCUSDT", "market.>", "order.*", a topic of your own. The streams of a
                symbol that nobody watches yet are started.
            raw: Also the frames of the market streams, as they come.
            name: Of the recording; by default the time at which it begins.
            bounds: See `Bounds`.

        Raises:
            InvalidField: No such topic, a name that is no file's name, bounds that make no recording.
            UnknownSymbol: The venue lists no such symbol.
            RecordingError: One is under way, there is one of that name, or the disk cannot be written.
            EngineStopped: The engine is not connected yet.
        """
        owner, link = self._owner, self._owner.linked()
        if self._writer is not None and self._writer.state == RECORDING:
            raise RecordingError(f"{self._writer.segments.folder.name} is being recorded", "stop it first")
        bounds = Bounds() if bounds is None else bounds
        if not isinstance(bounds, Bounds):
            raise InvalidField(
                "bounds", f"{bounds!r:.60} are none", "give Bounds(most_bytes=...), for example"
            )
        bounds.check()
        selection = Selection(topics or (ALL_OF_THE_MARKET,), self._topics(), raw=raw)
        fresh = self._fresh_symbols(selection)
        started_ms = owner.clock.now_ms()
        folder = self._new_folder(name, started_ms)
        about = Header(
            format=FORMAT, quantlab=__version__, recording=folder.name, segment=1, first=1,
            started_ms=started_ms, opened_ms=started_ms, venue=owner.settings.venue, symbols=owner.watched,
            patterns=selection.patterns, raw=raw, topics=selection.shapes,
        )  # fmt: skip
        try:
            segments = Segments(folder, bounds, partial(self._header, about), now_s=time.monotonic)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise RecordingError(f"{folder} cannot be written: {error.strerror}", "make room") from None
        self.stop()
        self._started_ms = started_ms
        self._writer = Writer(selection, segments, bounds, stamp=self._stamp(), on_end=owner.alarms.append)
        self._attach(link, self._writer)
        for symbol in fresh:
            owner.wire.spawn(partial(link.watch, symbol), f"watch {symbol}")
        return self.status()

    def stop(self) -> RecorderStatus:
        """End the recording: what came until now is on the disk when this returns. Twice is once.

        Raises:
            RecordingError: The disk has not taken it all within 5 s.
        """
        self._detach()
        if self._writer is not None and not self._writer.stop():
            raise RecordingError(
                "the disk has not taken the end of it yet", "look at the disk, and stop again"
            )
        return self.status()

    def close(self) -> None:
        """The engine ends, and the recording with it: in half a second at most."""
        self._detach()
        if self._writer is not None:
            self._writer.stop("the engine was stopped", CLOSE_S)

    def status(self) -> RecorderStatus:
        """How the recording is doing, or the last one did."""
        return RecorderStatus() if self._writer is None else self._writer.status(self._started_ms)

    # -- how

    def _fresh_symbols(self, selection: Selection) -> list[str]:
        """The symbols that patterns name and nobody watches yet; `UnknownSymbol` where one is not listed."""
        owner = self._owner
        parts = [each.split(".") for each in selection.patterns]
        named = {each[2] for each in parts if len(each) == 3 and each[0] == "market"} - {"*", ">"}
        for symbol in sorted(named):
            if symbol not in owner.symbols:
                raise UnknownSymbol(symbol, owner.symbols)
        return sorted(named - set(owner.watched))

    def _new_folder(self, name: str, started_ms: int) -> Path:
        """An empty folder of that name; without one, of the time, and a number where that is taken."""
        base = (
            checked_name(name)
            if name
            else f"{datetime.fromtimestamp(started_ms / 1_000, UTC):%Y%m%dT%H%M%SZ}"
        )
        try:
            parent = make_private_folder(self.folder)
            for number in range(1, 2 if name else NAMES):
                folder = parent / (base if number == 1 else f"{base}-{number}")
                if not folder.exists():
                    folder.mkdir(mode=0o700)
                    return folder
        except (OSError, ConfigError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise RecordingError(
                f"{self.folder} cannot be written: {why}", "set QUANTLAB_HOME to a folder of yours"
            ) from None
        raise RecordingError(f"there is a recording {base}", "give another name, or delete that one")

    def _header(self, about: Header, segment: int, first: int) -> Header:
        """Of one more segment; on the writer's thread."""
        owner = self._owner
        return msgspec.structs.replace(
            about, segment=segment, first=first, opened_ms=owner.clock.now_ms(), symbols=owner.watched
        )

    def _stamp(self) -> Callable[[], int]:
        clock = self._owner.clock
        return (lambda: clock.now_ms() * NS_PER_MS) if clock.fixed else time.time_ns

    def _attach(self, link: Link, writer: Writer) -> None:
        owner, here, there = self._owner, writer.tap(every=True), writer.tap()
        for topic in writer.selection.topics.values():
            if topic.type not in ON_THE_WIRE and topic not in OURS:
                self._subscriptions.append(owner.bus.subscribe(topic, here, inline=True, name="recorder"))
        owner.wire.spawn(lambda: tend(link, writer, there), "recorder")

    def _detach(self) -> None:
        for each in self._subscriptions:
            each.close()
        self._subscriptions.clear()
