"""A strict unpickler: reads what Python's pickler makes of River's models, and refuses all else.

A small machine for the opcodes that protocol 5 writes. Nothing is found but through `admitted.py`,
nothing is called but through `rebuild.py`, and nothing is larger than the bytes it is made of. It
holds by itself: what was sealed with the right key goes through it as well.
"""

from __future__ import annotations

import collections
import pickle
import struct
from collections.abc import Callable
from typing import Any

from quantlab.errors import ModelRefused
from quantlab.learning.admitted import find
from quantlab.learning.rebuild import build, call, damaged, make

PLAIN_KEYS = frozenset({str, int, float, bool, bytes, type(None)})
KEY_DEPTH = 4  # of a tuple that is a key: to hash a very deep one ends the process
LONGEST_NUMBER = 1_048_576  # bytes; a sketch is one number


def loads(payload: bytes) -> Any:
    """The objects that `pickler.dumps` wrote.

    Raises:
        ModelRefused: It names what a model may not hold (reason "class"), or is damaged ("shape").
    """
    machine = Unpickler(payload)
    try:
        return machine.load()
    except ModelRefused:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a damaged state makes of a class
        kind = type(error).__name__
    raise ModelRefused("shape", f"the model is damaged: {kind} at byte {machine.at:,} of its pickle")


class Unpickler:
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

    def load(self) -> Any:
        data, steps = self.data, _STEPS
        while (opcode := data[self.at]) != _STOP:
            self.at += 1
            steps[opcode](self)
        if self.at + 1 != len(data) or self.below or len(self.stack) != 1:
            damaged("a pickle that ends too early or too late")
        return self.stack[0]

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


Step = Callable[[Unpickler], Any]
_STOP = pickle.STOP[0]


def _unknown(machine: Unpickler) -> None:
    damaged(f"the opcode 0x{machine.data[machine.at - 1]:02x}, which its pickles never have")


_STEPS: list[Step] = [_unknown] * 256


def _reads(opcode: bytes) -> Callable[[Step], Step]:
    """Makes a function what the machine does at `opcode`."""

    def keep(step: Step) -> Step:
        _STEPS[opcode[0]] = step
        return step

    return keep


def _pushes(opcode: bytes, made: Callable[[Unpickler], Any]) -> None:
    """An opcode that only adds a value; `made` leaves the stack alone."""
    _STEPS[opcode[0]] = lambda machine: machine.stack.append(made(machine))


def _fixed(opcode: bytes, form: str) -> None:
    """A number of fixed length: most of a model."""
    length, unpack = struct.calcsize(form), struct.Struct(form).unpack_from

    @_reads(opcode)
    def step(machine: Unpickler) -> None:
        machine.stack.append(unpack(machine.data, machine.at)[0])
        machine.at += length


def _sized(opcode: bytes, length: int, convert: Callable[[bytes], Any]) -> None:
    """An opcode whose content follows its length."""
    _pushes(opcode, lambda machine: convert(machine.take(machine.number(length))))


def _key(value: Any, depth: int = KEY_DEPTH) -> None:
    """Check a key of a dict or a member of a set: plain, or a class; no hash of a stranger's."""
    kind = type(value)
    if kind in PLAIN_KEYS or isinstance(value, type) or kind.__module__ == "numpy":
        return
    if not isinstance(value, tuple | frozenset) or not depth:
        raise ModelRefused("class", f"{kind.__module__}.{kind.__qualname__} cannot be kept as a key")
    for each in value:
        _key(each, depth - 1)


def _integer(content: bytes) -> int:
    if len(content) > LONGEST_NUMBER:
        damaged("a number without end")
    return int.from_bytes(content, "little", signed=True)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


