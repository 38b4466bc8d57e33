"""Recorded stream files: what came on a combined stream, one message a line, gzipped or plain.

A line is the local receive time in nanoseconds (UTC), a space, and the JSON of the message; a line may be a
REST depth snapshot instead, which does not name its symbol. A damaged file is refused with its name, the line
and the remedy; nothing is repaired or skipped.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from quantlab.errors import QuantlabError, TapeError

LINES_REMEDY = 'give a file of lines "<receive time in ns> <combined stream JSON>", gzipped or plain'
LATEST_NS = 2**63 - 1
GZIP = b"\x1f\x8b"
STREAM = re.compile(rb'\{\s*"stream"\s*:\s*"([a-z0-9_]{1,40})@')


class Line(NamedTuple):
    """One line: its number in the file, when it was received (UTC ns), its JSON."""

    number: int
    received_ns: int
    document: bytes


def lines(path: Path) -> Iterator[Line]:
    """The lines of a file that are not blank, as they stand in it.

    Raises:
        TapeError: It is missing or damaged, or a line has no receive time.
    """
    for number, text in enumerate(_bytes(path).split(b"\n"), start=1):
        if text.strip():
            stamp, _, document = text.partition(b" ")
            try:
                yield Line(number, _received(stamp), document)
            except ValueError as error:
                raise TapeError(f"tape {path}, line {number}: {error}", LINES_REMEDY) from None


def messages(path: Path, decode: Callable[[bytes, int, str], Any]) -> Iterator[tuple[int, Any]]:
    """When each message was received (UTC ns), and what it decodes to, in the order of their receipt.

    Args:
        path: The file.
        decode: Gets the JSON, the receive time (UTC ms) and the file's symbol, for a snapshot.

    Raises:
        TapeError: As `lines`; or a line cannot be decoded.
    """
    found = sorted(lines(path), key=lambda line: line.received_ns)
    symbol = next((match[1].decode().upper() for line in found if (match := STREAM.match(line.document))), "")
    for line in found:
        try:
            yield line.received_ns, decode(line.document, line.received_ns // 1_000_000, symbol)
        except (QuantlabError, ValueError, RecursionError) as error:
            raise TapeError(f"tape {path}, line {line.number}: {error}", LINES_REMEDY) from None


def _received(stamp: bytes) -> int:
    """The receive time in nanoseconds; ValueError where it is none."""
    received_ns = int(stamp)
    if not 0 < received_ns <= LATEST_NS:
        raise ValueError(f"{stamp[:40].decode()} is no receive time in nanoseconds")
    return received_ns


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == GZIP or path.suffix == ".gz" else raw
    except FileNotFoundError:
        raise TapeError(f"no tape at {path}", "give the path of a recorded stream file") from None
    except (OSError, EOFError, zlib.error) as error:  # BadGzipFile is an OSError
        raise TapeError(f"tape {path} cannot be read: {error}", LINES_REMEDY) from None
