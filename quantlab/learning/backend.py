"""Where envelopes lie: what a store asks of files and of Redis alike. Bytes only; nothing is read here."""

from __future__ import annotations

from typing import Protocol

from quantlab.errors import VersionConflict
from quantlab.learning.modelid import ModelId

LONGEST = (
    64 * 1024 * 1024
)  # bytes of an envelope; the largest of River's models in our benchmarks takes 1.6 MB
KEEP = 5  # versions of a model; older ones go when a new one comes


class Backend(Protocol):
    """Versions of models, numbered 1, 2, 3, ...; the newest is the head.

    Every method may raise `StoreUnavailable` (try again) and `StoreNotAllowed` (mend it first).

    Attributes:
        where: How messages name it, and how it is told from another store; holds no secret.
        warning: What a user should know of it; "" where there is nothing.
    """

    where: str
    warning: str

    async def versions(self, which: ModelId) -> list[int]:
        """Those that are kept, oldest first."""

    async def read(self, which: ModelId, version: int) -> bytes | None:
        """An envelope, or None where there is none."""

    async def write(self, which: ModelId, version: int, blob: bytes, *, keep: int = KEEP) -> None:
        """Make `blob` the head, in one step or not at all; the last `keep` versions stay.

        The head must be `version - 1`, or there is none at all (a store that was emptied takes what
        comes next). Where exactly this is the head already, an answer was lost, and all is well.

        Raises:
            VersionConflict: The head is another.
        """

    async def close(self) -> None:
        """Give back what it holds; idempotent."""


def oldest_kept(version: int, keep: int) -> int:
    """The oldest version that stays when `version` has come."""
    return version - keep + 1


def conflict(which: ModelId, version: int, head: int) -> VersionConflict:
    return VersionConflict(
        f"{which} version {version} was not saved: the newest in the store is {head}, so another kernel "
        f"saves this model too; load it, or give yours another name",
        head=head,
    )
