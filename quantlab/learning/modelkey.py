"""The key that signs models: in a file of its owner's, never where the models are.

Who can write to the store but has not this key can delete a model, and change none.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from quantlab.privatefile import own_key
from quantlab.secret import Secret

KEY_NAME = "model.key"
SEAL_BYTES = 32
PURPOSE = b"quantlab model envelope QLM1\n"  # the same key under another purpose gives another seal


def model_key(path: Path | None, home: Path) -> Secret:
    """The key in `path` (QUANTLAB_MODEL_KEY_FILE), else `model.key` in `home`; made on first use.

    Raises:
        ConfigError: A link, another user's, usable by others (mode 0600 is asked for), or no key.
    """
    return own_key(path or home / KEY_NAME, "the model key")


def seal_of(key: Secret, *parts: bytes | memoryview) -> bytes:
    """HMAC-SHA256 over the purpose and all parts, as if they were one."""
    seal = hmac.new(bytes.fromhex(key.reveal()), PURPOSE, hashlib.sha256)
    for part in parts:
        seal.update(part)
    return seal.digest()


def same_seal(one: bytes | memoryview, other: bytes) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(bytes(one), other)
