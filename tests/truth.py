"""The venue's own log, read back: balances, orders and fills as they must be, computed from nothing else.

It shares no code with the venue or with quantlab's ledger. Balances are added up from the header and the
fills; what the venue said of balances on the way is only compared with them (`Truth.disagreements`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple

EXACT = Context(prec=60)
OPEN = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")


class Fill(NamedTuple):
    """One side of one trade, as its account sees it."""

    account: str
    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str


class Sent(NamedTuple):
    """One request, and what the venue made of it; `status` None where it never got so far."""

    endpoint: str
    account: str
    params: dict[str, str]
    status: int | None
    code: int | None


class Truth:
    """What a log says.

    Attributes:
        lines: Every line, in order.
        fills, requests, faults: As they happened; a fault as (name, where).
        orders: Each order as it last stood, by account and order id.
        disagreements: Where the venue's own balances were not those that the fills make.
    """

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self.lines = list(lines)
        self.header = self.lines[0]["data"]
        self.fills: list[Fill] = []
        self.orders: dict[tuple[str, int], dict[str, Any]] = {}
        self.faults: list[tuple[str, str]] = []
        self.disagreements: list[str] = []
        self._assets = {each["symbol"]: (each["base"], each["quote"]) for each in self.header["instruments"]}
        self._owned: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._requests: dict[int, Sent] = {}
        assert self.lines[0]["kind"] == "header"
        assert self.header["version"] == 1, "another version of the log: this reader must learn it first"
        for account, balances in self.header["accounts"].items():
            for asset, balance in balances.items():
                self._owned[account, asset] = Decimal(balance["free"]) + Decimal(balance["locked"])
        for number, line in enumerate(self.lines, start=1):
            assert line["seq"] == number, f"line {number} is numbered {line['seq']}"
            self._take(line["kind"], line["data"])

    @classmethod
    def read(cls, path: Path) -> Truth:
        """The log at `path`; every line must be whole."""
        return cls(json.loads(line) for line in path.read_text().splitlines())

    @property
    def requests(self) -> list[Sent]:
        return list(self._requests.values())

    def owned(self, account: str) -> dict[str, Decimal]:
        """Free and locked together, by asset; assets of which there is nothing are left out."""
        return {asset: amount for (name, asset), amount in self._owned.items() if name == account and amount}

    def of(self, account: str) -> Iterator[Fill]:
        """The account's fills, oldest first."""
        return (fill for fill in self.fills if fill.account == account)

    def traded(self, account: str, symbol: str) -> Decimal:
        """What the account has bought of the symbol, less what it has sold; commissions not counted."""
        signed = (fill.quantity if fill.side == "BUY" else -fill.quantity
                  for fill in self.of(account) if fill.symbol == symbol)  # fmt: skip
        return sum(signed, Decimal())

    def open_ids(self, account: str) -> set[str]:
        """Client ids of the account's open orders."""
        return {
            order["client_order_id"]
            for (name, _), order in self.orders.items()
            if name == account and order["status"] in OPEN
        }

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        match kind:
            case "Execution":
                self._execution(data)
            case "BalanceDelta":
                self._owned[data["account"], data["asset"]] += Decimal(data["delta"])
            case "BalanceChange":
                self._compare(data)
            case "request":
                self._requests[data["id"]] = Sent(
                    data["endpoint"], data["account"], data["params"], None, None
                )
            case "reply":
                sent = self._requests[data["id"]]
                self._requests[data["id"]] = sent._replace(status=data["status"], code=data["code"])
            case "fault":
                self.faults.append((data["name"], data["where"]))

    def _execution(self, data: dict[str, Any]) -> None:
        order, account = data["order"], data["account"]
        self.orders[account, order["order_id"]] = order
        if data["execution_type"] != "TRADE":
            return
        fill = Fill(
            account=account,
            symbol=order["symbol"],
            trade_id=data["trade_id"],
            order_id=order["order_id"],
            client_order_id=order["client_order_id"],
            side=order["side"],
            price=Decimal(data["last_price"]),
            quantity=Decimal(data["last_quantity"]),
            commission=Decimal(data["commission"]),
            commission_asset=data["commission_asset"],
        )
        self.fills.append(fill)
        base, quote = self._assets[fill.symbol]
        sign = 1 if fill.side == "BUY" else -1
        self._owned[account, base] += sign * fill.quantity
        self._owned[account, quote] -= sign * EXACT.multiply(fill.price, fill.quantity)
        self._owned[account, fill.commission_asset] -= fill.commission

    def _compare(self, data: dict[str, Any]) -> None:
        for balance in data["balances"]:
            said = Decimal(balance["free"]) + Decimal(balance["locked"])
            ours = self._owned[data["account"], balance["asset"]]
            if said != ours:
                self.disagreements.append(f"{data['account']} {balance['asset']}: said {said}, is {ours}")
