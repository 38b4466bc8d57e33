"""The table of everything that the client can ask of the venue, with its price in request weight.

A request that is not in this table cannot be made. `Effect` decides what HALT stops: only what
creates or enlarges exposure; reads and cancels always pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec


class Effect(StrEnum):
    """READ changes nothing; CANCEL only takes orders out; EXPOSE may create or enlarge exposure."""

    READ = "READ"
    CANCEL = "CANCEL"
    EXPOSE = "EXPOSE"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One request: its verb and path, what it costs, and whether it is signed.

    `weight` is what one call costs; `weight_all` instead, where the call names no symbol;
    `weight_by_limit` instead, by the largest `limit` that it pays for. An order or a cancel
    is free when it succeeds (`free`) and costs `weight` when it fails; `orders` is how many
    unfilled orders it counts for. `attempts` bounds how
    often a failed read is asked again; what changes something is sent once, always.

    Source: Binance spot REST API, "Weight" of each endpoint.
    """

    verb: str
    path: str
    weight: int
    weight_all: int | None = None
    weight_by_limit: tuple[tuple[int, int], ...] = ()
    free: bool = False
    orders: int = 0
    signed: bool = False
    effect: Effect = Effect.READ
    attempts: int = 3

    @property
    def call(self) -> str:
        """ "GET /api/v3/depth": how errors name this request, without its parameters."""
        return f"{self.verb} {self.path}"

    def cost(self, params: Mapping[str, str]) -> int:
        """The documented weight of a successful call with these parameters."""
        if self.free:
            return 0
        if self.weight_all is not None and "symbol" not in params:
            return self.weight_all
        limit = int(params.get("limit", 0))
        return next((weight for most, weight in self.weight_by_limit if limit <= most), self.weight)


DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))

ENDPOINTS: Mapping[str, Endpoint] = {
    # asked once: a probe that tries again would hide what it measures
    "ping": Endpoint(verb="GET", path="/api/v3/ping", weight=1, attempts=1),
    "server_time": Endpoint(verb="GET", path="/api/v3/time", weight=1, attempts=1),
    "exchange_info": Endpoint(verb="GET", path="/api/v3/exchangeInfo", weight=20),
    "order_book": Endpoint(verb="GET", path="/api/v3/depth", weight=5, weight_by_limit=DEPTH_WEIGHTS),
    "trades": Endpoint(verb="GET", path="/api/v3/trades", weight=25),
    "klines": Endpoint(verb="GET", path="/api/v3/klines", weight=2),
    "ticker_price": Endpoint(verb="GET", path="/api/v3/ticker/price", weight=2, weight_all=4),
    "book_ticker": Endpoint(verb="GET", path="/api/v3/ticker/bookTicker", weight=2, weight_all=4),
    "account": Endpoint(verb="GET", path="/api/v3/account", weight=20, signed=True),
    "order_status": Endpoint(verb="GET", path="/api/v3/order", weight=4, signed=True),
    "open_orders": Endpoint(verb="GET", path="/api/v3/openOrders", weight=6, weight_all=80, signed=True),
    "my_trades": Endpoint(verb="GET", path="/api/v3/myTrades", weight=20, signed=True),
    "cancel_order": Endpoint(
        verb="DELETE", path="/api/v3/order", weight=1, free=True, signed=True, effect=Effect.CANCEL,
        attempts=1,
    ),
    "cancel_all": Endpoint(
        verb="DELETE", path="/api/v3/openOrders", weight=1, free=True, signed=True, effect=Effect.CANCEL,
        attempts=1,
    ),
    "submit_order": Endpoint(
        verb="POST", path="/api/v3/order", weight=1, free=True, orders=1, signed=True,
        effect=Effect.EXPOSE, attempts=1,
    ),
}  # fmt: skip


def cheaper_one_by_one(symbols: Collection[str]) -> bool:
    """Whether asking for each symbol's open orders costs less than asking for all there are, at once."""
    endpoint = ENDPOINTS["open_orders"]
    return sum(endpoint.cost({"symbol": each}) for each in symbols) < endpoint.cost({})
