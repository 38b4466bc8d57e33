"""What of a recording is not there: marks, and how whole blocks are found among damaged ones.

Nothing that is missing is passed over in silence, and nothing of it stops the rest from being read.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from quantlab.errors import RecordingError
from quantlab.market.recording.blocks import (
    FORMAT,
    HEAD_BYTES,
    MAGIC,
    MAGIC_WORD,
    Head,
    find_head,
    read_head,
    read_payload,
)

QUIET = ("open", "removed")  # what is no damage


class RecordingWarning(UserWarning):
    """Something of a recording is missing; the message says what."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not there.

    `kind` is open (it was not closed: the kernel was killed, or it is being written), torn (it ends within a
    block), damaged, dropped (the disk was too slow), missing, removed (to stay within the bounds) or unknown
    (a topic or a field that this quantlab does not know). `records` is how many, None where nobody can know;
    `segment` is where, 0 for the whole recording.
    """

    kind: str
    segment: int
    records: int | None
    text: str


class Marks(list[Mark]):
    """The marks of one reading; a new one that tells of damage also warns."""

    def add(self, kind: str, segment: int, records: int | None, text: str, *, name: str) -> None:
        """Note what is missing of the recording `name`."""
        self.append(Mark(kind=kind, segment=segment, records=records, text=text))
        if kind not in QUIET:
            # without a registry it is said each time, not only the first
            warnings.warn_explicit(text, RecordingWarning, f"recording {name}", segment)


class Block(NamedTuple):
    """A whole block: where it begins, its head, its payload (empty where that was not wanted)."""

    at: int
    head: Head
    payload: bytes


Missing = Callable[[str, Head | None, str], None]  # kind, the head where it is good, text


def blocks(
    path: Path, missing: Missing, *, end: int | None = None, wanted: Callable[[Head], bool] = lambda _: True
) -> Iterator[Block]:
    """The whole blocks of one segment file, in order; `missing` is told what else there is.

    Args:
        path: The file.
        missing: Gets the kind of mark, the head of the block where that is good, and a sentence.
        end: Where to stop, for a file that is being written.
        wanted: Whether a payload is needed; the others are neither read nor checked.

    Raises:
        RecordingError: It is no segment, or one of another format.
    """
    size = path.stat().st_size if end is None else end
    with path.open("rb") as file:
        _check_magic(path, file.read(min(len(MAGIC), size)))
        at = len(MAGIC)
        while at < size:
            file.seek(at)
            head = read_head(file.read(min(HEAD_BYTES, size - at)))
            if head is None:
                file.seek(at)
                rest = file.read(size - at)
                found = find_head(rest, 1)
                kind = "torn" if found is None else "damaged"
                lost = len(rest) if found is None else found
                missing(kind, None, f"{lost} bytes of {path.name} from byte {at} on are no whole block")
                if found is None:
                    return
                at += found
                continue
            begin, at = at, at + HEAD_BYTES + head.length
            if not wanted(head):
                payload: bytes | None = b"" if at <= size else None
            else:
                payload = read_payload(head, file.read(max(0, min(head.length, size - begin - HEAD_BYTES))))
            if payload is None:
                kind = "torn" if at > size else "damaged"
                missing(kind, head, f"a block of {head.records} records in {path.name} at byte {begin}")
            else:
                yield Block(begin, head, payload)


def _check_magic(path: Path, magic: bytes) -> None:
    if magic == MAGIC:
        return
    word = magic.removeprefix(MAGIC_WORD).strip()
    if magic.startswith(MAGIC_WORD) and word.isdigit():
        raise RecordingError(
            f"{path} is a recording of format {word.decode()}, and this quantlab reads format {FORMAT}",
            "read it with the quantlab that made it",
        )
    if MAGIC.startswith(magic):
        raise RecordingError(f"{path} was cut in its first {len(MAGIC)} bytes", "there is nothing in it")
    raise RecordingError(f"{path} is no segment of a recording", "give the folder of a recording")
