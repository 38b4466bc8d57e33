"""The catalogue: every fault by its name, where it can strike, and what it can be told.

A fault strikes at a *chance*: a request, an outgoing frame, an open socket, or, for what happens to the
venue itself, the moment at which it begins. Scopes are patterns (`*`, `?`, `[...]`), "" matches
everything. Milliseconds of `after_ms` and `duration_ms` are the venue's; delays are real time, because
nobody could move a manual clock during one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from quantlab.domain.instrument import ZERO

Count = Annotated[int, Meta(ge=0, le=2**53)]
AtLeastOne = Annotated[int, Meta(ge=1, le=2**53)]
Delay = Annotated[int, Meta(ge=0, le=86_400_000)]
Instant = Literal["before", "after"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name"):
    """What all faults can be told.

    Attributes:
        probability: Of striking at one chance, 0 to 1.
        seed: A fault of equal name and seed strikes at the same chances, whatever else happens.
        skip: So many chances pass before the first that counts.
        count: It strikes at most so often; None for no limit.
        after_ms: It begins so long after it was added.
        duration_ms: It ends so long after it began, and what it changed is put back; None for never.
    """

    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seed: Count = 0
    skip: Count = 0
    count: AtLeastOne | None = None
    after_ms: Delay = 0
    duration_ms: Annotated[int, Meta(ge=1, le=2**53)] | None = None

    @property
    def name(self) -> str:
        return str(self.__struct_config__.tag)


# --- requests: REST by "POST /api/v3/order", WebSocket API by "order.place", handshakes by "GET /ws..."


class RequestFault(Fault, frozen=True):
    """Strikes at requests.

    Attributes:
        endpoint: Of the method and path, or of the WebSocket API's method.
        symbol: Of the request's `symbol`.
        account: Of the account whose key it carries.
    """

    endpoint: str = ""
    symbol: str = ""
    account: str = ""


class Latency(RequestFault, frozen=True, kw_only=True, tag="latency"):
    """The answer takes `ms` and up to `jitter_ms` longer, before the venue acts or after."""

    ms: Delay
    jitter_ms: Delay = 0
    when: Instant = "before"


class Failure(RequestFault, frozen=True, tag="error"):
    """An internal error, before the venue acts or after; `status` None is the code's own.

    Source: Binance spot "Errors", 10xx; REST API, "HTTP Return Codes".
    """

    code: Literal[-1000, -1001, -1006, -1007, -1008] = -1000
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    when: Instant = "after"
    body: Literal["json", "html"] = "json"


class LostReply(RequestFault, frozen=True, tag="lost_reply"):
    """The connection closes without an answer."""

    when: Instant = "after"


class NoReply(RequestFault, frozen=True, tag="no_reply"):
    """No answer ever comes; the connection stays open."""

    when: Instant = "after"


class RateLimit(RequestFault, frozen=True, tag="rate_limit"):
    """429 with Retry-After; the venue does not act."""

    retry_after_s: AtLeastOne = 60


class Ban(RequestFault, frozen=True, tag="ban"):
    """418 with Retry-After; the venue does not act."""

    retry_after_s: AtLeastOne = 120


class Firewall(RequestFault, frozen=True, tag="waf"):
    """403 with a page of HTML; the venue does not act."""


class GarbledReply(RequestFault, frozen=True, tag="garbled_reply"):
    """The venue acts, and its answer is damaged.

    `half` is half a JSON text, whole as HTTP; `cut` announces the whole and closes in the middle;
    `html` is a page with status 200; `empty` is no body at all.
    """

    shape: Literal["half", "cut", "html", "empty"] = "half"


class KeyRefused(RequestFault, frozen=True, tag="key_refused"):
    """Signed requests are -2015; the venue does not act."""


class LateReject(RequestFault, frozen=True, tag="late_reject"):
    """An order is acknowledged, and `ms` of the venue's time later what rests of it is REJECTED."""

    ms: Delay = 0


# --- outgoing stream messages; each delivery to each socket is a chance


class FrameFault(Fault, frozen=True):
    """Strikes at stream messages.

    Attributes:
        stream: Of the stream's name; an account's own events are on the stream "user".
        symbol: Of the symbol that the message is about.
        account: Of the account whose event it is.
        event: Of the event's type, "depthUpdate" or "executionReport".
    """

    stream: str = ""
    symbol: str = ""
    account: str = ""
    event: str = ""


class Drop(FrameFault, frozen=True, tag="drop"):
    """The message is lost."""


class Gap(FrameFault, frozen=True, tag="gap"):
    """This message of the stream and the ones after it, `frames` in all, are lost."""

    frames: AtLeastOne = 5


