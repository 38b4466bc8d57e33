"""Where Redis is, and whether a model may travel there: decided once, before anything is sent.

Without TLS only on loopback; without a password only there and only at the paper level, with a
warning. The password comes apart from the URL and is in no message.
"""

from __future__ import annotations

import ssl
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

from quantlab.domain.venue import Level
from quantlab.endpoints import is_loopback
from quantlab.errors import ConfigError
from quantlab.secret import Secret

PLAIN, ENCRYPTED = "redis", "rediss"
PORT = 6_379
AUTHORITY = "ssl_ca_certs"  # redis-py's own name for it
FORM = "write rediss://user@host:6379/0, or redis:// on loopback"
PASSWORD_REMEDY = "set QUANTLAB_REDIS_PASSWORD_FILE"  # noqa: S105  # the name of a setting
OPEN_WARNING = "Redis on loopback asks for no password: every process here can delete the models it keeps"


class RedisAddress(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A server that models may be sent to. `authority` is a file of PEM certificates, or ""."""

    host: str
    port: int
    database: int
    user: str
    password: Secret | None
    encrypted: bool
    authority: str = ""
    may_be_open: bool = False

    @property
    def where(self) -> str:
        scheme = ENCRYPTED if self.encrypted else PLAIN
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{scheme}://{user}{host}:{self.port}/{self.database}"

    def check_authority(self) -> None:
        """Raise `ConfigError` where the file of certificates cannot be used."""
        if self.authority:
            try:
                ssl.create_default_context(cafile=self.authority)
            except (OSError, ssl.SSLError):
                raise ConfigError(
                    f"{AUTHORITY}={self.authority} in QUANTLAB_REDIS_URL holds no certificates",
                    "name a PEM file of the authority that signed the server's",
                ) from None


def address_of(url: str, password: Secret | None, level: Level) -> RedisAddress:
    """Read QUANTLAB_REDIS_URL.

    Raises:
        ConfigError: Not a Redis URL, a password in it, no TLS off loopback, or no password where
            one must be.
    """
    parts = urlsplit(url)
    if parts.scheme not in (PLAIN, ENCRYPTED) or not parts.hostname or parts.fragment:
        raise ConfigError("QUANTLAB_REDIS_URL is no address of a Redis server", FORM)
    if parts.password is not None:
        raise ConfigError("QUANTLAB_REDIS_URL holds a password", PASSWORD_REMEDY)
    encrypted, near = parts.scheme == ENCRYPTED, is_loopback(parts.hostname)
    if not encrypted and not near:
        raise ConfigError(f"models would travel to {parts.hostname} unencrypted", f"use {ENCRYPTED}://")
    if password is None and not (near and level is Level.PAPER):
        raise ConfigError(
            f"Redis at {parts.hostname} has no password, which is for loopback and the paper venue alone",
            PASSWORD_REMEDY,
        )
    address = RedisAddress(
        host=parts.hostname,
        port=_port(parts),
        database=_database(parts.path),
        user=unquote(parts.username or ""),
        password=password,
        encrypted=encrypted,
        authority=_authority(parts.query),
        may_be_open=near and level is Level.PAPER,
    )
    address.check_authority()
    return address


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or PORT
    except ValueError:
        raise ConfigError("the port in QUANTLAB_REDIS_URL is no port", FORM) from None


def _database(path: str) -> int:
    number = path.strip("/") or "0"
    if not number.isdecimal() or len(number) > 5:
        raise ConfigError("the database in QUANTLAB_REDIS_URL is no number", FORM)
    return int(number)


def _authority(query: str) -> str:
    options = parse_qs(query, keep_blank_values=True)
    if unknown := sorted(set(options) - {AUTHORITY}):
        raise ConfigError(f"QUANTLAB_REDIS_URL has an unknown option {unknown[0]}", f"known is {AUTHORITY}")
    return options.get(AUTHORITY, [""])[-1]
