"""/control/keys: list, register and revoke API keys of a running venue.

At Binance this is a page of the website: a public key is uploaded, and the answer is its API key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from quantlab.errors import ConfigError
from quantlab.paper.server.keys import PERMISSIONS, ApiKey, Keyring

PATH = "/control/keys"


class _New(msgspec.Struct, forbid_unknown_fields=True):
    """`key` is what a key file holds; `account` counts from 1."""

    key: str
    account: int = 1
    permissions: list[str] = msgspec.field(default_factory=lambda: list(PERMISSIONS))


class _Revoked(msgspec.Struct, forbid_unknown_fields=True):
    api_key: str


class KeyControl:
    """Answers GET, POST and DELETE of /control/keys: status and JSON value."""

    def __init__(self, keyring: Keyring, accounts: Sequence[str]) -> None:
        self._keyring = keyring
        self._accounts = tuple(accounts)

    def answer(self, method: str, body: bytes) -> tuple[int, Any]:
        """Do what was asked; 400 where the body does not say it, 404 for an unknown key or method."""
        try:
            if method == "GET":
                return 200, [self._facts(key) for key in self._keyring.every()]
            if method == "POST":
                return self._add(msgspec.json.decode(body, type=_New))
            if method == "DELETE":
                return self._revoke(msgspec.json.decode(body, type=_Revoked))
        except (msgspec.DecodeError, RecursionError, ConfigError) as error:
            return 400, {"error": str(error)}
        return 404, {"error": f"no {method} {PATH}", "known": ["GET", "POST", "DELETE"]}

    def _add(self, new: _New) -> tuple[int, Any]:
        if not 1 <= new.account <= len(self._accounts):
            return 400, {"error": f"account: there are accounts 1 to {len(self._accounts)}"}
        unknown = sorted(set(new.permissions) - set(PERMISSIONS))
        if unknown or not new.permissions:
            return 400, {"error": f"permissions: give some of {', '.join(PERMISSIONS)}"}
        return 200, self._facts(self._keyring.add(self._accounts[new.account - 1], new.key, new.permissions))

    def _revoke(self, revoked: _Revoked) -> tuple[int, Any]:
        if not self._keyring.revoke(revoked.api_key):
            return 404, {"error": "api_key: the venue has no such key"}
        return 200, {"api_key": revoked.api_key}

    def _facts(self, key: ApiKey) -> dict[str, object]:
        return {
            "api_key": key.api_key,
            "type": key.type,
            "account": 1 + self._accounts.index(key.account),
            "permissions": [name for name in PERMISSIONS if name in key.permissions],
        }
