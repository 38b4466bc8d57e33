"""Where the paper venue's public market comes from: made up by a seed, or played from a tape.

A market is a stepping function over venue time: it says when its next event is due and performs
it on the exchange when asked. It never sleeps, never reads a clock, and never meets a socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from quantlab.clock import Clock
from quantlab.domain.instrument import Instrument
from quantlab.paper.exchange import Exchange
from quantlab.paper.market.candles import Candle


class Frame(msgspec.Struct, frozen=True):
    """One public stream message as its source wrote it: the stream's name, the payload's JSON."""

    stream: str
    payload: bytes


class Market(Protocol):
    """A source of public trading. All times are the venue's, UTC milliseconds.

    `verbatim` names the streams ("btcusdt@trade") whose messages come as `Frame`s from `act`; all
    other streams are made from the exchange's own events.
    """

    instruments: tuple[Instrument, ...]
    verbatim: frozenset[str]

    def open(self, exchange: Exchange, now_ms: int) -> None:
        """Fill the book, so that the first reader finds a market."""

    def history(self, symbol: str, now_ms: int) -> Sequence[Candle]:
        """Candles of the time before `open`, oldest first; empty where there is none."""

    def next_ms(self) -> int | None:
        """When the next event is due; None when there is none or the market stands still."""

    def act(self, exchange: Exchange) -> Sequence[Frame]:
        """Perform the next event at its time."""

    def play(self, now_ms: int, speed: float) -> None:
        """Go on from here, `speed` times as fast as recorded (or as made)."""

    def stop(self, now_ms: int) -> None:
        """Stand still until `play`."""

    def slip(self, from_ms: int, to_ms: int) -> None:
        """Have stood still between these two: what is due from `from_ms` on comes that much later."""


@runtime_checkable
class Outside(Market, Protocol):
    """A market that comes from elsewhere, over a network: the one kind with work of its own to do."""

    def follow(self, clock: Clock) -> None:
        """Take the venue's time from this clock, which may be set and drift."""

    async def run(self) -> None:
        """Bring in what happens there, until cancelled."""

    async def ready(self) -> None:
        """Return when there is a market, or when it has been waited for long enough."""


class NoMarket:
    """Instruments without any trading: only the users' own orders meet here."""

    verbatim: frozenset[str] = frozenset()

    def __init__(self, instruments: tuple[Instrument, ...]) -> None:
        self.instruments = instruments

    def open(self, exchange: Exchange, now_ms: int) -> None:
        pass

    def history(self, symbol: str, now_ms: int) -> Sequence[Candle]:  # noqa: ARG002  # the protocol's
        return ()

    def next_ms(self) -> int | None:
        return None

    def act(self, exchange: Exchange) -> Sequence[Frame]:  # noqa: ARG002  # the protocol's
        return ()

    def play(self, now_ms: int, speed: float) -> None:
        pass

    def stop(self, now_ms: int) -> None:
        pass

    def slip(self, from_ms: int, to_ms: int) -> None:
        pass
