"""Every error that quantlab raises, drawn once.

    QuantlabError
    ├── InvalidField            a value the caller gave is wrong: names the field and the remedy
    │   ├── UnknownSymbol
    │   └── OffGrid
    ├── UsageError              a magic's line is wrong: one line that says how to write it
    ├── ConfigError             a setting, a file or the environment is wrong
    │   ├── PortTaken
    │   ├── TapeError           a recorded stream file is missing or damaged
    │   └── RecordingError      a recording cannot be read or made
    ├── OrderDenied             refused by us: the rails; nothing left the kernel
    │   └── Halted              the HALT latch is set
    ├── PermitRefused           an order without a valid one-shot permit
    ├── NotAllowed              the control plane said no
    │   ├── NotArmed
    │   ├── TokenRefused
    │   └── CapabilityRefused   expired, wrong scope, symbol or kernel, over budget, replayed
    ├── VenueError              the venue or the way to it
    │   ├── VenueRejected       a definite refusal with the venue's code
    │   │   ├── OrderRejected
    │   │   └── RateLimited
    │   ├── NotSent             no byte left; safe to try again
    │   ├── VenueUnavailable    a read was not answered
    │   ├── UndecodableReply    the answer is not what the document says
    │   └── OrderOutcomeUnknown sent, but the answer was lost: the order may live
    ├── JournalError
    │   ├── JournalUnavailable  no line, no order
    │   │   └── JournalLocked   another process writes it
    │   └── JournalCorrupt
    ├── StoreError              models are not kept, or not taken from where they are kept
    │   ├── StoreUnavailable    down, slow, full or read-only: it is tried again
    │   ├── StoreNotAllowed     wrong password, no password, or a command the ACL forbids
    │   ├── VersionConflict     another kernel saved first
    │   └── ModelRefused        unsigned, swapped, of another version, or with what no model holds
    ├── BusError                unknown topic, wrong payload type, closed subscription
    └── EngineError
        ├── EngineStopped       also in a forked child
        ├── WrongThread         engine state touched off the main thread
        ├── WouldBlockLoop      `.wait()` where it would deadlock; nothing was sent
        └── StillWorking        `.wait()` ran out of time; the work goes on

And one that is no error, and that `except Exception` lets through as any Interrupt:

    KeyboardInterrupt
    └── OrderPending            a cell was interrupted while it waited for an order, which goes on

Errors carry plain values, never live objects: this module stands below all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Breach(Protocol):
    """What `OrderDenied` shows of a rail's answer (a `domain.limits.Verdict`)."""

    @property
    def rail(self) -> str: ...

    def describe(self) -> str: ...


class QuantlabError(Exception):
    """The root: catch this to catch everything that quantlab raises."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of us: the message, without the frames that led to it."""
        return [f"{type(self).__name__}: {self}", *getattr(self, "__notes__", ())]


class InvalidField(QuantlabError, ValueError):
    """A value the caller gave cannot be used.

    Attributes:
        field: The argument's or option's name.
        remedy: One sentence that says what to give instead.
    """

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy


class UnknownSymbol(InvalidField):
    """The venue lists no such symbol."""

    def __init__(self, symbol: str, known: Sequence[str] = ()) -> None:
        some = ", ".join(sorted(known)[:8])
        super().__init__(
            "symbol",
            f"{symbol!r} is not listed on this venue",
            f"use one of {some}" if some else "see ql.market.symbols",
        )
        self.symbol = symbol


class OffGrid(InvalidField):
    """A price or quantity that is no multiple of the instrument's step."""


class UsageError(QuantlabError, ValueError):
    """The line after a magic cannot be read; the message says how to write it."""


