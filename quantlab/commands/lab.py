"""`quantlab lab`: JupyterLab on the notebooks."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from quantlab.commands.tokens import new_token, open_store
from quantlab.endpoints import check_port
from quantlab.errors import ConfigError
from quantlab.output import say

QUICKSTART = "01_quickstart.ipynb"


def run(arguments: argparse.Namespace) -> NoReturn:
    """Show a token on first use, then become JupyterLab: a signal to this command is one to it."""
    command = _command(arguments)
    store = open_store()
    if not store.list():
        with new_token(store, "lab") as text:
            say(f"Your control token, shown this once (%ql arm asks for it):\n\n    {text}\n")
    os.execv(sys.executable, command)  # noqa: S606  # our own interpreter


def _command(arguments: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", str(notebooks() / QUICKSTART)]
    if arguments.no_browser:
        command.append("--no-browser")
    if arguments.port is not None:
        command.append(f"--port={check_port(arguments.port)}")
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def notebooks() -> Path:
    """The notebooks of this checkout, or a copy of the installed ones in the working folder."""
    for folder in (Path.cwd() / "notebooks", Path(__file__).parents[2] / "notebooks"):
        if (folder / QUICKSTART).is_file():
            return folder
    installed = Path(sys.prefix) / "share" / "quantlab" / "notebooks"
    if not (installed / QUICKSTART).is_file():
        raise ConfigError(
            "the notebooks are not installed", "run inside a checkout, or reinstall quantlab-jupyter"
        )
    copy = Path.cwd() / "notebooks"
    shutil.copytree(installed, copy)
    return copy
