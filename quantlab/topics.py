"""The catalogue: every topic on the bus and the type it carries. Read this first.

The part in braces is filled from the event's attribute of that name. Patterns for subscribers:
`*` stands for one part, `>` for the rest: "market.*.BTCUSDT", "order.>", "market.trade.*".
Commands never travel on the bus; they go through the desk.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from quantlab.bus import Topic
from quantlab.bus.reports import OWN_TOPICS
from quantlab.domain.market import BookTicker, DepthUpdate, Kline, Trade
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import Balance, Fill, Position
from quantlab.domain.venue import VenueHealth
from quantlab.domain.verdict import LimitAlert, Verdict


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Our view of one order after a change. Quantities in the base asset.

    `state` is one of the states of `trading.orders`; `reason` says why, where there is one.
    """

    symbol: str
    client_order_id: str
    order_id: int
    side: str
    type: str
    price: Decimal | None
    quantity: Decimal | None
    filled: Decimal
    average_price: Decimal | None
    state: str
    reason: str
    time_ms: int


class RiskBreach(msgspec.Struct, frozen=True, kw_only=True):
    """The rails denied an order; `verdicts` holds every rail's answer."""

    symbol: str
    order: str
    verdicts: tuple[Verdict, ...]
    time_ms: int


class HaltChange(msgspec.Struct, frozen=True, kw_only=True):
    """HALT was set or lifted; `cancelled` counts the orders the venue then cancelled for us."""

    halted: bool
    reason: str
    cancelled: int | None
    time_ms: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in which our books and the venue's differed when it was asked.

    `kind` is what it is: UNHEARD_FILL, UNHEARD_CHANGE, UNHEARD_ORDER (something the user stream never
    told), BALANCE, UNKNOWN_ORDER (it lives here and the venue does not know it), MISSING_FILLS (an
    order is over and its trades are not in the venue's list), OTHER_VENUE (the venue does not know
    our trades: it was put up anew). `repaired` says whether our books are the venue's again.
    """

    kind: str
    symbol: str  # an asset for BALANCE
    subject: str
    ours: str
    venues: str
    repaired: bool

    def describe(self) -> str:
        """One line for people."""
        end = "" if self.repaired else "; not repaired"
        return f"{self.subject}: here {self.ours}, at the venue {self.venues}{end}"


class ReconcileChange(msgspec.Struct, frozen=True, kw_only=True):
    """Reconciliation found differences (`clean` False), or none any more after it had (`clean` True)."""

    clean: bool
    differences: tuple[Difference, ...]
    time_ms: int


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says at one event. News only: no order ever follows from it by itself.

    `number` counts the predictions of this key, `version` is what the model was last saved as (0: never).
    It is about the price at `due_ms` (None: the next other price), seen from `price` at `event_ms`; both
    times are UTC milliseconds, event time. `value` is the likeliest class, or the number; None where the
    model cannot say yet. `shares` are the classes' probabilities, None of a number.
    """

    name: str
    key: str
    version: int
    number: int
    event_ms: int
    due_ms: int | None
    price: float
    value: bool | int | float | str | None
    shares: dict[bool | int | float | str, float] | None = None


TRADE: Topic[Trade] = Topic("market.trade.{symbol}", Trade)
BOOK_TICKER: Topic[BookTicker] = Topic("market.book_ticker.{symbol}", BookTicker)
DEPTH: Topic[DepthUpdate] = Topic("market.depth.{symbol}", DepthUpdate)
KLINE: Topic[Kline] = Topic("market.kline.{symbol}", Kline)
ORDER: Topic[OrderUpdate] = Topic("order.{symbol}", OrderUpdate, lane="order")
EXECUTION: Topic[ExecutionReport] = Topic("execution.{symbol}", ExecutionReport, lane="order")
FILL: Topic[Fill] = Topic("fill.{symbol}", Fill, lane="order")
POSITION: Topic[Position] = Topic("position.{symbol}", Position, lane="order")
BALANCE: Topic[Balance] = Topic("balance.{asset}", Balance, lane="order")
RISK_BREACH: Topic[RiskBreach] = Topic("risk.breach", RiskBreach, lane="order")
RISK_RECONCILE: Topic[ReconcileChange] = Topic("risk.reconcile", ReconcileChange, lane="order")
RISK_LIMIT: Topic[LimitAlert] = Topic("risk.limit", LimitAlert, lane="order")
RISK_HALT: Topic[HaltChange] = Topic("risk.halt", HaltChange, lane="halt")
VENUE_HEALTH: Topic[VenueHealth] = Topic("venue.health", VenueHealth)
PREDICTION: Topic[Prediction] = Topic("learn.prediction.{name}", Prediction)

MARKET_TOPICS: dict[type, Topic[Any]] = {
    Trade: TRADE, BookTicker: BOOK_TICKER, DepthUpdate: DEPTH, Kline: KLINE,
}  # fmt: skip

CATALOGUE: tuple[Topic[object], ...] = (  # type: ignore[assignment]  # topics of many types
    TRADE, BOOK_TICKER, DEPTH, KLINE, ORDER, EXECUTION, FILL, POSITION, BALANCE,
    RISK_BREACH, RISK_LIMIT, RISK_RECONCILE, RISK_HALT, VENUE_HEALTH, PREDICTION, *OWN_TOPICS,
)  # fmt: skip
