"""Tables as pandas frames: one rule for all of them.

Money stays `Decimal` (object columns), exact and without the zeros that pad it on the wire; a
column named `*_ms` becomes a UTC time of the same name without the suffix, unless it is said to be
a duration: that stays a float, in milliseconds, None as NaN. pandas is imported on
first use: it costs more than the rest of `%load_ext quantlab` together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from quantlab.domain.decimals import plain

if TYPE_CHECKING:
    import pandas as pd


def frame(
    rows: Iterable[msgspec.Struct | Mapping[str, Any]],
    *,
    columns: Sequence[str],
    index: str | None = None,
    durations: Collection[str] = (),
) -> pd.DataFrame:
    """A frame with exactly `columns` (also when there is no row), indexed by `index`.

    Args:
        rows: Structs or mappings that have at least these columns.
        columns: Names in order; `time_ms` in, `time` (UTC) out.
        index: The name, after renaming, of the column that becomes the index.
        durations: Columns named `*_ms` that are lengths of time, not moments.
    """
    import pandas as pd

    table = pd.DataFrame([[_cell(row, name) for name in columns] for row in rows], columns=list(columns))
    for name in columns:
        if name in durations:
            table[name] = table[name].astype(float)
        elif name.endswith("_ms"):
            table[name] = pd.to_datetime(table[name], unit="ms", utc=True)
            table = table.rename(columns={name: name.removesuffix("_ms")})
    return table.set_index(index) if index else table


def _cell(row: msgspec.Struct | Mapping[str, Any], name: str) -> Any:
    value = row[name] if isinstance(row, Mapping) else getattr(row, name)
    if isinstance(value, Decimal) and value.is_finite():
        return Decimal(plain(value))
    return value
