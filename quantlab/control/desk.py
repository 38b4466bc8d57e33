"""The desk: the one door through which every command goes, whoever gives it.

It asks who may (level, capability, budget), writes the journal line, and hands the command to
what carries it out. No rule about markets or money limits lives here (the gateway's rails have
them), a HALT is never asked for anything, and nothing happens while a handle is only held.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from quantlab.clock import Clock
from quantlab.control.arming import Arming
from quantlab.control.capability import (
    NO_CHARGE,
    Capability,
    Charge,
    Grant,
    Proof,
    Session,
)
from quantlab.control.commands import (
    AllowRerun,
    AmendOrder,
    CancelAll,
    CancelOrder,
    Command,
    EndOverride,
    Flatten,
    Halt,
    OverrideLimit,
    Placing,
    PromoteModel,
    ReplaceOrder,
    Resume,
    RollBackModel,
    SetLimits,
    SubmitList,
    SubmitOrder,
)
from quantlab.control.effects import NOTHING_LEFT, DeskStatus, Effects, Gateway
from quantlab.control.forms import limits_after, worth_if_sound
from quantlab.control.handle import Handle, never_waits
from quantlab.control.tokens import Answer, Challenge, redact
from quantlab.control.tokenstore import TokenStore
from quantlab.control.trail import Trail, line_of
from quantlab.control.work import Work, as_work, error_of
from quantlab.control.worth import scope_of, symbol_of
from quantlab.domain.venue import Level
from quantlab.errors import (
    ConfigError,
    EngineStopped,
    NotAllowed,
    QuantlabError,
)
from quantlab.secret import Secret

ORDER_COMMANDS = (SubmitOrder, SubmitList, ReplaceOrder, AmendOrder, Flatten, CancelOrder, CancelAll)
MAX_REASON = 200

Prover = Callable[[Command], Proof]


class Desk:
    """Executes commands for whoever proves that they may; see `execute`.

    `ready` is awaited before an awaited command starts; `catch_up` applies what has arrived, before
    anything is decided; `masked` gives the context in which a command is admitted and decided (the
    wire's SIGINT mask).

    Raises:
        ConfigError: `glass_cockpit` on any level but PAPER.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        level: Level,
        kernel_id: str,
        store: TokenStore,
        gateway: Gateway,
        effects: Effects,
        glass_cockpit: bool = False,
        check_wait_allowed: Callable[[], None] = never_waits,
        ready: Callable[[Command], Awaitable[object]] | None = None,
        catch_up: Callable[[], object] = lambda: None,
        masked: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        if glass_cockpit and level is not Level.PAPER:
            raise ConfigError(f"GLASS_COCKPIT=1 on {level.label}", "unset it, or use QUANTLAB_VENUE=paper")
        self._clock = clock
        self._level = level
        self._gateway = gateway
        self._effects = effects
        self._glass_cockpit = glass_cockpit
        self._check_wait_allowed, self._ready = check_wait_allowed, ready
        self._catch_up, self._masked = catch_up, masked
        self._pid = os.getpid()
        self._trail = Trail(effects, kernel_id=kernel_id, level=level, bypass=glass_cockpit)
        self._arming = Arming(
            store, clock=clock, kernel_id=kernel_id,
            audit=self._trail.note, audit_synced=self._trail.note_synced,
        )  # fmt: skip

    @property
    def audit_failures(self) -> tuple[str, ...]:
        """Lines about refusals and HALTs that the journal did not take, the last 20."""
        return tuple(self._trail.failures)

    # Arming -------------------------------------------------------------------------------

    def challenge(self, token_id: str, grant: Grant = Grant()) -> Challenge:  # noqa: B008  # frozen
        """A challenge for a token whose holder is elsewhere (a dialog); see `Arming.challenge`."""
        return self._arming.challenge(token_id, grant)

    def arm(self, answer: Answer) -> Session:
        """Grant what the challenge named; give the session's `prove` to `execute`."""
        self._require_process()
        return self._arming.arm(answer)

    def arm_with(self, token: Secret, grant: Grant = Grant()) -> Session:  # noqa: B008  # frozen
        """Arm with a token that was just typed (getpass)."""
        self._require_process()
        return self._arming.arm_with(token, grant)

    def arm_from_file(self, path: Path, grant: Grant = Grant()) -> Session:  # noqa: B008  # frozen
        """Arm with the token in QUANTLAB_TOKEN_FILE."""
        self._require_process()
        return self._arming.arm_from_file(path, grant)

    def disarm(self) -> int:
        """End every capability of this kernel; orders in flight go on. Returns how many ended."""
        return self._arming.disarm()

    def status(self) -> DeskStatus:
        """Armed or not, and what is left of the newest capability."""
        live = self._arming.live()
        status = DeskStatus(level=self._level.label, glass_cockpit=self._glass_cockpit, armed=bool(live))
        if not live:
            return status
        newest = live[-1]
        return msgspec.structs.replace(
            status,
            scopes=tuple(scope.value for scope in newest.grant.scopes),
            symbols=newest.grant.symbols,
            orders_left=newest.orders_left,
            notional_left=newest.notional_left,
            left_ms=newest.left_ms(self._clock),
            hard_left_ms=newest.hard_left_ms(self._clock),
        )

    # Commands -----------------------------------------------------------------------------

    def execute(self, command: Command, proof: Proof | Prover | None = None) -> Handle[Any]:
        """The one door: a handle that admits and sends `command` when it is started.

        Only a `Halt` acts at once, and never asks for a proof. `proof` is a `Proof`, or better
        the session's `prove`: it then signs at the start, so handles may start in any order.

        The handle raises:
            NotArmed, CapabilityRefused: Nobody may do this now; the message says how to.
            NotAllowed: The level forbids it (orders on production).
            OrderDenied and others: What the gateway raises.
        """
        start: Callable[[], object]
        if isinstance(command, Halt):
            start = lambda: self.halt(command.reason)  # noqa: E731  # beside its sibling
        else:
            start = lambda: self._run(command, proof)  # noqa: E731
        handle: Handle[Any] = Handle(
            command.describe(),
            start,
            check_wait_allowed=self._check_wait_allowed,
            ready=None if self._ready is None or isinstance(command, Halt) else partial(self._ready, command),
            money=not isinstance(command, Halt),
            client_order_id=command.client_order_id if isinstance(command, CancelOrder) else "",
        )
        return handle.send() if isinstance(command, Halt) else handle

    def halt(self, reason: str) -> object:
        """Deny every new order, now. From any thread; never waits, never asks, never fails on the journal.

        Returns what the engine's `halt` does, for whoever wants to know what was cancelled.
        """
        text = redact(" ".join(reason.split()))[:MAX_REASON] or "no reason given"
        outcome = self._effects.halt(text)
        self._trail.try_note("control.halt", {"action": "halt", "verdict": "accepted", "reason": text})
        return outcome

    def _run(self, command: Command, proof: Proof | Prover | None) -> Work:
        """Admit, write the line, act: one critical section without a wait."""
        self._require_process()
        self._catch_up()
        with self._masked():
            charge = self._admit(command, proof)
            try:
                work = as_work(self._perform(command))
                if isinstance(work, Handle):
                    work.send()
            except (*NOTHING_LEFT, EngineStopped):  # raised here and now: it was not handed over
                charge.refund()
                raise
        work.add_done_callback(lambda done: _refund_if_nothing_left(done, charge))
        return work

    def _admit(self, command: Command, proof: Proof | Prover | None) -> Charge:
        """Check everything, spend the budget and write the line; or write why not, and raise."""
        capability: Capability | None = None
        charge = NO_CHARGE
        try:
            if isinstance(command, ORDER_COMMANDS) and self._level is Level.PRODUCTION:
                raise NotAllowed(
                    f"orders are refused on {self._level.label}: use QUANTLAB_VENUE=paper or testnet"
                )
            if not self._glass_cockpit:
                proof = proof(command) if callable(proof) else proof
                capability = self._arming.verify(command, proof)
            worth = worth_if_sound(command, self._effects, self._clock.now_ms())
            if capability is not None:
                charge = self._cover(command, capability, worth)
        except QuantlabError as error:
            self._trail.try_note("control.refused", line_of(command, capability, error), error)
            raise
        note = self._trail.note if isinstance(command, ORDER_COMMANDS) else self._trail.note_synced
        try:
            note("control.accepted", line_of(command, capability))
        except BaseException:
            charge.refund()
            raise
        if capability is not None:
            capability.touch(self._clock)
        return charge

    def _cover(self, command: Command, capability: Capability, worth: Decimal | None) -> Charge:
        scope = scope_of(command, self._effects.limits())
        capability.check_cover(scope, symbol_of(command), self._clock)
        return capability.charge(worth) if isinstance(command, Placing) else NO_CHARGE

    def _perform(self, command: Command) -> object:
        match command:
            case SubmitOrder(request, reduce_only, strategy) | ReplaceOrder(request, reduce_only, strategy):
                return self._gateway.submit(request, strategy=strategy, reduce_only=reduce_only)
            case SubmitList(request, strategy):
                return self._gateway.submit(request, strategy=strategy)
            case AmendOrder(request):
                return self._gateway.submit(request)
            case Flatten(symbol, strategy):
                return self._gateway.flatten(symbol, strategy=strategy)
            case CancelOrder(symbol, client_order_id):
                return self._gateway.cancel(symbol, client_order_id)
            case CancelAll(symbol):
                return self._gateway.cancel_all(symbol)
            case AllowRerun(every):
                return self._gateway.allow_rerun(every=every)
            case Resume(reason):
                return self._effects.resume(reason.strip())
            case SetLimits() | OverrideLimit() | EndOverride():
                limits, now_ms = self._effects.limits(), self._clock.now_ms()
                return self._effects.set_limits(limits_after(command, limits, now_ms))
            case PromoteModel() | RollBackModel():
                return self._effects.change_model(command)
            case Halt(reason):
                return self.halt(reason)

    def _require_process(self) -> None:
        if os.getpid() != self._pid:
            raise EngineStopped("this is a forked child of the kernel: only the kernel itself can act")


def _refund_if_nothing_left(work: Work, charge: Charge) -> None:
    if isinstance(error_of(work), NOTHING_LEFT):
        charge.refund()
