"""The real nest_asyncio is found on a loop that it has patched; ipykernel 6 brings it along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NESTED = Path(sys.prefix) / "kernels" / "6.29.5"
STORY = """
import asyncio, sys
from quantlab.engine.ground import disturbed
async def story():
    loop = asyncio.get_running_loop()
    print(repr(disturbed(loop)))
    sys.path.append(sys.argv[1])
    import nest_asyncio
    nest_asyncio.apply(loop)
    print(repr(disturbed(loop)))
asyncio.new_event_loop().run_until_complete(story())
"""


@pytest.mark.skipif(not NESTED.is_dir(), reason="no ipykernel 6.29.5 beside us: make test brings it")
def test_k19_a_loop_that_nest_asyncio_has_patched_is_found() -> None:
    """K19: before it nothing is disturbed; after it the remedy is named."""
    told = subprocess.run(
        [sys.executable, "-c", STORY, str(NESTED)], capture_output=True, text=True, check=True, timeout=60
    )
    before, after = told.stdout.splitlines()
    assert before == "''"
    assert "nest_asyncio has patched" in after
