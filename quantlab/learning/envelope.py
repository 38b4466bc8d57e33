"""QLM1, the signed form in which a model lies in a store.

    "QLM1" | header's length, 4 bytes | header, JSON | payload, a pickle | HMAC-SHA256, 32 bytes

Numbers are big-endian. The seal is over everything before it and is verified before a byte of the
header or the payload is read; only then are name, key and version compared with what was asked
for, so that a genuine model in the wrong place is refused as well. The payload is not touched
here.
"""

from __future__ import annotations

import json
import math
import platform
from importlib.metadata import version as installed
from secrets import token_hex
from typing import Any, NamedTuple

import msgspec

from quantlab.errors import ModelRefused
from quantlab.learning.backend import LONGEST
from quantlab.learning.modelid import ModelId
from quantlab.learning.modelkey import SEAL_BYTES, same_seal, seal_of
from quantlab.learning.snapshot import Canary, Snapshot, Span
from quantlab.secret import Secret

MAGIC = b"QLM1"
LENGTH_BYTES = 4
SHORTEST = len(MAGIC) + LENGTH_BYTES + SEAL_BYTES
SAVE_ID_BYTES = 8
ODD = "$float"  # the name under which a float that JSON has no word for is kept: nan, inf, -inf


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be known of a saved model without loading it.

    `classes` names River's classes in it as a tree, `libraries` the versions that made it
    ("river", "python", "quantlab"), `save_id` is of one save alone, so that no kernel
    takes what another saved for its own, `saved_ms` is our clock (UTC, milliseconds), `size` the
    bytes of the payload. All other fields are the snapshot's.
    """

    name: str
    key: str
    version: int
    parent: int
    saved_ms: int
    save_id: str = ""
    libraries: dict[str, str]
    classes: dict[str, Any]
    size: int
    features: Any = None
    features_state: Any = None
    label: Any = None
    pending: Any = None
    sequence: int = 0
    counts: dict[str, int] = {}
    span: Span | None = None
    metrics: dict[str, float | None] = {}
    state: dict[str, Any] = {}
    canary: Canary = Canary()
    note: str = ""
    shadow: Snapshot | None = None
    promoted: bool = False


COMMON = tuple(name for name in Header.__struct_fields__ if name in Snapshot.__struct_fields__)


class Opened(NamedTuple):
    """A genuine envelope's content; the payload is still a pickle that nobody has read."""

    header: Header
    payload: bytes


def header_of(
    snapshot: Snapshot, *, version: int, saved_ms: int, classes: dict[str, Any], size: int
) -> Header:
    """The header under which `snapshot` is saved as `version`."""
    same = {name: getattr(snapshot, name) for name in COMMON}
    own = {"version": version, "saved_ms": saved_ms, "classes": classes, "size": size}
    own["save_id"] = token_hex(SAVE_ID_BYTES)
    return Header(**{**same, **own, "libraries": libraries()})


def snapshot_of(header: Header, objects: dict[str, Any]) -> Snapshot:
    """What the learner goes on from."""
    return Snapshot(**{name: getattr(header, name) for name in COMMON}, objects=objects)


def seal(header: Header, payload: bytes, key: Secret) -> bytes:
    """The envelope's bytes.

    Raises:
        ModelRefused: The header is not plain data, or the whole is longer than 64 MiB.
    """
    text = _as_json(header)
    head = MAGIC + len(text).to_bytes(LENGTH_BYTES, "big") + text
    if len(head) + len(payload) + SEAL_BYTES > LONGEST:
        raise ModelRefused(
            "too-long", f"the model takes {len(payload):,} bytes; at most {LONGEST:,} are kept"
        )
    return b"".join((head, payload, seal_of(key, head, payload)))


def open_sealed(blob: bytes, key: Secret, which: ModelId, version: int) -> Opened:
    """The content of an envelope that was sealed with `key` for exactly this model and version.

    Raises:
        ModelRefused: Not an envelope, not sealed with this key, changed, swapped or of another
            version; made by another River or Python than the ones that run.
    """
    where = f"{which} version {version}"
    _check_form(blob, where)
    body, sealed = memoryview(blob)[:-SEAL_BYTES], memoryview(blob)[-SEAL_BYTES:]
    if not same_seal(sealed, seal_of(key, body)):
        raise ModelRefused(
            "seal", f"{where} is not sealed with this model key: it was changed, or another key made it"
        )
    start = len(MAGIC) + LENGTH_BYTES
    end = start + int.from_bytes(body[len(MAGIC) : start], "big")
    header = _header(bytes(body[start:end]), where)
    payload = bytes(body[end:])
    _check_place(header, which, version)
    if header.size != len(payload):
        raise ModelRefused("format", f"{where} has {len(payload)} bytes of payload, not {header.size}")
    check_libraries(header)
    return Opened(header, payload)


def libraries() -> dict[str, str]:
    """The versions that a pickle of River's objects depends on, and ours."""
    major, minor, _ = platform.python_version_tuple()
    return {
        "river": installed("river"),
        "python": f"{major}.{minor}",
        "quantlab": installed("quantlab-jupyter"),
    }


def check_libraries(header: Header) -> None:
    """River promises nothing about a pickle of another version of itself, nor does Python's minor."""
    for library, ours in libraries().items():
        theirs = header.libraries.get(library, "no version")
        if library != "quantlab" and theirs != ours:
            raise ModelRefused(
                library,
                f"{header.name} {header.key} version {header.version} was made by {library} {theirs}, "
                f"and {ours} runs: it stays as it is, unread; install {library} {theirs}, or train anew",
            )


def _check_form(blob: bytes, where: str) -> None:
    if len(blob) > LONGEST:
        raise ModelRefused("too-long", f"{where} takes {len(blob):,} bytes; at most {LONGEST:,} are read")
    if len(blob) < SHORTEST or not blob.startswith(MAGIC):
        raise ModelRefused("format", f"{where} is no {MAGIC.decode()} envelope")


def _check_place(header: Header, which: ModelId, version: int) -> None:
    """Sealed, so it is ours; but is it the one that was asked for?"""
    if (header.name, header.key) != which:
        raise ModelRefused("name", f"in the place of {which} lies the model {header.name} {header.key}")
    if header.version != version:
        raise ModelRefused(
            "version", f"in the place of {which} version {version} lies version {header.version}"
        )


def _header(text: bytes, where: str) -> Header:
    try:
        return msgspec.convert(json.loads(text, object_hook=_odd_floats), Header)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise ModelRefused("format", f"the header of {where} cannot be read: {error}") from None


def _as_json(header: Header) -> bytes:
    """Exact: a float is written so that it is read back bit for bit, also where it is no number."""
    plain = msgspec.to_builtins(header)
    try:
        try:
            return json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()
        except ValueError:
            return json.dumps(_marked(plain), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelRefused(
            "format", f"{header.name} {header.key} holds what JSON cannot hold: {error}"
        ) from None


def _marked(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {ODD: repr(value)}
    if isinstance(value, dict):
        return {name: _marked(each) for name, each in value.items()}
    return [_marked(each) for each in value] if isinstance(value, list | tuple) else value


def _odd_floats(found: dict[str, Any]) -> Any:
    return float(found[ODD]) if len(found) == 1 and isinstance(found.get(ODD), str) else found
