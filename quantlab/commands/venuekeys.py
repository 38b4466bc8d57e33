"""`quantlab venue keys`: make a key for a paper venue, and have a running venue take or forget it.

A running venue is named by the file that its ready line was written to: `quantlab venue > venue.json`.
"""

from __future__ import annotations

import argparse
import ssl
from pathlib import Path
from typing import Any

import httpx
import msgspec

from quantlab.errors import ConfigError
from quantlab.output import say
from quantlab.paper import keyfile
from quantlab.paper.server.keys import PERMISSIONS, KeyType, public_half, read_key
from quantlab.privatefile import read_private, write_private

LONGEST_LINE = 65_536
TIMEOUT_S = 10.0


class _Control(msgspec.Struct):
    url: str
    secret: str


class _Ready(msgspec.Struct):
    """What of a venue's ready line is needed here."""

    control: _Control
    ca: str | None = None


class _Refusal(msgspec.Struct):
    error: str


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments.action` says, and print the facts as JSON."""
    match arguments.action:
        case "new":
            facts = _new(arguments)
        case "add":
            facts = _register(arguments, keyfile.read(arguments.file))
        case "list":
            facts = _ask(arguments.venue, "GET")
        case _:
            facts = _ask(arguments.venue, "DELETE", {"api_key": arguments.api_key})
    say(msgspec.json.encode(facts).decode())
    return 0


def _new(arguments: argparse.Namespace) -> Any:
    """Make the file, and where a venue is named have it take the key; else `quantlab venue --key` does."""
    if arguments.file.exists() or arguments.file.is_symlink():
        raise ConfigError(f"{arguments.file} exists", "name a new file: a key is not made twice")
    type_ = KeyType(arguments.type)
    key = keyfile.make(type_, arguments.bits)
    name = read_key(key.public or key.secret)[1]
    write_private(arguments.file, key.secret)
    facts = {"api_key": name, "type": type_, "file": str(arguments.file), "public_key": key.public}
    if arguments.venue is not None:
        facts |= _register(arguments, key.public or key.secret)
    return facts


def _register(arguments: argparse.Namespace, text: str) -> Any:
    """Only the public half of a private key leaves here; of HMAC both sides hold the secret."""
    named = arguments.permissions
    permissions = [each.strip() for each in named.split(",")] if named else PERMISSIONS
    key = {"key": public_half(text) or text, "account": arguments.account, "permissions": permissions}
    return _ask(arguments.venue, "POST", key)


def _ask(venue: Path, method: str, body: object = None) -> Any:
    """One request to the venue's control endpoint; its answer, or `ConfigError` with its reason."""
    line = read_private(venue, "the venue's ready line", max_bytes=LONGEST_LINE)
    try:
        ready = msgspec.json.decode(line.reveal(), type=_Ready)
    except (msgspec.DecodeError, RecursionError):
        raise ConfigError(f"{venue} holds no ready line of a venue", "quantlab venue > FILE") from None
    verify = ssl.create_default_context(cafile=ready.ca)
    headers = {"Authorization": f"Bearer {ready.control.secret}"}
    try:
        with httpx.Client(verify=verify, trust_env=False, timeout=TIMEOUT_S) as client:
            content = None if body is None else msgspec.json.encode(body)
            reply = client.request(method, f"{ready.control.url}/keys", content=content, headers=headers)
    except httpx.HTTPError as error:
        raise ConfigError(
            f"the venue of {venue} does not answer: {type(error).__name__}", "start it"
        ) from None
    if reply.status_code != httpx.codes.OK:
        raise ConfigError(f"the venue refuses: {_reason(reply)}", "see `quantlab venue keys --help`")
    return reply.json()


def _reason(reply: httpx.Response) -> str:
    try:
        return msgspec.json.decode(reply.content, type=_Refusal).error
    except msgspec.DecodeError:
        return f"HTTP {reply.status_code}"
