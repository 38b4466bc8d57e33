"""What a handler is: whether it can be called with one event, how, and where it stands."""

from __future__ import annotations

import inspect
import linecache
import operator
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

from quantlab.bus.mailbox import Overflow
from quantlab.clock import is_duration
from quantlab.errors import BusError

CELLS = "ipykernel_"  # the folder that a kernel names as its cells' place begins so
CONFLATE = Overflow.CONFLATE
PLAIN_FLAGS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def check_bounds(capacity: object, timeout_s: object, concurrency: object, name: object) -> None:
    """Raise `BusError` for a bound that is no such number above zero, or a name that is no text."""
    if type(capacity) is not int or capacity < 1:
        raise BusError(f"capacity={capacity!r}: give at least 1, a whole number")
    if not is_duration(timeout_s) or timeout_s == 0:
        raise BusError(f"timeout_s={timeout_s!r}: give seconds above 0")
    if type(concurrency) is not int or concurrency < 1:
        raise BusError(f"concurrency={concurrency!r}: give at least 1, a whole number")
    require(isinstance(name, str), f"name={name!r}: give text")


def check_overflow(overflow: Overflow | str) -> Overflow:
    """The policy that a word names; every look at it is by identity."""
    try:
        return Overflow(overflow)
    except ValueError:
        raise BusError(f"overflow={overflow!r}: give one of {', '.join(Overflow)}") from None


def check_handler(
    handler: Callable[..., Any] | None, *, inline: bool, run: str, concurrency: int, key: object
) -> bool:
    """Raise `BusError` for what cannot be called with one event, or not in this way.

    True where it is known to be a coroutine function.
    """
    if run == "loop" and concurrency == 1 and handler is not None:  # most are
        is_async = _check_call(handler)
        if is_async and inline:
            raise BusError(f"handler {handler!r} is async: it cannot run inline")
        return is_async
    require(run in ("loop", "thread"), f'run={run!r}: give "loop" or "thread"')
    require(
        concurrency == 1 or key is not None, "concurrency above 1 needs a key: order is kept for each key"
    )
    special = inline or run == "thread" or concurrency > 1
    if handler is None:
        word = "inline" if inline else 'run="thread"' if run == "thread" else "concurrency"
        require(not special, f"{word} needs a handler")
        return False
    require(
        not inline or (run == "loop" and concurrency == 1), "inline is neither for threads nor concurrent"
    )
    is_async = _check_call(handler)
    require(not (is_async and run == "thread"), f"handler {handler!r} is async: it cannot run in a thread")
    return is_async


def _check_call(handler: Callable[..., Any]) -> bool:
    if type(handler) is FunctionType and not hasattr(handler, "__wrapped__"):  # most are, and this is fast
        code = handler.__code__
        least = code.co_argcount - len(handler.__defaults__ or ())
        if least <= 1 <= code.co_argcount and not code.co_kwonlyargcount:
            if not code.co_flags & PLAIN_FLAGS:
                return False
            if code.co_flags & PLAIN_FLAGS == inspect.CO_COROUTINE:
                return True
    if not callable(handler):
        raise BusError(f"handler {handler!r} cannot be called")
    try:
        inspect.signature(handler).bind(None)
    except TypeError as error:
        raise BusError(f"handler {handler!r} must take exactly one event: {error}") from None
    except ValueError:
        return False  # a builtin without a signature: it will say so itself
    code_of = inspect.unwrap(handler)
    if inspect.isgeneratorfunction(code_of) or inspect.isasyncgenfunction(code_of):
        raise BusError(f"handler {handler!r} is a generator: it must not yield")
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004  # an object whose call is async
    )


def check_key(
    key: Callable[[Any], Hashable] | str | None, overflow: Overflow
) -> tuple[Callable[[Any], Hashable] | None, tuple[str, ...] | None]:
    """The key as a function, and the event's attributes it is made of where that is known."""
    if key is None and overflow is not CONFLATE:  # most have none
        return None, None
    require(overflow is not CONFLATE or key is not None, "overflow CONFLATE needs a key")
    if isinstance(key, str):
        require(all(part.isidentifier() for part in key.split(".")), f"key={key!r}: name an attribute")
        return operator.attrgetter(key), (key,)
    if isinstance(key, operator.attrgetter):
        return key, key.__reduce__()[1]  # type: ignore[return-value]  # its names, as pickle sees them
    if not (key is None or callable(key)):
        raise BusError(f"key={key!r} cannot be called")
    return key, None


def where(handler: Callable[..., Any] | None) -> str:
    """File, line and text where a handler is defined: "ticks.py:12: def on_tick(event):".

    A notebook's cell has no file that a reader knows: "line 12 of its cell: def on_tick(event):".
    """
    while isinstance(handler, partial):
        handler = handler.func
    handler = inspect.unwrap(handler) if handler is not None else None
    code = getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
    if code is None:
        return repr(handler)
    text = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    path, line = Path(code.co_filename), code.co_firstlineno
    place = f"line {line} of its cell" if path.parent.name.startswith(CELLS) else f"{path.name}:{line}"
    return f"{place}: {text}".removesuffix(": ")


def require(condition: bool, problem: str) -> None:  # noqa: FBT001  # reads as a sentence
    """Raise `BusError(problem)` unless `condition`."""
    if not condition:
        raise BusError(problem)
