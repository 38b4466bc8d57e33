"""Work: something under way, whoever carries it out.

The wire's calls are work, and so are handles; plain answers and coroutines are made so here.
Cancelling whoever awaits work never stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Protocol, cast, runtime_checkable

from quantlab.errors import WouldBlockLoop


@runtime_checkable
class Work(Protocol):
    """Something under way (a `wire.WireCall`, or a handle): cancelling who awaits it never stops it."""

    @property
    def done(self) -> bool: ...

    def result(self) -> Any: ...

    def wait(self, timeout_s: float | None = None) -> Any: ...

    def add_done_callback(self, callback: Callable[[Any], None], /) -> None: ...

    def __await__(self) -> Generator[Any, None, Any]: ...


class Ready:
    """Work that was done at once."""

    done = True

    def __init__(self, value: object) -> None:
        self._value = value

    def result(self) -> Any:
        return self._value

    def wait(self, timeout_s: float | None = None) -> Any:  # noqa: ARG002  # Work's signature
        return self._value

    def add_done_callback(self, callback: Callable[[Any], None], /) -> None:
        callback(self)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value
        yield  # makes this a generator


class OnLoop:
    """Work that is a coroutine on the loop that runs here; it cannot be waited for synchronously."""

    def __init__(self, awaitable: Awaitable[object]) -> None:
        self._future = asyncio.ensure_future(awaitable)

    @property
    def done(self) -> bool:
        return self._future.done()

    def result(self) -> Any:
        return self._future.result()

    def wait(self, timeout_s: float | None = None) -> Any:  # noqa: ARG002  # Work's signature
        if not self.done:
            raise WouldBlockLoop(
                "this runs on the loop that wait would block; it goes on, await the handle instead"
            )
        return self.result()

    def add_done_callback(self, callback: Callable[[Any], None], /) -> None:
        self._future.add_done_callback(lambda _: callback(self))

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.shield(self._future).__await__()


def as_work(outcome: object) -> Work:
    """What an action returned, as work: a coroutine is started, a plain value is ready."""
    if asyncio.iscoroutine(outcome) or asyncio.isfuture(outcome):
        return OnLoop(cast("Awaitable[object]", outcome))
    return outcome if isinstance(outcome, Work) else Ready(outcome)


def error_of(work: Work) -> BaseException | None:
    """The error that finished work ended with, or None."""
    try:
        work.result()
    except BaseException as error:  # noqa: BLE001  # an outcome like any other; the caller decides
        return error
    return None
