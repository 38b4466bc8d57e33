"""Where pages of the past are kept: files that prove themselves, or this object's memory.

A page is complete and never changes. On disk it is Parquet where pyarrow is installed, else CSV; money
is text in both, never a float. A file's name holds a digest of its content and of where it stands:
what is damaged, or moved from elsewhere, is refused by name and asked for again.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import logging
import secrets
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, get_type_hints

import msgspec

from quantlab.errors import ConfigError
from quantlab.privatefile import make_private_folder

log = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)
DIGEST = 16  # hex digits
PARQUET, CSV = "parquet", "csv"


class Span(msgspec.Struct, frozen=True):
    """The times of a page's first and last row, UTC ms."""

    first_ms: int
    last_ms: int


class Shelf(Protocol[T]):
    """Pages of one symbol and one kind, by number.

    Attributes:
        refused: The names of pages that were not as they had been saved.
    """

    refused: list[str]

    def spans(self) -> dict[int, Span]:
        """Every page that is there, by number."""

    def load(self, number: int) -> list[T] | None:
        """The rows of a page; None where it is not there, or not as it was saved."""

    def save(self, number: int, span: Span, rows: Sequence[T]) -> None:
        """Keep a page, whole or not at all."""


class MemoryShelf(Generic[T]):
    """Pages in memory: for a venue whose past ends with it."""

    def __init__(self) -> None:
        self._pages: dict[int, tuple[Span, list[T]]] = {}
        self.refused: list[str] = []

    def spans(self) -> dict[int, Span]:
        return {number: span for number, (span, _) in self._pages.items()}

    def load(self, number: int) -> list[T] | None:
        page = self._pages.get(number)
        return None if page is None else list(page[1])

    def save(self, number: int, span: Span, rows: Sequence[T]) -> None:
        self._pages[number] = (span, list(rows))


class FileShelf(Generic[T]):
    """Pages as files in a folder of ours.

    Args:
        folder: Where; made (0700) when the first page is saved.
        of: The type of a row.
        columns: Its fields that are stored; of the types int, bool or Decimal.
        rest: What makes a row whole again, from its stored fields.

    Attributes:
        refused: The names of files that were not as they had been saved.
    """

    def __init__(self, folder: Path, of: type[T], columns: Sequence[str], rest: Any) -> None:
        self._folder, self._of, self._rest = folder, of, rest
        kinds = get_type_hints(of)
        self._columns: dict[str, type] = {name: kinds[name] for name in columns}
        self._place = "/".join(folder.parts[-2:])
        self.refused: list[str] = []

    def spans(self) -> dict[int, Span]:
        return {number: span for number, (span, _) in self._files().items()}

    def load(self, number: int) -> list[T] | None:
        found = self._files().get(number)
        if found is None:
            return None
        path = found[1]
        try:
            content = path.read_bytes()
            if self._digest(path.stem.rsplit(".", 1)[0], content) != path.stem.rsplit(".", 1)[1]:
                raise ValueError("its content is not what its name says")
            return self._decode(path.suffix, content)
        except (OSError, ValueError, KeyError, ArithmeticError) as error:
            log.warning("the page of the past %s is refused (%s); it is asked for again", path, error)
            self.refused.append(path.name)
            path.unlink(missing_ok=True)
            return None

    def save(self, number: int, span: Span, rows: Sequence[T]) -> None:
        """Keep a page, whole or not at all.

        Raises:
            ConfigError: The folder cannot be written.
        """
        form = PARQUET if has_pyarrow() else CSV
        content = self._encode(form, rows)
        name = f"{number}.{span.first_ms}-{span.last_ms}"
        path = self._folder / f"{name}.{self._digest(name, content)}.{form}"
        beside = self._folder / f".{number}.{secrets.token_hex(4)}"
        try:
            make_private_folder(self._folder)
            beside.write_bytes(content)
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise ConfigError(
                f"the past cannot be kept in {self._folder}: {error.strerror}",
                "make room, or set QUANTLAB_HOME to another folder",
            ) from None

    def _files(self) -> dict[int, tuple[Span, Path]]:
        """The pages that can be read here; what has another name is not ours."""
        found = {}
        forms = (PARQUET, CSV) if has_pyarrow() else (CSV,)
        for path in self._folder.glob("*.*.*.*") if self._folder.is_dir() else ():
            number, times, _, form = path.name.split(".", 3)
            first, _, last = times.partition("-")
            if form in forms and number.isdecimal() and first.isdecimal() and last.isdecimal():
                found[int(number)] = (Span(int(first), int(last)), path)
        return found

    def _digest(self, name: str, content: bytes) -> str:
        return hashlib.sha256(f"{self._place}/{name}\n".encode() + content).hexdigest()[:DIGEST]

    def _encode(self, form: str, rows: Sequence[T]) -> bytes:
        if form == PARQUET:
            return _to_parquet(
                {name: [_stored(getattr(row, name)) for row in rows] for name in self._columns}
            )
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self._columns)
        writer.writerows([int(x) if isinstance(x := _stored(getattr(row, name)), bool) else x
                          for name in self._columns] for row in rows)  # fmt: skip
        return text.getvalue().encode()

    def _decode(self, suffix: str, content: bytes) -> list[T]:
        if suffix == f".{PARQUET}":
            table = _from_parquet(content)
        else:
            header, *lines = csv.reader(io.StringIO(content.decode()))
            turned = zip(*lines, strict=True) if lines else [()] * len(header)
            table = dict(zip(header, map(list, turned), strict=True))
        columns = [[_read(kind, text) for text in table[name]] for name, kind in self._columns.items()]
        fields = (dict(zip(self._columns, row, strict=True)) for row in zip(*columns, strict=True))
        return [self._of(**each, **self._rest(each)) for each in fields]


def has_pyarrow() -> bool:
    """True where pages can be Parquet."""
    return importlib.util.find_spec("pyarrow") is not None


def _stored(value: Any) -> Any:
    """Money as its plain text, all digits kept; the rest as it is."""
    return format(value, "f") if isinstance(value, Decimal) else value


def _read(kind: type, stored: Any) -> Any:
    if kind is Decimal:
        return Decimal(stored)
    return bool(int(stored)) if kind is bool else int(stored)


def _to_parquet(columns: dict[str, list[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def _from_parquet(content: bytes) -> dict[str, list[Any]]:
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = pq.read_table(io.BytesIO(content)).to_pydict()
    return columns
