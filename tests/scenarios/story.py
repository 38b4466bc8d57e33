"""The words that stories are told in: who does what, and what then must be true.

A story is data. It names orders by their client ids, speaks the venue's own parameter names, and says
nothing about how a ground (the core in process, REST, the WebSocket API) is asked. Every account begins
with what `BALANCES` says; alice is the one who is told about, bob is everybody else.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any, NamedTuple

SYMBOL = "BTCUSDT"
ACCOUNTS = ("alice", "bob")
OTHER = "ETHUSDT"
BALANCES = {"USDT": Decimal(1_000_000), "BTC": Decimal(10), "ETH": Decimal(100)}
COMMISSION = Decimal("0.001")

Params = dict[str, Any]


class Step(NamedTuple):
    """One request of one account and what it must lead to; what is not said is not checked.

    Attributes:
        do: place, cancel, cancel_all, replace, amend, place_list, cancel_list, advance or fees.
        name: Client id of the order (or list) that it is about.
        fills: Price and quantity of each trade that the answer tells.
        refused: Code and whole text where the venue must refuse.
        result: For replace: HTTP status, cancelResult, newOrderResult.
        events: "execution type, status" of each execution report of the step, by client id, in order.
        orders: Status and executed quantity of orders after the step, by client id.
        holds: Free and locked amount of assets of `by` after the step.
    """

    do: str
    by: str
    name: str
    params: Params
    fills: tuple[tuple[str, str], ...] | None = None
    refused: tuple[int, str] | None = None
    result: tuple[int, str, str] | None = None
    events: dict[str, tuple[str, ...]] | None = None
    orders: dict[str, tuple[str, str]] | None = None
    holds: dict[str, tuple[str, str]] | None = None


class Story(NamedTuple):
    """A sentence and its steps."""

    tells: str
    steps: tuple[Step, ...]

    @property
    def owners(self) -> dict[str, str]:
        """Whose each order is, by client id."""
        found = {}
        for step in self.steps:
            for name in (step.name, *_named(step.params)):
                found.setdefault(name, step.by)
        return found


def _named(params: Params) -> tuple[str, ...]:
    return tuple(value for name, value in params.items() if name.endswith("ClientOrderId"))


def place(by: str, name: str, side: str, type: str, **rest: Any) -> Step:
    """One order; expectations (`fills`, `refused`, `events`, `orders`, `holds`) and parameters alike."""
    told = {key: rest.pop(key) for key in Step._fields[4:] if key in rest}
    params = {"side": side, "type": type, "newClientOrderId": name} | rest
    return Step("place", by, name, params, **told)


def limit(by: str, name: str, side: str, quantity: str, price: str, force: str = "GTC", **rest: Any) -> Step:
    return place(by, name, side, "LIMIT", quantity=quantity, price=price, timeInForce=force, **rest)


def market(by: str, name: str, side: str, quantity: str, **rest: Any) -> Step:
    return place(by, name, side, "MARKET", quantity=quantity, **rest)


def cancel(by: str, name: str, **told: Any) -> Step:
    return Step("cancel", by, name, {}, **told)


def cancel_all(by: str, **told: Any) -> Step:
    return Step("cancel_all", by, "", {}, **told)


def replace(by: str, old: str, new: Step, mode: str, **told: Any) -> Step:
    """`old` is cancelled and `new`, a step of `place`, put in its place."""
    params = new.params | {"cancelOrigClientOrderId": old, "cancelReplaceMode": mode}
    return Step("replace", by, new.name, params, **told)


def amend(by: str, name: str, quantity: str, **told: Any) -> Step:
    return Step("amend", by, name, {"newQty": quantity}, **told)


def place_list(by: str, name: str, kind: str, **rest: Any) -> Step:
    """An oco, oto or otoco by the parameters of its endpoint."""
    told = {key: rest.pop(key) for key in Step._fields[4:] if key in rest}
    return Step("place_list", by, name, {"kind": kind, "listClientOrderId": name} | rest, **told)


def cancel_list(by: str, name: str, **told: Any) -> Step:
    return Step("cancel_list", by, name, {}, **told)


def advance(milliseconds: int) -> Step:
    return Step("advance", "bob", "", {"ms": milliseconds})


def fees(by: str, **rates: str) -> Step:
    """What the account pays from now on; not a request, but a setting of the venue's."""
    return Step("fees", by, "", rates)


_prints = itertools.count(1)


def trade_at(price: str, symbol: str = SYMBOL, **told: Any) -> tuple[Step, Step]:
    """A public trade: bob buys from himself."""
    number = next(_prints)
    same = {"quantity": "0.01", "price": price, "force": "GTC", "symbol": symbol}
    return (
        limit("bob", f"print-{number}-s", "SELL", **same, selfTradePreventionMode="NONE"),
        limit("bob", f"print-{number}-b", "BUY", **same, selfTradePreventionMode="NONE", **told),
    )
