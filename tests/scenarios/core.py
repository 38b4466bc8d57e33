"""Where stories are played in process: the exchange itself, without a server.

Source of the parameters' meaning: Binance spot REST API, "New order (TRADE)".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grounds import Event, Outcome, Pair, fees_of
from story import ACCOUNTS, BALANCES, COMMISSION, OTHER, SYMBOL, Params, Step

from quantlab.paper.events import Execution, Refused
from quantlab.paper.exchange import Exchange
from quantlab.paper.market.symbols import instruments
from quantlab.paper.orders import Contingency, NewList, NewOrder

START_MS = 1_767_225_600_000
SHARED = ("side", "quantity")  # of all legs of a list
LEGS = {
    Contingency.OCO: ("above", "below"),
    Contingency.OTO: ("working", "pending"),
    Contingency.OTOCO: ("working", "pendingAbove", "pendingBelow"),
}


class Core:
    """An exchange with the two accounts, and a time that only `advance` moves."""

    def __init__(self) -> None:
        self.exchange = Exchange(each.instrument for each in instruments([SYMBOL, OTHER]))
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

    def _place_list(self, step: Step) -> Outcome:
        self.exchange.place_list(step.by, new_list(step.params), self.now_ms)
        return Outcome()

    def _cancel(self, step: Step) -> Outcome:
        self.exchange.cancel(step.by, SYMBOL, client_order_id=step.name, now_ms=self.now_ms)
        return Outcome()

    def _cancel_list(self, step: Step) -> Outcome:
        self.exchange.cancel_list(step.by, SYMBOL, list_client_order_id=step.name, now_ms=self.now_ms)
        return Outcome()

    def _cancel_all(self, step: Step) -> Outcome:
        self.exchange.cancel_all(step.by, SYMBOL, self.now_ms)
        return Outcome()

    def _amend(self, step: Step) -> Outcome:
        quantity, same = Decimal(step.params["newQty"]), step.name
        self.exchange.amend(
            step.by, SYMBOL, quantity, client_order_id=same, new_client_order_id=same, now_ms=self.now_ms
        )
        return Outcome()

    def _replace(self, step: Step) -> Outcome:
        """As HTTP status the one that the documents' table gives to these two results."""
        replaced = self.exchange.replace(
            step.by, SYMBOL, new_order(step.params),
            client_order_id=step.params["cancelOrigClientOrderId"],
            stop_on_failure=step.params["cancelReplaceMode"] == "STOP_ON_FAILURE", now_ms=self.now_ms,
        )  # fmt: skip
        halves = [_result(replaced.cancelled), _result(replaced.placed)]
        status = {0: 400, 1: 409, 2: 200}[halves.count("SUCCESS")]
        return Outcome(result=(status, *halves))

    def _fees(self, step: Step) -> Outcome:
        self.exchange.set_fees(step.by, SYMBOL, fees_of(step))
        return Outcome()

    def _advance(self, step: Step) -> Outcome:
        self.now_ms += step.params["ms"]
        return Outcome()


def _result(half: object) -> str:
    return "NOT_ATTEMPTED" if half is None else "FAILURE" if isinstance(half, Refused) else "SUCCESS"


def new_order(params: Params, prefix: str = "") -> NewOrder:
    """The order that these parameters ask for; `prefix` is that of a list's leg, else "new"."""

    def get(name: str) -> Any:
        own = prefix + name[0].upper() + name[1:] if prefix else name
        return params.get(own, params.get(name) if name in SHARED else None)

    def decimal(name: str) -> Decimal | None:
        return None if get(name) is None else Decimal(get(name))

    return NewOrder(
        symbol=params.get("symbol", SYMBOL),
        side=get("side"),
        type=get("type"),
        time_in_force=get("timeInForce"),
        quantity=decimal("quantity"),
        quote_quantity=decimal("quoteOrderQty"),
        price=decimal("price"),
        stop_price=decimal("stopPrice"),
        trailing_delta=get("trailingDelta"),
        prevention=params.get("selfTradePreventionMode"),
        client_order_id=params.get(f"{prefix or 'new'}ClientOrderId", ""),
    )


def new_list(params: Params) -> NewList:
    """The list that these parameters ask for."""
    kind = Contingency(params["kind"].upper())
    orders = tuple(new_order(_with_side(params, prefix), prefix) for prefix in LEGS[kind])
    name = params["listClientOrderId"]
    return NewList(symbol=SYMBOL, contingency=kind, orders=orders, list_client_order_id=name)


def _with_side(params: Params, prefix: str) -> Params:
    """A pending pair has side and quantity in common: pendingSide, pendingQuantity."""
    if not prefix.startswith("pending"):
        return params
    return params | {"side": params["pendingSide"], "quantity": params["pendingQuantity"]}
