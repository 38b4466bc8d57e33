"""The newest version of every model that was seen here, so that older ones put back are noticed.

A seal says that a version is genuine, not that it is the newest. So the number is kept beside the
model key, where who writes to the store does not reach.
"""

from __future__ import annotations

import json
from pathlib import Path

from quantlab.errors import ConfigError
from quantlab.learning.modelid import ModelId
from quantlab.privatefile import locked, make_private_folder, read_private, write_private

NAME = "models.seen"
LONGEST = 4 * 1024 * 1024  # bytes


class Marks:
    """Highest versions seen, in the file `models.seen` of a home; shared by its kernels."""

    def __init__(self, home: Path, where: str) -> None:
        self._path = home / NAME
        self._where = where

    def highest(self, which: ModelId) -> int:
        """The newest version seen of this model in this store; 0 where none was.

        Raises:
            ConfigError: The file can be used by others, or is damaged.
        """
        return self._all().get(self._entry(which), 0)

    def note(self, which: ModelId, version: int, *, anew: bool = False) -> None:
        """`version` was seen; with `anew` it counts also if it is older than the one before."""
        make_private_folder(self._path.parent)
        with locked(self._path.with_name(f"{NAME}.lock")):
            seen, entry = self._all(), self._entry(which)
            if version > seen.get(entry, 0) or (anew and version != seen.get(entry)):
                write_private(self._path, json.dumps({**seen, entry: version}, indent=0))

    def _entry(self, which: ModelId) -> str:
        return f"{self._where} {which}"

    def _all(self) -> dict[str, int]:
        if not self._path.exists() and not self._path.is_symlink():
            return {}
        text = read_private(self._path, "the list of seen models", max_bytes=LONGEST).reveal()
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not all(type(each) is int for each in found.values()):
            raise ConfigError(f"{self._path} is damaged", "move it away: older models are then not noticed")
        return found
