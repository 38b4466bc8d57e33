"""Capabilities: what an armed kernel may still do, how much of it, and for how long.

A token proves once; then a capability acts: scopes x symbols x kernel x budget x time. Every
action carries a proof with a counter, so that none can be replayed, dropped or forged. The key
is never shown, compared, copied or pickled, and a refusal names its reason and nothing else.
"""

from __future__ import annotations

import hmac
import itertools
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import NoReturn, SupportsIndex

import msgspec

from quantlab.clock import NS_PER_MS, Clock
from quantlab.control import commands
from quantlab.control.commands import Command
from quantlab.control.tokens import Budget, Challenge
from quantlab.domain.decimals import plain, positive
from quantlab.errors import CapabilityRefused, InvalidField
from quantlab.secret import Secret

EVERY_SYMBOL = "*"
IDLE_MS = 15 * 60_000
HARD_MS = 8 * 3_600_000
MAX_COUNTER = 2**63
NO_ADMIN = (
    "to loosen a limit needs the scope admin, which %ql arm does not grant: %ql arm admin asks for the token "
    "and grants it for 15 min; limits can be tightened without"
)
AGAIN = "%ql arm again grants a new budget"
EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])  # two numbers of 40 digits, multiplied


class Scope(StrEnum):
    """What a capability may do. ADMIN loosens limits; the others are as they are called."""

    TRADE = "trade"
    CANCEL = "cancel"
    RESUME = "resume"
    LIMITS = "limits"
    ADMIN = "admin"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What arming asks for. `idle_ms` is without any action, `hard_ms` in any case."""

    scopes: tuple[Scope, ...] = (Scope.TRADE, Scope.CANCEL, Scope.RESUME, Scope.LIMITS)
    symbols: tuple[str, ...] = (EVERY_SYMBOL,)
    budget: Budget = Budget(orders=1_000, notional=Decimal(1_000_000))
    idle_ms: int = IDLE_MS
    hard_ms: int = HARD_MS

    @classmethod
    def admin(cls) -> Grant:
        """The usual, and to loosen limits; for 15 minutes, whatever is done with it."""
        return cls(scopes=(*cls().scopes, Scope.ADMIN), hard_ms=IDLE_MS)

    def __post_init__(self) -> None:
        if not self.scopes or not all(isinstance(each, Scope) for each in self.scopes):
            raise InvalidField("scopes", "they are no scopes", f"choose from {', '.join(Scope)}")
        if not self.symbols or not all(self.symbols):
            raise InvalidField("symbols", "there is none", f'give symbols, or "{EVERY_SYMBOL}" for all')
        if type(self.budget.orders) is not int or self.budget.orders < 1:
            raise InvalidField("budget.orders", "it is no positive count", "give how many orders may be sent")
        positive(self.budget.notional, "budget.notional")
        if not 0 < self.idle_ms <= self.hard_ms <= HARD_MS:
            raise InvalidField("ttl", "idle and hard are out of order", f"0 < idle <= hard <= {HARD_MS} ms")


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One action's signature; `counter` starts at 1 and grows by one. `mac` is hexadecimal."""

    capability: str
    kernel_id: str
    counter: int
    mac: str


class _Keyed:
    """Holds a key and never gives it away: no pickle, no copy, and a repr without it."""

    __slots__ = ("_key", "id", "kernel_id")

    def __init__(self, capability: str, kernel_id: str, key: Secret) -> None:
        self.id = capability
        self.kernel_id = kernel_id
        self._key = key

    def _mac(self, counter: int, command: Command) -> str:
        head = f"{self.id}\n{self.kernel_id}\n{counter}\n".encode()
        return hmac.digest(bytes.fromhex(self._key.reveal()), head + commands.encode(command), "sha256").hex()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} kernel {self.kernel_id}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied")


class Session(_Keyed):
    """The client's side of a capability: signs one command after the other."""

    __slots__ = ("_counter",)

    def __init__(self, capability: str, kernel_id: str, key: Secret) -> None:
        super().__init__(capability, kernel_id, key)
        self._counter = itertools.count(1)

    def prove(self, command: Command) -> Proof:
        """Sign `command` as the next action; a proof that is not used makes the next one a gap.

        Hand this method itself to `Desk.execute`: it then signs when the handle starts.
        """
        counter = next(self._counter)
        mac = self._mac(counter, command)
        return Proof(capability=self.id, kernel_id=self.kernel_id, counter=counter, mac=mac)


class Charge:
    """What one accepted order took of a budget; `refund` gives it back, once."""

    __slots__ = ("_capability", "_open", "notional", "orders")

    def __init__(self, capability: Capability | None, orders: int, notional: Decimal) -> None:
        self._capability = capability
        self._open = True
        self.orders = orders
        self.notional = notional

    def refund(self) -> None:
        """Nothing left the kernel after all."""
        if self._open and self._capability is not None:
            self._open = False
            self._capability.orders_left += self.orders
            self._capability.notional_left = EXACT.add(self._capability.notional_left, self.notional)


