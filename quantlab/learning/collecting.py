"""No look of Python's collector while a model is read: it would stop every thread of the kernel.

Reading a model of 1 MB makes many thousand objects at once. To the collector that looks like a leak,
and it goes through all objects of the process, 50 ms and more with the GIL held, for nothing: what was
read to be checked goes by itself, by its counts.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Off for so long, and then as it was."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
