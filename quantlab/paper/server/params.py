"""The parameters of one request, read exactly and refused with the venue's own words.

A parameter is text until a handler asks for it by name and kind; one that no handler asked for is an
error (-1104), so a misspelt option is never silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from urllib.parse import unquote_plus

import msgspec

from quantlab.paper.exchange import Refused

RANGES: dict[str, str] = {
    "symbol": r"^[A-Z0-9-_.]{1,20}$",
    "decimal": r"^([0-9]{1,20})(\.[0-9]{1,20})?$",
    "integer": r"^[0-9]{1,20}$",
    "id": r"^[a-zA-Z0-9-_]{1,36}$",
}
PATTERNS = {name: re.compile(pattern, re.ASCII) for name, pattern in RANGES.items()}
LARGEST = 2**63 - 1
MICROSECONDS_FROM = 10**14  # a time this large is in microseconds: year 5138 in milliseconds
STATUSES = ("TRADING", "HALT", "BREAK")
SYMBOLS_RANGE = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'


class Params:
    """Reads named values and remembers which were read.

    Source: Binance spot "Errors", 11xx.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._read: set[str] = set()

    def raw(self, name: str) -> str | None:
        """What was sent, unchecked and not counted as read."""
        return self._values.get(name) if name else None

    def text(self, name: str) -> str | None:
        """The raw text, None where it was not sent; sent but empty is -1105.

        The empty name, of a field that a request does not have, is never sent and never read.
        """
        value = self._values.get(name) if name else None
        if value is None:
            return None
        self._read.add(name)
        if value == "":
            raise Refused(-1105, f"Parameter '{name}' was empty.")
        return value

    def need(self, name: str) -> str:
        """As `text`, but -1102 where it is missing or empty."""
        self._read.add(name)
        value = self._values.get(name)
        if not value:
            raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def matching(self, name: str, kind: str) -> str | None:
        """Text that fits one of `RANGES`, else -1100."""
        value = self.text(name)
        if value is not None and PATTERNS[kind].fullmatch(value) is None:
            raise _illegal(name, RANGES[kind])
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Plain decimal text as a number. Signs, exponents and blanks are illegal characters."""
        value = self.matching(name, "decimal")
        return None if value is None else Decimal(value)

    def integer(self, name: str) -> int | None:
        value = self.matching(name, "integer")
        if value is not None and int(value) > LARGEST:
            raise Refused(-1108, f"Parameter '{name}' overflowed.")
        return None if value is None else int(value)

    def time_ms(self, name: str) -> int | None:
        """A time, sent in milliseconds or in microseconds, in milliseconds."""
        value = self.integer(name)
        return value // 1_000 if value is not None and is_microseconds(value) else value

    def limit(self, default: int, most: int) -> int:
        """`limit`: below 1 is -1130, above `most` counts as `most`."""
        value = self.integer("limit")
        if value == 0:
            raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(default if value is None else value, most)

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise Refused(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value.lower() == "true"

    def symbol(self, known: Mapping[str, object]) -> str:
        """The mandatory `symbol`, if the venue lists it (-1121)."""
        return _listed(self._name(self.need("symbol"), known), known)

    def symbols(self, known: Mapping[str, object], most: int | None = None) -> list[str] | None:
        """`symbol` or `symbols` (a JSON list), not both (-1128); None where neither was sent."""
        one, many = self.text("symbol"), self.text("symbols")
        if one is not None and many is not None:
            raise Refused(-1128, "Combination of optional parameters invalid.")
        if one is not None:
            return [_listed(self._name(one, known), known)]
        if many is None:
            return None
        try:
            names = msgspec.json.decode(many, type=list[str])
        except msgspec.DecodeError:
            raise _illegal("symbols", SYMBOLS_RANGE) from None
        if any(name not in known and PATTERNS["symbol"].fullmatch(name) is None for name in names):
            raise _illegal("symbols", SYMBOLS_RANGE)
        if most is not None and len(names) > most:
            raise Refused(-1101, f"Too many parameters; expected '{most}' and received '{len(names)}'.")
        if len(set(names)) != len(names):
            raise Refused(-1151, "Symbol is present multiple times in the list.")
        return [_listed(name, known) for name in names]

    def status(self) -> str | None:
        """`symbolStatus`: one of three, else -1122."""
        return self.choice("symbolStatus", STATUSES, -1122, "Invalid symbolStatus.")

    def _name(self, value: str, known: Mapping[str, object]) -> str:
        """A symbol as it may be written: one that is listed (in any script), or one that could be."""
        if value not in known and PATTERNS["symbol"].fullmatch(value) is None:
            raise _illegal("symbol", RANGES["symbol"])
        return value

    def sent(self, name: str) -> bool:
        return bool(name) and name in self._values

    def ignore(self, *names: str) -> None:
        """Count these as read."""
        self._read.update(names)

    def forbid(self, *names: str) -> None:
        """-1106 where one of these was sent."""
        for name in names:
            if self.sent(name):
                raise Refused(-1106, f"Parameter '{name}' sent when not required.")

    def choice(self, name: str, allowed: Collection[str], code: int, message: str) -> str | None:
        """One of the venue's words, else the given error."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise Refused(code, message)
        return value

    def all_read(self) -> None:
        """-1104 unless every parameter that was sent has been read."""
        sent, read = len(self._values), len(self._read & self._values.keys())
        if read != sent:
            raise Refused(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
            )


def is_microseconds(time: int) -> bool:
    """Whether a time that was sent is in microseconds. Source: REST API, "General API Information"."""
    return time >= MICROSECONDS_FROM


def form(*sources: str) -> dict[str, str]:
    """`a=1&b=2` texts as one mapping; the first source wins, a name twice in one source is -1101."""
    merged: dict[str, str] = {}
    for source in sources:
        found: dict[str, str] = {}
        escaped = "%" in source or "+" in source  # most requests have nothing to decode
        for part in filter(None, source.split("&")):
            name, _, value = part.partition("=")
            if escaped:
                name, value = unquote_plus(name), unquote_plus(value)
            if name in found:
                raise Refused(-1101, "Duplicate values for a parameter detected.")
            found[name] = value
        merged = found | merged
    return merged


def _illegal(name: str, legal: str) -> Refused:
    return Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def _listed(symbol: str, known: Mapping[str, object]) -> str:
    if symbol not in known:
        raise Refused(-1121, "Invalid symbol.")
    return symbol
