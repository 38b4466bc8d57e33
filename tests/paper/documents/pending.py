"""Tests of what the venue does not have yet: named in a folder's pending.txt, left out of the run.

DOCUMENTS_ALL in the environment runs them all the same. The lists only ever become shorter.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def leave_out(folder: Path, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the folder's tests that its pending.txt names."""
    if os.environ.get("DOCUMENTS_ALL"):
        return
    names = set((folder / "pending.txt").read_text().splitlines())
    pending = [
        item
        for item in items
        if item.path.parent == folder and f"{item.path.name}::{item.nodeid.partition('::')[2]}" in names
    ]
    config.hook.pytest_deselected(items=pending)
    items[:] = [item for item in items if item not in pending]
