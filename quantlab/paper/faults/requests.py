"""What becomes of one request: waits, an answer that is not the venue's, or none.

Decided before the venue acts, from what the request says of itself; carried out by the server.

Source: Binance spot "Errors"; REST API, "HTTP Return Codes" and "LIMITS".
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from quantlab.paper.faults.kinds import (
    Ban,
    Failure,
    Fault,
    Firewall,
    GarbledReply,
    KeyRefused,
    Latency,
    LateReject,
    LostReply,
    NoReply,
    RateLimit,
    RequestFault,
)
from quantlab.paper.faults.plan import Plan, matches

FAILURES: dict[int, tuple[int, str]] = {  # code: status, message
    -1000: (500, "An unknown error occurred while processing the request."),
    -1001: (500, "Internal error; unable to process your request. Please try again."),
    -1006: (500, "An unexpected response was received from the message bus. Execution status unknown."),
    -1007: (
        504,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    ),
    -1008: (503, "Server is currently overloaded with other requests. Please try again in a few minutes."),
}
PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n"
TITLES = {200: "Welcome", 403: "403 Forbidden", 502: "502 Bad Gateway", 503: "503 Service Unavailable"}
CANCELS = ("DELETE ", "order.cancel", "openOrders.cancel", "orderList.cancel")


class Request(NamedTuple):
    """One request as faults see it.

    Attributes:
        endpoint: "POST /api/v3/order" or "order.place".
        account: Whose key it carries; "" where none of ours.
        signed, trades: Whether the endpoint needs a signature; whether it trades.
    """

    endpoint: str
    symbol: str = ""
    account: str = ""
    signed: bool = False
    trades: bool = False


class Answer(NamedTuple):
    """An answer in the venue's place. `code` 0: a page of HTML."""

    status: int
    code: int
    message: str
    retry_after_s: int = 0


class Trouble(NamedTuple):
    """What happens to one request, in this order; of `answer`, `silence` and `shape` at most one.

    Attributes:
        before_ms: Real time until the venue looks at it.
        acts: Whether the venue acts.
        after_ms: Real time between acting and answering.
        answer: Instead of the venue's own.
        silence: The connection is closed, or nothing ever comes.
        shape: How the venue's own answer is damaged.
        reject_ms: The venue's time until the order is rejected after all.
    """

    before_ms: float = 0
    acts: bool = True
    after_ms: float = 0
    answer: Answer | None = None
    silence: Literal["", "lost", "never"] = ""
    shape: Literal["", "half", "cut", "html", "empty"] = ""
    reject_ms: int | None = None

    @property
    def decided(self) -> bool:
        """Whether the client will not get the venue's own answer as it is."""
        return self.answer is not None or bool(self.silence or self.shape)


def trouble(plan: Plan, request: Request, now_ms: int, now_utc_ms: int) -> Trouble:
    """What the plan's faults make of one request. Delays add up; of answers the first fault's counts."""
    made = Trouble()
    for active in plan.requests:
        fault = active.fault
        if not isinstance(fault, RequestFault) or not active.in_force(now_ms) or not _hits(fault, request):
            continue
        if made.decided and not isinstance(fault, Latency | LateReject):
            continue
        if plan.take(active, request.endpoint):
            jitter = active.jitter(fault.jitter_ms) if isinstance(fault, Latency) else 0
            made = _with(made, fault, jitter, now_utc_ms)
    return made


def _hits(fault: RequestFault, request: Request) -> bool:
    if isinstance(fault, KeyRefused) and not request.signed:
        return False
    if isinstance(fault, LateReject) and (not request.trades or request.endpoint.startswith(CANCELS)):
        return False
    return (
        matches(fault.endpoint, request.endpoint)
        and matches(fault.symbol, request.symbol)
        and matches(fault.account, request.account)
    )


def _with(made: Trouble, fault: Fault, jitter: float, now_ms: int) -> Trouble:
    """`made`, and one fault more."""
    match fault:
        case Latency(when="before"):
            return made._replace(before_ms=made.before_ms + fault.ms + jitter)
        case Latency():
            return made._replace(after_ms=made.after_ms + fault.ms + jitter)
        case LateReject():
            return made._replace(reject_ms=fault.ms)
        case LostReply():
            return made._replace(silence="lost", acts=fault.when == "after")
        case NoReply():
            return made._replace(silence="never", acts=fault.when == "after")
        case GarbledReply():
            return made._replace(shape=fault.shape)
        case Failure():
            return made._replace(answer=_failure(fault), acts=fault.when == "after")
        case _:
            return made._replace(answer=_refusal(fault, now_ms), acts=False)


def _failure(fault: Failure) -> Answer:
    status, message = FAILURES[fault.code]
    status = fault.status or status
    return Answer(status, 0, page(status)) if fault.body == "html" else Answer(status, fault.code, message)


def _refusal(fault: Fault, now_ms: int) -> Answer:
    match fault:
        case RateLimit():
            return Answer(
                429,
                -1003,
                "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API.",
                fault.retry_after_s,
            )
        case Ban():
            until_ms = now_ms + 1_000 * fault.retry_after_s
            return Answer(
                418,
                -1003,
                f"Way too much request weight used; IP banned until {until_ms}. "
                "Please use WebSocket Streams for live updates to avoid bans.",
                fault.retry_after_s,
            )
        case Firewall():
            return Answer(403, 0, page(403))
        case KeyRefused():
            return Answer(401, -2015, "Invalid API-key, IP, or permissions for action.")
        case _:
            raise TypeError(f"{fault.name} is no answer")


def page(status: int) -> str:
    """What stands before the venue says when it speaks in the venue's place."""
    return PAGE.format(TITLES.get(status, f"{status} Error"))
