"""Settings: where the venue is, how near to real money that is, and whose keys are used.

Read once, when the extension loads, from the environment and a profile file; then frozen and
passed in. The level follows from the endpoints alone: no setting can make a production host
anything else, and on production no key is ever taken. A message never quotes a secret.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from quantlab.domain.venue import Level
from quantlab.endpoints import KNOWN_VENUES, Endpoints, level_of
from quantlab.errors import ConfigError
from quantlab.home import home_folder
from quantlab.privatefile import read_private, read_secret_line
from quantlab.secret import Secret

GLASS_COCKPIT = "GLASS_COCKPIT"
KNOWN_NAMES = (
    "QUANTLAB_VENUE", "QUANTLAB_API_KEY", "QUANTLAB_API_SECRET", "QUANTLAB_API_SECRET_FILE",
    "QUANTLAB_PRIVATE_KEY_FILE",
    "QUANTLAB_TOKEN_FILE", "QUANTLAB_HOME", "QUANTLAB_REDIS_URL", "QUANTLAB_REDIS_PASSWORD",
    "QUANTLAB_REDIS_PASSWORD_FILE", "QUANTLAB_MODEL_KEY_FILE", "QUANTLAB_SHARED",
)  # fmt: skip
PROFILE_KEYS = ("rest", "ws", "ws_api", "symbols", "recv_window_ms")
ENDPOINT_KEYS = ("rest", "ws", "ws_api")
LONGEST_KEY = 16_384  # bytes; an RSA key of 4096 bits takes 3,300
MAX_RECV_WINDOW_MS = 60_000  # the venue's own bound


class Settings(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that is configured, checked whole: a `Settings` that exists is legal.

    `endpoints` is None for the embedded paper venue until it runs (see `embedded`).
    `api_secret` is an HMAC secret, or an Ed25519 or RSA private key as PKCS#8 text.
    `own_venue` says that the key is the embedded venue's own and guards nothing.
    `recv_window_ms` is how late, in milliseconds, the venue may still take a signed request.
    """

    venue: str = "paper"
    endpoints: Endpoints | None = None
    api_key: str = ""
    api_secret: Secret | None = None
    own_venue: bool = False
    home: Path
    token_file: Path | None = None
    symbols: tuple[str, ...] = ("BTCUSDT",)
    glass_cockpit: bool = False
    recv_window_ms: int = 5_000
    redis_url: str = ""
    redis_password: Secret | None = None
    model_key_file: Path | None = None

    def __post_init__(self) -> None:
        if bool(self.api_key) != bool(self.api_secret):
            raise ConfigError(
                "only one of API key and API secret is set",
                "set QUANTLAB_API_KEY and QUANTLAB_API_SECRET (or QUANTLAB_PRIVATE_KEY_FILE) together",
            )
        if self.level is Level.PRODUCTION and self.api_key:
            raise ConfigError(
                f"{self._where()} is production: only public market data is read there, keys are refused",
                "unset QUANTLAB_API_KEY, or use QUANTLAB_VENUE=testnet or paper",
            )
        if self.glass_cockpit and self.level is not Level.PAPER:
            raise ConfigError(
                f"GLASS_COCKPIT=1 is for the paper venue alone, and {self._where()} is {self.level.label}",
                "unset GLASS_COCKPIT, or use QUANTLAB_VENUE=paper",
            )
        if self.glass_cockpit and self.api_key and not self.own_venue:
            raise ConfigError(
                "GLASS_COCKPIT=1 lifts the token, so it is refused while an API key is configured",
                "unset GLASS_COCKPIT, or unset QUANTLAB_API_KEY",
            )

    @property
    def level(self) -> Level:
        """Distance from real money, by the endpoints; the embedded venue is PAPER."""
        return Level.PAPER if self.endpoints is None else level_of(self.endpoints)

    @property
    def rest(self) -> str:
        return self._endpoints().rest

    @property
    def ws(self) -> str:
        return self._endpoints().ws

    @property
    def ws_api(self) -> str:
        """Empty where the venue has none (public market data only)."""
        return self._endpoints().ws_api

    def embedded(self, *, rest: str, ws: str, ws_api: str, api_key: str, api_secret: Secret) -> Settings:
        """These settings at the embedded paper venue that now runs, with an account of its own."""
        endpoints = Endpoints(rest=rest, ws=ws, ws_api=ws_api)
        if level_of(endpoints) is not Level.PAPER:
            raise ConfigError(f"the embedded venue answers from {endpoints.rest}", "it must be on loopback")
        return msgspec.structs.replace(
            self, endpoints=endpoints, api_key=api_key, api_secret=api_secret, own_venue=True
        )

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> Settings:
        """Read, check and freeze everything; the home folder is created (0700) if it is absent.

        Raises:
            ConfigError: An unknown or contradictory name, a bad profile, a secret file that
                others can read, a key for production, or GLASS_COCKPIT off the paper venue.
        """
        for name in environ:
            if name.startswith("QUANTLAB_") and name not in KNOWN_NAMES:
                raise ConfigError(f"the environment has an unknown {name}", nearest(name, KNOWN_NAMES))
        venue = environ.get("QUANTLAB_VENUE") or "paper"
        return Settings(
            **_venue(venue),
            api_key=environ.get("QUANTLAB_API_KEY", ""),
            api_secret=_signing_secret(environ),
            home=home_folder(environ),
            token_file=_path(environ, "QUANTLAB_TOKEN_FILE"),
            glass_cockpit=_flag(environ, GLASS_COCKPIT),
            redis_url=_redis_url(environ),
            redis_password=_secret(environ, "QUANTLAB_REDIS_PASSWORD"),
            model_key_file=_path(environ, "QUANTLAB_MODEL_KEY_FILE"),
        )

    def __repr__(self) -> str:
        key = "none" if not self.api_key else "set"
        return f"<Settings {self.venue} {self.level.label} home={self.home} api_key={key}>"

    def _endpoints(self) -> Endpoints:
        if self.endpoints is None:
            raise ConfigError(
                "the embedded paper venue does not run yet", "wait until %load_ext quantlab is done"
            )
        return self.endpoints

    def _where(self) -> str:
        return f"QUANTLAB_VENUE={self.venue}"


