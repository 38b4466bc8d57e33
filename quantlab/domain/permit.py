"""The leave that every order needs.

A `Permit` is minted by `trading.rails` alone and redeemed by whoever writes the order to a socket: once, for
exactly the order it names, within its time.
"""

from __future__ import annotations

from typing import Protocol

from quantlab.errors import PermitRefused

PERMIT_LIFE_NS = 1_000_000_000


class Permissible(Protocol):
    """What a permit can be bound to: an `OrderRequest`, an `OrderListRequest`, a `ReplaceRequest`."""

    def digest(self) -> str:
        """Equal for equal requests, and for no others of whatever kind."""
        ...


class Permit:
    """One-shot leave to send exactly one order, or one list of orders.

    Bound to the request's digest, the limits' version and the state sequence it was decided on;
    valid until `expires_ns` of the monotonic clock. Redeeming it twice raises. `halts` is the HALT
    latch's generation at the decision (None: not known): a HALT since then voids the order, also
    one that was lifted again.
    """

    __slots__ = ("_unused", "digest", "expires_ns", "halts", "limits_version", "state_sequence")

    def __init__(
        self,
        *,
        digest: str,
        limits_version: int,
        state_sequence: int,
        expires_ns: int,
        halts: int | None = None,
    ) -> None:
        self.digest = digest
        self.limits_version = limits_version
        self.state_sequence = state_sequence
        self.expires_ns = expires_ns
        self.halts = halts
        self._unused = [True]  # popped once: atomic, so two threads cannot both redeem

    def redeem(self, request: Permissible, now_ns: int) -> None:
        """Spend the permit on `request` at monotonic `now_ns`, or raise `PermitRefused`."""
        if request.digest() != self.digest:
            raise PermitRefused("the permit was minted for another order; decide again")
        if now_ns > self.expires_ns:
            raise PermitRefused("the permit has expired (they live 1 s); decide again")
        try:
            self._unused.pop()
        except IndexError:
            raise PermitRefused("the permit was used before; every order needs its own") from None

    def named(self) -> dict[str, str | int]:
        """What the journal says of it: of which request, limits and state it is."""
        return {
            "digest": self.digest,
            "limits_version": self.limits_version,
            "state_sequence": self.state_sequence,
        }

    def __repr__(self) -> str:
        return f"<Permit {self.digest[:12]} limits v{self.limits_version} state {self.state_sequence}>"
