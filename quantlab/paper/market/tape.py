"""A recorded stream file, played as the public market.

Prices, quantities and ids go out exactly as they were recorded; only the event times E and T are
moved to the venue's clock. It never invents a message, and never skips one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from quantlab.domain.instrument import Instrument
from quantlab.paper.exchange import Exchange
from quantlab.paper.market import Frame
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.pace import Pace
from quantlab.paper.market.tapefile import Tape

TIMES = re.compile(rb'("[ET]"\s*:\s*)(\d+)')


class TapeMarket:
    """Plays a tape on the exchange's mirrored book, and hands out its messages under their names.

    Args:
        tape: What `tapefile.read` gave.
        speed: Tape milliseconds for each of the venue's.
    """

    def __init__(self, tape: Tape, *, speed: float = 1.0) -> None:
        self._tape = tape
        self._next = 0
        self._pace = Pace(speed)
        self.instruments: tuple[Instrument, ...] = (tape.instrument,)
        self.verbatim = frozenset(message.stream for message in tape.messages)

    def open(self, exchange: Exchange, now_ms: int) -> None:  # noqa: ARG002  # the protocol's
        """Load the recorded snapshot before the first frame; diffs older than it do not touch it."""
        if self._tape.snapshot is not None:
            exchange.mirror_snapshot(self._tape.instrument.symbol, *self._tape.snapshot)

    def history(self, symbol: str, now_ms: int) -> Sequence[Candle]:  # noqa: ARG002  # the protocol's
        """None: what was before the tape is not known."""
        return ()

    def next_ms(self) -> int | None:
        if not self._pace.running or self._next == len(self._tape.messages):
            return None
        return self._pace.venue_ms(self._tape.messages[self._next].at_ms)

    def act(self, exchange: Exchange) -> Sequence[Frame]:
        """Mirror the next message in the exchange, and give it out with its times moved."""
        message = self._tape.messages[self._next]
        self._next += 1
        symbol, now_ms = self._tape.instrument.symbol, self._pace.venue_ms(message.at_ms)
        one = message.payload  # the reader has checked that its kind's fields are there
        if one.e == "depthUpdate":
            exchange.mirror_depth(symbol, one.U, one.u, one.b, one.a, now_ms)  # type: ignore[arg-type]
        elif one.e == "trade":
            exchange.mirror_trade(symbol, one.t, one.p, one.q, bool(one.m), now_ms)  # type: ignore[arg-type]
        return (Frame(message.stream, TIMES.sub(self._moved, message.raw)),)

    def play(self, now_ms: int, speed: float) -> None:
        self._pace.play(now_ms, speed, self._due())

    def stop(self, now_ms: int) -> None:
        self._pace.stop(now_ms, self._due())

    def slip(self, from_ms: int, to_ms: int) -> None:
        self._pace.slip(from_ms, to_ms, self._due())

    def _due(self) -> float:
        """The tape's time of the next message."""
        left = self._next < len(self._tape.messages)
        return self._tape.messages[self._next].at_ms if left else math.inf

    def _moved(self, match: re.Match[bytes]) -> bytes:
        at_ms = int(match[2]) + self._tape.lead_ms - self._tape.began_ms
        return b"%s%d" % (match[1], self._pace.venue_ms(at_ms))
