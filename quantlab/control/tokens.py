"""Control tokens: how one looks, and how it proves itself without being sent or stored.

Pure: bytes and times are arguments. The shape is SCRAM's: at rest lie a salt and the stored
key only, from which no proof can be made; a proof is bound to one challenge, and with it to
all that is granted. No key derivation by cost is needed for 256 random bits. A token is never
part of a message, not even of one that refuses it.

Source: RFC 5802, "SCRAM Authentication Exchange".
"""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from decimal import Decimal

import msgspec

from quantlab.errors import TokenRefused
from quantlab.secret import Secret

PREFIX = "qlt_"
ENTROPY_BYTES = 32
SALT_BYTES = NONCE_BYTES = KEY_BYTES = 16
BODY, CHECK = 43, 6  # base62 characters: 256 bits, and a CRC-32
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{BODY + CHECK}}}", re.ASCII)
LENGTH = len(PREFIX) + BODY + CHECK
PROOF_BYTES = 32


class StoredToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies at rest of one token. `salt` and `stored_key` are hexadecimal."""

    id: str
    label: str
    created_ms: int
    salt: str
    stored_key: str
    generation: int = 1
    revoked: bool = False


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent at most: a count of orders, and their worth in the quote asset."""

    orders: int
    notional: Decimal


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be proved, and all that a right proof grants. `nonce` and `salt` in hexadecimal."""

    nonce: str
    salt: str
    token_id: str
    generation: int
    kernel_id: str
    scopes: tuple[str, ...]
    symbols: tuple[str, ...]
    budget: Budget
    idle_ms: int
    hard_ms: int

    def message(self) -> bytes:
        """The text that a proof is bound to: every field, in one order."""
        return b"quantlab arm 1\n" + msgspec.json.encode(self)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A client's answer to a challenge; `proof` is hexadecimal and worthless a second time."""

    nonce: str
    proof: str


def token_text(entropy: bytes) -> Secret:
    """The token for 32 random bytes: "qlt_", 43 base62 digits and 6 that check them."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a token is made of {ENTROPY_BYTES} random bytes, not {len(entropy)}")
    body = _base62(int.from_bytes(entropy), BODY)
    return Secret(PREFIX + body + _check(body))


def parse(text: Secret) -> Secret:
    """The token in `text`, or `TokenRefused`: a typo, another secret, or a passphrase of one's own."""
    problem = _problem(text)
    if problem:
        raise TokenRefused(f"{problem}; nothing was sent")
    return text


def token_id(token: Secret) -> str:
    """The public name of a token: 12 hexadecimal digits that tell nothing about it."""
    return hashlib.sha256(b"quantlab token id\n" + token.reveal().encode()).hexdigest()[:12]


def store(token: Secret, *, salt: bytes, label: str, created_ms: int) -> StoredToken:
    """What to keep of a token: no token, and no key that could answer for it."""
    kept = hashlib.sha256(_client_key(token, salt)).hexdigest()
    return StoredToken(
        id=token_id(token), label=label, created_ms=created_ms, salt=salt.hex(), stored_key=kept
    )


def stand_in(name: str, server_key: bytes) -> StoredToken:
    """A record for an unknown id, always the same for one id, which no token can match.

    The same work is then done for unknown ids as for known ones.
    """
    digest = hmac.digest(server_key, name.encode(errors="replace"), "sha256")
    return StoredToken(
        id=name, label="", created_ms=0, salt=digest[:SALT_BYTES].hex(), stored_key=digest.hex()
    )


def answer(token: Secret, challenge: Challenge) -> Answer:
    """Prove the token for exactly this challenge; done where the token was typed."""
    key = _client_key(token, bytes.fromhex(challenge.salt))
    signature = hmac.digest(hashlib.sha256(key).digest(), challenge.message(), "sha256")
    return Answer(nonce=challenge.nonce, proof=_xor(key, signature).hex())


def verify(challenge: Challenge, proof: str, stored: StoredToken) -> Secret | None:
    """The session key if `proof` is right for this challenge, else None.

    Right and wrong do the same work, and the comparison takes the same time wherever the
    first difference is.
    """
    given = _proof_bytes(proof)
    kept = bytes.fromhex(stored.stored_key)
    key = _xor(given, hmac.digest(kept, challenge.message(), "sha256"))
    right = hmac.compare_digest(hashlib.sha256(key).digest(), kept)
    session = _session_key(key, challenge)
    return session if right and not stored.revoked else None


def session_key(token: Secret, challenge: Challenge) -> Secret:
    """The key that signs the actions of the capability which this challenge grants."""
    return _session_key(_client_key(token, bytes.fromhex(challenge.salt)), challenge)


def redact(text: str) -> str:
    """`text` without any token that somebody may have pasted into it."""
    return re.sub(rf"{PREFIX}\w+", f"{PREFIX}...", text)


def _session_key(client_key: bytes, challenge: Challenge) -> Secret:
    return Secret(hmac.digest(client_key, b"session\n" + challenge.message(), "sha256").hex())


def _client_key(token: Secret, salt: bytes) -> bytes:
    return hmac.digest(token.reveal().encode(), salt + b"client", "sha256")


def _proof_bytes(proof: str) -> bytes:
    """The proof's bytes; zeros, which prove nothing, for what is no proof."""
    if len(proof) != 2 * PROOF_BYTES or re.fullmatch(r"[0-9a-f]+", proof) is None:
        return bytes(PROOF_BYTES)
    return bytes.fromhex(proof)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))


def _problem(text: Secret) -> str:
    """Why `text` is no token, in words that do not repeat it; empty if it is one."""
    length = len(text.reveal())
    if not length:
        return "no token was given: make one with quantlab token new"
    if length != LENGTH or FORM.fullmatch(text.reveal()) is None:
        return (
            f'a token has "{PREFIX}" and {BODY + CHECK} letters and digits: '
            "only generated tokens are taken (quantlab token new)"
        )
    if _check(text.reveal()[len(PREFIX) : -CHECK]) != text.reveal()[-CHECK:]:
        return "the token has a typo: its checksum does not match"
    return ""


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
