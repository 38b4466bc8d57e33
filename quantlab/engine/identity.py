"""Which venue, and whose account: what a journal belongs to.

An embedded venue is a new instance each time, so it never reads an old journal; any other is
known by its address. An account is known by a hash of its key, never by the key.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import msgspec

from quantlab.config import Settings
from quantlab.endpoints import host_of
from quantlab.privatefile import make_private_folder

FOLDER = "journals"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`instance` names the venue, `account` the key; both are safe in a file name."""

    instance: str
    account: str

    @staticmethod
    def of(settings: Settings, embedded_pid: int | None) -> Identity:
        """Of the embedded venue with this process id, or of the endpoints in `settings`."""
        if embedded_pid is not None:
            return Identity(instance=f"embedded-{embedded_pid}-{secrets.token_hex(4)}", account="embedded")
        place = settings.rest.split("//", 1)[1]
        for name in ("localhost", "[::1]"):  # one venue by two names would be two writers of its orders
            if host_of(settings.rest) == name.strip("[]"):
                place = place.replace(name, "127.0.0.1", 1)
        place = place.replace("/", "_").replace(":", "-")
        key = settings.api_key
        return Identity(
            instance=place, account=hashlib.sha256(key.encode()).hexdigest()[:12] if key else "none"
        )

    def journal_path(self, home: Path) -> Path:
        """Where the journal of this account at this venue stands; the folder is made (0700)."""
        return make_private_folder(home / FOLDER) / f"{self.instance}-{self.account}.journal"
