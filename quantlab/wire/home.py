"""Where home is: the one thread that may touch engine state, in the one process that has it.

A forked child inherits our memory but neither our threads nor our loops: everything there is
refused, and nothing of the parent's (its epoll above all) is touched.
"""

from __future__ import annotations

import os
import threading
import weakref

from quantlab.errors import EngineStopped, WrongThread

FORKED = "this process was forked from a kernel that runs quantlab; load quantlab anew in it"


class HomeThread:
    """The thread and process in which this object was made."""

    __slots__ = ("__weakref__", "_pid", "_thread_id", "forked")

    def __init__(self) -> None:
        self.forked = False
        self._pid = os.getpid()
        self._thread_id = threading.get_ident()
        _LIVE.add(self)

    def require(self) -> None:
        """Raise `WrongThread` on another thread, `EngineStopped` in a forked child."""
        self.require_unforked()
        if threading.get_ident() != self._thread_id:
            here = threading.current_thread().name
            raise WrongThread(f"engine state belongs to the kernel's main thread, this is {here!r}")

    @property
    def is_here(self) -> bool:
        """True on the home thread, in the process that has it."""
        return not self.forked and threading.get_ident() == self._thread_id

    def require_unforked(self) -> None:
        """Raise `EngineStopped` in a forked child."""
        if self.forked:
            raise EngineStopped(FORKED)

    def check_pid(self) -> bool:
        """False in a forked child, also where the fork went past Python (a C library's)."""
        self.forked = self.forked or os.getpid() != self._pid
        return not self.forked


_LIVE: weakref.WeakSet[HomeThread] = weakref.WeakSet()


def _poison() -> None:
    for home in tuple(_LIVE):
        home.forked = True


os.register_at_fork(after_in_child=_poison)
