"""Opens a file of Binance's public archive: its name, its one CSV, its lines. Bounded throughout.

`SYMBOL-trades-DATE`, `SYMBOL-aggTrades-DATE` and `SYMBOL-INTERVAL-DATE`, as .csv or .zip. A zip is
never unpacked to disk and never past `LARGEST` bytes, whatever it says of itself.

Source: Binance public data (data.binance.vision), README: "Trades", "AggTrades", "Klines".
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from quantlab.errors import TapeError

SUFFIXES = (".zip", ".csv")
LARGEST = 1 << 30  # bytes of CSV: several busy days of trades
LONGEST_LINE = 4_096
CHUNK = 1 << 20
NAME = re.compile(
    r"(?P<symbol>[A-Z0-9]{2,20})-"
    r"(?P<kind>trades|aggTrades|1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1mo)"
    r"(-[0-9]{4}(-[0-9]{2}){1,2})?",
    re.ASCII,
)
REMEDY = "give a file of data.binance.vision, as it was downloaded"
FLAG_ENCRYPTED = 1


class Named(NamedTuple):
    """What a file's name says: None where it says nothing. `kind` is trades, aggTrades or klines.

    `interval` is that of its candles, as the streams call it.
    """

    symbol: str | None
    kind: str | None
    interval: str | None = None


def named(path: Path) -> Named:
    """Symbol and kind from a name such as BTCUSDT-1m-2024-08-08.csv."""
    match = NAME.fullmatch(path.name.removesuffix(".zip").removesuffix(".csv"))
    if match is None:
        return Named(None, None)
    kind = match["kind"]
    if kind in ("trades", "aggTrades"):
        return Named(match["symbol"], kind)
    return Named(match["symbol"], "klines", "1M" if kind == "1mo" else kind)


def lines(path: Path, largest: int = LARGEST) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not blank, or `TapeError` with the file and the remedy."""
    try:
        with path.open("rb") as raw:
            if path.suffix == ".zip":
                with zipfile.ZipFile(raw) as archive, archive.open(_member(path, archive)) as csv:
                    yield from _lines(path, csv, largest)
            else:
                yield from _lines(path, raw, largest)
    except FileNotFoundError:
        raise TapeError(f"no tape at {path}", "give the path of a file of data.binance.vision") from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise TapeError(f"tape {path} cannot be read: {error}", REMEDY) from None


def _member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one CSV in it."""
    members = [each for each in archive.infolist() if not each.is_dir()]
    if len(members) != 1 or not members[0].filename.endswith(".csv"):
        raise TapeError(f"tape {path} holds {len(members)} files, not one CSV", REMEDY)
    (member,) = members
    if member.flag_bits & FLAG_ENCRYPTED:
        raise TapeError(f"tape {path} is encrypted", REMEDY)
    return member


def _lines(path: Path, stream: IO[bytes], largest: int) -> Iterator[tuple[int, list[str]]]:
    number = size = 0
    rest = b""
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > largest:
            raise _too_large(path, largest)
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield number, _fields(path, number, line)
        if len(rest) > LONGEST_LINE:
            _fields(path, number + 1, rest)
    if rest.strip():
        yield number + 1, _fields(path, number + 1, rest)


def _fields(path: Path, number: int, line: bytes) -> list[str]:
    if len(line) > LONGEST_LINE or not line.isascii():
        shown = line[:40].decode("ascii", "replace")
        raise TapeError(f"tape {path}, line {number}: {shown!r} is no line of such a file", REMEDY)
    return line.decode("ascii").rstrip("\r").split(",")


def _too_large(path: Path, largest: int) -> TapeError:
    return TapeError(
        f"tape {path} holds more than {largest >> 20} MiB of CSV", "give a file of one day, or split it"
    )
