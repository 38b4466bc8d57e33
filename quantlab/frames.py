"""Tables as pandas frames: one rule for all of them.

Money stays `Decimal` (object columns), exact and without the zeros that pad it on the wire; a
column named `*_ms` becomes a UTC time of the same name without the suffix (with `_time` where that
name is taken: a candle has an `open` and an `open_time`), unless it is said to be a duration: that
stays a float, in milliseconds, None as NaN. pandas is imported on first use: it costs more than the
rest of `%load_ext quantlab` together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from quantlab.domain.decimals import plain

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T", bound=msgspec.Struct)
V = TypeVar("V")
DTYPES = {int: "int64", bool: "bool"}  # of a column, also where no row tells its type


class Rows(list[T]):
    """A list of structs of one type that is also a table.

    Args:
        items: The rows.
        of: Their type: its fields are the columns, also where there is no row.
        index: The column, named as in the frame, that becomes the index.
        leave: Fields that are no columns.
    """

    def __init__(
        self, items: Iterable[T] = (), *, of: type[T], index: str | None = None, leave: Collection[str] = ()
    ) -> None:
        super().__init__(items)
        self._fields = {each.name: each.type for each in msgspec.structs.fields(of) if each.name not in leave}
        self._index = index

    def frame(self) -> pd.DataFrame:
        """One line per row: times in UTC, amounts exact (`Decimal`), numbers as numbers."""
        whole = [name for name, kind in self._fields.items() if kind == int | None and name[-3:] != "_ms"]
        table = frame(self, columns=tuple(self._fields), index=self._index, whole=whole)
        known = {name: DTYPES[kind] for name, kind in self._fields.items() if kind in DTYPES}
        return table.astype({name: dtype for name, dtype in known.items() if name in table})


class ByName(dict[str, V]):
    """A dict by name (symbol) that is also a table.

    Args:
        items: The values by name.
        column: Of values that are no structs: what their column is called.
        of: Of structs: their type, which has a field `index`.
        index: What the names are called.
    """

    def __init__(
        self,
        items: Mapping[str, V],
        *,
        column: str = "",
        of: type[msgspec.Struct] | None = None,
        index: str = "symbol",
    ) -> None:
        super().__init__(items)
        self._column, self._of, self._index = column, of, index

    def frame(self) -> pd.DataFrame:
        """One line per name."""
        if self._of is not None:
            rows: Iterable[Any] = self.values()
            return frame(rows, columns=self._of.__struct_fields__, index=self._index)
        lines = [{self._index: name, self._column: value} for name, value in self.items()]
        return frame(lines, columns=(self._index, self._column), index=self._index)


def frame(
    rows: Iterable[msgspec.Struct | Mapping[str, Any]],
    *,
    columns: Sequence[str],
    index: str | None = None,
    durations: Collection[str] = (),
    whole: Collection[str] = (),
) -> pd.DataFrame:
    """A frame with exactly `columns` (also when there is no row), indexed by `index`.

    Args:
        rows: Structs or mappings that have at least these columns.
        columns: Names in order; `time_ms` in, `time` (UTC) out.
        index: The name, after renaming, of the column that becomes the index.
        durations: Columns named `*_ms` that are lengths of time, not moments.
        whole: Columns of whole numbers, some of which may be None: exact, never floats.
    """
    import pandas as pd

    cells = [[_cell(row, name) for name in columns] for row in rows]
    table = pd.DataFrame(cells, columns=list(columns))
    for at, name in enumerate(columns):
        if name in durations:
            table[name] = table[name].astype(float)
        elif name in whole:  # from the cells: the table has made floats of them already
            table[name] = pd.array([line[at] for line in cells], dtype="Int64")
        elif name.endswith("_ms"):
            table[name] = pd.to_datetime(table[name], unit="ms", utc=True)
            bare = name.removesuffix("_ms")
            table = table.rename(columns={name: f"{bare}_time" if bare in columns else bare})
    return table.set_index(index) if index else table


def _cell(row: msgspec.Struct | Mapping[str, Any], name: str) -> Any:
    value = row[name] if isinstance(row, Mapping) else getattr(row, name)
    if isinstance(value, Decimal) and value.is_finite():
        return Decimal(plain(value))
    return value
