"""`quantlab journal`: is a journal as it was written?"""

from __future__ import annotations

import argparse
import json
import os

from quantlab.config import Settings
from quantlab.errors import ConfigError
from quantlab.trading.journal import load_key, verify


def run(arguments: argparse.Namespace) -> int:
    """Verify each of `arguments.path`; the exit code is that of the worst."""
    key = load_key(Settings.from_environment(os.environ).home, create=False)
    worst = 0
    for path in arguments.path:
        if not path.is_file():
            raise ConfigError(f"{path} is no journal", "give the path of a .journal file")
        result = verify(path, key)
        worst = max(worst, result.exit_code)
        if arguments.json:
            print(
                json.dumps(
                    {"path": str(path), "ok": result.ok, "lines": result.lines, "problem": result.problem}
                )
            )
        else:
            print(f"{path}: {result.describe()}")
    return worst
