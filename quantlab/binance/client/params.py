"""Parameters as the venue reads them: those that have a value, as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quantlab.errors import InvalidField

Symbols = list[str] | tuple[str, ...]


def given(**params: int | str | None) -> dict[str, str]:
    """The parameters that have a value, as text."""
    return {name: str(value) for name, value in params.items() if value is not None}


def several(symbols: Sequence[str]) -> dict[str, str]:
    """The parameter that names several symbols; `InvalidField` where it names none."""
    if not symbols:
        raise InvalidField("symbol", "the list of symbols is empty", "name one at least")
    return {"symbols": msgspec.json.encode(list(symbols)).decode()}
