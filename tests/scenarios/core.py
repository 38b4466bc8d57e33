"""Where stories are played in process: the exchange itself, without a server.

Source of the parameters' meaning: Binance spot REST API, "New order (TRADE)".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grounds import Event, Outcome, Pair
from story import ACCOUNTS, BALANCES, COMMISSION, SYMBOL, Params, Step

from quantlab.domain.orders import OrderType, Side, TimeInForce
from quantlab.paper.exchange import Exchange, Execution, NewOrder, Refused
from quantlab.paper.market.synthetic import instruments

START_MS = 1_767_225_600_000


class Core:
    """An exchange with the two accounts, and a time that only `advance` moves."""

    def __init__(self) -> None:
        self.exchange = Exchange(each.instrument for each in instruments([SYMBOL]))
        self.now_ms = START_MS
        for account in ACCOUNTS:
            self.exchange.open_account(account, BALANCES, commission=COMMISSION)
        self._totals = self.exchange.totals()
        self.exchange.drain_events()

    async def perform(self, step: Step) -> Outcome:
        try:
            return getattr(self, f"_{step.do}")(step)
        except Refused as refused:
            return Outcome(refused=(refused.code, refused.message))

    async def order(self, owner: str, name: str) -> tuple[str, Decimal]:
        found = self.exchange.order(owner, SYMBOL, client_order_id=name)
        return found.status, found.executed_quantity

    async def balances(self, owner: str) -> dict[str, Pair]:
        held = self.exchange.balances(owner).values()
        return {one.asset: (one.free, one.locked) for one in held}

    async def events(self) -> list[Event]:
        found = [event for event in self.exchange.drain_events() if isinstance(event, Execution)]
        return [(one.order.client_order_id, f"{one.execution_type} {one.order.status}") for one in found]

    async def close_books(self) -> None:
        """Nothing was made and nothing was lost."""
        assert self.exchange.totals() == self._totals

    def _place(self, step: Step) -> Outcome:
        placed = self.exchange.place(step.by, new_order(step.params), self.now_ms)
        return Outcome(fills=tuple((trade.price, trade.quantity) for trade in placed.trades))

    def _cancel(self, step: Step) -> Outcome:
        self.exchange.cancel(step.by, SYMBOL, client_order_id=step.name, now_ms=self.now_ms)
        return Outcome()

    def _cancel_all(self, step: Step) -> Outcome:
        self.exchange.cancel_all(step.by, SYMBOL, self.now_ms)
        return Outcome()

    def _advance(self, step: Step) -> Outcome:
        self.now_ms += step.params["ms"]
        return Outcome()


def new_order(params: Params, prefix: str = "") -> NewOrder:
    """The order that these parameters ask for; `prefix` is that of a list's leg."""

    def get(name: str) -> Any:
        return params.get(name if not prefix else prefix + name[0].upper() + name[1:])

    def decimal(name: str) -> Decimal | None:
        return None if get(name) is None else Decimal(get(name))

    force = get("timeInForce")
    return NewOrder(
        symbol=SYMBOL,
        side=Side(get("side")),
        type=OrderType(get("type")),
        time_in_force=None if force is None else TimeInForce(force),
        quantity=decimal("quantity"),
        quote_quantity=decimal("quoteOrderQty"),
        price=decimal("price"),
        client_order_id=get("newClientOrderId") or "",
    )