class ConfigError(QuantlabError):
    """A setting, a file or the environment is wrong; `remedy` says what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class PortTaken(ConfigError):
    """Something else listens on the port that was asked for."""


class TapeError(ConfigError):
    """A recorded stream file is missing, damaged, or of another format."""


class RecordingError(ConfigError):
    """A recording is missing, damaged, of another version, or cannot be made."""


class OrderDenied(QuantlabError):
    """Refused by our own rails before any byte left.

    Attributes:
        breaches: The verdicts that denied, in the order of `rails.RAILS`.
        verdicts: Every rail's answer, also those that allowed.
    """

    def __init__(self, breaches: Sequence[Breach], verdicts: Sequence[Breach] = ()) -> None:
        super().__init__("order denied: " + "; ".join(each.describe() for each in breaches))
        self.breaches = tuple(breaches)
        self.verdicts = tuple(verdicts)

    def _render_traceback_(self) -> list[str]:
        """One line for one breach, else a line for each."""
        said = super()._render_traceback_()
        if len(self.breaches) < 2:
            return said
        lines = [f"  {each.describe()}" for each in self.breaches]
        return [f"{type(self).__name__}: {len(lines)} rails denied this order", *lines, *said[1:]]


class Halted(OrderDenied):
    """The HALT latch is set: no new order leaves until `%ql resume`."""

    def __init__(self, reason: str) -> None:
        super().__init__(())
        self.args = (f"halted: {reason}; cancels still pass, %ql resume REASON lifts it",)
        self.reason = reason


class PermitRefused(QuantlabError):
    """An order came without a permit minted by the rails for exactly this order."""


class NotAllowed(QuantlabError):
    """The control plane refused an action."""


class NotArmed(NotAllowed):
    """No capability: arm first."""

    def __init__(self, action: str) -> None:
        super().__init__(
            f"{action} needs an armed kernel: run %ql arm (or set QUANTLAB_TOKEN_FILE for headless use)"
        )


class TokenRefused(NotAllowed):
    """The token is wrong, missing, or kept in a file that others can read."""


class CapabilityRefused(NotAllowed):
    """The capability does not cover this action.

    Attributes:
        reason: One of expired, scope, symbol, kernel, budget, counter, proof, revoked.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class VenueError(QuantlabError):
    """The venue, or the way to it.

    Attributes:
        code: The venue's error code, for example -1121; 0 where it gave none.
        message: What the venue said of it; else what became of the request.
        status: The HTTP status (the WebSocket API uses the same numbers); 0 where there was no answer.
        method: The request, for example "GET /api/v3/account", without its parameters; "" for none.
        client_order_id: Our id, where the request named an order.
    """

    def __init__(
        self,
        text: str,
        *,
        code: int = 0,
        message: str = "",
        status: int = 0,
        method: str = "",
        client_order_id: str | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.message = message or text
        self.status = status
        self.method = method
        self.client_order_id = client_order_id


class VenueRejected(VenueError):
    """The venue refused a request, definitely."""

    def __init__(
        self, code: int, message: str, *, status: int, method: str, client_order_id: str | None = None
    ) -> None:
        order = f" (order {client_order_id})" if client_order_id else ""
        super().__init__(
            f"{method} refused by the venue: {code or f'HTTP {status},'} {message}{order}",
            code=code, message=message, status=status, method=method, client_order_id=client_order_id,
        )  # fmt: skip


class OrderRejected(VenueRejected):
    """The venue refused an order or a cancel. Rejected is theirs; denied is ours."""


class RateLimited(VenueRejected):
    """429 or 418: wait `retry_after_s` seconds (None where the venue did not say)."""

    retry_after_s: int | None = None

    def __str__(self) -> str:
        wait = "" if self.retry_after_s is None else f"; wait {self.retry_after_s} s"
        return f"{super().__str__()}{wait}"


class NotSent(VenueError):
    """The request did not leave: connection refused, or the latch closed in time."""


class VenueUnavailable(VenueError):
    """A read got no answer in time, or a 5XX."""


class UndecodableReply(VenueError):
    """The venue's answer is not what its document says."""


class OrderOutcomeUnknown(VenueError):
    """Sent, but the answer was lost or a 5XX: the order may live.

    It keeps its reservation and is resolved by `client_order_id`; never send it again. `cause` is a
    sentence; code and status are the venue's, where it answered.
    """

    client_order_id: str

    def __init__(
        self, client_order_id: str, cause: str, *, code: int = 0, status: int = 0, method: str = ""
    ) -> None:
        super().__init__(
            f"outcome of order {client_order_id} is unknown ({cause}); it is being resolved by its id, "
            "do not send it again",
            code=code, message=cause, status=status, method=method, client_order_id=client_order_id,
        )  # fmt: skip
        self.cause = cause


class JournalError(QuantlabError):
    """The journal."""


class JournalUnavailable(JournalError):
    """The journal cannot be written: no line, no order."""


class JournalLocked(JournalUnavailable):
    """Another process writes this account's journal, and trades on it."""


class JournalCorrupt(JournalError):
    """A line was edited, removed, reordered or forged, or the tail is cut."""


class StoreError(QuantlabError):
    """Where models are kept."""


class StoreUnavailable(StoreError):
    """The store does not answer, or cannot write: nothing was lost, it is tried again."""


class StoreNotAllowed(StoreError):
    """The store lets us in not at all, or not far enough: a matter of its configuration."""


class VersionConflict(StoreError):
    """Another kernel has saved a version that this one does not know; nothing was overwritten.

    Attributes:
        head: The newest version in the store.
    """

    def __init__(self, message: str, *, head: int) -> None:
        super().__init__(message)
        self.head = head


class ModelRefused(StoreError):
    """A model that is not loaded, or that is not saved because it could not be loaded again.

    Attributes:
        reason: One of format, seal, name, version, downgrade, river, python, class, shape, canary,
            too-long.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BusError(QuantlabError):
    """The caller's own mistake at the bus: topic, payload type, capacity, closed."""


class EngineError(QuantlabError):
    """The engine and its loops."""


class EngineStopped(EngineError):
    """The engine does not run (any more), or this is a forked child of its kernel."""


class WrongThread(EngineError):
    """Engine state was touched off the main thread."""


class WouldBlockLoop(EngineError):
    """`.wait()` here would block the event loop that has to do the work. Nothing was sent."""


class StillWorking(EngineError):
    """`.wait()` ran out of time; the work goes on and the handle can be waited for again.

    Attributes:
        client_order_ids: Of the orders that go on; empty where it is no order, or none was made yet.
    """

    client_order_ids: tuple[str, ...] = ()


class OrderPending(KeyboardInterrupt):
    """Whoever waited for an order was interrupted: it is on its way, and goes on.

    Attributes:
        client_order_ids: As what: the order's, or those of all orders of a list.
    """

    def __init__(self, message: str, client_order_ids: tuple[str, ...]) -> None:
        super().__init__(message)
        self.client_order_ids = client_order_ids
