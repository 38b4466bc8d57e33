"""The home folder: where tokens, journals and the halt file of a user lie.

It follows from the environment alone, so that `quantlab halt` and every engine find the same one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from quantlab.errors import ConfigError
from quantlab.privatefile import make_private_folder

HALT_FILE = "halt"


def home_folder(environ: Mapping[str, str]) -> Path:
    """`home_path`, created (0700) if absent; refused where others may change what is in it."""
    return make_private_folder(home_path(environ))


def home_path(environ: Mapping[str, str]) -> Path:
    """QUANTLAB_HOME, else quantlab's place under XDG_DATA_HOME or HOME.

    Raises:
        ConfigError: QUANTLAB_HOME is relative: it would be another home in each working folder.

    Source: XDG Base Directory Specification, "Basics" (a relative path there is to be ignored).
    """
    if named := environ.get("QUANTLAB_HOME"):
        return _absolute(named)
    data = Path(environ.get("XDG_DATA_HOME", ""))
    if data.is_absolute():
        return data / "quantlab"
    return Path(environ.get("HOME") or Path.home()) / ".quantlab"


def _absolute(named: str) -> Path:
    with suppress(RuntimeError):  # the ~ of nobody
        path = Path(named).expanduser()
        if path.is_absolute():
            return path
    raise ConfigError(
        f"QUANTLAB_HOME={named} depends on the working folder",
        "give an absolute path, or one that starts with ~/",
    )


def write_halt_file(path: Path, reason: str) -> None:
    """Ask every engine of this user to halt; follows no link and waits for no pipe.

    Raises:
        OSError: It was not written; what stands there already halts all the same.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        file.write(reason)
