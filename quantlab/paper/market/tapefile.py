"""Reads a recorded stream file: whole, checked, and with the grid that its numbers stand on.

A damaged file is refused with the file's name, the line and the remedy; nothing is repaired or skipped.

File format: one message a line, gzipped or plain: local receive time in nanoseconds, a space, the
JSON of a combined stream message; a line may be a REST depth snapshot instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.errors import TapeError
from quantlab.market.recording.streamfile import LINES_REMEDY, lines
from quantlab.paper.market import recordedtape

QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "TRY", "EUR", "BTC", "ETH", "BNB")
NS_PER_MS = 1_000_000
MIN_NOTIONAL = Decimal(5)
MAX_NOTIONAL = Decimal(9_000_000)
PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)  # what the venue takes for a number

Levels = list[tuple[str, str]]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # an id, or a time


class Payload(msgspec.Struct):
    """What the venue itself reads of a stream message; everything else passes through unread."""

    s: str
    e: str = "bookTicker"  # spot's bookTicker is the one message without a type
    E: Whole | None = None
    T: Whole | None = None
    U: Whole | None = None
    u: Whole | None = None
    t: Whole | None = None
    p: str | None = None
    q: str | None = None
    m: bool | None = None
    b: Levels | str | int | None = None  # a trade of an old recording has the buyer's order id here
    a: Levels | str | int | None = None


class _Line(msgspec.Struct):
    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    last_update_id: Whole | None = msgspec.field(default=None, name="lastUpdateId")
    bids: Levels = []
    asks: Levels = []


class Message(NamedTuple):
    """One stream message: tape milliseconds since the first, its stream, its JSON, its meaning."""

    at_ms: float
    stream: str
    raw: bytes
    payload: Payload


class Snapshot(NamedTuple):
    """A recorded REST depth snapshot."""

    last_update_id: int
    bids: Levels
    asks: Levels


class Tape(NamedTuple):
    """A whole recorded file, checked.

    `began_ms` is the receive time of the first message (UTC ms); `lead_ms` is what to add to an
    event time so that none lies after its receipt (the recorder's clock is not the venue's).
    """

    instrument: Instrument
    messages: list[Message]
    snapshot: Snapshot | None
    began_ms: float
    lead_ms: float


class Places:
    """The numbers of one kind, checked, and how many decimals the finest has.

    `above` is what each must be greater than; None lets zero pass.
    """

    def __init__(self, above: int | None = None) -> None:
        self._above = above
        self._seen: set[str] = set()
        self.finest = 0

    def add(self, texts: Iterable[str]) -> None:
        """Check texts, each different one once; ValueError where one is no price or quantity."""
        for text in set(texts) - self._seen:
            if PLAIN.fullmatch(text) is None:
                raise ValueError(f"{text[:40]!r} is no price or quantity of at most 20.20 digits")
            if self._above is not None and Decimal(text) <= self._above:
                raise ValueError(f"the price {text} is not above {self._above}")
            self.finest = max(self.finest, len(text.partition(".")[2].rstrip("0")))
            self._seen.add(text)

    def step(self) -> Decimal:
        return Decimal(1).scaleb(-self.finest)


def read(path: Path, symbol: str | None = None) -> Tape:
    """Read and check a whole tape, or raise `TapeError` naming the file, the line and the remedy.

    Args:
        path: A recorded stream file, or a recording of the recorder.
        symbol: Of a recording: whose market, where it has several.
    """
    messages: list[Message] = []
    snapshot: Snapshot | None = None
    prices, quantities = Places(above=0), Places()
    line_of, payload_of = msgspec.json.Decoder(_Line), msgspec.json.Decoder(Payload)
    began_ns = 0
    found = recordedtape.lines(path, symbol) if recordedtape.is_recording(path) else lines(path)
    for number, received_ns, document in found:
        try:
            line = line_of.decode(document)
            if line.stream is None:
                snapshot = _snapshot(line) if snapshot is None else snapshot
                _measure([*line.bids, *line.asks], prices, quantities)
                continue
            payload = payload_of.decode(line.data)
            _measure(_levels(payload), prices, quantities)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            raise TapeError(f"tape {path}, line {number}: {error}", LINES_REMEDY) from None
        began_ns = began_ns or received_ns
        at_ms = (received_ns - began_ns) / NS_PER_MS
        messages.append(Message(at_ms, line.stream, bytes(line.data), payload))
    messages.sort(key=lambda message: message.at_ms)
    began_ms = began_ns / NS_PER_MS
    leads = (began_ms + one.at_ms - one.payload.E for one in messages if one.payload.E is not None)
    traded = _symbol(path, {one.payload.s for one in messages})
    instrument = instrument_of(path, traded, prices.step(), quantities.step())
    return Tape(instrument, messages, snapshot, began_ms, min(leads, default=0.0))


def _symbol(path: Path, symbols: set[str]) -> str:
    if len(symbols) != 1:
        found = ", ".join(sorted(symbols)) or "no message"
        raise TapeError(f"tape {path} holds {found}", "give a tape of exactly one symbol")
    return symbols.pop()


def instrument_of(path: Path, symbol: str, tick: Decimal, step: Decimal) -> Instrument:
    """The symbol with the grid that the tape shows: the finest price and quantity that occur."""
    base = next((symbol.removesuffix(quote) for quote in QUOTES if symbol.endswith(quote)), "")
    if not base:
        raise TapeError(f"tape {path} is of {symbol}", f"its quote asset must be one of {', '.join(QUOTES)}")
    return Instrument(
        symbol=symbol, base=base, quote=symbol.removeprefix(base),
        tick_size=tick, min_price=tick, max_price=tick * 100_000_000,
        step_size=step, min_quantity=step, max_quantity=step * 900_000_000,
        min_notional=MIN_NOTIONAL, max_notional=MAX_NOTIONAL,
    )  # fmt: skip


def _measure(levels: Levels, prices: Places, quantities: Places) -> None:
    if levels:
        price_texts, quantity_texts = zip(*levels, strict=True)
        prices.add(price_texts)
        quantities.add(quantity_texts)


def _levels(payload: Payload) -> Levels:
    """Every price with its quantity; ValueError where a message lacks what the venue needs of it."""
    if payload.e == "depthUpdate":
        whole = None not in (payload.E, payload.U, payload.u)
        if whole and isinstance(payload.b, list) and isinstance(payload.a, list):
            return [*payload.b, *payload.a]
    elif payload.e == "trade":
        whole = None not in (payload.E, payload.t, payload.m)
        if whole and payload.p is not None and payload.q is not None:
            return [(payload.p, payload.q)]
    elif payload.e != "bookTicker" or payload.u is not None:
        return []
    raise ValueError(f"a {payload.e} message lacks a field")


def _snapshot(line: _Line) -> Snapshot:
    if line.last_update_id is None:
        raise ValueError("neither a stream message nor a depth snapshot")
    return Snapshot(line.last_update_id, line.bids, line.asks)
