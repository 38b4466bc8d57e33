"""What must outlive a restart, by name: the equity's peak, the day's start, windows, cooldowns.

Each change is a line of the journal, in order with all others: a value that was kept before an order
is on the disk before that order leaves. Main thread only. A value is plain data that JSON can carry;
amounts stay exact, as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from quantlab.errors import JournalCorrupt
from quantlab.trading.answers import Notes

KIND = "state"
T = TypeVar("T")


class KeptLine(msgspec.Struct, frozen=True):
    """A "state" line; `value` None forgets the name."""

    key: str
    value: Any


class Kept:
    """A small store of named values, written through to the journal.

    Args:
        journal: Gets a line for each change.
        left: What earlier sessions kept (`recovery.Recovered.kept`).
    """

    def __init__(self, journal: Notes, left: Mapping[str, Any] | None = None) -> None:
        self._journal = journal
        self._values: dict[str, Any] = dict(left or {})

    def put(self, key: str, value: object) -> bool:
        """Keep `value` under `key` from now on; an equal one writes nothing. True where it is news.

        Every change is a line: what moves with each tick is for the caller to thin out.
        """
        plain = msgspec.to_builtins(value)
        if key in self._values and self._values[key] == plain:
            return False
        self._values[key] = plain
        self._journal.append_nowait(KIND, {"key": key, "value": plain})
        return True

    def get(self, key: str, kind: type[T], otherwise: T) -> T:
        """The value under `key` as a `kind`; `otherwise` where there is none.

        Raises:
            JournalCorrupt: What was kept is no `kind`: another version of quantlab wrote it. Nothing
                is guessed in its place.
        """
        if key not in self._values:
            return otherwise
        try:
            return msgspec.convert(self._values[key], kind)
        except msgspec.ValidationError as error:
            raise JournalCorrupt(f"what the journal keeps as {key} cannot be used: {error}") from None

    def forget(self, key: str) -> None:
        """There is no such value any more."""
        if self._values.pop(key, None) is not None:
            self._journal.append_nowait(KIND, {"key": key, "value": None})

    def keys(self) -> tuple[str, ...]:
        """The names that have a value, in no order."""
        return tuple(self._values)
