"""Threads that compute beside the kernel's loop, and how they leave it alone.

Python lets one thread run at a time, so what is here cannot make a learner cost nothing. It takes away
what a busy thread costs others beyond its share: `background` the processor under a handler's feet, and
`uncollected` the collector's look at every object of the process.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress


def background(name: str) -> ThreadPoolExecutor:
    """One thread, started on first use, that steps back for whoever runs."""
    return ThreadPoolExecutor(1, thread_name_prefix=name, initializer=step_back)


def step_back() -> None:
    """Have the system wake this thread without taking the processor from another one that runs.

    The loop gives up the GIL for a moment each time that it asks its sockets, and so wakes who waits for
    it. Woken on the loop's own processor, a thread would take that away in the middle of a turn, and a
    handler waits 200 us. A thread of the class for those that compute (`SCHED_BATCH`) waits until the
    loop sleeps; its share stays the same, so it starves nobody and is not starved.
    """
    if hasattr(os, "SCHED_BATCH"):  # Linux
        with suppress(OSError):  # where a container forbids it, all is as it would be without
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@contextmanager
def uncollected() -> Iterator[None]:
    """No look of Python's collector meanwhile: it would stop every thread of the kernel.

    Reading or writing a model of 1 MB makes many thousand objects at once. To the collector that looks
    like a leak, and it goes through all objects of the process, 50 ms and more with the GIL held, for
    nothing: what was made on the way goes by itself, by its counts.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
