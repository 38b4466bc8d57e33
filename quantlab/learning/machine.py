"""The machine that a pickle is read by: where it is, what it has put aside, and what may be a key.

Bytes in, values on a stack; `opcodes.py` has what it does at each of them. It finds nothing and calls
nothing by itself.
"""

from __future__ import annotations

from typing import Any

from quantlab.errors import ModelRefused
from quantlab.learning.rebuild import damaged

PLAIN_KEYS = frozenset({str, int, float, bool, bytes, type(None)})
KEY_PARTS = 1_000  # of a tuple that is a key, with the tuples in it: each look at the key goes through all
KEY_DEPTH = 4  # to hash a very deep one ends the process


class Machine:
    """One pickle, read once from its first byte to its last.

    Attributes:
        at: The next byte.
        stack: What was read since the last mark; `below` has the stacks of earlier marks.
        memo: What the pickle has numbered, to come back to it.
    """

    __slots__ = ("at", "below", "data", "memo", "stack")

    def __init__(self, payload: bytes) -> None:
        self.data = payload
        self.at = 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: list[Any] = []

    def take(self, count: int) -> bytes:
        """The next `count` bytes, which must be there."""
        start = self.at
        self.at = end = start + count
        if end > len(self.data):
            damaged("a pickle that was cut")
        return self.data[start:end]

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "little")

    def since_mark(self) -> list[Any]:
        found = self.stack
        self.stack = self.below.pop()
        return found

    def top(self, *kinds: type) -> Any:
        """The container that is added to; of these classes, whose adding runs no stranger's code."""
        found = self.stack[-1]
        if not isinstance(found, kinds):
            damaged(f"an addition to a {type(found).__name__}")
        return found


def require_key(value: Any) -> None:
    """Check a key of a dict or a member of a set: plain, or a class; no hash of a stranger's.

    Raises:
        ModelRefused: It is another object, or a tuple that is large or deep.
    """
    if type(value) not in PLAIN_KEYS:
        _part(value, KEY_DEPTH, KEY_PARTS)


def _part(value: Any, depth: int, left: int) -> int:
    """How many parts of a key may still come after this one."""
    kind = type(value)
    if kind in PLAIN_KEYS or isinstance(value, type) or kind.__module__ == "numpy":
        return left - 1
    if not isinstance(value, tuple | frozenset) or not depth or len(value) > left:
        raise ModelRefused("class", f"{kind.__module__}.{kind.__qualname__} cannot be kept as a key")
    left -= 1
    for each in value:
        left = _part(each, depth - 1, left)
    return left
