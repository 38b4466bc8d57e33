"""The README's programs for other clients run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

README = Path(__file__).parents[2] / "README.md"
SAID = {
    "python-binance": ("from binance import", "FILLED"),
    "ccxt": ("import ccxt", "closed"),  # ccxt's word for it
    "binance-sdk-spot": ("from binance_sdk_spot", "FILLED"),
}


def programs() -> list[str]:
    """The Python blocks of the section about other clients."""
    section = README.read_text().split("### Your own bot on the venue\n")[1].split("\n### ")[0]
    return re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_the_readme_shows_one_program_for_each_of_three_clients() -> None:
    assert [sum(text.count(mark) for text in programs()) for mark, _ in SAID.values()] == [1, 1, 1]


@pytest.mark.parametrize("client", SAID)
def test_the_readmes_program_buys_on_the_venue(
    run_in: Callable[[str, Path, Path], CompletedProcess[str]], ready_line: str, tmp_path: Path, client: str
) -> None:
    """Word for word, with nothing but the venue's line beside it."""
    mark, status = SAID[client]
    program = tmp_path / "program.py"
    program.write_text(next(text for text in programs() if mark in text))
    (tmp_path / "venue.json").write_text(ready_line)

    finished = run_in(client, program, tmp_path)

    assert finished.returncode == 0, finished.stderr[-5_000:]
    assert finished.stdout.split() == [status]
