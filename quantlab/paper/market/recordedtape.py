"""A recording as a tape: the public stream messages of one symbol in it, and its book.

Where raw frames were recorded they are played as they came; else the typed events are written as the venue
writes them. Candles are left out: the venue makes its own of the trades.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from quantlab.binance.encode_stream import encode_market
from quantlab.domain.market import BookTicker, DepthSnapshot, DepthUpdate, Trade
from quantlab.errors import TapeError
from quantlab.market.recording.reader import Recording
from quantlab.market.recording.segments import SUFFIX
from quantlab.market.recording.streamfile import STREAM, Line

STREAMS: dict[type, str] = {Trade: "trade", BookTicker: "bookTicker", DepthUpdate: "depth@100ms"}
CANDLES = b"@kline_"
LONGEST_NAME = 64  # bytes in which a frame says of which stream it is


def is_recording(path: Path) -> bool:
    """Whether `path` is a recording's folder, or one of its segments."""
    return path.is_dir() or path.suffix == SUFFIX


def lines(path: Path, symbol: str | None) -> Iterator[Line]:
    """What a recorded stream file of it would say; a line's number is that of the record.

    Args:
        path: A recording's folder, or one of its segments.
        symbol: Whose messages; None where the recording has one symbol.

    Raises:
        RecordingError: It cannot be read.
        TapeError: It has several symbols, or not this one.
    """
    recording = Recording(path if path.is_dir() else path.parent)
    symbols = recording.header.symbols
    if symbol is None and len(symbols) != 1:
        raise TapeError(f"tape {path} holds {', '.join(symbols)}", "name one of them with --symbols")
    return _lines(recording, symbol or symbols[0])


def _lines(recording: Recording, symbol: str) -> Iterator[Line]:
    for record in recording.records():
        event = record.event
        if isinstance(event, DepthSnapshot) and event.symbol == symbol:
            yield Line(record.number, record.at_ns, msgspec.json.encode(encode_market(event)))
        elif not recording.header.raw and type(event) in STREAMS and event.symbol == symbol:
            message = {"stream": f"{symbol.lower()}@{STREAMS[type(event)]}", "data": encode_market(event)}
            yield Line(record.number, record.at_ns, msgspec.json.encode(message))
    if recording.header.raw:
        for frame in recording.frames():
            match = STREAM.match(frame.data)
            if match and match[1].decode().upper() == symbol and CANDLES not in frame.data[:LONGEST_NAME]:
                yield Line(frame.number, frame.at_ns, frame.data)
