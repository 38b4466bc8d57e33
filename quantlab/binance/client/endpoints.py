"""The table of everything that the client can ask of the venue, with its price in request weight.

A request that is not in this table cannot be made. `Effect` decides what HALT stops: only what
creates or enlarges exposure; reads and cancels always pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Effect(StrEnum):
    """READ changes nothing; CANCEL only takes orders out or makes them smaller; EXPOSE may create or
    enlarge exposure.
    """

    READ = "READ"
    CANCEL = "CANCEL"
    EXPOSE = "EXPOSE"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One request: its verb and path, what it costs, and whether it is signed.

    `weight` is what one call costs; `weight_all` instead, where the call names no symbol;
    `weight_by_limit` instead, by the largest `limit` that it pays for; `weigh` instead, where other
    parameters count. An order or a cancel
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
    weigh: Callable[[Mapping[str, str]], int] | None = None
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
        if self.weigh is not None:
            return self.weigh(params)
        if self.weight_all is not None and "symbol" not in params:
            return self.weight_all
        limit = int(params.get("limit", 0))
        return next((weight for most, weight in self.weight_by_limit if limit <= most), self.weight)


def symbols_in(params: Mapping[str, str]) -> int | None:
    """How many symbols a request names; None where it asks for all."""
    if "symbols" in params:
        return len(msgspec.json.decode(params["symbols"], type=list[str]))
    return 1 if "symbol" in params else None


def _day(params: Mapping[str, str]) -> int:
    count = symbols_in(params)
    return 80 if count is None or count > 100 else 40 if count > 20 else 2


def _window(params: Mapping[str, str]) -> int:
    return min(200, 4 * (symbols_in(params) or 1))


def _by_order(params: Mapping[str, str]) -> int:
    return 5 if "orderId" in params else 20


def _prevented(params: Mapping[str, str]) -> int:
    return 20 if "orderId" in params else 2


def _tested(params: Mapping[str, str]) -> int:
    return 20 if "computeCommissionRates" in params else 1


def _get(path: str, weight: int, *, signed: bool = False, **more: Any) -> Endpoint:
    return Endpoint(verb="GET", path=f"/api/v3/{path}", weight=weight, signed=signed, **more)


def _order(verb: str, path: str, effect: Effect = Effect.EXPOSE, orders: int = 0) -> Endpoint:
    """What changes the account: free when it succeeds, and sent once."""
    return Endpoint(
        verb=verb, path=f"/api/v3/{path}", weight=1, free=True, orders=orders, signed=True, effect=effect,
        attempts=1,
    )  # fmt: skip


DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))

ENDPOINTS: Mapping[str, Endpoint] = {
    # asked once: a probe that tries again would hide what it measures
    "ping": _get("ping", 1, attempts=1),
    "server_time": _get("time", 1, attempts=1),
    "exchange_info": _get("exchangeInfo", 20),
    "order_book": _get("depth", 5, weight_by_limit=DEPTH_WEIGHTS),
    "trades": _get("trades", 25),
    "historical_trades": _get("historicalTrades", 25),
    "agg_trades": _get("aggTrades", 4),
    "klines": _get("klines", 2),
    "ui_klines": _get("uiKlines", 2),
    "avg_price": _get("avgPrice", 2),
    "ticker_price": _get("ticker/price", 2, weight_all=4),
    "book_ticker": _get("ticker/bookTicker", 2, weight_all=4),
    "ticker_24h": _get("ticker/24hr", 2, weigh=_day),
    "ticker": _get("ticker", 4, weigh=_window),
    "trading_day": _get("ticker/tradingDay", 4, weigh=_window),
    "my_filters": _get("myFilters", 40, signed=True),
    "account": _get("account", 20, signed=True),
    "commission": _get("account/commission", 20, signed=True),
    "order_rate_limits": _get("rateLimit/order", 40, signed=True),
    "order_status": _get("order", 4, signed=True),
    "open_orders": _get("openOrders", 6, weight_all=80, signed=True),
    "all_orders": _get("allOrders", 20, signed=True),
    "my_trades": _get("myTrades", 20, weigh=_by_order, signed=True),
    "prevented_matches": _get("myPreventedMatches", 2, weigh=_prevented, signed=True),
    "order_amendments": _get("order/amendments", 4, signed=True),
    "order_list_status": _get("orderList", 4, signed=True),
    "open_order_lists": _get("openOrderList", 6, signed=True),
    "all_order_lists": _get("allOrderList", 20, signed=True),
    # checks an order and places none; HALT does not concern it
    "test_order": Endpoint(
        verb="POST", path="/api/v3/order/test", weight=1, weigh=_tested, signed=True, attempts=1
    ),
    "cancel_order": _order("DELETE", "order", Effect.CANCEL),
    "cancel_all": _order("DELETE", "openOrders", Effect.CANCEL),
    "cancel_list": _order("DELETE", "orderList", Effect.CANCEL),
    # it can only make an order smaller, and always costs its weight
    "amend_keep_priority": Endpoint(
        verb="PUT", path="/api/v3/order/amend/keepPriority", weight=4, signed=True, effect=Effect.CANCEL,
        attempts=1,
    ),
    "submit_order": _order("POST", "order", orders=1),
    "cancel_replace": _order("POST", "order/cancelReplace", orders=1),
    "submit_oco": _order("POST", "orderList/oco", orders=2),
    "submit_oto": _order("POST", "orderList/oto", orders=2),
    "submit_otoco": _order("POST", "orderList/otoco", orders=3),
}  # fmt: skip

METHODS: Mapping[str, str] = {name: name for name in ENDPOINTS} | {
    "exchange_filter": "exchange_info",
    "my_trades_since": "my_trades",
    "submit_limit_order": "submit_order",
    "submit_market_order": "submit_order",
    "submit_market_quote": "submit_order",
    "submit_stop": "submit_order",
}
"""Every method of the client that asks the venue, and what it asks."""


def cheaper_one_by_one(symbols: Collection[str]) -> bool:
    """Whether asking for each symbol's open orders costs less than asking for all there are, at once."""
    endpoint = ENDPOINTS["open_orders"]
    return sum(endpoint.cost({"symbol": each}) for each in symbols) < endpoint.cost({})
