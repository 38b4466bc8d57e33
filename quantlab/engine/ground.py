"""What the engine stands on in its process: asyncio as Python made it, and a loop that nobody re-enters.

A cell can take either away. Tasks of ours then wake too early or in the middle of each other, and nothing
that was decided before is worth anything: no order passes until it is put right.
"""

from __future__ import annotations

import asyncio

SLEEP = asyncio.sleep
NESTED = "_nest_patched"  # what nest_asyncio leaves on the loops that it has patched


def disturbed(home: asyncio.AbstractEventLoop) -> str:
    """What is not as it was when quantlab was imported, in a sentence; empty while all is."""
    if asyncio.sleep is not SLEEP:
        return "asyncio.sleep was replaced in this kernel; restart the kernel, and leave it as it is"
    if getattr(home, NESTED, False):
        return "nest_asyncio has patched the kernel's event loop; restart the kernel, and leave it out"
    return ""
