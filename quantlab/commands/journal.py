"""`quantlab journal`: is a journal as it was written?

Exit codes: 0 every journal is intact, 3 one ends in a torn piece (a crash), 1 one is not to be
trusted, 2 not checked.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from quantlab.config import Settings
from quantlab.errors import ConfigError
from quantlab.output import say
from quantlab.secret import Secret
from quantlab.trading.journal import VerifyResult, load_key, verify

SEVERITY = (0, 3, 1)  # exit codes, the worst last


def run(arguments: argparse.Namespace) -> int:
    """Verify each of `arguments.path`; the exit code is that of the worst."""
    for path in arguments.path:
        if not path.is_file():
            raise ConfigError(f"{path} is no journal", "give the path of a .journal file")
    key = load_key(Settings.from_environment(os.environ).home, create=False)
    codes = []
    for path in arguments.path:
        result = _verify(path, key)
        say(_as_json(result) if arguments.json else result.describe())
        codes.append(result.exit_code)
    return max(codes, key=SEVERITY.index)


def _verify(path: Path, key: Secret) -> VerifyResult:
    try:
        return verify(path, key)
    except OSError as error:
        raise ConfigError(
            f"{error.filename} cannot be read: {error.strerror}", "it must be a readable file of yours"
        ) from None


def _as_json(result: VerifyResult) -> str:
    return json.dumps({
        "path": result.path, "ok": result.ok, "lines": result.lines, "problem": result.problem,
        "torn_places": result.torn, "tail_bytes": result.tail,
    })  # fmt: skip
