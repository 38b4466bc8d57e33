"""`quantlab halt`: leave the file that every engine of this user halts on."""

from __future__ import annotations

import argparse
import os

from quantlab.errors import ConfigError
from quantlab.home import HALT_FILE, home_path, write_halt_file
from quantlab.output import say


def run(arguments: argparse.Namespace) -> int:
    """Write the halt file, whatever else is wrong with the settings or the folder."""
    reason = " ".join(arguments.reason) or "halted from the command line"
    path = home_path(os.environ) / HALT_FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_halt_file(path, reason)
    except OSError as error:
        if not os.path.lexists(path):  # whatever stands there halts
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}", "%ql halt, or end the kernel"
            ) from None
    try:
        say(f"halt written to {path}: every engine of this user stops ordering and cancels what is open")
    except ConfigError as error:
        raise ConfigError(f"halt is written to {path}, but {error.problem}", error.remedy) from None
    return 0
