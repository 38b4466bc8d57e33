"""`quantlab token`: make, list and revoke control tokens.

A token exists only where somebody has it: one that could be neither shown nor kept is revoked again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.tokens import StoredToken, token_id
from quantlab.control.tokenstore import TokenStore
from quantlab.errors import ConfigError
from quantlab.output import say
from quantlab.secret import Secret


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments.action` says: new, list or revoke."""
    store = open_store()
    match arguments.action:
        case "new" if arguments.file:
            new_in_file(store, arguments.label, arguments.file)
            say(f"token written to {arguments.file} (mode 0600)")
        case "new":
            with new_token(store, arguments.label) as text:
                say(f"{text}\nKeep it: it is shown this once, only its check value is stored.")
        case "revoke":
            store.revoke(arguments.id)
            say(f"revoked {arguments.id}")
        case _:
            tokens = store.list()
            say(_as_json(tokens) if arguments.json else _as_text(tokens))
    return 0


def open_store() -> TokenStore:
    """The tokens of the home that the environment names."""
    return TokenStore(Settings.from_environment(os.environ).home, SystemClock())


@contextmanager
def new_token(store: TokenStore, label: str) -> Iterator[str]:
    """A new token's text, for the caller to show or to keep; a `ConfigError` in there revokes it again."""
    text = store.new(label)
    try:
        yield text
    except ConfigError as error:
        store.revoke(token_id(Secret(text)))
        raise ConfigError(f"{error.problem}: the new token is revoked again", error.remedy) from None


def new_in_file(store: TokenStore, label: str, path: Path) -> None:
    """Make the file (mode 0600) first, then a token in it; on any failure neither is left."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be made: {error.strerror}", "name a new file") from None
    try:
        with new_token(store, label) as text:
            _fill(descriptor, path, text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _fill(descriptor: int, path: Path, text: str) -> None:
    try:
        with os.fdopen(descriptor, "w", closefd=False) as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}", "make room") from None


def _as_text(tokens: list[StoredToken]) -> str:
    return "\n".join(map(_line, tokens)) or "no token: quantlab token new"


def _line(token: StoredToken) -> str:
    made = datetime.fromtimestamp(token.created_ms / 1_000, UTC)
    return f"{token.id}  {token.label}  {made:%Y-%m-%d %H:%M} UTC"


def _as_json(tokens: list[StoredToken]) -> str:
    return json.dumps([
        {"id": each.id, "label": each.label, "created_ms": each.created_ms} for each in tokens
    ])  # fmt: skip
