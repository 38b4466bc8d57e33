"""Lengths of time as people write them: "250ms", "10s", "5m", "1h", or a timedelta.

Pure. Inside they are whole milliseconds.
"""

from __future__ import annotations

import re
from datetime import timedelta

from quantlab.errors import InvalidField

Length = str | timedelta
UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
WRITTEN = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)", re.ASCII)


def milliseconds(length: Length, field: str) -> int:
    """Whole milliseconds, above zero; a bare number is refused, since nobody knows its unit.

    Raises:
        InvalidField: Names `field`.
    """
    if isinstance(length, timedelta):
        found = length // timedelta(milliseconds=1)
        if found > 0:
            return found
    elif match := WRITTEN.fullmatch(str(length)):
        return int(match[1]) * UNITS[match[2]]
    raise InvalidField(
        field,
        f"{length!r:.40} is no length of time",
        'write "250ms", "10s", "5m" or "1h", or give a timedelta',
    )


def written(length_ms: int) -> str:
    """The shortest text for so many milliseconds: 60000 is "1m"."""
    for unit, size in reversed(UNITS.items()):
        if length_ms % size == 0:
            return f"{length_ms // size}{unit}"
    raise AssertionError("every whole number is a number of milliseconds")
