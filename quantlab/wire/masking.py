"""The SIGINT mask: critical sections of the main thread run to their end before an Interrupt.

It protects short sections (decide, reserve and post; one drain; one publish) and must never stand
around a wait: the user's Interrupt would wait too. Where one does not end all the same, because a
handler that runs in it does not, the second Interrupt strikes.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

# `signal` without its wrappers, which look every handler up in an enum: 0.3 us instead of 7.
try:
    import _signal as fast  # type: ignore[import-not-found]  # typeshed leaves it out
except ImportError:  # another Python than CPython
    fast = signal


HELD_S = 1.0  # after an Interrupt was held back for so long, the next one strikes


class Masked:
    """Holds SIGINT back until the block ends, then delivers it to the handler of before.

    Off the main thread it does nothing, because Python runs signal handlers on the main thread
    alone. Blocks may be nested: the outermost delivers. One object serves one `with`.
    """

    __slots__ = ("_caught", "_previous")

    def __init__(self) -> None:
        self._caught = 0.0  # when, by the monotonic clock; 0: not
        self._previous: object = None

    def __enter__(self) -> None:
        if threading.get_ident() != threading.main_thread().ident:
            return
        current = fast.getsignal(signal.SIGINT)
        if current in (None, signal.SIG_IGN) or isinstance(getattr(current, "__self__", None), Masked):
            return  # nothing would strike, or an outer block holds it back already
        self._previous = current
        fast.signal(signal.SIGINT, self._catch)  # from here on nothing strikes

    def __exit__(self, *_exc: object) -> None:
        previous = self._previous
        if previous is None:
            return
        fast.signal(signal.SIGINT, previous)
        if self._caught:
            signal.raise_signal(signal.SIGINT)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if not self._caught:
            self._caught = time.monotonic()
        elif time.monotonic() - self._caught > HELD_S and callable(self._previous):
            self._caught = 0.0
            self._previous(number, frame)
