"""Where tokens are known: `tokens.json` and `throttle.json` under the home folder, mode 0600.

Only salts and stored keys lie here. A file that others can read, that is linked or damaged is
refused, never repaired: then nothing can be armed, while research goes on. A revocation by
another process (`quantlab token revoke`) counts from the next action on.
"""

from __future__ import annotations

import builtins
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from quantlab.clock import Clock
from quantlab.control.throttle import Throttle
from quantlab.control.tokens import ENTROPY_BYTES, SALT_BYTES, StoredToken, store, token_text
from quantlab.errors import ConfigError, InvalidField
from quantlab.privatefile import locked, make_private_folder, read_private, write_private

VERSION = 1
MAX_BYTES = 1_000_000
MAX_LABEL = 64

Entropy = Callable[[int], bytes]
S = TypeVar("S", bound=msgspec.Struct)


class TokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `tokens.json`."""

    version: int
    tokens: tuple[StoredToken, ...] = ()


class ThrottleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `throttle.json`."""

    version: int
    throttle: Throttle


class TokenStore:
    """Makes, lists, finds and revokes tokens; keeps the throttle over restarts."""

    def __init__(self, home: Path, clock: Clock, *, entropy: Entropy = secrets.token_bytes) -> None:
        self._home = home
        self._tokens_path = home / "tokens.json"
        self._throttle_path = home / "throttle.json"
        self._clock = clock
        self._entropy = entropy
        self._seen: tuple[int, int, int, int] | None = None  # what the file was when it was last read
        self._records: dict[str, StoredToken] = {}

    def now_ms(self) -> int:
        """The time by which this store counts lockouts, UTC milliseconds."""
        return self._clock.now_ms()

    def new(self, label: str) -> str:
        """Make a token and return its text: the only time that anybody sees it."""
        if not label.isprintable() or not 0 < len(label) <= MAX_LABEL:
            raise InvalidField("label", "it is no short line of text", f"give 1 to {MAX_LABEL} characters")
        token = token_text(self._entropy(ENTROPY_BYTES))
        record = store(token, salt=self._entropy(SALT_BYTES), label=label, created_ms=self._clock.now_ms())
        with self._writing() as records:
            records[record.id] = record
        return token.reveal()

    def list(self) -> list[StoredToken]:
        """The tokens that are not revoked, oldest first."""
        return [each for each in self._read().values() if not each.revoked]

    def find(self, token_id: str) -> StoredToken | None:
        """The record of a token, also of a revoked one."""
        return self._read().get(token_id)

    def revoke(self, token_id: str) -> StoredToken:
        """End a token and, by its generation, every capability that came of it."""
        with self._writing() as records:
            record = records.get(token_id)
            if record is None:
                raise InvalidField("id", f"there is no token {token_id!r}", "see quantlab token list")
            ended = msgspec.structs.replace(record, revoked=True, generation=record.generation + 1)
            records[token_id] = ended
        return ended

    def is_live(self, token_id: str, generation: int) -> bool:
        """True while this token stands as it did at `generation`; False if the file cannot be read."""
        try:
            record = self.find(token_id)
        except ConfigError:
            return False
        return record is not None and not record.revoked and record.generation == generation

    def throttle(self) -> Throttle:
        """The throttle as the last process left it."""
        if not os.path.lexists(self._throttle_path):
            return Throttle()
        return self._load(self._throttle_path, ThrottleFile).throttle

    def save_throttle(self, throttle: Throttle) -> None:
        """Keep the throttle over restarts."""
        content = msgspec.json.encode(ThrottleFile(VERSION, throttle)).decode()
        write_private(self._throttle_path, content)

    def _read(self) -> dict[str, StoredToken]:
        """The records, read anew whenever the file was replaced; a missing file has none."""
        try:
            status = os.lstat(self._tokens_path)
        except FileNotFoundError:
            self._seen, self._records = None, {}
            return self._records
        seen = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
        if seen != self._seen:
            tokens = self._load(self._tokens_path, TokenFile).tokens
            self._seen, self._records = seen, {each.id: each for each in tokens}
        return self._records

    def _load(self, path: Path, kind: type[S]) -> S:
        content = read_private(path, "the file", max_bytes=MAX_BYTES)
        try:
            found = msgspec.json.decode(content.reveal(), type=kind)
        except msgspec.DecodeError:
            found = None
        if found is None or getattr(found, "version", None) != VERSION:
            raise ConfigError(f"{path} is damaged or of another version", "move it away and make a new token")
        return found

    @contextmanager
    def _writing(self) -> Iterator[dict[str, StoredToken]]:
        """A copy of the records to change, written back as one; one process at a time."""
        make_private_folder(self._home)
        with locked(self._home / "tokens.lock"):
            records = dict(self._read())
            yield records
            tokens: builtins.list[StoredToken] = builtins.list(records.values())
            write_private(self._tokens_path, msgspec.json.encode(TokenFile(VERSION, tuple(tokens))).decode())
