"""What an answer looks like: exactly these fields, of exactly these JSON types.

A shape is a leaf (`TEXT`, `DECIMAL`...), a dict of shapes (an object with these fields, no more and no
fewer), `Rows` (a list), a tuple (a list of exactly these) or `Any` of several. Nothing is optional: a
field that comes only under a condition stands in the shape of the case that has the condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple


class Leaf(NamedTuple):
    """A plain JSON value."""

    name: str
    holds: Callable[[Any], bool]


class Rows(NamedTuple):
    """A list of `each`, at least `least` long; never vacuous unless it says so."""

    each: Any
    least: int = 1


class OneOf(NamedTuple):
    """An object whose text under `field` says which of `shapes` it has."""

    field: str
    shapes: dict[str, Any]


def _text(pattern: str) -> Callable[[Any], bool]:
    form = re.compile(pattern)
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _number(value: Any) -> bool:
    return type(value) is int


def exactly(value: Any) -> Leaf:
    """This value and no other, of the same type."""
    return Leaf(repr(value), lambda found: type(found) is type(value) and found == value)


TEXT = Leaf("text", lambda value: isinstance(value, str) and value != "")
DECIMAL = Leaf("decimal text", _text(r"-?\d+\.\d+"))
NUMERAL = Leaf("number text", _text(r"\d+(\.\d+)?"))  # with decimals only where it has some
PERCENT = Leaf("percent text", _text(r"-?\d+\.\d{2,3}"))
INT = Leaf("number", _number)
ID = Leaf("id", lambda value: _number(value) and value >= 0)
NO_LIST = exactly(-1)
TIME = Leaf("milliseconds", lambda value: _number(value) and len(str(value)) == 13)
BOOL = Leaf("boolean", lambda value: isinstance(value, bool))
NULL = exactly(None)
TRUE = exactly(True)


MICROSECONDS = ("MICROSECOND", "microsecond")  # how the unit is asked for


def in_microseconds(shape: Any) -> Any:
    """The same shape with every time in microseconds."""
    if shape is TIME:
        return Leaf("microseconds", lambda value: _number(value) and len(str(value)) == 16)
    if isinstance(shape, dict):
        return {name: in_microseconds(each) for name, each in shape.items()}
    if isinstance(shape, Rows):
        return Rows(in_microseconds(shape.each), shape.least)
    if isinstance(shape, Leaf | OneOf):
        return shape
    return tuple(in_microseconds(each) for each in shape)


def mismatches(value: Any, shape: Any, where: str = "answer") -> list[str]:
    """Every place where `value` differs from `shape`; none where it fits."""
    if isinstance(shape, Leaf):
        return [] if shape.holds(value) else [f"{where}: {value!r} is no {shape.name}"]
    if isinstance(shape, OneOf):
        return _one_of(value, shape, where)
    if isinstance(shape, dict):
        return _fields(value, shape, where)
    if not isinstance(value, list):
        return [f"{where}: {value!r} is no list"]
    if isinstance(shape, Rows):
        found = [] if len(value) >= shape.least else [f"{where}: {len(value)} rows, not {shape.least}"]
        each = ((index, shape.each) for index in range(len(value)))
    else:
        found = [] if len(value) == len(shape) else [f"{where}: {len(value)} items, not {len(shape)}"]
        each = enumerate(shape[: len(value)])
    for index, expected in each:
        found += mismatches(value[index], expected, f"{where}[{index}]")
    return found


def _fields(value: Any, shape: dict[str, Any], where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    found = [f"{where}.{name} is missing" for name in shape if name not in value]
    found += [f"{where}.{name} is not documented" for name in value if name not in shape]
    for name in shape.keys() & value.keys():
        found += mismatches(value[name], shape[name], f"{where}.{name}")
    return sorted(found)


def _one_of(value: Any, shape: OneOf, where: str) -> list[str]:
    kind = value.get(shape.field) if isinstance(value, dict) else None
    if kind not in shape.shapes:
        return [f"{where}: {value!r} has no known {shape.field}"]
    return _fields(value, {shape.field: exactly(kind), **shape.shapes[kind]}, where)
