"""`quantlab token`: make, list and revoke control tokens."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.tokenstore import TokenStore
from quantlab.errors import ConfigError


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments.action` says: new, list or revoke."""
    store = open_store()
    if arguments.action == "new" and arguments.file:
        write_private(arguments.file, lambda: store.new(arguments.label))
        print(f"token written to {arguments.file} (mode 0600)")
    elif arguments.action == "new":
        text = store.new(arguments.label)
        print(f"{text}\nKeep it: it is shown this once, only its check value is stored.")
    elif arguments.action == "revoke":
        store.revoke(arguments.id)
        print(f"revoked {arguments.id}")
    else:
        rows = [{"id": each.id, "label": each.label, "created_ms": each.created_ms} for each in store.list()]
        if arguments.json:
            print(json.dumps(rows))
        else:
            print("\n".join(f"{row['id']}  {row['label']}" for row in rows) or "no token: quantlab token new")
    return 0


def open_store() -> TokenStore:
    """The tokens of the home that the environment names."""
    return TokenStore(Settings.from_environment(os.environ).home, SystemClock())


def write_private(path: Path, text: Callable[[], str]) -> None:
    """Make the file first, then the secret: no secret is made that cannot be kept."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}", "name a new file") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text())
