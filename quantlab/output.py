"""Standard output of the commands: what is said has arrived, or it is an error of one line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from quantlab.errors import ConfigError

REMEDY = "give it a terminal, a pipe that is read to its end, or a file with room"


def say(text: str) -> None:
    """Write `text` and a line end to standard output at once.

    Raises:
        ConfigError: It is closed, full, or a pipe that nobody reads; part of it may have arrived.
    """
    if sys.stdout is None:  # closed before Python began
        raise ConfigError("standard output is closed", REMEDY)
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        _give_up()
        raise ConfigError(f"standard output cannot be written: {error.strerror}", REMEDY) from None


def _give_up() -> None:
    """Let what is still buffered go nowhere, or Python would fail with it once more at its end."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