_pushes(pickle.NONE, lambda _: None)
_pushes(pickle.NEWTRUE, lambda _: True)
_pushes(pickle.NEWFALSE, lambda _: False)
_pushes(pickle.EMPTY_TUPLE, lambda _: ())
_pushes(pickle.EMPTY_LIST, lambda _: [])
_pushes(pickle.EMPTY_DICT, lambda _: {})
_pushes(pickle.EMPTY_SET, lambda _: set())
_fixed(pickle.BININT1, "<B")
_fixed(pickle.BININT2, "<H")
_fixed(pickle.BININT, "<i")
_fixed(pickle.BINFLOAT, ">d")
_pushes(pickle.BINGET, lambda machine: machine.memo[machine.number(1)])
_pushes(pickle.LONG_BINGET, lambda machine: machine.memo[machine.number(4)])
_sized(pickle.LONG4, 4, _integer)
_sized(pickle.SHORT_BINUNICODE, 1, _text)
_sized(pickle.BINUNICODE, 4, _text)
_sized(pickle.BINUNICODE8, 8, _text)
_sized(pickle.SHORT_BINBYTES, 1, bytes)
_sized(pickle.BINBYTES, 4, bytes)
_sized(pickle.BINBYTES8, 8, bytes)
_sized(pickle.BYTEARRAY8, 8, bytearray)


@_reads(pickle.LONG1)
def _long1(machine: Unpickler) -> None:
    start = machine.at + 1  # half of a random generator's words come this way
    machine.at = end = start + machine.data[machine.at]
    machine.stack.append(int.from_bytes(machine.data[start:end], "little", signed=True))


@_reads(pickle.PROTO)
def _proto(machine: Unpickler) -> None:
    if machine.take(1)[0] != pickle.HIGHEST_PROTOCOL or machine.at != 2:
        damaged("a pickle of another protocol")


@_reads(pickle.FRAME)
def _frame(machine: Unpickler) -> None:
    machine.take(8)  # how much a reader of a file should fetch


@_reads(pickle.MARK)
def _mark(machine: Unpickler) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


@_reads(pickle.POP)
def _pop(machine: Unpickler) -> None:
    machine.stack.pop()


@_reads(pickle.POP_MARK)
def _pop_mark(machine: Unpickler) -> None:
    machine.since_mark()


@_reads(pickle.MEMOIZE)
def _memoize(machine: Unpickler) -> None:
    machine.memo.append(machine.stack[-1])


@_reads(pickle.TUPLE)
def _tuple_since_mark(machine: Unpickler) -> None:
    values = machine.since_mark()
    machine.stack.append(tuple(values))


@_reads(pickle.TUPLE1)
@_reads(pickle.TUPLE2)
@_reads(pickle.TUPLE3)
def _tuple(machine: Unpickler) -> None:
    length = machine.data[machine.at - 1] - pickle.TUPLE1[0] + 1
    stack = machine.stack
    if len(stack) < length:
        damaged("a tuple of nothing")
    stack[-length:] = [tuple(stack[-length:])]


@_reads(pickle.APPEND)
def _append(machine: Unpickler) -> None:
    value = machine.stack.pop()
    machine.top(list, collections.deque).append(value)


@_reads(pickle.APPENDS)
def _appends(machine: Unpickler) -> None:
    values = machine.since_mark()
    machine.top(list, collections.deque).extend(values)


@_reads(pickle.SETITEM)
def _setitem(machine: Unpickler) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _key(key)
    machine.top(dict)[key] = value


@_reads(pickle.SETITEMS)
def _setitems(machine: Unpickler) -> None:
    values = machine.since_mark()
    target = machine.top(dict)
    if len(values) % 2:
        damaged("a key without a value")
    for key, value in zip(values[::2], values[1::2], strict=True):
        _key(key)
        target[key] = value


@_reads(pickle.ADDITEMS)
def _additems(machine: Unpickler) -> None:
    values = machine.since_mark()
    target = machine.top(set)
    for value in values:
        _key(value)
        target.add(value)


@_reads(pickle.FROZENSET)
def _frozenset(machine: Unpickler) -> None:
    values = machine.since_mark()
    for value in values:
        _key(value)
    machine.stack.append(frozenset(values))


@_reads(pickle.STACK_GLOBAL)
def _global(machine: Unpickler) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        damaged("a name that is no text")
    machine.stack.append(find(module, name))


@_reads(pickle.REDUCE)
def _reduce(machine: Unpickler) -> None:
    args = machine.stack.pop()
    machine.stack[-1] = call(machine.stack[-1], args)


@_reads(pickle.NEWOBJ)
def _newobj(machine: Unpickler) -> None:
    args = machine.stack.pop()
    machine.stack[-1] = make(machine.stack[-1], args)


@_reads(pickle.BUILD)
def _build(machine: Unpickler) -> None:
    state = machine.stack.pop()
    build(machine.stack[-1], state)
