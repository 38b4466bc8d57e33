"""An exchange to try orders on, and orders in few words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side, TimeInForce
from quantlab.paper.exchange import Exchange, Execution, ListChange, TradePrint
from quantlab.paper.orders import (
    CancelledList,
    Contingency,
    NewList,
    NewOrder,
    OrderKind,
    OrderState,
    Placed,
    PlacedList,
)

BUY, SELL = Side
BTC = Instrument(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=Decimal("0.01"), min_price=Decimal("0.01"),
    max_price=Decimal(1_000_000), step_size=Decimal("0.00001"), min_quantity=Decimal("0.0001"),
    max_quantity=Decimal(100), min_notional=Decimal(5),
)  # fmt: skip
FUNDS = {"BTC": Decimal(10), "USDT": Decimal(1_000_000)}
GTC_KINDS = (OrderKind.LIMIT, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT_LIMIT)
DECIMALS = ("price", "stop_price", "quote_quantity")


def order(side: Side, kind: str, quantity: object = None, **more: Any) -> NewOrder:
    """An order for BTCUSDT; numbers may be text, a priced one is GTC unless said."""
    for field in DECIMALS:
        if field in more:
            more[field] = Decimal(str(more[field]))
    if OrderKind(kind) in GTC_KINDS:
        more.setdefault("time_in_force", TimeInForce.GTC)
    if quantity is not None:
        more["quantity"] = Decimal(str(quantity))
    return NewOrder(symbol="BTCUSDT", side=side, type=OrderKind(kind), **more)


class Desk:
    """One exchange with the accounts ada and bob, whose time moves by one with each request."""

    def __init__(self, **options: Any) -> None:
        self.exchange = Exchange([BTC], **options)
        self.now_ms = 0
        for name in ("ada", "bob"):
            self.exchange.open_account(name, FUNDS, commission=Decimal(0))

    def place(self, account: str, side: Side, kind: str, quantity: object = None, **more: Any) -> Placed:
        self.now_ms += 1
        return self.exchange.place(account, order(side, kind, quantity, **more), self.now_ms)

    def limit(self, account: str, side: Side, quantity: object, price: object, **more: Any) -> Placed:
        return self.place(account, side, "LIMIT", quantity, price=price, **more)

    def list(self, account: str, contingency: str, *orders: NewOrder, name: str = "") -> PlacedList:
        self.now_ms += 1
        asked = NewList(
            symbol="BTCUSDT", contingency=Contingency(contingency), orders=orders, list_client_order_id=name
        )
        return self.exchange.place_list(account, asked, self.now_ms)

    def cancel(self, account: str, order_id: int, **more: Any) -> OrderState | CancelledList:
        self.now_ms += 1
        return self.exchange.cancel(account, "BTCUSDT", order_id=order_id, now_ms=self.now_ms, **more)

    def trade(self, price: object, quantity: object = "0.1") -> None:
        """Bob trades with himself at this price: the last price is what a test wants it to be."""
        self.limit("bob", SELL, quantity, price, prevention="NONE")
        self.limit("bob", BUY, quantity, price, prevention="NONE", time_in_force=TimeInForce.IOC)

    def status(self, placed: Placed | int, account: str = "ada") -> str:
        number = placed if isinstance(placed, int) else placed.order.order_id
        return self.exchange.order(account, "BTCUSDT", order_id=number).status

    def state(self, placed: Placed, account: str = "ada") -> OrderState:
        return self.exchange.order(account, "BTCUSDT", order_id=placed.order.order_id)

    def funds(self, account: str, asset: str) -> tuple[Decimal, Decimal]:
        """Free and locked."""
        balance = self.exchange.balances(account)[asset]
        return balance.free, balance.locked

    def story(self, account: str = "ada") -> list[str]:
        """What the account has heard since the last call, a line each."""
        return [*self._lines(account)]

    def _lines(self, account: str) -> Iterable[str]:
        for event in self.exchange.drain_events():
            if isinstance(event, Execution) and event.account == account:
                yield f"{event.order.order_id} {event.execution_type.value} {event.order.status}"
            elif isinstance(event, ListChange) and event.account == account:
                yield f"list {event.order_list.status_type} {event.order_list.order_status}"

    def prints(self) -> list[str]:
        """Prices of public trades since the events were last taken."""
        return [str(each.price) for each in self.exchange.drain_events() if isinstance(each, TradePrint)]
