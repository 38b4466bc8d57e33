"""How the objects of a saved model are made anew: what may be called, with which arguments.

Called by the unpickler alone. Everything that is not written here is refused by name, and no
method of an object runs but the `__setstate__` of River, of numpy's random generators and of the
plain classes in `admitted.py`.
"""

from __future__ import annotations

import collections
import functools
import inspect
import random
import statistics
from types import FunctionType
from typing import Any

from quantlab.errors import ModelRefused
from quantlab.learning.admitted import (
    GETATTR,
    Rebuilder,
    admitted_callable,
    is_compiled,
    is_river,
    method_of,
    refuse,
)
from quantlab.learning.rebuild_numpy import NUMPY_CALLS, numpy_state

NUMBERS = (int, float, bool)


def call(function: Any, args: Any) -> Any:
    """REDUCE: the result of a rebuilder or of a plain container's class.

    Raises:
        ModelRefused: Anything else, or arguments that no model of River has.
    """
    if not isinstance(args, tuple):
        damaged("arguments that are no tuple")
    if isinstance(function, Rebuilder):
        return _rebuilt(function, args)
    if isinstance(function, type):
        if rebuild := _CONTAINERS.get(function):
            return rebuild(args)
        if is_river(function) and (issubclass(function, collections.deque) or is_compiled(function)):
            return _guarded(function, *_plain(args, function))
    return refuse(_name(function), "loading a model calls nothing of the kind")


def make(kind: Any, args: Any) -> Any:
    """NEWOBJ: an object of River without its state; no `__init__` runs."""
    if not (isinstance(kind, type) and (is_river(kind) or kind is statistics.NormalDist)):
        refuse(_name(kind), "only objects of River's own classes are made")
    if not isinstance(args, tuple):
        damaged("arguments that are no tuple")
    if args and not issubclass(kind, tuple):
        if not is_compiled(kind):
            refuse(_name(kind), "River's classes are made without arguments")
        _plain(args, kind)
    return _guarded(kind.__new__, kind, *args)


def build(found: Any, state: Any) -> None:
    """BUILD: give an object its state; its class decides which form that has."""
    kind = type(found)
    if kind is random.Random or kind is statistics.NormalDist:
        found.__setstate__(state)
    elif kind is functools.partial:
        _check_partial(state)
        found.__setstate__(state)
    elif is_river(kind):
        _build_river(found, kind, state)
    elif not numpy_state(found, state):
        refuse(_name(kind), "loading a model changes nothing of the kind")


def damaged(what: str) -> Any:
    """Raise: this is no pickle that River's models make."""
    raise ModelRefused("shape", f"the model is damaged: it has {what}")


def _build_river(found: Any, kind: type, state: Any) -> None:
    if is_compiled(kind):
        if not isinstance(state, bytes):
            damaged(f"a state of {_name(kind)} that is not bytes")
        _guarded(found.__setstate__, state)
        return
    plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    for each in (plain, slots):
        if each is not None:
            _check_attributes(kind, each)
    if isinstance(vars_of(kind, "__setstate__"), FunctionType):
        found.__setstate__(state)
        return
    if plain:
        vars(found).update(plain)
    for name, value in (slots or {}).items():
        setattr(found, name, value)


def _check_attributes(kind: type, state: Any) -> None:
    """Data alone: no state replaces a method of its class or anything of Python's own."""
    if type(state) is not dict:
        damaged(f"a state of {_name(kind)} that is no dict")
    for name in state:
        if not isinstance(name, str) or not _is_data(kind, name):
            refuse(f"{_name(kind)}.{name!s:.80}", "a state holds data, not methods")


@functools.lru_cache(maxsize=8_192)
def _is_data(kind: type, name: str) -> bool:
    if name.startswith("__") and name.endswith("__"):
        return False
    own = vars_of(kind, name)
    return not (inspect.isroutine(own) or isinstance(own, property | functools.cached_property))


def vars_of(kind: type, name: str) -> Any:
    """What the classes of `kind` hold under `name`, unbound; None where they hold nothing."""
    return next((vars(each)[name] for each in kind.__mro__ if name in vars(each)), None)


def _check_partial(state: Any) -> None:
    match state:
        case (function, tuple(), dict(keywords), None) if admitted_callable(function):
            if all(isinstance(each, str) for each in keywords):
                return
            damaged("a partial with keywords that are no names")
        case (function, _, _, _) if not admitted_callable(function):
            refuse(f"functools.partial of {_name(function)}", "a model may hold River's functions alone")
    damaged("a partial of another form")


def _rebuilt(function: Rebuilder, args: tuple[Any, ...]) -> Any:
    if function == GETATTR:
        return method_of(*args) if len(args) == 2 else damaged("a getattr of another form")
    rebuild = NUMPY_CALLS.get(function.name)
    if rebuild is None:
        refuse(f"{function.module}.{function.name}", "it is a value, and is not called")
    return rebuild(*args)


def _plain(args: tuple[Any, ...], kind: type) -> tuple[Any, ...]:
    """Numbers, dicts of River's weights, or what may be called later."""
    for each in args:
        if each is not None and not isinstance(each, (*NUMBERS, dict)) and not admitted_callable(each):
            refuse(f"{_name(kind)} made of {_name(type(each))}", "River makes it of numbers")
    return args


def _guarded(function: Any, *args: Any) -> Any:
    """River's Rust part tells of a damaged state by a panic, which is no `Exception`."""
    try:
        return function(*args)
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
    return damaged("a state that River's compiled part does not take")


def _counter(args: tuple[Any, ...]) -> collections.Counter[Any]:
    match args:
        case () | (dict(),):
            return collections.Counter(*args)
    return damaged("a Counter of another form")  # type: ignore[no-any-return]


def _ordered(args: tuple[Any, ...]) -> collections.OrderedDict[Any, Any]:
    return collections.OrderedDict() if not args else damaged("an OrderedDict of another form")


def _defaultdict(args: tuple[Any, ...]) -> collections.defaultdict[Any, Any]:
    if len(args) > 1:
        damaged("a defaultdict of another form")
    if args and args[0] is not None and not admitted_callable(args[0]):
        refuse(f"collections.defaultdict of {_name(args[0])}", "a model may hold River's functions alone")
    return collections.defaultdict(*args)


def _deque(args: tuple[Any, ...]) -> collections.deque[Any]:
    match args:
        case () | (tuple() | list(),) | (tuple() | list(), int() | None):
            return collections.deque(*args)
    return damaged("a deque of another form")  # type: ignore[no-any-return]


def _partial(args: tuple[Any, ...]) -> functools.partial[Any]:
    if len(args) != 1:
        damaged("a partial of another form")
    if not admitted_callable(args[0]):
        refuse(f"functools.partial of {_name(args[0])}", "a model may hold River's functions alone")
    return functools.partial(args[0])


def _random(args: tuple[Any, ...]) -> random.Random:
    return random.Random() if not args else damaged("a Random of another form")  # noqa: S311  # state follows


_CONTAINERS: dict[type, Any] = {
    collections.Counter: _counter,
    collections.OrderedDict: _ordered,
    collections.defaultdict: _defaultdict,
    collections.deque: _deque,
    functools.partial: _partial,
    random.Random: _random,
}


def _name(value: Any) -> str:
    """How a refusal names a class, a function, or the class of anything else."""
    if isinstance(value, Rebuilder):
        return f"{value.module}.{value.name}"
    named = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    return f"{named.__module__}.{named.__qualname__}"