def process_environment() -> dict[str, str]:
    """The environment, with GLASS_COCKPIT as it was when the process began.

    A cell that sets it later changes nothing. Where the system does not tell (no /proc), it is
    read as it is now.
    """
    environ = dict(os.environ)
    try:
        pairs = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return environ
    first = {name: text for name, _, text in (pair.partition(b"=") for pair in pairs)}
    environ.pop(GLASS_COCKPIT, None)
    if GLASS_COCKPIT.encode() in first:
        environ[GLASS_COCKPIT] = os.fsdecode(first[GLASS_COCKPIT.encode()])
    return environ


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy that names the closest known name, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"


def _venue(venue: str) -> dict[str, Any]:
    if venue in KNOWN_VENUES:
        return {"venue": venue, "endpoints": KNOWN_VENUES[venue]}
    path = Path(venue).expanduser()
    if path.suffix == ".toml" or len(path.parts) > 1:
        return {"venue": path.stem, **_profile(path)}
    raise ConfigError(
        f"QUANTLAB_VENUE={venue} is no venue",
        f"{nearest(venue, KNOWN_VENUES)} A path of a profile TOML works too",
    )


def _profile(path: Path) -> dict[str, Any]:
    """The endpoints and settings of a profile file. It holds no secret: it may be shared."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"the profile {path} cannot be read: {error.strerror}", "check QUANTLAB_VENUE"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"the profile {path} is not UTF-8", "save it as plain UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the profile {path} is no TOML: {error}", "see the README's example") from None
    for key in table:
        if key.startswith("api_"):
            raise ConfigError(f"the profile {path} holds {key}", f"give it as QUANTLAB_{key.upper()} instead")
        if key not in PROFILE_KEYS:
            raise ConfigError(f"the profile {path} has an unknown key {key!r}", nearest(key, PROFILE_KEYS))
    for key in ENDPOINT_KEYS:
        if not isinstance(table.get(key), str):
            raise ConfigError(
                f"the profile {path} has no endpoint {key}", f'add {key} = "..." with its base URL'
            )
    bases = {key: table[key].rstrip("/") for key in ENDPOINT_KEYS}
    settings: dict[str, Any] = {"endpoints": Endpoints(**bases)}
    if "symbols" in table:
        settings["symbols"] = _symbols(path, table["symbols"])
    if "recv_window_ms" in table:
        settings["recv_window_ms"] = _recv_window(path, table["recv_window_ms"])
    return settings


def _symbols(path: Path, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(each, str) and each for each in value):
        return tuple(value)
    raise ConfigError(f"symbols in the profile {path} is no list of names", 'write symbols = ["BTCUSDT"]')


def _recv_window(path: Path, value: object) -> int:
    if type(value) is int and 0 < value <= MAX_RECV_WINDOW_MS:
        return value
    raise ConfigError(
        f"recv_window_ms in the profile {path} is no whole number of milliseconds",
        f"give 1 to {MAX_RECV_WINDOW_MS}",
    )


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]).expanduser() if environ.get(name) else None


def _secret(environ: Mapping[str, str], name: str) -> Secret | None:
    named, path = environ.get(name), _path(environ, f"{name}_FILE")
    if named and path:
        raise ConfigError(f"both {name} and {name}_FILE are set", "unset one of them")
    if path:
        return read_secret_line(path, f"{name}_FILE")
    return Secret(named) if named else None


def _signing_secret(environ: Mapping[str, str]) -> Secret | None:
    """The HMAC secret, or the text of the private key's file: one of them, and readable by us alone."""
    secret, path = _secret(environ, "QUANTLAB_API_SECRET"), _path(environ, "QUANTLAB_PRIVATE_KEY_FILE")
    if path is None:
        return secret
    if secret is not None:
        raise ConfigError(
            "both an API secret and QUANTLAB_PRIVATE_KEY_FILE are set", "unset one: a key signs in one way"
        )
    return read_private(path, "QUANTLAB_PRIVATE_KEY_FILE", max_bytes=LONGEST_KEY)


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "")
    if value not in ("", "0", "1"):
        raise ConfigError(f"{name} is neither 0 nor 1", f"set {name}=1, or unset it")
    return value == "1"


def _redis_url(environ: Mapping[str, str]) -> str:
    """A user may stand in it, a password may not; `learning.redisaddress` reads the rest."""
    url = environ.get("QUANTLAB_REDIS_URL", "")
    user, at, _ = url.partition("//")[2].rpartition("@")
    if at and ":" in user:
        raise ConfigError("QUANTLAB_REDIS_URL holds a password", "set QUANTLAB_REDIS_PASSWORD_FILE instead")
    return url
