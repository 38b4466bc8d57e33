"""The whole trading core on one loop, against a venue whose answers a test can lose."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from quantlab.bus import Bus
from quantlab.clock import ManualClock
from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits
from quantlab.domain.orders import (
    AccountTrade,
    ExecutionReport,
    OrderAck,
    OrderRequest,
    OrderSnapshot,
)
from quantlab.domain.permit import Permit
from quantlab.domain.position import AccountInfo, AccountPosition, Balance
from quantlab.errors import NotSent, OrderOutcomeUnknown, OrderRejected, VenueRejected
from quantlab.topics import CATALOGUE
from quantlab.trading.asking import Conditions
from quantlab.trading.exposure import BookView
from quantlab.trading.gateway import Gateway
from quantlab.trading.journal import Journal, read
from quantlab.trading.orders import Orders
from quantlab.trading.portfolio import Portfolio
from quantlab.trading.rails import Rails
from quantlab.trading.resolver import Doubt
from quantlab.trading.sender import OrderSender
from quantlab.wire import HaltLatch, Wire

BTC = Instrument(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.00001"),
    min_price=Decimal("0.01"), max_price=Decimal(1_000_000), min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(9_000), min_notional=Decimal(5), max_notional=Decimal(9_000_000),
)  # fmt: skip
ETH = msgspec.structs.replace(BTC, symbol="ETHUSDT", base="ETH")


class Quote(NamedTuple):
    """A market price and its event time."""

    price: Decimal
    event_ms: int


def calm(price: Decimal) -> Conditions:
    """A venue that is fit and has room, and a market that stands still at `price`."""
    book = BookView(bid=price - 1, ask=price + 1, low=price, high=price)
    return Conditions(health="OK", health_age_ms=0, budget_left=1_000_000, book=book)


MUCH = Decimal(10**12)
WIDE = Limits(
    max_order_notional=MUCH, max_position=MUCH, max_gross_exposure=MUCH, max_net_exposure=MUCH,
    max_open_notional=MUCH, max_orders_per_second=1_000_000, max_open_orders=1_000_000,
    max_repeats=1_000_000, max_identical_orders=1_000_000, max_error_rate=Decimal(1),
)  # fmt: skip
"""Limits that leave the venue to say no."""


def mistake(portfolio: Portfolio) -> None:
    """Have a portfolio believe that the account is rich."""
    for asset in ("BTC", "USDT"):
        portfolio.balances[asset] = Balance(asset=asset, free=MUCH, locked=Decimal(0))


class ScriptedVenue:
    """The venue's side of `OrderClient`: orders rest until a test trades or cancels them.

    `answers` holds what becomes of the next submits: "ack", "reject", "not sent", "lost" (it
    acted, the answer is lost), "lost, not placed"; an empty list acknowledges. Reports wait in
    `stream` until a test delivers them, in whatever order it likes.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.answers: list[str] = []
        self.stream: list[ExecutionReport] = []
        self.orders: dict[str, OrderSnapshot] = {}
        self.over: list[OrderSnapshot] = []  # those whose id was used again
        self.trades: list[AccountTrade] = []
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.queries = 0
        self.gate: asyncio.Event | None = None
        self._clock = clock
        self._numbers = itertools.count(1)
        self.archived = False  # every query says that it has forgotten the order

    async def submit_order(self, request: OrderRequest, permit: Permit) -> OrderAck:
        permit.redeem(request, self._clock.monotonic_ns())
        self.submitted.append(request.client_order_id)
        answer = self.answers.pop(0) if self.answers else "ack"
        if self.gate is not None:
            await self.gate.wait()
        if answer == "reject":
            raise OrderRejected(-2010, "insufficient balance", status=400, method="POST /api/v3/order")
        if answer == "not sent":
            raise NotSent("connection refused")
        if answer != "lost, not placed":
            self.place(request)
        if answer.startswith("lost"):
            raise OrderOutcomeUnknown(request.client_order_id, "the answer was lost")
        placed = self.orders[request.client_order_id]
        return OrderAck(
            symbol=request.symbol, order_id=placed.order_id, client_order_id=request.client_order_id,
            status="NEW", transact_ms=0, executed_quantity=Decimal(0), executed_quote=Decimal(0),
        )  # fmt: skip

    def place(self, request: OrderRequest) -> None:
        """Take an order, ours or one from elsewhere, and report it; the id of one that is over may return."""
        if request.client_order_id in self.orders:
            assert not self._open(request.client_order_id)
            self.over.append(self.orders[request.client_order_id])
        self.orders[request.client_order_id] = OrderSnapshot(
            symbol=request.symbol, order_id=next(self._numbers), client_order_id=request.client_order_id,
            side=request.side.value, type=request.type.value, time_in_force="GTC",
            quantity=request.quantity or Decimal(0), price=request.price or Decimal(0),
            quote_quantity=Decimal(0), executed_quantity=Decimal(0), executed_quote=Decimal(0),
            status="NEW", created_ms=0, updated_ms=1,
        )  # fmt: skip
        self._report(request.client_order_id)

    def reset(self) -> None:
        """Forget everything and count from 1 again, as a venue that was put up anew."""
        self.orders, self.over, self.trades, self.stream = {}, [], [], []
        self._numbers = itertools.count(1)

    def trade(self, client_order_id: str, quantity: Any, price: Any = "60000") -> None:
        """Trade a part of an order."""
        order, size, each = self.orders[client_order_id], Decimal(quantity), Decimal(price)
        done = order.executed_quantity + size
        self._update(
            client_order_id,
            executed_quantity=done,
            executed_quote=order.executed_quote + size * each,
            status="FILLED" if done == order.quantity else "PARTIALLY_FILLED",
        )
        self.trades.append(
            AccountTrade(
                symbol=order.symbol,
                trade_id=next(self._numbers),
                order_id=order.order_id,
                side=order.side,
                price=each,
                quantity=size,
                quote_quantity=size * each,
                commission=Decimal(0),
                commission_asset="BNB",
                is_maker=True,
                time_ms=0,
            )
        )
        self._report(client_order_id, self.trades[-1])

    def end(self, client_order_id: str, status: str = "CANCELED") -> None:
        """End an order without a trade."""
        self._update(client_order_id, status=status)
        self._report(client_order_id)

    async def cancel_order(
        self, symbol: str, *, client_order_id: str, order_id: int | None = None
    ) -> OrderSnapshot:
        if order_id is not None:
            client_order_id = self._by_number(symbol, order_id).client_order_id
        self.cancelled.append(client_order_id)
        if self._open(client_order_id):
            self.end(client_order_id)
            return self.orders[client_order_id]
        raise OrderRejected(-2011, "Unknown order sent.", status=400, method="DELETE /api/v3/order")

    async def cancel_all(self, symbol: str) -> list[OrderSnapshot]:
        return [
            await self.cancel_order(symbol, client_order_id=each.client_order_id)
            for each in await self.open_orders(symbol)
        ]

    async def order_status(
        self, symbol: str, *, client_order_id: str = "", order_id: int | None = None
    ) -> OrderSnapshot:
        self.queries += 1
        if order_id is not None:
            return self._by_number(symbol, order_id)
        if self.archived:
            raise VenueRejected(-2026, "Order was archived.", status=400, method="GET /api/v3/order")
        if client_order_id not in self.orders:
            raise VenueRejected(-2013, "Order does not exist.", status=400, method="GET /api/v3/order")
        return self.orders[client_order_id]

    async def open_orders(self, symbol: str | None = None) -> list[OrderSnapshot]:
        return [
            each for name, each in self.orders.items() if self._open(name) and symbol in (None, each.symbol)
        ]

    async def my_trades(
        self, symbol: str, *, from_id: int | None = None, order_id: int | None = None, limit: int = 500
    ) -> list[AccountTrade]:
        trades = [each for each in self.trades if each.symbol == symbol and order_id in (None, each.order_id)]
        if from_id is None:
            return trades[-limit:]
        return [each for each in trades if each.trade_id >= from_id][:limit]

    async def account(self) -> AccountInfo:
        usdt = Balance(asset="USDT", free=Decimal(10**9), locked=Decimal(0))
        return AccountInfo(balances=(usdt,), can_trade=True, updated_ms=1)

    def _by_number(self, symbol: str, order_id: int) -> OrderSnapshot:
        for each in (*self.over, *self.orders.values()):
            if (each.symbol, each.order_id) == (symbol, order_id):
                return each
        raise VenueRejected(-2013, "Order does not exist.", status=400, method="GET /api/v3/order")

    def _open(self, client_order_id: str) -> bool:
        order = self.orders.get(client_order_id)
        return order is not None and order.status in {"NEW", "PARTIALLY_FILLED"}

    def _update(self, client_order_id: str, **changes: Any) -> None:
        order = self.orders[client_order_id]
        self.orders[client_order_id] = msgspec.structs.replace(
            order, updated_ms=order.updated_ms + 1, **changes
        )

    def _report(self, client_order_id: str, trade: AccountTrade | None = None) -> None:
        order = self.orders[client_order_id]
        self.stream.append(
            ExecutionReport(
                symbol=order.symbol,
                order_id=order.order_id,
                client_order_id=client_order_id,
                side=order.side,
                type=order.type,
                time_in_force="GTC",
                quantity=order.quantity,
                price=order.price,
                execution_type="TRADE" if trade else order.status,
                status=order.status,
                reject_reason="NONE",
                last_quantity=trade.quantity if trade else Decimal(0),
                last_price=trade.price if trade else Decimal(0),
                cumulative_quantity=order.executed_quantity,
                cumulative_quote=order.executed_quote,
                commission=Decimal(0),
                commission_asset=None,
                trade_id=trade.trade_id if trade else -1,
                execution_id=next(self._numbers),
                is_maker=False,
                event_ms=0,
                transact_ms=order.updated_ms,
            )
        )


