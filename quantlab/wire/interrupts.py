"""Interrupts of a cell while it waits, which a Jupyter kernel delivers in two ways.

To a cell that never awaits they come as `KeyboardInterrupt`. For one that awaits, ipykernel (6.29 to 7.4)
makes a note and cancels the cell's task: while the cell blocks it hears nothing, and while it awaits it
cannot tell that from a timeout. Both are mended here; where ipykernel does it otherwise, nothing is done.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

HANDLER = "_cancel_on_sigint.<locals>.handle_sigint"  # of `ipykernel.ipkernel.IPythonKernel`
NOTE = "sigint_future"  # what it holds; done once there was an Interrupt
told: list[Any] = [None]  # the note that was answered with yes last


def cell_was_interrupted() -> bool:
    """Was it an Interrupt that cancelled the cell's task just now? Where that cannot be told: no.

    Yes once for each: a cell that goes on all the same may meet timeouts.
    """
    handler = _handler_of_ipykernel()
    code, cells = getattr(handler, "__code__", None), getattr(handler, "__closure__", None) or ()
    held = dict(zip(getattr(code, "co_freevars", ()), cells, strict=False))
    if NOTE not in held:
        return False
    note = held[NOTE].cell_contents
    struck = note.done() and not note.cancelled() and note is not told[-1]
    if struck:
        told[-1] = note
    return bool(struck)


class Striking:
    """While a cell blocks in this, an Interrupt strikes also where ipykernel would only make a note."""

    __slots__ = ("_previous",)

    def __init__(self) -> None:
        self._previous: Callable[..., object] | None = None

    def __enter__(self) -> None:
        self._previous = _handler_of_ipykernel()
        if self._previous is not None:
            try:
                signal.signal(signal.SIGINT, self._strike)
            except KeyboardInterrupt:  # it struck at once, before there is a block to leave
                self.__exit__()
                raise

    def __exit__(self, *_exc: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _strike(self, number: int, frame: FrameType | None) -> None:
        if self._previous is not None:
            self._previous(number, frame)  # a cell that goes on after this ends at its next await
        raise KeyboardInterrupt


def _handler_of_ipykernel() -> Any:
    """Its handler for a cell that awaits; None where another one stands, and off the main thread."""
    if threading.get_ident() != threading.main_thread().ident:
        return None
    handler = signal.getsignal(signal.SIGINT)
    return handler if getattr(handler, "__qualname__", "").endswith(HANDLER) else None
