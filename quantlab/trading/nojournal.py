"""The journal of a kernel that may only look: it takes no line, and so nothing can be done.

Only a HALT passes, and cancels what is open: it needs no line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from quantlab.errors import JournalUnavailable
from quantlab.trading.waiters import Begun


class NoJournal:
    """Stands where a `Journal` would; `problem` says why there is none."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        self.lost = 0

    async def append(self, kind: str, data: Mapping[str, Any]) -> int:
        """Refused: see `append_synced`."""
        return self.append_synced(kind, data)

    def begin(self, kind: str, data: Mapping[str, Any]) -> Begun:  # noqa: ARG002  # `Journal`'s
        """A line that was refused: see `append_synced`."""
        line = Begun()
        line.settle(JournalUnavailable(f"{self.problem}; nothing was done"))
        return line

    def append_synced(self, kind: str, data: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002  # `Journal`'s
        """Raise `JournalUnavailable`, always."""
        raise JournalUnavailable(f"{self.problem}; nothing was done")

    def append_nowait(self, kind: str, data: Mapping[str, Any]) -> None:  # noqa: ARG002  # `Journal`'s
        """Count the line as lost."""
        self.lost += 1

    def close(self) -> None:
        """Nothing is open."""
