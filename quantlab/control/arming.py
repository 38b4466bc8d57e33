"""Arming: a token proves itself by challenge and answer, and a capability comes of it.

Holds the open challenges and the live capabilities of one kernel, in memory only. Whoever
answers wrongly too often waits; the token itself is never stored, shown or put into a message.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from quantlab.clock import NS_PER_MS, Clock
from quantlab.control.capability import Capability, Grant, Proof, Session
from quantlab.control.commands import Command
from quantlab.control.tokens import (
    KEY_BYTES,
    NONCE_BYTES,
    Answer,
    Challenge,
    answer,
    parse,
    stand_in,
    token_id,
    verify,
)
from quantlab.control.tokenstore import Entropy, TokenStore
from quantlab.errors import CapabilityRefused, ConfigError, NotArmed, TokenRefused
from quantlab.privatefile import read_secret_line
from quantlab.secret import Secret

CHALLENGE_LIFE_NS = 30_000 * NS_PER_MS
MAX_OPEN = 16  # challenges, and capabilities: the oldest makes room

Audit = Callable[[str, Mapping[str, object]], object]


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge that waits for its one answer."""

    challenge: Challenge
    grant: Grant
    expires_ns: int


class Arming:
    """Who is armed in this kernel, and for what.

    `audit_synced(kind, data)` brings one journal line to the disk before anything is granted; if it
    raises, nothing is. `audit` takes a line for what is refused or ended in any case.
    """

    def __init__(
        self,
        store: TokenStore,
        *,
        clock: Clock,
        kernel_id: str,
        audit: Audit,
        audit_synced: Audit,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._kernel_id = kernel_id
        self._audit, self._audit_synced = audit, audit_synced
        self._entropy = entropy
        self._server_key = entropy(KEY_BYTES)
        self._pending: dict[str, Pending] = {}
        self._capabilities: dict[str, Capability] = {}

    def challenge(self, name: str, grant: Grant) -> Challenge:
        """A challenge for the token of this id; single use, good for 30 s.

        An unknown id gets one as well, and learns nothing from it.
        """
        record = self._store.find(name) or stand_in(name, self._server_key)
        challenge = Challenge(
            nonce=self._entropy(NONCE_BYTES).hex(),
            salt=record.salt,
            token_id=name,
            generation=record.generation,
            kernel_id=self._kernel_id,
            scopes=tuple(scope.value for scope in grant.scopes),
            symbols=grant.symbols,
            budget=grant.budget,
            idle_ms=grant.idle_ms,
            hard_ms=grant.hard_ms,
        )
        expires_ns = self._clock.monotonic_ns() + CHALLENGE_LIFE_NS
        self._pending[challenge.nonce] = Pending(challenge=challenge, grant=grant, expires_ns=expires_ns)
        while len(self._pending) > MAX_OPEN:
            del self._pending[next(iter(self._pending))]
        return challenge

    def arm(self, reply: Answer) -> Session:
        """Turn a right answer into a capability, and return the client's side of it.

        Raises:
            TokenRefused: Wrong, late or repeated; or too many wrong ones before (not looked at then).
        """
        throttle = self._store.throttle()
        wait_ms = throttle.wait_ms(self._store.now_ms())
        if wait_ms:
            raise TokenRefused(
                f"too many wrong tokens: wait {-(-wait_ms // 1_000)} s, then try again; %ql halt still works"
            )
        pending = self._pending.pop(reply.nonce, None)
        if pending is None or pending.expires_ns < self._clock.monotonic_ns():
            raise self._failed(
                "control.alarm", "", "the answer is late or was used before: run %ql arm again"
            )
        challenge = pending.challenge
        record = self._store.find(challenge.token_id) or stand_in(challenge.token_id, self._server_key)
        key = verify(challenge, reply.proof, record)
        if key is None:
            raise self._failed("control.refused", challenge.token_id, "the token is wrong or was revoked")
        if throttle.failures_ms:
            self._store.save_throttle(
                msgspec.structs.replace(throttle, failures_ms=(), strikes=0, until_ms=0)
            )
        return self._admit(pending, key)

    def arm_with(self, token: Secret, grant: Grant) -> Session:
        """Arm with a token that was just typed (getpass) or read from its file."""
        if not self._store.list():
            raise TokenRefused("no token exists yet: make one with quantlab token new")
        return self.arm(answer(parse(token), self.challenge(token_id(token), grant)))

    def arm_from_file(self, path: Path, grant: Grant) -> Session:
        """Arm with the token in a file of mode 0600 (QUANTLAB_TOKEN_FILE)."""
        try:
            token = read_secret_line(path, "the token file")
        except ConfigError as error:
            raise TokenRefused(f"{error} (control is disabled, research works)") from None
        return self.arm_with(token, grant)

    def disarm(self) -> int:
        """Drop every capability and open challenge; orders in flight go on. Returns how many."""
        count = len(self._capabilities)
        if count:
            self._audit("control.disarmed", {"capabilities": list(self._capabilities)})
        self._capabilities.clear()
        self._pending.clear()
        return count

    def live(self) -> list[Capability]:
        """Capabilities that are neither expired nor revoked."""
        return [
            each
            for each in self._capabilities.values()
            if each.left_ms(self._clock) > 0 and self._store.is_live(*each.token)
        ]

    def verify(self, command: Command, proof: Proof | None) -> Capability:
        """The capability that a right proof of `command` names, if its token still stands."""
        if proof is None or not self._capabilities:
            raise NotArmed(command.describe())
        capability = self._capabilities.get(proof.capability)
        if capability is None:
            raise CapabilityRefused("proof", "the proof belongs to no capability of this kernel: run %ql arm")
        capability.check_proof(command, proof)
        if not self._store.is_live(*capability.token):
            raise CapabilityRefused("revoked", "the token was revoked: arm with another one")
        return capability

    def _admit(self, pending: Pending, key: Secret) -> Session:
        challenge, grant = pending.challenge, pending.grant
        capability = Capability(challenge, grant, key, self._clock)
        self._audit_synced(
            "control.armed",
            {
                "capability": capability.id,
                "token": challenge.token_id,
                "scopes": list(challenge.scopes),
                "symbols": list(challenge.symbols),
                "orders": grant.budget.orders,
                "notional": str(grant.budget.notional),
                "idle_ms": grant.idle_ms,
                "hard_ms": grant.hard_ms,
            },
        )
        self._capabilities[capability.id] = capability
        while len(self._capabilities) > MAX_OPEN:
            del self._capabilities[next(iter(self._capabilities))]
        return Session(capability.id, self._kernel_id, key)

    def _failed(self, kind: str, name: str, reason: str) -> TokenRefused:
        """Count one failure, on disk and in the journal, and make the refusal for it."""
        self._store.save_throttle(self._store.throttle().failed(self._store.now_ms()))
        self._audit(kind, {"action": "arm", "token": name, "verdict": "refused", "reason": reason})
        return TokenRefused(reason)
