"""Records as tables: a pandas frame of one type of event, or Parquet files, one for each topic.

Amounts stay exact in both: `Decimal` in the frame, decimal128(38, 18) in Parquet. Times are UTC, and named
as in all frames: a field `trade_ms` is the column `trade`. Lengths of time stay numbers.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union

import msgspec

from quantlab.bus.routes import can_meet, compile_pattern
from quantlab.errors import InvalidField, RecordingError
from quantlab.frames import frame
from quantlab.market.recording.reader import Record
from quantlab.market.recording.schema import STANDARD
from quantlab.market.shelf import has_pyarrow

if TYPE_CHECKING:
    import pandas as pd

INDEX, NUMBER = "recorded", "number"
ROWS = 50_000  # of one row group
DIGITS, PLACES = 38, 18
NO_PYARROW = "Parquet needs pyarrow, which is not installed"
BRACES = re.compile(r"\.?\{[^}]*\}")
TYPES = {each.template: each.type for each in STANDARD}


def frame_of(records: Iterable[Record], topic: str) -> pd.DataFrame:
    """A line for each record, indexed by when it came (UTC, `recorded`).

    Raises:
        InvalidField: The records are of more than one type.
    """
    import pandas as pd

    rows = list(records)
    templates = sorted({row.topic for row in rows})
    types = {type(row.event) for row in rows}
    if len(types) > 1:
        raise InvalidField("topic", f"{topic!r} meets {', '.join(templates)}", "ask for one of them")
    of = types.pop() if types else _type_of(topic)
    columns = () if of is None else of.__struct_fields__
    lengths = () if of is None else [name for name, kind in _kinds(of) if kind is float]
    table = frame([row.event for row in rows], columns=columns, durations=_in_ms(lengths))
    table.index = pd.to_datetime([row.at_ns for row in rows], unit="ns", utc=True).as_unit("ns")
    table.index.name = INDEX
    return table


def to_parquet(records: Iterable[Record], folder: Path) -> list[Path]:
    """Write a file for each topic into `folder`, which is made if it is absent; what there is, is replaced.

    Raises:
        RecordingError: pyarrow is not installed, the folder cannot be written, or an amount has more than
            20 digits before the point or 18 behind it.
    """
    if not has_pyarrow():
        raise RecordingError(NO_PYARROW, 'pip install "quantlab-jupyter[parquet]"')
    writers: dict[str, tuple[Any, Any, Path]] = {}
    iterator = iter(records)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while chunk := list(islice(iterator, ROWS)):
            for topic in dict.fromkeys(row.topic for row in chunk):
                _write(writers, folder, topic, [row for row in chunk if row.topic == topic])
    except OSError as error:
        raise RecordingError(f"{folder} cannot be written: {error.strerror or error}", "make room") from None
    finally:
        for writer, _, _ in writers.values():
            writer.close()
    return [path for _, _, path in writers.values()]


def _write(writers: dict[str, tuple[Any, Any, Path]], folder: Path, topic: str, rows: list[Record]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if topic not in writers:
        schema, path = _schema(type(rows[0].event)), _path(folder, topic, len(writers))
        writers[topic] = pq.ParquetWriter(path, schema, compression="zstd"), schema, path
    writer, schema, _ = writers[topic]
    try:
        writer.write_table(pa.Table.from_pydict(dict(_columns(rows)), schema=schema))
    except (pa.ArrowException, OverflowError) as error:
        raise RecordingError(
            f"{topic} does not fit into Parquet: {error}", "use .frame(), which is exact"
        ) from None


def _columns(rows: list[Record]) -> Iterator[tuple[str, list[Any]]]:
    of = type(rows[0].event)
    recorded, number = _own(of)
    yield recorded, [row.at_ns for row in rows]
    yield number, [row.number for row in rows]
    for name, kind in _kinds(of):
        values = [getattr(row.event, name) for row in rows]
        yield _column(of, name, kind), values if kind in PLAIN else [_text(value) for value in values]


def _schema(of: type) -> Any:
    import pyarrow as pa

    plain = {
        int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string(),
        Decimal: pa.decimal128(DIGITS, PLACES),
    }  # fmt: skip
    recorded, number = _own(of)
    fields = [(recorded, pa.timestamp("ns", tz="UTC")), (number, pa.int64())]
    for name, kind in _kinds(of):
        moment = _column(of, name, kind) != name
        fields.append(
            (
                _column(of, name, kind),
                pa.timestamp("ms", tz="UTC") if moment else plain.get(kind, pa.string()),
            )
        )
    return pa.schema(fields)


PLAIN = (int, float, bool, str, Decimal)


def _own(of: type) -> list[str]:
    """The two columns that no event has, `recorded` and `number`; with _ before them where that is taken."""
    taken = {_column(of, name, kind) for name, kind in _kinds(of)}
    return [f"_{name}" if name in taken else name for name in (INDEX, NUMBER)]


def _type_of(topic: str) -> type[msgspec.Struct] | None:
    """What a topic or pattern carries, where that is one standard type."""
    found = {TYPES[topic]} if topic in TYPES else _met(compile_pattern(topic))
    return found.pop() if len(found) == 1 else None


def _met(pattern: tuple[str, ...]) -> set[type]:
    return {each.type for each in STANDARD if can_meet(pattern, each.pattern)}


def _kinds(of: type) -> list[tuple[str, Any]]:
    """Each field with its type, an optional one without its None; all that is not plain is `object`."""
    found = []
    for name, hint in typing.get_type_hints(of).items():
        if name not in of.__struct_fields__:  # type: ignore[attr-defined]  # a msgspec.Struct
            continue
        kinds = [hint]
        if typing.get_origin(hint) in (Union, UnionType):
            kinds = [each for each in typing.get_args(hint) if each is not type(None)]
        found.append((name, kinds[0] if len(kinds) == 1 and kinds[0] in PLAIN else object))
    return found


def _in_ms(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name.endswith("_ms"))


def _column(of: type, name: str, kind: Any) -> str:
    """As `frames.frame` names it: a moment without its unit."""
    if kind is not int or not name.endswith("_ms"):
        return name
    bare = name.removesuffix("_ms")
    return f"{bare}_time" if bare in of.__struct_fields__ else bare  # type: ignore[attr-defined]  # as above


def _text(value: object) -> str | None:
    """What Parquet has no plain type for, as JSON; text of its own as it is."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _path(folder: Path, topic: str, number: int) -> Path:
    """market.trade.parquet for "market.trade.{symbol}"; a topic with a part behind it has a number, too."""
    name = BRACES.sub("", topic)
    return folder / (f"{name}.parquet" if topic.startswith(name) else f"{name}.{number}.parquet")
