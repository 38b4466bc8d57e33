"""Parameters as the venue reads them: those that have a value, as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from quantlab.errors import InvalidField

Symbols = list[str] | tuple[str, ...]


def given(**params: int | str | None) -> dict[str, str]:
    """The parameters that have a value, as text.

    Raises:
        InvalidField: One is neither text nor a whole number.
    """
    return {name: _text(name, value) for name, value in params.items() if value is not None}


def limited(limit: object) -> dict[str, str]:
    """The parameter that says how many; `InvalidField` where it is no whole number."""
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise InvalidField("limit", f"{limit!r:.40} is no whole number", "give one like 100")
    return {"limit": str(limit)}


def _text(name: str, value: object) -> str:
    if not isinstance(value, str | int):
        raise InvalidField(name, f"{value!r:.40} is no whole number and no text", "give one of them")
    return str(value)


def require_text(params: Mapping[str, str]) -> None:
    """Raise `InvalidField` for what would not travel as it was meant: a caller's slip is not the venue's."""
    for name, value in params.items():
        if type(value) is not str and not isinstance(value, str):
            raise InvalidField(name, f"{value!r:.40} is no text", 'give text, like "BTCUSDT"')


def several(symbols: Sequence[str]) -> dict[str, str]:
    """The parameter that names several symbols; `InvalidField` where it names none."""
    given: object = symbols
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise InvalidField(
            "symbol", f"{given!r:.40} is no list of symbols", 'give "BTCUSDT", or a list of such'
        )
    if not symbols:
        raise InvalidField("symbol", "the list of symbols is empty", "name one at least")
    return {"symbols": msgspec.json.encode(list(symbols)).decode()}
