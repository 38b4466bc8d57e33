"""What the machine does at each opcode of protocol 5 that a pickle of River's models has; no other is known.

Nothing is found but through `admitted.py`, nothing is called but through `rebuild.py`, and nothing is
larger than the bytes it is made of.
"""

from __future__ import annotations

import collections
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any

from quantlab.learning.admitted import find
from quantlab.learning.machine import Machine, require_key
from quantlab.learning.rebuild import build, call, damaged, make

LONGEST_NUMBER = 1_048_576  # bytes; a sketch is one number

_NUMBERS = re.compile(
    rb"(?: K. | M.. | J.{4} | G.{8} | \x8a\x04.{4} | \x8a\x05.{5} ){8,}+", re.DOTALL | re.VERBOSE
)
"""Numbers after a mark, at least eight: most of a tree is the words of its random generators. Python's own
reader takes such a run, in which there is no other opcode, ten times as fast as the steps below."""
_LIST, _END = pickle.PROTO + b"\x05" + pickle.EMPTY_LIST + pickle.MARK, pickle.APPENDS + pickle.STOP

Step = Callable[[Machine], Any]


def _unknown(machine: Machine) -> None:
    damaged(f"the opcode 0x{machine.data[machine.at - 1]:02x}, which its pickles never have")


STEPS: list[Step] = [_unknown] * 256


def _reads(opcode: bytes) -> Callable[[Step], Step]:
    """Makes a function what the machine does at `opcode`."""

    def keep(step: Step) -> Step:
        STEPS[opcode[0]] = step
        return step

    return keep


def _pushes(opcode: bytes, made: Callable[[Machine], Any]) -> None:
    """An opcode that only adds a value; `made` leaves the stack alone."""
    STEPS[opcode[0]] = lambda machine: machine.stack.append(made(machine))


def _fixed(opcode: bytes, form: str) -> None:
    """A number of fixed length: most of a model."""
    length, unpack = struct.calcsize(form), struct.Struct(form).unpack_from

    @_reads(opcode)
    def step(machine: Machine) -> None:
        machine.stack.append(unpack(machine.data, machine.at)[0])
        machine.at += length


def _sized(opcode: bytes, length: int, convert: Callable[[bytes], Any]) -> None:
    """An opcode whose content follows its length."""
    _pushes(opcode, lambda machine: convert(machine.take(machine.number(length))))


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
def _long1(machine: Machine) -> None:
    start = machine.at + 1  # half of a random generator's words come this way
    machine.at = end = start + machine.data[machine.at]
    machine.stack.append(int.from_bytes(machine.data[start:end], "little", signed=True))


@_reads(pickle.PROTO)
def _proto(machine: Machine) -> None:
    if machine.take(1)[0] != pickle.HIGHEST_PROTOCOL or machine.at != 2:
        damaged("a pickle of another protocol")


@_reads(pickle.FRAME)
def _frame(machine: Machine) -> None:
    machine.take(8)  # how much a reader of a file should fetch


@_reads(pickle.MARK)
def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    run = _NUMBERS.match(machine.data, machine.at)
    if run is None:
        machine.stack = []
        return
    machine.stack = pickle.loads(_LIST + run[0] + _END)  # noqa: S301  # numbers alone: the pattern says so
    machine.at = run.end()


@_reads(pickle.POP)
def _pop(machine: Machine) -> None:
    machine.stack.pop()


@_reads(pickle.POP_MARK)
def _pop_mark(machine: Machine) -> None:
    machine.since_mark()


@_reads(pickle.MEMOIZE)
def _memoize(machine: Machine) -> None:
    machine.memo.append(machine.stack[-1])


@_reads(pickle.TUPLE)
def _tuple_since_mark(machine: Machine) -> None:
    values = machine.since_mark()
    machine.stack.append(tuple(values))


@_reads(pickle.TUPLE1)
@_reads(pickle.TUPLE2)
@_reads(pickle.TUPLE3)
def _tuple(machine: Machine) -> None:
    length = machine.data[machine.at - 1] - pickle.TUPLE1[0] + 1
    stack = machine.stack
    if len(stack) < length:
        damaged("a tuple of nothing")
    stack[-length:] = [tuple(stack[-length:])]


@_reads(pickle.APPEND)
def _append(machine: Machine) -> None:
    value = machine.stack.pop()
    machine.top(list, collections.deque).append(value)


@_reads(pickle.APPENDS)
def _appends(machine: Machine) -> None:
    values = machine.since_mark()
    machine.top(list, collections.deque).extend(values)


@_reads(pickle.SETITEM)
def _setitem(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    require_key(key)
    machine.top(dict)[key] = value


@_reads(pickle.SETITEMS)
def _setitems(machine: Machine) -> None:
    values = machine.since_mark()
    target = machine.top(dict)
    if len(values) % 2:
        damaged("a key without a value")
    for key, value in zip(values[::2], values[1::2], strict=True):
        require_key(key)
        target[key] = value


@_reads(pickle.ADDITEMS)
def _additems(machine: Machine) -> None:
    values = machine.since_mark()
    target = machine.top(set)
    for value in values:
        require_key(value)
        target.add(value)


@_reads(pickle.FROZENSET)
def _frozenset(machine: Machine) -> None:
    values = machine.since_mark()
    for value in values:
        require_key(value)
    machine.stack.append(frozenset(values))


@_reads(pickle.STACK_GLOBAL)
def _global(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        damaged("a name that is no text")
    machine.stack.append(find(module, name))


@_reads(pickle.REDUCE)
def _reduce(machine: Machine) -> None:
    args = machine.stack.pop()
    machine.stack[-1] = call(machine.stack[-1], args)


@_reads(pickle.NEWOBJ)
def _newobj(machine: Machine) -> None:
    args = machine.stack.pop()
    machine.stack[-1] = make(machine.stack[-1], args)


@_reads(pickle.BUILD)
def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    build(machine.stack[-1], state)
