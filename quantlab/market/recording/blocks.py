"""The bytes of a segment file: a magic line, then blocks that each prove themselves.

Pure. A block is a head of 52 bytes and a payload, zlib where that is smaller; the head has a checksum of
its own, so that its length can be believed where the payload is damaged, and a mark to find the next block
by where the head is damaged too.

File format, little endian: `QLREC 1` and a line feed (the number is the format's), then blocks: mark, kind,
1 where the payload is compressed, two bytes of zero, number of records, records dropped just before them,
number of the first record, times of the first and the last (UTC ns), payload's length, its CRC-32, and the
CRC-32 of the head so far.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import NamedTuple

FORMAT = 1
MAGIC_WORD = b"QLREC "
MAGIC = MAGIC_WORD + b"%d\n" % FORMAT
MARK = b"\xf1QB\n"
HEAD = struct.Struct("<4sBBHIIQQQII")
CRC = struct.Struct("<I")
HEAD_BYTES = HEAD.size + CRC.size
WORTH_PACKING = 256  # bytes
LEVEL = 1  # zlib's fastest: JSON shrinks to a seventh, at 2 us a message
LARGEST = 1 << 28  # bytes of a payload: what says more is damage


class Kind(IntEnum):
    """HEADER says what the recording is of, RECORDS are msgpack, END says that and why it ends there."""

    HEADER = 1
    RECORDS = 2
    END = 3


class Head(NamedTuple):
    """What a block says of itself. Numbers of records grow by one, over all segments of a recording."""

    kind: int
    packed: bool
    records: int
    dropped: int
    first: int
    from_ns: int
    until_ns: int
    length: int
    crc: int


def pack(
    kind: Kind,
    payload: bytes,
    *,
    count: int = 0,
    dropped: int = 0,
    first: int = 0,
    from_ns: int = 0,
    until_ns: int = 0,
) -> bytes:
    """A whole block."""
    small = zlib.compress(payload, LEVEL) if len(payload) >= WORTH_PACKING else payload
    packed = len(small) < len(payload)
    stored = small if packed else payload
    head = HEAD.pack(
        MARK, kind, packed, 0, count, dropped, first, from_ns, until_ns, len(stored), zlib.crc32(stored)
    )
    return head + CRC.pack(zlib.crc32(head)) + stored


def read_head(data: bytes) -> Head | None:
    """The head that `data` begins with; None where it is none, or damaged, or not all of it."""
    if len(data) < HEAD_BYTES or not data.startswith(MARK):
        return None
    (crc,) = CRC.unpack_from(data, HEAD.size)
    if crc != zlib.crc32(data[: HEAD.size]):
        return None
    _, kind, packed, _, *rest = HEAD.unpack_from(data)
    head = Head(kind, bool(packed), *rest)
    return head if head.length <= LARGEST else None


def read_payload(head: Head, stored: bytes) -> bytes | None:
    """The payload of a block; None where it is damaged or not all of it."""
    if len(stored) != head.length or zlib.crc32(stored) != head.crc:
        return None
    if not head.packed:
        return stored
    unpacking = zlib.decompressobj()
    try:
        payload = unpacking.decompress(stored, LARGEST)
    except zlib.error:
        return None
    return payload if unpacking.eof else None


def find_head(data: bytes, start: int) -> int | None:
    """Where the next good head begins, from `start` on."""
    at = data.find(MARK, start)
    while at >= 0:
        if read_head(data[at : at + HEAD_BYTES]) is not None:
            return at
        at = data.find(MARK, at + 1)
    return None