class Bench:
    """The trading core, wired: one loop, a manual clock, a scripted venue, everything said on the bus."""

    def __init__(self, journal: Journal, clock: ManualClock, limits: Limits, sender: dict[str, Any]) -> None:
        self.clock, self.journal = clock, journal
        self.venue = ScriptedVenue(clock)
        self.latch = HaltLatch()
        self.contradictions: list[str] = []
        self.strangers: list[str] = []
        self.bus = Bus(clock, catalogue=CATALOGUE)
        self.rails, self.portfolio, self.orders = (
            Rails(limits),
            Portfolio({"BTCUSDT": BTC, "ETHUSDT": ETH}),
            Orders(),
        )
        self.quote: Quote | None = Quote(Decimal(60_000), clock.now_ms())
        loop = asyncio.get_running_loop()
        self.wire = Wire(loop, self.apply, loop=loop)
        self.sender = OrderSender(
            client=self.venue, journal=journal, latch=self.latch, post=self.wire.post_order,
            limits_version=lambda: self.rails.limits.version,
            **{"doubt": Doubt(settle_s=0.05, absences=3, pauses_s=(0.01, 0.02)), **sender},
        )  # fmt: skip
        self.gateway = Gateway(
            wire=self.wire, sender=self.sender, bus=self.bus, clock=clock, rails=self.rails,
            portfolio=self.portfolio, orders=self.orders, journal=journal, latch=self.latch,
            reference=lambda _: self.quote, conditions=lambda _: calm(Decimal(60_000)),
            on_contradiction=self.contradictions.append, on_stranger=self.strangers.append,
        )  # fmt: skip
        self.heard: list[tuple[str, Any]] = []
        riches = tuple(
            Balance(asset=each, free=Decimal(10**9), locked=Decimal(0)) for each in ("BTC", "ETH", "USDT")
        )
        self.portfolio.apply(AccountPosition(balances=riches, event_ms=0, updated_ms=0))
        for symbol in ("BTCUSDT", "ETHUSDT"):
            self.portfolio.mark(symbol, Decimal(60_000), 0)
        self.wire.start()

    async def listen(self) -> None:
        for pattern in ("order.>", "execution.>", "fill.>", "position.>", "balance.>", "risk.breach"):
            name = pattern.split(".")[0]
            self.bus.subscribe(pattern, lambda event, name=name: self.heard.append((name, event)))

    def apply(self, message: object) -> None:
        assert self.gateway.apply(message), message

    async def deliver(self, *indexes: int) -> None:
        """Send reports that wait in the stream: all of them in order, or those given."""
        waiting, self.venue.stream = self.venue.stream, []
        for report in [waiting[index] for index in indexes] if indexes else waiting:
            self.wire.post_order(report)
        await self.turn()

    async def turn(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.bus.settle()

    def kinds(self) -> list[str]:
        """The kinds of the journal's lines so far, without the first."""
        return [line.kind for line in read(self.journal.path)][1:]

    def said(self, name: str) -> list[Any]:
        return [event for heard, event in self.heard if heard == name]
