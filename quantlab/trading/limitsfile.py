"""limits.toml: the limits of a user, in the home folder. Amounts are exact: text, or plain TOML numbers.

It holds what differs from the defaults, and a table for each symbol that has limits of its own:

    max_position = "50000"
    price_collar = 0.02
    allowed_symbols = ["BTCUSDT", "ETHUSDT"]

    [symbols.ETHUSDT]
    max_order_notional = 5000
"""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from quantlab.domain.decimals import exact
from quantlab.domain.limits import Limits
from quantlab.errors import ConfigError, InvalidField

FILE = "limits.toml"
REFUSED = ("version", "overrides")  # these are control actions, not settings
OTHERS = stat.S_IWGRP | stat.S_IWOTH


def read_limits(path: Path) -> Limits:
    """The limits that a file states, over the defaults.

    Raises:
        ConfigError: It cannot be read, others could have written it, it names an unknown limit, or holds
            what is no exact number.
    """
    remedy = "see the README, Rails"
    try:
        table = tomllib.loads(_own_text(path), parse_float=_number)
        for name in REFUSED:
            if name in table:
                raise ConfigError(f"{path} holds {name}", "take it out: that is a control action")
        for each in (table, *table.get("symbols", {}).values()):
            for name, value in each.items():
                if isinstance(value, str):
                    each[name] = exact(value, name)
        return msgspec.convert(table, Limits)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", remedy) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}", remedy) from None
    except (msgspec.ValidationError, InvalidField, AttributeError) as error:
        raise ConfigError(f"{path}: {error}", remedy) from None


def limits_at_start(home: Path, left: Limits | None) -> Limits:
    """What is in force when an engine starts: the file's limits, and of what was set before the tighter.

    Without a file, what was set before stands as it was; without either, the defaults. So nobody loosens
    by a file what an earlier session had tightened: that takes the scope admin. Overrides are no file's
    matter, and go on to their end.
    """
    path = home / FILE
    if not path.exists():
        return Limits() if left is None else left
    stated = read_limits(path)
    if left is None:
        return stated
    return msgspec.structs.replace(stated.tightest(left), version=left.version, overrides=left.overrides)


def _own_text(path: Path) -> str:
    """What stands in a file that its owner, we, alone can write."""
    with path.open(encoding="utf-8") as file:
        found = os.fstat(file.fileno())
        if found.st_uid != os.geteuid() or found.st_mode & OTHERS:
            raise ConfigError(f"others may write to {path}: no limit in it counts", f"chmod 600 {path}")
        return file.read()


def _number(text: str) -> Any:
    return exact(text, "a number")
