"""What an order ticket's fields say: the kinds of orders, which fields each has, and the one order of them.

Pure. Amounts are the text that was typed; whether they are numbers is for `building`, and whether the
order may leave for the desk and the rails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from quantlab.control.commands import SubmitOrder
from quantlab.domain.orders import OrderRequest, Side
from quantlab.errors import InvalidField
from quantlab.notebook import building

LIMIT, MARKET, AMOUNT, POST_ONLY = "limit", "market", "market, by amount", "limit, post-only"
STOP, STOP_LIMIT, TRAILING = "stop loss", "stop loss, limit", "trailing stop"
TAKE, TAKE_LIMIT = "take profit", "take profit, limit"
NOTHING_TO_SEND = "Send"
WHOLE = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)

FIELDS: Mapping[str, tuple[str, ...]] = {
    LIMIT: ("quantity", "price", "time_in_force"),
    MARKET: ("quantity",),
    AMOUNT: ("amount",),
    POST_ONLY: ("quantity", "price"),
    STOP: ("quantity", "stop"),
    STOP_LIMIT: ("quantity", "stop", "price", "time_in_force"),
    TRAILING: ("quantity", "trailing"),
    TAKE: ("quantity", "stop"),
    TAKE_LIMIT: ("quantity", "stop", "price", "time_in_force"),
}
"""Of each kind the fields that count, besides side, symbol and reduce-only."""
KINDS = tuple(FIELDS)
EVERY = ("quantity", "amount", "stop", "trailing", "price", "time_in_force")


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """What the fields say at one moment, as they are. `amount` is in the quote asset, `trailing` in points.

    `stop` is the market's price that triggers the order; `reduce_only` asks the rails to deny it where it
    could trade more than the position.
    """

    side: str
    symbol: str | None
    kind: str
    quantity: str
    amount: str
    price: str
    time_in_force: str
    stop: str = ""
    trailing: str = ""
    reduce_only: bool = False

    def request(self) -> OrderRequest:
        """The order that they say; only the fields of its kind count.

        Raises:
            InvalidField: A field that says none, by its name.
        """
        if self.symbol is None:
            raise InvalidField("symbol", "there is none", "choose one; they are listed when the engine is up")
        said: dict[str, Any] = {name: self._said(name) for name in FIELDS[self.kind]}
        quantity = said.pop("quantity", None)
        if "amount" in said:
            said["quote_quantity"] = said.pop("amount")
        return building.request(
            Side(self.side), self.symbol, quantity,
            post_only=self.kind == POST_ONLY, take_profit=self.kind in (TAKE, TAKE_LIMIT), **said,
        )  # fmt: skip

    def command(self) -> SubmitOrder:
        """The same as a command for the desk."""
        return SubmitOrder(self.request(), reduce_only=self.reduce_only)

    def _said(self, name: str) -> object:
        """The field's text as it stands; whether it is a number is for `trading.requests`."""
        text: str = getattr(self, name)
        called = {"amount": "quote_quantity", "stop": "stop_price"}.get(name, name)
        if not text:
            raise InvalidField(called, "it is empty", "write plain digits, like 0.01")
        if name == "trailing":
            if WHOLE.fullmatch(text) is None:
                raise InvalidField(called, f"{text!r:.40} is no number of basis points", "write one like 100")
            return int(text)
        return text


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """The button as it was clicked: the fields, its own text, and when (seconds of the loop's clock)."""

    fields: Fields
    said: str
    at_s: float


def label(command: SubmitOrder | None) -> str:
    """What the button says: the whole order, or that there is none."""
    return NOTHING_TO_SEND if command is None else f"Send: {command.describe()}"