class Duplicate(FrameFault, frozen=True, tag="duplicate"):
    """The message comes once more, at once."""


class Reorder(FrameFault, frozen=True, tag="reorder"):
    """The message comes only after the next `frames` messages of its stream, or at the fault's end."""

    frames: AtLeastOne = 1


class Late(FrameFault, frozen=True, kw_only=True, tag="late"):
    """The message comes `ms` and up to `jitter_ms` later, and what follows it on the socket not before it."""

    ms: Delay
    jitter_ms: Delay = 0


class HalfFrame(FrameFault, frozen=True, tag="half_frame"):
    """The message breaks off in the middle of its JSON."""


# --- open sockets; each socket is one chance


class SocketFault(Fault, frozen=True):
    """Strikes at sockets.

    Attributes:
        path: Of the socket's address: "/ws/btcusdt@trade", "/stream", "/ws-api/v3".
        stream: Of any stream that it is subscribed to ("user" for an account's events).
        account: Of any account whose events it gets.
    """

    path: str = ""
    stream: str = ""
    account: str = ""


class Stall(SocketFault, frozen=True, tag="stall"):
    """No data come, the TCP connection lives.

    `pings` says whether the venue still answers pings and sends its own. At the end what was held back
    comes in one burst (`backlog` keep, the newest 10,000 messages) or is lost (drop).
    """

    pings: Literal["answered", "swallowed"] = "answered"
    backlog: Literal["keep", "drop"] = "drop"


class Close(SocketFault, frozen=True, tag="close"):
    """The venue closes those that are open, and while it lasts those that come; 1006 is no goodbye."""

    code: Literal[1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1011, 1012, 1013] = 1006
    reason: Annotated[str, Meta(max_length=60)] = ""


class Shutdown(SocketFault, frozen=True, tag="shutdown"):
    """`serverShutdown` is announced, and `ms` of the venue's time later the socket closes (1001).

    Source: Binance spot "WebSocket Streams" and "WebSocket API", "Server Shutdown".
    """

    ms: Delay = 1_000


class UserStreamEnd(SocketFault, frozen=True, tag="user_stream_end"):
    """The account's events end with `eventStreamTerminated`; the socket stays open."""


# --- the venue itself; begins once, and is put back at the end of `duration_ms`


class VenueFault(Fault, frozen=True):
    """Happens once, when it begins."""


class SetClock(VenueFault, frozen=True, tag="clock"):
    """The venue's clock jumps by `offset_ms`, and from then on drifts (1000 ppm is 1 ms each second)."""

    offset_ms: Annotated[int, Meta(ge=-31_536_000_000, le=31_536_000_000)] = 0
    drift_ppm: Annotated[int, Meta(ge=-900_000, le=10_000_000)] = 0


class SymbolStatus(VenueFault, frozen=True, kw_only=True, tag="status"):
    """A symbol stops trading, or goes on. Source: Binance spot "Enums", symbol status."""

    symbol: str
    status: Literal["TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"] = "HALT"


class SymbolFilters(VenueFault, frozen=True, kw_only=True, tag="filters"):
    """A symbol's filters change; 0 switches a bound (no step) off, None leaves it as it is."""

    symbol: str
    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None

    def changes(self) -> dict[str, Decimal]:
        """The bounds that are given, by the instrument's names."""
        values = {name: getattr(self, name) for name in BOUNDS}
        return {name: value for name, value in values.items() if value is not None}


BOUNDS = tuple(
    name for name in SymbolFilters.__struct_fields__ if name not in {"symbol", *Fault.__struct_fields__}
)


class AccountDisabled(VenueFault, frozen=True, kw_only=True, tag="account_disabled"):
    """The account may place no orders: -2010, and `canTrade` is false."""

    account: str


class Transfer(VenueFault, frozen=True, kw_only=True, tag="transfer"):
    """An amount comes into an account from outside, or leaves it (negative)."""

    account: str
    asset: str
    amount: Decimal = ZERO


KnownFault = (
    Latency | Failure | LostReply | NoReply | RateLimit | Ban | Firewall | GarbledReply | KeyRefused
    | LateReject | Drop | Gap | Duplicate | Reorder | Late | HalfFrame | Stall | Close | Shutdown
    | UserStreamEnd | SetClock | SymbolStatus | SymbolFilters | AccountDisabled | Transfer
)  # fmt: skip
KINDS: dict[str, type[Fault]] = {str(kind.__struct_config__.tag): kind for kind in get_args(KnownFault)}
