"""The journal's key: made once, readable by its owner alone.

A key file that a link, another user or another's eyes could touch is refused, never repaired:
whoever could read it could forge the journal.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from quantlab.errors import ConfigError, JournalUnavailable
from quantlab.privatefile import make_private_folder, read_secret_line
from quantlab.secret import Secret

KEY_NAME = "journal.key"
KEY_BYTES = 32


def load_key(home: Path, *, create: bool = True) -> Secret:
    """The key `journal.key` in the folder `home`; made on first use unless `create` is False.

    Raises:
        JournalUnavailable: The file is a link, of another user, usable by others, or no key; with
            `create` False also where it is missing: only the home that wrote a journal can verify it.
    """
    path = home / KEY_NAME
    if not create and not os.path.lexists(path):
        raise JournalUnavailable(
            f"no journal key in {home}, so no journal was written from there; "
            "set QUANTLAB_HOME to the home that wrote it"
        )
    try:
        if create and not os.path.lexists(path):
            make_private_folder(home)
            create_private(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        key = read_secret_line(path, "the journal's key")
    except ConfigError as error:
        raise JournalUnavailable(str(error)) from None
    except OSError as error:
        raise JournalUnavailable(f"the journal's key {path} cannot be made: {error.strerror}") from None
    if not _is_key(key):
        raise JournalUnavailable(f"{path} is no journal key ({2 * KEY_BYTES} hexadecimal digits)")
    return key


def create_private(path: Path, content: bytes) -> None:
    """A new file of mode 0600, whole or not at all; where another process was first, its file stands."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_key(key: Secret) -> bool:
    try:
        return len(bytes.fromhex(key.reveal())) == KEY_BYTES
    except ValueError:
        return False
