"""The journal's key: made once, readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from quantlab.errors import ConfigError, JournalUnavailable
from quantlab.privatefile import own_key
from quantlab.secret import Secret

KEY_NAME = "journal.key"


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
        return own_key(path, "the journal's key")
    except ConfigError as error:
        raise JournalUnavailable(str(error)) from None
