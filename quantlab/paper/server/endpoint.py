"""What an endpoint is: one row for the REST API and the WebSocket API alike.

The modules of handlers list their rows as `ENDPOINTS`; `rest` and `wsapi` look them up by their names.

Source: Binance spot REST API, "General Information on Endpoints" and "Request Security".
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from quantlab.paper.events import Refused
from quantlab.paper.server.params import Params

Weight = int | Callable[[Params], int]


class Security(Enum):
    """Who may call. Source: Binance spot REST API, "Request Security"."""

    NONE = "NONE"
    SIGNED = "SIGNED"  # any key, whatever it may do
    USER_DATA = "USER_DATA"
    USER_STREAM = "USER_STREAM"
    TRADE = "TRADE"


class Endpoint(NamedTuple):
    """One endpoint, by REST and by the WebSocket API.

    Attributes:
        handler: Of the session and the request, and between them the account where it is signed.
        weight: The documented one. A TRADE endpoint costs it only when refused, unless `always_costs`.
        rest: Method and path, "GET /api/v3/ping"; "" where only the WebSocket API has it.
        ws: The WebSocket API's method, "order.place"; "" where only REST has it.
        client_id: The parameter that names the order, for the log of requests.
        counts_orders: The reply tells how many unfilled orders the account has placed.
        always_costs: Also a successful request costs its weight, as order/test and amend keepPriority.
        only_checks: It changes nothing for all that it is a TRADE endpoint, and is not logged.
        unknown_symbol: The weight where `symbol` is none of the venue's; None: the same as ever.
    """

    handler: Callable[..., Any]
    weight: Weight
    security: Security = Security.NONE
    rest: str = ""
    ws: str = ""
    client_id: str = ""
    counts_orders: bool = False
    always_costs: bool = False
    only_checks: bool = False
    unknown_symbol: int | None = None


class PartlyDone(Refused):
    """A refusal that did something, or tried to, and says what became of each part.

    Attributes:
        status: The HTTP status, which the code alone does not tell.
        data: The parts, as the answer carries them under "data".
        retry_after_ms: How long to wait where a limit is used up, else None.
    """

    def __init__(
        self, code: int, message: str, *, status: int, data: dict[str, Any], retry_after_ms: int | None = None
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.data = data
        self.retry_after_ms = retry_after_ms