NO_CHARGE = Charge(None, 0, Decimal(0))


class Capability(_Keyed):
    """The desk's side: checks each proof, and spends the budget exactly.

    `orders_left` and `notional_left` (quote asset) are what may still be spent.
    """

    __slots__ = ("_armed", "_counter", "_used", "grant", "notional_left", "orders_left", "token")

    def __init__(self, challenge: Challenge, grant: Grant, key: Secret, clock: Clock) -> None:
        super().__init__(challenge.nonce[:16], challenge.kernel_id, key)
        self.grant = grant
        self.token = (challenge.token_id, challenge.generation)
        self.orders_left = grant.budget.orders
        self.notional_left = grant.budget.notional
        self._counter = 0
        self._armed = self._used = (clock.now_ms(), clock.monotonic_ns())

    def check_proof(self, command: Command, proof: Proof) -> None:
        """Refuse another kernel's, a forged, a repeated or a skipped proof; else count it.

        The counter moves on although the action may then be refused for another reason.
        """
        if proof.kernel_id != self.kernel_id:
            raise CapabilityRefused(
                "kernel", "the capability belongs to another kernel: run %ql arm in this one"
            )
        if not 0 < proof.counter < MAX_COUNTER:
            raise CapabilityRefused("counter", "the proof's counter is out of range: run %ql arm again")
        if not hmac.compare_digest(
            proof.mac.encode(errors="replace"), self._mac(proof.counter, command).encode()
        ):
            raise CapabilityRefused("proof", "the proof does not match this command: run %ql arm again")
        if proof.counter != self._counter + 1:
            kind = "was used before" if proof.counter <= self._counter else "skips an earlier one"
            raise CapabilityRefused("counter", f"the proof {kind}: every action needs its own, in order")
        self._counter = proof.counter

    def check_cover(self, scope: Scope, symbol: str | None, clock: Clock) -> None:
        """Refuse what has expired, or lies outside the scopes or the symbols (None is all of them)."""
        left_ms = self.left_ms(clock)
        if left_ms <= 0:
            raise CapabilityRefused("expired", "the capability has expired: run %ql arm again")
        if scope is Scope.ADMIN and scope not in self.grant.scopes:
            raise CapabilityRefused("scope", NO_ADMIN)
        if scope not in self.grant.scopes:
            granted = ", ".join(self.grant.scopes)
            raise CapabilityRefused(
                "scope", f"this needs the scope {scope}, armed are {granted}: arm with it"
            )
        if EVERY_SYMBOL not in self.grant.symbols and symbol not in self.grant.symbols:
            granted = ", ".join(self.grant.symbols)
            raise CapabilityRefused("symbol", f"armed are only {granted}, not {symbol or 'all symbols'}")

    def charge(self, notional: Decimal | None) -> Charge:
        """Spend one order of this worth (quote asset); None, a worth nobody knows, is refused."""
        if notional is None:
            raise CapabilityRefused(
                "budget",
                "the order cannot be valued, no price of its symbol was seen yet: %ql book SYMBOL starts "
                "its streams; where the market moves on request, await ql.market.advance(1)",
            )
        if self.orders_left < 1:
            raise CapabilityRefused(
                "budget", f"all {self.grant.budget.orders} orders of the budget are spent; {AGAIN}"
            )
        if notional > self.notional_left:
            spent = f"the order is worth {plain(notional)}, left of the budget is {plain(self.notional_left)}"
            whole = self.grant.budget.notional
            remedy = AGAIN if notional <= whole else f"a whole budget is {plain(whole)}: send less at once"
            raise CapabilityRefused("budget", f"{spent} (quote asset); {remedy}")
        self.orders_left -= 1
        self.notional_left = EXACT.subtract(self.notional_left, notional)
        return Charge(self, 1, notional)

    def touch(self, clock: Clock) -> None:
        """An accepted action: the idle time begins anew."""
        self._used = (clock.now_ms(), clock.monotonic_ns())

    def left_ms(self, clock: Clock) -> int:
        """Milliseconds to live, by the clock that says less: a suspended machine ages too."""
        return min(self.grant.idle_ms - _since(self._used, clock), self.hard_left_ms(clock))

    def hard_left_ms(self, clock: Clock) -> int:
        """The same if it is used all the time."""
        return self.grant.hard_ms - _since(self._armed, clock)


def _since(moment: tuple[int, int], clock: Clock) -> int:
    wall_ms, steady_ns = moment
    return max(clock.now_ms() - wall_ms, (clock.monotonic_ns() - steady_ns) // NS_PER_MS)
